//! Finding programs in folders, and the groups in which they are shown.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::filter::Filter;

/// `riscv-tests` names the environment of a program between dashes.
const ENVIRONMENTS: [&str; 4] = ["p", "v", "pm", "pt"];

const CLASS: usize = 4;
const DATA: usize = 5;
const TYPE: usize = 16;
const MACHINE: usize = 18;
/// As far as the fields above go.
const HEAD: usize = 20;

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// The file as seen from the folder in which it was looked for.
    pub relative: PathBuf,
    /// The test's name: that of the file, without `.elf`; where RISCOF calls all files the same, that of the source.
    pub name: String,
    /// The heading under which it is shown.
    pub group: String,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Programs in the order of their paths.
    pub programs: Vec<Program>,
    /// ELF files that were left out, counted by reason.
    pub skipped: BTreeMap<&'static str, usize>,
}

/// Looks for programs: files as they are, folders with all folders below them. Of files in folders, only executables for 64-bit
/// little-endian RISC-V are taken; a file that is named itself is always taken, so that the report can say what is wrong with it.
///
/// # Errors
/// Of the host, with the path. Links that lead nowhere are no errors below folders.
pub fn find(paths: &[PathBuf], filters: &[Filter]) -> Result<Found, String> {
    let mut found = Found::default();
    for path in paths {
        let meta = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if meta.is_dir() {
            search(path, path, &mut Vec::new(), &mut found).map_err(|error| format!("{}: {error}", path.display()))?;
        } else {
            let root = path.parent().unwrap_or(Path::new(""));
            found.programs.push(Program::new(root, path));
        }
    }
    found.programs.retain(|program| filters.is_empty() || filters.iter().any(|filter| filter.matches(&program.path)));
    found.programs.sort_by(|a, b| a.path.cmp(&b.path));
    found.programs.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

/// `above` are the folders on the way here, by their true names: a link back to one of them would never end.
fn search(root: &Path, folder: &Path, above: &mut Vec<PathBuf>, found: &mut Found) -> io::Result<()> {
    let identity = fs::canonicalize(folder)?;
    if above.contains(&identity) {
        return Ok(());
    }
    above.push(identity);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Through links, unlike the entry's own type.
        let Ok(meta) = fs::metadata(&path) else { continue };
        if meta.is_dir() {
            search(root, &path, above, found)?;
        } else if meta.is_file() {
            match kind(&path)? {
                Kind::Program => found.programs.push(Program::new(root, &path)),
                Kind::OtherElf(why) => *found.skipped.entry(why).or_default() += 1,
                Kind::Other => {}
            }
        }
    }
    above.pop();
    Ok(())
}

enum Kind {
    Program,
    OtherElf(&'static str),
    Other,
}

/// What a file is, by its first bytes. A file that is cut off within them is a damaged program.
fn kind(path: &Path) -> io::Result<Kind> {
    let mut head = Vec::with_capacity(HEAD);
    match fs::File::open(path) {
        Ok(file) => file.take(HEAD as u64).read_to_end(&mut head)?,
        // Not readable for this user: the report shall say so, if the name promises a program.
        Err(_) if path.extension().is_some_and(|extension| extension == "elf") => return Ok(Kind::Program),
        Err(_) => return Ok(Kind::Other),
    };
    if !head.starts_with(b"\x7fELF") {
        return Ok(Kind::Other);
    }
    let half = |at: usize| head.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    Ok(match (head.get(CLASS), head.get(DATA), half(TYPE), half(MACHINE)) {
        (Some(1), ..) => Kind::OtherElf("32-bit"),
        (_, Some(2), ..) => Kind::OtherElf("big-endian"),
        (.., Some(machine)) if machine != 243 => Kind::OtherElf("for another machine"),
        (_, _, Some(1), _) => Kind::OtherElf("not linked"),
        (_, _, Some(4), _) => Kind::OtherElf("core dump"),
        _ => Kind::Program,
    })
}

impl Program {
    /// The program at `path`, which lies below `root`.
    pub fn new(root: &Path, path: &Path) -> Program {
        let relative = path.strip_prefix(root).unwrap_or(path).to_owned();
        let name = name(path);
        let group = group(root, &relative, &name);
        Program { path: path.to_owned(), relative, name, group }
    }
}

fn name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let above: Vec<_> = path.ancestors().skip(1).take(2).filter_map(Path::file_name).collect();
    match above[..] {
        // `add-01.S/dut/my.elf`
        [folder, source] if folder == "dut" || folder == "ref" => {
            let source = source.to_string_lossy();
            source.trim_end_matches(".S").to_owned()
        }
        _ => file.strip_suffix(".elf").unwrap_or(&file).trim_end_matches(".S").to_owned(),
    }
}

/// `rv64ui-p` for `rv64ui-p-add`; else the folder, without what names a single test.
fn group(root: &Path, relative: &Path, name: &str) -> String {
    let mut folders: Vec<String> = relative
        .parent()
        .into_iter()
        .flat_map(Path::components)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    while folders.last().is_some_and(|last| matches!(&**last, "dut" | "ref" | "src") || last.ends_with(".S")) {
        folders.pop();
    }
    if let [suite, environment, _] = name.splitn(3, '-').collect::<Vec<_>>()[..]
        && ENVIRONMENTS.contains(&environment)
    {
        folders.push(format!("{suite}-{environment}"));
    }
    if folders.is_empty() {
        let root = fs::canonicalize(root).unwrap_or_default();
        return root.file_name().map_or(".".to_owned(), |folder| folder.to_string_lossy().into_owned());
    }
    folders.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &str) -> (String, String) {
        let program = Program::new(Path::new("root"), Path::new(path));
        (program.name, program.group)
    }

    #[test]
    fn names_and_groups() {
        let pair = |name: &str, group: &str| (name.to_owned(), group.to_owned());
        assert_eq!(program("root/rv64ui-p-add"), pair("rv64ui-p-add", "rv64ui-p"));
        assert_eq!(program("root/isa/rv64ssvnapot-p-napot"), pair("rv64ssvnapot-p-napot", "isa/rv64ssvnapot-p"));
        assert_eq!(program("root/hypervisor-p-2_stage"), pair("hypervisor-p-2_stage", "hypervisor-p"));
        assert_eq!(program("root/I/add-01.elf"), pair("add-01", "I"));
        assert_eq!(program("root/I/src/add-01.S/dut/my.elf"), pair("add-01", "I"));
        assert_eq!(program("root/bench/two-part"), pair("two-part", "bench"));
    }
}
