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
    /// Virtual time up to which the host has had its chance to answer.
    waited: u64,
}

impl Networks {
    /// Opens the networks that were asked for, in the order of the cards.
    pub fn open(nets: &[NetArg], machine: &Machine) -> Result<Self> {
        let cables = machine.board.net_ports().zip(nets).map(|(slot, net)| Ok((slot, net.open()?)));
        Ok(Self { cables: cables.collect::<Result<_>>()?, waited: machine.now() })
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

    /// Lets the host keep up when all harts wait: as much of its time passes as virtual time has, up to `max`, or less if
    /// something comes in. Else the guest's timeouts would be over before anybody can have answered.
    pub fn keep_pace(&mut self, machine: &Machine, max: Duration) {
        let passed = virtual_time(machine.now().saturating_sub(self.waited));
        if !self.is_empty() {
            self.wait(passed.min(max));
        }
        self.waited = machine.now();
    }

    /// Time that harts have worked in needs no waiting for.
    pub fn worked(&mut self, machine: &Machine) {
        self.waited = machine.now();
    }

    /// Waits until the host has something for the guest, or the time is over.
    pub fn wait(&self, timeout: Duration) {
        let share = timeout / self.cables.len().max(1) as u32;
        for (_, nat) in &self.cables {
            if nat.wait(share, &[]) {
                return;
            }
        }
    }
}

/// Cycles as time.
fn virtual_time(cycles: u64) -> Duration {
    const NANOSECONDS: u64 = 1_000_000_000 / CYCLES_PER_SECOND;
    const _: () = assert!(NANOSECONDS * CYCLES_PER_SECOND == 1_000_000_000);
    Duration::from_nanos(cycles.saturating_mul(NANOSECONDS))
}
