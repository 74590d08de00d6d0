//! The guest's virtio device: its registers are here, and whoever serves its queues is connected to them.
//!
//! - `local`: this process, as part of the guest's exit
//! - `kernel`: a worker of the kernel (vhost)
//! - `process`: a backend process (vhost-user)
//!
//! What kicks whoever serves is the same event in all of them; the mechanisms differ in what signals it.

mod kernel;
mod local;
mod process;

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;

use hyp_abi::event::{IO_EVENT_DATAMATCH, IRQ_LINE, IRQ_MESSAGE, IoEvent, IrqEvent};
use hyp_abi::vei::{FIXED, TO_CONTEXT, TO_EVENT, VeiRoute};
use hyp_rt::disk::RealDisk;
use hyp_rt::event::Event;
use hyp_rt::vei;
use hyp_rt::vm::InterruptLine;
use hyp_service::{Any, Disk, Port};
use hyp_vmm::args::{Args, Completion, Device, Mechanism, Suppression};
use hyp_vmm::device::VIRTIO;
use hyp_vmm::device::slot::{Backing, Slot};
use hyp_wire::{End, Side};
use rv_virtio::device::Device as _;
use rv_virtio::features;
use rv_virtio::transport::mmio::Identity;
use rv_virtio::transport::mmio::offsets::QUEUE_NOTIFY;

use crate::guest::Guest;
use crate::{Result, crew, peer};
use hyp_vmm::shared_memory::SharedMemory;

/// VEIRQ of queue 0; the others follow.
pub const FIRST_VEIRQ: u32 = 1;
/// Bit of the call event that becomes the guest's interrupt.
const CALL: u32 = 1;

/// A device as the device crate knows it, on memory of this process.
type LocalDevice = Any<Disk<hyp_service::Mapped, RealDisk>, Port<Box<dyn FnMut() + Send>>>;

/// What a device is made of, whoever serves it.
struct Parts {
    /// Wakes who serves: a bit for each queue, and the cable's.
    kick: Arc<Event>,
    /// Interrupts the guest.
    call: Arc<Event>,
    /// The disk or the cable.
    backing: SharedMemory,
    /// Wakes the cable's other end.
    peer: Option<Arc<Event>>,
    /// Lowers the guest's interrupt line.
    line: InterruptLine,
}

/// The device, and who else takes part.
pub struct Connected {
    /// The registers.
    pub slot: Slot,
    /// The network's other end.
    pub peer: Option<peer::Peer>,
}

/// Makes the device that the arguments ask for, and connects it with whoever serves it.
pub fn connect(args: &Args, guest: &Guest) -> Result<Option<Connected>> {
    if args.device == Device::None {
        return Ok(None);
    }
    let refused = |error: hyp_abi::Error| format!("the virtio device: {error}");
    if args.real_disk && !args.mechanism.may_wait() {
        return Err(format!("{} has no disk=real: who serves it can't wait for it", args.mechanism.name()));
    }
    let (parts, peer) = parts(args, guest)?;
    let identity = identity(args, &parts)?;
    let queues = identity.queue_max.iter().take_while(|size| **size > 0).count() as u32;
    let backing: Box<dyn Backing> = match args.mechanism {
        Mechanism::Emulate | Mechanism::Uer | Mechanism::Virtio | Mechanism::VirtioUer => {
            Box::new(local::connect(args, guest, parts)?)
        }
        Mechanism::Vhost | Mechanism::VhostVei => {
            let bits = |queue: u32| (TO_EVENT, parts.kick.handle().raw(), 1 << queue);
            kicks(args, guest, queues, &parts, bits).map_err(refused)?;
            Box::new(kernel::connect(args, guest, parts).map_err(refused)?)
        }
        Mechanism::VhostUser | Mechanism::VhostUserPoll | Mechanism::VhostUserHcs => {
            let (front, process) = process::connect(args, guest, &parts, queues)?;
            let context = front.context();
            if let Some((handle, _)) = context {
                trust(args, guest, handle).map_err(refused)?;
            }
            let to = |queue: u32| match &context {
                Some((handle, vector)) => (TO_CONTEXT, handle.raw(), vector + queue),
                None => (TO_EVENT, parts.kick.handle().raw(), 1 << queue),
            };
            kicks(args, guest, queues, &parts, to).map_err(refused)?;
            Box::new(process::Backend::new(front, process, parts))
        }
    };
    let slot = Slot::new(identity, backing, args.completion == Completion::Line);
    Ok(Some(Connected { slot, peer }))
}

