//! Software TLB: one array for each way of looking at memory, so that a change of mode flushes nothing.

use std::ptr::NonNull;

use crate::ram::PAGE_SIZE;

/// Entries of one TLB.
const ENTRIES: usize = 512;
/// No page has this tag: its low bits survive the mask of every access.
const INVALID: u64 = u64::MAX;

/// A way of looking at memory: effective privilege, stages and SUM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Space {
    /// M-mode, untranslated.
    Machine = 0,
    /// U-mode under satp.
    User = 1,
    /// S-mode under satp, SUM=0.
    Supervisor = 2,
    /// S-mode under satp, SUM=1.
    SupervisorSum = 3,
    /// U-mode under vsatp and hgatp.
    GuestUser = 4,
    /// S-mode under vsatp and hgatp, vsstatus.SUM=0.
    GuestSupervisor = 5,
    /// S-mode under vsatp and hgatp, vsstatus.SUM=1.
    GuestSupervisorSum = 6,
}

/// How many spaces there are.
pub const SPACES: usize = 7;

impl Space {
    /// The space of nominal privilege `privilege` (0, 1, 3).
    pub fn new(privilege: u8, virt: bool, sum: bool) -> Space {
        match (privilege, virt, sum) {
            (3, ..) => Space::Machine,
            (0, false, _) => Space::User,
            (0, true, _) => Space::GuestUser,
            (_, false, false) => Space::Supervisor,
            (_, false, true) => Space::SupervisorSum,
            (_, true, false) => Space::GuestSupervisor,
            (_, true, true) => Space::GuestSupervisorSum,
        }
    }

    /// The spaces under satp.
    pub const HOST: [Space; 3] = [Space::User, Space::Supervisor, Space::SupervisorSum];
    /// The spaces under vsatp and hgatp.
    pub const GUEST: [Space; 3] = [Space::GuestUser, Space::GuestSupervisor, Space::GuestSupervisorSum];
}

/// What one page may be used for at full speed. A tag is the page's virtual address, or [`INVALID`].
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) read: u64,
    pub(crate) write: u64,
    pub(crate) exec: u64,
    /// Host address minus virtual address.
    pub(crate) addend: u64,
}

const EMPTY: Entry = Entry { read: INVALID, write: INVALID, exec: INVALID, addend: 0 };
/// The inline look-up scales the index by a shift.
const _: () = assert!(size_of::<Entry>() == 32);

/// The TLB of one space.
pub(crate) struct Tlb {
    /// Owned; no `Box`, because [`Tlb::as_ptr`] stays in use while entries change and while the TLB moves, which a `Box` would forbid.
    entries: NonNull<[Entry; ENTRIES]>,
    /// Physical page of each entry, apart from what the look-up needs.
    phys: Box<[u64; ENTRIES]>,
    used: bool,
}

/// Permissions of a page in one space, already reduced to what needs no further check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Perms {
    /// Loads are allowed.
    pub read: bool,
    /// Stores are allowed and leave no accessed or dirty bit to set.
    pub write: bool,
    /// Fetches are allowed.
    pub exec: bool,
}

impl Tlb {
    pub(crate) fn new() -> Tlb {
        let entries = NonNull::from(Box::leak(Box::new([EMPTY; ENTRIES])));
        Tlb { entries, phys: Box::new([0; ENTRIES]), used: false }
    }

    fn entries(&self) -> &[Entry; ENTRIES] {
        // SAFETY: they live as long as this value, and change only through a unique reference to it.
        unsafe { self.entries.as_ref() }
    }

    fn entries_mut(&mut self) -> &mut [Entry; ENTRIES] {
        // SAFETY: as above; the inline look-up doesn't run meanwhile, since the hart that runs it owns this value.
        unsafe { self.entries.as_mut() }
    }

    /// The physical address of `va` if its page may be executed.
    #[inline(always)]
    pub(crate) fn executable(&self, va: u64) -> Option<u64> {
        let index = index(va);
        let hit = self.entries()[index].exec == va & !(PAGE_SIZE - 1);
        hit.then(|| self.phys[index] | va & (PAGE_SIZE - 1))
    }

