//! The house's rules that no compiler knows: short functions, a first line
//! that says why a file exists, and no folder of one machine in any file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What fits on a screen.
const FUNCTION_LINES_MAX: usize = 70;

/// Functions that are longer, and how long they may be: a ratchet. Each line
/// is `LINES FILE FUNCTION`; an entry that is no longer needed is an error.
const RATCHET: &str = "xtask/long-functions.txt";

/// Folders that only exist on somebody's own machine. Written in halves, or
/// this file would be the first to break the rule.
const MACHINE_FOLDERS: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

const TEXT_FILES: &[&str] = &["rs", "toml", "md", "ld", "json", "txt", "sh", "S"];

/// Checks all files of the project; whether they keep the rules.
pub fn check(root: &Path) -> Result<bool> {
    let mut complaints = Vec::new();
    let mut long = BTreeMap::new();
    for file in files(root)? {
        let Ok(text) = fs::read_to_string(root.join(&file)) else {
            continue; // Deleted, or no text.
        };
        complaints.extend(machine_folder(&file, &text));
        if file.ends_with(".rs") {
            complaints.extend(missing_head(&file, &text));
            long.extend(long_functions(&text).map(|(name, lines)| (format!("{file} {name}"), lines)));
        }
    }
    let ratchet = fs::read_to_string(root.join(RATCHET)).unwrap_or_default();
    complaints.extend(compare(&long, &parse_ratchet(&ratchet)?));
    for complaint in &complaints {
        println!("{complaint}");
    }
    Ok(complaints.is_empty())
}

/// Files that are, or are about to be, in the project.
fn files(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout)?;
    let is_text = |file: &&str| {
        let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| TEXT_FILES.contains(&extension))
    };
    Ok(list.lines().filter(is_text).map(str::to_owned).collect())
}

fn machine_folder(file: &str, text: &str) -> Option<String> {
    let mut lines = text.lines().enumerate();
    let (index, line) = lines.find(|(_, line)| MACHINE_FOLDERS.iter().any(|folder| line.contains(folder)))?;
    Some(format!("{file}:{}: names a folder of one machine: {}", index + 1, line.trim()))
}

fn missing_head(file: &str, text: &str) -> Option<String> {
    let says_why = text.starts_with("//! ");
    (!says_why).then(|| format!("{file}:1: should begin with `//!` and why the file exists"))
}

/// Functions beyond the limit, with their lengths. It goes by indentation,
/// which rustfmt keeps: a function ends at the brace under its first column.
fn long_functions(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let starts: Vec<(usize, &str)> =
        lines.iter().enumerate().filter_map(|(index, line)| Some((index, function_name(line)?))).collect();
    starts.into_iter().filter_map(move |(start, name)| {
        let indent = lines[start].len() - lines[start].trim_start().len();
        let ends = |line: &&str| {
            let rest = line.trim_start();
            line.len() - rest.len() == indent && rest.starts_with('}')
        };
        let length = lines[start..].iter().position(ends)? + 1;
        (length > FUNCTION_LINES_MAX).then_some((name, length))
    })
}

/// The name of the function that begins in a line and goes on in the next.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let qualifiers = ["pub", "const", "async", "unsafe", "extern", "default", "pub(crate)", "pub(super)"];
    let only_qualifiers = before.split_whitespace().all(|word| qualifiers.contains(&word) || word.starts_with('"'));
    let on_one_line = line.trim_end().ends_with(['}', ';']);
    let name = after.split(['(', '<']).next()?;
    (only_qualifiers && !on_one_line && !name.is_empty()).then_some(name)
}

fn parse_ratchet(text: &str) -> Result<BTreeMap<String, usize>> {
    let entries = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    entries
        .map(|line| {
            let (lines, function) = line.split_once(' ').context("LINES FILE FUNCTION")?;
            Ok((function.to_owned(), lines.parse()?))
        })
        .collect::<Result<_>>()
        .context(RATCHET)
}

fn compare(long: &BTreeMap<String, usize>, allowed: &BTreeMap<String, usize>) -> Vec<String> {
    let too_long = long.iter().filter_map(|(function, &lines)| {
        let limit = allowed.get(function).copied().unwrap_or(FUNCTION_LINES_MAX);
        (lines > limit).then(|| format!("{function}: {lines} lines, {limit} are allowed"))
    });
    let unused = allowed.iter().filter_map(|(function, &limit)| {
        let lines = long.get(function).copied().unwrap_or(0);
        (lines < limit).then(|| format!("{RATCHET}: {function} is shorter now than {limit} lines"))
    });
    too_long.chain(unused).collect()
}

#[cfg(test)]
mod tests {
    use super::{FUNCTION_LINES_MAX, compare, function_name, long_functions, machine_folder, missing_head};
    use std::collections::BTreeMap;

    fn function_of(lines: usize) -> String {
        format!("    pub fn long(&self) {{\n{}    }}\n", "        x();\n".repeat(lines - 2))
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let fits = function_of(FUNCTION_LINES_MAX);
        assert_eq!(long_functions(&fits).count(), 0);
        let long = function_of(FUNCTION_LINES_MAX + 1);
        let found: Vec<_> = long_functions(&long).collect();
        assert_eq!(found, [("long", FUNCTION_LINES_MAX + 1)]);
    }

    #[test]
    fn only_definitions_are_functions() {
        assert_eq!(function_name("pub(crate) const fn a<T>("), Some("a"));
        assert_eq!(function_name("extern \"C\" fn b() {"), Some("b"));
        assert_eq!(function_name("let f: fn () = g;"), None);
        assert_eq!(function_name("// a fn (that) is called"), None);
        assert_eq!(function_name("fn one_line() { 1 }"), None);
    }

    #[test]
    fn the_ratchet_only_turns_one_way() {
        let one = |lines| BTreeMap::from([("a.rs f".to_owned(), lines)]);
        assert!(compare(&one(90), &one(90)).is_empty());
        assert_eq!(compare(&one(91), &one(90)).len(), 1);
        assert_eq!(compare(&one(89), &one(90)).len(), 1);
        assert_eq!(compare(&BTreeMap::new(), &one(90)).len(), 1);
        assert_eq!(compare(&one(71), &BTreeMap::new()).len(), 1);
    }

    #[test]
    fn files_say_why_they_exist_and_name_no_machine() {
        assert!(missing_head("a.rs", "//! Why.\n").is_none());
        assert!(missing_head("a.rs", "use b;\n").is_some());
        assert!(machine_folder("a.rs", concat!("\"/ro", "ot/x\"")).is_some());
        assert!(machine_folder("a.rs", "\"/usr/bin/x\"").is_none());
    }
}
