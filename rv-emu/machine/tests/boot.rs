//! Where files go, what the reset vector hands over, what the device tree says, and what is refused.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{Program, finish, flat, peek};
use rv_isa::asm::{self, A0, A1, A2, A3};
use rv_machine::image::Segment;
use rv_machine::map::RAM_BASE;
use rv_machine::{Image, Machine, MachineConfig, MachineError, Software, Stop};

/// Firmware that keeps what it was started with, and ends.
fn firmware() -> Program {
    let mut program = Program::new();
    program.li(A3, common::DATA);
    program.add(&[asm::sd(A0, A3, 0), asm::sd(A1, A3, 8), asm::sd(A2, A3, 16)]).pass();
    program
}

fn elf(name: &str, addr: u64, len: u64) -> Image {
    let segments = vec![Segment { addr, bytes: vec![0x13, 0, 0, 0], len }];
    Image { entry: Some(addr), movable: false, segments, ..Image::raw(name, vec![0]) }
}

fn load(memory: u64, software: &Software) -> Result<Machine, MachineError> {
    let mut machine = Machine::new(MachineConfig { memory, ..flat(1) })?;
    machine.load(software)?;
    Ok(machine)
}

#[test]
fn firmware_finds_what_qemu_would_give_it() {
    let software = Software {
        bios: Some(firmware().image(&[])),
        kernel: Some(Image::raw("kernel", vec![0xaa; 4096])),
        initrd: Some(vec![0xbb; 5000]),
        append: Some("console=ttyS0".to_owned()),
        tree: None,
    };
    for (memory, tree_limit) in [(1 << 30, 0xc000_0000), (256 << 20, 0x9000_0000), (4 << 30, 0xc000_0000)] {
        let mut machine = load(memory, &software).unwrap();
        assert_eq!(finish(&mut machine), Stop::Exit(0));
        let [hart, tree, info] = [0, 8, 16].map(|offset| peek(&machine, common::DATA + offset));
        assert_eq!(hart, 0);
        assert!(tree.is_multiple_of(2 << 20) && tree < tree_limit && tree >= tree_limit - (4 << 20), "{tree:#x}");
        assert_eq!(peek(&machine, tree) as u32, 0xedfe_0dd0);
        let dynamic = [0, 8, 16, 24, 32, 40].map(|offset| peek(&machine, info + offset));
        assert_eq!(dynamic, [0x4942_534f, 2, 0x8020_0000, 1, 0, 0], "struct fw_dynamic_info");
        assert_eq!(peek(&machine, 0x8020_0000), 0xaaaa_aaaa_aaaa_aaaa);
    }
}

#[test]
fn an_elf_starts_at_its_entry_and_a_movable_one_is_moved() {
    let mut far = firmware().image(&[]);
    far.segments[0].addr = RAM_BASE + 0x5000;
    far.segments[0].len += 100;
    far.entry = Some(RAM_BASE + 0x5000);
    far.movable = false;
    assert_eq!(finish(&mut load(64 << 20, &Software::bare(far)).unwrap()), Stop::Exit(0));

    let mut movable = firmware().image(&[]);
    movable.entry = Some(0);
    assert_eq!(finish(&mut load(64 << 20, &Software::bare(movable)).unwrap()), Stop::Exit(0));
}

#[test]
fn a_kernel_without_firmware_is_started_directly() {
    let mut program = Program::new();
    program.add(&[asm::auipc(A0, 0), asm::srli(A0, A0, 20)]).add(&[asm::addi(A0, A0, -2048)]).exit_with(A0);
    let software = Software { kernel: Some(program.image(&[])), ..Software::default() };
    assert_eq!(finish(&mut load(64 << 20, &software).unwrap()), Stop::Exit(2), "2 MiB above the start");
}

