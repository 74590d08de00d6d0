//! Our engine of blocks against our single steps: after equally many cycles every bit of state is equal.

use std::collections::VecDeque;

use rv_hart::{Mode, StepEvent};

use super::allowed::ALLOWED;
use super::elf::Image;
use super::layout::{DATA, DATA_PAGES, PAGE};
use super::lockstep::{Difference, Ending, Item, Limits, Run, Watch};
use super::ours::Ours;

/// Runs a program by steps and by blocks. A difference is found at the end only.
pub fn run(image: &Image, limits: Limits) -> Run {
    let mut steps = Ours::new(image);
    let mut run = Run {
        insns: 0,
        traps: 0,
        allowed: vec![0; ALLOWED.len()],
        ending: Ending::Budget,
        difference: None,
        code: VecDeque::new(),
        tail: VecDeque::new(),
    };
    let mut watch = Watch::new(limits);
    for _ in 0..limits.steps {
        if steps.pc() == image.exit {
            run.ending = Ending::Finished;
            break;
        }
        let bits = steps.code_at(steps.pc()).unwrap_or_default();
        let event = steps.step();
        match event {
            StepEvent::Retired { .. } => run.insns += 1,
            StepEvent::Waiting => {}
            StepEvent::Trapped { .. } | StepEvent::Interrupted => run.traps += 1,
        }
        if let Some(ending) = watch.look(event, bits) {
            run.ending = ending;
            break;
        }
    }
    let mut blocks = Ours::new(image);
    blocks.hart.run(&mut blocks.board, steps.hart.state.cycles);
    run.difference = first_difference(&blocks, &steps, run.insns);
    if run.difference.is_some() {
        run.ending = Ending::Differs;
    }
    run
}

fn first_difference(blocks: &Ours, steps: &Ours, step: u64) -> Option<Difference> {
    let (a, b) = (&blocks.hart.state, &steps.hart.state);
    let found = |item, ours, theirs| {
        let (pc, mode) = (b.pc, b.mode);
        Difference { item, ours, theirs, step, pc, raw: 0, mode, suspect: (0, 0, Mode::M) }
    };
    if let Some((item, ours, theirs)) = super::spike::registers(blocks, &b.x, &b.f) {
        return Some(found(item, ours, theirs));
    }
    if a.pc != b.pc {
        return Some(found(Item::Pc, a.pc, b.pc));
    }
    for (number, _) in rv_isa::csr::ROWS {
        let (ours, theirs) = (blocks.csr(*number), steps.csr(*number));
        if ours != theirs {
            return Some(found(Item::Csr(*number), ours.unwrap_or_default(), theirs.unwrap_or_default()));
        }
    }
    // Wires are looked at in different places.
    let same = rv_hart::HartState { wires: b.wires, ..a.clone() } == *b;
    if !same {
        return Some(found(Item::Privilege, a.mode as u64, b.mode as u64));
    }
    let memory = |ours: &Ours, at| ours.board.0.load(at, 8).unwrap_or_default();
    let differing = (DATA..DATA + DATA_PAGES * PAGE).step_by(8).find(|at| memory(blocks, *at) != memory(steps, *at));
    differing.map(|at| found(Item::Memory(at), memory(blocks, at), memory(steps, at)))
}
