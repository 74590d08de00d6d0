//! Routes: what becomes of a guest's VEIRQ. Whether the hardware has it in a
//! table or not, the kernel knows it, and can deliver by itself.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use ha_iov_ext::vei::{Affinity, MapEntry, Target};
use hyp_abi::Error;
use hyp_abi::vei::{
    BY_KERNEL, FIXED, LAST_RAN, LEAST_LOADED, ROUND_ROBIN, TO_CONTEXT, TO_EVENT, VECTORS, VEIRQS, VeiRoute,
};

use crate::arch::MARKER_KERNEL_EXIT;
use crate::marker;
use crate::sched::hart::harts;
use crate::stats::{Counted, Kind};
use crate::vei::context::UserContext;
use crate::vei::hart::{self, Change};
use crate::vei::{balance, stats};
use crate::vm::Vm;

/// What a supervisor VEI is for: an event, or a worker of the kernel's.
/// `signal` is called with interrupts off, on the hart of the route or that of
/// the sender, and does not block.
pub trait Receiver: Send + Sync {
    /// Something was sent.
    fn signal(&self);
    /// The hart where who waits ran last, if that is known.
    fn last_hart(&self) -> Option<usize> {
        None
    }
}

enum End {
    Receiver(Box<dyn Receiver>),
    Context(Weak<UserContext>, u32),
}

/// A route.
pub struct Route {
    veirq: u32,
    end: End,
    gap: u8,
    /// Of routes to receivers.
    pub policy: Affinity,
    /// Index of the hart where it goes now.
    hart: AtomicUsize,
    veiid: AtomicU32,
    _live: Counted,
}

/// Where a route shall go.
pub enum Destination {
    /// To a receiver, on the hart with this index first.
    Receiver(Box<dyn Receiver>, usize),
    /// To a context.
    Context(Arc<UserContext>),
}

fn affinity(policy: u32) -> Result<Affinity, Error> {
    Ok(match policy {
        FIXED => Affinity::Fixed,
        ROUND_ROBIN => Affinity::RoundRobin,
        LEAST_LOADED => Affinity::LeastLoaded,
        LAST_RAN => Affinity::LastRan,
        _ => return Err(Error::InvalidArgument),
    })
}

/// Checks what does not depend on the target.
pub fn check(spec: &VeiRoute) -> Result<(), Error> {
    let fields = spec.veirq != 0 && spec.veirq < VEIRQS && spec.gap < 32;
    let flags = spec.flags == 0 || spec.flags == BY_KERNEL && spec.policy == FIXED;
    let target = match spec.kind {
        TO_EVENT => spec.bits != 0,
        TO_CONTEXT => spec.bits < VECTORS && spec.policy == FIXED,
        _ => false,
    };
    affinity(spec.policy)?;
    if fields && flags && target { Ok(()) } else { Err(Error::InvalidArgument) }
}

/// Makes a route and shows it to the hardware, unless that is not wanted.
pub fn add(vm: &Arc<Vm>, spec: &VeiRoute, destination: Destination) -> Result<(), Error> {
    check(spec)?;
    let _change = Change::begin();
    let (end, hart) = match destination {
        Destination::Receiver(receiver, hart) => (End::Receiver(receiver), hart),
        Destination::Context(context) => {
            if context.is_dead() {
                return Err(Error::NotFound);
            }
            (End::Context(Arc::downgrade(&context), spec.bits), context.hart())
        }
    };
    let part = hart::get(hart).ok_or(Error::InvalidArgument)?;
    let route = Arc::new(Route {
        veirq: spec.veirq,
        end,
        gap: spec.gap as u8,
        policy: affinity(spec.policy)?,
        hart: AtomicUsize::new(hart),
        veiid: AtomicU32::new(0),
        _live: Counted::new(Kind::VeiRoute),
    });
    vm.vei.add(spec.veirq, &route)?;
    if let Some(context) = route.context() {
        context.add_route(vm, spec.veirq);
    } else {
        match part.add_receiver(&route) {
            Ok(veiid) => route.veiid.store(veiid, Ordering::Relaxed),
            Err(error) => {
                vm.vei.remove(spec.veirq);
                return Err(error);
            }
        }
    }
    if spec.flags & BY_KERNEL == 0 {
        vm.vei.write(spec.veirq, route.entry());
    }
    if route.policy != Affinity::Fixed {
        balance::watch(vm, spec.veirq);
    }
    Ok(())
}

/// Takes a route away. Afterwards nothing that was sent arrives any more.
pub fn remove(vm: &Vm, veirq: u32) -> Result<(), Error> {
    let change = Change::begin();
    let route = vm.vei.remove(veirq).ok_or(Error::NotFound)?;
    vm.vei.write(veirq, None);
    change.fence_all_harts();
    drain(&change, vm, &[route]);
    Ok(())
}

