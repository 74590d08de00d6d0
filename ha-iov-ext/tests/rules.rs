//! Every rule of the manual has a test that cites it: a case of the conformance suite by its section, a test of this folder by a line of its
//! documentation that begins with "Rules:". A rule without one fails here; so does a citation of a rule that there is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use conformance::suite::rules::{RULES, cited};
use conformance::suite::{suite, suite_of_haiov};
use rv_isa::IsaSet;

/// How many cases of the suite, and which tests of this folder, cite each rule.
#[derive(Default)]
struct Tests {
    cases: usize,
    functions: Vec<String>,
}

fn from_suite(table: &mut BTreeMap<String, Tests>) {
    let isa = IsaSet::all();
    let absent = suite(isa).into_iter().filter(|group| group.chapter.starts_with("haiov"));
    for group in suite_of_haiov(isa).into_iter().chain(absent) {
        for case in &group.cases {
            assert!(cited(case.section).next().is_some(), "{}: {} cites nothing", group.name(), case.name);
            for rule in cited(case.section) {
                table.entry(rule.to_owned()).or_default().cases += 1;
            }
        }
    }
}

/// The lines `/// Rules: …` of all test files, each with the function that follows its `#[test]`.
fn from_folder(table: &mut BTreeMap<String, Tests>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let Some(rules) = line.strip_prefix("/// Rules: ") else { continue };
            let test = lines[index..].iter().position(|line| *line == "#[test]").map(|at| lines[index + at + 1]);
            let name = test.and_then(|line| line.strip_prefix("fn ")?.split('(').next());
            let name = name.unwrap_or_else(|| panic!("{}:{}: no test follows", file.display(), index + 1));
            for rule in rules.trim_end_matches('.').split("; ") {
                table.entry(rule.to_owned()).or_default().functions.push(name.to_owned());
            }
        }
    }
}

#[test]
fn every_rule_has_a_test() {
    let mut table = BTreeMap::new();
    from_suite(&mut table);
    from_folder(&mut table);
    let known = |name: &String| RULES.iter().any(|rule| rule.name == name);
    let unknown: Vec<_> = table.keys().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "citations of rules that there are not: {unknown:?}");
    let none = Tests::default();
    let mut missing = Vec::new();
    for rule in RULES {
        let tests = table.get(rule.name).unwrap_or(&none);
        println!("{:<14}{:>6}  {:<50}{}", rule.name, tests.cases, rule.about, tests.functions.join(", "));
        if tests.cases == 0 && tests.functions.is_empty() {
            missing.push(format!("{} ({})", rule.name, rule.about));
        }
    }
    assert!(missing.is_empty(), "rules without a test: {}", missing.join(", "));
}

/// Each of the 34 attacks, and each point of the list of 8.13, is among the rules.
#[test]
fn the_lists_are_whole() {
    let has = |name: &str| RULES.iter().any(|rule| rule.name == name);
    for row in 1..=34 {
        assert!(has(&format!("threat {row}")));
    }
    for item in (1..=15).map(|item| item.to_string()).chain(["10b".to_owned()]) {
        assert!(has(&format!("item {item}")));
    }
    for row in 1..=10 {
        assert!(has(&format!("row {row}")));
    }
}

/// The manual's text below `heading`, up to the next heading.
fn section(heading: &str) -> &'static str {
    let manual = include_str!("../MANUAL.md");
    let from = manual.find(&format!("\n{heading}")).unwrap_or_else(|| panic!("no {heading}")) + 1;
    let text = &manual[from..];
    &text[..text.find("\n#").unwrap_or(text.len())]
}

/// The manual has every rule by its name.
#[test]
fn the_manual_has_every_rule() {
    let manual = include_str!("../MANUAL.md");
    let row = |heading, number| section(heading).contains(&format!("\n| {number} | "));
    for rule in RULES {
        let found = match rule.name.split_once(' ') {
            None => manual.contains(&format!("{} ", rule.name)) || manual.contains(&format!("{}.", rule.name)),
            Some(("row", number)) => row("### 5.8 ", number),
            Some(("threat", number)) => row("## 11. ", number),
            Some(("item", number)) => row("## Annex B. ", number),
            Some(("duty", number)) => section("## 10. ").contains(&format!("\n{number}. ")),
            Some((section, _)) => manual.contains(section),
        };
        assert!(found, "the manual doesn't say {}", rule.name);
    }
}
