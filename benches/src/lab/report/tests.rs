//! The page needs nothing but itself, and has what a reader needs.

use std::sync::Arc;

use rv_machine::CostModel;

use super::*;
use crate::lab::row::{SCHEMA, Work};

fn row(mechanism: &str, cycles: u64) -> Row {
    let mut row = Row {
        schema: SCHEMA,
        key: format!("uer/print/1000/{mechanism}"),
        experiment: "uer".to_owned(),
        workload: "print".to_owned(),
        mechanism: mechanism.to_owned(),
        size: 1000,
        cost_model: "default".to_owned(),
        quantum: 1000,
        seed: 1,
        ok: true,
        cycles,
        ..Row::default()
    };
    row.done(Work { ops: 1000, messages: None, bytes: 12_000 }, None);
    row
}

fn rows() -> Vec<Row> {
    let mut rows = vec![row("emulate", 6_000_000), row("uer", 2_000_000)];
    rows.push(Row { ok: false, error: Some("<b>5 & 6".to_owned()), key: "uer/x".to_owned(), ..row("bare", 0) });
    crate::lab::runner::finish(&mut rows);
    rows
}

fn made() -> String {
    let models = ["flat", "default", "linux"].map(|name| Arc::new(CostModel::built_in(name).unwrap()));
    page(&RunInfo::new("rv-emu lab uer --out x", &models), &rows()).unwrap()
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = made();
    for loads in [" src=", "@import", "url(", "<link", "<iframe", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!page.contains(loads), "{loads}");
    }
    // Addresses are names of the SVG language, and places on the page.
    let namespace = "\"http://www.w3.org/2000/svg\"";
    for (at, _) in page.match_indices("http") {
        assert!(page[at - 1..].starts_with(namespace), "{}", &page[at..at + 60]);
    }
    assert!(page.match_indices("href=\"").all(|(at, text)| page[at + text.len()..].starts_with('#')));
}

#[test]
fn the_page_has_what_a_reader_needs() {
    let page = made();
    for word in [
        "<svg",
        "class=\"sortable\"",
        "rv-emu lab uer --out x",
        env!("CARGO_PKG_VERSION"),
        "trap_entry",
        "DuVisor artefact",
        "user_exit",
        "4 harts",
        "2048 MiB",
        "FAILED",
        "&lt;b&gt;5 &amp; 6",
        "uer over emulate",
        "<td>3.000</td>",
    ] {
        assert!(page.contains(word), "{word}");
    }
    assert!(!page.contains("<b>5 &"), "what software prints is text, not markup");
    assert_eq!(page, made());
}

#[test]
fn elements_are_closed() {
    let page = made();
    for name in ["table", "thead", "tbody", "tr", "details", "figure", "div", "ul", "pre", "html", "body", "svg"] {
        let open = page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
        assert_eq!(open, page.matches(&format!("</{name}>")).count(), "{name}");
    }
}
