//! The messages by which a monitor (front-end) hands a virtio device to a backend process, in the shape of the vhost-user protocol: same
//! requests, numbers and payloads, over a channel of the kernel instead of a socket. What the protocol passes as file descriptors are handles.
//!
//! Two things are different. An event of this host is a set of bits, so a queue's kick and call name bits of an event, in the upper half of the
//! word that holds the queue's index. And a backend that is woken by virtual event interrupts says so: [`Request::GetVringVei`] asks it for the
//! user context that the queue's events go to.
#![cfg_attr(not(test), no_std)]

mod bytes;

use bytes::{Reader, Writer};

/// Most bytes of a message, its header included.
pub const MESSAGE_MAX: usize = 256;
/// Most memory regions in a table: what fits into a message.
pub const REGIONS_MAX: usize = 7;
/// Most bytes of configuration space in a message.
pub const CONFIG_MAX: usize = 64;

/// `VHOST_USER_F_PROTOCOL_FEATURES`, among the virtio features.
pub const F_PROTOCOL_FEATURES: u64 = 1 << 30;

/// Protocol features.
pub mod protocol {
    /// Every request may ask for an answer.
    pub const REPLY_ACK: u64 = 1 << 3;
    /// The backend has the device's configuration space.
    pub const CONFIG: u64 = 1 << 9;
    /// Of this host alone: queues may be kicked by virtual event interrupts.
    pub const VEI: u64 = 1 << 63;
}

/// Version 1, in the lowest bits of the flags.
const VERSION: u32 = 1;
const FLAG_REPLY: u32 = 1 << 2;
const FLAG_NEED_REPLY: u32 = 1 << 3;
const INDEX: u64 = 0xff;
const NO_EVENT: u64 = 1 << 8;

/// A part of guest memory, whose handle travels with the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// Guest physical address.
    pub gpa: u64,
    /// Bytes.
    pub size: u64,
    /// Where the front-end has it: ring addresses are its addresses.
    pub user: u64,
    /// Where the region begins in the memory object.
    pub offset: u64,
}

/// A list of regions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    items: [Region; REGIONS_MAX],
    len: usize,
}

impl Regions {
    /// A list of `regions`, if they are not too many.
    pub fn new(regions: &[Region]) -> Option<Regions> {
        let mut list = Regions { len: regions.len(), ..Regions::default() };
        list.items.get_mut(..regions.len())?.copy_from_slice(regions);
        Some(list)
    }

    /// The regions.
    pub fn as_slice(&self) -> &[Region] {
        &self.items[..self.len]
    }
}

/// A number for a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VringState {
    /// Which queue.
    pub index: u32,
    /// The number.
    pub num: u32,
}

/// Where the parts of a queue are, as the front-end's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VringAddr {
    /// Which queue.
    pub index: u32,
    /// Descriptor area.
    pub descriptors: u64,
    /// Device area (used ring).
    pub device: u64,
    /// Driver area (available ring).
    pub driver: u64,
}

/// Bits of the event whose handle travels with the message, or none: the queue is polled, or its driver is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VringEvent {
    /// Which queue.
    pub index: u8,
    /// Bits of the event.
    pub bits: Option<u32>,
}

/// What a front-end says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Which virtio features does the device offer? Answer: a number.
    GetFeatures,
    /// The features that were agreed upon.
    SetFeatures(u64),
    /// The channel is this front-end's.
    SetOwner,
    /// Which protocol features are there? Answer: a number.
    GetProtocolFeatures,
    /// Those that will be used.
    SetProtocolFeatures(u64),
    /// The guest's memory; a handle for each region.
    SetMemTable(Regions),
    /// Entries of a queue.
    SetVringNum(VringState),
    /// Addresses of a queue.
    SetVringAddr(VringAddr),
    /// Where a queue begins: the next available entry.
    SetVringBase(VringState),
    /// Stop the queue. Answer: where it has stopped.
    GetVringBase(VringState),
    /// By what the queue is kicked.
    SetVringKick(VringEvent),
    /// By what the driver is told of used buffers.
    SetVringCall(VringEvent),
    /// Start (1) or pause (0) the queue.
    SetVringEnable(VringState),
    /// Bytes of configuration space: offset, length. Answer: the bytes.
    GetConfig(u32, u32),
    /// To which user context and vector do a queue's virtual event interrupts go? Answer: the vector, and the context's handle.
    GetVringVei(VringState),
}

