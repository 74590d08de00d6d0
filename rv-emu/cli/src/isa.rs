//! `rv-emu isa`: the table of extensions.

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::Result;
use rv_isa::{ExtensionRow, extension_rows};
use serde_json::{Value, json};

use crate::args::IsaArgs;

/// Prints all extensions, and whether the set that was asked for has them.
pub fn isa(args: &IsaArgs) -> Result<ExitCode> {
    let text = if args.json { format!("{:#}\n", as_json(args)) } else { as_table(args) };
    stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(args: &IsaArgs) -> Value {
    let row = |row: &ExtensionRow| {
        json!({
            "name": row.name,
            "version": row.version,
            "default": row.default,
            "enabled": args.isa.has(row.isa),
            "implies": row.implies.rows().map(|implied| implied.name).collect::<Vec<_>>(),
            "adds": row.adds,
        })
    };
    json!({ "isa": args.isa.to_string(), "misa": args.isa.misa(), "extensions": extension_rows().iter().map(row).collect::<Vec<_>>() })
}

fn as_table(args: &IsaArgs) -> String {
    let mark = |yes: bool| if yes { "yes" } else { "-" };
    let line = |row: &ExtensionRow| {
        let (default, enabled) = (mark(row.default), mark(args.isa.has(row.isa)));
        format!("{:<14}{:<9}{default:<9}{enabled:<9}{}\n", row.name, row.version, row.adds)
    };
    let head = format!("{:<14}{:<9}{:<9}{:<9}{}\n", "extension", "version", "default", "enabled", "adds");
    let lines: String = extension_rows().iter().map(line).collect();
    format!("{head}{lines}\nmisa {:#x}\n{}\n", args.isa.misa(), args.isa)
}
