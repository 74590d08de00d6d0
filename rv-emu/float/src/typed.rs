//! Gives each format a module of functions on patterns of its own width.

/// The functions of one format: `$Format` on patterns of type `$Bits`.
macro_rules! operations {
    ($Format:ty, $Bits:ty) => {
        operations! { @rounded $Format, $Bits;
            /// FADD: `a + b`.
            add(a, b);
            /// FSUB: `a − b`.
            sub(a, b);
            /// FMUL: `a × b`.
            mul(a, b);
            /// FDIV: `a ÷ b`.
            div(a, b);
            /// FSQRT: `√a`.
            sqrt(a);
            /// FMADD: `a × b + c`, rounded once.
            madd(a, b, c);
            /// FMSUB: `a × b − c`, rounded once.
            msub(a, b, c);
            /// FNMSUB: `−(a × b) + c`, rounded once.
            nmsub(a, b, c);
            /// FNMADD: `−(a × b) − c`, rounded once.
            nmadd(a, b, c);
            /// FROUND: to an integer in the same format, without raising NX.
            round_to_integral(a);
            /// FROUNDNX: to an integer in the same format, raising NX if that is another number.
            round_to_integral_exact(a);
        }
        operations! { @picked $Format, $Bits;
            /// FMIN: a number wins against a NaN, −0 is below +0, a signalling NaN raises NV.
            min;
            /// FMAX: a number wins against a NaN, +0 is above −0, a signalling NaN raises NV.
            max;
            /// FMINM: a NaN wins against a number, −0 is below +0, a signalling NaN raises NV.
            minimum;
            /// FMAXM: a NaN wins against a number, +0 is above −0, a signalling NaN raises NV.
            maximum;
        }
        operations! { @compared $Format, $Bits;
            /// FEQ: quiet, that is NV only for a signalling NaN.
            eq;
            /// FLT: signalling, that is NV for any NaN.
            lt;
            /// FLE: signalling, that is NV for any NaN.
            le;
            /// FLTQ: as FLT, but quiet.
            lt_quiet;
            /// FLEQ: as FLE, but quiet.
            le_quiet;
        }
        operations! { @injected $Format, $Bits;
            /// FSGNJ: `a` with the sign of `b`.
            sign_inject;
            /// FSGNJN: `a` with the opposite of the sign of `b`.
            sign_inject_not;
            /// FSGNJX: `a` with its sign turned if `b` is negative.
            sign_inject_xor;
        }
        operations! { @integers $Format, $Bits;
            /// FCVT.W: saturating; the instruction sign-extends the result.
            to_i32 i32 I32,
            /// FCVT from a source of type W (`i32`).
            from_i32;
            /// FCVT.WU: saturating; the instruction *sign*-extends the result.
            to_u32 u32 U32,
            /// FCVT from a source of type WU (`u32`).
            from_u32;
            /// FCVT.L: saturating.
            to_i64 i64 I64,
            /// FCVT from a source of type L (`i64`).
            from_i64;
            /// FCVT.LU: saturating.
            to_u64 u64 U64,
            /// FCVT from a source of type LU (`u64`).
            from_u64;
        }

        /// FCLASS: one bit of ten, from −∞ (bit 0) to +∞ (bit 7), signalling and quiet NaN.
        #[inline]
        pub fn classify(a: $Bits) -> u32 {
            crate::generic::classify::<$Format>(a.into())
        }

        /// FLI: the constant with the number `index` (0..=31).
        #[inline]
        pub fn load_immediate(index: u8) -> $Bits {
            crate::generic::load_immediate::<$Format>(index) as $Bits
        }
    };
    (@rounded $Format:ty, $Bits:ty;
     $($(#[$doc:meta])* $name:ident($($operand:ident),+);)+) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name($($operand: $Bits,)+ rm: Rounding, flags: &mut Flags) -> $Bits {
            crate::generic::$name::<$Format>($($operand.into(),)+ rm, flags) as $Bits
        }
    )+};
    (@picked $Format:ty, $Bits:ty;
     $($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(a: $Bits, b: $Bits, flags: &mut Flags) -> $Bits {
            crate::generic::$name::<$Format>(a.into(), b.into(), flags) as $Bits
        }
    )+};
    (@compared $Format:ty, $Bits:ty;
     $($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(a: $Bits, b: $Bits, flags: &mut Flags) -> bool {
            crate::generic::$name::<$Format>(a.into(), b.into(), flags)
        }
    )+};
    (@injected $Format:ty, $Bits:ty;
     $($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(a: $Bits, b: $Bits) -> $Bits {
            crate::generic::$name::<$Format>(a.into(), b.into()) as $Bits
        }
    )+};
    (@integers $Format:ty, $Bits:ty;
     $($(#[$to_doc:meta])* $to:ident $Integer:ident $limits:ident,
       $(#[$from_doc:meta])* $from:ident;)+) => {$(
        $(#[$to_doc])*
        #[inline]
        pub fn $to(a: $Bits, rm: Rounding, flags: &mut Flags) -> $Integer {
            crate::generic::to_integer::<$Format>(a.into(), Limits::$limits, rm, flags) as $Integer
        }

        $(#[$from_doc])*
        #[inline]
        pub fn $from(value: $Integer, rm: Rounding, flags: &mut Flags) -> $Bits {
            crate::generic::from_integer::<$Format>(value.into(), rm, flags) as $Bits
        }
    )+};
}

/// The modules `f16`, `f32` and `f64` for three formats.
macro_rules! typed_modules {
    ($Half:ty, $Single:ty, $Double:ty) => {
        /// Half precision on patterns in `u16`.
        pub mod f16 {
            use crate::generic::Limits;
            use crate::{Flags, Rounding};

            operations!($Half, u16);

            /// FCVT.S.H: exact, so without rounding mode; a signalling NaN raises NV.
            #[inline]
            pub fn widen(a: u16, flags: &mut Flags) -> u32 {
                crate::generic::widen::<$Half, $Single>(a.into(), flags) as u32
            }

            /// FCVT.D.H: exact, so without rounding mode; a signalling NaN raises NV.
            #[inline]
            pub fn widen_to_f64(a: u16, flags: &mut Flags) -> u64 {
                crate::generic::widen::<$Half, $Double>(a.into(), flags)
            }
        }

        /// Single precision on patterns in `u32`.
        pub mod f32 {
            use crate::generic::Limits;
            use crate::{Flags, Rounding};

            operations!($Single, u32);

            /// FCVT.H.S.
            #[inline]
            pub fn narrow(a: u32, rm: Rounding, flags: &mut Flags) -> u16 {
                crate::generic::narrow::<$Single, $Half>(a.into(), rm, flags) as u16
            }

            /// FCVT.D.S: exact, so without rounding mode; a signalling NaN raises NV.
            #[inline]
            pub fn widen(a: u32, flags: &mut Flags) -> u64 {
                crate::generic::widen::<$Single, $Double>(a.into(), flags)
            }
        }

        /// Double precision on patterns in `u64`.
        pub mod f64 {
            use crate::generic::Limits;
            use crate::{Flags, Rounding};

            operations!($Double, u64);

            /// FCVT.S.D.
            #[inline]
            pub fn narrow(a: u64, rm: Rounding, flags: &mut Flags) -> u32 {
                crate::generic::narrow::<$Double, $Single>(a, rm, flags) as u32
            }

            /// FCVT.H.D: rounded once.
            #[inline]
            pub fn narrow_to_f16(a: u64, rm: Rounding, flags: &mut Flags) -> u16 {
                crate::generic::narrow::<$Double, $Half>(a, rm, flags) as u16
            }

            /// FCVTMOD.W.D: truncates and keeps the lowest 32 bits; NV where FCVT.W.D saturates.
            #[inline]
            pub fn to_i32_modular(a: u64, flags: &mut Flags) -> i32 {
                crate::generic::to_i32_modular::<$Double>(a, flags)
            }
        }
    };
}
