//! System calls of VEI. Handles and pointers are checked here.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use hyp_abi::Error;
use hyp_abi::vei::{TO_EVENT, UserContextSpec, VeiRoute};
use hyp_kernel::addr::UserVirt;

use crate::ipc::event::Event;
use crate::mm::frame;
use crate::proc::process::{Object, Process};
use crate::proc::user;
use crate::syscall::process;
use crate::vei::context::{self, ContextRef, UserContext};
use crate::vei::route::{self, Destination, Receiver};
use crate::vei::{is_supported, stats};
use crate::vm::Vm;

static NEXT_DOMAIN: AtomicU64 = AtomicU64::new(1);
/// DOM has 16 bits.
const DOMAIN_MAX: u64 = 0xffff;

fn supported() -> Result<(), Error> {
    if is_supported() { Ok(()) } else { Err(Error::NotSupported) }
}

fn user_context(process: &Process, handle: usize) -> Result<Arc<UserContext>, Error> {
    process.user_context(handle)?.get()
}

/// Bits of an event.
struct EventBits {
    event: Arc<Event>,
    bits: u32,
}

impl Receiver for EventBits {
    fn signal(&self) {
        self.event.signal(self.bits);
    }

    fn last_hart(&self) -> Option<usize> {
        self.event.waiter_hart()
    }
}

pub fn route(vm: usize, spec: usize) -> Result<(), Error> {
    supported()?;
    frame::admit()?;
    let process = process()?;
    let spec: VeiRoute = user::read_value(process, UserVirt(spec))?;
    route::check(&spec)?;
    let vm = process.vm(vm)?;
    let destination = if spec.kind == TO_EVENT {
        let event = process.event(spec.target as usize)?;
        Destination::Receiver(Box::new(EventBits { event, bits: spec.bits }), spec.hart as usize)
    } else {
        Destination::Context(user_context(process, spec.target as usize)?)
    };
    route::add(&vm, &spec, destination)
}

pub fn unroute(vm: usize, veirq: usize) -> Result<(), Error> {
    supported()?;
    let veirq = u32::try_from(veirq).map_err(|_| Error::InvalidArgument)?;
    route::remove(&*process()?.vm(vm)?, veirq)
}

pub fn create_context(spec: usize) -> Result<usize, Error> {
    supported()?;
    frame::admit()?;
    let process = process()?;
    let spec: UserContextSpec = user::read_value(process, UserVirt(spec))?;
    let context = context::create(&spec)?;
    process.add_handle(Object::UserContext(Arc::new(ContextRef::new(&context))))
}

/// What can be in a trust domain.
enum Member {
    Vm(Arc<Vm>),
    Context(Arc<UserContext>),
}

impl Member {
    fn find(handle: usize) -> Result<Self, Error> {
        let process = process()?;
        match process.vm(handle) {
            Ok(vm) => Ok(Self::Vm(vm)),
            Err(_) => user_context(process, handle).map(Self::Context),
        }
    }

    fn domain(&self) -> u64 {
        match self {
            Self::Vm(vm) => vm.vei.domain().load(Ordering::Relaxed),
            Self::Context(context) => context.domain(),
        }
    }

    fn set_domain(&self, domain: u64) {
        match self {
            Self::Vm(vm) => vm.vei.domain().store(domain, Ordering::Relaxed),
            Self::Context(context) => context.set_domain(domain),
        }
    }
}

/// Numbers are never used again: a machine has 65,535 trust decisions in it.
pub fn join_domain(one: usize, other: usize) -> Result<usize, Error> {
    supported()?;
    let members = [Member::find(one)?, Member::find(other)?];
    let mut domain = members[0].domain();
    if domain == 0 {
        let next = |next: u64| (next <= DOMAIN_MAX).then_some(next + 1);
        let taken = NEXT_DOMAIN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        domain = taken.map_err(|_| Error::OutOfMemory)?;
    }
    members.iter().for_each(|member| member.set_domain(domain));
    Ok(domain as usize)
}

pub fn info(to: usize) -> Result<(), Error> {
    user::write_value(process()?, UserVirt(to), &stats::info())
}

// SAFETY: eight 32-bit words.
unsafe impl user::Plain for VeiRoute {}
// SAFETY: three words.
unsafe impl user::Plain for UserContextSpec {}
// SAFETY: words.
unsafe impl user::Plain for hyp_abi::vei::VeiInfo {}
