//! A panel: axes with data. A figure is one or several of them.

use anyhow::Result;

use super::canvas::{Anchor, Canvas, Colour, GREY, GRID, INK};
use super::scale::{Scale, short};
use crate::lab::mechanism::{Mark, Mechanism};

/// What points of one mechanism look like.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// Its mark, if points are marked.
    pub mark: Option<Mark>,
    /// The line is broken.
    pub dashed: bool,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A series of a mechanism, whose profile may be part of its name.
    pub fn of(name: &str, points: Vec<(f64, f64)>) -> Series {
        let mechanism = name.split(' ').next().and_then(Mechanism::find);
        Series {
            name: name.to_owned(),
            colour: mechanism.map_or(INK, |mechanism| mechanism.colour),
            mark: mechanism.map(|mechanism| mechanism.mark),
            dashed: name.ends_with("BANK=0"),
            points,
        }
    }
}

/// A pile of values on one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Where on the axis its middle is.
    pub at: f64,
    /// Its width, of the axis's units.
    pub width: f64,
    /// Values from the bottom up, with their colours.
    pub parts: Vec<(f64, Colour)>,
    /// What stands on top.
    pub label: String,
}

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Lines through points.
    Lines(Vec<Series>),
    /// Stairs: a value holds up to the next.
    Stairs(Vec<Series>),
    /// Bars side by side around whole numbers.
    Groups(Vec<Series>),
    /// Stacks.
    Stacks(Vec<Stack>),
}

/// Axes with data.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What stands above.
    pub title: String,
    /// The horizontal axis with its unit.
    pub x_label: String,
    /// The vertical axis with its unit.
    pub y_label: String,
    /// The horizontal axis.
    pub x: Scale,
    /// Where it is labelled, and how; a line break makes two lines.
    pub x_ticks: Vec<(f64, String)>,
    /// The vertical axis.
    pub y: Scale,
    /// The data.
    pub body: Body,
    /// A horizontal line to compare with.
    pub level: Option<(f64, &'static str)>,
    /// Points to be noticed: position, words and colour.
    pub notes: Vec<((f64, f64), String, Colour)>,
}

/// A rectangle on the sheet: left, top, right, bottom.
pub type Bounds = (i32, i32, i32, i32);

const LEFT: i32 = 74;
const TOP: i32 = 30;
const RIGHT: i32 = 12;
const BOTTOM: i32 = 52;
/// Of labels below each other.
const LINE: i32 = 13;
const SMALL: i32 = 12;

struct Frame<'a> {
    panel: &'a Panel,
    bounds: Bounds,
}

impl Frame<'_> {
    fn x(&self, value: f64) -> i32 {
        let (left, _, right, _) = self.bounds;
        left + (self.panel.x.place(value) * f64::from(right - left)).round() as i32
    }

    fn y(&self, value: f64) -> i32 {
        let (_, top, _, bottom) = self.bounds;
        bottom - (self.panel.y.place(value) * f64::from(bottom - top)).round() as i32
    }

    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (self.x(x), self.y(y))
    }
}

impl Panel {
    /// Draws the panel into `outer`.
    pub fn draw(&self, canvas: &Canvas<'_>, outer: Bounds) -> Result<()> {
        let lines = self.x_ticks.iter().map(|(_, label)| label.lines().count() as i32).max().unwrap_or(1);
        let bottom = BOTTOM + LINE * (lines - 1);
        let bounds = (outer.0 + LEFT, outer.1 + TOP, outer.2 - RIGHT, outer.3 - bottom);
        let frame = Frame { panel: self, bounds };
        self.axes(canvas, &frame, outer)?;
        match &self.body {
            Body::Lines(series) => series.iter().try_for_each(|series| line(canvas, &frame, series, false))?,
            Body::Stairs(series) => series.iter().try_for_each(|series| line(canvas, &frame, series, true))?,
            Body::Groups(series) => groups(canvas, &frame, series)?,
            Body::Stacks(stacks) => stacks.iter().try_for_each(|stack| pile(canvas, &frame, stack))?,
        }
        if let Some((value, words)) = self.level {
            let y = frame.y(value);
            canvas.dashes(&[(bounds.0, y), (bounds.2, y)], GREY, 1)?;
            canvas.text(words, (bounds.0 + 4, y - 8), 11, GREY, Anchor::Left)?;
        }
        self.notes(canvas, &frame)
    }