    /// The entries, for the inline look-up.
    pub(crate) fn as_ptr(&self) -> *const Entry {
        self.entries.as_ptr().cast()
    }

    pub(crate) fn flush(&mut self) {
        if std::mem::take(&mut self.used) {
            self.entries_mut().fill(EMPTY);
        }
    }

    pub(crate) fn fill(&mut self, va: u64, phys: u64, host: *mut u8, perms: Perms) {
        let page = va & !(PAGE_SIZE - 1);
        let tag = |allowed: bool| if allowed { page } else { INVALID };
        self.used = true;
        self.entries_mut()[index(va)] = Entry {
            read: tag(perms.read),
            write: tag(perms.write),
            exec: tag(perms.exec),
            addend: (host as u64).wrapping_sub(page),
        };
        self.phys[index(va)] = phys & !(PAGE_SIZE - 1);
    }

    /// Ends fast stores to the physical page `phys`, which has become odd.
    pub(crate) fn end_writes(&mut self, phys: u64) {
        if !self.used {
            return;
        }
        for index in 0..ENTRIES {
            if self.phys[index] == phys {
                self.entries_mut()[index].write = INVALID;
            }
        }
    }
}

impl Drop for Tlb {
    fn drop(&mut self) {
        // SAFETY: `new` made it from a box, and nothing uses it any more.
        drop(unsafe { Box::from_raw(self.entries.as_ptr()) });
    }
}

/// The place of `va`'s page.
#[inline(always)]
fn index(va: u64) -> usize {
    (va / PAGE_SIZE) as usize % ENTRIES
}

/// Looks `va` up for an access of `SIZE` bytes; the host address if it hits. Misaligned addresses never hit.
///
/// # Safety
/// `entries` must come from [`Tlb::as_ptr`] of a live TLB.
#[inline(always)]
pub(crate) unsafe fn probe<const SIZE: u64>(entries: *const Entry, va: u64, write: bool) -> Option<*mut u8> {
    // SAFETY: the index is reduced to the array's length.
    let entry = unsafe { &*entries.add(index(va)) };
    let tag = if write { entry.write } else { entry.read };
    let key = va & !(PAGE_SIZE - SIZE);
    (key == tag).then(|| entry.addend.wrapping_add(va) as *mut u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RW: Perms = Perms { read: true, write: true, exec: false };

    #[test]
    fn hits_need_alignment_permission_and_the_same_page() {
        let mut tlb = Tlb::new();
        let mut host = vec![0u8; 4096];
        tlb.fill(0x5000, 0x8000_0000, host.as_mut_ptr(), Perms { write: false, ..RW });
        // SAFETY: the TLB lives until the end of the test.
        let read = |va| unsafe { probe::<8>(tlb.as_ptr(), va, false) };
        assert_eq!(read(0x5008), Some(host.as_mut_ptr().wrapping_add(8)));
        assert_eq!(read(0x5004), None);
        assert_eq!(read(0x5008 + (ENTRIES as u64) * 4096), None);
        // SAFETY: as above.
        assert_eq!(unsafe { probe::<8>(tlb.as_ptr(), 0x5008, true) }, None);
    }

    #[test]
    fn the_last_address_never_matches_an_empty_entry() {
        let tlb = Tlb::new();
        // SAFETY: the TLB lives until the end of the test.
        assert_eq!(unsafe { probe::<1>(tlb.as_ptr(), u64::MAX, false) }, None);
    }

    #[test]
    fn odd_pages_lose_their_stores() {
        let mut tlb = Tlb::new();
        tlb.fill(0x5000, 0x8000_0000, std::ptr::null_mut(), RW);
        tlb.end_writes(0x8000_0000);
        let entry = tlb.entries()[index(0x5000)];
        assert_eq!((entry.write, entry.read), (INVALID, 0x5000));
        tlb.flush();
        assert_eq!(tlb.entries()[index(0x5000)].read, INVALID);
    }
}
