//! The lab: experiments are data, one runner runs them all, and tables, files, plots and a report are made from rows.
//!
//! Reading order: [`mechanism`], [`experiment`], [`experiments`], [`compose`], [`emulator`], [`runner`], [`row`]; then what is made of rows.

pub mod case;
pub mod compose;
pub mod csv;
pub mod emulator;
pub mod experiment;
pub mod experiments;
pub mod mechanism;
pub mod plot;
pub mod report;
pub mod results;
pub mod row;
pub mod runner;
pub mod stats;
pub mod store;
pub mod sweep;
pub mod table;

pub use case::{Case, Options, Sharing, Suppression};
pub use emulator::{Emulator, Runner};
pub use experiment::{Experiment, Selection};
pub use row::Row;
pub use table::table;
