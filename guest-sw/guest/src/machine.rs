//! The machine, as its device tree says, and a guest's way from start to end.

use fdt::{Fdt, Node};
use virtio::{Arena, Doorbell, Transport};

use crate::clock::Clock;
use crate::interrupts::Style;
use crate::{Stop, console, memory, sbi};

/// What interrupt controllers of the kind that is known here call themselves.
pub(crate) const PLICS: &[&str] = &["sifive,plic-1.0.0", "riscv,plic0"];

/// The cause by which an interrupt controller refers to supervisor mode's external interrupts.
const SUPERVISOR_EXTERNAL: u32 = 9;

/// What a guest has.
#[derive(Debug)]
pub struct Machine {
    /// Its device tree.
    pub tree: Fdt<'static>,
    /// The hart that it runs on.
    pub hart: usize,
    /// Memory that nothing lies in.
    pub arena: Arena,
    /// Its clock.
    pub clock: Clock,
}

/// A device that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its registers.
    pub base: usize,
    /// How it is told of requests.
    pub doorbell: Doorbell,
    /// How it interrupts.
    pub style: Style,
}

/// Runs a guest to its end.
///
/// # Safety
/// `hart` and `blob` are what the boot protocol passes in a0 and a1; the device tree stays as it is for ever.
pub unsafe fn run(hart: usize, blob: *const u8, guest: fn(Machine) -> Result<bool, Stop>) -> ! {
    // SAFETY: the caller vouches for it.
    let well = match unsafe { Fdt::at(blob) } {
        Ok(tree) => match Machine::new(tree, hart).and_then(guest) {
            Ok(right) => right,
            Err(stop) => {
                console::complain(format_args!("{stop}"));
                false
            }
        },
        Err(_) => {
            console::complain(format_args!("no device tree"));
            false
        }
    };
    sbi::exit(well)
}

impl Machine {
    fn new(tree: Fdt<'static>, hart: usize) -> Result<Self, Stop> {
        let arena = memory::map(&tree)?;
        let frequency = tree.find("/cpus").and_then(|cpus| cpus.number("timebase-frequency"));
        let frequency = frequency.filter(|&frequency| frequency > 0);
        let clock = Clock::new(frequency.ok_or(Stop::Other("the device tree has no timebase-frequency"))?);
        Ok(Self { tree, hart, arena, clock })
    }

    /// The first virtio device of a type.
    pub fn device(&self, id: u32) -> Result<Device, Stop> {
        let nodes = self.tree.compatible("virtio,mmio");
        let mut found = nodes.filter_map(|node| Some((node, node.regions().next()?.0 as usize)));
        let is_one = |&(_, base): &(Node<'_>, usize)| {
            // SAFETY: the device tree says that it is there, and it is mapped.
            let transport = unsafe { Transport::new(base, Doorbell::Store) };
            transport.device_id() == Ok(id)
        };
        let (node, base) = found.find(is_one).ok_or(Stop::Other(match id {
            virtio::block::DEVICE_ID => "no virtio block device",
            virtio::net::DEVICE_ID => "no virtio network device",
            _ => "no such virtio device",
        }))?;
        let doorbell = match node.number("haiov,veirq") {
            Some(first) => Doorbell::Vei(first as usize),
            None => Doorbell::Store,
        };
        Ok(Device { base, doorbell, style: self.style(&node)? })
    }

    fn style(&self, node: &Node<'_>) -> Result<Style, Stop> {
        if node.property("hyp,message-interrupt").is_some() {
            return Ok(Style::Message);
        }
        let Some(plic) = PLICS.iter().find_map(|name| self.tree.compatible(name).next()) else {
            return Ok(Style::Line);
        };
        let wrong = Stop::Other("the device tree's interrupts aren't understood");
        let (base, _) = plic.regions().next().ok_or(wrong)?;
        let source = node.property("interrupts").and_then(|value| word(value, 0)).ok_or(wrong)? as usize;
        let context = self.context(&plic).ok_or(wrong)?;
        Ok(Style::Plic { base: base as usize, context, source })
    }

    /// Which of an interrupt controller's contexts is supervisor mode of this hart: the position of the hart's own
    /// controller and the cause in its list.
    fn context(&self, plic: &Node<'_>) -> Option<usize> {
        let is_this = |node: &Node<'_>| {
            node.depth() == 2 && node.is_called("cpu") && node.regions().next() == Some((self.hart as u64, 0))
        };
        let own = self.tree.nodes().skip_while(|node| !is_this(node)).skip(1).take_while(|node| node.depth() > 2);
        let phandle = own.filter_map(|node| node.number("phandle")).next()? as u32;
        let list = plic.property("interrupts-extended")?;
        let entries = 0..list.len() / 8;
        let is_own = |&entry: &usize| {
            word(list, entry * 2) == Some(phandle) && word(list, entry * 2 + 1) == Some(SUPERVISOR_EXTERNAL)
        };
        entries.into_iter().find(is_own)
    }
}

/// The big-endian word number `index` of a property.
fn word(value: &[u8], index: usize) -> Option<u32> {
    let bytes = value.get(index * 4..index * 4 + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
