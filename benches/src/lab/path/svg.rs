//! A path as a picture: a lane for each who works, time from top to bottom, not to scale; below, each hart's time to scale.

use anyhow::Result;

use super::programs::Role;
use super::sequence::{Path, Step, Timed, What};
use crate::lab::plot::PLACES;
use crate::lab::plot::canvas::{self, Anchor, Canvas, Colour, GREY, GRID, INK};

const LEFT: i32 = 150;
const LANE: i32 = 210;
const RIGHT: i32 = 220;
const TOP: i32 = 104;
const ROW: i32 = 38;
const ARROW: i32 = 28;
const TEXT: i32 = 12;
/// Width of a character of that size, on the safe side.
const LETTER: f64 = 6.3;
/// Letters that fit beside a lane.
const FITS: usize = 30;
const STRIP: i32 = 26;

/// What passes through memory, and to other harts: of Tol's and Okabe's palettes, dark enough for lines.
const MEMORY: Colour = (0x88, 0x22, 0x55);
const MESSAGE: Colour = (0x00, 0x72, 0xb2);

/// Draws the path.
///
/// # Errors
/// Of the drawing library.
pub fn svg(path: &Path) -> Result<String> {
    let harts = harts(path).len() as i32;
    let bottom = TOP + path.steps.iter().map(height).sum::<i32>() + if afterwards(path) { ARROW } else { 0 };
    let width = LEFT + LANE * (path.lanes.len() as i32 - 1) + RIGHT;
    let size = (width.max(760), bottom + 70 + STRIP * harts);
    canvas::draw((size.0 as u32, size.1 as u32), |canvas| {
        canvas.heading(&path.about, (14, 20), 16)?;
        let words = format!(
            "{} cycles; cost model {}; of {} requests the one of median length ({} to {})",
            path.cycles, path.cost_model, path.requests, path.range.0, path.range.1
        );
        canvas.text(&words, (14, 42), TEXT, GREY, Anchor::Left)?;
        canvas.text("at cycle", (70, TOP - 20), TEXT, GREY, Anchor::Right)?;
        lanes(canvas, path, bottom)?;
        let mut y = TOP;
        let mut after = false;
        for timed in &path.steps {
            if timed.after && !after {
                after = true;
                let line = [(14, y + 6), (size.0 - 14, y + 6)];
                canvas.dashes(&line, GREY, 1)?;
                canvas.text("the guest has seen it", (14, y + 18), TEXT, GREY, Anchor::Left)?;
                y += ARROW;
            }
            canvas.text(&timed.at.to_string(), (70, y + height(timed) / 2), TEXT, GREY, Anchor::Right)?;
            step(canvas, path, timed, y)?;
            y += height(timed);
        }
        strips(canvas, path, bottom + 24, size.0)
    })
}

fn afterwards(path: &Path) -> bool {
    path.steps.iter().any(|timed| timed.after)
}

fn height(timed: &Timed) -> i32 {
    match timed.step {
        Step::Work { .. } => ROW,
        Step::Wait { .. } | Step::Arrow { .. } => ARROW,
    }
}

fn x(lane: usize) -> i32 {
    LEFT + LANE * lane as i32
}

fn colour(role: Role) -> Colour {
    let place = match role {
        Role::Guest | Role::Work => 0,
        Role::Kernel => 1,
        Role::Firmware => 2,
        Role::Vmm | Role::Backend | Role::Peer | Role::Process => 3,
    };
    PLACES[place].1
}

const IDLE: Colour = PLACES[4].1;

fn lanes(canvas: &Canvas<'_>, path: &Path, bottom: i32) -> Result<()> {
    for (index, lane) in path.lanes.iter().enumerate() {
        let x = x(index);
        canvas.path(&[(x, TOP - 8), (x, bottom)], GRID, 1)?;
        canvas.block([(x - 64, TOP - 46), (x + 64, TOP - 10)], colour(lane.role))?;
        canvas.text(&lane.name, (x, TOP - 36), 13, INK, Anchor::Middle)?;
        canvas.text(&format!("{}, hart {}", lane.mode, lane.hart), (x, TOP - 20), TEXT, INK, Anchor::Middle)?;
    }
    Ok(())
}

