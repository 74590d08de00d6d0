//! `run --machine FILE`: a machine described in TOML.
//!
//! A key is the long name of an option, and its value is what the option would be given: the file becomes words of the command line, which
//! stand before those that the user wrote. So an option has one definition, one check and one meaning. What the user gives there takes the
//! place of the file's.

mod complaint;
mod keys;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use complaint::{Complaint, Complaints};
pub use keys::schema;

use crate::args::Cli;
use crate::args::words::{self, Word, WordKind};
use keys::{Key, Kind};

/// A file larger than this is taken for a mistake.
const FILE_MAX: u64 = 1 << 20;
/// A bare program on the command line takes the place of all the file's software.
const SOFTWARE: [&str; 4] = ["bios", "kernel", "initrd", "append"];

/// A key with its values, as words of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What clap calls the option.
    id: String,
    words: Vec<String>,
}

/// Completes the command line from the machine file that it names, if it names one.
///
/// # Errors
/// The file can't be read, or what is wrong with it.
pub fn complete(matches: ArgMatches) -> Result<ArgMatches> {
    let Some(("run", run)) = matches.subcommand() else { return Ok(matches) };
    let Some(path) = run.get_one::<PathBuf>("machine_file") else { return Ok(matches) };
    let given = |id: &str| run.value_source(id) == Some(ValueSource::CommandLine);
    let replaced = |id: &str| given(id) || given("image") && SOFTWARE.contains(&id);
    let settings = read(path)?;
    let words = settings.into_iter().filter(|setting| !replaced(&setting.id)).flat_map(|setting| setting.words);
    let mut own = std::env::args_os();
    // The program's name and `run` come first: there are no options before subcommands.
    let mut line: Vec<OsString> = own.by_ref().take(2).collect();
    line.extend(words.map(OsString::from));
    line.extend(own);
    // What is wrong now is wrong with the line as a whole, and clap says so.
    Ok(Cli::command().get_matches_from(line))
}

/// The settings of a file.
fn read(path: &Path) -> Result<Vec<Setting>> {
    let name = path.display();
    let len = std::fs::metadata(path).with_context(|| format!("can't read machine file {name}"))?.len();
    ensure!(len <= FILE_MAX, "machine file {name}: {len} bytes are more than the limit of 1 MiB");
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read machine file {name}"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = folder.to_str().with_context(|| format!("machine file {name}: its folder's name is not UTF-8"))?;
    Ok(parse(&name.to_string(), &text, folder)?)
}

/// The settings in a text. Paths are relative to `folder`.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(name: &str, text: &str, folder: &str) -> Result<Vec<Setting>, Complaints> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found: Vec<Complaint> = errors
        .iter()
        .map(|error| Complaint { span: error.span().unwrap_or(0..0), message: error.message().to_owned() })
        .collect();
    // What a broken text seems to say is not worth a complaint.
    if !found.is_empty() {
        return Err(Complaints::new(name, text, found));
    }
    let keys = keys::keys();
    let reader = Reader { folder };
    let mut settings = Vec::new();
    for (key, value) in table.get_ref() {
        match keys.iter().find(|known| known.name == *key.get_ref()) {
            Some(known) => match reader.setting(known, value) {
                Ok(setting) => settings.push(setting),
                Err(complaints) => found.extend(complaints),
            },
            None => {
                let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
                let message = format!("there is no key `{}`; there are {}", key.get_ref(), names.join(", "));
                found.push(Complaint { span: key.span(), message });
            }
        }
    }
    if found.is_empty() { Ok(settings) } else { Err(Complaints::new(name, text, found)) }
}

