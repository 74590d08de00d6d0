//! A complete, checked cost model.

use std::collections::BTreeMap;

use rv_devices::virtio::ServiceTime;
use rv_hart::cost::Costs;
use serde::Serialize;

use super::file::{Confidence, CostFile, CostRow, PaddingRow};

/// Markers below this number snapshot all counters; from here on they are padding points, which
/// may be executed a million times and are only counted and charged.
pub const MARKERS_SNAPSHOT: u16 = 16;

/// More than any event costs: a figure above is a slip of the pen, and sums must not overflow.
const VALUE_MAX: u32 = 10_000_000;

/// The models that come with the board.
const BUILT_IN: [(&str, &str); 3] = [
    ("flat", include_str!("../../models/flat.toml")),
    ("default", include_str!("../../models/default.toml")),
    ("linux", include_str!("../../models/linux.toml")),
];

/// Why a cost model can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    /// No built-in model has this name.
    #[error("there is no cost model `{0}`; built in are flat, default and linux")]
    UnknownModel(String),
    /// The file is not valid TOML, or not of the right shape.
    #[error("{file}: {source}")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says, with line and column.
        source: Box<toml::de::Error>,
    },
    /// The file is well-formed, but a row in it is not acceptable.
    #[error("{file}: {table}.{row}: {reason}")]
    Row {
        /// The file.
        file: String,
        /// The table that the row is in.
        table: &'static str,
        /// The row.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The named base is not a built-in model.
    #[error("{file}: base `{base}` is not one of flat, default, linux")]
    Base {
        /// The file.
        file: String,
        /// The base that it names.
        base: String,
    },
}

/// Lists the rows under `[cycles]` once: their names, and the field of [`Costs`] that each sets.
macro_rules! cycle_rows {
    ($($field:ident),* $(,)?) => {
        /// Names of all rows under `[cycles]`.
        const CYCLE_ROWS: &[&str] = &[$(stringify!($field)),*];

        /// The hart's table, if every row is there; else the name of one that is missing.
        fn costs(rows: &BTreeMap<String, CostRow>) -> Result<Costs, &'static str> {
            let value = |name: &'static str| rows.get(name).map(|row| row.value).ok_or(name);
            Ok(Costs { $($field: value(stringify!($field))?),* })
        }
    };
}

cycle_rows!(
    insn,
    load_hit,
    store_hit,
    amo,
    mul,
    div,
    fp,
    fdiv,
    csr_rw,
    branch_miss,
    jump_indirect,
    csr_flush,
    pte_read,
    pte_cached,
    trap_entry,
    xret,
    fence_vma_local,
    fence_gvma_local,
    mmio_device_read,
    mmio_device_write,
    ipi_wire,
    wfi_wake,
);

/// Names of all rows under `[device]`: times that devices take, while harts go on.
const DEVICE_ROWS: [&str; 2] = ["virtio_disk_request", "virtio_disk_sector"];

/// Rows that are the whole cost of an instruction: time must advance, so they can't be zero.
const PER_INSTRUCTION: [&str; 9] = ["insn", "load_hit", "store_hit", "amo", "mul", "div", "fp", "fdiv", "csr_rw"];

/// What each hardware event costs, and what padding points add.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostModel {
    name: String,
    about: String,
    cycles: BTreeMap<String, CostRow>,
    device: BTreeMap<String, CostRow>,
    uncharged: BTreeMap<String, CostRow>,
    padding: BTreeMap<String, PaddingRow>,
    extension: BTreeMap<String, CostRow>,
    #[serde(skip)]
    costs: Costs,
}

impl CostModel {
    /// A model that comes with the board: `flat`, `default` or `linux`.
    ///
    /// # Errors
    /// [`CostError::UnknownModel`] for any other name.
    pub fn built_in(name: &str) -> Result<Self, CostError> {
        let (file, text) = BUILT_IN
            .iter()
            .find(|(built_in, _)| *built_in == name)
            .ok_or_else(|| CostError::UnknownModel(name.to_owned()))?;
        Self::parse(&format!("{file}.toml"), text)
    }

