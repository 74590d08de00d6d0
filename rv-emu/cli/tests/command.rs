//! The command as a user sees it: output, exit codes, and what it says of bad input.

mod common;

use std::path::PathBuf;

use common::{File, finish, program, rv_emu, text, with_input};
use rv_isa::asm::{self, A0, A1, T0, T1, ZERO};

#[test]
fn the_exit_code_is_the_guests() {
    for (value, code) in [(0x5555, 0), (0x3333 | 7 << 16, 7), (0x3333 | 0x1234 << 16, 255)] {
        let file = File::new(&format!("exit-{code}"), &program(&finish(value)));
        assert_eq!(rv_emu(&["run", file.path()]).status.code(), Some(code));
    }
}

#[test]
fn the_console_goes_both_ways() {
    // Waits for a byte, prints its successor, and is done.
    let mut words = vec![
        asm::lui(A0, 0x1000_0000),
        asm::lbu(A1, A0, 5),
        asm::andi(A1, A1, 1),
        asm::beq(A1, ZERO, -8),
        asm::lbu(A1, A0, 0),
        asm::addi(A1, A1, 1),
        asm::sb(A1, A0, 0),
    ];
    words.extend(finish(0x5555));
    let file = File::new("echo", &program(&words));
    let output = with_input(&["run", file.path(), "--max-insns", "2000000000"], b"A");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "B"));
}

#[test]
fn limits_and_dead_ends_are_told() {
    let spin = File::new("spin", &program(&[asm::jal(ZERO, 0)]));
    let output = rv_emu(&["run", spin.path(), "--max-insns", "1000"]);
    assert_eq!(output.status.code(), Some(124));
    assert!(text(&output.stderr).contains("hart 0 in M at 0x80000000"));
    // ecall with a trap vector at 0, where there is nothing.
    let trap = File::new("trap", &program(&[asm::ecall()]));
    for model in ["flat", "default"] {
        let output = rv_emu(&["run", trap.path(), "--cost-model", model]);
        assert_eq!(output.status.code(), Some(125));
        assert!(text(&output.stderr).contains("no instruction completes any more"), "{}", text(&output.stderr));
    }
    let wait = File::new("wait", &program(&[asm::wfi(), asm::jal(ZERO, -4)]));
    let output = rv_emu(&["run", wait.path()]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("an interrupt that can't come"), "{}", text(&output.stderr));
}

