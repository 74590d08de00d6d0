//! `--share`: a folder of the host for the guest.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rv_backends::p9::Share;
use rv_devices::VirtioSlot;
use rv_devices::virtio::Tag;

use super::words::{self, Word, WordKind};

/// What a share can be told.
pub const WORDS: &[Word] = &[
    Word { key: "path", kind: WordKind::Path, help: "The folder." },
    Word { key: "tag", kind: WordKind::Text, help: "The name by which the guest mounts it." },
    Word { key: "readonly", kind: WordKind::Flag, help: "The guest can't write there." },
];

/// A folder, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareArg {
    folder: PathBuf,
    tag: Tag,
    read_only: bool,
}

impl ShareArg {
    /// Reads `DIR,tag=NAME[,readonly]`; for a machine file the folder is `path=DIR`. A comma in a path is doubled.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut folder, mut tag, mut read_only) = (None, None, false);
        for (number, (key, value)) in words::split(text).into_iter().enumerate() {
            let word = value.as_ref().map_or(key.clone(), |value| format!("{key}={value}"));
            let again = match (key.as_str(), value) {
                ("tag", Some(name)) => {
                    let named = Tag::new(&name).ok_or(format!("tag={name}: a name has 1 to {} bytes", Tag::LEN_MAX))?;
                    tag.replace(named).is_some()
                }
                ("path", Some(path)) if !path.is_empty() => folder.replace(path).is_some(),
                ("readonly", None) => std::mem::replace(&mut read_only, true),
                ("", None) if number == 0 => return Err("there must be a folder".to_owned()),
                (path, None) if number == 0 => folder.replace(path.to_owned()).is_some(),
                _ => return Err(format!("`{word}` is none of DIR (the first word), path=DIR, tag=NAME, readonly")),
            };
            if again {
                return Err(format!("`{word}` is one too many"));
            }
        }
        let folder = folder.ok_or("there must be a folder")?;
        let tag = tag.ok_or("there must be tag=NAME, by which the guest mounts it")?;
        Ok(Self { folder: folder.into(), tag, read_only })
    }

    /// The device.
    pub fn open(&self) -> Result<VirtioSlot> {
        let share = Share::open(&self.folder, self.read_only);
        let share = share.with_context(|| format!("can't share {}", self.folder.display()))?;
        Ok(VirtioSlot::with_share(self.tag, Box::new(share)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read() {
        let share = ShareArg::parse("/a,,b,tag=host,readonly").unwrap();
        assert_eq!((share.folder.to_str(), share.tag.as_str(), share.read_only), (Some("/a,b"), "host", true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!("a,tag={}", "x".repeat(33));
        for (text, part) in [
            ("", "must be a folder"),
            ("a", "must be tag=NAME"),
            ("a,tag=", "1 to 32 bytes"),
            (&long, "1 to 32 bytes"),
            ("a,tag=b,tag=c", "one too many"),
            ("a,tag=b,rw", "`rw` is none of"),
            ("a,path=b,tag=c", "one too many"),
            ("tag=b", "must be a folder"),
        ] {
            let error = ShareArg::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
