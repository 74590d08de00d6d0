//! The guest's memory, and what is put into it before it starts.

use core::ffi::CStr;

use crate::map;
use crate::sys::{self, Error, File, refuse};

/// Memory of the guest, mapped as long as the program runs.
///
/// Before the guest runs it is this program's alone; from then on only [`Memory::byte`] looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    host: *mut u8,
    size: usize,
}

// SAFETY: it is never unmapped, and what guest and program read and write at once are single bytes.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// `size` bytes, all zero.
    pub fn new(size: usize) -> Result<Memory, Error> {
        Ok(Memory { host: sys::map_memory(size, "mapping the guest's memory")?, size })
    }

    /// Its bytes in this program.
    pub fn host(self) -> *mut u8 {
        self.host
    }

    /// Bytes.
    pub fn size(self) -> u64 {
        self.size as u64
    }

    /// The guest-physical address behind its last byte.
    pub fn end(self) -> u64 {
        map::RAM + self.size as u64
    }

    /// The bytes from the guest's address `from` on.
    ///
    /// # Safety
    /// The guest must not run yet, and no two results be in use at once.
    pub unsafe fn from(self, from: u64) -> &'static mut [u8] {
        let start = (from.saturating_sub(map::RAM) as usize).min(self.size);
        // SAFETY: inside of the mapping, which stays; the caller sees to it that nobody else uses it.
        unsafe { core::slice::from_raw_parts_mut(self.host.add(start), self.size - start) }
    }

    /// The byte at a guest's address, while the guest may run.
    pub fn byte(self, address: u64) -> Option<u8> {
        let offset = address.checked_sub(map::RAM).filter(|offset| *offset < self.size as u64)?;
        // SAFETY: inside of the mapping; a byte is read whole.
        Some(unsafe { self.host.add(offset as usize).read_volatile() })
    }

    /// Puts a file to the guest's address `at`; the address behind its end.
    ///
    /// # Errors
    /// It can't be read, or doesn't fit below `limit`.
    pub fn load(self, path: &CStr, at: u64, limit: u64, what: &'static str) -> Result<u64, Error> {
        let file = File::open(path, sys::O_RDONLY, what)?;
        // SAFETY: files are loaded one after another, before the guest runs.
        let room = unsafe { self.from(at) };
        let room_size = (limit.saturating_sub(at) as usize).min(room.len());
        let room = &mut room[..room_size];
        let mut used = 0;
        while used < room.len() {
            match file.read(&mut room[used..])? {
                0 => return Ok(at + used as u64),
                count => used += count,
            }
        }
        refuse("kernel and initial archive don't fit into the guest's memory")
    }
}
