//! Cost models: TOML files that say what each hardware event costs, with source and confidence.
//!
//! A file names every row, or names a built-in `base` and the rows that differ. Figures reach the
//! hart as [`rv_hart::cost::Costs`]; what the board itself charges (wires, padding points) is asked
//! here. Rows under `[extension]` are kept for extensions, which know their names.

mod file;
mod model;
#[cfg(test)]
mod tests;

pub use file::{Confidence, CostRow, PaddingRow};
pub use model::{CostError, CostModel, MARKERS_SNAPSHOT};
