//! Two machines in one process, each with a network card, joined by a cable: with Linux on both, they can ping each other.
//!
//! ```text
//! cargo run --release -p rv-machine --example cable -- FIRMWARE KERNEL INITRD
//! ```
//!
//! Both boot the same files; `machine=1` and `machine=2` on the kernel's command line tell which is which. What they print
//! comes with the machine's number. The run ends when one of them powers off, and is the same run every time: nothing comes
//! in from outside.

use std::error::Error;
use std::path::Path;

use rv_devices::VirtioSlot;
use rv_machine::{Image, Limits, Machine, MachineConfig, Software, Stop};

/// How long the cable is, in cycles: frames are carried at the end of each slice.
const SLICE: u64 = 100_000;
/// The cards' slot.
const PORT: usize = 0;

fn machine(number: u8, files: &[String; 3]) -> Result<Machine, Box<dyn Error>> {
    let [firmware, kernel, initrd] = files;
    let virtio = vec![VirtioSlot::with_net([2, 0, 0, 0, 0, number]), VirtioSlot::with_rng(number.into())];
    let mut machine = Machine::new(MachineConfig { memory: 512 << 20, virtio, ..MachineConfig::default() })?;
    machine.load(&Software {
        bios: Some(Image::open(Path::new(firmware))?),
        kernel: Some(Image::open(Path::new(kernel))?),
        initrd: Some(std::fs::read(initrd)?),
        append: Some(format!("console=ttyS0 quiet machine={number}")),
        ..Software::default()
    })?;
    Ok(machine)
}

/// Prints whole lines, with the machine's number.
fn print(number: usize, machine: &mut Machine, line: &mut Vec<u8>) {
    machine.drain_output(line);
    while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
        let text: Vec<u8> = line.drain(..=end).collect();
        println!("{number}: {}", String::from_utf8_lossy(&text).trim_end());
    }
}

fn carry(from: &mut Machine, to: &mut Machine) -> u64 {
    let mut count = 0;
    while to.board.frame_room(PORT) > 0
        && let Some(frame) = from.board.take_frame(PORT)
    {
        // There is room, and a card's frames have a length that another takes.
        count += u64::from(to.board.push_frame(PORT, &frame).is_ok());
    }
    count
}

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let files = files.try_into().map_err(|_| "usage: cable FIRMWARE KERNEL INITRD")?;
    let (mut first, mut second) = (machine(1, &files)?, machine(2, &files)?);
    let mut lines = [Vec::new(), Vec::new()];
    let mut carried = 0;
    let mut turn = 0;
    loop {
        let (now, line) = if turn == 0 { (&mut first, 0) } else { (&mut second, 1) };
        let stop = now.run(&Limits { max_insns: None, slice: Some(SLICE) });
        print(line + 1, now, &mut lines[line]);
        carried += carry(&mut first, &mut second) + carry(&mut second, &mut first);
        match stop {
            // The machine that is behind in time goes next.
            Stop::Slice => turn = usize::from(second.now() < first.now()),
            // It waits for a frame, and that can only come from the other one.
            Stop::Idle => turn = 1 - turn,
            stop => {
                println!("machine {} ended: {stop:?}; {carried} frames were carried", line + 1);
                return Ok(());
            }
        }
    }
}
