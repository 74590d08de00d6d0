//! `rv-emu conformance emit`: the suite's programs as files.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use conformance::suite::{suite, suite_beside_haiov, suite_of_haiov};

use crate::args::EmitArgs;

/// How to run the programs elsewhere.
const README: &str = include_str!("emit_readme.md");

/// Writes a program for each group, a list of the tests in each, and how to run them.
pub fn emit(args: &EmitArgs) -> Result<ExitCode> {
    let folder = &args.folder;
    fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    let groups = match args.haiov {
        true => suite_beside_haiov(args.isa).into_iter().chain(suite_of_haiov(args.isa)).collect(),
        false => suite(args.isa),
    };
    for group in &groups {
        write(folder, &format!("{}.elf", group.name()), &group.elf())?;
        let line = |(index, case): (usize, &conformance::suite::case::Case)| {
            format!("{index:#x}\t{}\t{}\n", case.name, case.section)
        };
        let tests: String = group.cases.iter().enumerate().map(line).collect();
        write(folder, &format!("{}.tests", group.name()), tests.as_bytes())?;
    }
    let readme = README.replace("@ISA@", &args.isa.to_string());
    write(folder, "README.md", readme.as_bytes())?;
    let tests: usize = groups.iter().map(|group| group.cases.len()).sum();
    println!("{} programs with {tests} tests in {}", groups.len(), folder.display());
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| format!("can't write {}", path.display()))
}
