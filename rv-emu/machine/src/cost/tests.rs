//! Tests of the cost-model files and of their reader.

use rv_devices::virtio::ServiceTime;
use rv_hart::cost::Costs;

use super::{Confidence, CostModel};

fn built_in(name: &str) -> CostModel {
    CostModel::built_in(name).unwrap()
}

fn error_of(text: &str) -> String {
    CostModel::parse("my.toml", text).unwrap_err().to_string()
}

/// A model with `default` as its base and `rest` besides.
fn on_default(rest: &str) -> String {
    format!("name = \"mine\"\nabout = \"a test\"\nbase = \"default\"\n{rest}")
}

#[test]
fn flat_is_one_cycle_an_instruction() {
    assert_eq!(built_in("flat").costs(), Costs::FLAT);
}

#[test]
fn default_has_the_calibrated_values() {
    let expected = Costs {
        insn: 1,
        load_hit: 1,
        store_hit: 1,
        amo: 2,
        mul: 4,
        div: 33,
        fp: 4,
        fdiv: 20,
        csr_rw: 1,
        branch_miss: 3,
        jump_indirect: 3,
        csr_flush: 5,
        pte_read: 12,
        pte_cached: 1,
        trap_entry: 6,
        xret: 6,
        fence_vma_local: 20,
        fence_gvma_local: 20,
        mmio_device_read: 40,
        mmio_device_write: 20,
        ipi_wire: 50,
        wfi_wake: 10,
    };
    assert_eq!(built_in("default").costs(), expected);
}

#[test]
fn what_an_interpreter_cannot_know_is_listed_and_not_charged() {
    let model = built_in("default");
    let uncharged: Vec<_> = model.uncharged().map(|(name, row)| (name, row.value)).collect();
    assert_eq!(uncharged, [("l1_miss_l2_hit", 12), ("l2_miss_dram", 120), ("tlb_hit", 0)]);
    let stated = |(_, row): (&str, &super::CostRow)| row.value == 0 || row.note.contains("hit");
    assert!(model.uncharged().all(stated));
}

#[test]
fn a_disk_takes_its_time_except_in_flat() {
    assert_eq!(built_in("flat").disk_time(), ServiceTime::NONE);
    let mut model = built_in("default");
    assert_eq!(model.disk_time(), ServiceTime { request: 10_000, sector: 200 });
    assert_eq!(built_in("linux").disk_time(), model.disk_time());
    model.set("virtio_disk_request", 5).unwrap();
    assert_eq!(model.disk_time(), ServiceTime { request: 5, sector: 200 });
    assert!(model.device_rows().all(|(_, row)| row.source.len() > 10));
}

#[test]
fn linux_is_default_plus_padding() {
    let (linux, default) = (built_in("linux"), built_in("default"));
    assert_eq!(linux.costs(), default.costs());
    assert_eq!(default.padding_rows().count(), 0);
    let padded: Vec<u16> = (0..2048).filter(|marker| linux.padding(*marker) > 0).collect();
    assert_eq!(padded, [16, 17, 18, 19, 20]);
    assert!((0..2048).all(|marker| default.padding(marker) == 0));
}

/// The bands are those of the published measurements.
#[test]
fn padding_stays_in_the_published_bands() {
    let linux = built_in("linux");
    let in_band = |marker, low, high| (low..=high).contains(&linux.padding(marker));
    assert!(in_band(16, 4470, 5550));
    assert!(in_band(17, 0, 645 - 199), "the whole hypercall is between 199 and 645 cycles");
    assert!(in_band(18, 4084, 10437));
    assert!(in_band(19, 4692, 4692));
    assert!(in_band(20, 1000, 10_000));
}

/// An IPI takes about 100 cycles from send to the first instruction of the handler, never 0: the
/// wire and the entry are the hardware's part of it.
#[test]
fn an_ipi_is_never_free_in_the_default_model() {
    let costs = built_in("default").costs();
    let hardware = costs.mmio_device_write + costs.ipi_wire + costs.trap_entry;
    assert!((50..=100).contains(&hardware), "{hardware}");
}

/// The hardware part of an exit and the return is small: the rest of a published 50 to 65 cycles
/// is software, which is executed here and not charged as a lump.
#[test]
fn trap_entry_and_return_are_a_few_cycles() {
    let costs = built_in("default").costs();
    assert!(costs.trap_entry + costs.xret <= 20);
}

