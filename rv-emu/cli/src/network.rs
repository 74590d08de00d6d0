//! The machine's network cards and the networks of the host behind them: frames move between two slices of a run.

use std::time::Duration;

use anyhow::Result;
use rv_backends::nat::Nat;
use rv_machine::Machine;
use rv_machine::board::CYCLES_PER_SECOND;

use crate::args::NetArg;

/// All networks of a machine.
pub struct Networks {
    /// The card's slot, and what its cable leads to.
    cables: Vec<(usize, Nat)>,
}

impl Networks {
    /// Opens the networks that were asked for, in the order of the cards.
    pub fn open(nets: &[NetArg], machine: &Machine) -> Result<Self> {
        let cables = machine.board.net_ports().zip(nets).map(|(slot, net)| Ok((slot, net.open()?)));
        Ok(Self { cables: cables.collect::<Result<_>>()? })
    }

    /// Whether there are none: nothing can come in.
    pub fn is_empty(&self) -> bool {
        self.cables.is_empty()
    }

    /// Moves the frames that are there, and has the host's side do what it can without waiting.
    pub fn exchange(&mut self, machine: &mut Machine) {
        let now = virtual_time(machine.now());
        for (slot, nat) in &mut self.cables {
            while let Some(frame) = machine.board.take_frame(*slot) {
                nat.frame(&frame);
            }
            nat.poll(now, &mut |frame| {
                machine.board.frame_room(*slot) > 0 && machine.board.push_frame(*slot, frame).is_ok()
            });
        }
    }

    /// Waits until the host has something for the guest, which then has it, or the time is over.
    pub fn wait(&mut self, machine: &mut Machine, timeout: Duration) {
        let share = timeout / self.cables.len().max(1) as u32;
        if self.cables.iter().any(|(_, nat)| nat.wait(share, &[])) {
            self.exchange(machine);
        }
    }
}

/// Cycles as time.
pub fn virtual_time(cycles: u64) -> Duration {
    const NANOSECONDS: u64 = 1_000_000_000 / CYCLES_PER_SECOND;
    const _: () = assert!(NANOSECONDS * CYCLES_PER_SECOND == 1_000_000_000);
    Duration::from_nanos(cycles.saturating_mul(NANOSECONDS))
}
