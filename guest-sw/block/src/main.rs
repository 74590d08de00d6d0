//! The block workload, in fio's shape: reads or writes of one size, in sequence or at random, with as many in
//! flight as asked for; completion latencies; and all data checked.
//!
//! Words of the command line, beside those of every guest: `rw=read|write|randread|randwrite|selfcheck`, `bs`, `qd`,
//! `ops`, `span`, `verify`, `batch`.
#![no_std]
#![no_main]

mod engine;
mod jobs;
mod selfcheck;

use block_workload::config::{Config, Mode};
use block_workload::pattern::Pattern;
use guest::latency::Latencies;
use guest::machine::Machine;
use guest::{Stop, clock, console, interrupts, mark, sbi};
use virtio::block::SECTOR_SIZE;

use engine::Engine;
use jobs::{Fill, Kept, Measured, Verify};

guest::entry!(run);

fn run(mut machine: Machine) -> Result<bool, Stop> {
    let mut config = Config::parse(machine.tree.bootargs())?;
    let mut engine = Engine::new(&mut machine, &config)?;
    let block_size = config.block_size as u64;
    let capacity = engine.block.info().capacity.saturating_mul(SECTOR_SIZE as u64);
    config.span = config.span.min(capacity / block_size * block_size);
    if config.span == 0 {
        return Err(Stop::Other("the disk is smaller than a block"));
    }
    match config.mode {
        Mode::SelfCheck => selfcheck::run(&mut engine, &config),
        Mode::Transfer { write, random } => transfer(&mut machine, &mut engine, &config, write, random),
    }
}

/// What the measured part came to.
struct Outcome {
    cycles: u64,
    kicks: u64,
    interrupts: u64,
}

fn transfer(
    machine: &mut Machine,
    engine: &mut Engine,
    config: &Config,
    write: bool,
    random: bool,
) -> Result<bool, Stop> {
    if engine.block.info().read_only && (write || config.verify) {
        return Err(Stop::Other("the disk is read-only"));
    }
    let pattern = Pattern::new(config.common.seed);
    let blocks = config.span / config.block_size as u64;
    // By block: the generation of its contents. The fill is generation 0.
    let generations = machine.arena.words(usize::try_from(blocks).map_err(|_| Stop::Other("too large a span"))?)?;
    let samples = machine.arena.words(config.operations)?;
    let mut errors = 0;
    if config.verify {
        pattern.prepare(engine.all_buffers());
        let mut fill = Fill::new(&pattern, config, engine.chunk());
        engine.drive(&mut fill)?;
        errors += fill.errors;
    }
    pattern.prepare(engine.all_buffers());
    let mut measured = Measured::new(&pattern, config, write, random, generations, Latencies::new(samples));
    let outcome = measure(engine, &mut measured)?;
    errors += measured.errors;
    let (mut latencies, kept) = (measured.latencies, measured.kept);
    if config.verify {
        errors += verify(engine, config, &pattern, write.then_some(&*generations), &kept)?;
    }
    report(config, &outcome, errors, &mut latencies);
    Ok(errors == 0)
}

fn measure(engine: &mut Engine, job: &mut Measured<'_>) -> Result<Outcome, Stop> {
    let kicks = engine.block.kicks();
    let interrupts = interrupts::count();
    sbi::ready();
    mark!(1);
    let start = clock::cycles();
    let result = engine.drive(job);
    let cycles = clock::cycles() - start;
    mark!(2);
    result?;
    Ok(Outcome { cycles, kicks: engine.block.kicks() - kicks, interrupts: interrupts::count() - interrupts })
}

/// Checks everything that was written, or every word that the last reads have left; the errors.
fn verify(
    engine: &mut Engine,
    config: &Config,
    pattern: &Pattern,
    written: Option<&[u32]>,
    kept: &Kept,
) -> Result<u64, Stop> {
    let Some(generations) = written else {
        return Ok(kept.check(engine, config, pattern));
    };
    engine.flush()?;
    let mut verify = Verify::new(pattern, config, generations, engine.chunk());
    engine.drive(&mut verify)?;
    Ok(verify.errors)
}

fn report(config: &Config, outcome: &Outcome, errors: u64, latencies: &mut Latencies) {
    let Config { common, block_size, depth, operations, .. } = config;
    let layout = &common.layout;
    let bytes = *operations as u64 * *block_size as u64;
    let Outcome { cycles, kicks, interrupts } = outcome;
    console::print(format_args!(
        "#result {{\"who\":\"guest\",\"workload\":\"block\",\"rw\":\"{}\",\"bs\":{block_size},\"qd\":{depth},\
         \"event_idx\":{},\"indirect\":{},\"packed\":{},\"poll\":{},\"verify\":{},\"ops\":{operations},\
         \"bytes\":{bytes},\"cycles\":{cycles},\"errors\":{errors},\"kicks\":{kicks},\"interrupts\":{interrupts},{}}}",
        config.mode_name(),
        layout.event_idx,
        layout.indirect,
        layout.packed,
        common.poll,
        config.verify,
        latencies.sorted(),
    ));
}
