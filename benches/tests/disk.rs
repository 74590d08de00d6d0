//! The machine's own disk behind a guest's: the host drives it, and what the guest writes is in the host's file.

mod boot;

use std::fs;
use std::path::PathBuf;

use benches::images;
use ha_iov_ext::model::{Config, Haiov};
use rv_devices::VirtioSlot;
use rv_devices::virtio::{Drive, DriveId, FileDisk};
use rv_machine::{CostModel, MachineConfig, Stop};

const HARTS: usize = 2;
const DISK_SIZE: u64 = 8 << 20;
const SPAN: usize = 1 << 20;
/// A run that takes more has gone astray.
const INSNS_MAX: u64 = 1_000_000_000;
/// Odd sizes: neither the buffers' nor the pages'.
const WORK: &str = "rw=randwrite bs=3K qd=8 ops=500 span=1M seed=42";

/// A file that is gone when this is.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("benches-{}-{name}", std::process::id()));
        fs::File::create(&path).and_then(|file| file.set_len(DISK_SIZE)).unwrap();
        Self(path)
    }

    fn drive(&self, read_only: bool) -> Drive {
        Drive::File(FileDisk::open(&self.0, read_only).unwrap())
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.0).unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Boots a kernel with an archive; how it ended, and all that it printed.
fn boot(kernel: &[u8], files: &[(&str, &[u8])], append: &str, drive: Option<Drive>) -> (Stop, String) {
    let costs = CostModel::built_in("default").unwrap();
    let time = costs.disk_time();
    let slot = |drive| VirtioSlot::with_disk(drive, DriveId::new("real").unwrap(), time);
    let config = MachineConfig {
        harts: HARTS,
        memory: 512 << 20,
        costs,
        extensions: Haiov::machine(Config::default(), HARTS),
        // Not in the first slot: the kernel has to look for it.
        virtio: drive.map(|drive| vec![VirtioSlot::empty(), slot(drive)]).unwrap_or_default(),
        ..MachineConfig::default()
    };
    boot::run(&mut boot::machine(config, kernel, files, append), INSNS_MAX)
}

fn hosted(words: &str, drive: Option<Drive>) -> (Stop, String) {
    let files = [("vmm", images::VMM), ("guest", images::BLOCK), ("backend", images::BACKEND)];
    let guest: String = WORK.split(' ').map(|word| format!(" g.{word}")).collect();
    boot(images::HYP, &files, &format!("device=block disk=real guest-memory=64 {words}{guest}"), drive)
}

#[test]
fn a_guest_writes_to_the_machines_disk() {
    let bare = TempFile::new("bare");
    let (stop, output) = boot(images::BLOCK, &[], WORK, Some(bare.drive(false)));
    assert_eq!(stop, Stop::Exit(0), "{output}");
    let expected = bare.bytes();
    assert!(expected[..SPAN / 3072 * 3072].chunks(512).all(|sector| sector.iter().any(|byte| *byte != 0)));
    for mechanism in ["virtio", "virtio-uer", "vhost-user", "vhost-user-poll"] {
        let file = TempFile::new(mechanism);
        let (stop, output) = hosted(&format!("mech={mechanism}"), Some(file.drive(false)));
        assert_eq!(stop, Stop::Exit(0), "{output}");
        // What the guest has read back was right too.
        assert!(output.contains("\"who\":\"guest\"") && output.contains("\"errors\":0"), "{output}");
        assert!(!output.contains("not given back"), "something leaked: {output}");
        assert!(file.bytes() == expected, "the guest without a host has written the same");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let file = TempFile::new("refused");
    let refused = |words: &str, drive, message: &str| {
        let (stop, output) = hosted(words, drive);
        assert_eq!(stop, Stop::Exit(1), "{output}");
        assert!(output.contains(message), "{output}");
    };
    refused("mech=virtio", None, "the machine's disk: no such file or object");
    refused("mech=vhost", Some(file.drive(false)), "vhost has no disk=real");
    refused("mech=vhost-user-hcs", Some(file.drive(false)), "vhost-user-hcs has no disk=real");
    let (stop, output) = hosted("mech=virtio", Some(file.drive(true)));
    assert_ne!(stop, Stop::Exit(0), "a disk that can't be written: {output}");
    assert!(file.bytes().iter().all(|byte| *byte == 0));
}
