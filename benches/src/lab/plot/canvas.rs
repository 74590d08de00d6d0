//! A sheet to draw on. Positions are pixels from the upper left corner.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, Color, DrawingArea, FontStyle, FontTransform, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor,
    Rectangle, SVGBackend, ShapeStyle, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::lab::mechanism::Mark;

/// Red, green, blue.
pub type Colour = (u8, u8, u8);
/// Text and frames.
pub const INK: Colour = (0x22, 0x22, 0x22);
/// Text of less weight.
pub const GREY: Colour = (0x66, 0x66, 0x66);
/// Lines behind data.
pub const GRID: Colour = (0xdd, 0xdd, 0xdd);

/// Which point of a text its position names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The middle of its left end.
    Left,
    /// Its middle.
    Middle,
    /// The middle of its right end.
    Right,
}

/// A sheet.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

fn rgb((red, green, blue): Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

fn stroke(colour: Colour, width: u32) -> ShapeStyle {
    ShapeStyle { color: rgb(colour).to_rgba(), filled: false, stroke_width: width }
}

/// Draws a sheet of this size; what `draw` draws.
///
/// # Errors
/// Of the drawing library.
pub fn draw(size: (u32, u32), draw: impl FnOnce(&Canvas<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    {
        let canvas = Canvas { area: SVGBackend::with_string(&mut svg, size).into_drawing_area() };
        canvas.area.fill(&RGBColor(255, 255, 255)).map_err(|error| anyhow!("{error}"))?;
        draw(&canvas)?;
        canvas.area.present().map_err(|error| anyhow!("{error}"))?;
    }
    Ok(svg)
}

impl Canvas<'_> {
    /// A line through points.
    pub fn path(&self, points: &[(i32, i32)], colour: Colour, width: u32) -> Result<()> {
        self.area.draw(&PathElement::new(points.to_vec(), stroke(colour, width))).map_err(|error| anyhow!("{error}"))
    }

    /// The same in dashes.
    pub fn dashes(&self, points: &[(i32, i32)], colour: Colour, width: u32) -> Result<()> {
        const ON: f64 = 6.0;
        const PERIOD: f64 = 10.0;
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
            let length = (x1 - x0).hypot(y1 - y0);
            let at = |distance: f64| {
                let share = (distance / length.max(1e-9)).min(1.0);
                ((x0 + (x1 - x0) * share).round() as i32, (y0 + (y1 - y0) * share).round() as i32)
            };
            for index in 0..(length / PERIOD).ceil() as u32 {
                let from = f64::from(index) * PERIOD;
                self.path(&[at(from), at(from + ON)], colour, width)?;
            }
        }
        Ok(())
    }

    /// A filled rectangle between two corners.
    pub fn block(&self, corners: [(i32, i32); 2], colour: Colour) -> Result<()> {
        self.area.draw(&Rectangle::new(corners, rgb(colour).filled())).map_err(|error| anyhow!("{error}"))
    }

    /// A text; `size` in pixels.
    pub fn text(&self, text: &str, at: (i32, i32), size: i32, colour: Colour, anchor: Anchor) -> Result<()> {
        let horizontal = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let colour = rgb(colour);
        let style = TextStyle::from(("sans-serif", size).into_font()).color(&colour);
        self.put(text, at, style.pos(Pos::new(horizontal, VPos::Center)))
    }

    /// A bold text that begins at a position.
    pub fn heading(&self, text: &str, at: (i32, i32), size: i32) -> Result<()> {
        let font = ("sans-serif", size).into_font().style(FontStyle::Bold);
        let ink = rgb(INK);
        self.put(text, at, TextStyle::from(font).color(&ink).pos(Pos::new(HPos::Left, VPos::Center)))
    }

    /// A text that reads upwards, around its middle.
    pub fn upwards(&self, text: &str, at: (i32, i32), size: i32) -> Result<()> {
        let font = ("sans-serif", size).into_font().transform(FontTransform::Rotate270);
        let ink = rgb(INK);
        self.put(text, at, TextStyle::from(font).color(&ink).pos(Pos::new(HPos::Center, VPos::Center)))
    }

    fn put(&self, text: &str, at: (i32, i32), style: TextStyle<'_>) -> Result<()> {
        self.area.draw(&Text::new(text, at, style)).map_err(|error| anyhow!("{error}"))
    }

    /// A point of a mechanism.
    pub fn mark(&self, mark: Mark, (x, y): (i32, i32), colour: Colour) -> Result<()> {
        const R: i32 = 4;
        let fill = rgb(colour).filled();
        let draw = |points: Vec<(i32, i32)>| self.area.draw(&Polygon::new(points, fill));
        match mark {
            Mark::Circle => self.area.draw(&Circle::new((x, y), R, fill)),
            Mark::Square => self.area.draw(&Rectangle::new([(x - R, y - R), (x + R, y + R)], fill)),
            Mark::Triangle => draw(vec![(x, y - R - 1), (x + R + 1, y + R), (x - R - 1, y + R)]),
            Mark::Diamond => draw(vec![(x, y - R - 1), (x + R + 1, y), (x, y + R + 1), (x - R - 1, y)]),
            Mark::Cross => {
                self.path(&[(x - R, y - R), (x + R, y + R)], colour, 2)?;
                return self.path(&[(x - R, y + R), (x + R, y - R)], colour, 2);
            }
        }
        .map_err(|error| anyhow!("{error}"))
    }

    /// A ring around a point that is to be noticed.
    pub fn ring(&self, at: (i32, i32), colour: Colour) -> Result<()> {
        self.area.draw(&Circle::new(at, 8, stroke(colour, 2))).map_err(|error| anyhow!("{error}"))
    }
}
