//! Starting software: where each file goes, and what the first instruction finds.
//!
//! Placement is that of QEMU's `virt`: firmware or a bare program at the start of memory, a kernel 2 MiB above or where its
//! header says, the initial archive and the device tree further up.

mod controllers;
mod dtb;
mod place;
mod reset;
pub mod tree;

pub use place::Part;
pub(crate) use place::{Contents, place};
pub(crate) use reset::reset_vector;

use crate::image::Image;

/// What a machine shall run.
#[derive(Clone, Debug, Default)]
pub struct Software {
    /// Firmware, or the bare program: started in M-mode.
    pub bios: Option<Image>,
    /// Started by the firmware in S-mode; needs one.
    pub kernel: Option<Image>,
    /// Initial archive, handed over in the device tree.
    pub initrd: Option<Vec<u8>>,
    /// Kernel command line, handed over in the device tree.
    pub append: Option<String>,
    /// A device tree to hand over instead of the board's own. Its `/chosen` gets the command line, if there is one, and the archive's place;
    /// the rest is as it was. The memory of its memory nodes must be there.
    pub tree: Option<TreeFile>,
}

/// A device tree in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// For messages.
    pub name: String,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

impl Software {
    /// A raw program at the start of memory, started in M-mode.
    pub fn raw(name: &str, bytes: Vec<u8>) -> Software {
        Software::bare(Image::raw(name, bytes))
    }

    /// A bare program, started in M-mode.
    pub fn bare(image: Image) -> Software {
        Software { bios: Some(image), ..Software::default() }
    }
}
