//! A folder of results: rows as they are finished, a line of JSON each, and what is needed to repeat them.
//!
//! Nothing has to be tidied up when a run is interrupted, by Ctrl-C or by a power cut: each row is one write to the end of the file,
//! and is on the disk before the next is begun. A last line that is not whole is cut off when the run is resumed.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::row::{Row, SCHEMA};

/// The file of rows.
pub const ROWS: &str = "rows.jsonl";
/// The file that says how they were made.
pub const RUN: &str = "run.json";

/// How results were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of the rows' shape.
    pub schema: u32,
    /// The program's version.
    pub version: String,
    /// The commands that have written into the folder, oldest first.
    pub commands: Vec<String>,
    /// The cost models with all their rows, by name.
    pub models: std::collections::BTreeMap<String, Value>,
    /// Hash of each image of the build, by name: other images are another machine.
    pub images: std::collections::BTreeMap<String, String>,
}

impl RunInfo {
    /// What this program would write for `command` under `models`.
    pub fn new(command: &str, models: &[std::sync::Arc<rv_machine::CostModel>]) -> RunInfo {
        let model = |model: &std::sync::Arc<rv_machine::CostModel>| {
            Some((model.name().to_owned(), serde_json::to_value(&**model).ok()?))
        };
        RunInfo {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commands: vec![command.to_owned()],
            models: models.iter().filter_map(model).collect(),
            images: crate::images::all().map(|(name, bytes)| (name.to_owned(), hash(bytes))).collect(),
        }
    }

    /// Why rows of `self` can't stand beside rows of `newer`, if they can't.
    fn conflict(&self, newer: &RunInfo) -> Option<String> {
        if (self.schema, &self.version) != (newer.schema, &newer.version) {
            return Some(format!("they are of version {} with schema {}", self.version, self.schema));
        }
        if self.images != newer.images {
            return Some("they were made with other guest images".to_owned());
        }
        let differs = |(name, model): (&String, &Value)| self.models.get(name).is_some_and(|old| old != model);
        let name = newer.models.iter().find(|(name, model)| differs((name, model)))?.0;
        Some(format!("the cost model {name} has changed"))
    }
}

/// 64-bit FNV-1a, in hexadecimal: enough to tell builds apart, and nothing more is asked of it.
fn hash(bytes: &[u8]) -> String {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// An open folder of results.
pub struct Store {
    folder: PathBuf,
    rows: Mutex<File>,
}

impl Store {
    /// Opens `folder` for a run, and gives the rows that are there already. Without `resume` there may be none.
    ///
    /// # Errors
    /// Why rows of this run can't go there.
    pub fn open(folder: &Path, info: &RunInfo, resume: bool) -> Result<(Store, Vec<Row>)> {
        fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        let path = folder.join(ROWS);
        let mut info = info.clone();
        let mut rows = Vec::new();
        if path.exists() {
            let name = folder.display();
            ensure!(resume, "{name} has results: --resume goes on with them or adds to them; or choose another folder");
            let old = read_info(folder)?;
            if let Some(why) = old.conflict(&info) {
                bail!("the results in {name} can't be added to: {why}; choose another folder");
            }
            rows = read_rows(&path)?;
            info.models.extend(old.models);
            info.commands = [old.commands, info.commands].concat();
            info.commands.dedup();
        }
        replace(&folder.join(RUN), &(serde_json::to_string_pretty(&info)? + "\n"))?;
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        cut_torn_line(&mut file, &path)?;
        Ok((Store { folder: folder.to_owned(), rows: Mutex::new(file) }, rows))
    }

    /// Writes a row to the end of the file, and to the disk.
    ///
    /// # Errors
    /// Of the file system.
    pub fn append(&self, row: &Row) -> Result<()> {
        let line = serde_json::to_string(row)? + "\n";
        let mut file = self.rows.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // One write: no other worker's row can come in between, and no reader sees half of it for long.
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).context("can't write a row")
    }

    /// Puts all rows into their order: `rows` as they are, and whatever else the folder has, after them.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish(&self, rows: &[Row]) -> Result<Vec<Row>> {
        let _file = self.rows.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let path = self.folder.join(ROWS);
        let known: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        let others = read_rows(&path)?.into_iter().filter(|row| !known.contains(row.key.as_str()));
        let mut all: Vec<Row> = rows.iter().cloned().chain(others).collect();
        super::runner::finish(&mut all);
        let lines = all.iter().map(|row| Ok(serde_json::to_string(row)? + "\n")).collect::<Result<String>>()?;
        replace(&path, &lines)?;
        Ok(all)
    }
}

/// How the results in `folder` were made.
///
/// # Errors
/// If there are none.
pub fn read_info(folder: &Path) -> Result<RunInfo> {
    let path = folder.join(RUN);
    let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
}

