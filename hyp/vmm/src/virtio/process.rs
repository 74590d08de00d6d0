//! A device that a process of its own serves: the front-end of the vhost-user protocol.

use alloc::format;
use alloc::string::String;

use hyp_abi::channel::Message;
use hyp_abi::vhost::WIRE;
use hyp_rt::channel::Channel;
use hyp_rt::handle::Handle;
use hyp_rt::process::Process;
use hyp_vhost_user::{Encoded, Region, Regions, Reply, Request, VringAddr, VringEvent, VringState, protocol};
use hyp_vmm::args::{Args, Device, Mechanism};
use hyp_vmm::device::slot::{Backing, Broken};
use hyp_vmm::image::MEMORY;
use rv_virtio::queue::QueueConfig;

use super::{CALL, Parts};
use crate::Result;
use crate::guest::Guest;

/// The channel to the backend, and what it has told.
pub struct Front {
    channel: Channel,
    /// Where the guest's memory is here: ring addresses are told as ours.
    memory: u64,
    queues: u32,
    polls: bool,
    context: Option<(Handle, u32)>,
}

/// The device.
pub struct Backend {
    front: Front,
    parts: Parts,
    broken: bool,
    /// It lives as long as this.
    _process: Process,
}

/// Starts the process, and tells it of everything but the queues.
pub fn connect(args: &Args, guest: &Guest, parts: &Parts, queues: u32) -> Result<(Front, Process)> {
    let refused = |error: hyp_abi::Error| format!("the backend process: {error}");
    let (channel, theirs) = Channel::pair().map_err(refused)?;
    let process = Process::spawn("backend", &arguments(args), Some(theirs)).map_err(refused)?;
    // What the device is made of, before the protocol begins.
    let peer = parts.peer.iter().map(|peer| peer.handle().raw());
    let handles: alloc::vec::Vec<u32> = core::iter::once(parts.backing.object().handle().raw()).chain(peer).collect();
    send(&channel, b"parts", &handles)?;
    let polls = args.mechanism == Mechanism::VhostUserPoll;
    let memory = guest.memory.addr() as u64;
    let mut front = Front { channel, memory, queues, polls, context: None };
    front.introduce(guest, args)?;
    if args.mechanism == Mechanism::VhostUserHcs {
        let (reply, handle) = front.ask(Request::GetVringVei(VringState::default()), &[])?;
        let (Reply::State(state), Some(handle)) = (reply, handle) else {
            return Err(String::from("the backend process has no user context"));
        };
        front.context = Some((handle, state.num));
    }
    Ok((front, process))
}

fn arguments(args: &Args) -> String {
    let device = if args.device == Device::Net { "net" } else { "block" };
    let wake = match args.mechanism {
        Mechanism::VhostUserPoll => "poll",
        Mechanism::VhostUserHcs => "vei",
        _ => "event",
    };
    let disk = if args.real_disk { String::from("real") } else { format!("{}", args.disk) };
    format!("device={device} disk={disk} hart={} wake={wake}", args.backend_hart)
}

fn send(channel: &Channel, bytes: &[u8], handles: &[u32]) -> Result<()> {
    let message = Message::new(bytes, handles).ok_or("a message that is too long")?;
    channel.send(&message).map_err(|error| format!("the backend process: {error}"))
}

impl Front {
    /// The user context that the queues' events go to, and the vector of queue 0.
    pub fn context(&self) -> Option<&(Handle, u32)> {
        self.context.as_ref()
    }