#[test]
fn what_does_not_fit_is_refused_by_name_place_and_cause() {
    let bare = Software::bare;
    let text = |software: Software| load(16 << 20, &software).err().expect("must be refused").to_string();
    let outside = "is outside of memory (0x80000000..0x81000000)";
    let cases = [
        (text(bare(elf("low", 0x1000, 8))), "low: a segment at 0x1000 with 0x8 bytes"),
        (text(bare(elf("low", 0x1000, 8))), outside),
        (text(bare(elf("high", 0x8100_0000, 8))), "high: a segment at 0x81000000"),
        (text(bare(elf("edge", 0x80ff_fffc, 8))), outside),
        (text(bare(elf("vast", 0x8000_0000, 1 << 40))), outside),
        (text(bare(elf("wrap", 0xffff_ffff_ffff_f000, 0xfff))), outside),
        (text(bare(Image::raw("big", vec![1; 17 << 20]))), outside),
        (text(bare(elf("under the tree", 0x80e0_0000, 2 << 20))), "device tree: "),
        (text(bare(elf("under the tree", 0x80e0_0000, 2 << 20))), "overlaps under the tree at 0x80e00000..0x81000000"),
    ];
    for (message, part) in cases {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    let mut twice = elf("twice", 0x8000_0000, 8);
    twice.segments.push(twice.segments[0].clone());
    assert!(text(bare(twice)).contains("overlaps twice"));
}

#[test]
fn firmware_kernel_and_archive_must_not_overlap() {
    let small = || Image::raw("fw", vec![1; 16]);
    let text = |software: Software| load(64 << 20, &software).err().expect("must be refused").to_string();
    let long = Image::raw("long firmware", vec![1; 3 << 20]);
    let kernel = Some(Image::raw("kernel", vec![1; 16]));
    let message = text(Software { bios: Some(long), kernel, ..Software::default() });
    assert!(message.starts_with("kernel: 0x80200000") && message.contains("overlaps long firmware"), "{message}");

    let message = text(Software { bios: Some(small()), initrd: Some(vec![1; 62 << 20]), ..Software::default() });
    assert!(message.starts_with("initrd: the archive at") && message.contains("outside of memory"), "{message}");

    let message = text(Software { bios: Some(small()), initrd: Some(Vec::new()), ..Software::default() });
    assert_eq!(message, "initrd: the file is empty");

    let message = text(Software { bios: Some(small()), append: Some("a\0b".to_owned()), ..Software::default() });
    assert!(message.contains("NUL"), "{message}");
}

/// Half-way up as on QEMU; where a long kernel or a long archive leaves no room there, right above the kernel.
#[test]
fn the_archive_goes_where_there_is_room() {
    let place = |kernel_len: u64, archive_len: usize| {
        let kernel = Some(elf("kernel", 0x8020_0000, kernel_len));
        let bios = Some(Image::raw("fw", vec![1; 16]));
        let initrd = Some(vec![1; archive_len]);
        let machine = load(64 << 20, &Software { bios, kernel, initrd, ..Software::default() }).unwrap();
        let names: Vec<&str> = machine.layout().iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["fw", "kernel", "initrd", "device tree"]);
        let at = |index: usize| machine.layout()[index].range;
        assert_eq!(at(3).base(), 0x83e0_0000);
        assert!(at(1).end() <= at(2).base() && at(2).end() <= at(3).base());
        at(2).base()
    };
    assert_eq!(place(8, 5000), 0x8220_0000);
    assert_eq!(place(33 << 20, 5000), 0x8240_0000, "the next multiple of 2 MiB");
    assert_eq!(place(10 << 20, 50 << 20), 0x80c0_0000);
}

