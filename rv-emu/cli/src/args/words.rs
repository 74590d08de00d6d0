//! Options that are lists of words, such as `file=disk.img,readonly`: how they are cut and joined, and which words each option has. On the
//! command line they are text; in a machine file they may be tables.

use super::{drive, share};

/// What a word's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// It has none: it is there or not.
    Flag,
    /// A number of bytes: MiB, or with a suffix.
    Size,
    /// A file of the host.
    Path,
    /// Text.
    Text,
}

/// A word that an option knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// What stands before the `=`.
    pub key: &'static str,
    /// What stands behind it.
    pub kind: WordKind,
    /// What it means.
    pub help: &'static str,
}

/// The words of each option that has words, by its long name.
const OPTIONS: [(&str, &[Word]); 2] = [("drive", drive::WORDS), ("share", share::WORDS)];

/// The words that an option knows; `None` if it isn't made of words.
pub fn of(option: &str) -> Option<&'static [Word]> {
    OPTIONS.iter().find(|(name, _)| *name == option).map(|(_, words)| *words)
}

/// Cuts a text into words: keys, and values if they have any. A comma in a value is doubled.
pub fn split(text: &str) -> Vec<(String, Option<String>)> {
    // No argument of a program has NUL in it.
    let escaped = text.replace(",,", "\0");
    let word = |word: &str| {
        let word = word.replace('\0', ",");
        match word.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (word, None),
        }
    };
    escaped.split(',').map(word).collect()
}

/// The text of words: what [`split`] undoes.
pub fn join(words: &[(String, Option<String>)]) -> String {
    let word = |(key, value): &(String, Option<String>)| match value {
        Some(value) => format!("{key}={}", value.replace(',', ",,")),
        None => key.clone(),
    };
    words.iter().map(word).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_and_joined() {
        let words = split("file=a,,b=c,readonly,id=");
        let expected = [("file", Some("a,b=c")), ("readonly", None), ("id", Some(""))];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(words, expected);
        assert_eq!(join(&words), "file=a,,b=c,readonly,id=");
        assert_eq!(split(""), [(String::new(), None)]);
    }
}
