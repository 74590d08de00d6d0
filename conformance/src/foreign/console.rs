//! What a program prints: searched while it comes, and kept only in part, as a program may print without end.

/// Bytes kept of a console: the newest.
const KEPT_MAX: usize = 64 << 10;

/// A text that is looked for.
struct Wanted {
    text: String,
    seen: bool,
}

/// A program's console.
pub(super) struct Console {
    kept: Vec<u8>,
    expected: Vec<Wanted>,
    forbidden: Vec<Wanted>,
    /// Bytes of earlier output in which a text may have begun.
    overlap: usize,
}

impl Console {
    /// An empty console on which texts are expected and forbidden.
    pub(super) fn new(expect: &[String], fail_on: &[String]) -> Console {
        let wanted = |texts: &[String]| texts.iter().map(|text| Wanted { text: text.clone(), seen: false }).collect();
        let longest = expect.iter().chain(fail_on).map(String::len).max().unwrap_or(0);
        let overlap = longest.saturating_sub(1);
        Console { kept: Vec::new(), expected: wanted(expect), forbidden: wanted(fail_on), overlap }
    }

    /// Takes what was printed; `printed` is empty afterwards.
    pub(super) fn take(&mut self, printed: &mut Vec<u8>) {
        if printed.is_empty() {
            return;
        }
        let from = self.kept.len().saturating_sub(self.overlap);
        self.kept.append(printed);
        let new = &self.kept[from..];
        for wanted in self.expected.iter_mut().chain(&mut self.forbidden) {
            wanted.seen |= contains(new, wanted.text.as_bytes());
        }
        let keep = KEPT_MAX.max(self.overlap);
        if self.kept.len() > keep {
            self.kept.drain(..self.kept.len() - keep);
        }
    }

    /// A text that was printed although it must not be.
    pub(super) fn forbidden(&self) -> Option<&str> {
        self.forbidden.iter().find(|wanted| wanted.seen).map(|wanted| wanted.text.as_str())
    }

    /// An expected text that was not printed so far.
    pub(super) fn missing(&self) -> Option<&str> {
        self.expected.iter().find(|wanted| !wanted.seen).map(|wanted| wanted.text.as_str())
    }

    /// Texts were expected, and all of them were printed.
    pub(super) fn as_expected(&self) -> bool {
        !self.expected.is_empty() && self.missing().is_none()
    }

    /// The newest part of what was printed.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

/// The last `lines` lines of a console's text, without what would move a terminal's cursor.
pub fn printable(text: &str, lines: usize) -> Vec<String> {
    let clean = |line: &str| {
        let kept = line.trim_end_matches('\r').chars();
        kept.map(|c| if c.is_control() && c != '\t' { '.' } else { c }).collect::<String>()
    };
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| clean(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console() -> Console {
        Console::new(&["PASS".to_owned(), "done".to_owned()], &["FAIL".to_owned()])
    }

    #[test]
    fn texts_are_found_across_pieces() {
        let mut console = console();
        for piece in ["one PA", "S", "S\nFAI", "\n"] {
            console.take(&mut piece.as_bytes().to_vec());
        }
        assert_eq!((console.missing(), console.forbidden()), (Some("done"), None));
        assert!(!console.as_expected());
        console.take(&mut b"done FAIL".to_vec());
        assert_eq!((console.as_expected(), console.forbidden()), (true, Some("FAIL")));
    }

    #[test]
    fn endless_output_is_kept_in_part() {
        let mut console = console();
        console.take(&mut b"PASS".to_vec());
        for _ in 0..100 {
            console.take(&mut vec![b'x'; 4096]);
        }
        console.take(&mut b"done".to_vec());
        assert!(console.as_expected());
        assert_eq!(console.text().len(), KEPT_MAX);
        assert!(console.text().ends_with("xdone"));
    }

    #[test]
    fn nothing_expected_is_not_as_expected() {
        assert!(!Console::new(&[], &[]).as_expected());
    }

    #[test]
    fn the_last_lines_are_harmless() {
        assert_eq!(printable("a\r\nb\x1b[2J\tc\n\n", 2), ["a", "b.[2J\tc"]);
        assert_eq!(printable("a\nb\nc", 1), ["c"]);
        assert!(printable("", 20).is_empty());
    }
}