/// The rows in `folder`, with what one says of another.
///
/// # Errors
/// If there are none, or they are damaged.
pub fn read(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = read_rows(&folder.join(ROWS))?;
    super::runner::finish(&mut rows);
    Ok(rows)
}

/// The rows of a file. A key that comes twice counts with its last row; a last line without its end was cut off, and is no row.
fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let text = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut rows: Vec<Row> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for (number, line) in text[..whole].split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let row: Row = serde_json::from_slice(line)
            .with_context(|| format!("{}, line {} is not a row of the lab", path.display(), number + 1))?;
        ensure!(row.schema == SCHEMA, "{}: rows of schema {}, not {SCHEMA}", path.display(), row.schema);
        match places.get(&row.key) {
            Some(&place) => rows[place] = row,
            None => {
                places.insert(row.key.clone(), rows.len());
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

/// Cuts off a last line that has no end, and goes to the end of the file.
fn cut_torn_line(file: &mut File, path: &Path) -> Result<()> {
    let text = fs::read(path)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    file.set_len(whole as u64)?;
    file.seek(SeekFrom::End(0))?;
    Ok(())
}

/// Writes a file whole or not at all.
///
/// # Errors
/// Of the file system.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = Folder(std::env::temp_dir().join(format!("rv-emu-store-{}-{name}", std::process::id())));
            let _ = fs::remove_dir_all(&folder.0);
            folder
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn row(key: &str, cycles: u64) -> Row {
        Row { schema: SCHEMA, key: key.to_owned(), cycles, ok: true, ..Row::default() }
    }

    fn info() -> RunInfo {
        RunInfo { schema: SCHEMA, version: "1".to_owned(), commands: vec!["lab x".to_owned()], ..RunInfo::default() }
    }

    #[test]
    fn an_interrupted_run_leaves_its_rows_and_can_go_on() {
        let folder = Folder::new("torn");
        let (store, rows) = Store::open(&folder.0, &info(), false).unwrap();
        assert!(rows.is_empty());
        store.append(&row("a", 1)).unwrap();
        store.append(&row("b", 2)).unwrap();
        // Both are in the file before anything is closed: nothing depends on how the program ends.
        assert_eq!(read(&folder.0).unwrap().len(), 2);
        drop(store);
        // A write that a power cut has torn.
        let path = folder.0.join(ROWS);
        let mut text = fs::read(&path).unwrap();
        text.extend(&serde_json::to_vec(&row("c", 3)).unwrap()[..20]);
        fs::write(&path, &text).unwrap();
        assert_eq!(read(&folder.0).unwrap().len(), 2);
        assert!(Store::open(&folder.0, &info(), false).err().unwrap().to_string().contains("--resume"));
        let (store, rows) = Store::open(&folder.0, &info(), true).unwrap();
        assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        store.append(&row("c", 3)).unwrap();
        let all = store.finish(&[row("c", 3), row("a", 1)]).unwrap();
        assert_eq!(all.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
        assert_eq!(read(&folder.0).unwrap(), all);
    }

    #[test]
    fn a_row_that_was_run_again_counts_once() {
        let folder = Folder::new("again");
        let (store, _) = Store::open(&folder.0, &info(), false).unwrap();
        store.append(&row("a", 1)).unwrap();
        store.append(&row("a", 7)).unwrap();
        assert_eq!(read(&folder.0).unwrap().iter().map(|row| row.cycles).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn results_of_another_build_or_model_are_not_mixed() {
        let folder = Folder::new("mixed");
        drop(Store::open(&folder.0, &info(), false).unwrap());
        let other = |change: fn(&mut RunInfo)| {
            let mut info = info();
            change(&mut info);
            Store::open(&folder.0, &info, true).err().map(|error| error.to_string())
        };
        assert!(other(|info| info.version = "2".to_owned()).unwrap().contains("version 1"));
        assert!(
            other(|info| drop(info.images.insert("hyp".into(), "x".into()))).unwrap().contains("other guest images")
        );
        assert_eq!(other(|info| drop(info.models.insert("flat".into(), Value::from(1)))), None);
        assert!(other(|info| drop(info.models.insert("flat".into(), Value::from(2)))).unwrap().contains("model flat"));
        // Commands are kept, each once in a row.
        assert_eq!(read_info(&folder.0).unwrap().commands, ["lab x"]);
    }

    #[test]
    fn damage_is_named_with_its_line() {
        let folder = Folder::new("damage");
        drop(Store::open(&folder.0, &info(), false).unwrap());
        fs::write(folder.0.join(ROWS), "{}\nnot json\n").unwrap();
        let error = format!("{:#}", read(&folder.0).unwrap_err());
        assert!(error.contains("line 1"), "{error}");
        let future = Row { schema: SCHEMA + 1, ..row("a", 1) };
        fs::write(folder.0.join(ROWS), serde_json::to_string(&future).unwrap() + "\n").unwrap();
        assert!(read(&folder.0).unwrap_err().to_string().contains("schema"));
    }
}
