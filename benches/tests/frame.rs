//! The lab's frame with a stand-in for the emulator: cases, order, comparison, tables, files, plots, sweeps, report.

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use benches::lab::experiments::{self, hcs, price, uer, vei};
use benches::lab::sweep::{self, Sweep};
use benches::lab::{Case, Experiment, Row, csv, plot, runner, table};
use common::{Fake, under};

fn rows(cases: &[Case]) -> Vec<Row> {
    runner::run(&Fake, cases, Vec::new(), 3, &|_: &Row| Ok(())).unwrap()
}

fn quick(experiment: &'static Experiment) -> Vec<Row> {
    let mut selection = under("default");
    selection.quick = true;
    rows(&experiment.cases(&selection).unwrap())
}

fn full(experiment: &'static Experiment) -> Vec<Row> {
    rows(&experiment.cases(&under("default")).unwrap())
}

#[test]
fn cases_are_unique_and_rows_come_in_their_order() {
    for experiment in experiments::ALL {
        let cases = experiment.cases(&under("default")).unwrap();
        let keys: Vec<String> = cases.iter().map(Case::key).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "{}", experiment.name);
        let made: Vec<String> = rows(&cases).into_iter().map(|row| row.key).collect();
        assert_eq!(made, keys);
        let quick =
            Experiment::cases(experiment, &benches::lab::Selection { quick: true, ..under("default") }).unwrap();
        assert!(!quick.is_empty() && quick.len() <= cases.len());
    }
}

#[test]
fn a_selection_narrows_and_what_is_unknown_is_named() {
    let mut selection = under("flat");
    selection.mechanisms = vec!["vhost-user-hcs".to_owned()];
    selection.sizes = vec![512];
    selection.event_idx = vec![false];
    selection.queue_depth = vec![7];
    selection.workloads = vec!["write".to_owned()];
    let cases = hcs::HCS.cases(&selection).unwrap();
    // Own and shared core, both profiles.
    assert_eq!(cases.len(), 4);
    for case in &cases {
        assert_eq!((case.size, case.workload.name, case.mechanism.name), (512, "write", "vhost-user-hcs"));
        assert_eq!((case.options.queue_depth, case.options.event_idx), (Some(7), Some(false)));
    }
    selection.mechanisms = vec!["warp".to_owned()];
    let error = hcs::HCS.cases(&selection).unwrap_err();
    assert!(error.contains("no mechanism `warp`") && error.contains("vhost-user-hcs"), "{error}");
    // Console lines have no queue depth: the option changes nothing there.
    let mut selection = under("flat");
    selection.queue_depth = vec![7];
    assert!(uer::UER.cases(&selection).unwrap().iter().all(|case| case.options.queue_depth.is_none()));
}

#[test]
fn the_host_is_told_what_the_case_says() {
    let selection = benches::lab::Selection { quick: true, ..under("default") };
    let shared = |case: &&Case| case.options.sharing == Some(benches::lab::Sharing::Shared);
    let cases = hcs::HCS.cases(&selection).unwrap();
    let case = cases.iter().filter(shared).find(|case| case.mechanism.name == "vhost-user-hcs").unwrap();
    match (case.experiment.compose)(case) {
        Ok(composition) => {
            for word in ["mech=vhost-user-hcs", "device=block", "bank=1", "work=1", "g.rw=", "g.verify=1"] {
                assert!(composition.append.contains(word), "{word} in {}", composition.append);
            }
            let names: Vec<&str> = composition.archive.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["vmm", "guest", "backend", "work"]);
        }
        // As long as the images are not built.
        Err(error) => assert!(error.contains("no image"), "{error}"),
    }
    let case = &uer::UER.cases(&selection).unwrap()[1];
    let composition = (case.experiment.compose)(case).unwrap();
    assert_eq!(composition.append, "mech=emulate lines=1000 guest-memory=1024 console=capture");
}

#[test]
fn the_same_cases_twice_give_the_same_bytes() {
    let bytes = |jobs| {
        let cases = vei::VEI.cases(&under("default")).unwrap();
        let mut rows = runner::run(&Fake, &cases, Vec::new(), jobs, &|_: &Row| Ok(())).unwrap();
        rows.iter_mut().for_each(|row| row.wall_seconds = 0.0);
        let plots: Vec<String> = plot::all(&rows).unwrap().into_iter().map(|plot| plot.svg).collect();
        (serde_json::to_string(&rows).unwrap(), csv::csv(&rows), table(&rows, true), plots)
    };
    assert!(bytes(1) == bytes(4));
}

