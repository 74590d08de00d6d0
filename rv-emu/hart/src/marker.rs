//! Software markers: `slti x0, x0, N` with N from 1 to 2047.
//!
//! The unprivileged specification sets this HINT apart for custom use ("HINT Instructions"), so it is a no-op on every other machine. Here it
//! tells the machine that software has reached a point that a measurement cares about; the machine may take a snapshot of the counters, or
//! charge modelled cycles. It retires as one instruction. What the numbers mean is between software and the machine.

/// The marker `number` as an instruction.
pub const fn encode(number: u16) -> u32 {
    assert!(number >= 1 && number <= 2047, "markers have numbers from 1 to 2047");
    (number as u32) << 20 | 0x2013
}
