//! How a case becomes a machine: what is in its archive, and what its host is told. One function for each kind of guest.

use std::fmt::Write;

use super::case::{Case, Sharing};
use super::mechanism::Mechanism;
use crate::images;

/// The lab's machine: that of the slides.
pub const HARTS: usize = 4;
/// The host's memory.
pub const HOST_MEMORY: u64 = 2048 << 20;
/// The guest's memory, in MiB; several guests share it.
pub const GUEST_MIB: u64 = 1024;
/// Bytes of a guest's disk: as many as `hyp/vmm` gives it by default. Both are memory: whatever is behind the device takes no time.
pub const DISK: u64 = 64 << 20;

/// Which part of a run is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// From the last begin marker before the first end marker, to that end marker.
    Markers,
    /// From the first begin marker to the last end marker: several guests.
    AllMarkers,
    /// From the first instruction that is not the firmware's to the end of the machine: a guest without host and without markers.
    Kernel,
    /// From there to the first end marker.
    KernelToMarker,
}

/// A machine with its software.
#[derive(Clone, Debug)]
pub struct Composition {
    /// Memory in bytes.
    pub memory: u64,
    /// Harts.
    pub harts: usize,
    /// What the firmware starts.
    pub kernel: Vec<u8>,
    /// Files of the initial archive: name and contents.
    pub archive: Vec<(&'static str, Vec<u8>)>,
    /// An initial archive as it is, in place of one of those files.
    pub initrd: Option<Vec<u8>>,
    /// Kernel command line.
    pub append: String,
    /// Entries of each hart's cache of the VEI map, if not the hardware's default.
    pub map_cache: Option<u32>,
    /// Bytes of a disk on the board, if there is one: memory, which takes no time.
    pub disk: Option<u64>,
    /// What is measured.
    pub span: Span,
    /// A run that retires more than this has gone astray.
    pub insns_max: u64,
    /// Exit codes of the machine that mean success.
    pub exit_codes: &'static [u64],
}

/// An image by name.
pub fn image(name: &str) -> Result<Vec<u8>, String> {
    images::find(name).map(<[u8]>::to_vec).ok_or_else(|| format!("this build has no image {name}.elf"))
}

impl Composition {
    /// The host with these files.
    pub fn hosted(files: &[(&'static str, &str)], append: String, insns_max: u64) -> Result<Composition, String> {
        let archive = files.iter().map(|(name, source)| Ok((*name, image(source)?))).collect::<Result<_, String>>()?;
        Ok(Composition {
            memory: HOST_MEMORY,
            harts: HARTS,
            kernel: image("hyp")?,
            archive,
            initrd: None,
            append,
            map_cache: None,
            disk: None,
            span: Span::Markers,
            insns_max,
            exit_codes: &[0],
        })
    }

    /// A guest as the kernel of a machine that is as large as the guest would be.
    pub fn bare(guest: &str, append: String, span: Span, insns_max: u64) -> Result<Composition, String> {
        Ok(Composition {
            memory: GUEST_MIB << 20,
            harts: HARTS,
            kernel: image(guest)?,
            archive: Vec::new(),
            initrd: None,
            append,
            map_cache: None,
            disk: None,
            span,
            insns_max,
            exit_codes: &[0],
        })
    }
}

/// Instructions that a host may take to boot, and each of its operations to be done.
const INSNS_BOOT_MAX: u64 = 500_000_000;
const INSNS_PER_LINE_MAX: u64 = 200_000;
const INSNS_PER_OP_MAX: u64 = 2_000_000;

/// A guest that prints lines to a UART.
pub fn console(case: &Case) -> Result<Composition, String> {
    let insns_max = INSNS_BOOT_MAX + case.size * INSNS_PER_LINE_MAX;
    if case.mechanism.is_bare() {
        return Composition::bare("console", format!("lines={}", case.size), Span::Kernel, insns_max);
    }
    let append = format!("mech={} lines={} guest-memory={GUEST_MIB} console=capture", case.mechanism.name, case.size);
    Composition::hosted(&[("vmm", "vmm"), ("guest", "console")], append, insns_max)
}

/// A guest with a virtio device: `image` with the words `guest_args`, doing `ops` operations.
pub fn virtio(case: &Case, device: &str, guest_args: &str, ops: u64) -> Result<Composition, String> {
    let options = &case.options;
    let guests = u64::from(options.guests.unwrap_or(1)).max(1);
    let insns_max = INSNS_BOOT_MAX + guests * ops * INSNS_PER_OP_MAX;
    if case.mechanism.is_bare() {
        let bare = Composition::bare(device, guest_args.to_owned(), Span::Markers, insns_max)?;
        return Ok(Composition { disk: (device == "block").then_some(DISK), ..bare });
    }
    // The other end of the command line is `hyp/vmm`'s parser; words that begin with `g.` are the guest's.
    let memory = GUEST_MIB / guests.next_power_of_two();
    let mut append = format!("mech={} device={device} guest-memory={memory} hart=0", case.mechanism.name);
    let words = [
        ("guests", (guests > 1).then_some(guests)),
        ("bank", options.bank.map(u64::from)),
        ("other-work", (options.sharing == Some(Sharing::Shared)).then_some(1)),
    ];
    for (name, value) in words.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        // Writing to a string can't fail.
        let _ = write!(append, " {name}={value}");
    }
    if let Some(suppression) = options.suppression {
        let _ = write!(append, " suppression={}", suppression.name());
    }
    for (name, value) in options.knobs.iter().filter(|(name, _)| !name.starts_with("model:")) {
        let _ = write!(append, " {name}={value}");
    }
    for word in guest_args.split_ascii_whitespace() {
        let _ = write!(append, " g.{word}");
    }
    let mut composition = Composition::hosted(&files(case.mechanism, device, options.sharing), append, insns_max)?;
    composition.map_cache = options.map_cache;
    composition.span = if guests > 1 { Span::AllMarkers } else { Span::Markers };
    Ok(composition)
}

/// The files of a virtio case: name in the archive, and image.
fn files(mechanism: &Mechanism, device: &str, sharing: Option<Sharing>) -> Vec<(&'static str, &'static str)> {
    let guest = if device == "net" { "net" } else { "block" };
    let mut files = vec![("vmm", "vmm"), ("guest", guest)];
    files.extend(mechanism.backend.map(|image| (image, image)));
    files.extend((device == "net").then_some(("peer", "peer")));
    files.extend((sharing == Some(Sharing::Shared)).then_some(("work", "work")));
    files
}
