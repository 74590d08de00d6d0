//! The conversation with the monitor: the back-end of the vhost-user protocol.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use hyp_abi::channel::Message;
use hyp_rt::channel::Channel;
use hyp_rt::disk::RealDisk;
use hyp_rt::event::Event;
use hyp_rt::handle::Handle;
use hyp_rt::shared::Shared;
use hyp_rt::sync::Mutex;
use hyp_service::{Any, Mapped, Port, Service};
use hyp_vhost_user::{
    CONFIG_MAX, F_PROTOCOL_FEATURES, Region, Reply, Request, VringAddr, VringEvent, VringState, protocol,
};
use hyp_wire::{End, Side};
use rv_virtio::device::Device;
use rv_virtio::memory::GuestAddress;
use rv_virtio::queue::{Position, QueueConfig};
use rv_virtio::transport::mmio::{Identity, QUEUES_MAX};

use crate::Result;
use crate::args::{Args, Wake};
use crate::data::{Data, Live, LocalDevice};
use crate::wake;

/// What rings are aligned to, at most (virtio 1.2, 2.7).
const RING_ALIGNMENT: u64 = 16;

/// What the monitor has said of a queue.
#[derive(Clone, Copy, Default)]
struct Ring {
    size: u16,
    addresses: VringAddr,
    running: bool,
}

/// The conversation's state.
struct Control {
    args: Args,
    data: &'static Data,
    kick: &'static Mutex<Option<Event>>,
    /// The device before the guest's memory is known.
    device: Option<LocalDevice>,
    identity: Identity,
    context: Option<u32>,
    features: u64,
    region: Region,
    rings: [Ring; QUEUES_MAX],
}

/// Serves the monitor until it closes the channel.
pub fn run(args: &Args, channel: &Channel) -> Result<()> {
    let parts = channel.receive().map_err(|error| format!("no parts: {error}"))?;
    let device = device(args, &parts)?;
    let data: &'static Data = Box::leak(Box::default());
    let kick: &'static Mutex<Option<Event>> = Box::leak(Box::default());
    let context = wake::start(args, data, kick)?;
    let mut control = Control {
        args: *args,
        data,
        kick,
        identity: device.identity(),
        device: Some(device),
        context,
        features: 0,
        region: Region::default(),
        rings: [Ring::default(); QUEUES_MAX],
    };
    loop {
        match channel.receive() {
            Ok(message) => control.serve(channel, &message)?,
            // A monitor that is gone has closed the channel.
            Err(hyp_abi::Error::BrokenPipe) => return Ok(()),
            Err(error) => return Err(format!("the monitor's channel: {error}")),
        }
    }
}

/// The device, from the objects that the first message brings: the disk; or the cable, and the event of its other end.
fn device(args: &Args, parts: &Message) -> Result<LocalDevice> {
    let mut handles = parts.handles().iter().map(|number| Handle::from_raw(*number as usize));
    let backing = Shared::from_handle(handles.next().ok_or("the parts have no memory")?);
    let pointer = backing.map_pointer().map_err(|error| format!("the device's memory: {error}"))?;
    if args.real_disk {
        return Ok(Any::real_disk(RealDisk::open().map_err(|error| format!("the machine's disk: {error}"))?));
    }
    if !args.net {
        // SAFETY: mapped for ever, as large as the monitor says (else we fault, and end), and never referred to.
        let pieces = unsafe { Mapped::new(0, args.disk, pointer) };
        return Ok(Any::ram_disk(pieces, args.disk));
    }
    let peer = handles.next().map(Event::from_handle);
    // SAFETY: mapped for ever; the backend's end is ours alone.
    let end = unsafe { End::new(pointer, Side::Backend) };
    let wake = move || {
        if let Some(peer) = &peer {
            let _ = peer.signal(1);
        }
    };
    Ok(Any::nic(Port::new(end, Box::new(wake))))
}

impl Control {
    fn serve(&mut self, channel: &Channel, message: &Message) -> Result<()> {
        let request = Request::decode(message.bytes()).map_err(|error| format!("the monitor's request: {error:?}"))?;
        let mut handles = message.handles().iter().map(|number| Handle::from_raw(*number as usize));
        let handle = handles.next();
        let (reply, sent) = self.answer(&request, handle);
        let handles = sent.as_slice();
        let answer = Message::new(reply.encode(&request).as_slice(), handles).ok_or("an answer that is too long")?;
        channel.send(&answer).map_err(|error| format!("answering: {error}"))
    }

