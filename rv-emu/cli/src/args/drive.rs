//! `--drive`: a disk, as a list of words.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use rv_devices::VirtioSlot;
use rv_devices::virtio::{Drive, DriveId, FileDisk, ServiceTime};
use rv_machine::CostModel;

use super::words::{self, Word, WordKind};

/// What a disk can be told.
pub const WORDS: &[Word] = &[
    Word { key: "file", kind: WordKind::Path, help: "The file that has its bytes." },
    Word { key: "ram", kind: WordKind::Size, help: "Its size, for a disk in memory." },
    Word { key: "readonly", kind: WordKind::Flag, help: "It can't be written." },
    Word { key: "instant", kind: WordKind::Flag, help: "Requests take no time." },
    Word { key: "id", kind: WordKind::Text, help: "Its name, which software can ask for." },
];

/// A disk in memory has at most so many bytes.
const RAM_MAX: u64 = 64 << 30;

/// A disk, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveArg {
    source: Source,
    read_only: bool,
    instant: bool,
    id: Option<DriveId>,
}

/// Where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Ram(u64),
}

impl DriveArg {
    /// Reads `file=PATH[,readonly][,instant][,id=NAME]` or `ram=SIZE[,id=NAME]`. A comma in a path is doubled.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut source, mut read_only, mut instant, mut id) = (None, false, false, None);
        for (key, value) in words::split(text) {
            let word = value.as_ref().map_or(key.clone(), |value| format!("{key}={value}"));
            let again = match (key.as_str(), value.as_deref().unwrap_or_default()) {
                ("file", path) if !path.is_empty() => source.replace(Source::File(path.into())).is_some(),
                ("ram", size) => source.replace(Source::Ram(ram_size(size)?)).is_some(),
                ("id", name) => id.replace(drive_id(name)?).is_some(),
                ("readonly", "") => std::mem::replace(&mut read_only, true),
                ("instant", "") => std::mem::replace(&mut instant, true),
                _ => return Err(format!("`{word}` is none of file=PATH, ram=SIZE, id=NAME, readonly, instant")),
            };
            if again {
                return Err(format!("`{word}` is one too many"));
            }
        }
        let source = source.ok_or("there must be file=PATH or ram=SIZE")?;
        if read_only && matches!(source, Source::Ram(_)) {
            return Err("a disk in memory that can't be written has nothing in it".to_owned());
        }
        Ok(Self { source, read_only, instant, id })
    }

    /// The disk, as the machine's `number`th. A disk in memory takes no time.
    fn open(&self, number: usize, costs: &CostModel) -> Result<VirtioSlot> {
        let (drive, time) = match &self.source {
            Source::File(path) => (Drive::File(FileDisk::open(path, self.read_only)?), costs.disk_time()),
            Source::Ram(bytes) => (Drive::memory(*bytes as usize), ServiceTime::NONE),
        };
        let time = if self.instant { ServiceTime::NONE } else { time };
        let id = self.id.or_else(|| DriveId::new(&format!("disk{number}"))).unwrap_or_default();
        Ok(VirtioSlot::with_disk(drive, id, time))
    }
}

impl fmt::Display for DriveArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File(path) => write!(f, "disk {}", path.display())?,
            Source::Ram(bytes) => write!(f, "disk in memory, {} MiB", *bytes as f64 / f64::from(1 << 20))?,
        }
        let words = [(self.read_only, ", can't be written"), (self.instant, ", takes no time")];
        words.iter().filter(|(said, _)| *said).try_for_each(|(_, words)| f.write_str(words))
    }
}

/// Opens all disks, in order.
pub fn open(drives: &[DriveArg], costs: &CostModel) -> Result<Vec<VirtioSlot>> {
    drives.iter().enumerate().map(|(number, drive)| drive.open(number, costs)).collect()
}

fn ram_size(text: &str) -> Result<u64, String> {
    let bytes = super::memory(text).map_err(|error| format!("ram={text}: {error}"))?;
    if bytes > RAM_MAX { Err(format!("ram={text}: more than 64G")) } else { Ok(bytes) }
}

fn drive_id(name: &str) -> Result<DriveId, String> {
    let id = DriveId::new(name).filter(|_| !name.is_empty());
    id.ok_or_else(|| format!("id={name}: a name has 1 to {} visible ASCII characters", DriveId::LEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_read() {
        let file =
            |path: &str| DriveArg { source: Source::File(path.into()), read_only: false, instant: false, id: None };
        assert_eq!(DriveArg::parse("file=disk.img"), Ok(file("disk.img")));
        assert_eq!(DriveArg::parse("file=a,,b=c"), Ok(file("a,b=c")));
        let all = DriveArg { read_only: true, instant: true, id: DriveId::new("root"), ..file("x") };
        assert_eq!(DriveArg::parse("id=root,readonly,file=x,instant"), Ok(all));
        assert_eq!(DriveArg::parse("ram=64M").map(|drive| drive.source), Ok(Source::Ram(64 << 20)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("", "none of file=PATH"),
            ("disk.img", "`disk.img` is none of"),
            ("file=", "`file=` is none of"),
            ("readonly", "there must be"),
            ("file=a,ram=1M", "`ram=1M` is one too many"),
            ("file=a,readonly,readonly", "one too many"),
            ("file=a,readonly=no", "none of"),
            ("ram=1T", "ram=1T: unknown suffix"),
            ("ram=100G", "more than 64G"),
            ("ram=0", "ram=0: memory must be"),
            ("ram=1M,readonly", "nothing in it"),
            ("file=a,id=", "1 to 20"),
            ("file=a,id=a b", "1 to 20"),
        ] {
            let error = DriveArg::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
