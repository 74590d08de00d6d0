//! Starting software: where each file goes, and what the first instruction finds.
//!
//! Placement is that of QEMU's `virt`: firmware or a bare program at the start of memory, a kernel 2 MiB above, the initial archive and
//! the device tree further up.

mod controllers;
mod place;
mod reset;
pub mod tree;

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
