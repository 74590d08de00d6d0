//! What of a run a trace shows, and when it begins and ends.

use std::ops::Range;

use rv_hart::{Mode, Step};

use super::TraceError;
use super::symbols::Symbols;

macro_rules! categories {
    ($($(#[$doc:meta])* $variant:ident, $name:literal;)*) => {
        /// A kind of thing that a trace can show.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Category {
            $($(#[$doc])* $variant,)*
        }

        /// All categories, by name.
        pub const CATEGORIES: &[(&str, Category)] = &[$(($name, Category::$variant),)*];
    };
}

categories! {
    /// Every instruction that retires.
    Insn, "insn";
    /// Writes of integer registers.
    Gpr, "gpr";
    /// Writes of floating-point registers.
    Fpr, "fpr";
    /// Writes of CSRs.
    Csr, "csr";
    /// Loads and stores.
    Mem, "mem";
    /// Exceptions.
    Trap, "trap";
    /// Interrupts.
    Interrupt, "interrupt";
    /// What extensions tell of themselves.
    Event, "event";
}

/// A set of categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown(u8);

impl Shown {
    /// Everything.
    pub const ALL: Shown = Shown(u8::MAX);
    /// Nothing.
    pub const NONE: Shown = Shown(0);

    /// With `category` too.
    #[must_use]
    pub fn and(self, category: Category) -> Shown {
        Shown(self.0 | 1 << category as u8)
    }

    /// `category` is shown.
    pub fn has(self, category: Category) -> bool {
        self.0 >> category as u8 & 1 != 0
    }
}

/// Which steps are shown, and what of them. Each new filter shows everything.
#[derive(Clone, Debug)]
pub struct Filter {
    shown: Option<Shown>,
    pcs: Vec<Range<u64>>,
    modes: Vec<Mode>,
    harts: Vec<u64>,
}

impl Filter {
    /// A filter that lets everything pass.
    pub fn new() -> Filter {
        Filter { shown: None, pcs: Vec::new(), modes: Vec::new(), harts: Vec::new() }
    }

    /// Narrows the filter by an expression: categories (`csr,trap`), or `pc=`, `symbol=`, `priv=`, `hart=` and a list. A step must pass
    /// each key that was given; the values of a key are alternatives.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn add(&mut self, expression: &str, symbols: &Symbols) -> Result<(), TraceError> {
        let Some((key, list)) = expression.split_once('=') else {
            let mut shown = self.shown.unwrap_or(Shown::NONE);
            for name in items(expression, expression)? {
                shown = shown.and(category(name)?);
            }
            self.shown = Some(shown);
            return Ok(());
        };
        for item in items(list, expression)? {
            match key {
                "pc" => self.pcs.push(range(item)?),
                "symbol" => self.pcs.extend(symbol(item, symbols)?),
                "priv" => self.modes.push(mode(item)?),
                "hart" => self.harts.push(number(item)?),
                _ => return Err(TraceError::Key { key: key.to_owned(), known: "pc, symbol, priv, hart" }),
            }
        }
        Ok(())
    }

    /// What is shown of a step that is admitted.
    pub fn shown(&self) -> Shown {
        self.shown.unwrap_or(Shown::ALL)
    }

    /// The step is shown, if it has something to show.
    pub fn admits(&self, step: &Step) -> bool {
        let pc = self.pcs.is_empty() || self.pcs.iter().any(|range| range.contains(&step.pc));
        let mode = self.modes.is_empty() || self.modes.contains(&step.mode);
        let hart = self.harts.is_empty() || self.harts.contains(&step.hart);
        pc && mode && hart && has_something(step, self.shown())
    }
}

impl Default for Filter {
    fn default() -> Self {
        Filter::new()
    }
}

fn has_something(step: &Step, shown: Shown) -> bool {
    if shown.has(Category::Event) && !step.events.is_empty() {
        return true;
    }
    if let Some(taken) = step.trap {
        return shown.has(if taken.trap.interrupt { Category::Interrupt } else { Category::Trap });
    }
    shown.has(Category::Insn)
        || shown.has(Category::Gpr) && !step.x.is_empty()
        || shown.has(Category::Fpr) && !step.f.is_empty()
        || shown.has(Category::Csr) && !step.csrs.is_empty()
        || shown.has(Category::Mem) && !(step.loads.is_empty() && step.stores.is_empty())
}

/// Something that happens in a run, at which tracing starts or stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// One of these instructions comes next.
    Pc(Vec<u64>),
    /// All harts together have retired this many instructions. It happens once.
    Insn(u64),
    /// A software marker of this number comes next.
    Marker(u16),
    /// The next instruction runs in one of these modes.
    Mode(Vec<Mode>),
}

impl Trigger {
    /// Reads `pc=ADDRESS`, `symbol=NAME`, `insn=N`, `marker=N` or `priv=MODES`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str, symbols: &Symbols) -> Result<Trigger, TraceError> {
        let known = "pc, symbol, insn, marker, priv";
        let Some((key, value)) = text.split_once('=') else {
            return Err(TraceError::Key { key: text.to_owned(), known });
        };
        Ok(match key {
            "pc" => Trigger::Pc(items(value, text)?.map(number).collect::<Result<_, _>>()?),
            "symbol" => Trigger::Pc(symbol(value, symbols)?.into_iter().map(|range| range.start).collect()),
            "insn" => Trigger::Insn(number(value)?),
            "marker" => match number(value)? {
                marker @ 1..=2047 => Trigger::Marker(marker as u16),
                _ => return Err(TraceError::Marker(value.to_owned())),
            },
            "priv" => Trigger::Mode(items(value, text)?.map(mode).collect::<Result<_, _>>()?),
            _ => return Err(TraceError::Key { key: key.to_owned(), known }),
        })
    }

    /// It happens with `step`, before which `retired` instructions have been retired.
    pub(super) fn fires(&self, step: &Step, retired: u64) -> bool {
        match self {
            Trigger::Pc(addresses) => addresses.contains(&step.pc),
            Trigger::Insn(count) => retired >= *count,
            Trigger::Marker(number) => step.raw == Some(rv_hart::marker::encode(*number)),
            Trigger::Mode(modes) => modes.contains(&step.mode),
        }
    }
}

