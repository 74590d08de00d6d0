//! Another program whose output is read while it runs, and which is killed when it has run too long, or is wanted no more.

use std::io::BufReader;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The longest that a program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program.
pub struct Process {
    child: Arc<Mutex<Child>>,
    /// What it says.
    pub output: BufReader<ChildStdout>,
    done: Option<Sender<()>>,
    watchdog: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts a program, without input; what it says on the error output is dropped.
    ///
    /// # Errors
    /// If it doesn't start.
    pub fn start(command: &mut Command) -> Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("{:?}", command.get_program()))?;
        let output = BufReader::with_capacity(1 << 17, child.stdout.take().context("no output")?);
        let child = Arc::new(Mutex::new(child));
        let (done, wait) = channel();
        let watched = Arc::clone(&child);
        let watchdog = std::thread::spawn(move || watch(&watched, &wait));
        Ok(Process { child, output, done: Some(done), watchdog: Some(watchdog) })
    }
}

fn watch(child: &Mutex<Child>, wait: &Receiver<()>) {
    let timeout = wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
    if let (true, Ok(mut child)) = (timeout, child.lock()) {
        // It may have ended already.
        let _ = child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(watchdog) = self.watchdog.take() {
            let _ = watchdog.join();
        }
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