#[test]
fn rows_survive_json() {
    let rows = quick(&hcs::HCS);
    let text = serde_json::to_string(&rows).unwrap();
    let back: Vec<Row> = serde_json::from_str(&text).unwrap();
    assert!(rows == back, "what is read is what was written, to the last digit");
}

/// Scripts go by these names, and `docs/LAB.md` describes each.
#[test]
fn the_json_schema_is_stable_and_documented() {
    let mut value = serde_json::to_value(&quick(&hcs::HCS)[0]).unwrap();
    value["price"] = 1.into();
    let names: Vec<&String> = value.as_object().unwrap().keys().collect();
    let expected = "cost_model counters cycles cycles_by_mode cycles_per_op error exits experiment extension guest_interrupts \
        instret_by_hart instret_by_mode key latency mechanism ok options places places_by_hart price quantum ratio_vs_classic \
        redirections results schema seed size speedup_vs_classic throughput utilisation_by_hart wall_seconds work workload";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    let doc = include_str!("../../docs/LAB.md");
    for name in names {
        assert!(doc.contains(&format!("| `{name}` ")), "docs/LAB.md says nothing of `{name}`");
    }
}

#[test]
fn a_failed_row_says_why_and_spoils_no_other() {
    struct Moody;
    impl benches::lab::Runner for Moody {
        fn run(&self, case: &Case) -> Result<benches::lab::row::Measured, String> {
            match case.mechanism.name {
                "vhost-user-poll" => Err("it fell asleep".to_owned()),
                _ => Fake.run(case),
            }
        }
    }
    let cases = hcs::HCS.cases(&benches::lab::Selection { quick: true, ..under("default") }).unwrap();
    let rows = runner::run(&Moody, &cases, Vec::new(), 2, &|_: &Row| Ok(())).unwrap();
    for row in &rows {
        assert_eq!(row.ok, row.mechanism != "vhost-user-poll");
        assert_eq!(row.error.as_deref(), (!row.ok).then_some("it fell asleep"));
        assert_eq!(row.speedup_vs_classic, None, "the classic one failed: there is nothing to compare with");
    }
    let text = table(&rows, false);
    assert!(text.contains("FAILED"));
    assert!(!plot::all(&rows).unwrap().is_empty());
}

#[test]
fn resuming_runs_only_what_is_missing() {
    let cases = vei::VEI.cases(&benches::lab::Selection { quick: true, ..under("default") }).unwrap();
    let whole = rows(&cases);
    let runs = AtomicUsize::new(0);
    let count = |_: &Row| {
        runs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    // Some from before, one of them of no case at all.
    let mut earlier: Vec<Row> = whole.iter().step_by(2).cloned().collect();
    earlier.push(Row { key: "something else".to_owned(), ..Row::default() });
    let there = earlier.len() - 1;
    let mut resumed = runner::run(&Fake, &cases, earlier, 2, &count).unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), cases.len() - there);
    let mut whole = whole;
    whole.iter_mut().chain(&mut resumed).for_each(|row| row.wall_seconds = 0.0);
    assert!(resumed == whole);
    // What can't be kept ends the run.
    let full = |_: &Row| Err("disk full".to_owned());
    assert_eq!(runner::run(&Fake, &cases, Vec::new(), 2, &full), Err("disk full".to_owned()));
}

#[test]
fn tables_fit() {
    for experiment in [&uer::UER, &vei::VEI, &hcs::HCS, &price::PRICE] {
        let text = table(&full(experiment), false);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 120, "{}: {widest} columns\n{text}", experiment.name);
        assert!(table(&full(experiment), true).len() > text.len());
    }
}

