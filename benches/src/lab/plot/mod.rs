//! Plots of rows, as SVG: in the shape of the slides' charts, and what those leave out.
//!
//! A mechanism has one colour and one mark in all of them. [`figures`] decides which plots there are; [`figure`] lays panels out;
//! [`panel`] draws axes and data; [`canvas`] is the only file that knows the drawing library.

pub(in crate::lab) mod canvas;
mod figure;
mod figures;
mod panel;
mod scale;

pub(in crate::lab) use figures::PLACES;
pub use figures::all;

/// A drawn plot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// A name that suits a file.
    pub name: String,
    /// The experiment that it belongs to.
    pub experiment: String,
    /// The cost model that it is about.
    pub cost_model: String,
    /// What it shows.
    pub title: String,
    /// The picture.
    pub svg: String,
}