/// The parts of a list, none of them empty.
fn items<'a>(list: &'a str, expression: &str) -> Result<impl Iterator<Item = &'a str>, TraceError> {
    match list.split(',').any(str::is_empty) {
        true => Err(TraceError::Nothing(expression.to_owned())),
        false => Ok(list.split(',')),
    }
}

fn category(name: &str) -> Result<Category, TraceError> {
    let row = CATEGORIES.iter().find(|row| row.0 == name);
    row.map(|row| row.1).ok_or_else(|| TraceError::Category {
        name: name.to_owned(),
        known: CATEGORIES.iter().map(|row| row.0).collect::<Vec<_>>().join(", "),
    })
}

/// `S` is HS, as without the hypervisor extension.
fn mode(name: &str) -> Result<Mode, TraceError> {
    let upper = name.to_ascii_uppercase();
    let name_of = if upper == "S" { "HS" } else { &upper };
    let mode = Mode::ALL.into_iter().find(|mode| mode.name() == name_of);
    mode.ok_or_else(|| TraceError::Mode(name.to_owned()))
}

fn number(text: &str) -> Result<u64, TraceError> {
    let digits = text.replace('_', "");
    let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed.map_err(|_| TraceError::Number(text.to_owned()))
}

/// `FROM..TO`, without TO; or one address.
fn range(text: &str) -> Result<Range<u64>, TraceError> {
    let Some((from, to)) = text.split_once("..") else {
        let addr = number(text)?;
        return Ok(addr..addr.saturating_add(1));
    };
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok(from..to) } else { Err(TraceError::Range(text.to_owned())) }
}

fn symbol(name: &str, symbols: &Symbols) -> Result<Vec<Range<u64>>, TraceError> {
    let places: Vec<_> = symbols.places(name).map(|(addr, len)| addr..addr.saturating_add(len)).collect();
    match (places.is_empty(), symbols.is_empty()) {
        (false, _) => Ok(places),
        (true, false) => Err(TraceError::Symbol(name.to_owned())),
        (true, true) => Err(TraceError::NoSymbols(name.to_owned())),
    }
}
