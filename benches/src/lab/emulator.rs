//! Runs a case on the emulator.

use ha_iov_ext::model::{Config, Haiov};
use rv_devices::VirtioSlot;
use rv_devices::virtio::{Drive, DriveId, ServiceTime};
use rv_hart::Mode;
use rv_machine::report::Snapshot;
use rv_machine::{Image, Limits, Machine, MachineConfig, Software, Stop};

use super::case::Case;
use super::compose::{Composition, Span};
use super::results::tail;
use super::row::Measured;
use crate::{archive, images};

/// Software's markers around what is measured.
const BEGIN: u16 = 1;
const END: u16 = 2;
/// Firmware that takes longer than this to start the kernel has gone astray.
const FIRMWARE_INSNS_MAX: u64 = 20_000_000;

/// Something that runs cases: the emulator, or a stand-in for tests.
pub trait Runner: Sync {
    /// Runs a case to its end.
    ///
    /// # Errors
    /// Why there is nothing to measure.
    fn run(&self, case: &Case) -> Result<Measured, String>;
}

/// The emulator itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Emulator;

impl Runner for Emulator {
    fn run(&self, case: &Case) -> Result<Measured, String> {
        run(case).map(|(measured, _)| measured)
    }
}

/// Runs a case to its end; also gives the cycle at which the measured part begins.
///
/// # Errors
/// Why there is nothing to measure.
pub(super) fn run(case: &Case) -> Result<(Measured, u64), String> {
    let composition = (case.experiment.compose)(case)?;
    let mut machine = machine(case, &composition)?;
    let begin = match composition.span {
        Span::Kernel | Span::KernelToMarker => Some(kernel_start(&mut machine)?),
        Span::Markers | Span::AllMarkers => None,
    };
    let stop = machine.run(&Limits { max_insns: Some(composition.insns_max), slice: None });
    let mut output = Vec::new();
    machine.drain_output(&mut output);
    match stop {
        Stop::Exit(code) if composition.exit_codes.contains(&code) => {}
        stop => return Err(format!("the machine ended with {stop:?}; its last words: {}", tail(&output))),
    }
    let (begin, end) = match begin {
        Some(begin) if composition.span == Span::KernelToMarker => (begin, end_after(machine.snapshots())?),
        Some(begin) => (begin, machine.snapshot()),
        None => markers(machine.snapshots(), composition.span)?,
    };
    let harts = end.harts.iter().zip(&begin.harts).map(|(end, begin)| end.since(begin)).collect();
    Ok((Measured { output, report: end.since(&begin), harts }, begin.cycles))
}

/// The machine of a case, with its software, at the reset vector.
pub(super) fn machine(case: &Case, composition: &Composition) -> Result<Machine, String> {
    let map_cache = composition.map_cache.unwrap_or(Config::default().map_cache);
    let config = Config { map_cache, ..Config::default() }.priced(&case.model);
    let build = || {
        let mut machine = Machine::new(MachineConfig {
            harts: composition.harts,
            memory: composition.memory,
            quantum: case.quantum,
            costs: (*case.model).clone(),
            extensions: Haiov::machine(config, composition.harts),
            virtio: composition.disk.map(ram_disk).into_iter().collect(),
            ..MachineConfig::default()
        })?;
        let files: Vec<(&str, &[u8])> = composition.archive.iter().map(|(name, data)| (*name, &data[..])).collect();
        machine.load(&Software {
            bios: Some(Image::parse("firmware", images::FIRMWARE.to_vec())?),
            kernel: Some(Image::parse("kernel", composition.kernel.clone())?),
            initrd: composition.initrd.clone().or_else(|| (!files.is_empty()).then(|| archive::cpio(&files))),
            append: Some(composition.append.clone()),
            ..Software::default()
        })?;
        Ok(machine)
    };
    build().map_err(|error: rv_machine::MachineError| error.to_string())
}

/// A disk like the hosted guests': memory behind a virtqueue.
fn ram_disk(bytes: u64) -> VirtioSlot {
    let id = DriveId::new("board-ram-disk").unwrap_or_default();
    VirtioSlot::with_disk(Drive::memory(bytes as usize), id, ServiceTime::NONE)
}

/// Lets the firmware work, an instruction at a time, until it starts the kernel. Stopping changes nothing for software.
fn kernel_start(machine: &mut Machine) -> Result<Snapshot, String> {
    let started = |machine: &Machine| machine.harts().iter().any(|hart| hart.state.mode != Mode::M);
    while !started(machine) {
        let next = machine.retired() + 1;
        let stop = machine.run(&Limits { max_insns: Some(next), slice: None });
        if stop != Stop::InsnLimit || next > FIRMWARE_INSNS_MAX {
            return Err(format!("the firmware has not started the guest: {stop:?}"));
        }
    }
    Ok(machine.snapshot())
}

/// The first end marker's snapshot.
fn end_after(snapshots: &[(u16, Snapshot)]) -> Result<Snapshot, String> {
    let end = snapshots.iter().find(|(marker, _)| *marker == END);
    end.map(|(_, snapshot)| snapshot.clone()).ok_or_else(|| "the software has not marked its end".to_owned())
}

/// The two snapshots between which is what is measured.
fn markers(snapshots: &[(u16, Snapshot)], span: Span) -> Result<(Snapshot, Snapshot), String> {
    let all_of = |number| move |(_, (marker, _)): &(usize, &(u16, Snapshot))| *marker == number;
    let marks = || snapshots.iter().enumerate();
    let missing = || "the software has not marked what is to be measured".to_owned();
    let first_begin = marks().find(all_of(BEGIN)).ok_or_else(missing)?.0;
    let after = |(index, _): &(usize, &(u16, Snapshot))| *index > first_begin;
    let (begin, end) = match span {
        Span::AllMarkers => (first_begin, marks().rfind(all_of(END)).ok_or_else(missing)?.0),
        Span::Markers | Span::Kernel | Span::KernelToMarker => {
            let end = marks().filter(after).find(all_of(END)).ok_or_else(missing)?.0;
            let begin = marks().take(end).rfind(all_of(BEGIN)).ok_or_else(missing)?.0;
            (begin, end)
        }
    };
    if end <= begin {
        return Err(missing());
    }
    Ok((snapshots[begin].1.clone(), snapshots[end].1.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(marks: &[(u16, u64)]) -> Vec<(u16, Snapshot)> {
        let snapshot = |cycles| Snapshot { cycles, harts: Vec::new(), padding_points: Default::default() };
        marks.iter().map(|(number, cycles)| (*number, snapshot(*cycles))).collect()
    }

    fn between(marks: &[(u16, u64)], span: Span) -> Option<(u64, u64)> {
        markers(&at(marks), span).ok().map(|(begin, end)| (begin.cycles, end.cycles))
    }

    #[test]
    fn the_guests_own_markers_go_before_those_around_it() {
        let nested = [(1, 10), (3, 15), (1, 20), (2, 30), (2, 40)];
        assert_eq!(between(&nested, Span::Markers), Some((20, 30)));
        assert_eq!(between(&nested, Span::AllMarkers), Some((10, 40)));
        assert_eq!(between(&[(2, 5), (1, 10), (2, 20)], Span::Markers), Some((10, 20)));
        for marks in [&[][..], &[(1, 1)], &[(2, 1)], &[(2, 1), (1, 2)]] {
            assert_eq!(between(marks, Span::Markers), None);
            assert_eq!(between(marks, Span::AllMarkers), None);
        }
    }
}
