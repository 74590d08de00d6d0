//! What is in the virtio slots, in order: disks, a console, a source of random bytes, network cards, folders of the
//! host.

use anyhow::Result;
use clap::ValueEnum;
use rv_devices::VirtioSlot;
use rv_machine::CostModel;

use super::{MachineArgs, drive};

/// The device that the terminal is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsoleArg {
    /// The serial port (Linux: console=ttyS0).
    Uart,
    /// A virtio console (Linux: console=hvc0). What the serial port sends is printed too.
    Virtio,
}

/// Opens what goes into the slots.
pub fn open(args: &MachineArgs, costs: &CostModel) -> Result<Vec<VirtioSlot>> {
    let mut slots = drive::open(&args.drives, costs)?;
    if args.console == ConsoleArg::Virtio {
        slots.push(VirtioSlot::with_console());
    }
    if args.rng {
        slots.push(VirtioSlot::with_rng(args.seed));
    }
    slots.extend(args.nets.iter().enumerate().map(|(number, net)| VirtioSlot::with_net(net.mac(number))));
    for share in &args.shares {
        slots.push(share.open()?);
    }
    Ok(slots)
}
