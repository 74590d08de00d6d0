//! The keys of a machine file: the options of `run` that describe a machine, as clap has them. There is no second list: an option that is
//! added under one of the headings here is a key at once, and in the schema.

use std::any::TypeId;

use clap::{Arg, Command, CommandFactory};
use serde_json::{Map, Value, json};

use crate::args::words::{self, Word, WordKind};
use crate::args::{Cli, headings};

/// Options under these headings describe a machine; the others describe a run.
const HEADINGS: [&str; 3] = [headings::SOFTWARE, headings::MACHINE, headings::DEVICES];

/// A key.
#[derive(Clone, Debug)]
pub struct Key {
    /// The option's long name, which is the key.
    pub name: String,
    /// What clap calls it.
    pub id: String,
    /// What its value is, or each of its values.
    pub kind: Kind,
    /// There may be several values.
    pub list: bool,
    /// A flag that is only there or not: it takes no value.
    pub bare: bool,
    help: String,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Flag,
    /// A whole number.
    Number,
    /// Bytes: a number of MiB, or text with a suffix.
    Size,
    /// A file; but these names mean something else, and what doesn't end so is no file either.
    Path { names: Vec<String>, suffix: String },
    /// One of these.
    Choice(Vec<String>),
    /// Words, as text or as a table.
    Words(&'static [Word]),
    /// Text.
    Text,
}

impl Kind {
    /// What the option's definition says. The name of its value is part of it: FILE is a path, and so is the last of `name|name|FILE`;
    /// SIZE is a number of bytes.
    fn of(arg: &Arg) -> Kind {
        let long = arg.get_long().unwrap_or_default();
        let value_name =
            arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str()).unwrap_or_default();
        let parsed = arg.get_value_parser().type_id();
        let choices = arg.get_possible_values();
        let alternatives: Vec<&str> = value_name.split('|').collect();
        if parsed == TypeId::of::<bool>() {
            Kind::Flag
        } else if let Some(words) = words::of(long) {
            Kind::Words(words)
        } else if !choices.is_empty() {
            Kind::Choice(choices.iter().map(|choice| choice.get_name().to_owned()).collect())
        } else if let Some((suffix, names)) =
            alternatives.split_last().and_then(|(last, names)| Some((last.strip_prefix("FILE")?, names)))
        {
            Kind::Path { names: names.iter().map(|name| (*name).to_owned()).collect(), suffix: suffix.to_owned() }
        } else if value_name == "SIZE" {
            Kind::Size
        } else if parsed == TypeId::of::<u8>() || parsed == TypeId::of::<u64>() || parsed == TypeId::of::<usize>() {
            Kind::Number
        } else {
            Kind::Text
        }
    }

    /// The schema of one value.
    fn schema(&self) -> Value {
        match self {
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Number => json!({ "type": "integer", "minimum": 0 }),
            Kind::Size => json!({ "type": ["integer", "string"], "minimum": 0 }),
            Kind::Path { .. } | Kind::Text => json!({ "type": "string" }),
            Kind::Choice(names) => json!({ "type": "string", "enum": names }),
            Kind::Words(words) => {
                let word = |word: &Word| {
                    let kind = match word.kind {
                        WordKind::Flag => json!("boolean"),
                        WordKind::Size => json!(["integer", "string"]),
                        WordKind::Path | WordKind::Text => json!("string"),
                    };
                    (word.key.to_owned(), json!({ "type": kind, "description": word.help }))
                };
                let properties: Map<String, Value> = words.iter().map(word).collect();
                json!({ "anyOf": [
                    { "type": "string" },
                    { "type": "object", "additionalProperties": false, "properties": properties },
                ] })
            }
        }
    }
}

/// The command `run`, as clap has it.
pub fn run_command() -> Command {
    let cli = Cli::command();
    cli.find_subcommand("run").expect("clap has what args.rs defines").clone()
}

/// All keys, by name.
pub fn keys() -> Vec<Key> {
    let describes = |arg: &&Arg| arg.get_help_heading().is_some_and(|heading| HEADINGS.contains(&heading));
    let key = |arg: &Arg| {
        Some(Key {
            name: arg.get_long()?.to_owned(),
            id: arg.get_id().to_string(),
            kind: Kind::of(arg),
            list: matches!(arg.get_action(), clap::ArgAction::Append),
            bare: matches!(arg.get_action(), clap::ArgAction::SetTrue),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        })
    };
    // Built, so that headings and actions are settled.
    let mut command = run_command();
    command.build();
    let mut keys: Vec<Key> = command.get_arguments().filter(describes).filter_map(key).collect();
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    keys
}

/// The JSON schema of machine files.
pub fn schema() -> Value {
    let property = |key: &Key| {
        let one = key.kind.schema();
        let mut schema = if key.list { json!({ "type": "array", "items": one }) } else { one };
        schema["description"] = key.help.clone().into();
        (key.name.clone(), schema)
    };
    let properties: Map<String, Value> = keys().iter().map(property).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A machine of rv-emu",
        "description": "The options of `rv-emu run` that describe a machine. Files are relative to the folder of the machine file.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}
