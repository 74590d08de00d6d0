//! Images against those of `qemu-img`, overlays against what they should hold, and headers of any contents.
//! For longer: `PROPTEST_CASES=100000 cargo test --release -p rv-backends --test disk`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use rv_backends::disk::{DiskError, Format, MemoryOverlay, Overlay, OverlayFile, Qcow2Disk, Store};
use rv_virtio::device::block::{ByteStore, StorageError};

/// Bytes of most disks here: not a whole number of clusters.
const SIZE: usize = (3 << 20) + 512 * 77;

/// A disk in memory, to build on.
struct Memory(Vec<u8>);

impl ByteStore for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), StorageError> {
        into.copy_from_slice(
            self.0.get(position as usize..).and_then(|rest| rest.get(..into.len())).ok_or(StorageError::Failed)?,
        );
        Ok(())
    }

    fn write_at(&mut self, _position: u64, _from: &[u8]) -> Result<(), StorageError> {
        panic!("the disk below is never written");
    }
}

fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 9) as u8 ^ seed).collect()
}

fn contents(disk: &mut dyn ByteStore) -> Vec<u8> {
    let mut bytes = vec![0; disk.len() as usize];
    disk.read_at(0, &mut bytes).unwrap();
    bytes
}

/// Runs `qemu-img`; `None`, loudly, if the host has none.
fn qemu_img(folder: &Path, arguments: &[&str]) -> Option<String> {
    match Command::new("qemu-img").args(arguments).current_dir(folder).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "qemu-img {arguments:?}: {text}");
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(_) => {
            eprintln!("SKIPPED: there is no qemu-img on this host");
            None
        }
    }
}

/// Writes here and there, to the disk and to what it should be.
fn scribble(disk: &mut dyn ByteStore, model: &mut [u8]) {
    for (number, (at, len)) in
        [(0, 512), (65_536 - 100, 200), (1 << 20, 300_000), (SIZE - 700, 700), (200_000, 1), (1 << 20, 5)]
            .into_iter()
            .enumerate()
    {
        let bytes = pattern(len, 100 + number as u8);
        disk.write_at(at as u64, &bytes).unwrap();
        model[at..at + len].copy_from_slice(&bytes);
    }
}

#[test]
fn images_of_qemu_img_are_read_and_written() {
    for options in [
        "cluster_size=65536",
        "cluster_size=512,refcount_bits=1",
        "cluster_size=2097152",
        "compat=0.10",
        "lazy_refcounts=on",
        "preallocation=metadata",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = pattern(SIZE, 1);
        fs::write(folder.path().join("raw"), &model).unwrap();
        let made = qemu_img(folder.path(), &["convert", "-f", "raw", "-O", "qcow2", "-o", options, "raw", "image"]);
        if made.is_none() {
            return;
        }
        let path = folder.path().join("image");
        assert_eq!(Format::detect(&path).unwrap(), Format::Qcow2);
        let mut disk = Qcow2Disk::open(&path, false, false).unwrap();
        assert!(contents(&mut disk) == model, "{options}");
        scribble(&mut disk, &mut model);
        disk.flush().unwrap();
        assert!(contents(&mut disk) == model, "{options}");
        drop(disk);
        check(folder.path(), &model);
    }
}

/// `image` in the folder is right, and has these contents.
fn check(folder: &Path, model: &[u8]) {
    qemu_img(folder, &["check", "-f", "qcow2", "image"]);
    fs::write(folder.join("model"), model).unwrap();
    qemu_img(folder, &["compare", "-f", "raw", "-F", "qcow2", "model", "image"]);
}

#[test]
fn compressed_images_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = pattern(SIZE, 2);
    fs::write(folder.path().join("raw"), &model).unwrap();
    if qemu_img(folder.path(), &["convert", "-c", "-f", "raw", "-O", "qcow2", "raw", "image"]).is_none() {
        return;
    }
    let mut disk = Qcow2Disk::open(&folder.path().join("image"), false, false).unwrap();
    scribble(&mut disk, &mut model);
    assert!(contents(&mut disk) == model);
    drop(disk);
    check(folder.path(), &model);
}

