//! Machine files against their definition: what is taken, what is refused and where, and that the schema says the same.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::Value as Json;

use super::{Complaints, Setting, keys, parse, schema};

fn words(text: &str, folder: &str) -> Vec<String> {
    let settings = parse("m.toml", text, folder).unwrap_or_else(|error| panic!("{error}"));
    settings.into_iter().flat_map(|setting: Setting| setting.words).collect()
}

fn refused(text: &str) -> String {
    parse("m.toml", text, "").err().unwrap_or_else(|| panic!("{text} is taken")).to_string()
}

#[test]
fn a_file_becomes_options() {
    let text = "memory = '1G'\nharts = 4\nhaiov = true\ncost-model = 'linux'\nkernel = 'Image'\nappend = \"a 'b' -c\"\n\
                drive = ['ram=1M', { file = 'a,b.img', readonly = true, instant = false, id = 'root' }]\n";
    let mut found = words(text, "dir");
    found.sort();
    let expected = [
        "--append=a 'b' -c",
        "--cost-model=linux",
        "--drive=file=dir/a,,b.img,id=root,readonly",
        "--drive=ram=1M",
        "--haiov=true",
        "--harts=4",
        "--kernel=dir/Image",
        "--memory=1G",
    ];
    assert_eq!(found, expected);
}

#[test]
fn paths_are_relative_to_the_file() {
    for (text, word) in [
        ("kernel = 'Image'", "--kernel=dir/Image"),
        ("kernel = '/boot/Image'", "--kernel=/boot/Image"),
        ("cost-model = 'mine.toml'", "--cost-model=dir/mine.toml"),
        ("cost-model = 'flat'", "--cost-model=flat"),
        ("serial = 'null'", "--serial=null"),
        ("serial = 'log'", "--serial=dir/log"),
        ("drive = ['file=x,,y,readonly']", "--drive=file=dir/x,,y,readonly"),
        ("drive = ['ram=4']", "--drive=ram=4"),
        ("drive = [{ ram = 4 }]", "--drive=ram=4"),
        ("memory = 0x40", "--memory=64"),
        ("haiov = false", "--haiov=false"),
    ] {
        assert_eq!(words(text, "dir"), [word], "{text}");
    }
}

