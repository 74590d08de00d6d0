//! What is wrong with a machine file, shown where it is: the line, and carets under what is meant.

use std::fmt;
use std::ops::Range;

/// All that was found in one file.
#[derive(Debug)]
pub struct Complaints {
    file: String,
    text: String,
    /// In the order of the file.
    found: Vec<Complaint>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Bytes of the file.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
}

impl Complaints {
    /// Complaints of a file with this name and text.
    pub fn new(file: &str, text: &str, mut found: Vec<Complaint>) -> Self {
        found.sort_by_key(|complaint| complaint.span.start);
        Self { file: file.to_owned(), text: text.to_owned(), found }
    }

    fn show(&self, complaint: &Complaint, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = floor(&self.text, complaint.span.start);
        let end = floor(&self.text, complaint.span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let number = 1 + self.text[..start].matches('\n').count();
        let before = self.text[line_start..start].chars().count();
        // What goes on over several lines is marked to the end of its first.
        let marked = self.text[start..end].lines().next().unwrap_or_default().chars().count();
        let gutter = " ".repeat(number.to_string().len());
        // A tab before the mark is a tab under it.
        let indent: String = line.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, "{}:{number}:{}: {}", self.file, before + 1, complaint.message)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {line}")?;
        write!(f, "{gutter} | {indent}{}", "^".repeat(marked.max(1)))
    }
}

/// The next lower border between characters.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.found.iter().enumerate() {
            if index > 0 {
                write!(f, "\n\n")?;
            }
            self.show(complaint, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Complaints {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_shown() {
        let text = "a = 1\n\tbé = \"x\"\n";
        let complaint = Complaint { span: 13..16, message: "no".to_owned() };
        let shown = Complaints::new("m.toml", text, vec![complaint]).to_string();
        assert_eq!(shown, "m.toml:2:7: no\n  |\n2 | \tbé = \"x\"\n  | \t     ^^^");
        // Spans at the end, beyond it, and within a character.
        for span in [text.len()..text.len() + 5, 9..9, 8..9] {
            let complaint = Complaint { span, message: "no".to_owned() };
            assert!(Complaints::new("m", text, vec![complaint]).to_string().ends_with('^'));
        }
    }
}
