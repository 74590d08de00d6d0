//! A stand-in for the emulator: counters and results by a few plain formulas, so that the lab's frame can be tried without guests.

use benches::lab::row::Measured;
use benches::lab::stats::Latency;
use benches::lab::{Case, Runner, Selection, Sharing};
use rv_hart::Counters;
use rv_machine::CostModel;
use rv_machine::report::Snapshot;

/// The stand-in.
pub struct Fake;

/// Cycles of an operation at the guest, on the way, and at the backend.
fn parts(case: &Case) -> (u64, u64, u64) {
    let trap = u64::from(case.model.costs().trap_entry + case.model.costs().xret);
    let way = match case.mechanism.name {
        "virtio" => 6 * trap + 900,
        "vhost" => 2 * trap + 500,
        "vhost-vei" => 60,
        "vhost-user" => 4 * trap + 700,
        "vhost-user-poll" => 10,
        _ => 80 + if case.options.bank == Some(1) { 62 } else { 0 },
    };
    let crowd = u64::from(case.options.guests.unwrap_or(1));
    (150 + case.size / 16, way * crowd, 200 + case.size / 8)
}

fn histogram(typical: u64) -> Vec<(u64, u64)> {
    vec![(typical, 40), (typical * 5 / 4, 30), (typical * 3 / 2, 20), (typical * 2, 8), (typical * 9, 2)]
}

impl Runner for Fake {
    fn run(&self, case: &Case) -> Result<Measured, String> {
        let (guest, way, backend) = parts(case);
        const OPS: u64 = 100;
        let cycles = OPS * (guest + way + backend) * if case.options.sharing == Some(Sharing::Shared) { 2 } else { 1 };
        let polls = case.mechanism.name == "vhost-user-poll";
        let hart = |modes: [u64; 5]| {
            let mut counters = Counters::default();
            (counters.instret, counters.cycles) = (modes, modes);
            counters.idle = cycles - modes.iter().sum::<u64>();
            counters
        };
        let kernel = if case.mechanism.backend.is_some() { 0 } else { OPS * backend };
        let user = if polls { cycles } else { OPS * backend - kernel };
        let harts = vec![
            hart([0, OPS * way / 2, 0, OPS * guest, 0]),
            hart([0, kernel, user, 0, 0]),
            hart([0, 0, OPS * 20, 0, 0]),
            hart([0; 5]),
        ];
        let none = Snapshot { cycles: 0, harts: vec![Counters::default(); 4], padding_points: Default::default() };
        let end = Snapshot { cycles, harts: harts.clone(), padding_points: Default::default() };
        let mut latency = Latency::from_histogram(&histogram(guest + way + backend)).unwrap();
        latency.max += 1;
        let guests = case.options.guests.unwrap_or(1);
        let guest = format!(
            "#result {{\"who\":\"guest\",\"ops\":{OPS},\"bytes\":{},\"errors\":0,\"latency\":{}}}\n",
            OPS * case.size,
            serde_json::to_string(&latency).unwrap()
        );
        let peer = format!("#result {{\"who\":\"peer\",\"messages\":{OPS},\"bytes\":{}}}\n", OPS * case.size);
        let lines = b"hello,world\n".repeat(if case.workload.name == "print" { case.size as usize } else { 0 });
        let output = [lines, guest.repeat(guests as usize).into_bytes(), peer.into_bytes()].concat();
        Ok(Measured { output, report: end.since(&none), harts })
    }
}

/// Everything under one built-in model.
pub fn under(model: &str) -> Selection {
    let model = std::sync::Arc::new(CostModel::built_in(model).unwrap());
    Selection { models: vec![model], seed: 1, ..Selection::default() }
}