    /// Rings around points, and what is to be said of each beside it.
    fn notes(&self, canvas: &Canvas<'_>, frame: &Frame<'_>) -> Result<()> {
        for (index, (at, words, colour)) in self.notes.iter().enumerate() {
            let (x, y) = frame.at(*at);
            canvas.ring((x, y), *colour)?;
            // Neighbours stand below each other.
            canvas.text(words, (x + 12, y + 14 + 14 * index as i32), SMALL, *colour, Anchor::Left)?;
        }
        Ok(())
    }

    fn axes(&self, canvas: &Canvas<'_>, frame: &Frame<'_>, outer: Bounds) -> Result<()> {
        let (left, top, right, bottom) = frame.bounds;
        canvas.heading(&self.title, (left, outer.1 + 14), 14)?;
        for value in self.y.ticks() {
            let y = frame.y(value);
            canvas.path(&[(left, y), (right, y)], GRID, 1)?;
            canvas.text(&short(value), (left - 6, y), SMALL, INK, Anchor::Right)?;
        }
        let categories = matches!(self.body, Body::Groups(_) | Body::Stacks(_));
        for (value, label) in &self.x_ticks {
            let x = frame.x(*value);
            if !categories {
                canvas.path(&[(x, top), (x, bottom)], GRID, 1)?;
            }
            for (line, words) in label.lines().enumerate() {
                canvas.text(words, (x, bottom + 12 + LINE * line as i32), 11, INK, Anchor::Middle)?;
            }
        }
        canvas.path(&[(left, top), (left, bottom), (right, bottom)], INK, 1)?;
        canvas.text(&self.x_label, ((left + right) / 2, outer.3 - 14), SMALL, INK, Anchor::Middle)?;
        canvas.upwards(&self.y_label, (outer.0 + 14, (top + bottom) / 2), SMALL)
    }
}

fn line(canvas: &Canvas<'_>, frame: &Frame<'_>, series: &Series, stairs: bool) -> Result<()> {
    let mut points: Vec<(i32, i32)> = Vec::new();
    for point in &series.points {
        let (x, y) = frame.at(*point);
        if let (true, Some((_, before))) = (stairs, points.last().copied()) {
            points.push((x, before));
        }
        points.push((x, y));
    }
    match series.dashed {
        true => canvas.dashes(&points, series.colour, 2)?,
        false => canvas.path(&points, series.colour, 2)?,
    }
    let marked = if stairs { &[] } else { &series.points[..] };
    match series.mark {
        Some(mark) => marked.iter().try_for_each(|point| canvas.mark(mark, frame.at(*point), series.colour)),
        None => Ok(()),
    }
}

fn groups(canvas: &Canvas<'_>, frame: &Frame<'_>, all: &[Series]) -> Result<()> {
    let width = 0.8 / all.len().max(1) as f64;
    for (index, series) in all.iter().enumerate() {
        for (x, y) in &series.points {
            let left = x - 0.4 + width * index as f64;
            let (from, to) = (frame.x(left) + 1, frame.x(left + width) - 1);
            let (top, bottom) = (frame.y(*y), frame.bounds.3);
            canvas.block([(from, top), (to, bottom)], series.colour)?;
            canvas.text(&short(*y), ((from + to) / 2, top - 8), 10, INK, Anchor::Middle)?;
        }
    }
    Ok(())
}

fn pile(canvas: &Canvas<'_>, frame: &Frame<'_>, stack: &Stack) -> Result<()> {
    let (from, to) = (frame.x(stack.at - stack.width / 2.0), frame.x(stack.at + stack.width / 2.0));
    let mut sum = 0.0;
    for (value, colour) in stack.parts.iter().filter(|(value, _)| *value > 0.0) {
        let (bottom, top) = (frame.y(sum), frame.y(sum + value));
        canvas.block([(from, top), (to, bottom)], *colour)?;
        sum += value;
    }
    canvas.text(&stack.label, ((from + to) / 2, frame.y(sum) - 8), 10, INK, Anchor::Middle)
}
