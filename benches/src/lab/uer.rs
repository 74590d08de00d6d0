//! Experiment `uer`: a guest prints lines to an emulated UART, once by trap and emulate, once by user-level exception redirection.
//!
//! Machine and sizes are those of the HA-IOV slides: a host with 4 harts and 2,048 MiB, a guest with one vCPU and 1,024 MiB, 1K to 100K
//! lines of "hello,world". Both mechanisms run on the same machine, with the extension, and differ in one word of the command line.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ha_iov_ext::model::{Config, Haiov};
use rv_machine::{CostModel, Image, Limits, Machine, MachineConfig, MachineError, Report, Software, Stop};

use super::{Row, compare};
use crate::{archive, images};

/// Lines that the guest prints.
pub const SIZES: [u64; 4] = [1_000, 10_000, 50_000, 100_000];
/// The mechanisms; the first is the classic one.
pub const MECHANISMS: [&str; 2] = ["emulate", "uer"];
const NAME: &str = "uer";
const LINE: &[u8] = b"hello,world\n";
const HARTS: usize = 4;
const MEMORY: u64 = 2048 << 20;
/// Software's markers around what is measured.
const BEGIN: u16 = 1;
const END: u16 = 2;
/// A run that retires more than this for each line, and for booting, has gone astray.
const INSNS_PER_LINE_MAX: u64 = 200_000;
const INSNS_BOOT_MAX: u64 = 500_000_000;

/// Runs all mechanisms at `sizes` under `models`. `done` is told each row as it is finished.
pub fn run(sizes: &[u64], models: &[CostModel], done: &(dyn Fn(&Row) + Sync)) -> Vec<Row> {
    let jobs: Vec<(&CostModel, u64, &'static str)> = models
        .iter()
        .flat_map(|model| sizes.iter().flat_map(move |size| MECHANISMS.map(|mechanism| (model, *size, mechanism))))
        .collect();
    let slots: Vec<Mutex<Option<Row>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len().max(1));
    // Runs don't know of each other: the order in which they finish changes nothing in them.
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((model, size, mechanism)) = jobs.get(index) else { break };
                    let row = measure(mechanism, *size, model);
                    done(&row);
                    *slots[index].lock().expect("no worker panics while it holds a slot") = Some(row);
                }
            });
        }
    });
    let finished = slots.into_iter().filter_map(|slot| slot.into_inner().ok().flatten());
    let mut rows: Vec<Row> = finished.collect();
    compare(&mut rows, MECHANISMS[0]);
    rows
}

/// One row.
fn measure(mechanism: &'static str, size: u64, model: &CostModel) -> Row {
    let start = Instant::now();
    let row = Row {
        experiment: NAME,
        mechanism,
        size,
        ok: false,
        error: None,
        cost_model: model.name().to_owned(),
        cycles: 0,
        ratio_vs_classic: None,
        cycles_by_mode: Default::default(),
        instret_by_mode: Default::default(),
        exits: Default::default(),
        redirections: Default::default(),
        counters: None,
        wall_seconds: 0.0,
    };
    let mut row = match run_machine(mechanism, size, model) {
        Ok(report) => Row { ok: true, ..row.measured(report) },
        Err(error) => Row { error: Some(error), ..row },
    };
    row.wall_seconds = start.elapsed().as_secs_f64();
    row
}

/// Boots the host, lets the guest print, checks what arrived, and gives the counters of the measured part.
fn run_machine(mechanism: &str, size: u64, model: &CostModel) -> Result<Report, String> {
    let mut machine = machine(mechanism, size, model).map_err(|error| error.to_string())?;
    let limits = Limits { max_insns: Some(INSNS_BOOT_MAX + size * INSNS_PER_LINE_MAX), slice: None };
    let stop = machine.run(&limits);
    let mut output = Vec::new();
    machine.drain_output(&mut output);
    if stop != Stop::Exit(0) {
        return Err(format!("the host ended with {stop:?}; its last words: {}", tail(&output)));
    }
    check(&output, size)?;
    let at = |number| machine.snapshots().iter().find(|(marker, _)| *marker == number).map(|(_, snapshot)| snapshot);
    match (at(BEGIN), at(END)) {
        (Some(begin), Some(end)) => Ok(end.since(begin)),
        _ => Err("the host has not marked what is to be measured".to_owned()),
    }
}

fn machine(mechanism: &str, size: u64, model: &CostModel) -> Result<Machine, MachineError> {
    let mut machine = Machine::new(MachineConfig {
        harts: HARTS,
        memory: MEMORY,
        costs: model.clone(),
        extensions: Haiov::machine(Config::default(), HARTS),
        ..MachineConfig::default()
    })?;
    let image = |name: &str, bytes: &[u8]| Image::parse(name, bytes.to_vec());
    machine.load(&Software {
        bios: Some(image("firmware", images::FIRMWARE)?),
        kernel: Some(image("hyp", images::HYP)?),
        initrd: Some(archive::cpio(&[("vmm", images::VMM), ("guest", images::CONSOLE)])),
        append: Some(format!("mech={mechanism} lines={size} guest-memory=1024 console=capture")),
    })?;
    Ok(machine)
}

/// Every byte that the guest printed must be in the host's output, in one piece, and nothing of it twice.
fn check(output: &[u8], size: u64) -> Result<(), String> {
    // The host's console may return the carriage; the guest does not.
    let text: Vec<u8> = output.iter().copied().filter(|byte| *byte != b'\r').collect();
    let first = text.windows(LINE.len()).position(|window| window == LINE);
    let first = first.ok_or_else(|| format!("not one line arrived; the host's last words: {}", tail(output)))?;
    let lines = text[first..].chunks(LINE.len()).take_while(|chunk| *chunk == LINE).count() as u64;
    let rest = &text[first + lines as usize * LINE.len()..];
    let again = rest.windows(LINE.len()).any(|window| window == LINE);
    if lines == size && !again { Ok(()) } else { Err(format!("{lines} lines of {size} arrived in one piece")) }
}

fn tail(output: &[u8]) -> String {
    let from = output.len().saturating_sub(400);
    String::from_utf8_lossy(&output[from..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_finds_what_is_missing() {
        let text = |n: usize| [b"boot\n".to_vec(), LINE.repeat(n), b"done\n".to_vec()].concat();
        assert_eq!(check(&text(3), 3), Ok(()));
        assert!(check(&text(2), 3).is_err());
        assert!(check(&text(4), 3).is_err());
        assert!(check(b"nothing", 1).is_err());
        let mut broken = text(3);
        broken[20] ^= 1;
        assert!(check(&broken, 3).is_err());
    }
}
