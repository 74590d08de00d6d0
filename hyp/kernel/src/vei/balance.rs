//! The balancer: a kernel thread that rewrites HART of those routes whose policy
//! is not "fixed". It sleeps without a deadline while there are none.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::ptr;

use ha_iov_ext::vei::Affinity;

use crate::arch::time;
use crate::sched::hart::{Hart, harts};
use crate::sched::thread::Thread;
use crate::sched::{self, timer};
use crate::sync::{Once, SpinLock};
use crate::vei::route::{self, Route, RouteList};
use crate::vei::{hart, is_supported};
use crate::vm::Vm;

/// How often it looks.
const ROUNDS_PER_SECOND: u64 = 100;

static ROUTES: SpinLock<RouteList> = SpinLock::new(Vec::new());
static THREAD: Once<Arc<Thread>> = Once::new();

/// Starts the thread, before anything is counted.
pub fn start() {
    if is_supported() {
        ROUTES.lock().reserve(16);
        let thread = Thread::new_kernel(main, 0).expect("no memory for the balancer");
        THREAD.set(Arc::clone(&thread));
        sched::start(thread);
    }
}

/// Looks after a route from now on, until it is gone.
pub fn watch(vm: &Arc<Vm>, veirq: u32) {
    let mut routes = ROUTES.lock();
    // One that went and came again may not have been missed.
    if !routes.iter().any(|(other, number)| *number == veirq && ptr::eq(other.as_ptr(), Arc::as_ptr(vm))) {
        routes.push((Arc::downgrade(vm), veirq));
    }
    drop(routes);
    sched::unpark(THREAD.get());
}

extern "C" fn main(_: usize) {
    loop {
        let idle = ROUTES.lock().is_empty();
        let deadline = (!idle).then(|| time() + timer::timebase() / ROUNDS_PER_SECOND);
        sched::park(deadline);
        round();
    }
}

/// Every route once.
fn round() {
    let mut index = 0;
    loop {
        let Some((vm, veirq)) = ROUTES.lock().get(index).cloned() else { return };
        if look(&vm, veirq) {
            index += 1;
        } else {
            ROUTES.lock().swap_remove(index);
        }
    }
}

/// Moves a route if its policy says so. Tells whether it still exists.
fn look(vm: &Weak<Vm>, veirq: u32) -> bool {
    let Some(vm) = vm.upgrade() else { return false };
    let Some(route) = vm.vei.route(veirq) else { return false };
    if let Some(to) = choose(&route) {
        route::relocate(&vm, veirq, to);
    }
    route.policy != Affinity::Fixed
}

fn choose(route: &Route) -> Option<usize> {
    let online = || harts().iter().copied().filter(|each| hart::get(each.index).is_some());
    let load = |each: &Hart| 2 * usize::from(!each.queue.lock().is_empty()) + usize::from(!each.is_idle());
    let here = route.hart();
    match route.policy {
        Affinity::Fixed => None,
        Affinity::RoundRobin => {
            let next = online().find(|each| each.index > here).or_else(|| online().next());
            next.map(|each| each.index)
        }
        // One that is no better is no reason to move.
        Affinity::LeastLoaded => {
            let best = online().min_by_key(|each| load(each))?;
            (load(best) < load(harts()[here])).then_some(best.index)
        }
        Affinity::LastRan => route.last_hart(),
    }
}
