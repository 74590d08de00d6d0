//! What the tests of the command share: files of their own, small programs, and the command with its output.

#![allow(dead_code)] // Each test file uses its part.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rv_isa::asm::{self, T0, T1, ZERO};

/// A file of the test's own, gone when dropped.
pub struct File(pub PathBuf);

impl File {
    pub fn new(name: &str, bytes: &[u8]) -> File {
        let path = std::env::temp_dir().join(format!("rv-emu-test-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        File(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub fn program(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

pub fn rv_emu(arguments: &[&str]) -> Output {
    with_input(arguments, b"")
}

pub fn with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rv-emu"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Tells the finisher `value`.
pub fn finish(value: i32) -> [u32; 5] {
    [
        asm::lui(T0, (value + 0x800) & !0xfff),
        asm::addiw(T0, T0, value << 20 >> 20),
        asm::lui(T1, 0x10_0000),
        asm::sw(T0, T1, 0),
        asm::jal(ZERO, 0),
    ]
}