#[test]
fn plots_have_what_they_must() {
    let all: Vec<Row> = [full(&uer::UER), full(&vei::VEI), full(&hcs::HCS)].concat();
    let plots = plot::all(&all).unwrap();
    let names: BTreeSet<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
    assert_eq!(names.len(), plots.len(), "no plot overwrites another");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plots");
    std::fs::create_dir_all(&folder).unwrap();
    for plot in &plots {
        // Whoever wants to see them finds them there.
        std::fs::write(folder.join(format!("{}.svg", plot.name)), &plot.svg).unwrap();
        for word in ["4 harts", "2048 MiB", "cost model default", "1 GHz", &plot.experiment] {
            assert!(plot.svg.contains(word), "{}: {word}", plot.name);
        }
        assert!(!plot.svg.contains("NaN") && !plot.svg.contains("inf"), "{}", plot.name);
    }
    let find = |name: &str| plots.iter().find(|plot| plot.name.starts_with(name)).unwrap_or_else(|| panic!("{name}"));
    assert!(find("uer-size-default").svg.contains("modelled time (ms)"));
    assert!(find("vei-size-default").svg.contains("throughput (MB/s)"));
    assert!(find("vei-size-default").svg.contains("bytes of a message"));
    let harts = &find("hcs-harts-default").svg;
    assert!(harts.contains("share of its time (%)") && harts.contains("idle") && harts.contains("hart 0: guest"));
    assert!(find("hcs-distribution-default").svg.contains("latency (µs)"));
    assert!(find("hcs-depth-default").svg.contains("requests in flight"));
    assert!(find("hcs-cycles-default").svg.contains("kernel (HS)"));
    // Every mechanism is in the legend, in its own colour.
    for mechanism in vei::VEI.mechanisms {
        let (red, green, blue) = mechanism.colour;
        let svg = &find("vei-size-default").svg;
        assert!(
            svg.contains(mechanism.name) && svg.contains(&format!("#{red:02X}{green:02X}{blue:02X}")),
            "{}",
            mechanism.name
        );
    }
}

fn swept(sweep: Sweep, experiment: &'static Experiment) -> Vec<Row> {
    rows(&sweep.cases(experiment, &under("default")).unwrap())
}

#[test]
fn the_trap_cost_sweep_finds_where_a_mechanism_breaks_even() {
    let rows = swept(Sweep::TrapCost, &vei::VEI);
    let curves = sweep::curves(&rows);
    assert!(curves.iter().all(|curve| curve.points.len() == sweep::TRAP_COSTS.len() && curve.series != "vhost"));
    let find = |name: &str| curves.iter().find(|curve| curve.series == name).unwrap();
    assert_eq!(find("vhost-vei").break_even, benches::lab::stats::BreakEven::Always);
    assert_eq!(find("virtio").break_even, benches::lab::stats::BreakEven::Never);
    let plots = plot::all(&rows).unwrap();
    let plot = plots.iter().find(|plot| plot.name == "vei-trap-cost-default").unwrap();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plots");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("vei-trap-cost-default.svg"), &plot.svg).unwrap();
    assert!(plot.svg.contains("wins everywhere") && plot.svg.contains("speed over vhost"));
    assert!(sweep::summary(Sweep::TrapCost, &rows).contains("vhost-vei under default"));
}

#[test]
fn sweeps_over_guests_and_caches_are_plotted() {
    for (sweep, experiment, name) in
        [(Sweep::Guests, &hcs::HCS, "hcs-guests"), (Sweep::MapCache, &vei::VEI, "vei-map-cache")]
    {
        let rows = swept(sweep, experiment);
        assert!(rows.iter().all(|row| row.ok), "{:?}", rows.iter().find(|row| !row.ok));
        let plots = plot::all(&rows).unwrap();
        let found = plots.iter().find(|plot| plot.name.starts_with(name)).unwrap();
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.svg")), &found.svg).unwrap();
    }
}

#[test]
fn doubtful_costs_are_halved_and_doubled() {
    let rows = swept(Sweep::Costs, &hcs::HCS);
    let verdicts = sweep::verdicts(&rows);
    assert_eq!(verdicts[0].row, "-");
    assert!(verdicts.len() > 10, "{}", verdicts.len());
    // The stand-in asks nothing of the model but the cost of traps, which is not doubtful.
    assert!(verdicts.iter().all(|verdict| verdict.same));
    assert!(verdicts.iter().any(|verdict| verdict.row == "fence_vma_local" && verdict.value == 40));
    assert!(sweep::summary(Sweep::Costs, &rows).contains("the ranking changes under 0"));
    // Rows of other sizes, and of other sweeps, are no part of it.
    let more = [rows.clone(), full(&hcs::HCS), swept(Sweep::TrapCost, &hcs::HCS)].concat();
    assert_eq!(sweep::verdicts(&more).len(), verdicts.len());
}