    /// Reads a model from the text of `file`, whose name is for messages only.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(file: &str, text: &str) -> Result<Self, CostError> {
        let parsed = parse_file(file, text)?;
        let mut model = match &parsed.base {
            None => Self::empty(),
            // A base has no base of its own that could lead back here: all three are checked in.
            Some(base) if BUILT_IN.iter().any(|(name, _)| name == base) => Self::built_in(base)?,
            Some(base) => {
                return Err(CostError::Base { file: file.to_owned(), base: base.clone() });
            }
        };
        model.name = parsed.name;
        model.about = parsed.about;
        model.cycles.extend(parsed.cycles);
        model.device.extend(parsed.device);
        model.uncharged.extend(parsed.uncharged);
        model.padding.extend(parsed.padding);
        model.extension.extend(parsed.extension);
        model.check(file)?;
        Ok(model)
    }

    fn empty() -> Self {
        Self {
            name: String::new(),
            about: String::new(),
            cycles: BTreeMap::new(),
            device: BTreeMap::new(),
            uncharged: BTreeMap::new(),
            padding: BTreeMap::new(),
            extension: BTreeMap::new(),
            costs: Costs::FLAT,
        }
    }

    /// Adds the rows under `[extension]` of another file, which may hold nothing else but its name
    /// and a description. Rows that the model has already stay as they are.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    pub fn add_extension_rows(&mut self, file: &str, text: &str) -> Result<(), CostError> {
        let parsed = parse_file(file, text)?;
        let others = [&parsed.cycles, &parsed.device, &parsed.uncharged];
        let stray = others.into_iter().flat_map(BTreeMap::keys).chain(parsed.padding.keys());
        if let Some(row) = stray.into_iter().next() {
            let reason = "only rows under [extension] can be added".to_owned();
            return Err(row_error(file, "cycles, device, uncharged or padding", row, reason));
        }
        for (name, row) in parsed.extension {
            self.extension.entry(name).or_insert(row);
        }
        self.check(file)
    }

    /// Sets one row under `[cycles]`, `[device]` or `[extension]`, for a sweep.
    ///
    /// # Errors
    /// If there is no such row or the value is not acceptable; the model is unchanged then.
    pub fn set(&mut self, row: &str, value: u32) -> Result<(), CostError> {
        let mut changed = self.clone();
        let CostModel { cycles, device, extension, .. } = &mut changed;
        let Some(cost) = [cycles, device, extension].into_iter().find_map(|rows| rows.get_mut(row)) else {
            return Err(row_error(&self.name, "cycles, device or extension", row, "there is no such row".to_owned()));
        };
        cost.value = value;
        changed.check(&self.name)?;
        *self = changed;
        Ok(())
    }

    /// The model's name, for reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line about the model.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// What the hart charges.
    pub fn costs(&self) -> Costs {
        self.costs
    }

    /// How long a disk of the board takes for a request.
    pub fn disk_time(&self) -> ServiceTime {
        let cycles = |row: &str| self.device.get(row).map_or(0, |row| row.value.into());
        ServiceTime { request: cycles("virtio_disk_request"), sector: cycles("virtio_disk_sector") }
    }

    /// All rows under `[device]`, by name.
    pub fn device_rows(&self) -> impl Iterator<Item = (&str, &CostRow)> {
        self.device.iter().map(|(name, row)| (name.as_str(), row))
    }

    /// Cycles that the board adds at software marker `number`.
    pub fn padding(&self, number: u16) -> u64 {
        self.padding.values().find(|row| row.marker == number).map_or(0, |row| row.value.into())
    }

    /// The value of a row under `[extension]`.
    pub fn extension(&self, row: &str) -> Option<u32> {
        self.extension.get(row).map(|row| row.value)
    }

    /// All rows under `[cycles]`, by name.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &CostRow)> {
        self.cycles.iter().map(|(name, row)| (name.as_str(), row))
    }

    /// All rows under `[uncharged]`, by name.
    pub fn uncharged(&self) -> impl Iterator<Item = (&str, &CostRow)> {
        self.uncharged.iter().map(|(name, row)| (name.as_str(), row))
    }

    /// All rows under `[padding]`, by name.
    pub fn padding_rows(&self) -> impl Iterator<Item = (&str, &PaddingRow)> {
        self.padding.iter().map(|(name, row)| (name.as_str(), row))
    }

    fn check(&mut self, file: &str) -> Result<(), CostError> {
        for (name, row) in &self.cycles {
            if !CYCLE_ROWS.contains(&name.as_str()) {
                let reason = format!("there is no such row; rows are {}", CYCLE_ROWS.join(", "));
                return Err(row_error(file, "cycles", name, reason));
            }
            if row.value == 0 && PER_INSTRUCTION.contains(&name.as_str()) {
                let reason = "an instruction must take at least one cycle".to_owned();
                return Err(row_error(file, "cycles", name, reason));
            }
        }
        if let Some(name) = self.device.keys().find(|name| !DEVICE_ROWS.contains(&name.as_str())) {
            let reason = format!("there is no such row; rows are {}", DEVICE_ROWS.join(", "));
            return Err(row_error(file, "device", name, reason));
        }
        let plain = [
            ("cycles", &self.cycles),
            ("device", &self.device),
            ("uncharged", &self.uncharged),
            ("extension", &self.extension),
        ];
        for (table, rows) in plain {
            for (name, row) in rows {
                check_row(file, table, name, row.value, &row.source)?;
            }
        }
        self.check_padding(file)?;
        let missing = |row| row_error(file, "cycles", row, "missing, and no base is named".into());
        self.costs = costs(&self.cycles).map_err(missing)?;
        if let Some(row) = DEVICE_ROWS.iter().find(|row| !self.device.contains_key(**row)) {
            return Err(row_error(file, "device", row, "missing, and no base is named".into()));
        }
        Ok(())
    }

    fn check_padding(&self, file: &str) -> Result<(), CostError> {
        let mut markers = BTreeMap::new();
        for (name, row) in &self.padding {
            let error = |reason| Err(row_error(file, "padding", name, reason));
            check_row(file, "padding", name, row.value, &row.source)?;
            if !(MARKERS_SNAPSHOT..2048).contains(&row.marker) {
                return error(format!("marker must be from {MARKERS_SNAPSHOT} to 2047"));
            }
            if !(row.band[0]..=row.band[1]).contains(&row.value) {
                return error(format!("{} is outside of its band {:?}", row.value, row.band));
            }
            if let Some(other) = markers.insert(row.marker, name) {
                return error(format!("marker {} belongs to `{other}` already", row.marker));
            }
        }
        Ok(())
    }

    /// Rows under `[cycles]` and `[extension]` to vary by x0.5 and x2 before a conclusion rests on them.
    pub fn doubtful(&self) -> impl Iterator<Item = (&str, &CostRow)> {
        let extension = self.extension.iter().map(|(name, row)| (name.as_str(), row));
        self.rows().chain(extension).filter(|(_, row)| row.confidence == Confidence::Low)
    }
}

fn parse_file(file: &str, text: &str) -> Result<CostFile, CostError> {
    toml::from_str(text).map_err(|source| CostError::Syntax { file: file.to_owned(), source: Box::new(source) })
}

fn check_row(file: &str, table: &'static str, row: &str, value: u32, source: &str) -> Result<(), CostError> {
    if value > VALUE_MAX {
        let reason = format!("{value} cycles is more than the limit of {VALUE_MAX}");
        return Err(row_error(file, table, row, reason));
    }
    if source.trim().is_empty() {
        return Err(row_error(file, table, row, "the source is empty".to_owned()));
    }
    Ok(())
}

fn row_error(file: &str, table: &'static str, row: &str, reason: String) -> CostError {
    CostError::Row { file: file.to_owned(), table, row: row.to_owned(), reason }
}