#[test]
fn what_is_wrong_is_shown_where_it_is() {
    assert_eq!(
        refused("memory = \"1G\"\nharts = \"four\"\n"),
        "m.toml:2:9: `harts` must be a whole number, not a string\n  |\n2 | harts = \"four\"\n  |         ^^^^^^"
    );
    for (text, part) in [
        ("kernal = 'x'", "m.toml:1:1: there is no key `kernal`; there are aia, aia-guests, append, bios, "),
        ("max-insns = 5", "there is no key `max-insns`"),
        ("image = 'x'", "there is no key `image`"),
        ("[machine]\nharts = 1", "m.toml:1:2: there is no key `machine`"),
        ("harts = 1\nharts = 2", "m.toml:2:1: duplicate key"),
        ("harts = ", "m.toml:1:9: "),
        ("harts = -1", "m.toml:1:9: `harts`: invalid digit"),
        ("harts = 99999999999999999999999", "`harts`: number too large"),
        ("quantum = 5", "`quantum`: 5 is not in 100.."),
        ("memory = '1X'", "m.toml:1:10: `memory`: unknown suffix X"),
        ("memory = 1.5", "must be a number of MiB, or text such as \"2G\", not a float"),
        ("isa = 'rv32i'", "`isa`: "),
        ("haiov = 'yes'", "`haiov` must be true or false, not a string"),
        ("kernel = 5", "`kernel` must be text, not an integer"),
        ("kernel = ['a']", "`kernel` must be text, not an array"),
        ("append = \"a\\u0000b\"", "a NUL character"),
        ("drive = 'ram=1M'", "`drive` must be an array, not a string"),
        ("drive = [5]", "`drive` must be text or a table, not an integer"),
        ("drive = ['ram=1M', 'fast']", "m.toml:1:20: `drive`: `fast` is none of file=PATH"),
        ("drive = [{ ram = '1M', speed = 2 }]", "m.toml:1:24: there is no word `speed`; there are file, ram, "),
        ("drive = [{ ram = true }]", "`ram` must be a number of MiB, or text"),
        ("drive = [{ file = 'x', readonly = 'no' }]", "`readonly` must be true or false"),
        ("[[drive]]\nreadonly = true", "m.toml:1:1: `drive`: there must be file=PATH or ram=SIZE"),
    ] {
        let message = refused(text);
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    let both = refused("a = 1\nb = 2\n");
    assert!(both.contains("m.toml:1:1") && both.contains("m.toml:2:1"), "{both}");
}

#[test]
fn every_option_that_has_words_says_which() {
    for argument in keys::run_command().get_arguments().filter(|argument| argument.get_value_names().is_some()) {
        let names: Vec<String> =
            argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
        let long = argument.get_long().unwrap_or_default();
        let has_words = names == ["WORDS"];
        assert_eq!(has_words, crate::args::words::of(long).is_some(), "--{long}: see args/words.rs");
    }
}

const EXAMPLES: [&str; 3] = ["linux.toml", "u-boot.toml", "haiov.toml"];

fn example(name: &str) -> String {
    std::fs::read_to_string(format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_examples_are_valid_and_the_schema_agrees() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    assert_eq!(folder.count(), EXAMPLES.len());
    for name in EXAMPLES {
        let text = example(name);
        assert!(!words(&text, "").is_empty());
        assert_eq!(conforms(&schema(), &json(&text)), Ok(()), "{name}");
    }
}

#[test]
fn the_schema_has_all_keys_and_says_what_they_are() {
    let schema = schema();
    let properties = schema["properties"].as_object().unwrap();
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    assert_eq!(names, keys::keys().iter().map(|key| key.name.as_str()).collect::<Vec<_>>());
    for name in ["append", "bios", "cost-model", "drive", "dtb", "haiov", "harts", "initrd", "isa", "kernel", "memory"]
    {
        assert!(properties[name]["description"].as_str().is_some_and(|text| text.len() > 10), "{name}");
    }
    assert_eq!(schema["additionalProperties"], Json::Bool(false));
}

fn json(text: &str) -> Json {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

/// As much of JSON Schema as is used here.
fn conforms(schema: &Json, value: &Json) -> Result<(), String> {
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices
            .iter()
            .map(|choice| conforms(choice, value))
            .find(Result::is_ok)
            .unwrap_or(Err("none of them".into()));
    }
    let is = |kind: &str| match kind {
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    };
    let fits = match &schema["type"] {
        Json::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        kind => is(kind.as_str().unwrap()),
    };
    let large = value.as_i64().is_none_or(|number| schema["minimum"].as_i64().is_none_or(|minimum| number >= minimum));
    if !fits || !large {
        return Err(format!("{value} is not {}", schema["type"]));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let known = schema["properties"].get(key).ok_or_else(|| format!("unknown {key}"))?;
        conforms(known, value)?;
    }
    value.as_array().into_iter().flatten().try_for_each(|value| conforms(&schema["items"], value))
}

/// A value of any type, such as a file could have, good ones often.
fn value() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(toml::Value::Boolean),
        select(vec![0i64, 1, 100, 4096, -1]).prop_map(toml::Value::Integer),
        Just(toml::Value::Float(1.5)),
        select(vec!["default", "1G", "x", "", "ram=1M", "file=x,readonly", "null", "flat"])
            .prop_map(|text| toml::Value::String(text.to_owned())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = select(vec!["file", "ram", "readonly", "instant", "id", "x"]).prop_map(str::to_owned);
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(toml::Value::Array),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|table| toml::Value::Table(table.into_iter().collect())),
        ]
    })
}

fn wrong_types(complaints: &Complaints) -> bool {
    let text = complaints.to_string();
    ["` must be", "there is no key", "there is no word", "invalid digit"].iter().any(|part| text.contains(part))
}

// As many cases as `PROPTEST_CASES` says.
proptest! {
    /// What the schema takes is refused for a value only, never for its type; what the reader takes, the schema takes.
    #[test]
    fn schema_and_reader_agree(which in any::<proptest::sample::Index>(), value in value()) {
        let keys = keys::keys();
        let name = keys[which.index(keys.len())].name.clone();
        let table: toml::Table = [(name, value)].into_iter().collect();
        let text = toml::to_string(&table).unwrap();
        let conforms = conforms(&schema(), &serde_json::to_value(&table).unwrap());
        match parse("m", &text, "") {
            Ok(_) => prop_assert_eq!(conforms, Ok(()), "{}", text),
            Err(complaints) => prop_assert_eq!(wrong_types(&complaints), conforms.is_err(), "{}\n{}", text, complaints),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9=\\[\\]{}'\", .\n\t#\\\\é-]{0,60}", keys in any::<bool>()) {
        let text = if keys { format!("harts = {text}") } else { text };
        if let Err(complaints) = parse("m", &text, "") {
            let shown = complaints.to_string();
            prop_assert!(shown.starts_with("m:") && shown.contains('^'), "{}", shown);
        }
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        which in 0usize..3,
        at in any::<proptest::sample::Index>(),
        with in "\\PC{0,3}",
        len in 0usize..8,
    ) {
        let mut text: Vec<char> = example(EXAMPLES[which]).chars().collect();
        let at = at.index(text.len());
        text.splice(at..(at + len).min(text.len()), with.chars());
        let text: String = text.into_iter().collect();
        if let Err(complaints) = parse("m", &text, "") {
            prop_assert!(complaints.to_string().contains('^'));
        }
    }
}
