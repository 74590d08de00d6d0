//! `rv-emu run --trace`: the options of traces, and the files that they go to.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use rv_machine::trace::{Filter, Format, Names, Sink, Symbols, Trace, TraceConfig, Trigger};
use rv_machine::{Machine, Software};

/// Options of traces.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Write what each instruction does: FORMAT=FILE, with commit (as Spike's --log-commits) or jsonl. FILE.gz and FILE.zst are compressed,
    /// - is standard error. Can be repeated.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = destination, help_heading = "Traces")]
    pub trace: Vec<Destination>,
    /// Show only: categories (insn,gpr,fpr,csr,mem,trap,interrupt), or pc=FROM..TO, symbol=NAME, priv=M,S,U,VS,VU, hart=N. Can be repeated.
    #[arg(long, value_name = "WHAT", requires = "trace", help_heading = "Traces")]
    pub trace_filter: Vec<String>,
    /// Begin when this comes next: pc=ADDR, symbol=NAME, insn=N, marker=N, priv=MODE. Can be repeated: the first one counts.
    #[arg(long, value_name = "WHEN", requires = "trace", help_heading = "Traces")]
    pub trace_start: Vec<String>,
    /// Pause when this comes next, until the next start.
    #[arg(long, value_name = "WHEN", requires = "trace", help_heading = "Traces")]
    pub trace_stop: Vec<String>,
    /// End the trace, but not the run, after this many lines.
    #[arg(long, value_name = "N", requires = "trace", help_heading = "Traces")]
    pub trace_limit: Option<u64>,
}

/// Where a trace goes, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    format: Format,
    file: PathBuf,
}

fn destination(text: &str) -> Result<Destination, String> {
    let (format, file) = text.split_once('=').ok_or("use FORMAT=FILE, as in commit=trace.log")?;
    let format = format.parse().map_err(|error: rv_machine::trace::TraceError| error.to_string())?;
    match file {
        "" => Err("the file's name is missing".to_owned()),
        file => Ok(Destination { format, file: file.into() }),
    }
}

/// The trace that the options ask for, if they do. Files are made now, so that what is wrong with them is said before anything runs.
pub fn open(args: &TraceArgs, software: &Software, machine: &Machine) -> Result<Option<Trace>> {
    if args.trace.is_empty() {
        return Ok(None);
    }
    let symbols = Symbols::of(software);
    let mut filter = Filter::new();
    for expression in &args.trace_filter {
        filter.add(expression, &symbols).with_context(|| format!("--trace-filter {expression}"))?;
    }
    let triggers = |option: &str, texts: &[String]| {
        let trigger = |text: &String| Trigger::parse(text, &symbols).with_context(|| format!("{option} {text}"));
        texts.iter().map(trigger).collect::<Result<Vec<_>>>()
    };
    let config = TraceConfig {
        filter,
        start: triggers("--trace-start", &args.trace_start)?,
        stop: triggers("--trace-stop", &args.trace_stop)?,
        limit: args.trace_limit,
        names: machine.harts().first().map(Names::of).unwrap_or_default(),
        symbols,
    };
    let output = |destination: &Destination| Ok((destination.format, sink(&destination.file)?));
    let outputs = args.trace.iter().map(output).collect::<Result<Vec<_>>>()?;
    Ok(Some(Trace::new(config, outputs)))
}

fn sink(path: &Path) -> Result<Box<dyn Sink>> {
    if path == Path::new("-") {
        // The console's raw mode makes a terminal go down only.
        let raw = io::stdin().is_terminal() && io::stderr().is_terminal();
        return Ok(Box::new(StandardError { raw }));
    }
    let name = || format!("can't write {}", path.display());
    let file = File::create(path).with_context(name)?;
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(Gzip(GzEncoder::new(file, Compression::fast()))),
        Some("zst") => Box::new(Zstd(zstd::Encoder::new(file, 1).with_context(name)?)),
        _ => Box::new(Plain(file)),
    })
}

/// Gives each of the wrappers the `Write` of what it wraps.
macro_rules! writer {
    ($name:ident, $flush:expr) => {
        impl Write for $name {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                let flush: fn(&mut Self) -> io::Result<()> = $flush;
                flush(self)
            }
        }
    };
}

struct Plain(File);
writer!(Plain, |plain| plain.0.flush());
impl Sink for Plain {}

/// Flushed at the end only: each time costs compression.
struct Gzip(GzEncoder<File>);
writer!(Gzip, |_| Ok(()));
impl Sink for Gzip {
    fn finish(&mut self) -> io::Result<()> {
        self.0.try_finish()
    }
}

/// See [`Gzip`].
struct Zstd(zstd::Encoder<'static, File>);
writer!(Zstd, |_| Ok(()));
impl Sink for Zstd {
    fn finish(&mut self) -> io::Result<()> {
        self.0.do_finish()
    }
}

struct StandardError {
    raw: bool,
}

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = io::stderr().lock();
        if !self.raw {
            return out.write(bytes);
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            out.write_all(line)?;
            if line.ends_with(b"\n") {
                out.write_all(b"\r")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Sink for StandardError {}
