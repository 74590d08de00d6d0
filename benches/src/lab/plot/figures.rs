//! Which plots rows make.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Plot;
use super::canvas::{Colour, INK};
use super::figure::{Figure, order};
use super::panel::{Body, Panel, Series, Stack};
use super::scale::{Scale, short, size};
use crate::lab::case::Options;
use crate::lab::compose::{GUEST_MIB, HARTS, HOST_MEMORY};
use crate::lab::experiment::{Experiment, Metric};
use crate::lab::experiments::{self, price};
use crate::lab::row::Row;
use crate::lab::stats::BreakEven;
use crate::lab::sweep;

/// Colours of places, of Tol's light scheme: told apart by the colour-blind, and from the mechanisms' colours.
pub const PLACES: [(&str, Colour); 6] = [
    ("guest", (0x77, 0xaa, 0xdd)),
    ("kernel (HS)", (0xee, 0x88, 0x66)),
    ("firmware (M)", (0xaa, 0xaa, 0x00)),
    ("user (VMM, backend)", (0xee, 0xdd, 0x88)),
    ("idle", (0xdd, 0xdd, 0xdd)),
    ("copying, of the above", (0x44, 0xbb, 0x99)),
];
/// Places of a mode; the last is a part of others, and only there if software tells of it.
const MODES: usize = 5;
/// The seed that runs have if they are given none.
const SEED: u64 = 1;
/// A hart that was busy for less than this share of the time had no part in the matter.
const BYSTANDER: f64 = 0.005;

/// All plots of these rows, in the order of the report.
///
/// # Errors
/// Of the drawing library.
pub fn all(rows: &[Row]) -> Result<Vec<Plot>> {
    let mut plots = Vec::new();
    for experiment in experiments::ALL {
        let of: Vec<&Row> = rows.iter().filter(|row| row.ok && row.experiment == experiment.name).collect();
        for (model, quantum, seed) in distinct(of.iter().map(|row| (&row.cost_model, row.quantum, row.seed))) {
            let same = |row: &&Row| (&row.cost_model, row.quantum, row.seed) == (model, quantum, seed);
            let of: Vec<&Row> = of.iter().copied().filter(same).collect();
            let sheet = Sheet { experiment, model, quantum, seed };
            let (swept, plain): (Vec<&Row>, Vec<&Row>) = of.iter().partition(|row| is_swept(row));
            match **experiment == price::PRICE {
                true => {
                    plots.extend(sheet.prices(&plain)?);
                    let priced: Vec<&Row> = swept.into_iter().filter(|row| row.workload != price::LOOP).collect();
                    sheet.map_caches(&priced, &mut plots)?;
                }
                false => plots.extend(sheet.of_model(&plain, &swept)?),
            }
        }
    }
    Ok(plots)
}

/// Values in the order of their first coming.
fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    values.for_each(|value| {
        if !seen.contains(&value) {
            seen.push(value)
        }
    });
    seen
}

fn is_swept(row: &Row) -> bool {
    !row.options.knobs.is_empty() || row.options.guests.is_some() || row.options.map_cache.is_some()
}