#[test]
fn bad_input_is_named() {
    let cut = File::new("cut", b"\x7fELF\x02\x01\x01");
    let empty = File::new("empty", b"");
    let good = File::new("good", &program(&finish(0x5555)));
    let cases: [(&[&str], i32, &str); 8] = [
        (&["run", "/nonexistent/file"], 125, "/nonexistent/file"),
        (&["run", cut.path()], 125, "not a well-formed ELF"),
        (&["run", empty.path()], 125, "the file is empty"),
        (&["run"], 2, "required"),
        (&["run", good.path(), "--harts", "65"], 125, "1 to 64"),
        (&["run", good.path(), "--memory", "1X"], 2, "unknown suffix"),
        (&["run", good.path(), "--cost-model", "free"], 125, "there is no cost model `free`"),
        (&["run", good.path(), "--signature", "/tmp/x"], 125, "begin_signature"),
    ];
    for (arguments, code, message) in cases {
        let output = rv_emu(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}

#[test]
fn the_device_tree_can_be_had() {
    let file = File::new("dtb", b"");
    assert_eq!(rv_emu(&["run", "--dump-dtb", file.path(), "--harts", "3"]).status.code(), Some(0));
    let tree = std::fs::read(&file.0).unwrap();
    assert_eq!(tree[..4], [0xd0, 0x0d, 0xfe, 0xed]);
    assert!(text(&tree).contains("cpu@2") && !text(&tree).contains("cpu@3"));
}

#[test]
fn traces_go_to_files() {
    let image = File::new("traced", &program(&finish(0x5555)));
    let files = ["log", "log.gz", "log.zst", "jsonl"].map(|name| File::new(&format!("trace.{name}"), b""));
    let [log, gzip, zstd, json] = &files;
    let to = |format: &str, file: &File| format!("{format}={}", file.path());
    let arguments = [to("commit", log), to("commit", gzip), to("commit", zstd), to("jsonl", json)];
    let mut all = vec!["run", image.path(), "--trace-filter", "pc=0x80000000..0x80001000"];
    arguments.iter().for_each(|argument| all.extend(["--trace", argument]));
    assert_eq!(rv_emu(&all).status.code(), Some(0));
    let written = std::fs::read_to_string(&log.0).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], "core   0: 3 0x0000000080000000 (0x000052b7) x5  0x0000000000005000");
    assert_eq!(lines[3], "core   0: 3 0x000000008000000c (0x00532023) mem 0x0000000000100000 0x00005555");
    let mut unpacked = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(std::fs::File::open(&gzip.0).unwrap()),
        &mut unpacked,
    )
    .unwrap();
    assert_eq!(unpacked, written);
    assert_eq!(zstd::decode_all(std::fs::File::open(&zstd.0).unwrap()).unwrap(), written.as_bytes());
    let json = std::fs::read_to_string(&json.0).unwrap();
    assert!(json.lines().count() == 4 && json.contains(r#""insn":"sw t0,0(t1)""#), "{json}");
    let output = rv_emu(&["run", image.path(), "--trace", "commit=-", "--trace-start", "insn=5", "--trace-limit", "1"]);
    assert_eq!(text(&output.stderr).lines().count(), 1);
}

/// A trace is complete to the last instruction when the run reaches its limit or gets stuck.
#[test]
fn traces_are_complete_however_a_run_ends() {
    let spin = File::new("traced-spin", &program(&[asm::jal(ZERO, 0)]));
    let output = rv_emu(&["run", spin.path(), "--max-insns", "50000", "--trace", "commit=-"]);
    let lines = text(&output.stderr).lines().filter(|line| line.starts_with("core   0: 3 ")).count();
    assert_eq!((output.status.code(), lines), (Some(124), 50000));
    let wait = File::new("traced-wait", &program(&[asm::wfi(), asm::jal(ZERO, -4)]));
    let output = rv_emu(&["run", wait.path(), "--trace", "commit=-"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("(0x10500073)\n"), "{}", text(&output.stderr));
}

#[test]
fn bad_traces_are_named_before_anything_runs() {
    let image = File::new("traced-bad", &program(&[asm::jal(ZERO, 0)]));
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--trace", "vcd=x"], 2, "there is no trace format `vcd`"),
        (&["--trace", "x"], 2, "FORMAT=FILE"),
        (&["--trace-filter", "csr"], 2, "--trace"),
        (&["--trace", "commit=/nonexistent/x"], 125, "can't write /nonexistent/x"),
        (&["--trace", "commit=-", "--trace-filter", "tlb"], 125, "there is no trace category `tlb`"),
        (&["--trace", "commit=-", "--trace-filter", "pc=2..1"], 125, "is empty"),
        (&["--trace", "commit=-", "--trace-start", "symbol=main"], 125, "have no symbols"),
    ];
    for (arguments, code, message) in cases {
        let output = rv_emu(&[&["run", image.path()], arguments].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}

/// A folder of the test's own, gone when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_lab_keeps_its_rows_and_goes_on_with_them() {
    let folder = Folder(std::env::temp_dir().join(format!("rv-emu-test-{}-lab", std::process::id())));
    let path = folder.0.to_str().unwrap();
    let lab = |more: &[&str]| {
        let fixed = ["lab", "uer", "--sizes", "100", "--models", "default", "--out", path];
        rv_emu(&[&fixed[..], more].concat())
    };
    let first = lab(&["--mechanisms", "emulate"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let rows = || std::fs::read_to_string(folder.0.join("rows.jsonl")).unwrap();
    let kept = rows();
    assert_eq!(kept.lines().count(), 1);
    let again = lab(&[]);
    assert_eq!(again.status.code(), Some(125));
    assert!(text(&again.stderr).contains("--resume"), "{}", text(&again.stderr));
    let resumed = lab(&["--resume", "--mechanisms", "emulate,uer"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed.stderr));
    assert!(text(&resumed.stderr).contains("1 of 2 rows are there already"), "{}", text(&resumed.stderr));
    // The row from before stands as it was, wall time included, and the new one is compared with it.
    assert!(rows().contains(kept.trim_end()));
    assert_eq!(rows().lines().count(), 2);
    assert!(text(&resumed.stdout).lines().any(|line| line.contains("uer") && !line.ends_with('-')));
    std::fs::remove_file(folder.0.join("report.html")).unwrap();
    assert_eq!(rv_emu(&["lab", "report", path]).status.code(), Some(0));
    let page = std::fs::read_to_string(folder.0.join("report.html")).unwrap();
    assert!(page.contains("rv-emu lab uer --sizes 100 --models default") && page.contains("<svg"));
    assert!(folder.0.join("plots/uer-size-default.svg").exists());
}

#[test]
fn the_lab_says_what_is_wrong() {
    let says = |arguments: &[&str], code, words: &str| {
        let output = rv_emu(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    };
    says(&["lab", "uer", "--mechanisms", "vhost"], 125, "no mechanism `vhost`; it has bare, emulate, uer");
    says(&["lab", "uer", "--models", "warp"], 125, "no cost model `warp`");
    says(&["lab", "uer", "--models", "flat,flat"], 125, "two cost models are called `flat`");
    says(&["lab", "sweep", "guests", "--of", "uer"], 125, "not made over `uer`; it is over hcs");
    says(&["lab", "report", "/nonexistent"], 125, "can't read");
    says(&["lab", "uer", "--resume"], 2, "--out");
    says(&["lab", "uer", "--quantum", "5"], 2, "100");
    says(&["lab"], 2, "Examples:");
}

#[test]
fn the_search_of_the_protocol_has_exit_codes() {
    let ends = |arguments: &[&str], code, words: &str| {
        let output = rv_emu(&[&["conformance", "protocol"], arguments].concat());
        let all = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
        assert!(all.contains(words), "{arguments:?}: {all}");
        text(&output.stdout)
    };
    ends(&["--mutation", "freed-early"], 0, "verdict: the last step reads memory that was given back");
    ends(&["--mutation", "all", "--scenario", "map-page", "--harts", "2"], 0, "page-hveifence-does-not-wait");
    ends(&["--scenario", "lazy-handler", "--limit", "10"], 1, "unfinished  NOT AS EXPECTED");
    ends(&["--scenario", "nowhere"], 125, "no such scenario; --list names them");
    ends(&["--mutation", "nothing"], 125, "no such mutation; --list names them");
    ends(&["--harts", "4"], 2, "4 is not in 2..=3");
    ends(&["--mutation", "all", "--large"], 2, "cannot be used with");
    ends(&["--limit", "0"], 2, "0 is not in 1..");
    let json = ends(&["--mutation", "freed-early", "--json"], 0, "freed-early");
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!((&rows[0]["mutation"], &rows[0]["scenario"]), (&"freed-early".into(), &"map-page".into()));
    assert_eq!((&rows[0]["verdict"], &rows[0]["as_expected"]), (&"freed page used".into(), &true.into()));
}

#[test]
fn rows_go_to_standard_output_alone() {
    let arguments = ["lab", "uer", "--sizes", "100", "--models", "flat", "--mechanisms", "uer"];
    let json = rv_emu(&[&arguments[..], &["--json"]].concat());
    let rows: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((rows[0]["mechanism"].as_str(), rows[0]["ok"].as_bool()), (Some("uer"), Some(true)));
    let csv = rv_emu(&[&arguments[..], &["--csv", "-"]].concat());
    assert!(text(&csv.stdout).starts_with("experiment,mechanism,"));
    assert_eq!(text(&csv.stdout).lines().count(), 2);
}

/// The program's exit code is the device ids of the first two slots.
#[test]
fn drives_fill_slots_and_bad_ones_are_named() {
    let slots = [
        asm::lui(T0, 0x1000_1000),
        asm::lw(A0, T0, 8),
        asm::lui(T0, 0x1000_2000),
        asm::lw(A1, T0, 8),
        asm::slli(A1, A1, 2),
        asm::or(A0, A0, A1),
        asm::slli(A0, A0, 16),
        asm::lui(T1, 0x3000),
        asm::addiw(T1, T1, 0x333),
        asm::or(T1, T1, A0),
        asm::lui(T0, 0x10_0000),
        asm::sw(T1, T0, 0),
    ];
    let (slots, disk, odd) =
        (File::new("slots", &program(&slots)), File::new("disk", &[0; 1024]), File::new("odd", &[0; 1000]));
    let drive = |path: &str| format!("file={path},id=root");
    let run = |drives: &[&str]| {
        let options = drives.iter().flat_map(|drive| ["--drive", *drive]);
        rv_emu(&[&["run", slots.path()][..], &options.collect::<Vec<_>>()].concat())
    };
    assert_eq!(run(&["ram=1M"]).status.code(), Some(2), "slot 0 has a block device");
    assert_eq!(run(&[&drive(disk.path()), "ram=1M"]).status.code(), Some(2 + (2 << 2)));
    let same = [&*drive(disk.path()), &*drive(disk.path())];
    let read_only = drive(disk.path()) + ",readonly";
    assert_eq!(run(&[&read_only, &read_only]).status.code(), Some(2 + (2 << 2)));
    for (drives, part) in [
        (&[&*drive(odd.path())][..], "has 1000 bytes"),
        (&["file=/no/such/disk"], "can't open disk /no/such/disk"),
        (&["file=/tmp"], "no regular file"),
        (&same, "in use"),
        (&["ram=1M"; 9], "9 virtio devices"),
    ] {
        let output = run(drives);
        assert_eq!(output.status.code(), Some(125), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
    assert_eq!(run(&["file=x,fast"]).status.code(), Some(2), "a bad option");
}
