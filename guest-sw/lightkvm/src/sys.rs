//! Linux system calls, and what failed of them.
//!
//! The program has no C library: it is one static file that runs on any riscv64 Linux. Numbers and structures are those of the kernel's
//! generic interface (`asm-generic/unistd.h`).

use core::fmt;

const OPENAT: usize = 56;
const READ: usize = 63;
const WRITE: usize = 64;
const IOCTL: usize = 29;
const EXIT_GROUP: usize = 94;
const FUTEX: usize = 98;
const NANOSLEEP: usize = 101;
const MMAP: usize = 222;

/// Paths begin at the working folder.
const AT_FDCWD: usize = -100_isize as usize;
/// Open for reading and writing.
pub const O_RDWR: usize = 2;
/// Open for reading.
pub const O_RDONLY: usize = 0;

const PROT_READ_WRITE: usize = 3;
const MAP_SHARED: usize = 1;
const MAP_PRIVATE_ANONYMOUS_NORESERVE: usize = 0x02 | 0x20 | 0x4000;

/// A call was interrupted by a signal.
pub const EINTR: i32 = 4;
/// A call is to be tried again.
pub const EAGAIN: i32 = 11;

/// Why a system call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What the program wanted.
    pub what: &'static str,
    /// The kernel's error number, 1 to 4095; 0 if it was not the kernel who refused.
    pub errno: i32,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self.errno {
            0 => write!(out, "{}", self.what),
            2 => write!(out, "{}: no such file or device", self.what),
            12 => write!(out, "{}: out of memory", self.what),
            22 => write!(out, "{}: invalid argument", self.what),
            errno => write!(out, "{}: error {errno}", self.what),
        }
    }
}

/// A refusal of our own.
pub const fn refuse<T>(what: &'static str) -> Result<T, Error> {
    Err(Error { what, errno: 0 })
}

/// # Safety
/// The call must do nothing to this program's memory that the caller hasn't provided for.
#[cfg(target_arch = "riscv64")]
unsafe fn call(number: usize, arguments: [usize; 6]) -> isize {
    let [a0, a1, a2, a3, a4, a5] = arguments;
    let result: isize;
    // SAFETY: the caller vouches for what the kernel does; it preserves all registers but a0.
    unsafe {
        core::arch::asm!("ecall", in("a7") number, inlateout("a0") a0 as isize => result,
            in("a1") a1, in("a2") a2, in("a3") a3, in("a4") a4, in("a5") a5);
    }
    result
}

/// Elsewhere nothing is called: the library's tests run on other machines.
///
/// # Safety
/// None needed.
#[cfg(not(target_arch = "riscv64"))]
unsafe fn call(_number: usize, _arguments: [usize; 6]) -> isize {
    -38 // ENOSYS
}

fn check(result: isize, what: &'static str) -> Result<usize, Error> {
    if result < 0 { Err(Error { what, errno: -result as i32 }) } else { Ok(result as usize) }
}

/// An open file.
#[derive(Clone, Copy, Debug)]
pub struct File(i32);

impl File {
    /// Standard input.
    pub const STDIN: File = File(0);
    /// Standard output.
    pub const STDOUT: File = File(1);
    /// Standard error.
    pub const STDERR: File = File(2);

    /// The file of a descriptor that a call has returned.
    pub const fn from_raw(descriptor: i32) -> File {
        File(descriptor)
    }

    /// Opens the file at `path`, which ends with a NUL.
    pub fn open(path: &core::ffi::CStr, flags: usize, what: &'static str) -> Result<File, Error> {
        // SAFETY: the kernel reads the path up to its NUL.
        let result = unsafe { call(OPENAT, [AT_FDCWD, path.as_ptr() as usize, flags, 0, 0, 0]) };
        check(result, what).map(|descriptor| File(descriptor as i32))
    }