/// One line for each mechanism through the rows of a workload.
fn series(rows: &[&Row], x: impl Fn(&Row) -> f64, y: impl Fn(&Row) -> Option<f64>) -> Vec<Series> {
    let mut names = distinct(rows.iter().map(|row| row.series()));
    names.sort_by_key(|name| order(name));
    let points = |name: &String| {
        let of = rows.iter().filter(|row| row.series() == *name);
        let mut points: Vec<(f64, f64)> = of.filter_map(|row| Some((x(row), y(row)?))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    names.iter().map(|name| Series::of(name, points(name))).filter(|series| !series.points.is_empty()).collect()
}

fn highest(series: &[Series]) -> f64 {
    series.iter().flat_map(|series| &series.points).map(|point| point.1).fold(0.0, f64::max)
}

/// What is measured in a workload: its unit, and its value in a row.
fn measure(metric: Metric) -> (&'static str, fn(&Row) -> Option<f64>) {
    match metric {
        Metric::Time => ("modelled time (ms)", |row| Some(row.cycles as f64 / 1e6)),
        Metric::Bytes => ("throughput (MB/s)", |row| Some(row.throughput.megabytes_per_second)),
        Metric::Operations => ("operations (thousands/s)", |row| Some(row.throughput.ops_per_second / 1e3)),
    }
}

/// What all plots of a group of rows have in common.
struct Sheet<'a> {
    experiment: &'static Experiment,
    model: &'a str,
    quantum: u64,
    seed: u64,
}

impl Sheet<'_> {
    fn figure(&self, what: &str, options: &Options, panels: Vec<Panel>) -> Figure {
        let mut about = vec![format!(
            "{HARTS} harts, host {} MiB, guest {GUEST_MIB} MiB and 1 vCPU, quantum {}; cost model {}, 1 GHz",
            HOST_MEMORY >> 20,
            self.quantum,
            self.model
        )];
        let options = options.to_string();
        about.extend((!options.is_empty()).then_some(options));
        Figure { title: format!("{}: {what}", self.experiment.name), about, panels, keys: Vec::new() }
    }

    fn plot(&self, kind: &str, options: &Options, figure: &Figure) -> Result<Plot> {
        let mut name = format!("{}-{kind}-{}", self.experiment.name, self.model);
        for (option, value) in options.pairs() {
            name += &format!("-{option}-{value}");
        }
        for (word, value, usual) in [("quantum", self.quantum, self.experiment.quantum), ("seed", self.seed, SEED)] {
            if value != usual {
                name += &format!("-{word}-{value}");
            }
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
        Ok(Plot {
            name: name.chars().map(plain).collect(),
            experiment: self.experiment.name.to_owned(),
            cost_model: self.model.to_owned(),
            title: [std::slice::from_ref(&figure.title), &figure.about[1..]].concat().join(", "),
            svg: figure.svg()?,
        })
    }

    /// Panels of all workloads that `draw` makes something of.
    fn panels(&self, rows: &[&Row], draw: impl Fn(&str, Metric, &[&Row]) -> Option<Panel>) -> Vec<Panel> {
        let panel = |workload: &crate::lab::experiment::Workload| {
            let of: Vec<&Row> = rows.iter().copied().filter(|row| row.workload == workload.name).collect();
            if of.is_empty() { None } else { draw(workload.name, workload.metric, &of) }
        };
        self.experiment.workloads.iter().filter_map(panel).collect()
    }

    fn of_model(&self, plain: &[&Row], swept: &[&Row]) -> Result<Vec<Plot>> {
        let mut plots = Vec::new();
        let shallow = plain.iter().map(|row| row.options.queue_depth).min().flatten();
        for options in distinct(plain.iter().map(|row| row.options.common())) {
            if options.queue_depth != shallow {
                continue;
            }
            let of: Vec<&Row> = plain.iter().copied().filter(|row| row.options.common() == options).collect();
            self.of_options(&of, &options, &mut plots)?;
        }
        self.depths(plain, &mut plots)?;
        self.trap_costs(swept, &mut plots)?;
        self.over(swept, "guests", "guests that share the backend's core", &mut plots, |o| {
            o.guests.take().map(u64::from)
        })?;
        self.map_caches(swept, &mut plots)?;
        Ok(plots)
    }

    fn map_caches(&self, swept: &[&Row], plots: &mut Vec<Plot>) -> Result<()> {
        let entries = |options: &mut Options| options.map_cache.take().map(u64::from);
        self.over(swept, "map-cache", "entries of the VEI map's cache", plots, entries)
    }

    /// The plots of one choice of options.
    fn of_options(&self, rows: &[&Row], options: &Options, plots: &mut Vec<Plot>) -> Result<()> {
        let mut add = |kind: &str, what: &str, panels: Vec<Panel>, keys: usize| -> Result<()> {
            if !panels.is_empty() {
                let mut figure = self.figure(what, options, panels);
                figure.keys = PLACES[..keys].iter().map(|(name, colour)| ((*name).to_owned(), *colour)).collect();
                plots.push(self.plot(kind, options, &figure)?);
            }
            Ok(())
        };
        let sizes = self.panels(rows, |name, metric, rows| Some(self.by_size(name, metric, rows)));
        let size_is = self.experiment.size_is;
        let time = self.experiment.workloads.iter().all(|workload| workload.metric == Metric::Time);
        add("size", &format!("{} by {size_is}", if time { "time" } else { "throughput" }), sizes, 0)?;
        let speedups = self.panels(rows, |name, metric, rows| self.speedup(name, metric, rows));
        add("speedup", &format!("times as fast as {}, by {size_is}", self.classic()), speedups, 0)?;
        let latency = self.panels(rows, |name, _, rows| self.latency(name, rows));
        add("latency", &format!("99th percentile of latency by {}", self.experiment.size_is), latency, 0)?;
        // The rest is about one size: the smallest, where mechanisms differ most.
        let cycles = self.panels(rows, |name, _, rows| Some(self.cycles(name, &smallest(rows))));
        let copying = rows.iter().any(|row| row.copy_cycles() > 0);
        add("cycles", "where the cycles of an operation go", cycles, MODES + usize::from(copying))?;
        let harts = self.panels(rows, |name, _, rows| Some(self.harts(name, &smallest(rows))));
        add("harts", "what each hart did", harts, MODES)?;
        let distribution = self.panels(rows, |name, _, rows| self.distribution(name, &smallest(rows)));
        add("distribution", "distribution of latencies", distribution, 0)
    }

    /// Bars for times, as on the slides; lines for throughput.
    fn by_size(&self, name: &str, metric: Metric, rows: &[&Row]) -> Panel {
        let (unit, value) = measure(metric);
        let mut sizes = distinct(rows.iter().map(|row| row.size));
        sizes.sort_unstable();
        let place = |row: &Row| sizes.iter().position(|size| *size == row.size).unwrap_or(0) as f64;
        let data = series(rows, place, value);
        let bars = metric == Metric::Time || sizes.len() < 2;
        let y = match metric {
            Metric::Time => Scale::decades(data.iter().flat_map(|series| &series.points).map(|point| point.1)),
            _ => Scale::from_zero(highest(&data)),
        };
        Panel {
            title: name.to_owned(),
            x_label: self.experiment.size_is.to_owned(),
            y_label: unit.to_owned(),
            x: Scale::Linear(-0.5, sizes.len() as f64 - 0.5),
            x_ticks: sizes.iter().enumerate().map(|(index, value)| (index as f64, size(*value))).collect(),
            y,
            body: if bars { Body::Groups(data) } else { Body::Lines(data) },
            level: None,
            notes: Vec::new(),
        }
    }

    fn classic(&self) -> &'static str {
        self.experiment.classic.map_or("-", |classic| classic.name)
    }

    /// Where small sizes can be told apart: each mechanism over the classic one.
    fn speedup(&self, name: &str, metric: Metric, rows: &[&Row]) -> Option<Panel> {
        let mut panel = self.by_size(name, metric, rows);
        let place = |row: &Row| panel.x_ticks.iter().position(|tick| tick.1 == size(row.size)).unwrap_or(0) as f64;
        let others: Vec<&Row> = rows.iter().copied().filter(|row| row.mechanism != self.classic()).collect();
        let data = series(&others, place, |row| row.speedup_vs_classic);
        let any = !data.is_empty();
        panel.y_label = format!("speed over {}", self.classic());
        panel.y = match metric {
            Metric::Time => Scale::decades(data.iter().flat_map(|series| &series.points).map(|point| point.1)),
            _ => Scale::from_zero(highest(&data).max(1.0)),
        };
        panel.level = Some((1.0, "even"));
        panel.body = if panel.x_ticks.len() < 2 { Body::Groups(data) } else { Body::Lines(data) };
        any.then_some(panel)
    }

    fn latency(&self, name: &str, rows: &[&Row]) -> Option<Panel> {
        let mut panel = self.by_size(name, Metric::Operations, rows);
        let data = series(
            rows,
            |row| panel.x_ticks.iter().position(|tick| tick.1 == size(row.size)).unwrap_or(0) as f64,
            |row| Some(row.latency.as_ref()?.p99 as f64 / 1e3),
        );
        panel.y_label = "99 % take at most (µs)".to_owned();
        panel.y = Scale::decades(data.iter().flat_map(|series| &series.points).map(|point| point.1));
        let any = !data.is_empty();
        panel.body = if panel.x_ticks.len() < 2 { Body::Groups(data) } else { Body::Lines(data) };
        any.then_some(panel)
    }

    /// A stack for each mechanism: cycles of one operation by place, of the harts that had a part in it.
    fn cycles(&self, name: &str, rows: &[&Row]) -> Panel {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| order(&row.series()));
        let stack = |(index, row): (usize, &&Row)| {
            let mut sums = [0.0; PLACES.len()];
            for hart in row.places_by_hart.iter().filter(|hart| hart.utilisation() > BYSTANDER) {
                for (sum, (_, value)) in sums.iter_mut().zip(hart.named()) {
                    *sum += value as f64 / row.work.ops.max(1) as f64;
                }
            }
            let total: f64 = sums.iter().sum();
            // Who copies is the device's side: a process if there is one, else the VMM or a kernel thread.
            let side =
                if row.mechanism.starts_with("vhost") && !row.mechanism.starts_with("vhost-user") { 1 } else { 3 };
            let copied = (row.copy_cycles() as f64 / row.work.ops.max(1) as f64).min(sums[side]);
            sums[side] -= copied;
            sums[MODES] = copied;
            let mut parts: Vec<(f64, Colour)> =
                sums.into_iter().zip(PLACES).map(|(value, (_, colour))| (value, colour)).collect();
            // What is idle goes on top.
            parts.swap(MODES - 1, MODES);
            Stack { at: index as f64, width: 0.6, parts, label: short(total) }
        };
        let stacks: Vec<Stack> = rows.iter().enumerate().map(stack).collect();
        let highest = stacks.iter().map(|stack| stack.parts.iter().map(|part| part.0).sum()).fold(0.0, f64::max);
        Panel {
            title: title_with_size(self.experiment, name, &rows),
            x_label: String::new(),
            y_label: "cycles of the harts that took part".to_owned(),
            x: Scale::Linear(-0.5, rows.len() as f64 - 0.5),
            x_ticks: rows.iter().enumerate().map(|(index, row)| (index as f64, label(&row.series()))).collect(),
            y: Scale::from_zero(highest),
            body: Body::Stacks(stacks),
            level: None,
            notes: Vec::new(),
        }
    }

    /// For each mechanism a bar for each hart: what it did with its time.
    fn harts(&self, name: &str, rows: &[&Row]) -> Panel {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| order(&row.series()));
        // A console's guest runs wherever the host puts it.
        let time = self.experiment.workloads.iter().all(|workload| workload.metric == Metric::Time);
        let pinned = if time { "harts 0 to 3" } else { "hart 0: guest, 1: backend, 2: peer, 3: nothing" };
        let mut stacks = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            for (hart, places) in row.places_by_hart.iter().enumerate() {
                let share =
                    |(_, value): (&str, u64)| 100.0 * value as f64 / (places.busy() + places.idle).max(1) as f64;
                let parts =
                    places.named().map(share).into_iter().zip(PLACES).map(|(value, (_, c))| (value, c)).collect();
                let at = index as f64 + (hart as f64 - 1.5) * 0.21;
                stacks.push(Stack { at, width: 0.19, parts, label: hart.to_string() });
            }
        }
        Panel {
            title: title_with_size(self.experiment, name, &rows),
            x_label: pinned.to_owned(),
            y_label: "share of its time (%)".to_owned(),
            x: Scale::Linear(-0.5, rows.len() as f64 - 0.5),
            x_ticks: rows.iter().enumerate().map(|(index, row)| (index as f64, label(&row.series()))).collect(),
            y: Scale::Linear(0.0, 110.0),
            body: Body::Stacks(stacks),
            level: None,
            notes: Vec::new(),
        }
    }

    fn distribution(&self, name: &str, rows: &[&Row]) -> Option<Panel> {
        let mut data = Vec::new();
        for row in rows {
            let points = row.latency.as_ref().map(|latency| latency.cumulative()).unwrap_or_default();
            let mut points: Vec<(f64, f64)> =
                points.iter().map(|(x, share)| (*x as f64 / 1e3, share * 100.0)).collect();
            if let Some((first, _)) = points.first().copied() {
                points.insert(0, (first, 0.0));
            }
            data.extend((!points.is_empty()).then(|| Series::of(&row.series(), points)));
        }
        data.sort_by_key(|series| order(&series.name));
        let x = Scale::decades(data.iter().flat_map(|series| &series.points).map(|point| point.0));
        (!data.is_empty()).then(|| Panel {
            title: title_with_size(self.experiment, name, rows),
            x_label: "latency (µs)".to_owned(),
            y_label: "operations done by then (%)".to_owned(),
            x_ticks: x.ticks().into_iter().map(|value| (value, short(value))).collect(),
            x,
            y: Scale::Linear(0.0, 104.0),
            body: Body::Stairs(data),
            level: None,
            notes: Vec::new(),
        })
    }

    /// Throughput by queue depth, at each size that was run at several.
    fn depths(&self, rows: &[&Row], plots: &mut Vec<Plot>) -> Result<()> {
        let without = |row: &Row| Options { queue_depth: None, ..row.options.common() };
        for options in distinct(rows.iter().map(|row| without(row))) {
            for block in distinct(rows.iter().map(|row| row.size)) {
                let of: Vec<&Row> =
                    rows.iter().copied().filter(|row| without(row) == options && row.size == block).collect();
                let mut depths = distinct(of.iter().filter_map(|row| row.options.queue_depth));
                depths.sort_unstable();
                if depths.len() < 2 {
                    continue;
                }
                let values: Vec<u64> = depths.iter().map(|depth| u64::from(*depth)).collect();
                let panels = self.panels(&of, |name, metric, rows| {
                    Some(by_steps(name, metric, rows, "requests in flight", &values, |row| {
                        row.options.queue_depth.map(u64::from)
                    }))
                });
                let what = format!("by queue depth, {} of {}", size(block), self.experiment.size_is);
                let mut plot = self.plot("depth", &options, &self.figure(&what, &options, panels))?;
                plot.name += &format!("-{block}");
                plots.push(plot);
            }
        }
        Ok(())
    }

    /// A sweep over an option that `take` takes out of a row's options.
    fn over(
        &self,
        rows: &[&Row],
        kind: &str,
        what: &str,
        plots: &mut Vec<Plot>,
        take: impl Fn(&mut Options) -> Option<u64>,
    ) -> Result<()> {
        let mut groups: Vec<(Options, Vec<(u64, &Row)>)> = Vec::new();
        for row in rows.iter().filter(|row| row.options.knobs.is_empty()) {
            let mut options = row.options.common();
            let Some(value) = take(&mut options) else { continue };
            match groups.iter_mut().find(|(key, _)| *key == options) {
                Some((_, group)) => group.push((value, row)),
                None => groups.push((options, vec![(value, row)])),
            }
        }
        for (options, group) in groups {
            let mut values = distinct(group.iter().map(|(value, _)| *value));
            values.sort_unstable();
            let of: BTreeMap<&str, u64> = group.iter().map(|(value, row)| (row.key.as_str(), *value)).collect();
            let rows: Vec<&Row> = group.iter().map(|(_, row)| *row).collect();
            let panels = self.panels(&rows, |name, metric, rows| {
                Some(by_steps(name, metric, rows, what, &values, |row| of.get(row.key.as_str()).copied()))
            });
            let title = format!("by number of {what}");
            plots.push(self.plot(kind, &options, &self.figure(&title, &options, panels))?);
        }
        Ok(())
    }

    /// The advantage of each mechanism over the classic one, by the cost of a trap; where it breaks even is ringed.
    fn trap_costs(&self, rows: &[&Row], plots: &mut Vec<Plot>) -> Result<()> {
        let owned: Vec<Row> = rows.iter().map(|row| (*row).clone()).collect();
        let curves = sweep::curves(&owned);
        let (mut panels, mut about) = (Vec::new(), Vec::new());
        for case in distinct(curves.iter().map(|curve| &curve.case)) {
            let curves: Vec<_> = curves.iter().filter(|curve| curve.case == *case).collect();
            let data: Vec<Series> = curves.iter().map(|c| Series::of(&c.series, c.points.clone())).collect();
            let right = data.iter().flat_map(|series| &series.points).map(|point| point.0).fold(1.0, f64::max);
            let mut notes = Vec::new();
            for (curve, series) in curves.iter().zip(&data) {
                about.push(format!("{}: {}", curve.series, curve.break_even));
                if let BreakEven::From(x) | BreakEven::Until(x) = curve.break_even {
                    notes.push(((x, 1.0), format!("{x:.0}"), series.colour));
                }
            }
            let x = Scale::Linear(0.0, right);
            panels.push(Panel {
                title: (*case).clone(),
                x_label: "a trap and its return (cycles)".to_owned(),
                y_label: format!("speed over {}", self.classic()),
                x_ticks: x.ticks().into_iter().map(|value| (value, short(value))).collect(),
                x,
                // Ratios: twice as fast lies as far above 1 as half as fast lies below.
                y: Scale::decades(data.iter().flat_map(|series| &series.points).map(|point| point.1).chain([0.9, 1.1])),
                notes,
                body: Body::Lines(data),
                level: Some((1.0, "even")),
            });
        }
        if !panels.is_empty() {
            let none = Options::default();
            let mut figure = self.figure("who wins at which cost of a trap", &none, panels);
            figure.about.extend(about);
            plots.push(self.plot("trap-cost", &none, &figure)?);
        }
        Ok(())
    }

    /// A bar for each operation.
    fn prices(&self, rows: &[&Row]) -> Result<Vec<Plot>> {
        let rows: Vec<&Row> =
            rows.iter().copied().filter(|row| row.workload != price::LOOP && row.price.is_some()).collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let stack = |(index, row): (usize, &&Row)| {
            let colour = crate::lab::mechanism::Mechanism::find(&row.mechanism).map_or(INK, |m| m.colour);
            let price = row.price.unwrap_or(0.0);
            Stack { at: index as f64, width: 0.6, parts: vec![(price, colour)], label: format!("{price:.0}") }
        };
        let stacks: Vec<Stack> = rows.iter().enumerate().map(stack).collect();
        let panel = Panel {
            title: "one operation, less the loop around it".to_owned(),
            x_label: String::new(),
            y_label: "cycles".to_owned(),
            x: Scale::Linear(-0.5, rows.len() as f64 - 0.5),
            x_ticks: rows.iter().enumerate().map(|(index, row)| (index as f64, label(&row.workload))).collect(),
            y: Scale::from_zero(rows.iter().filter_map(|row| row.price).fold(0.0, f64::max)),
            body: Body::Stacks(stacks),
            level: None,
            notes: Vec::new(),
        };
        let none = Options::default();
        let mut figure = self.figure("prices of single operations", &none, vec![panel]);
        let mechanisms = distinct(rows.iter().map(|row| row.mechanism.as_str()));
        let key = |name: &&str| Some(((*name).to_owned(), crate::lab::mechanism::Mechanism::find(name)?.colour));
        figure.keys = mechanisms.iter().filter_map(key).collect();
        Ok(vec![self.plot("operations", &none, &figure)?])
    }
}

