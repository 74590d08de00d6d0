//! The run loop of a recorded run: the blocks of [`super::run`], one instruction at a time.

use super::{Hart, Stop};
use crate::bus::Bus;
use crate::interp::block::Kind;
use crate::interp::handlers;
use crate::record::Observer;

impl Hart {
    /// As [`Hart::run`], cycle for cycle, and shows each step to `observer`. It takes several times as long.
    pub fn run_recorded(&mut self, bus: &mut dyn Bus, until: u64, observer: &mut dyn Observer) -> Stop {
        self.start_recording(true);
        self.limit = 0;
        let stop = loop {
            if self.must_stop() {
                let stop = self.look_around(bus, until);
                self.show_interrupts(observer);
                if let Some(stop) = stop {
                    break stop;
                }
            }
            self.run_block_recorded(bus, observer);
        };
        self.stop_recording();
        self.account();
        stop
    }

    /// As [`Hart::run_block`], one instruction at a time, each shown to `observer`.
    fn run_block_recorded(&mut self, bus: &mut dyn Bus, observer: &mut dyn Observer) {
        self.begin_step(None, false);
        let Some(mut op) = self.next_ops(bus) else {
            if self.step_trapped() {
                self.end_step(self.state.pc, self.state.cycles, self.state.retired);
                self.show_step(observer);
            }
            return;
        };
        loop {
            // SAFETY: every block, and every part that `cut` makes, ends with an instruction that ends it: then the loop is left.
            let this = unsafe { &*op };
            self.begin_at(this.pc(self.page), this.operands.raw, this.kind == Kind::Foreign);
            // SAFETY: as above.
            let goes_on = unsafe { handlers::run_watched(self, op, bus) };
            if this.kind == Kind::End {
                return;
            }
            if !goes_on {
                self.end_step(self.state.pc, self.state.cycles, self.state.retired);
                return self.show_step(observer);
            }
            // SAFETY: as above.
            op = unsafe { op.add(1) };
            let next_pc = match this.kind {
                // SAFETY: as above. A jump that is followed is never a block's last.
                Kind::Followed => unsafe { (*op).pc(self.page) },
                _ => this.next_pc(self.page),
            };
            let cycles = self.state.cycles + u64::from(this.cost);
            self.end_step(next_pc, cycles, self.state.retired + u64::from(this.index) + 1);
            self.show_step(observer);
        }
    }
}
