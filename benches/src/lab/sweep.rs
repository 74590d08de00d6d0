//! Sweeps: one case of an experiment, run again and again with one knob turned.

use std::sync::Arc;

use rv_machine::CostModel;
use serde::Serialize;

use super::case::{Case, Options};
use super::experiment::{Experiment, Selection};
use super::experiments::price;
use super::row::Row;
use super::stats::{BreakEven, break_even};

/// A trap there and back, in cycles, as the sweep varies it.
pub const TRAP_COSTS: &[u64] = &[0, 12, 50, 100, 200, 400, 700, 1000, 1500, 2000, 3000, 4000];
/// Guests that share a backend core; each has a core of its own, of the machine's four.
pub const GUESTS: &[u32] = &[1, 2, 3];
/// Entries of the cache of the VEI map; 0 is none.
pub const MAP_CACHES: &[u32] = &[0, 1, 2, 4, 8, 16];
/// The knob's name in rows of the trap-cost sweep.
pub const TRAP_COST: &str = "model:trap-cost";

/// What is varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// The cost of a trap and its return.
    TrapCost,
    /// The number of guests that share the backend's core.
    Guests,
    /// The size of the harts' caches of the VEI map.
    MapCache,
    /// Every figure of low confidence, halved and doubled.
    Costs,
}

impl Sweep {
    /// All cases of the sweep over `experiment`, the unchanged ones first where there are any.
    ///
    /// # Errors
    /// What was asked for and doesn't exist.
    pub fn cases(self, experiment: &'static Experiment, selection: &Selection) -> Result<Vec<Case>, String> {
        let base = |model: &Arc<CostModel>| experiment.cases_of(&experiment.probe, selection, model);
        let mut cases = Vec::new();
        for model in &selection.models {
            match self {
                Sweep::TrapCost => {
                    for cost in TRAP_COSTS {
                        let varied = Arc::new(trap_cost(model, *cost)?);
                        cases.extend(turned(base(&varied), |options| knob(options, TRAP_COST, *cost)));
                    }
                }
                Sweep::Guests => {
                    for guests in GUESTS {
                        cases.extend(turned(hosted(base(model)), |options| options.guests = Some(*guests)));
                    }
                }
                Sweep::MapCache => {
                    for entries in MAP_CACHES {
                        cases.extend(turned(hosted(base(model)), |options| options.map_cache = Some(*entries)));
                    }
                }
                Sweep::Costs => {
                    cases.extend(base(model));
                    for (row, value, varied) in variations(model)? {
                        let name = format!("model:{row}");
                        cases.extend(turned(base(&Arc::new(varied)), |options| knob(options, &name, value.into())));
                    }
                }
            }
        }
        cases.retain(price::runnable);
        Ok(cases)
    }

    /// Experiments that the sweep says something about.
    pub fn experiments(self) -> &'static [&'static str] {
        match self {
            Sweep::TrapCost | Sweep::Costs => &["uer", "vei", "hcs"],
            Sweep::Guests => &["hcs"],
            Sweep::MapCache => &["price", "vei"],
        }
    }
}

/// The cases with a change of their options.
fn turned(mut cases: Vec<Case>, turn: impl Fn(&mut Options)) -> Vec<Case> {
    cases.iter_mut().for_each(|case| turn(&mut case.options));
    cases
}

/// Those that have a host below their guest.
fn hosted(mut cases: Vec<Case>) -> Vec<Case> {
    cases.retain(|case| !case.mechanism.is_bare());
    cases
}

fn knob(options: &mut Options, name: &str, value: u64) {
    options.knobs.insert(name.to_owned(), value);
}

/// The model with a trap and its return costing `cycles` together.
fn trap_cost(model: &CostModel, cycles: u64) -> Result<CostModel, String> {
    let mut varied = model.clone();
    let cycles = u32::try_from(cycles).map_err(|error| error.to_string())?;
    for (row, value) in [("trap_entry", cycles.div_ceil(2)), ("xret", cycles / 2)] {
        varied.set(row, value).map_err(|error| error.to_string())?;
    }
    Ok(varied)
}

/// Every row of low confidence, halved and doubled: its name, its new value, and the model with it.
fn variations(model: &CostModel) -> Result<Vec<(String, u32, CostModel)>, String> {
    let mut all = Vec::new();
    for (name, row) in model.doubtful() {
        let both = [row.value / 2, row.value.saturating_mul(2)];
        // Nothing has no half and no double; one cycle has no half.
        for value in both.into_iter().filter(|value| *value != 0 && *value != row.value) {
            let mut varied = model.clone();
            varied.set(name, value).map_err(|error| error.to_string())?;
            all.push((name.to_owned(), value, varied));
        }
    }
    Ok(all)
}

/// What a sweep over the trap cost says of one mechanism.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// The experiment.
    pub experiment: String,
    /// The mechanism, with its profile.
    pub series: String,
    /// The mechanism alone.
    pub mechanism: String,
    /// The cost model.
    pub cost_model: String,
    /// Workload and size.
    pub case: String,
    /// Trap cost, and work in a second over that of the classic mechanism.
    pub points: Vec<(f64, f64)>,
    /// From where on the mechanism wins.
    pub break_even: BreakEven,
}

