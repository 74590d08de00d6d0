//! The other end of the network: a process of the host.

use alloc::format;
use alloc::sync::Arc;

use hyp_abi::channel::Message;
use hyp_abi::vhost::WIRE;
use hyp_rt::channel::Channel;
use hyp_rt::event::Event;
use hyp_rt::process::Process;
use hyp_vmm::args::Args;

use crate::Result;
use hyp_vmm::shared_memory::SharedMemory;

/// The process.
pub struct Peer {
    /// Wakes it when it sleeps.
    pub event: Arc<Event>,
    channel: Channel,
    _process: Process,
}

/// Starts it at the other end of `cable`. It signals [`WIRE`] of `kick` when this end sleeps.
pub fn start(args: &Args, cable: &SharedMemory, kick: &Event) -> Result<Peer> {
    let refused = |error: hyp_abi::Error| format!("the network's peer: {error}");
    let event = Arc::new(Event::new().map_err(refused)?);
    let (channel, theirs) = Channel::pair().map_err(refused)?;
    let arguments = format!("hart={} wire-bits={WIRE}", args.peer_hart);
    let process = Process::spawn("peer", &arguments, Some(theirs)).map_err(refused)?;
    let handles = [cable.object().handle().raw(), event.handle().raw(), kick.handle().raw()];
    let message = Message::new(b"parts", &handles).ok_or("a message that is too long")?;
    channel.send(&message).map_err(refused)?;
    Ok(Peer { event, channel, _process: process })
}

impl Peer {
    /// Lets it print what it has seen, and waits until it has.
    pub fn report(&self) {
        let asked = Message::new(b"report", &[]).is_some_and(|message| self.channel.send(&message).is_ok());
        // It sleeps, maybe.
        if asked && self.event.signal(1).is_ok() {
            let _ = self.channel.receive();
        }
    }
}
