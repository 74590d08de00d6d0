//! The post and notify protocol of HA-IOV: every state of the model, every rule switched off once, and the built hardware in every
//! interleaving of short programs.
//!
//! Unoptimised, only searches of a second are made; the largest are the command's (`rv-emu conformance protocol`).

use conformance::protocol::{
    MUTATIONS, Model, Mutation, Outcome, Protocol, SCENARIOS, Scenario, Size, State, Verdict, story,
};

/// More states than any scenario of these tests has.
const LIMIT: usize = 4_000_000;
/// What this build has time for.
const SIZE: Size = if cfg!(debug_assertions) { Size::Small } else { Size::Medium };

fn tell(name: &str, outcome: &Outcome) {
    let found = &outcome.found;
    let verdict = found.verdict.name();
    println!("{name:28} {:8} states {:9} steps  {verdict} ({:.2?})", found.states, found.steps, outcome.time);
    let expected = outcome.expected.name();
    assert!(outcome.as_expected(), "{name}: {verdict}, expected: {expected}\n{}", story(outcome));
}

#[test]
fn the_protocol_loses_no_wake_up() {
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.size <= SIZE) {
        tell(scenario.name, &Outcome::of_scenario(scenario, LIMIT, &mut |_, _| {}));
    }
}

#[test]
fn each_rule_is_needed_or_known_not_to_be() {
    let size = |row: &conformance::protocol::Row| Scenario::named(row.scenario).expect("a scenario").size;
    // A counterexample is found early, whatever the size.
    for row in MUTATIONS.iter().filter(|row| row.expected != Verdict::Holds || size(row) <= SIZE) {
        tell(row.name, &Outcome::of_mutation(row, LIMIT, &mut |_, _| {}));
    }
}

#[test]
fn a_store_and_its_fence_may_be_one_step() {
    let scenario = Scenario::named("one-context").expect("a scenario");
    let stepwise = Protocol { scenario, mutation: None, stepwise: true };
    tell("one-context, stepwise", &Outcome::of(stepwise, Verdict::Holds, LIMIT, &mut |_, _| {}));
    let stepwise = Protocol { mutation: Some(Mutation::OnThenSn), ..stepwise };
    tell("on-then-sn, stepwise", &Outcome::of(stepwise, Verdict::Lost, LIMIT, &mut |_, _| {}));
}

#[test]
fn packed_states_are_the_same_states() {
    let protocol = Protocol { scenario: Scenario::named("move").expect("a scenario"), mutation: None, stepwise: true };
    let mut todo = protocol.initial();
    let mut steps = Vec::new();
    for _ in 0..1000 {
        let state = todo.remove(0);
        assert_eq!(State::unpack(&state.pack()), state);
        protocol.steps(&state, &mut steps);
        todo.extend(steps.drain(..).map(|step| step.to));
    }
}

#[test]
fn names_are_unique_and_found() {
    for (index, row) in MUTATIONS.iter().enumerate() {
        assert_eq!(Mutation::named(row.name), Some(row.mutation));
        assert_eq!(row.mutation.row().name, row.name);
        assert!(Scenario::named(row.scenario).is_some(), "{}: no scenario {}", row.name, row.scenario);
        assert!(MUTATIONS[..index].iter().all(|other| other.name != row.name));
    }
}