#[test]
fn backing_files_are_read_if_that_is_meant_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = pattern(SIZE, 3);
    fs::write(folder.path().join("raw"), &model).unwrap();
    if qemu_img(folder.path(), &["convert", "-f", "raw", "-O", "qcow2", "raw", "below"]).is_none() {
        return;
    }
    qemu_img(folder.path(), &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "below", "image"]);
    let before = fs::read(folder.path().join("below")).unwrap();
    let path = folder.path().join("image");
    let error = Qcow2Disk::open(&path, false, false).err().unwrap().to_string();
    assert!(error.contains("format=qcow2"), "{error}");
    let mut disk = Qcow2Disk::open(&path, false, true).unwrap();
    assert!(contents(&mut disk) == model);
    scribble(&mut disk, &mut model);
    assert!(contents(&mut disk) == model);
    let below = Qcow2Disk::open(&folder.path().join("below"), false, false);
    assert!(matches!(below, Err(DiskError::Locked(_))), "nobody writes it meanwhile");
    drop(disk);
    check(folder.path(), &model);
    assert!(fs::read(folder.path().join("below")).unwrap() == before);
}

#[test]
fn an_image_that_is_below_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    if qemu_img(folder.path(), &["create", "-q", "-f", "qcow2", "image", "1M"]).is_none() {
        return;
    }
    qemu_img(folder.path(), &["create", "-q", "-f", "qcow2", "other", "1M"]);
    qemu_img(folder.path(), &["rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "other", "image"]);
    qemu_img(folder.path(), &["rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "image", "other"]);
    assert!(Qcow2Disk::open(&folder.path().join("image"), true, true).is_err());
}

#[test]
fn what_is_not_supported_is_named() {
    for (options, name) in [("extended_l2=on", "extended L2 entries"), ("data_file=data", "an external data file")] {
        let folder = tempfile::tempdir().unwrap();
        if qemu_img(folder.path(), &["create", "-q", "-f", "qcow2", "-o", options, "image", "1M"]).is_none() {
            return;
        }
        let error = Qcow2Disk::open(&folder.path().join("image"), false, true).err().unwrap();
        assert!(matches!(error, DiskError::Unsupported { .. }) && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn files_that_are_no_images_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, [0; 4096]).unwrap();
    assert_eq!(Format::detect(&path).unwrap(), Format::Raw);
    assert!(matches!(Qcow2Disk::open(&path, true, true), Err(DiskError::Damaged { .. })));
    assert!(matches!(Qcow2Disk::open(folder.path(), true, true), Err(DiskError::Kind(_))));
    assert!(matches!(Qcow2Disk::open(&folder.path().join("gone"), true, true), Err(DiskError::Open { .. })));
    assert!(matches!(OverlayFile::open(&path, 4096), Err(DiskError::Damaged { .. })));
    assert_eq!(fs::read(&path).unwrap(), [0; 4096], "what is no overlay is not made one");
}

fn base() -> Store {
    Box::new(Memory(pattern(SIZE, 4)))
}

fn over(file: &Path) -> Overlay<OverlayFile> {
    Overlay::new(base(), OverlayFile::open(file, SIZE as u64).unwrap())
}

#[test]
fn overlays_hold_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("overlay");
    let mut model = pattern(SIZE, 4);
    let mut memory = Overlay::new(base(), MemoryOverlay::new());
    scribble(&mut memory, &mut model);
    assert!(contents(&mut memory) == model);
    let mut disk = over(&file);
    scribble(&mut disk, &mut model.clone());
    assert!(contents(&mut disk) == model);
    assert!(matches!(OverlayFile::open(&file, SIZE as u64), Err(DiskError::Locked(_))));
    drop(disk);
    assert!(contents(&mut over(&file)) == model, "after it was closed and opened");
    assert!(disk_is_bounded(&mut over(&file)));
}

fn disk_is_bounded(disk: &mut dyn ByteStore) -> bool {
    let at = disk.len() - 1;
    disk.read_at(at, &mut [0; 2]).is_err()
        && disk.write_at(at, &[0; 2]).is_err()
        && disk.read_at(u64::MAX, &mut [0]).is_err()
}

/// What was flushed is there even if the program ends without another word.
#[test]
fn a_flush_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("overlay"), folder.path().join("copy"));
    let mut model = pattern(SIZE, 4);
    let mut disk = over(&file);
    scribble(&mut disk, &mut model);
    disk.flush().unwrap();
    fs::copy(&file, &copy).unwrap();
    disk.write_at(2 << 20, &[0xee; 100]).unwrap();
    assert!(contents(&mut over(&copy)) == model);
    // Between two flushes a cluster that is new is as it was below, whole.
    fs::remove_file(&copy).unwrap();
    fs::copy(&file, &copy).unwrap();
    assert!(contents(&mut over(&copy)) == model);
}

#[test]
fn an_overlay_of_another_disk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("overlay");
    drop(OverlayFile::open(&file, 1 << 20).unwrap());
    let error = OverlayFile::open(&file, 2 << 20).unwrap_err().to_string();
    assert!(error.contains("over a disk of 1048576 bytes, and this one has 2097152"), "{error}");
}

