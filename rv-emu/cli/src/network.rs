//! The machine's network cards and what is at the other end of their cables, the host's networks or one another: frames move
//! between two slices of a run.

use std::time::Duration;

use anyhow::{Result, bail};
use rv_backends::nat::{Nat, NatConfig};
use rv_machine::Machine;
use rv_machine::board::CYCLES_PER_SECOND;

use crate::args::NetArg;
use crate::args::net::CableArg;

/// All networks of a machine.
#[derive(Default)]
pub struct Networks {
    /// The slots of cards that lead to the host, and the networks there.
    hosts: Vec<(usize, Nat)>,
    /// The slots of cards that lead to one another.
    wires: Vec<(usize, usize)>,
}

impl Networks {
    /// Opens the networks that were asked for, in the order of the cards.
    ///
    /// # Errors
    /// If the host doesn't give a port, or a wire has not two ends.
    pub fn open(nets: &[NetArg], machine: &Machine) -> Result<Self> {
        let mut networks = Self::default();
        let mut ends: Vec<(&str, usize)> = Vec::new();
        for (slot, net) in machine.board.net_ports().zip(nets) {
            match net.cable() {
                CableArg::User { restrict, forwards } => {
                    let config = NatConfig { restrict: *restrict, forwards: forwards.clone(), ..NatConfig::default() };
                    networks.hosts.push((slot, Nat::new(config)?));
                }
                CableArg::Wire(name) => match ends.iter().position(|(other, _)| other == name) {
                    Some(at) => networks.wires.push((ends.swap_remove(at).1, slot)),
                    None => ends.push((name, slot)),
                },
            }
        }
        match ends.first() {
            Some((name, _)) => bail!("wire={name} has one end: it connects two cards of the machine"),
            None => Ok(networks),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.wires.is_empty()
    }

    /// Whether something may come in from the host.
    pub fn reach_out(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Moves the frames that are there, and has the host's side do what it can without waiting. Whether a wire has moved some.
    pub fn exchange(&mut self, machine: &mut Machine) -> bool {
        let now = virtual_time(machine.now());
        for (slot, nat) in &mut self.hosts {
            while let Some(frame) = machine.board.take_frame(*slot) {
                nat.frame(&frame);
            }
            nat.poll(now, &mut |frame| {
                machine.board.frame_room(*slot) > 0 && machine.board.push_frame(*slot, frame).is_ok()
            });
        }
        let mut moved = false;
        for (a, b) in &self.wires {
            moved |= carry(machine, *a, *b);
            moved |= carry(machine, *b, *a);
        }
        moved
    }

    /// Waits until the host has something for the guest, which then has it, or the time is over.
    pub fn wait(&mut self, machine: &mut Machine, timeout: Duration) {
        let share = timeout / self.hosts.len().max(1) as u32;
        if self.hosts.iter().any(|(_, nat)| nat.wait(share, &[])) {
            self.exchange(machine);
        }
    }
}

/// Carries frames from one card to another, as many as that has room for.
fn carry(machine: &mut Machine, from: usize, to: usize) -> bool {
    let mut moved = false;
    while machine.board.frame_room(to) > 0
        && let Some(frame) = machine.board.take_frame(from)
    {
        // There is room, and a card sends nothing that a card doesn't take.
        moved |= machine.board.push_frame(to, &frame).is_ok();
    }
    moved
}

/// Cycles as time.
pub fn virtual_time(cycles: u64) -> Duration {
    const NANOSECONDS: u64 = 1_000_000_000 / CYCLES_PER_SECOND;
    const _: () = assert!(NANOSECONDS * CYCLES_PER_SECOND == 1_000_000_000);
    Duration::from_nanos(cycles.saturating_mul(NANOSECONDS))
}
