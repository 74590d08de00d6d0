//! `--drive`: a disk, as a list of words.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rv_backends::disk::{Format, MemoryOverlay, Overlay, OverlayFile, Qcow2Disk, Store};
use rv_devices::VirtioSlot;
use rv_devices::virtio::{Drive, DriveId, FileDisk, HostDisk, ServiceTime};
use rv_machine::CostModel;

use super::words::{self, Word, WordKind};

/// What a disk can be told.
pub const WORDS: &[Word] = &[
    Word { key: "file", kind: WordKind::Path, help: "The file that has its bytes." },
    Word { key: "ram", kind: WordKind::Size, help: "Its size, for a disk in memory." },
    Word { key: "format", kind: WordKind::Text, help: "What the file is: raw or qcow2." },
    Word { key: "overlay", kind: WordKind::Path, help: "A file that gets what is written, in place of the disk." },
    Word { key: "snapshot", kind: WordKind::Flag, help: "What is written is gone at the end." },
    Word { key: "readonly", kind: WordKind::Flag, help: "It can't be written." },
    Word { key: "instant", kind: WordKind::Flag, help: "Requests take no time." },
    Word { key: "id", kind: WordKind::Text, help: "Its name, which software can ask for." },
];

/// A disk in memory has at most so many bytes.
const RAM_MAX: u64 = 64 << 30;
/// What a disk can have, for who had something else.
const KNOWN: &str = "file=PATH, ram=SIZE, id=NAME, format=raw, format=qcow2, overlay=PATH, snapshot, readonly, instant";

/// A disk, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveArg {
    source: Source,
    format: Option<Format>,
    writes: Writes,
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

/// Where it goes what the guest writes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Writes {
    /// Where the disk's bytes are.
    Through,
    /// Into a file of its own.
    Overlay(PathBuf),
    /// Into memory.
    Snapshot,
}

impl DriveArg {
    /// Reads `file=PATH[,format=raw|qcow2][,overlay=PATH][,snapshot][,readonly][,instant][,id=NAME]` or `ram=SIZE[,id=NAME]`. A comma in a path is doubled.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut source, mut read_only, mut instant, mut id) = (None, false, false, None);
        let (mut format, mut writes) = (None, None);
        for (key, value) in words::split(text) {
            let word = value.as_ref().map_or(key.clone(), |value| format!("{key}={value}"));
            let again = match (key.as_str(), value.as_deref().unwrap_or_default()) {
                ("file", path) if !path.is_empty() => source.replace(Source::File(path.into())).is_some(),
                ("ram", size) => source.replace(Source::Ram(ram_size(size)?)).is_some(),
                ("id", name) => id.replace(drive_id(name)?).is_some(),
                ("format", name) => format.replace(self::format(name)?).is_some(),
                ("overlay", path) if !path.is_empty() => writes.replace(Writes::Overlay(path.into())).is_some(),
                ("snapshot", "") => writes.replace(Writes::Snapshot).is_some(),
                ("readonly", "") => std::mem::replace(&mut read_only, true),
                ("instant", "") => std::mem::replace(&mut instant, true),
                _ => return Err(format!("`{word}` is none of {KNOWN}")),
            };
            if again {
                return Err(format!("`{word}` is one too many"));
            }
        }
        let source = source.ok_or("there must be file=PATH or ram=SIZE")?;
        if read_only && matches!(source, Source::Ram(_)) {
            return Err("a disk in memory that can't be written has nothing in it".to_owned());
        }
        if matches!(source, Source::Ram(_)) && (format.is_some() || writes.is_some()) {
            return Err("a disk in memory has no format, overlay or snapshot".to_owned());
        }
        if read_only && writes.is_some() {
            return Err("nothing is written to a disk that is readonly: it needs no overlay or snapshot".to_owned());
        }
        Ok(Self { source, format, writes: writes.unwrap_or(Writes::Through), read_only, instant, id })
    }

    /// The disk, as the machine's `number`th. A disk in memory takes no time.
    fn open(&self, number: usize, costs: &CostModel) -> Result<VirtioSlot> {
        let (drive, time) = match &self.source {
            Source::File(path) => (self.open_image(path)?, costs.disk_time()),
            Source::Ram(bytes) => (Drive::memory(*bytes as usize), ServiceTime::NONE),
        };
        let time = if self.instant { ServiceTime::NONE } else { time };
        let id = self.id.or_else(|| DriveId::new(&format!("disk{number}"))).unwrap_or_default();
        Ok(VirtioSlot::with_disk(drive, id, time))
    }

    fn open_image(&self, path: &Path) -> Result<Drive> {
        let read_only = self.read_only || self.writes != Writes::Through;
        // A file that can't be looked at isn't there, or no file: opening it says so.
        let format = self.format.unwrap_or_else(|| Format::detect(path).unwrap_or(Format::Raw));
        let base: Store = match format {
            Format::Raw if self.writes == Writes::Through => return Ok(Drive::File(FileDisk::open(path, read_only)?)),
            Format::Raw => FileDisk::open(path, read_only)?.into_store(),
            Format::Qcow2 => Box::new(Qcow2Disk::open(path, read_only, self.format.is_some())?),
        };
        let store: Store = match &self.writes {
            Writes::Through => base,
            Writes::Snapshot => Box::new(Overlay::new(base, MemoryOverlay::new())),
            Writes::Overlay(file) => {
                let top = OverlayFile::open(file, base.len())?;
                Box::new(Overlay::new(base, top))
            }
        };
        Ok(Drive::Host(HostDisk::new(store)))
    }
}