fn damage() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0..4200_usize, any::<u8>()), 1..6)
}

proptest! {
    #[test]
    fn overlays_are_what_was_written(
        writes in prop::collection::vec((0..SIZE, 1..200_000_usize, any::<u8>(), any::<bool>()), 1..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("overlay");
        let mut model = pattern(SIZE, 4);
        let mut disk = over(&file);
        for (at, len, seed, reopen) in writes {
            let bytes = pattern(len.min(SIZE - at), seed);
            disk.write_at(at as u64, &bytes).unwrap();
            model[at..at + bytes.len()].copy_from_slice(&bytes);
            if reopen {
                drop(disk);
                disk = over(&file);
            }
        }
        prop_assert!(contents(&mut disk) == model);
    }

    #[test]
    fn damaged_overlays_are_refused_or_harmless(damage in damage(), cut in prop::option::of(0..70_000_u64)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("overlay");
        let size = 1 << 20;
        let mut disk = Overlay::new(Box::new(Memory(pattern(size, 4))), OverlayFile::open(&path, size as u64).unwrap());
        disk.write_at(70_000, b"written").unwrap();
        drop(disk);
        hurt(&path, &damage, cut);
        if let Ok(top) = OverlayFile::open(&path, size as u64) {
            let mut disk = Overlay::new(Box::new(Memory(pattern(size, 4))), top);
            exercise(&mut disk);
        }
    }
}

/// Overwrites bytes, and cuts the file.
fn hurt(path: &Path, damage: &[(usize, u8)], cut: Option<u64>) {
    let mut bytes = fs::read(path).unwrap();
    for &(at, value) in damage {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    }
    bytes.truncate(cut.map_or(bytes.len(), |cut| cut as usize));
    fs::write(path, bytes).unwrap();
}

/// Reads and writes all over a disk; what comes of it doesn't matter.
fn exercise(disk: &mut dyn ByteStore) {
    let mut bytes = vec![0; 5000];
    let len = disk.len();
    for at in [0, 1 << 16, len / 2, len.saturating_sub(5000)] {
        let _ = disk.read_at(at, &mut bytes);
        let _ = disk.write_at(at, &bytes);
    }
    let _ = disk.flush();
}

/// A small image with all kinds of tables, to be damaged.
fn image() -> Option<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("raw"), pattern(200_000 / 512 * 512, 5)).unwrap();
    qemu_img(folder.path(), &["convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=512", "raw", "image"])?;
    let path = folder.path().join("image");
    Some((folder, path))
}

/// Images with random bytes in their headers and tables: refused by name, or used without harm. imago's own panics, if it
/// has any, are errors to the guest.
#[test]
fn damaged_images_are_refused_or_harmless() {
    let Some((_folder, path)) = image() else { return };
    let good = fs::read(&path).unwrap();
    let cases = ProptestConfig::default().cases;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    let place = prop_oneof![3 => 0..112_usize, 3 => 0..8192_usize, 1 => 0..good.len()];
    let value = prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(0x80)];
    let damage = (prop::collection::vec((place, value), 1..5), prop::option::weighted(0.1, 0..good.len() as u64));
    let ran = runner.run(&damage, |(damage, cut)| {
        fs::write(&path, &good).unwrap();
        hurt(&path, &damage, cut);
        match Qcow2Disk::open(&path, false, true) {
            Ok(mut disk) => exercise(&mut disk),
            Err(error) => prop_assert!(error.to_string().contains("image"), "{}", error),
        }
        Ok(())
    });
    ran.unwrap();
}