/// The curves in rows of sweeps over the trap cost, one for each mechanism that isn't classic.
pub fn curves(rows: &[Row]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for row in rows.iter().filter(|row| row.ok && row.options.knobs.contains_key(TRAP_COST)) {
        let is_classic = super::experiments::classic(&row.experiment) == Some(&row.mechanism);
        let (Some(speedup), false) = (row.speedup_vs_classic, is_classic) else { continue };
        let mut options = row.options.common();
        let x = options.knobs.remove(TRAP_COST).unwrap_or(0) as f64;
        let case = format!("{} {} {options}", row.workload, row.size).trim_end().to_owned();
        let same = |curve: &&mut Curve| {
            (&curve.experiment, &curve.series, &curve.cost_model, &curve.case)
                == (&row.experiment, &row.series(), &row.cost_model, &case)
        };
        match curves.iter_mut().find(same) {
            Some(curve) => curve.points.push((x, speedup)),
            None => curves.push(Curve {
                experiment: row.experiment.clone(),
                series: row.series(),
                mechanism: row.mechanism.clone(),
                cost_model: row.cost_model.clone(),
                case,
                points: vec![(x, speedup)],
                break_even: BreakEven::Never,
            }),
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        curve.break_even = break_even(&curve.points);
    }
    curves
}

/// What one doubtful figure does to the ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The experiment.
    pub experiment: String,
    /// The cost model.
    pub cost_model: String,
    /// The row of the cost model; `-` for the model as it is.
    pub row: String,
    /// Its value.
    pub value: u64,
    /// The mechanisms, the fastest first.
    pub ranking: Vec<String>,
    /// The ranking is that of the unchanged model.
    pub same: bool,
    /// Work in a second of the mechanism that the experiment is about, over that of the classic one.
    pub speedup: Option<f64>,
}

/// The rows of sweeps over the costs, and those of the same cases under the unchanged models.
fn costs_rows(rows: &[Row]) -> impl Iterator<Item = &Row> {
    let knob = |row: &Row| row.options.knobs.keys().next().cloned();
    let varied = move |row: &Row| knob(row).is_some_and(|knob| knob.starts_with("model:") && knob != TRAP_COST);
    let case = |row: &Row| {
        let options = Options { knobs: Default::default(), ..row.options.clone() };
        (row.experiment.clone(), row.workload.clone(), row.size, options, row.cost_model.clone(), row.quantum, row.seed)
    };
    let cases: std::collections::BTreeSet<_> = rows.iter().filter(|row| varied(row)).map(case).collect();
    rows.iter().filter(move |row| row.ok && (varied(row) || row.options.knobs.is_empty() && cases.contains(&case(row))))
}

/// Rankings under each variation of the costs, the unchanged model's first.
pub fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let mut groups: Vec<(String, String, String, u64, Vec<&Row>)> = Vec::new();
    let (unchanged, varied): (Vec<&Row>, Vec<&Row>) = costs_rows(rows).partition(|row| row.options.knobs.is_empty());
    for row in unchanged.into_iter().chain(varied) {
        let (knob, value) = match row.options.knobs.iter().next() {
            Some((knob, value)) => (knob.trim_start_matches("model:").to_owned(), *value),
            None => ("-".to_owned(), 0),
        };
        let same = |group: &&mut (String, String, String, u64, Vec<&Row>)| {
            (&group.0, &group.1, &group.2, group.3) == (&row.experiment, &row.cost_model, &knob, value)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.4.push(row),
            None => groups.push((row.experiment.clone(), row.cost_model.clone(), knob, value, vec![row])),
        }
    }
    let mut verdicts: Vec<Verdict> = Vec::new();
    for (experiment, cost_model, row, value, mut rows) in groups {
        rows.sort_by(|a, b| b.throughput.ops_per_second.total_cmp(&a.throughput.ops_per_second));
        let ranking: Vec<String> = rows.iter().map(|row| row.series()).collect();
        let base = |v: &&Verdict| (v.row.as_str(), &v.experiment, &v.cost_model) == ("-", &experiment, &cost_model);
        let same = verdicts.iter().find(base).is_none_or(|base| base.ranking == ranking);
        let subject = super::experiments::find(&experiment).and_then(|experiment| experiment.subject);
        let of_subject = rows.iter().find(|row| subject.is_some_and(|subject| subject.name == row.mechanism));
        let speedup = of_subject.and_then(|row| row.speedup_vs_classic);
        verdicts.push(Verdict { experiment, cost_model, row, value, ranking, same, speedup });
    }
    verdicts
}

/// Verdicts and break-even points in words, a line each.
pub fn summary(sweep: Sweep, rows: &[Row]) -> String {
    match sweep {
        Sweep::TrapCost => {
            let line = |curve: &Curve| {
                let last = curve.points.last().copied().unwrap_or((0.0, 0.0));
                format!(
                    "{} {} under {}, {}: {}; {:.2} times the classic one's speed where a trap and its return take {:.0}\n",
                    curve.experiment, curve.series, curve.cost_model, curve.case, curve.break_even, last.1, last.0
                )
            };
            curves(rows).iter().map(line).collect()
        }
        Sweep::Costs => {
            let verdicts = verdicts(rows);
            let changed: Vec<&Verdict> = verdicts.iter().filter(|verdict| !verdict.same).collect();
            let varied = verdicts.iter().filter(|verdict| verdict.row != "-").count();
            let mut text =
                format!("{varied} variations of doubtful figures; the ranking changes under {}\n", changed.len());
            for verdict in changed {
                let ranking = verdict.ranking.join(" > ");
                text += &format!("  {} with {} = {}: {ranking}\n", verdict.experiment, verdict.row, verdict.value);
            }
            text
        }
        Sweep::Guests | Sweep::MapCache => String::new(),
    }
}
