//! A figure: title, panels in a grid, and one legend for all of them.

use anyhow::Result;

use super::canvas::{self, Anchor, Canvas, Colour, GREY, INK};
use super::panel::{Body, Panel};
use crate::lab::mechanism::{ALL, Mark};

/// A figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// Machine, cost model and options, a line each.
    pub about: Vec<String>,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// Names and colours that the panels' data don't name themselves.
    pub keys: Vec<(String, Colour)>,
}

const PANEL: (i32, i32) = (460, 310);
/// A panel that has its row for itself.
const WIDE_PANEL: i32 = 720;
const LEGEND: i32 = 190;
const HEAD: i32 = 36;
const LINE: i32 = 16;
const TEXT: i32 = 12;

/// One line of the legend.
struct Entry {
    name: String,
    colour: Colour,
    mark: Option<Mark>,
    dashed: bool,
    line: bool,
}

impl Figure {
    /// Draws the figure.
    ///
    /// # Errors
    /// Of the drawing library.
    pub fn svg(&self) -> Result<String> {
        let columns = if self.panels.len() == 1 { 1 } else { 2 };
        let width = if columns == 1 { WIDE_PANEL } else { PANEL.0 };
        let rows = self.panels.len().div_ceil(columns) as i32;
        let head = HEAD + LINE * self.about.len() as i32;
        let size = (width * columns as i32 + LEGEND, head + PANEL.1 * rows);
        canvas::draw((size.0 as u32, size.1 as u32), |canvas| {
            canvas.heading(&self.title, (14, 20), 18)?;
            for (index, words) in self.about.iter().enumerate() {
                canvas.text(words, (14, HEAD + 6 + LINE * index as i32), TEXT, GREY, Anchor::Left)?;
            }
            for (index, panel) in self.panels.iter().enumerate() {
                let (left, top) = (width * (index % columns) as i32, head + PANEL.1 * (index / columns) as i32);
                panel.draw(canvas, (left, top, left + width, top + PANEL.1))?;
            }
            self.legend(canvas, (size.0 - LEGEND + 10, head + 30))
        })
    }

    fn legend(&self, canvas: &Canvas<'_>, (left, top): (i32, i32)) -> Result<()> {
        for (index, entry) in self.entries().iter().enumerate() {
            let y = top + 20 * index as i32;
            match entry.line {
                false => canvas.block([(left, y - 6), (left + 14, y + 6)], entry.colour)?,
                true => {
                    let ends = [(left - 4, y), (left + 18, y)];
                    match entry.dashed {
                        true => canvas.dashes(&ends, entry.colour, 2)?,
                        false => canvas.path(&ends, entry.colour, 2)?,
                    }
                    if let Some(mark) = entry.mark {
                        canvas.mark(mark, (left + 7, y), entry.colour)?;
                    }
                }
            }
            canvas.text(&entry.name, (left + 24, y), TEXT, INK, Anchor::Left)?;
        }
        Ok(())
    }

    /// Each name once, mechanisms in their usual order.
    fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for panel in &self.panels {
            let (series, line, marked) = match &panel.body {
                Body::Lines(series) => (series, true, true),
                Body::Stairs(series) => (series, true, false),
                Body::Groups(series) => (series, false, false),
                Body::Stacks(_) => continue,
            };
            for series in series.iter().filter(|series| !series.points.is_empty()) {
                if !entries.iter().any(|entry| entry.name == series.name) {
                    let mark = series.mark.filter(|_| marked);
                    let (name, colour, dashed) = (series.name.clone(), series.colour, series.dashed);
                    entries.push(Entry { name, colour, mark, dashed, line });
                }
            }
        }
        entries.sort_by_key(|entry| order(&entry.name));
        let keys = self.keys.iter();
        entries.extend(keys.map(|(name, colour)| Entry {
            name: name.clone(),
            colour: *colour,
            mark: None,
            dashed: false,
            line: false,
        }));
        entries
    }
}

/// Where a series stands among others.
pub fn order(series: &str) -> (usize, String) {
    let name = series.split(' ').next().unwrap_or(series);
    let place = ALL.iter().position(|mechanism| mechanism.name == name).unwrap_or(ALL.len());
    (place, series.to_owned())
}
