//! HA-IOV: the chapters of `ha-iov-ext/MANUAL.md`, for machines that have the extension; and what is true of those that don't.
//!
//! A case's section is the manual's, then the rules that the case tests: `rules` has their names.
//! Programs have one hart, so what a guest sends comes back to the hart that runs it. Where it takes two harts, or a step at a time, the test
//! is under `ha-iov-ext/tests`.

mod absent;
mod access;
mod delivery;
mod guest;
mod hcs;
mod redirection;
pub mod rules;
mod sending;
mod uret;

use super::Chapter;

/// The chapters for a machine with HA-IOV.
pub fn present() -> Vec<Chapter> {
    let chapters = [
        ("haiov-access", access::cases()),
        ("haiov-uer", redirection::cases()),
        ("haiov-uret", uret::cases()),
        ("haiov-send", sending::cases()),
        ("haiov-deliver", delivery::cases()),
        ("haiov-hcs", hcs::cases()),
    ];
    chapters.into_iter().map(|(name, cases)| Chapter { name, cases }).collect()
}

/// The numbers of the CSRs.
pub fn registers() -> impl Iterator<Item = u16> {
    access::ROWS.iter().map(|row| row.number)
}

/// The name of one.
pub fn register_name(number: u16) -> Option<&'static str> {
    access::ROWS.iter().find(|row| row.number == number).map(|row| row.name)
}

/// The chapter for a machine without.
pub fn absent() -> Chapter {
    Chapter { name: "haiov-absent", cases: absent::cases() }
}
