//! Disk images behind the board's disk: a guest writes the same bytes to a plain file, to an overlay, to an overlay in
//! memory, and to qcow2 images.

use std::fs;
use std::path::Path;
use std::process::Command;

use rv_backends::disk::{Overlay, OverlayFile, Qcow2Disk};
use rv_devices::virtio::FileDisk;
use rv_virtio::device::block::ByteStore;

const BLOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sw/images/block.elf");
const SIZE: usize = 2 << 20;

/// Runs the block guest, which writes a MiB of data in random order and reads it back.
fn write_to(folder: &Path, drive: &str) {
    let run = Command::new(env!("CARGO_BIN_EXE_rv-emu"))
        .args(["run", "--kernel", BLOCK, "--append", "rw=randwrite bs=2K qd=8 ops=600 span=1M seed=5"])
        .args(["--drive", &format!("{drive},instant")])
        .current_dir(folder)
        .output()
        .unwrap();
    let (out, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{drive}: {out}{errors}");
}

fn contents(mut disk: impl ByteStore) -> Vec<u8> {
    let mut bytes = vec![0; disk.len() as usize];
    disk.read_at(0, &mut bytes).unwrap();
    bytes
}

/// A folder with a disk, and what is on it after the guest wrote to a copy.
fn prepared() -> (tempfile::TempDir, Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let before: Vec<u8> = (0..SIZE).map(|at| (at >> 7) as u8).collect();
    fs::write(folder.path().join("disk"), &before).unwrap();
    fs::write(folder.path().join("plain"), &before).unwrap();
    write_to(folder.path(), "file=plain");
    let after = fs::read(folder.path().join("plain")).unwrap();
    assert!(after != before);
    (folder, before, after)
}

#[test]
fn overlays_get_what_a_plain_file_gets() {
    let (folder, before, after) = prepared();
    let disk = folder.path().join("disk");
    write_to(folder.path(), "file=disk,snapshot");
    write_to(folder.path(), "file=disk,overlay=over");
    // A second run goes on with what the first has written.
    write_to(folder.path(), "file=disk,overlay=over");
    assert!(fs::read(&disk).unwrap() == before);
    let base = FileDisk::open(&disk, true).unwrap().into_store();
    let top = OverlayFile::open(&folder.path().join("over"), SIZE as u64).unwrap();
    assert!(contents(Overlay::new(base, top)) == after);
}

#[test]
fn qcow2_images_get_what_a_plain_file_gets() {
    let (folder, _, after) = prepared();
    let qemu_img = |arguments: &[&str]| {
        let output = Command::new("qemu-img").args(arguments).current_dir(folder.path()).output();
        let Ok(output) = output else {
            eprintln!("SKIPPED: there is no qemu-img on this host; install Debian's package qemu-utils");
            return false;
        };
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        true
    };
    if !qemu_img(&["convert", "-f", "raw", "-O", "qcow2", "disk", "image"]) {
        return;
    }
    qemu_img(&["create", "-q", "-f", "qcow2", "-F", "raw", "-b", "disk", "backed"]);
    write_to(folder.path(), "file=image");
    write_to(folder.path(), "file=backed,format=qcow2");
    for name in ["image", "backed"] {
        qemu_img(&["check", "-q", "-f", "qcow2", name]);
        qemu_img(&["compare", "-q", "-f", "raw", "-F", "qcow2", "plain", name]);
        assert!(contents(Qcow2Disk::open(&folder.path().join(name), true, true).unwrap()) == after, "{name}");
    }
}
