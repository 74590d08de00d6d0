//! The manifest beside the images: what each was built from and by what, so
//! that a stale one is found without a cross compiler.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The file's name.
pub const FILE: &str = "manifest.json";

/// All images by name.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What is known of each image.
    pub images: BTreeMap<String, Entry>,
}

/// What is known of an image.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Files and folders that it was built from.
    pub sources: Vec<String>,
    /// One hash over all of them.
    pub sources_sha256: String,
    /// The instruction set that it was built for.
    pub target: String,
    /// The compiler: another one makes other bytes from the same sources.
    pub rustc: String,
    /// The image's size in bytes.
    pub size: u64,
    /// The image's own hash.
    pub sha256: String,
}

impl Manifest {
    /// The manifest in a folder; an empty one where there is none yet.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = fs::read(&file).with_context(|| file.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| file.display().to_string())
    }

    /// Writes it to a folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let file = folder.join(FILE);
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&file, text).with_context(|| file.display().to_string())
    }
}
