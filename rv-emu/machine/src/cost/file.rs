//! The shape of a cost-model file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far a figure can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Arithmetic, or given by the architecture.
    High,
    /// Measured on a comparable machine and carried over.
    Mid,
    /// A usual value; to be varied before a conclusion rests on it.
    Low,
    /// No measurement known: a knob.
    None,
}

/// One figure with its provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostRow {
    /// Cycles.
    pub value: u32,
    /// How far to trust it.
    pub confidence: Confidence,
    /// Where it comes from.
    pub source: String,
    /// What else the reader should know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What the board adds to time when software executes a marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaddingRow {
    /// The marker's number.
    pub marker: u16,
    /// Cycles.
    pub value: u32,
    /// The lowest and the highest published figure.
    pub band: [u32; 2],
    /// How far to trust it.
    pub confidence: Confidence,
    /// Where it comes from.
    pub source: String,
    /// What else the reader should know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A file as parsed, before the rows of its base are filled in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CostFile {
    pub name: String,
    pub about: String,
    pub base: Option<String>,
    #[serde(default)]
    pub cycles: BTreeMap<String, CostRow>,
    #[serde(default)]
    pub device: BTreeMap<String, CostRow>,
    #[serde(default)]
    pub uncharged: BTreeMap<String, CostRow>,
    #[serde(default)]
    pub padding: BTreeMap<String, PaddingRow>,
    #[serde(default)]
    pub extension: BTreeMap<String, CostRow>,
}