/// What a backend answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A number: features, or 0 for "done" where an answer was asked for.
    Number(u64),
    /// Where a queue has stopped, or a vector.
    State(VringState),
    /// Configuration space.
    Config([u8; CONFIG_MAX], usize),
}

/// A message as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    bytes: [u8; MESSAGE_MAX],
    len: usize,
}

impl Encoded {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Why a message can't be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadMessage {
    /// It is shorter than it says, or than it must be.
    Short,
    /// No request has this number.
    Unknown(u32),
    /// Not version 1, or an answer where a request was expected (and the other way round).
    Flags(u32),
    /// A field is out of range.
    Range,
}

/// The numbers of the protocol's requests.
mod number {
    pub const GET_FEATURES: u32 = 1;
    pub const SET_FEATURES: u32 = 2;
    pub const SET_OWNER: u32 = 3;
    pub const SET_MEM_TABLE: u32 = 5;
    pub const SET_VRING_NUM: u32 = 8;
    pub const SET_VRING_ADDR: u32 = 9;
    pub const SET_VRING_BASE: u32 = 10;
    pub const GET_VRING_BASE: u32 = 11;
    pub const SET_VRING_KICK: u32 = 12;
    pub const SET_VRING_CALL: u32 = 13;
    pub const GET_PROTOCOL_FEATURES: u32 = 15;
    pub const SET_PROTOCOL_FEATURES: u32 = 16;
    pub const SET_VRING_ENABLE: u32 = 18;
    pub const GET_CONFIG: u32 = 24;
    /// Of this host alone.
    pub const GET_VRING_VEI: u32 = 0x4841;
}

impl Request {
    fn number(&self) -> u32 {
        match self {
            Request::GetFeatures => number::GET_FEATURES,
            Request::SetFeatures(_) => number::SET_FEATURES,
            Request::SetOwner => number::SET_OWNER,
            Request::GetProtocolFeatures => number::GET_PROTOCOL_FEATURES,
            Request::SetProtocolFeatures(_) => number::SET_PROTOCOL_FEATURES,
            Request::SetMemTable(_) => number::SET_MEM_TABLE,
            Request::SetVringNum(_) => number::SET_VRING_NUM,
            Request::SetVringAddr(_) => number::SET_VRING_ADDR,
            Request::SetVringBase(_) => number::SET_VRING_BASE,
            Request::GetVringBase(_) => number::GET_VRING_BASE,
            Request::SetVringKick(_) => number::SET_VRING_KICK,
            Request::SetVringCall(_) => number::SET_VRING_CALL,
            Request::SetVringEnable(_) => number::SET_VRING_ENABLE,
            Request::GetConfig(..) => number::GET_CONFIG,
            Request::GetVringVei(_) => number::GET_VRING_VEI,
        }
    }

    /// Whether the protocol has an answer of its own for it.
    pub fn is_answered(&self) -> bool {
        matches!(
            self,
            Request::GetFeatures
                | Request::GetProtocolFeatures
                | Request::GetVringBase(_)
                | Request::GetConfig(..)
                | Request::GetVringVei(_)
        )
    }