/// The end of a VM (ha-iov 8.10.6): no hart can find its map any more, and
/// nothing that it sent is pending. Its tables and its VMID can go.
pub fn close(vm: &Vm) {
    if !vm.vei.may_send() {
        return;
    }
    let change = Change::begin();
    let routes = vm.vei.close();
    change.fence_all_harts();
    drain(&change, vm, &routes);
}

/// Takes back what was posted through routes of a VM that no hart knows any more.
fn drain(change: &Change, vm: &Vm, routes: &[Arc<Route>]) {
    if routes.iter().any(|route| matches!(route.end, End::Receiver(_))) {
        change.fence_all_harts();
    }
    for route in routes {
        match route.context() {
            Some(context) => context.remove_route(vm, route.veirq, route.vector()),
            None if matches!(route.end, End::Receiver(_)) => route.give_back_veiid(),
            None => {}
        }
    }
}

/// A guest's `veisend` without an entry: the kernel delivers, if there is a
/// route. Tells whether it did.
pub fn deliver(vm: &Vm, veirq: u64) -> bool {
    marker!(MARKER_KERNEL_EXIT);
    let route = u32::try_from(veirq).ok().and_then(|veirq| vm.vei.route(veirq));
    let delivered = route.is_some_and(|route| route.deliver());
    if delivered {
        stats::SLOW_SENDS.add()
    } else {
        stats::MISSES.add()
    }
    delivered
}

/// Moves a route to another hart, under fire (ha-iov 8.5, S7). What is sent
/// meanwhile is delivered by the kernel.
pub fn relocate(vm: &Vm, veirq: u32, to: usize) {
    let change = Change::begin();
    let Some(route) = vm.vei.route(veirq) else { return };
    let from = route.hart.load(Ordering::Relaxed);
    let Some(part) = hart::get(to).filter(|_| from != to) else { return };
    let Ok(veiid) = part.add_receiver(&route) else { return };
    vm.vei.write(veirq, None);
    change.fence_all_harts();
    let (old_hart, old_veiid) = (route.hart.swap(to, Ordering::Relaxed), route.veiid.swap(veiid, Ordering::Relaxed));
    vm.vei.write(veirq, route.entry());
    change.fence_all_harts();
    if let Some(part) = hart::get(old_hart) {
        part.remove_receiver(old_veiid);
    }
    stats::MOVES.add();
}

/// The context of a route is about to end: the hardware forgets the entry. The
/// route stays, and its guest's sends are the VMM's affair. The caller fences.
pub fn forget(vm: &Vm, veirq: u32) {
    vm.vei.write(veirq, None);
}

impl Route {
    /// What the hardware is told; nothing when the context is gone.
    fn entry(&self) -> Option<MapEntry> {
        let target = match &self.end {
            End::Receiver(_) => Target::Supervisor { veiid: self.veiid.load(Ordering::Relaxed) as u8 },
            End::Context(context, vector) => {
                Target::User { context: context.upgrade()?.index() as u8, vector: *vector as u8 }
            }
        };
        let hart = harts()[self.hart.load(Ordering::Relaxed)].hartid as u16;
        Some(MapEntry { hart, target, gap: self.gap, affinity: self.policy })
    }

    fn context(&self) -> Option<Arc<UserContext>> {
        match &self.end {
            End::Context(context, _) => context.upgrade(),
            End::Receiver(_) => None,
        }
    }

    fn vector(&self) -> u32 {
        match &self.end {
            End::Context(_, vector) => *vector,
            End::Receiver(_) => 0,
        }
    }

    fn give_back_veiid(&self) {
        if let Some(part) = hart::get(self.hart.load(Ordering::Relaxed)) {
            part.remove_receiver(self.veiid.load(Ordering::Relaxed));
        }
    }

    /// A supervisor VEI of this route was claimed.
    pub fn arrived(&self) {
        if let End::Receiver(receiver) = &self.end {
            receiver.signal();
        }
    }

    /// Delivers in software.
    fn deliver(&self) -> bool {
        match &self.end {
            End::Receiver(receiver) => receiver.signal(),
            End::Context(context, vector) => match context.upgrade().filter(|context| !context.is_dead()) {
                Some(context) => context.post(*vector),
                None => return false,
            },
        }
        true
    }

    /// The hart where its receiver ran last.
    pub fn last_hart(&self) -> Option<usize> {
        match &self.end {
            End::Receiver(receiver) => receiver.last_hart(),
            End::Context(..) => None,
        }
    }

    /// The hart where it goes.
    pub fn hart(&self) -> usize {
        self.hart.load(Ordering::Relaxed)
    }
}

/// Routes of VMs that may be gone, by VEIRQ.
pub type RouteList = Vec<(Weak<Vm>, u32)>;