    /// Does what is asked. Requests that can't be granted are acknowledged with 1.
    fn answer(&mut self, request: &Request, handle: Option<Handle>) -> (Reply, Option<u32>) {
        let done = |result: Result<()>| match result {
            Ok(()) => Reply::Number(0),
            Err(message) => {
                hyp_rt::eprintln!("backend: {message}");
                Reply::Number(1)
            }
        };
        let reply = match *request {
            Request::GetFeatures => Reply::Number(self.identity.features | F_PROTOCOL_FEATURES),
            Request::GetProtocolFeatures => {
                let vei = if self.args.wake == Wake::Vei { protocol::VEI } else { 0 };
                Reply::Number(protocol::REPLY_ACK | protocol::CONFIG | vei)
            }
            Request::GetConfig(offset, len) => self.config(offset as usize, len as usize),
            Request::SetOwner | Request::SetProtocolFeatures(_) => Reply::Number(0),
            Request::SetFeatures(features) => {
                self.features = features & !F_PROTOCOL_FEATURES;
                Reply::Number(0)
            }
            Request::SetMemTable(regions) => done(self.set_memory(regions.as_slice(), handle)),
            Request::SetVringNum(VringState { index, num }) => {
                done(self.ring(index).map(|ring| ring.size = num as u16))
            }
            Request::SetVringAddr(addresses) => done(self.ring(addresses.index).map(|ring| ring.addresses = addresses)),
            // Queues begin at 0: the monitor asks for nothing else.
            Request::SetVringBase(VringState { num: 0, .. }) => Reply::Number(0),
            Request::SetVringBase(_) => done(Err("queues begin at 0".to_string())),
            Request::SetVringKick(VringEvent { bits, .. }) => {
                if let (Some(handle), Some(_)) = (handle, bits) {
                    // The event is the same for all queues; the first one that comes is waited at.
                    self.kick.lock().get_or_insert(Event::from_handle(handle));
                }
                Reply::Number(0)
            }
            Request::SetVringCall(VringEvent { bits, .. }) => done(self.set_call(handle, bits)),
            Request::SetVringEnable(VringState { index, num }) => done(self.enable(index, num != 0)),
            Request::GetVringBase(VringState { index, .. }) => {
                self.stop(index);
                Reply::State(VringState { index, num: 0 })
            }
            Request::GetVringVei(_) => {
                return (Reply::State(VringState::default()), self.context);
            }
        };
        (reply, None)
    }

    fn config(&self, offset: usize, len: usize) -> Reply {
        let mut bytes = [0; CONFIG_MAX];
        let len = len.min(CONFIG_MAX);
        for (index, byte) in bytes[..len].iter_mut().enumerate() {
            *byte = self.identity.config.read((offset + index) as u64, 1) as u8;
        }
        Reply::Config(bytes, len)
    }

    fn ring(&mut self, index: u32) -> Result<&mut Ring> {
        self.rings.get_mut(index as usize).ok_or_else(|| format!("there is no queue {index}"))
    }

    /// The guest's memory: one region here.
    fn set_memory(&mut self, regions: &[Region], handle: Option<Handle>) -> Result<()> {
        let (&[region], Some(handle)) = (regions, handle) else {
            return Err(String::from("a guest's memory is one region"));
        };
        // Rings are accessed by words: what is aligned for the guest must be aligned here.
        if !region.gpa.wrapping_sub(region.offset).is_multiple_of(RING_ALIGNMENT) {
            return Err(format!(
                "guest memory at {:#x} can't begin {:#x} bytes into what was sent",
                region.gpa, region.offset
            ));
        }
        let device = self.device.take().ok_or("the memory is known already")?;
        let memory = Shared::from_handle(handle);
        let pointer = memory.map_pointer().map_err(|error| format!("the guest's memory: {error}"))?;
        // SAFETY: mapped for ever, as large as the monitor says (else we fault, and end), and never referred to.
        let pieces = unsafe { Mapped::new(region.gpa, region.size, pointer.wrapping_add(region.offset as usize)) };
        self.region = region;
        let live = Live { service: Service::new(device, pieces).silencing(self.args.silence), call: None };
        self.data.change(|place| *place = Some(live));
        Ok(())
    }

    fn set_call(&mut self, handle: Option<Handle>, bits: Option<u32>) -> Result<()> {
        let call = handle.map(Event::from_handle).zip(bits);
        self.data.change(|live| {
            let live = live.as_mut().ok_or("queues need memory first")?;
            // The same event for all queues: it is kept once.
            if live.call.is_none() {
                live.call = call;
            }
            Ok(())
        })
    }

    /// Starts a queue, and looks at it once: its driver may have filled it before.
    fn enable(&mut self, index: u32, on: bool) -> Result<()> {
        if !on {
            self.stop(index);
            return Ok(());
        }
        let ring = *self.ring(index)?;
        let guest = |address: u64| GuestAddress(address.wrapping_sub(self.region.user).wrapping_add(self.region.gpa));
        let config = QueueConfig {
            size: ring.size,
            descriptors: guest(ring.addresses.descriptors),
            driver: guest(ring.addresses.driver),
            device: guest(ring.addresses.device),
        };
        let (features, look) = (self.features, self.args.wake == Wake::Vei);
        self.data.change(|live| {
            let live = live.as_mut().ok_or("queues need memory first")?;
            live.service.negotiated(features);
            let started = live.service.start(index as u16, &config, features, Position::START);
            started.map_err(|error| format!("queue {index}: {error}"))?;
            if look {
                live.drain(1 << index);
            }
            Ok::<(), String>(())
        })?;
        self.rings[index as usize].running = true;
        Ok(())
    }

    /// Touches the queue no more. With the last one the device is reset, and what it has done is told.
    fn stop(&mut self, index: u32) {
        let Some(ring) = self.rings.get_mut(index as usize) else { return };
        if !core::mem::take(&mut ring.running) {
            return;
        }
        let last = !self.rings.iter().any(|ring| ring.running);
        if last {
            self.data.report();
        }
        self.data.change(|live| {
            let Some(live) = live else { return };
            live.service.stop(index as u16);
            if last {
                live.service.reset();
            }
        });
    }
}
