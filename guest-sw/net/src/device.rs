//! The network device as the stack wants to see one.

use netload::smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use netload::smoltcp::time::Instant;
use netload::{Link, Partial};
use virtio::Error;
use virtio::net::{Frame, Net, Offload, Receiver, Transmitter};

const ETHERNET_HEADER: usize = 14;

/// The device, and what went wrong with it.
pub struct Port {
    /// The device.
    pub net: Net,
    /// An error; from then on, nothing comes and goes.
    pub error: Option<Error>,
    /// The stack has asked for room, and there was none.
    pub refused: bool,
    capabilities: DeviceCapabilities,
}

impl Port {
    pub fn new(net: Net) -> Self {
        let info = net.info();
        let checksum = match (info.transmit_checksum, info.receive_checksum) {
            (false, false) => Checksum::Both,
            (true, false) => Checksum::Rx,
            (false, true) => Checksum::Tx,
            (true, true) => Checksum::None,
        };
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = usize::from(info.mtu) + ETHERNET_HEADER;
        capabilities.checksum.udp = checksum;
        capabilities.checksum.tcp = checksum;
        Self { net, error: None, refused: false, capabilities }
    }

    /// A result, if it is one.
    #[inline]
    fn note<T>(error: &mut Option<Error>, result: Result<T, Error>) -> Option<T> {
        result.inspect_err(|&found| *error = Some(found)).ok()
    }
}

/// A frame that has arrived.
pub struct Received<'a> {
    receiver: &'a mut Receiver,
    frame: Frame,
}

impl RxToken for Received<'_> {
    #[inline]
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        let result = take(self.frame.bytes());
        self.receiver.done(self.frame);
        result
    }
}

/// Room for a frame.
pub struct Room<'a>(&'a mut Transmitter);

impl TxToken for Room<'_> {
    #[inline]
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        self.0.transmit(len, fill)
    }
}

impl Device for Port {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    #[inline]
    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Room<'_>)> {
        let Net { receiver, transmitter, .. } = &mut self.net;
        if !receiver.has_frame() {
            return None;
        }
        // What arrives may have to be answered.
        let room = Self::note(&mut self.error, transmitter.has_room())?;
        self.refused |= !room;
        if !room {
            return None;
        }
        let frame = Self::note(&mut self.error, receiver.receive())??;
        Some((Received { receiver, frame }, Room(transmitter)))
    }

    #[inline]
    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        let transmitter = &mut self.net.transmitter;
        let room = Self::note(&mut self.error, transmitter.has_room())?;
        self.refused |= !room;
        room.then_some(Room(transmitter))
    }

    #[inline]
    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}

impl Link for Port {
    #[inline]
    fn send(&mut self, len: usize, partial: Partial, fill: impl FnOnce(&mut [u8])) -> bool {
        let transmitter = &mut self.net.transmitter;
        let room = Self::note(&mut self.error, transmitter.has_room()) == Some(true);
        self.refused |= !room;
        if room {
            let Partial { start, offset } = partial;
            transmitter.transmit_offloaded(len, Some(Offload { start, offset }), fill);
        }
        room
    }
}
