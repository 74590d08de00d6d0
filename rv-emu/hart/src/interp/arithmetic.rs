//! What the interpreter's two engines share: values are `u64`, and arithmetic is the host's.

/// The register, arithmetic and control methods of [`crate::engine::Engine`] for an engine with fields `hart` and `op`.
macro_rules! u64_engine {
    () => {
        type V = u64;

        #[inline(always)]
        fn imm(&mut self, value: i64) -> u64 {
            value as u64
        }
        #[inline(always)]
        fn pc(&mut self) -> u64 {
            self.op.pc(self.hart().page)
        }
        #[inline(always)]
        fn next_pc(&mut self) -> u64 {
            self.op.next_pc(self.hart().page)
        }
        #[inline(always)]
        fn add(&mut self, a: u64, b: u64) -> u64 {
            a.wrapping_add(b)
        }
        #[inline(always)]
        fn sub(&mut self, a: u64, b: u64) -> u64 {
            a.wrapping_sub(b)
        }
        #[inline(always)]
        fn and(&mut self, a: u64, b: u64) -> u64 {
            a & b
        }
        #[inline(always)]
        fn or(&mut self, a: u64, b: u64) -> u64 {
            a | b
        }
        #[inline(always)]
        fn xor(&mut self, a: u64, b: u64) -> u64 {
            a ^ b
        }
        #[inline(always)]
        fn sll(&mut self, a: u64, b: u64) -> u64 {
            a << (b & 63)
        }
        #[inline(always)]
        fn srl(&mut self, a: u64, b: u64) -> u64 {
            a >> (b & 63)
        }
        #[inline(always)]
        fn sra(&mut self, a: u64, b: u64) -> u64 {
            (a as i64 >> (b & 63)) as u64
        }
        #[inline(always)]
        fn mul(&mut self, a: u64, b: u64) -> u64 {
            a.wrapping_mul(b)
        }
        #[inline(always)]
        fn mulhu(&mut self, a: u64, b: u64) -> u64 {
            ((u128::from(a) * u128::from(b)) >> 64) as u64
        }
        #[inline(always)]
        fn mulhs(&mut self, a: u64, b: u64) -> u64 {
            ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64
        }
        #[inline(always)]
        fn divu(&mut self, a: u64, b: u64) -> u64 {
            a.checked_div(b).unwrap_or(0)
        }
        #[inline(always)]
        fn divs(&mut self, a: u64, b: u64) -> u64 {
            (a as i64).checked_div(b as i64).unwrap_or(0) as u64
        }
        #[inline(always)]
        fn eq(&mut self, a: u64, b: u64) -> u64 {
            u64::from(a == b)
        }
        #[inline(always)]
        fn lts(&mut self, a: u64, b: u64) -> u64 {
            u64::from((a as i64) < b as i64)
        }
        #[inline(always)]
        fn ltu(&mut self, a: u64, b: u64) -> u64 {
            u64::from(a < b)
        }
        #[inline(always)]
        fn select(&mut self, cond: u64, a: u64, b: u64) -> u64 {
            if cond != 0 { a } else { b }
        }
        #[inline(always)]
        fn sext32(&mut self, a: u64) -> u64 {
            a as i32 as u64
        }
        #[inline(always)]
        fn zext32(&mut self, a: u64) -> u64 {
            u64::from(a as u32)
        }
        #[inline(always)]
        fn pure(&mut self, f: crate::engine::PureFn, a: u64, b: u64) -> u64 {
            f(a, b)
        }
        #[inline(always)]
        fn jump(&mut self, target: u64) -> Flow {
            self.hart_mut().state.pc = target;
            Flow::Jump
        }
    };
}
pub(super) use u64_engine;

/// Sign-extends the low `size` bytes of `value`.
#[inline(always)]
pub(crate) fn sign_extend(value: u64, size: u8) -> u64 {
    let unused = 64 - 8 * u32::from(size);
    ((value << unused) as i64 >> unused) as u64
}