    /// Features and memory.
    fn introduce(&mut self, guest: &Guest, args: &Args) -> Result<()> {
        let vei = if args.mechanism.uses_vei() { protocol::VEI } else { 0 };
        self.ask(Request::SetOwner, &[])?;
        let (reply, _) = self.ask(Request::GetProtocolFeatures, &[])?;
        if !matches!(reply, Reply::Number(offered) if offered & vei == vei) {
            return Err(String::from("the backend process can't be woken by virtual event interrupts"));
        }
        self.ask(Request::SetProtocolFeatures(protocol::REPLY_ACK | protocol::CONFIG | vei), &[])?;
        let region = Region { gpa: MEMORY, size: args.memory, user: self.memory, offset: 0 };
        let regions = Regions::new(&[region]).ok_or("too many regions")?;
        self.ask(Request::SetMemTable(regions), &[guest.memory.object().handle().raw()])?;
        Ok(())
    }

    /// Sends a request and waits for the answer, which may bring a handle. An acknowledgement other than 0 is a refusal.
    fn ask(&mut self, request: Request, handles: &[u32]) -> Result<(Reply, Option<Handle>)> {
        let encoded: Encoded = request.encode();
        send(&self.channel, encoded.as_slice(), handles)?;
        let answer = self.channel.receive().map_err(|error| format!("the backend process: {error}"))?;
        let handle = answer.handles().first().map(|number| Handle::from_raw(*number as usize));
        let reply =
            Reply::decode(&request, answer.bytes()).map_err(|error| format!("the backend's answer: {error:?}"))?;
        match reply {
            Reply::Number(code) if !request.is_answered() && code != 0 => {
                Err(format!("the backend process refuses {request:?}"))
            }
            reply => Ok((reply, handle)),
        }
    }

    /// Hands a queue over.
    fn start(&mut self, index: u32, config: &QueueConfig, features: u64, parts: &Parts) -> Result<()> {
        let here = |address: u64| address.wrapping_sub(MEMORY).wrapping_add(self.memory);
        let addresses = VringAddr {
            index,
            descriptors: here(config.descriptors.0),
            device: here(config.device.0),
            driver: here(config.driver.0),
        };
        let (kick, call) = (parts.kick.handle().raw(), parts.call.handle().raw());
        let queue = index as u8;
        self.ask(Request::SetFeatures(features), &[])?;
        self.ask(Request::SetVringNum(VringState { index, num: config.size.into() }), &[])?;
        self.ask(Request::SetVringBase(VringState { index, num: 0 }), &[])?;
        self.ask(Request::SetVringAddr(addresses), &[])?;
        if self.polls {
            self.ask(Request::SetVringKick(VringEvent { index: queue, bits: None }), &[])?;
        } else {
            self.ask(Request::SetVringKick(VringEvent { index: queue, bits: Some(1 << index | WIRE) }), &[kick])?;
        }
        self.ask(Request::SetVringCall(VringEvent { index: queue, bits: Some(CALL) }), &[call])?;
        self.ask(Request::SetVringEnable(VringState { index, num: 1 }), &[])?;
        Ok(())
    }
}

impl Backend {
    /// The device behind `front`.
    pub fn new(front: Front, process: Process, parts: Parts) -> Self {
        Backend { front, parts, broken: false, _process: process }
    }
}

impl Backing for Backend {
    fn start(&mut self, index: u16, config: &QueueConfig, features: u64) -> core::result::Result<(), Broken> {
        self.front.start(index.into(), config, features, &self.parts).map_err(|message| {
            hyp_rt::eprintln!("vmm: {message}");
            self.broken = true;
            Broken
        })
    }

    fn stop(&mut self) {
        for index in 0..self.front.queues {
            if let Err(message) = self.front.ask(Request::GetVringBase(VringState { index, num: 0 }), &[]) {
                hyp_rt::eprintln!("vmm: {message}");
                self.broken = true;
            }
        }
    }

    fn kick(&mut self, index: u16) -> core::result::Result<(), Broken> {
        // A backend that polls looks by itself, and one that is woken by virtual event interrupts has looked when it was told of the queue.
        self.parts.kick.signal(1 << index).map_err(|_| Broken)
    }

    fn is_broken(&mut self) -> bool {
        self.broken
    }

    fn acknowledged(&mut self) {
        let _ = self.parts.line.set(false);
    }
}