/// The rows of the smallest size.
fn smallest<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let least = rows.iter().map(|row| row.size).min();
    rows.iter().copied().filter(|row| Some(row.size) == least).collect()
}

fn title_with_size(experiment: &Experiment, name: &str, rows: &[&Row]) -> String {
    let least = rows.iter().map(|row| row.size).min().unwrap_or(0);
    format!("{name}, {} {}", size(least), experiment.size_is)
}

/// A name in lines that fit below a bar.
fn label(name: &str) -> String {
    let name = name.replace(' ', "\n");
    match name.split_once('-') {
        Some((first, rest)) => format!("{first}-\n{rest}"),
        None => name,
    }
}

/// Throughput over a few values, evenly spaced.
fn by_steps(
    name: &str,
    metric: Metric,
    rows: &[&Row],
    what: &str,
    values: &[u64],
    value: impl Fn(&Row) -> Option<u64>,
) -> Panel {
    let (unit, measure) = measure(metric);
    let place = |row: &Row| values.iter().position(|v| value(row) == Some(*v)).unwrap_or(0) as f64;
    let data = series(rows, place, measure);
    Panel {
        title: name.to_owned(),
        x_label: what.to_owned(),
        y_label: unit.to_owned(),
        x: Scale::Linear(-0.5, values.len() as f64 - 0.5),
        x_ticks: values.iter().enumerate().map(|(index, value)| (index as f64, value.to_string())).collect(),
        y: Scale::from_zero(highest(&data)),
        body: Body::Lines(data),
        level: None,
        notes: Vec::new(),
    }
}
