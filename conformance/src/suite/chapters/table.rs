//! Snippets that walk over a table of operands and expected values, and stop at the first row that is wrong.

use rv_isa::asm::{self, A0, S0, S1};

use crate::suite::case::{Case, TABLE};

/// Values at which integer arithmetic goes wrong, if it does.
pub const CORNERS: [u64; 18] = [
    0,
    1,
    2,
    31,
    32,
    63,
    64,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0xffff_ffff_8000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
    0x5555_5555_5555_5555,
    0x0123_4567_89ab_cdef,
    0x00ff_80fe_7f01_8000,
];

/// All pairs of [`CORNERS`].
pub fn pairs() -> impl Iterator<Item = (u64, u64)> {
    CORNERS.into_iter().flat_map(|a| CORNERS.into_iter().map(move |b| (a, b)))
}

/// Adds a loop to `case`: for each row, `body` finds s0 at the row, and leaves the loop with a branch to offset `out` if a value is wrong. a0
/// counts the rows that were right, so that it is the number of all rows in the end.
///
/// `body` gets the offset of the loop's end from the start of each of its instructions: it is called with the number of its own instructions.
pub fn walk(case: Case, width: usize, rows: &[u64], body: &[Step]) -> Case {
    let count = rows.len() / width;
    let mut case = case.x(S0, TABLE).x(S1, count as u64).x(A0, 0);
    case.table.extend(rows);
    let length = body.len() + 3;
    let mut words: Vec<u32> = body
        .iter()
        .enumerate()
        .map(|(at, step)| match *step {
            Step::Do(word) => word,
            Step::LeaveUnlessEqual(a, b) => asm::bne(a, b, 4 * (length - at) as i32),
        })
        .collect();
    words.push(asm::addi(S0, S0, 8 * width as i32));
    words.push(asm::addi(A0, A0, 1));
    words.push(asm::bne(A0, S1, -4 * (length as i32 - 1)));
    case.runs(&words).completes().reg(A0, count as u64)
}

/// An instruction of a walk.
pub enum Step {
    /// This one.
    Do(u32),
    /// Ends the walk unless two registers are equal.
    LeaveUnlessEqual(u8, u8),
}

/// Reads column `column` of the row.
pub fn column(rd: u8, column: i32) -> Step {
    Step::Do(asm::ld(rd, S0, 8 * column))
}
