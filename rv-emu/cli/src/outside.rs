//! What is outside of a running machine, the terminal and the networks: it gets in and out between two slices of the run.

use std::time::Duration;

use anyhow::{Context, Result};
use rv_devices::virtio::Kind;
use rv_machine::Machine;

use crate::args::{Idle, RunArgs};
use crate::console::{Console, Input};
use crate::network::Networks;
use crate::pace::Pace;

/// Virtual time between two looks at the outside.
const SLICE: u64 = 2_000_000;
/// The same, of a machine that sleeps: it shall not wake the host for nothing.
const SLICE_ASLEEP: u64 = 20_000_000;
/// The same, of a machine with a network: so long is a frame on its way.
const SLICE_NETWORK: u64 = 200_000;
/// Longest time that the host waits for input without looking at the machine.
const IDLE: Duration = Duration::from_millis(200);
/// The same, while it waits for a network: how long the console may wait for its turn.
const TURN: Duration = Duration::from_millis(20);

/// The outside of one machine.
pub struct Outside {
    console: Console,
    networks: Networks,
    /// The slot of the console that the terminal is connected to, if it is not the serial port.
    terminal: Option<usize>,
    input_open: bool,
    idle: Idle,
    pace: Pace,
    output: Vec<u8>,
}

impl Outside {
    /// Opens what the options ask for.
    pub fn open(args: &RunArgs, machine: &Machine) -> Result<Self> {
        Ok(Self {
            networks: Networks::open(&args.machine.nets, machine)?,
            console: Console::open(&args.serial)?,
            terminal: machine.board.slots(Kind::Console).next(),
            input_open: true,
            idle: args.idle,
            pace: Pace::new(),
            output: Vec::new(),
        })
    }

    /// How long the machine may run until the next look. Frames move between slices: a machine with a network has short ones.
    pub fn slice(&self, asleep: bool) -> u64 {
        match asleep {
            _ if !self.networks.is_empty() => SLICE_NETWORK,
            true => SLICE_ASLEEP,
            false => SLICE,
        }
    }

    /// Whether something may still come in.
    pub fn may_send(&self) -> bool {
        self.input_open || self.networks.reach_out()
    }

    /// Takes what the machine has for the outside. Whether some of it came back to the machine, by a wire.
    pub fn take(&mut self, machine: &mut Machine) -> Result<bool> {
        machine.drain_output(&mut self.output);
        if let Some(slot) = self.terminal {
            machine.board.drain_console(slot, &mut self.output);
        }
        if !self.output.is_empty() {
            self.console.print(&self.output).context("can't write what the serial port sends")?;
            self.output.clear();
        }
        Ok(self.networks.exchange(machine))
    }

    /// Gives the machine what has come for it, and waits for that while virtual time is ahead, or for long if nothing
    /// else can wake the machine. `false` if the user leaves.
    pub fn give(&mut self, machine: &mut Machine, idle: bool) -> bool {
        let ahead = self.pace.ahead(machine.now()).filter(|_| self.idle.waits(self.may_send()));
        let input = match ahead {
            _ if idle => self.wait(machine, IDLE),
            Some(ahead) => self.wait(machine, ahead),
            None => self.console.poll(),
        };
        match (input, self.terminal) {
            (Input::Bytes(bytes), Some(slot)) => machine.board.push_console(slot, &bytes),
            (Input::Bytes(bytes), None) => machine.board.push_input(&bytes),
            (Input::Closed, _) => self.input_open = false,
            (Input::Quit, _) => return false,
        }
        true
    }

    /// Waits for what may come, but no longer than `limit`.
    fn wait(&mut self, machine: &mut Machine, limit: Duration) -> Input {
        if !self.networks.reach_out() {
            return self.console.wait(limit.min(IDLE));
        }
        self.networks.wait(machine, limit.min(TURN));
        self.console.poll()
    }
}