fn step(canvas: &Canvas<'_>, path: &Path, timed: &Timed, y: i32) -> Result<()> {
    match &timed.step {
        Step::Work { lane, insns, .. } => {
            let x = x(*lane);
            canvas.block([(x - 6, y + 2), (x + 6, y + ROW - 2)], colour(path.lanes[*lane].role))?;
            let words = format!("{} cycles, {insns} insns", timed.cycles);
            canvas.text(&words, (x + 11, y + 11), TEXT, INK, Anchor::Left)?;
            canvas.text(&cut(&super::text::work(&timed.step)), (x + 11, y + 26), TEXT, GREY, Anchor::Left)
        }
        Step::Wait { lane } => {
            let x = x(*lane);
            canvas.block([(x - 6, y + 2), (x + 6, y + ARROW - 2)], IDLE)?;
            canvas.text(&format!("waits {} cycles", timed.cycles), (x + 11, y + 14), TEXT, GREY, Anchor::Left)
        }
        Step::Arrow { from, to, what, label } => {
            let cost = if timed.cycles > 0 { format!(" ({} cycles)", timed.cycles) } else { String::new() };
            arrow(canvas, (x(*from), x(*to)), y, *what, &format!("{label}{cost}"))
        }
    }
}

/// What ends work is said in any case; of the functions as much as there is room for.
fn cut(what: &str) -> String {
    if what.chars().count() <= FITS {
        return what.to_owned();
    }
    let (names, ends) =
        what.split_once("; ").map_or((what, String::new()), |(names, ends)| (names, format!("; {ends}")));
    let room = FITS.saturating_sub(ends.chars().count() + 1);
    format!("{}…{ends}", names.chars().take(room).collect::<String>())
}

fn arrow(canvas: &Canvas<'_>, (from, to): (i32, i32), y: i32, what: What, label: &str) -> Result<()> {
    let colour = match what {
        What::Seen => MEMORY,
        What::Send | What::Ipi | What::Inject => MESSAGE,
        _ => INK,
    };
    let line = y + ARROW - 7;
    if from == to {
        let loop_ = [(from, y + 6), (from + 22, y + 6), (from + 22, line), (from + 2, line)];
        canvas.path(&loop_, colour, 1)?;
        head(canvas, (from, line), -1, colour)?;
        return canvas.text(label, (from + 28, y + 13), TEXT, colour, Anchor::Left);
    }
    let width = (label.chars().count() as f64 * LETTER) as i32;
    let middle = ((from + to) / 2).max(80 + width / 2);
    canvas.block([(middle - width / 2, y), (middle + width / 2, y + 15)], (0xff, 0xff, 0xff))?;
    canvas.text(label, (middle, y + 8), TEXT, colour, Anchor::Middle)?;
    let ends = [(from, line), (to, line)];
    match what {
        What::Seen => canvas.dashes(&ends, colour, 1)?,
        _ => canvas.path(&ends, colour, 1)?,
    }
    head(canvas, (to, line), (to - from).signum(), colour)
}

/// The head of an arrow that points in `direction`.
fn head(canvas: &Canvas<'_>, (x, y): (i32, i32), direction: i32, colour: Colour) -> Result<()> {
    let back = x - 8 * direction;
    canvas.path(&[(back, y - 4), (x, y), (back, y + 4)], colour, 2)
}

fn harts(path: &Path) -> Vec<usize> {
    let mut harts: Vec<usize> = path.lanes.iter().map(|lane| lane.hart).collect();
    harts.sort_unstable();
    harts.dedup();
    harts
}

/// Each hart's time to scale.
fn strips(canvas: &Canvas<'_>, path: &Path, top: i32, width: i32) -> Result<()> {
    let (left, right) = (LEFT - 70, width - 40);
    let at = |cycle: i64| {
        let share = cycle.clamp(0, path.cycles as i64) as f64 / path.cycles.max(1) as f64;
        left + (share * f64::from(right - left)).round() as i32
    };
    canvas.text("to scale:", (14, top - 10), TEXT, GREY, Anchor::Left)?;
    for (index, hart) in harts(path).into_iter().enumerate() {
        let y = top + STRIP * index as i32;
        canvas.text(&format!("hart {hart}"), (14, y + 9), TEXT, INK, Anchor::Left)?;
        for timed in path.steps.iter().filter(|timed| !timed.after) {
            let lane = &path.lanes[timed.step.lane()];
            let colour = if matches!(timed.step, Step::Wait { .. }) { IDLE } else { colour(lane.role) };
            let span = (at(timed.at), at(timed.at + timed.cycles as i64));
            if lane.hart == hart && span.1 > span.0 {
                canvas.block([(span.0, y), (span.1, y + 18)], colour)?;
            }
        }
        canvas.path(&[(left, y), (right, y), (right, y + 18), (left, y + 18), (left, y)], GREY, 1)?;
    }
    let y = top + STRIP * harts(path).len() as i32 + 8;
    let mut x = left;
    for (name, colour) in &PLACES[..5] {
        canvas.block([(x, y - 5), (x + 12, y + 5)], *colour)?;
        canvas.text(name, (x + 17, y), TEXT, INK, Anchor::Left)?;
        x += 34 + (name.chars().count() as f64 * LETTER) as i32;
    }
    Ok(())
}
