//! Another program whose output is read while it runs, and which is killed when it has run too long, or is wanted no more.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// The longest that a program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first file of this name on the path.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// What `program` says of itself in the first line of what it prints when it is given `argument`.
///
/// # Errors
/// If it doesn't start, or the line doesn't have `mark` in it: it is another program.
pub fn introduction(program: &Path, argument: &str, mark: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output()?;
    let printed = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let text = String::from_utf8_lossy(&printed).into_owned();
    let first = text.lines().next().unwrap_or_default();
    ensure!(first.contains(mark), "{} is another program", program.display());
    Ok(first.trim().to_owned())
}

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
