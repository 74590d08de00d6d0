//! `--share`: a folder of the host for the guest.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rv_backends::p9::Share;
use rv_devices::VirtioSlot;
use rv_devices::virtio::Tag;

/// A folder, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareArg {
    folder: PathBuf,
    tag: Tag,
    read_only: bool,
}

impl ShareArg {
    /// Reads `DIR,tag=NAME[,readonly]`. A comma in a path is doubled.
    pub fn parse(text: &str) -> Result<Self, String> {
        // No argument of a program has NUL in it.
        let escaped = text.replace(",,", "\0");
        let mut words = escaped.split(',').map(|word| word.replace('\0', ","));
        let folder = words.next().filter(|folder| !folder.is_empty()).ok_or("there must be a folder")?;
        let (mut tag, mut read_only) = (None, false);
        for word in words {
            match word.split_once('=').unwrap_or((&word, "")) {
                ("tag", name) => {
                    let named = Tag::new(name).ok_or(format!("tag={name}: a name has 1 to {} bytes", Tag::LEN_MAX))?;
                    if tag.replace(named).is_some() {
                        return Err(format!("`{word}` is one too many"));
                    }
                }
                ("readonly", "") => read_only = true,
                _ => return Err(format!("`{word}` is none of tag=NAME, readonly")),
            }
        }
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
            ("a,tag=b,rw", "none of tag=NAME"),
        ] {
            let error = ShareArg::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
