//! Signatures: finding the reference of a program, and comparing.
//!
//! A reference file has a word in hexadecimal on each line, as the reference models of `riscv-arch-test` write it.

use std::fs;
use std::path::{Path, PathBuf};

use rv_machine::Machine;

use super::find::Program;

/// Endings of the file's name, after the name of the test.
const ENDINGS: [&str; 4] = ["reference_output", "signature", "sig", "ref"];
/// Words that differ and are shown.
const SHOWN: usize = 4;
/// Possible lengths of a word, in hexadecimal digits.
const WORD_DIGITS: [usize; 5] = [2, 4, 8, 16, 32];

/// The reference of a program. `place` is the file itself, or a folder. There, and in it at the program's own place below the folder that
/// was searched, the file is `NAME.reference_output`, `NAME.signature`, `NAME.sig` or `NAME.ref`, beside the program's place or in a
/// folder `references` or `ref`. RISCOF's `…/src/NAME.S/ref/` is known too; in folders called `ref`, a single `*.signature` of any name
/// will do.
pub(super) fn find(place: &Path, program: &Program) -> Option<PathBuf> {
    if place.is_file() {
        return Some(place.to_owned());
    }
    let own = program.relative.parent().unwrap_or(Path::new(""));
    let above = own.parent().unwrap_or(Path::new(""));
    let source = format!("{}.S", program.name);
    let folders = [
        place.join(own),
        place.join(own).join("references"),
        place.join(own).join("ref"),
        place.join(above).join("references"),
        place.join(above).join("ref"),
        place.join(own).join(&source).join("ref"),
        place.join(own).join("src").join(&source).join("ref"),
        place.to_owned(),
        place.join("references"),
    ];
    folders.iter().find_map(|folder| in_folder(folder, &program.name))
}

fn in_folder(folder: &Path, name: &str) -> Option<PathBuf> {
    let named = ENDINGS.map(|ending| folder.join(format!("{name}.{ending}")));
    if let Some(file) = named.into_iter().find(|file| file.is_file()) {
        return Some(file);
    }
    if folder.file_name()? != "ref" {
        return None;
    }
    let files = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut signatures = files.filter(|file| file.extension().is_some_and(|ending| ending == "signature"));
    let only = signatures.next()?;
    signatures.next().is_none().then_some(only)
}

/// What a comparison says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The same words.
    Equal,
    /// Not so; the first differences.
    Different(Vec<String>),
    /// There is nothing to compare.
    Unusable(String),
}

/// Compares the machine's signature with the file, in words of the file's size.
pub(super) fn compare(file: &Path, machine: &Machine) -> Comparison {
    let unusable = |why: &str| Comparison::Unusable(format!("{}: {why}", file.display()));
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return unusable(&error.to_string()),
    };
    let expected = match words(&text) {
        Ok(words) => words,
        Err(why) => return unusable(why),
    };
    match machine.signature(expected[0].len() / 2) {
        Ok(signature) => differences(&expected, &signature.lines().collect::<Vec<_>>()),
        Err(why) => Comparison::Different(vec![why]),
    }
}

/// The words of a reference, at least one, and all of one length.
fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let words: Vec<String> = lines.map(str::to_ascii_lowercase).collect();
    let len = words.first().ok_or("the reference is empty")?.len();
    if !WORD_DIGITS.contains(&len) {
        return Err("not a reference: words have 2 to 32 hexadecimal digits");
    }
    if words.iter().any(|word| word.len() != len || !word.bytes().all(|digit| digit.is_ascii_hexdigit())) {
        return Err("not a reference: there shall be a hexadecimal word on each line, all of one length");
    }
    Ok(words)
}

fn differences(expected: &[String], found: &[&str]) -> Comparison {
    let size = expected[0].len() / 2;
    let pairs = expected.iter().zip(found).enumerate();
    let mut different: Vec<String> = pairs
        .filter(|(_, (expected, found))| expected != *found)
        .map(|(index, (expected, found))| {
            format!("line {}, offset {:#x}: {found} instead of {expected}", index + 1, index * size)
        })
        .collect();
    let hidden = different.len().saturating_sub(SHOWN);
    different.truncate(SHOWN);
    if hidden > 0 {
        different.push(format!("and {hidden} more words"));
    }
    if expected.len() != found.len() {
        different.push(format!("{} words instead of {}", found.len(), expected.len()));
    }
    if different.is_empty() { Comparison::Equal } else { Comparison::Different(different) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_checked() {
        assert_eq!(words("0000002A\r\n\n 0000002b \n").unwrap(), ["0000002a", "0000002b"]);
        for bad in ["", "\n\n", "xyz", "0000002g\n", "0000002a\n2b\n", "123456\n"] {
            assert!(words(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_first_differences_are_shown() {
        let expected = words("01\n02\n03\n04\n05\n06").unwrap();
        assert_eq!(differences(&expected, &["01", "02", "03", "04", "05", "06"]), Comparison::Equal);
        let Comparison::Different(lines) = differences(&expected, &["01", "ff", "ff", "ff", "ff"]) else { panic!() };
        assert_eq!(lines[0], "line 2, offset 0x1: ff instead of 02");
        assert_eq!(lines[4], "5 words instead of 6");
        let Comparison::Different(lines) = differences(&expected, &["ff"; 6]) else { panic!() };
        assert_eq!(lines[SHOWN], "and 2 more words");
    }
}