/// Puts our guest, the one beside it and the backend's handler into one trust domain: they are all ours. Only the profile without banked
/// registers asks for it.
fn trust(args: &Args, guest: &Guest, context: &hyp_rt::handle::Handle) -> hyp_rt::sys::Result<()> {
    vei::join_domain(context.number(), guest.vm.handle())?;
    if let Some(vm) = crew::neighbours_vm(args) {
        vei::join_domain(context.number(), vm)?;
    }
    Ok(())
}

/// Events, memory and, for a network adapter, its peer.
fn parts(args: &Args, guest: &Guest) -> Result<(Parts, Option<peer::Peer>)> {
    let refused = |error: hyp_abi::Error| format!("the virtio device: {error}");
    let event = || Event::new().map(Arc::new).map_err(refused);
    let (kick, call) = (event()?, event()?);
    let kind = if args.completion == Completion::Line { IRQ_LINE } else { IRQ_MESSAGE };
    let irq = IrqEvent { event: call.handle().raw(), bits: CALL, vcpu: 0, kind, ..IrqEvent::default() };
    guest.vm.irq_event(&irq).map_err(refused)?;
    let size = if args.device == Device::Net { hyp_wire::SIZE } else { args.disk as usize };
    let backing = SharedMemory::new(size).map_err(refused)?;
    let peer = match args.device {
        Device::Net => Some(peer::start(args, &backing, &kick)?),
        _ => None,
    };
    let line = guest.vcpu.interrupt_line();
    let parts = Parts { kick, call, backing, peer: peer.as_ref().map(|peer| Arc::clone(&peer.event)), line };
    Ok((parts, peer))
}

/// The device as this process serves it.
fn device(args: &Args, parts: &Parts) -> Result<LocalDevice> {
    Ok(match args.device {
        Device::Net => {
            // SAFETY: the cable stays mapped; this is the only end of its side in this process that is used.
            let end = unsafe { End::new(parts.backing.pointer(0), Side::Backend) };
            let peer = parts.peer.clone();
            let wake = move || {
                if let Some(peer) = &peer {
                    // A peer that is gone needs no waking.
                    let _ = peer.signal(1);
                }
            };
            Any::nic(Port::new(end, Box::new(wake)))
        }
        _ if args.real_disk => {
            Any::real_disk(RealDisk::open().map_err(|error| format!("the machine's disk: {error}"))?)
        }
        _ => Any::ram_disk(parts.backing.mapped(0), args.disk),
    })
}

/// What the registers tell the driver.
fn identity(args: &Args, parts: &Parts) -> Result<Identity> {
    let mut identity = device(args, parts)?.identity();
    let choices = [
        (args.suppression == Suppression::EventIdx, features::EVENT_IDX),
        (args.indirect, features::INDIRECT_DESC),
        (args.packed, features::RING_PACKED),
    ];
    for (_, feature) in choices.into_iter().filter(|(offered, _)| !offered) {
        identity.features &= !feature;
    }
    Ok(identity)
}

/// Connects the driver's notifications: by virtual event interrupts to what `target` says, or by exits to the kick event.
fn kicks(
    args: &Args,
    guest: &Guest,
    queues: u32,
    parts: &Parts,
    target: impl Fn(u32) -> (u32, u32, u32),
) -> hyp_rt::sys::Result<()> {
    for queue in 0..queues {
        if args.mechanism.uses_vei() {
            let (kind, target, bits) = target(queue);
            let hart = args.backend_hart as u32;
            let veirq = FIRST_VEIRQ + queue;
            guest.vm.add_route(&VeiRoute { veirq, kind, target, bits, policy: FIXED, hart, ..VeiRoute::default() })?;
        } else if args.mechanism != Mechanism::VhostUserPoll {
            guest.vm.io_event(&IoEvent {
                gpa: VIRTIO + QUEUE_NOTIFY,
                datamatch: queue.into(),
                len: 4,
                flags: IO_EVENT_DATAMATCH,
                event: parts.kick.handle().raw(),
                bits: 1 << queue,
            })?;
        }
    }
    Ok(())
}
