//! Behaviour of the finisher: a write of a known command is kept until the board takes it.

use super::registers::{FAIL, PASS, RESET, check};
use super::state::{Finish, FinisherState};
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// SiFive's test finisher.
#[derive(Debug, Clone, Default)]
pub struct Finisher {
    state: FinisherState,
}

impl Finisher {
    /// A finisher that was told nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the verdict, if one was written since the last call.
    pub fn take_finish(&mut self) -> Option<Finish> {
        self.state.finish.take()
    }
}

impl Device for Finisher {
    fn read(&mut self, offset: u64, width: Width, _now: Cycles) -> Result<u64, AccessError> {
        check(offset, width)?;
        Ok(0)
    }

    fn write(&mut self, offset: u64, width: Width, value: u64, _now: Cycles) -> Result<(), AccessError> {
        check(offset, width)?;
        let code = if width == Width::Word { (value >> 16) as u16 } else { 0 };
        match value as u16 {
            PASS => self.state.finish = Some(Finish::Pass),
            FAIL => self.state.finish = Some(Finish::Fail(code)),
            RESET => self.state.finish = Some(Finish::Reset),
            // Other values have no meaning; the hardware ignores them and so do we.
            _ => {}
        }
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Persist for Finisher {
    type State = FinisherState;

    fn save(&self) -> FinisherState {
        self.state
    }

    fn restore(state: FinisherState) -> Result<Self, RestoreError> {
        Ok(Self { state })
    }
}
