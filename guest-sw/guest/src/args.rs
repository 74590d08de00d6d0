//! The command line: words of the form `key=value`. A word that nobody knows is an error, for a measurement with a
//! mistyped option is a measurement of something else.

use core::fmt;

use virtio::Layout;

/// The longest part of a wrong word that is kept to complain of.
const WORD_MAX: usize = 40;

/// A word that isn't understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    problem: &'static str,
    word: [u8; WORD_MAX],
    len: usize,
}

impl Error {
    /// What is wrong with a word.
    pub fn new(problem: &'static str, word: &str) -> Self {
        let mut kept = [0; WORD_MAX];
        let len = word.len().min(WORD_MAX);
        kept[..len].copy_from_slice(&word.as_bytes()[..len]);
        Self { problem, word: kept, len }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.problem)?;
        // It goes into a line of JSON.
        let plain = |byte: u8| if byte.is_ascii_graphic() && !b"\"\\".contains(&byte) { byte as char } else { '?' };
        self.word[..self.len].iter().try_for_each(|&byte| write!(out, "{}", plain(byte)))
    }
}

/// One word.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    /// Before the `=`.
    pub key: &'a str,
    /// Behind it.
    pub value: &'a str,
    whole: &'a str,
}

/// The words of a command line.
pub fn words(line: &str) -> impl Iterator<Item = Result<Word<'_>, Error>> {
    line.split_ascii_whitespace().map(|whole| match whole.split_once('=') {
        Some((key, value)) => Ok(Word { key, value, whole }),
        None => Err(Error::new("not key=value", whole)),
    })
}

impl Word<'_> {
    /// A number, with K, M or G for 2^10, 2^20 or 2^30 of it.
    pub fn number(&self) -> Result<u64, Error> {
        let wrong = || Error::new("wants a number", self.whole);
        let digits = self.value.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
        let shift = match &self.value[digits.len()..] {
            "" => 0,
            "k" | "K" => 10,
            "m" | "M" => 20,
            "g" | "G" => 30,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << shift).ok_or_else(wrong)
    }

    /// A number from `min` to `max`.
    pub fn within(&self, min: u64, max: u64) -> Result<u64, Error> {
        let number = self.number()?;
        if (min..=max).contains(&number) { Ok(number) } else { Err(Error::new("out of range", self.whole)) }
    }

    /// 0 or 1.
    pub fn switch(&self) -> Result<bool, Error> {
        match self.value {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(Error::new("wants 0 or 1", self.whole)),
        }
    }

    /// One of the names of a table.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Error> {
        let found = choices.iter().find(|(name, _)| *name == self.value);
        found.map(|&(_, choice)| choice).ok_or_else(|| Error::new("no such choice", self.whole))
    }

    /// Nobody knows the word.
    pub fn unknown(&self) -> Error {
        Error::new("unknown word", self.whole)
    }
}

/// What every guest with a device can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Common {
    /// How queues are.
    pub layout: Layout,
    /// Whether to poll instead of waiting for interrupts.
    pub poll: bool,
    /// What payload is made from.
    pub seed: u64,
}

impl Default for Common {
    fn default() -> Self {
        Self { layout: Layout::default(), poll: false, seed: 1 }
    }
}

impl Common {
    /// Takes a word, if it is one of these.
    pub fn take(&mut self, word: &Word<'_>) -> Result<(), Error> {
        match word.key {
            "event-idx" => self.layout.event_idx = word.switch()?,
            "indirect" => self.layout.indirect = word.switch()?,
            "packed" => self.layout.packed = word.switch()?,
            "queue" => self.layout.size = word.within(2, 1 << 15)? as u16,
            "wait" => self.poll = word.choice(&[("irq", false), ("poll", true)])?,
            "seed" => self.seed = word.number()?,
            _ => return Err(word.unknown()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Common, words};
    use std::string::{String, ToString};

    fn number(word: &str) -> Result<u64, String> {
        let word = words(word).next().unwrap().unwrap();
        word.number().map_err(|error| error.to_string())
    }

    #[test]
    fn numbers() {
        assert_eq!(number("bs=512"), Ok(512));
        assert_eq!(number("bs=64K"), Ok(65536));
        assert_eq!(number("span=2g"), Ok(2 << 30));
        assert_eq!(number("bs="), Err("wants a number: bs=".into()));
        assert_eq!(number("bs=1KK"), Err("wants a number: bs=1KK".into()));
        assert_eq!(number("bs=-1"), Err("wants a number: bs=-1".into()));
        assert_eq!(number("bs=18446744073709551615K"), Err("wants a number: bs=18446744073709551615K".into()));
    }

    #[test]
    fn common_words() {
        let mut common = Common::default();
        for word in words("event-idx=0  packed=1 wait=poll queue=64 seed=7") {
            common.take(&word.unwrap()).unwrap();
        }
        assert!(!common.layout.event_idx && common.layout.packed && common.poll);
        assert_eq!((common.layout.size, common.seed), (64, 7));
        let complaint = |line: &str| {
            let word = words(line).next().unwrap();
            word.and_then(|word| Common::default().take(&word)).unwrap_err().to_string()
        };
        assert_eq!(complaint("paked=1"), "unknown word: paked=1");
        assert_eq!(complaint("packed=2"), "wants 0 or 1: packed=2");
        assert_eq!(complaint("wait=often"), "no such choice: wait=often");
        assert_eq!(complaint("queue=1"), "out of range: queue=1");
        assert_eq!(complaint("packed"), "not key=value: packed");
        assert_eq!(complaint("a\"b=1"), "unknown word: a?b=1");
    }
}