    /// The message. The rest is asked to be acknowledged, so that the front-end knows when it has happened.
    pub fn encode(&self) -> Encoded {
        let flags = if self.is_answered() { VERSION } else { VERSION | FLAG_NEED_REPLY };
        let mut writer = Writer::new(self.number(), flags);
        match *self {
            Request::GetFeatures | Request::SetOwner | Request::GetProtocolFeatures => {}
            Request::SetFeatures(bits) | Request::SetProtocolFeatures(bits) => writer.u64(bits),
            Request::SetMemTable(ref regions) => {
                writer.u32(regions.len as u32);
                writer.u32(0);
                for region in regions.as_slice() {
                    [region.gpa, region.size, region.user, region.offset].into_iter().for_each(|word| writer.u64(word));
                }
            }
            Request::SetVringNum(state)
            | Request::SetVringBase(state)
            | Request::GetVringBase(state)
            | Request::SetVringEnable(state)
            | Request::GetVringVei(state) => writer.state(state),
            Request::SetVringAddr(addr) => {
                writer.u32(addr.index);
                writer.u32(0);
                // The last is the address of a log of writes, which nobody keeps.
                [addr.descriptors, addr.device, addr.driver, 0].into_iter().for_each(|word| writer.u64(word));
            }
            Request::SetVringKick(event) | Request::SetVringCall(event) => {
                let bits = event.bits.map_or(NO_EVENT, |bits| u64::from(bits) << 32);
                writer.u64(u64::from(event.index) | bits);
            }
            Request::GetConfig(offset, len) => {
                [offset, len, 0].into_iter().for_each(|word| writer.u32(word));
            }
        }
        writer.finish()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn decode(bytes: &[u8]) -> Result<Request, BadMessage> {
        let (number, flags, mut reader) = Reader::open(bytes)?;
        if flags & !FLAG_NEED_REPLY != VERSION {
            return Err(BadMessage::Flags(flags));
        }
        let request = match number {
            number::GET_FEATURES => Request::GetFeatures,
            number::SET_FEATURES => Request::SetFeatures(reader.u64()?),
            number::SET_OWNER => Request::SetOwner,
            number::GET_PROTOCOL_FEATURES => Request::GetProtocolFeatures,
            number::SET_PROTOCOL_FEATURES => Request::SetProtocolFeatures(reader.u64()?),
            number::SET_MEM_TABLE => Request::SetMemTable(mem_table(&mut reader)?),
            number::SET_VRING_NUM => Request::SetVringNum(reader.state()?),
            number::SET_VRING_ADDR => {
                let index = reader.u32()?;
                let _flags = reader.u32()?;
                let [descriptors, device, driver] = [reader.u64()?, reader.u64()?, reader.u64()?];
                Request::SetVringAddr(VringAddr { index, descriptors, device, driver })
            }
            number::SET_VRING_BASE => Request::SetVringBase(reader.state()?),
            number::GET_VRING_BASE => Request::GetVringBase(reader.state()?),
            number::SET_VRING_KICK => Request::SetVringKick(event(&mut reader)?),
            number::SET_VRING_CALL => Request::SetVringCall(event(&mut reader)?),
            number::SET_VRING_ENABLE => Request::SetVringEnable(reader.state()?),
            number::GET_CONFIG => Request::GetConfig(reader.u32()?, reader.u32()?),
            number::GET_VRING_VEI => Request::GetVringVei(reader.state()?),
            other => return Err(BadMessage::Unknown(other)),
        };
        Ok(request)
    }
}

fn mem_table(reader: &mut Reader<'_>) -> Result<Regions, BadMessage> {
    let len = reader.u32()? as usize;
    let _padding = reader.u32()?;
    if len > REGIONS_MAX {
        return Err(BadMessage::Range);
    }
    let mut regions = Regions { len, ..Regions::default() };
    for region in &mut regions.items[..len] {
        *region = Region { gpa: reader.u64()?, size: reader.u64()?, user: reader.u64()?, offset: reader.u64()? };
    }
    Ok(regions)
}

fn event(reader: &mut Reader<'_>) -> Result<VringEvent, BadMessage> {
    let word = reader.u64()?;
    let bits = if word & NO_EVENT != 0 { None } else { Some((word >> 32) as u32) };
    Ok(VringEvent { index: (word & INDEX) as u8, bits })
}

impl Reply {
    /// The answer to `request`.
    pub fn encode(&self, request: &Request) -> Encoded {
        let mut writer = Writer::new(request.number(), VERSION | FLAG_REPLY);
        match *self {
            Reply::Number(number) => writer.u64(number),
            Reply::State(state) => writer.state(state),
            Reply::Config(ref bytes, len) => {
                [0, len as u32, 0].into_iter().for_each(|word| writer.u32(word));
                writer.bytes(&bytes[..len]);
            }
        }
        writer.finish()
    }

    /// Reads the answer to `request`.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn decode(request: &Request, bytes: &[u8]) -> Result<Reply, BadMessage> {
        let (number, flags, mut reader) = Reader::open(bytes)?;
        if flags != VERSION | FLAG_REPLY {
            return Err(BadMessage::Flags(flags));
        }
        if number != request.number() {
            return Err(BadMessage::Unknown(number));
        }
        Ok(match request {
            Request::GetVringBase(_) | Request::GetVringVei(_) => Reply::State(reader.state()?),
            Request::GetConfig(..) => {
                let [_offset, len, _flags] = [reader.u32()?, reader.u32()?, reader.u32()?];
                let len = len as usize;
                let mut config = [0; CONFIG_MAX];
                config.get_mut(..len).ok_or(BadMessage::Range)?.copy_from_slice(reader.bytes(len)?);
                Reply::Config(config, len)
            }
            _ => Reply::Number(reader.u64()?),
        })
    }
}

#[cfg(test)]
mod tests;