#[test]
fn every_row_has_provenance() {
    for name in ["flat", "default", "linux"] {
        let model = built_in(name);
        assert_eq!(model.name(), name);
        assert!(!model.about().is_empty());
        assert!(model.rows().all(|(_, row)| row.source.len() > 10));
        assert!(model.rows().all(|(_, row)| row.confidence != Confidence::None));
        assert!(model.padding_rows().all(|(_, row)| row.source.len() > 10));
    }
    let doubtful: Vec<_> = built_in("default").doubtful().map(|(name, _)| name.to_owned()).collect();
    assert!(doubtful.contains(&"mmio_device_read".to_owned()));
    assert!(!doubtful.contains(&"insn".to_owned()));
}

#[test]
fn a_file_may_change_single_rows_of_a_base() {
    let row = "[cycles.trap_entry]\nvalue = 4000\nconfidence = \"low\"\nsource = \"a sweep\"\n";
    let model = CostModel::parse("my.toml", &on_default(row)).unwrap();
    assert_eq!(model.costs(), Costs { trap_entry: 4000, ..built_in("default").costs() });
    let mut swept = built_in("default");
    swept.set("trap_entry", 4000).unwrap();
    assert_eq!(swept.costs(), model.costs());
}

#[test]
fn refused_changes_leave_the_model_as_it_was() {
    let mut model = built_in("default");
    assert!(model.set("insn", 0).unwrap_err().to_string().contains("at least one cycle"));
    assert!(model.set("trap_entry", u32::MAX).unwrap_err().to_string().contains("limit"));
    assert!(model.set("warp", 1).unwrap_err().to_string().contains("no such row"));
    assert_eq!(model, built_in("default"));
}

#[test]
fn extension_rows_are_kept_under_their_own_names() {
    let mut model = built_in("default");
    let rows = "name = \"x\"\nabout = \"x\"\n[extension.thing]\nvalue = 7\n\
                confidence = \"mid\"\nsource = \"measured\"\n";
    model.add_extension_rows("x.toml", rows).unwrap();
    assert_eq!((model.extension("thing"), model.extension("other")), (Some(7), None));
    let stray = rows.replace("extension.thing", "cycles.insn");
    let error = model.add_extension_rows("x.toml", &stray).unwrap_err().to_string();
    assert!(error.contains("only rows under [extension]"), "{error}");
}

#[test]
fn errors_name_file_row_and_cause() {
    let row = |table: &str, fields: &str| {
        on_default(&format!("[{table}]\nconfidence = \"low\"\nsource = \"mine\"\n{fields}\n"))
    };
    let cases = [
        (error_of("name = "), "line 1"),
        (error_of(&on_default("colour = 1")), "unknown field `colour`"),
        (error_of(&on_default("").replace("default", "linus")), "base `linus` is not one of"),
        (error_of("name = \"n\"\nabout = \"a\""), "cycles.insn: missing"),
        (error_of(&row("cycles.warp", "value = 1")), "cycles.warp: there is no such row"),
        (error_of(&row("device.floppy", "value = 1")), "device.floppy: there is no such row"),
        (error_of(&row("cycles.insn", "value = 0")), "at least one cycle"),
        (error_of(&row("cycles.insn", "value = -1")), "invalid value"),
        (error_of(&row("cycles.insn", "value = 1\nband = 1")), "unknown field `band`"),
        (error_of(&row("cycles.insn", "")), "missing field `value`"),
        (error_of(&row("cycles.insn", "value = 4000000000")), "more than the limit"),
        (error_of(&row("cycles.insn", "value = 1").replace("mine", " ")), "the source is empty"),
        (error_of(&row("cycles.insn", "value = 1").replace("low", "sure")), "unknown variant"),
        (error_of(&row("padding.p", "value = 1\nband = [0, 2]\nmarker = 1")), "from 16 to 2047"),
        (error_of(&row("padding.p", "value = 3\nband = [0, 2]\nmarker = 16")), "outside of its band"),
    ];
    for (message, cause) in cases {
        assert!(message.starts_with("my.toml: "), "{message}");
        assert!(message.contains(cause), "`{cause}` is not in: {message}");
    }
    assert!(CostModel::built_in("vax").unwrap_err().to_string().contains("`vax`"));
}

#[test]
fn two_padding_rows_cannot_share_a_marker() {
    let row = |name| {
        format!(
            "[padding.{name}]\nmarker = 30\nvalue = 1\nband = [0, 2]\nconfidence = \"low\"\n\
             source = \"mine\"\n"
        )
    };
    let message = error_of(&on_default(&format!("{}{}", row("a"), row("b"))));
    assert!(message.contains("marker 30 belongs to `a` already"), "{message}");
}
