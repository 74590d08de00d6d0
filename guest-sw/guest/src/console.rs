//! Lines for whoever runs the guest. Each is put together first and written at once, so that those of several
//! guests don't mix.

use core::fmt::{self, Write};

use crate::sbi;

/// The longest line.
const LINE_MAX: usize = 8 << 10;

/// A line under construction; what doesn't fit is left out.
struct Line {
    bytes: [u8; LINE_MAX],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..LINE_MAX - 1];
        let taken = text.len().min(room.len());
        room[..taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

/// Prints a line.
pub fn print(text: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; LINE_MAX], len: 0 };
    let _ = line.write_fmt(text);
    line.bytes[line.len] = b'\n';
    sbi::write(&line.bytes[..=line.len]);
}

/// Says what went wrong, as a result.
pub fn complain(problem: fmt::Arguments<'_>) {
    print(format_args!("#result {{\"who\":\"guest\",\"error\":\"{problem}\"}}"));
}
