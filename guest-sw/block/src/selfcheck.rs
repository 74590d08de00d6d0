//! Every kind of request once, the right answer and the wrong one.

use block_workload::config::Config;
use block_workload::pattern::{Pattern, Sector, WORDS};
use guest::{Stop, console};
use virtio::block::{ID_SIZE, Operation, RANGE_SIZE, SECTOR_SIZE, Status};

use crate::engine::Engine;

/// Sectors that it uses, from the disk's beginning.
const SECTORS: usize = 64;
const BYTES: usize = SECTORS * SECTOR_SIZE;
const ZEROES: (u64, u64) = (8, 16);
const DISCARDED: (u64, u64) = (24, 32);
const GENERATION: u32 = 1;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    Absent,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Right => "ok",
            Self::Wrong => "WRONG",
            Self::Absent => "absent",
        }
    }
}

impl From<bool> for Verdict {
    fn from(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}

/// Runs all checks; whether none is wrong.
pub fn run(engine: &mut Engine, config: &Config) -> Result<bool, Stop> {
    if engine.block.info().capacity < SECTORS as u64 {
        return Err(Stop::Other("the disk is smaller than the self-check"));
    }
    let pattern = Pattern::new(config.common.seed);
    let checks = [
        ("write", write(engine, &pattern)?),
        ("flush", flush(engine)?),
        ("read", read(engine, &pattern)?),
        ("write_zeroes", write_zeroes(engine, &pattern)?),
        ("discard", discard(engine, &pattern)?),
        ("behind_the_end", refused(engine, Operation::Read, Status::Failed)?),
        ("unknown", refused(engine, Operation::Unknown, Status::Unsupported)?),
        ("read_again", read_middle(engine, &pattern)?),
    ];
    let (id, id_verdict) = get_id(engine)?;
    let wrong = checks.iter().filter(|(_, verdict)| *verdict == Verdict::Wrong).count();
    let errors = wrong + usize::from(id_verdict == Verdict::Wrong);
    console::print(format_args!(
        "#result {{\"who\":\"guest\",\"workload\":\"block\",\"rw\":\"selfcheck\",\"errors\":{errors},\
         \"capacity\":{},\"id\":\"{}\",\"get_id\":\"{}\"{}}}",
        engine.block.info().capacity,
        core::str::from_utf8(&id).unwrap_or("?").trim_end_matches('\0'),
        id_verdict.name(),
        List(&checks),
    ));
    Ok(errors == 0)
}

struct List<'a>(&'a [(&'static str, Verdict)]);

impl core::fmt::Display for List<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|(name, verdict)| write!(out, ",\"{name}\":\"{}\"", verdict.name()))
    }
}

fn write(engine: &mut Engine, pattern: &Pattern) -> Result<Verdict, Stop> {
    let prepare = |buffer: &mut [Sector]| {
        pattern.prepare(&mut buffer[..SECTORS]);
        pattern.stamp(&mut buffer[..SECTORS], 0, GENERATION);
    };
    engine.once(Operation::Write, 0, BYTES, prepare, |_, status| (status == Status::Ok).into())
}

fn flush(engine: &mut Engine) -> Result<Verdict, Stop> {
    if !engine.block.info().flush {
        return Ok(Verdict::Absent);
    }
    engine.once(Operation::Flush, 0, 0, |_| {}, |_, status| (status == Status::Ok).into())
}

fn read(engine: &mut Engine, pattern: &Pattern) -> Result<Verdict, Stop> {
    let check =
        |buffer: &[Sector], status| status == Status::Ok && pattern.check(&buffer[..SECTORS], 0, GENERATION) == 0;
    Ok(engine.once(Operation::Read, 0, BYTES, Pattern::spoil, check)?.into())
}

/// A part of what was written, where nothing was zeroed or discarded.
fn read_middle(engine: &mut Engine, pattern: &Pattern) -> Result<Verdict, Stop> {
    let (first, count) = (DISCARDED.1, SECTORS - DISCARDED.1 as usize);
    let check =
        |buffer: &[Sector], status| status == Status::Ok && pattern.check(&buffer[..count], first, GENERATION) == 0;
    Ok(engine.once(Operation::Read, first, count * SECTOR_SIZE, Pattern::spoil, check)?.into())
}

/// A request about a range of sectors: what a sector begins with is a range.
fn ranged(engine: &mut Engine, operation: Operation, range: (u64, u64)) -> Result<Status, Stop> {
    let prepare = |buffer: &mut [Sector]| {
        buffer[0][0] = range.0;
        buffer[0][1] = range.1 - range.0;
    };
    engine.once(operation, 0, RANGE_SIZE, prepare, |_, status| status)
}

fn write_zeroes(engine: &mut Engine, pattern: &Pattern) -> Result<Verdict, Stop> {
    if engine.block.info().write_zeroes_max < (ZEROES.1 - ZEROES.0) as u32 {
        return Ok(Verdict::Absent);
    }
    if ranged(engine, Operation::WriteZeroes, ZEROES)? != Status::Ok {
        return Ok(Verdict::Wrong);
    }
    let (start, end) = (ZEROES.0 as usize, ZEROES.1 as usize);
    let check = |buffer: &[Sector], status| {
        let zeroes = buffer[start..end].iter().all(|sector| *sector == [0; WORDS]);
        let before = pattern.check(&buffer[..start], 0, GENERATION);
        let behind = pattern.check(&buffer[end..SECTORS], ZEROES.1, GENERATION);
        status == Status::Ok && zeroes && before + behind == 0
    };
    Ok(engine.once(Operation::Read, 0, BYTES, Pattern::spoil, check)?.into())
}

fn discard(engine: &mut Engine, pattern: &Pattern) -> Result<Verdict, Stop> {
    if engine.block.info().discard_max < (DISCARDED.1 - DISCARDED.0) as u32 {
        return Ok(Verdict::Absent);
    }
    if ranged(engine, Operation::Discard, DISCARDED)? != Status::Ok {
        return Ok(Verdict::Wrong);
    }
    // What a discarded sector holds, nobody knows; its neighbours are as they were.
    let (first, start, end) = (ZEROES.1, DISCARDED.0 as usize, DISCARDED.1 as usize);
    let check = |buffer: &[Sector], status| {
        let before = pattern.check(&buffer[first as usize..start], first, GENERATION);
        let behind = pattern.check(&buffer[end..SECTORS], DISCARDED.1, GENERATION);
        status == Status::Ok && before + behind == 0
    };
    Ok(engine.once(Operation::Read, 0, BYTES, Pattern::spoil, check)?.into())
}

/// A request for a sector that there isn't, which the device refuses.
fn refused(engine: &mut Engine, operation: Operation, expected: Status) -> Result<Verdict, Stop> {
    let capacity = engine.block.info().capacity;
    engine.once(operation, capacity, SECTOR_SIZE, |_| {}, |_, status| (status == expected).into())
}

fn get_id(engine: &mut Engine) -> Result<([u8; ID_SIZE], Verdict), Stop> {
    let id = |buffer: &[Sector], status| {
        let bytes = buffer[0].map(u64::to_le_bytes);
        let id = core::array::from_fn(|index| bytes[index / 8][index % 8]);
        (id, (status == Status::Ok).into())
    };
    engine.once(Operation::GetId, 0, ID_SIZE, |buffer| buffer[0] = [0; WORDS], id)
}