impl fmt::Display for DriveArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File(path) => write!(f, "disk {}", path.display())?,
            Source::Ram(bytes) => write!(f, "disk in memory, {} MiB", *bytes as f64 / f64::from(1 << 20))?,
        }
        let words = [(self.read_only, ", can't be written"), (self.instant, ", takes no time")];
        match &self.writes {
            Writes::Through => {}
            Writes::Overlay(file) => write!(f, ", written to {}", file.display())?,
            Writes::Snapshot => f.write_str(", what is written is gone at the end")?,
        }
        words.iter().filter(|(said, _)| *said).try_for_each(|(_, words)| f.write_str(words))
    }
}

/// Opens all disks, in order.
pub fn open(drives: &[DriveArg], costs: &CostModel) -> Result<Vec<VirtioSlot>> {
    drives.iter().enumerate().map(|(number, drive)| drive.open(number, costs)).collect()
}

fn format(name: &str) -> Result<Format, String> {
    match name {
        "raw" => Ok(Format::Raw),
        "qcow2" => Ok(Format::Qcow2),
        _ => Err(format!("format={name}: it is raw or qcow2")),
    }
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
        let file = |path: &str| DriveArg {
            source: Source::File(path.into()),
            format: None,
            writes: Writes::Through,
            read_only: false,
            instant: false,
            id: None,
        };
        assert_eq!(DriveArg::parse("file=disk.img"), Ok(file("disk.img")));
        assert_eq!(DriveArg::parse("file=a,,b=c"), Ok(file("a,b=c")));
        let all = DriveArg { read_only: true, instant: true, id: DriveId::new("root"), ..file("x") };
        assert_eq!(DriveArg::parse("id=root,readonly,file=x,instant"), Ok(all));
        let over = DriveArg { format: Some(Format::Qcow2), writes: Writes::Overlay("b".into()), ..file("a") };
        assert_eq!(DriveArg::parse("file=a,format=qcow2,overlay=b"), Ok(over));
        assert_eq!(DriveArg::parse("file=a,snapshot").map(|drive| drive.writes), Ok(Writes::Snapshot));
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
            ("file=a,format=vmdk", "raw or qcow2"),
            ("file=a,overlay=b,snapshot", "one too many"),
            ("file=a,overlay=", "none of"),
            ("file=a,snapshot,readonly", "needs no overlay"),
            ("ram=1M,snapshot", "no format, overlay"),
            ("file=a,id=", "1 to 20"),
            ("file=a,id=a b", "1 to 20"),
        ] {
            let error = DriveArg::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