    /// Reads up to the end of `buffer`; 0 at the file's end.
    pub fn read(self, buffer: &mut [u8]) -> Result<usize, Error> {
        // SAFETY: the kernel writes into the buffer only.
        let result = unsafe { call(READ, [self.0 as usize, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0]) };
        check(result, "reading a file")
    }

    /// Writes all of `bytes`; what the file doesn't take is lost.
    pub fn write_all(self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // SAFETY: the kernel only reads the bytes.
            let result = unsafe { call(WRITE, [self.0 as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0]) };
            match check(result, "writing") {
                Ok(written) if written > 0 => bytes = bytes.get(written..).unwrap_or_default(),
                Err(Error { errno: EINTR | EAGAIN, .. }) => {}
                _ => return,
            }
        }
    }

    /// Writes formatted text.
    pub fn print(mut self, text: fmt::Arguments) {
        let written = fmt::write(&mut self, text);
        debug_assert!(written.is_ok(), "what can't be written is lost without an error");
    }

    /// Controls a device with a number as argument.
    pub fn control(self, request: usize, argument: usize, what: &'static str) -> Result<usize, Error> {
        // SAFETY: requests with numbers write nothing to memory.
        check(unsafe { call(IOCTL, [self.0 as usize, request, argument, 0, 0, 0]) }, what)
    }

    /// Controls a device with a structure as argument.
    ///
    /// # Safety
    /// `T` must be what the request takes, and addresses in it must be good for what the request does with them.
    pub unsafe fn control_with<T>(self, request: usize, argument: &mut T, what: &'static str) -> Result<usize, Error> {
        // SAFETY: the caller's; the structure itself is ours to change.
        check(unsafe { call(IOCTL, [self.0 as usize, request, argument as *mut T as usize, 0, 0, 0]) }, what)
    }

    /// Maps `size` bytes of a device.
    pub fn map_shared(self, size: usize, what: &'static str) -> Result<*mut u8, Error> {
        // SAFETY: the kernel chooses an address where nothing is.
        let result = unsafe { call(MMAP, [0, size, PROT_READ_WRITE, MAP_SHARED, self.0 as usize, 0]) };
        check(result, what).map(|address| address as *mut u8)
    }
}

/// Fresh memory of `size` bytes, all zero; pages are had when they are touched.
pub fn map_memory(size: usize, what: &'static str) -> Result<*mut u8, Error> {
    // SAFETY: the kernel chooses an address where nothing is.
    let result = unsafe { call(MMAP, [0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, usize::MAX, 0]) };
    check(result, what).map(|address| address as *mut u8)
}

/// Ends the program with all its threads.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: nothing is left to be harmed.
        unsafe { call(EXIT_GROUP, [code as usize, 0, 0, 0, 0, 0]) };
    }
}

/// Sleeps for about `ms` milliseconds.
pub fn sleep_ms(ms: u64) {
    let time = [ms / 1000, ms % 1000 * 1_000_000];
    // SAFETY: the kernel only reads the time.
    unsafe { call(NANOSLEEP, [time.as_ptr() as usize, 0, 0, 0, 0, 0]) };
}

const FUTEX_WAIT_PRIVATE: usize = 128;
const FUTEX_WAKE_PRIVATE: usize = 129;

/// Sleeps while `word` holds `value`.
pub fn futex_wait(word: &core::sync::atomic::AtomicU32, value: u32) {
    // SAFETY: the kernel only reads the word.
    unsafe { call(FUTEX, [word.as_ptr() as usize, FUTEX_WAIT_PRIVATE, value as usize, 0, 0, 0]) };
}

/// Wakes one that sleeps at `word`.
pub fn futex_wake(word: &core::sync::atomic::AtomicU32) {
    // SAFETY: the kernel only looks the address up.
    unsafe { call(FUTEX, [word.as_ptr() as usize, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0]) };
}

impl fmt::Write for File {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_all(text.as_bytes());
        Ok(())
    }
}
