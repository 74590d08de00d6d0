//! The extension's rows of the cost models (cost-model 5.3).

use ha_iov_ext::model::{Config, Prices, complete, cost_model};
use rv_machine::CostModel;

/// Each price has a row in both files, and each row is a price.
#[test]
fn models_are_complete() {
    for name in ["default", "linux", "flat"] {
        let model = cost_model(name).unwrap();
        for row in Prices::ROWS {
            assert!(model.extension(row).is_some(), "{name} has no {row}");
        }
    }
    assert_eq!(Prices::of(&cost_model("flat").unwrap()), Prices::default());
    assert_eq!(Prices::of(&cost_model("linux").unwrap()), Prices::of(&cost_model("default").unwrap()));
    assert!(cost_model("vax").is_err());
}

#[test]
fn default_prices() {
    let model = cost_model("default").unwrap();
    let expected = Prices {
        vei_send: 3,
        vei_map_hit: 2,
        vei_map_miss: 24,
        vei_post: 12,
        vei_claim: 12,
        vei_fence: 5,
        uct_fetch: 12,
        hcs_swap: 7,
        hcs_return: 7,
        hcs_bank: 31,
    };
    assert_eq!(Config::default().priced(&model).prices, expected);
    // A lookup in memory is a directory and a map entry; a swap is a pipeline flush and two cycles.
    let costs = model.costs();
    assert_eq!((expected.vei_map_miss, expected.hcs_swap), (2 * costs.pte_read, costs.csr_flush + 2));
    assert_eq!(expected.vei_send + costs.csr_rw, 4);
}

/// A model of one's own keeps its rows, and a sweep can set any of them.
#[test]
fn rows_can_be_changed() {
    let text = "name = \"mine\"\nabout = \"x\"\nbase = \"default\"\n[extension.vei_map_miss]\nvalue = 99\n\
                confidence = \"low\"\nsource = \"a guess\"\n";
    let mut model = complete(CostModel::parse("mine.toml", text).unwrap()).unwrap();
    assert_eq!((model.extension("vei_map_miss"), model.extension("vei_map_hit")), (Some(99), Some(2)));
    model.set("hcs_bank", 16).unwrap();
    assert_eq!(Prices::of(&model).hcs_bank, 16);
    assert!(model.set("hcs_tax", 1).is_err());
}
