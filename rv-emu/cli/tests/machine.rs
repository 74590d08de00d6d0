//! What a user hands to `rv-emu run`: machine files, kernels, device trees, the serial port, limits; and what is said of bad ones.

mod common;

use std::io::Write;
use std::path::PathBuf;

use common::{File, finish, program, rv_emu, text};
use fdt::Fdt;
use rv_isa::asm::{self, A0, T0, T1, ZERO};

/// A folder of the test's own, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &[u8])]) -> Folder {
        let path = std::env::temp_dir().join(format!("rv-emu-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for (name, bytes) in files {
            std::fs::write(path.join(name), bytes).unwrap();
        }
        Folder(path)
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Expects this exit code and these words, anywhere.
fn ends(arguments: &[&str], code: i32, words: &str) -> String {
    let output = rv_emu(&[&["run"], arguments].concat());
    let all = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
    assert!(all.contains(words), "{arguments:?}: `{words}` is not in: {all}");
    all
}

fn pass() -> Vec<u8> {
    program(&finish(0x5555))
}

#[test]
fn a_machine_is_described_in_a_file() {
    let machine = "memory = '64M'\nharts = 3\nbios = 'pass.bin'\nhaiov = true\nappend = 'of the file'\n\
                   drive = [{ file = 'disk.img', readonly = true }, 'ram=1M']\n";
    let files: &[(&str, &[u8])] = &[("m.toml", machine.as_bytes()), ("pass.bin", &pass()), ("disk.img", &[0; 1024])];
    let folder = Folder::new("machine", files);
    let file = folder.path("m.toml");
    ends(&["--machine", &file], 0, "");
    let said = ends(&["--machine", &file, "--check"], 0, "3 harts: rv64");
    for part in [
        ", with HA-IOV",
        "64 MiB at 0x80000000..0x84000000",
        "cost model default, turns of 1000 cycles",
        "virtio slot 0 disk ",
        "disk.img, can't be written",
        "virtio slot 1 disk in memory, 1 MiB",
        "pass.bin at 0x80000000..0x80000014 (20 bytes)",
        "device tree at 0x83e00000",
        "command line  of the file",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    // What the command line says takes the file's place.
    let said = ends(&["--check", "--machine", &file, "--harts", "1", "--haiov=false", "--append", "x"], 0, "1 hart: ");
    assert!(!said.contains("HA-IOV") && said.contains("command line  x"), "{said}");
    let said = ends(&["--check", "--machine", &file, "--drive", "ram=4M"], 0, "slot 0 disk in memory, 4 MiB");
    assert!(!said.contains("slot 1"), "{said}");
    let other = File::new("other", &program(&finish(0x3333 | 7 << 16)));
    ends(&[other.path(), "--machine", &file], 7, "");
    ends(&["--machine", &file, "--bios", other.path()], 7, "");
}

#[test]
fn bad_machine_files_are_shown() {
    let folder = Folder::new(
        "bad",
        &[("good.toml", b"harts = 2"), ("bad.toml", b"harts = 2\nmemory = '1X'\n"), ("raw", b"\xff")],
    );
    let [good, bad, raw] = ["good.toml", "bad.toml", "raw"].map(|name| folder.path(name));
    let said = ends(&["--machine", &bad, "--check"], 125, "bad.toml:2:10: `memory`: unknown suffix X");
    assert!(said.ends_with("\n2 | memory = '1X'\n  |          ^^^^\n"), "{said}");
    ends(&["--machine", &raw], 125, "can't read machine file");
    ends(&["--machine", "/nonexistent/m.toml"], 125, "can't read machine file /nonexistent/m.toml");
    ends(&["--machine", &good], 125, "there is nothing to run");
    ends(&["--machine", &good, "--harts", "65", "--kernel", &good], 125, "1 to 64");
    ends(&["--machine", &good, "--bios", "x", "y"], 2, "cannot be used with");
    let schema = ends(&["--machine-schema"], 0, "json-schema.org");
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["harts"]["type"], "integer");
}

/// A kernel with Linux's header: it jumps over it, and is done.
fn kernel() -> Vec<u8> {
    let mut bytes = program(&[asm::jal(ZERO, 64)]);
    bytes.resize(64, 0);
    bytes[8..16].copy_from_slice(&0x20_0000u64.to_le_bytes());
    bytes[16..24].copy_from_slice(&(1u64 << 20).to_le_bytes());
    bytes[0x38..0x3c].copy_from_slice(b"RSC\x05");
    bytes.extend(pass());
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A self-extracting EFI program around a packed kernel.
fn zboot(format: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut file = b"MZ\0\0zimg".to_vec();
    file.extend([64u32, payload.len() as u32, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    file.extend(format);
    file.resize(64, 0);
    file.extend(payload);
    file
}

#[test]
fn kernels_may_be_packed() {
    let plain = kernel();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    let packed = [plain.clone(), gzip(&plain), zstd.clone(), zboot(b"gzip", &gzip(&plain)), zboot(b"zstd", &zstd)];
    for (index, bytes) in packed.iter().enumerate() {
        let file = File::new(&format!("kernel-{index}"), bytes);
        ends(&["--kernel", file.path()], 0, "");
        ends(&["--kernel", file.path(), "--check"], 0, "at 0x80200000..0x80300000 (1 MiB)");
        ends(&[file.path()], 125, "a Linux kernel, which firmware has to start: use --kernel");
    }
    for (bytes, words) in [
        (b"\xfd7zXZ\0".to_vec(), "this is a xz file: unpack it first"),
        (zboot(b"xzkern", b"\xfd7zXZ"), "self-extracting EFI (xzkern) file"),
        (gzip(&plain)[..20].to_vec(), "a packed file that is damaged"),
        (gzip(b""), "the file is empty"),
    ] {
        let file = File::new("bad-kernel", &bytes);
        ends(&["--kernel", file.path()], 125, words);
    }
}

#[test]
fn a_device_tree_may_be_the_users() {
    let kernel = File::new("tree-kernel", &kernel());
    let archive = File::new("tree-archive", &[1; 5000]);
    let (first, second) = (File::new("tree-1", b""), File::new("tree-2", b""));
    // What is dumped is what the run would find, archive included.
    ends(&["--kernel", kernel.path(), "--initrd", archive.path(), "--append", "a", "--dump-dtb", first.path()], 0, "");
    let dumped = std::fs::read(&first.0).unwrap();
    let tree = Fdt::new(&dumped).unwrap();
    let initrd = tree.initrd().unwrap();
    assert_eq!((tree.bootargs(), initrd.1 - initrd.0), ("a", 5000));
    // The file's command line stays without --append; its archive doesn't, as there is none.
    ends(&["--kernel", kernel.path(), "--dtb", first.path(), "--dump-dtb", second.path()], 0, "");
    let dumped = std::fs::read(&second.0).unwrap();
    let tree = Fdt::new(&dumped).unwrap();
    assert_eq!((tree.bootargs(), tree.initrd()), ("a", None));
    ends(&["--kernel", kernel.path(), "--dtb", first.path()], 0, "");
    ends(
        &["--kernel", kernel.path(), "--dtb", first.path(), "--memory", "64M"],
        125,
        "the machine's memory is 0x80000000..0x84000000",
    );
    ends(&["--kernel", kernel.path(), "--dtb", kernel.path()], 125, "doesn't begin with 0xd00dfeed");
    ends(&["--kernel", kernel.path(), "--dtb", "/nonexistent/tree"], 125, "can't read /nonexistent/tree");
}

#[test]
fn the_serial_port_has_another_end() {
    let mut words = vec![asm::lui(T0, 0x1000_0000), asm::addi(A0, ZERO, i32::from(b'!')), asm::sb(A0, T0, 0)];
    words.extend(finish(0x5555));
    let image = File::new("serial", &program(&words));
    let log = File::new("serial.log", b"old");
    let sent = |serial: &str| text(&rv_emu(&["run", image.path(), "--serial", serial]).stdout);
    assert_eq!(sent("stdio"), "!");
    assert_eq!(sent("null"), "");
    assert_eq!(sent(log.path()), "");
    assert_eq!(std::fs::read(&log.0).unwrap(), b"!");
    ends(&[image.path(), "--serial", "/nonexistent/log"], 125, "can't write /nonexistent/log");
    ends(&[image.path(), "--serial", ""], 2, "the file's name is missing");
}

#[test]
fn time_has_limits() {
    let spin = File::new("time-spin", &program(&[asm::jal(ZERO, 0)]));
    ends(&[spin.path(), "--timeout", "0.2"], 123, "the time is over:\n  hart 0 in M at 0x80000000");
    let said = ends(&[spin.path(), "--max-seconds", "0.01", "--stats"], 124, "the limit of virtual time is reached");
    assert!(said.contains("\"elapsed_cycles\": 10000000"), "exactly: {said}");
    // Waiting for the host, which says nothing, is ended too.
    let wait = [asm::lui(T1, 0x1000_0000), asm::addi(T0, ZERO, 1), asm::sb(T0, T1, 1), asm::wfi(), asm::jal(ZERO, -4)];
    let wait = File::new("time-wait", &program(&wait));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_rv-emu"))
        .args(["run", wait.path(), "--timeout", "0.3"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Waiting for the child would close it.
    let _open = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(123));
    ends(&[spin.path(), "--timeout", "0"], 2, "must be more than nothing");
    ends(&[spin.path(), "--max-seconds", "x"], 2, "not a number");
}

#[test]
fn help_is_in_groups() {
    let help = ends(&["--help"], 0, "Exit codes:");
    let at = |heading: &str| help.find(&format!("\n{heading}:\n")).unwrap_or_else(|| panic!("no {heading} in: {help}"));
    let order = ["Software", "Machine", "Devices", "Limits", "Looking inside"].map(at);
    assert!(order.iter().all(|at| *at > 0));
    let section = |from: &str, option: &str| {
        let text = &help[at(from)..];
        let end = text[1..].find(":\n\n").unwrap_or(text.len() - 1);
        assert!(text[..end].contains(option) || text.contains(option), "{option} under {from}");
    };
    section("Software", "--dtb <FILE>");
    section("Machine", "--harts <N>");
    section("Devices", "--serial <stdio|null|FILE>");
    section("Limits", "--timeout <SECONDS>");
    section("Looking inside", "--dump-dtb <FILE>");
}
