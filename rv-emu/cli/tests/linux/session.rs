//! A machine that a test talks to, as a human would at its serial port.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use benches::linux::Debian;

use crate::common::File;

/// A test that takes longer than that hangs: a boot takes seconds.
const PATIENCE: Duration = Duration::from_secs(300);

/// A running `rv-emu`.
pub struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    /// All that it has printed.
    transcript: Vec<u8>,
    /// How much of that was looked at.
    seen: usize,
}

impl Session {
    /// Starts it. Nothing is typed unless the test [types](Self::type_line).
    pub fn start(arguments: &[&str]) -> Session {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rv-emu"))
            .arg("run")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, output) = channel();
        let mut pipe = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = pipe.read(&mut buffer) {
                if sender.send(buffer[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take();
        Session { child, input, output, transcript: Vec::new(), seen: 0 }
    }

    /// Starts Debian's kernel with an initial archive. `options` says the rest, memory included.
    pub fn linux(debian: &Debian, initrd: &File, append: &str, options: &[&str]) -> Session {
        let image = debian.image();
        let kernel = ["--kernel", image.to_str().unwrap(), "--initrd", initrd.path(), "--append", append];
        Session::start(&[&kernel[..], options].concat())
    }

    /// Nobody will type: the machine need not wait for it.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Waits until it has printed `text`; what came before that.
    pub fn expect(&mut self, text: &str) -> String {
        let since = Instant::now();
        loop {
            let new = &self.transcript[self.seen..];
            if let Some(at) = new.windows(text.len()).position(|window| window == text.as_bytes()) {
                let before = String::from_utf8_lossy(&new[..at]).into_owned();
                self.seen += at + text.len();
                return before;
            }
            let left = PATIENCE.saturating_sub(since.elapsed());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.transcript.extend(bytes),
                Err(RecvTimeoutError::Timeout) => panic!("no {text:?} in {PATIENCE:?}:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without {text:?}:\n{}", self.text()),
            }
        }
    }

    /// Waits for its end, which must be a good one; all that it has printed.
    pub fn finish(mut self) -> String {
        self.input = None;
        let since = Instant::now();
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE.saturating_sub(since.elapsed())) {
            self.transcript.extend(bytes);
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}:\n{}", self.text());
        self.text()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.transcript).into_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