/// Turns values into words of the command line.
struct Reader<'a> {
    folder: &'a str,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    /// A key's values; or all that is wrong with them.
    fn setting(&self, key: &Key, value: &Value<'_>) -> Result<Setting, Vec<Complaint>> {
        let values = match value.get_ref() {
            DeValue::Array(values) if key.list => values.iter().collect(),
            _ if key.list => return Err(vec![wrong_type(value, &key.name, "an array")]),
            _ => vec![value],
        };
        let (mut words, mut found) = (Vec::new(), Vec::new());
        for value in values {
            match self.word(key, value) {
                Ok(word) => words.extend(word),
                Err(complaint) => found.push(complaint),
            }
        }
        if found.is_empty() { Ok(Setting { id: key.id.clone(), words }) } else { Err(found) }
    }

    /// One value as a word, which clap accepts; none for a flag that is not set.
    fn word(&self, key: &Key, value: &Value<'_>) -> Result<Option<String>, Complaint> {
        let text = match (&key.kind, value.get_ref()) {
            (Kind::Flag, DeValue::Boolean(yes)) if key.bare => return Ok(yes.then(|| format!("--{}", key.name))),
            (Kind::Flag, DeValue::Boolean(yes)) => yes.to_string(),
            (Kind::Flag, _) => return Err(wrong_type(value, &key.name, "true or false")),
            (Kind::Number | Kind::Size, DeValue::Integer(number)) => {
                u64::from_str_radix(number.as_str(), number.radix())
                    .map_err(|error| complaint(value, format!("`{}`: {error}", key.name)))?
                    .to_string()
            }
            (Kind::Number, _) => return Err(wrong_type(value, &key.name, "a whole number")),
            (Kind::Size, DeValue::String(text)) => text.to_string(),
            (Kind::Size, _) => return Err(wrong_type(value, &key.name, "a number of MiB, or text such as \"2G\"")),
            (Kind::Words(known), DeValue::String(text)) => self.words(known, words::split(text)),
            (Kind::Words(known), DeValue::Table(table)) => self.words(known, table_words(known, table)?),
            (Kind::Words(_), _) => return Err(wrong_type(value, &key.name, "text or a table")),
            (Kind::Path { names, suffix }, DeValue::String(text)) => {
                let is_path = !names.iter().any(|name| name == text) && text.ends_with(suffix.as_str());
                if is_path { self.path(text) } else { text.to_string() }
            }
            (Kind::Text | Kind::Choice(_), DeValue::String(text)) => text.to_string(),
            (Kind::Path { .. } | Kind::Text | Kind::Choice(_), _) => return Err(wrong_type(value, &key.name, "text")),
        };
        if text.contains('\0') {
            return Err(complaint(value, format!("`{}`: there is a NUL character in it", key.name)));
        }
        let word = format!("--{}={text}", key.name);
        accepted(&word).map_err(|message| complaint(value, format!("`{}`: {message}", key.name)))?;
        Ok(Some(word))
    }

    /// Words as text, with the paths among them made the file's.
    fn words(&self, known: &[Word], mut words: Vec<(String, Option<String>)>) -> String {
        for (key, value) in &mut words {
            let is_path = known.iter().any(|word| word.key == key && word.kind == WordKind::Path);
            if let Some(path) = value.as_mut().filter(|path| is_path && !path.is_empty()) {
                *path = self.path(path);
            }
        }
        words::join(&words)
    }

    fn path(&self, path: &str) -> String {
        // Both halves are UTF-8.
        Path::new(self.folder).join(path).to_string_lossy().into_owned()
    }
}

/// A table's words: each key is one.
fn table_words(known: &[Word], table: &DeTable<'_>) -> Result<Vec<(String, Option<String>)>, Complaint> {
    let mut words = Vec::new();
    for (key, value) in table {
        let name = key.get_ref();
        let Some(word) = known.iter().find(|word| word.key == *name) else {
            let names: Vec<&str> = known.iter().map(|word| word.key).collect();
            let message = format!("there is no word `{name}`; there are {}", names.join(", "));
            return Err(Complaint { span: key.span(), message });
        };
        match (word.kind, value.get_ref()) {
            (WordKind::Flag, DeValue::Boolean(true)) => words.push((name.to_string(), None)),
            (WordKind::Flag, DeValue::Boolean(false)) => {}
            (WordKind::Flag, _) => return Err(wrong_type(value, name, "true or false")),
            (WordKind::Size, DeValue::Integer(number)) if number.radix() == 10 => {
                words.push((name.to_string(), Some(number.as_str().to_owned())));
            }
            (_, DeValue::String(text)) => words.push((name.to_string(), Some(text.to_string()))),
            (WordKind::Size, _) => return Err(wrong_type(value, name, "a number of MiB, or text such as \"2G\"")),
            (_, _) => return Err(wrong_type(value, name, "text")),
        }
    }
    Ok(words)
}

/// Whether clap takes the word; else what it says of it.
fn accepted(word: &str) -> Result<(), String> {
    let Err(error) = keys::run_command().try_get_matches_from(["run", word]) else { return Ok(()) };
    match error.kind() {
        // Said of the line as a whole.
        ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict => Ok(()),
        ErrorKind::InvalidValue => {
            let choices = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(choices)) => choices.join(", "),
                _ => String::new(),
            };
            Err(if choices.is_empty() { "it is empty".to_owned() } else { format!("there are {choices}") })
        }
        _ => {
            use std::error::Error;
            let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Err(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
        }
    }
}

fn complaint(value: &Value<'_>, message: String) -> Complaint {
    Complaint { span: value.span(), message }
}

fn wrong_type(value: &Value<'_>, name: &str, wanted: &str) -> Complaint {
    let article = match value.get_ref() {
        DeValue::Integer(_) | DeValue::Array(_) => "an",
        _ => "a",
    };
    complaint(value, format!("`{name}` must be {wanted}, not {article} {}", value.get_ref().type_str()))
}
