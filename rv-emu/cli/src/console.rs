//! The console: what is at the other end of the machine's serial port. Standard input and output, a file, or nothing.
//!
//! On a terminal, raw mode with Ctrl-A as the escape key; otherwise plain bytes in and out.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

use anyhow::Context;
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use crate::args::Serial;

const ESCAPE: u8 = 1;
const HELP: &str = "\r\nCtrl-A x  quit\r\nCtrl-A h  this help\r\nCtrl-A Ctrl-A  send a Ctrl-A\r\n";

/// Puts the terminal back in order before a panic's message is printed.
pub fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let _ = disable_raw_mode();
        before(info);
    }));
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// Bytes for the machine, possibly none.
    Bytes(Vec<u8>),
    /// The user wants to leave.
    Quit,
    /// Nothing will ever come.
    Closed,
}

/// The open console. Dropping it restores the terminal.
pub struct Console {
    input: Receiver<Vec<u8>>,
    terminal: bool,
    escaped: bool,
    output: Output,
}

enum Output {
    Stdout,
    Null,
    File(File),
}

impl Console {
    /// Opens the console.
    ///
    /// # Errors
    /// The terminal or the file can't be had.
    pub fn open(serial: &Serial) -> anyhow::Result<Console> {
        let without_input = |output| Console { input: channel().1, terminal: false, escaped: false, output };
        match serial {
            Serial::Stdio => Console::stdio().context("can't open the console"),
            Serial::Null => Ok(without_input(Output::Null)),
            Serial::File(path) => {
                let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
                Ok(without_input(Output::File(file)))
            }
        }
    }

    /// Standard input and output; raw mode if standard input is a terminal.
    fn stdio() -> std::io::Result<Console> {
        let terminal = std::io::stdin().is_terminal();
        if terminal {
            enable_raw_mode()?;
        }
        let (sender, input) = channel();
        // The thread ends with the process: a blocking read can't be called off.
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(len @ 1..) = std::io::stdin().read(&mut buffer) {
                if sender.send(buffer[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Console { input, terminal, escaped: false, output: Output::Stdout })
    }

    /// What came in since the last call; does not wait.
    pub fn poll(&mut self) -> Input {
        match self.input.try_recv() {
            Ok(bytes) => self.filter(&bytes),
            Err(TryRecvError::Empty) => Input::Bytes(Vec::new()),
            Err(TryRecvError::Disconnected) => Input::Closed,
        }
    }

    /// Waits for input, but no longer than `limit`.
    pub fn wait(&mut self, limit: Duration) -> Input {
        match self.input.recv_timeout(limit) {
            Ok(bytes) => self.filter(&bytes),
            Err(RecvTimeoutError::Timeout) => Input::Bytes(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => Input::Closed,
        }
    }

    /// Prints what the machine has sent.
    pub fn print(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.output {
            Output::Stdout => self.print_to_stdout(bytes),
            Output::Null => Ok(()),
            Output::File(file) => file.write_all(bytes),
        }
    }

    fn print_to_stdout(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.terminal {
            // In raw mode the terminal doesn't return the carriage by itself.
            for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                if index > 0 {
                    out.write_all(b"\r\n")?;
                }
                out.write_all(line)?;
            }
        } else {
            out.write_all(bytes)?;
        }
        out.flush()
    }

    fn filter(&mut self, bytes: &[u8]) -> Input {
        if !self.terminal {
            return Input::Bytes(bytes.to_vec());
        }
        let mut kept = Vec::new();
        for &byte in bytes {
            match (std::mem::take(&mut self.escaped), byte) {
                (false, ESCAPE) => self.escaped = true,
                (false, _) | (true, ESCAPE) => kept.push(byte),
                (true, b'x' | b'X') => return Input::Quit,
                (true, b'h' | b'H' | b'?') => {
                    let _ = std::io::stdout().write_all(HELP.as_bytes());
                    let _ = std::io::stdout().flush();
                }
                (true, _) => {}
            }
        }
        Input::Bytes(kept)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if self.terminal {
            let _ = disable_raw_mode();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal() -> Console {
        Console { input: channel().1, terminal: true, escaped: false, output: Output::Stdout }
    }

    #[test]
    fn escapes() {
        let mut console = terminal();
        assert_eq!(console.filter(b"ab"), Input::Bytes(b"ab".to_vec()));
        assert_eq!(console.filter(b"a\x01"), Input::Bytes(b"a".to_vec()));
        assert_eq!(console.filter(b"\x01b"), Input::Bytes(b"\x01b".to_vec()), "Ctrl-A Ctrl-A, across reads");
        assert_eq!(console.filter(b"\x01q"), Input::Bytes(vec![]), "unknown ones are swallowed");
        assert_eq!(console.filter(b"\x01x"), Input::Quit);
        console.terminal = false;
        assert_eq!(console.filter(b"\x01x"), Input::Bytes(b"\x01x".to_vec()), "pipes have no escapes");
    }
}
