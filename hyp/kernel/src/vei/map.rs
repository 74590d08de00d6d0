//! The map of each VM from VEIRQ to where it goes, and the directory of maps
//! (ha-iov 8.5). Tables are written here and nowhere else.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ha_iov_ext::fields::hveidir;
use ha_iov_ext::vei::{DirectoryEntry, MapEntry};
use hyp_abi::Error;
use hyp_abi::vei::VEIRQS;

use crate::mm::frame::OwnedFrames;
use crate::sync::{Once, SpinLock};
use crate::vei::route::Route;

/// log2 of the VMIDs in the directory, which is one page.
const DIRECTORY_LOG2: u32 = 9;
/// log2 of the entries of a map, which is one page.
const MAP_LOG2: u32 = VEIRQS.ilog2();

static DIRECTORY: Once<OwnedFrames> = Once::new();

/// Makes the directory.
pub fn init() {
    DIRECTORY.set(OwnedFrames::zeroed(0).expect("no memory for the directory of VEI maps"));
}

/// Value of `hveidir` on every hart.
pub fn directory_register() -> u64 {
    hveidir::of(DIRECTORY.get().phys().0 as u64, DIRECTORY_LOG2)
}

/// A word of a table that the hardware reads.
fn word(table: &OwnedFrames, index: usize) -> &AtomicU64 {
    assert!((index + 1) * size_of::<u64>() <= table.len());
    let pointer: *const AtomicU64 = core::ptr::with_exposed_provenance(table.phys().direct());
    // SAFETY: inside of the table's own frames, which live as long as it; all
    // accesses are atomic.
    unsafe { &*pointer.add(index) }
}

/// What a VM has.
pub struct VmVei {
    vmid: u64,
    /// There is a map: vCPUs may send.
    may_send: AtomicBool,
    domain: AtomicU64,
    map: SpinLock<Map>,
}

#[derive(Default)]
struct Map {
    table: Option<OwnedFrames>,
    /// By VEIRQ.
    routes: Vec<Option<Arc<Route>>>,
}

impl VmVei {
    /// Nothing.
    pub fn new(vmid: u64) -> Self {
        Self { vmid, may_send: AtomicBool::new(false), domain: AtomicU64::new(0), map: SpinLock::new(Map::default()) }
    }

    /// Whether its guest may send.
    #[inline]
    pub fn may_send(&self) -> bool {
        self.may_send.load(Ordering::Relaxed)
    }

    /// Its trust domain; 0 is none.
    #[inline]
    pub fn domain(&self) -> &AtomicU64 {
        &self.domain
    }

    /// The route of a number. It is here as long as it exists, whether or not
    /// the table shows it.
    pub fn route(&self, veirq: u32) -> Option<Arc<Route>> {
        self.map.lock().routes.get(veirq as usize).cloned().flatten()
    }

    /// Makes the map, if there is none, and adds a route that the table does
    /// not show yet.
    pub fn add(&self, veirq: u32, route: &Arc<Route>) -> Result<(), Error> {
        let mut map = self.map.lock();
        if map.table.is_none() {
            if self.vmid == 0 || self.vmid >> DIRECTORY_LOG2 != 0 {
                // VMs that share VMID 0 cannot be told apart.
                return Err(Error::NotSupported);
            }
            let table = OwnedFrames::zeroed(0).ok_or(Error::OutOfMemory)?;
            map.routes.resize(VEIRQS as usize, None);
            let entry = DirectoryEntry { map: table.phys().0 as u64, log2_entries: MAP_LOG2 };
            word(DIRECTORY.get(), self.vmid as usize).store(entry.encode(), Ordering::Release);
            map.table = Some(table);
            self.may_send.store(true, Ordering::Relaxed);
        }
        let place = map.routes.get_mut(veirq as usize).filter(|_| veirq != 0).ok_or(Error::InvalidArgument)?;
        if place.is_some() {
            return Err(Error::AlreadyExists);
        }
        *place = Some(Arc::clone(route));
        Ok(())
    }

    /// Takes a route out of the books; the table must not show it any more.
    pub fn remove(&self, veirq: u32) -> Option<Arc<Route>> {
        self.map.lock().routes.get_mut(veirq as usize).and_then(Option::take)
    }

    /// Writes the entry of a number, word 1 first. After `None` the caller
    /// fences all harts before it relies on it (ha-iov 8.5, S7).
    pub fn write(&self, veirq: u32, entry: Option<MapEntry>) {
        let map = self.map.lock();
        let Some(table) = &map.table else { return };
        let [first, second] = entry.map_or(MapEntry::ABSENT, MapEntry::encode);
        let index = 2 * veirq as usize;
        if entry.is_some() {
            word(table, index + 1).store(second, Ordering::Relaxed);
        }
        word(table, index).store(first, Ordering::Release);
    }

    /// Takes the map out of the directory and gives all routes. The caller
    /// fences all harts, and then drops this.
    pub fn close(&self) -> Vec<Arc<Route>> {
        if !self.may_send() {
            return Vec::new();
        }
        word(DIRECTORY.get(), self.vmid as usize).store(DirectoryEntry::ABSENT, Ordering::Release);
        self.may_send.store(false, Ordering::Relaxed);
        core::mem::take(&mut self.map.lock().routes).into_iter().flatten().collect()
    }
}
