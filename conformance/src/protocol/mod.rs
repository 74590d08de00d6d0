//! The exhaustive check that no wake-up is lost: HA-IOV's post and notify protocol as a model, all of whose states are searched.
//!
//! `docs/PROTOCOL.md` says what the model covers. `state` is the state, `memory` the store buffers, `send`, `fill`, `deliver`, `handler`,
//! `kernel` and `change` are the rules of ha-iov 8.5 to 8.7 and 8.10 as single memory operations, `scenario` bounds the search, `mutation`
//! switches rules off, and `search` looks at every state.

mod change;
mod deliver;
mod fill;
mod handler;
mod kernel;
mod memory;
mod mutation;
mod report;
mod rules;
mod scenario;
mod search;
mod send;
mod state;

pub use mutation::{MUTATIONS, Mutation, Row};
pub use report::{Outcome, describe, story};
pub use rules::Protocol;
pub use scenario::{ChangeKind, Plan, SCENARIOS, Scenario, Size};
pub use search::{Found, Label, Model, Step, Verdict, search};
pub use state::State;