/// A kernel with Linux's header: its zeroed data comes behind the file, and its place may be its own.
#[test]
fn a_linux_kernel_says_where_it_lies_and_how_long_it_is() {
    let kernel = |text_offset: u64, image_size: u64| {
        let mut bytes = vec![0x55; 4096];
        bytes[8..16].copy_from_slice(&text_offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&image_size.to_le_bytes());
        bytes[24..32].fill(0);
        bytes[0x38..0x3c].copy_from_slice(b"RSC\x05");
        Some(Image::parse("Image", bytes).unwrap())
    };
    let software = |text_offset, image_size| Software {
        bios: Some(firmware().image(&[])),
        kernel: kernel(text_offset, image_size),
        initrd: Some(vec![7; 4096]),
        ..Software::default()
    };
    let mut machine = load(64 << 20, &software(0x40_0000, 33 << 20)).unwrap();
    let ranges: Vec<(u64, u64)> = machine.layout().iter().map(|part| (part.range.base(), part.range.end())).collect();
    assert_eq!(ranges[1], (0x8040_0000, 0x8250_0000));
    assert_eq!(ranges[2], (0x8260_0000, 0x8260_1000), "not over the kernel's zeroed data");
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    let info = peek(&machine, common::DATA + 16);
    assert_eq!(peek(&machine, info + 16), 0x8040_0000, "where the firmware goes next");
    let message = load(64 << 20, &software(0, 4096)).err().expect("must be refused").to_string();
    assert!(message.starts_with("Image: 0x80000000") && message.contains("overlaps"), "{message}");
    let message = load(64 << 20, &software(0x20_0000, u64::MAX)).err().expect("must be refused").to_string();
    assert!(message.starts_with("Image: a segment at 0x80200000") && message.contains("outside"), "{message}");
}

#[test]
fn a_machine_too_small_for_its_device_tree_is_refused() {
    let message = load(4096, &Software::raw("tiny", vec![1; 16])).err().expect("must be refused").to_string();
    assert!(message.starts_with("device tree: "), "{message}");
}

/// The tree as source text, by dtc, which complains about what is not well-formed.
fn source(tree: &[u8]) -> Option<String> {
    let mut dtc = Command::new("dtc");
    dtc.args(["-I", "dtb", "-O", "dts", "-s"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = dtc.spawn() else {
        eprintln!("SKIPPED: dtc is not there; install Debian's package device-tree-compiler");
        return None;
    };
    child.stdin.take().unwrap().write_all(tree).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaints.is_empty(), "dtc: {complaints}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_device_tree_is_well_formed_and_describes_the_board() {
    for harts in [1, 4, 64] {
        let config = MachineConfig { harts, memory: 3 << 30, ..MachineConfig::default() };
        let tree = Machine::new(config).unwrap().device_tree(Some("quiet lines=5"));
        let Some(text) = source(&tree) else { return };
        assert_eq!(text.matches("device_type = \"cpu\"").count(), harts);
        let expected = [
            "bootargs = \"quiet lines=5\"",
            "stdout-path = \"/soc/serial@10000000\"",
            "reg = <0x00 0x80000000 0x00 0xc0000000>",
            "timebase-frequency = <0x989680>",
            "riscv,isa = \"rv64imafdcbh_",
            "riscv,isa-base = \"rv64i\"",
            "mmu-type = \"riscv,sv57\"",
            "compatible = \"sifive,clint0\\0riscv,clint0\"",
            "compatible = \"sifive,plic-1.0.0\\0riscv,plic0\"",
            "riscv,ndev = <0x5f>",
            "compatible = \"ns16550a\"",
            "interrupts = <0x0a>",
            "compatible = \"syscon-poweroff\"",
            "value = <0x5555>",
            "compatible = \"syscon-reboot\"",
            "value = <0x7777>",
        ];
        for part in expected {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
    }
}

#[test]
fn the_device_tree_tells_where_the_archive_is() {
    let software = Software { bios: Some(firmware().image(&[])), initrd: Some(vec![7; 5000]), ..Software::default() };
    let mut machine = load(1 << 30, &software).unwrap();
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    let at = peek(&machine, common::DATA + 8);
    let size = u64::from((peek(&machine, at) >> 32) as u32).to_be() >> 32;
    let mut tree = vec![0; size as usize];
    machine.board.ram.read_bytes(at, &mut tree).unwrap();
    let Some(text) = source(&tree) else { return };
    let property = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)).expect(name);
        let cells = line.trim_start_matches(" = <").trim_end_matches(">;").split(' ');
        cells.fold(0, |value, cell| value << 32 | u64::from_str_radix(&cell[2..], 16).unwrap())
    };
    let (start, end) = (property("linux,initrd-start"), property("linux,initrd-end"));
    assert_eq!(end - start, 5000);
    assert_eq!(peek(&machine, start), 0x0707_0707_0707_0707);
    assert!(start > RAM_BASE + (64 << 20));
}
