//! Error codes of the system calls: Linux's names and numbers, because every
//! reader of KVM code knows them.

use core::fmt;

macro_rules! errors {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// Why a system call was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(i32)]
        pub enum Error {
            $(#[doc = $text] $name = $code,)*
        }

        impl Error {
            /// The error with this (positive) code, if there is one.
            pub const fn from_code(code: isize) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for Error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

errors! {
    PermissionDenied = 1, "not permitted";
    NotFound = 2, "no such file or object";
    Interrupted = 4, "interrupted";
    InputOutput = 5, "input or output failed";
    BadHandle = 9, "bad handle";
    TryAgain = 11, "nothing there now, try again";
    OutOfMemory = 12, "out of memory";
    BadAddress = 14, "bad address";
    Busy = 16, "in use";
    AlreadyExists = 17, "already exists";
    InvalidArgument = 22, "invalid argument";
    BrokenPipe = 32, "the other end is closed";
    NotSupported = 38, "not supported by this machine or kernel";
}

impl core::error::Error for Error {}

/// Encodes the outcome of a system call for `a0`.
pub const fn encode(result: Result<usize, Error>) -> usize {
    match result {
        Ok(value) => value,
        Err(error) => (error as i32 as isize).wrapping_neg() as usize,
    }
}

/// Decodes `a0` after a system call.
#[inline(always)]
pub const fn decode(a0: usize) -> Result<usize, Error> {
    let signed = a0 as isize;
    if signed < 0 && signed > -256 { Err(refusal(-signed)) } else { Ok(a0) }
}

/// Why a call was refused. Apart, so that a caller has only the comparison in line.
#[cold]
#[inline(never)]
const fn refusal(code: isize) -> Error {
    match Error::from_code(code) {
        Some(error) => error,
        None => Error::InvalidArgument,
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, decode, encode};

    #[test]
    fn errors_survive_the_trip_through_a0() {
        for code in 0..256 {
            if let Some(error) = Error::from_code(code) {
                assert_eq!(decode(encode(Err(error))), Err(error));
            }
        }
        assert_eq!(decode(encode(Ok(0x8000_0000))), Ok(0x8000_0000));
    }
}
