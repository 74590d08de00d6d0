//! The device tree of any machine, read by the guests' own reader and by dtc: it says what the machine was built with. And damaged ones, as a
//! guest could find them: they are read to an end.

use std::io::Write;
use std::process::{Command, Stdio};

use fdt::Fdt;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any};
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq, proptest};
use rv_isa::{IsaSet, extension_rows};
use rv_machine::map::RAM_BASE;
use rv_machine::{Aia, Machine, MachineConfig};

fn extensions() -> impl Strategy<Value = IsaSet> {
    any::<u128>().prop_map(|bits| {
        let chosen = extension_rows().iter().filter(|row| row.name == "i" || bits >> row.isa as u8 & 1 == 1);
        chosen.fold(IsaSet::EMPTY, |set, row| set.with(row.isa)).closed()
    })
}

fn tree(harts: usize, pages: u64, isa: IsaSet, append: Option<&str>) -> Vec<u8> {
    let config = MachineConfig { harts, memory: pages << 12, isa, ..MachineConfig::default() };
    Machine::new(config).unwrap().device_tree(append)
}

/// Interrupt controllers have the properties by which Linux's bindings know them, and devices name the one of the supervisor level.
#[test]
fn it_describes_the_interrupt_controllers() {
    let words = |value: &[u8]| -> Vec<u32> {
        value.chunks(4).map(|word| u32::from_be_bytes(word.try_into().expect("whole words"))).collect()
    };
    for (aia, messages) in [(Aia::Aplic, false), (Aia::AplicImsic { guests: 3 }, true)] {
        let config = MachineConfig { harts: 2, aia, ..MachineConfig::default() };
        let blob = Machine::new(config).unwrap().device_tree(None);
        let tree = Fdt::new(&blob).expect("a tree");
        assert!(tree.compatible("riscv,plic0").next().is_none());
        let property =
            |path: &str, name: &str| tree.find(path).and_then(|node| node.property(name)).map_or(Vec::new(), words);
        let (root, child) = ("/soc/aplic@c000000", "/soc/aplic@d000000");
        let phandle = property(child, "phandle")[0];
        assert_eq!(property(root, "riscv,children"), [phandle]);
        assert_eq!(property(root, "riscv,delegation"), [phandle, 1, 96]);
        assert_eq!(property("/soc/serial@10000000", "interrupt-parent"), [phandle]);
        assert_eq!(property("/soc/serial@10000000", "interrupts"), [10, 4]);
        let files = property("/soc/imsics@28000000", "phandle");
        assert_eq!(property(child, "msi-parent"), files);
        assert_eq!(files.is_empty(), !messages);
        if messages {
            assert_eq!(property("/soc/imsics@28000000", "reg"), [0, 0x2800_0000, 0, 0x8000]);
            assert_eq!(property("/soc/imsics@28000000", "riscv,guest-index-bits"), [2]);
            assert_eq!(property("/soc/imsics@24000000", "interrupts-extended"), [1, 11, 2, 11]);
        } else {
            assert_eq!(property(child, "interrupts-extended"), [1, 9, 2, 9]);
        }
        let isa = tree.find("/cpus/cpu@0").and_then(|cpu| cpu.text("riscv,isa")).unwrap_or("");
        assert_eq!(isa.contains("_smaia") && isa.contains("_ssaia"), messages);
    }
}

/// dtc's complaints; `None` without dtc.
fn complaints(tree: &[u8]) -> Option<String> {
    let mut dtc = Command::new("dtc");
    dtc.args(["-I", "dtb", "-O", "dts"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = dtc.spawn().ok()?;
    child.stdin.take()?.write_all(tree).ok()?;
    Some(String::from_utf8_lossy(&child.wait_with_output().ok()?.stderr).into_owned())
}

/// Uses everything that a reader has: how much it saw.
fn read_all(tree: &Fdt<'_>) -> usize {
    let nodes = tree.nodes().map(|node| {
        let strings: usize = ["compatible", "riscv,isa-extensions"].iter().map(|name| node.strings(name).count()).sum();
        1 + strings + node.regions().count() + node.properties().count()
    });
    let found = [tree.find("/soc/serial"), tree.find("/cpus/cpu@0"), tree.find("/")].iter().flatten().count();
    let chosen =
        tree.bootargs().len() + usize::from(tree.bootarg("lines").is_some()) + usize::from(tree.initrd().is_some());
    nodes.sum::<usize>() + found + chosen + tree.memory().count() + tree.harts().count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn it_says_what_the_machine_was_built_with(
        harts in 1usize..=64,
        pages in 16u64..1 << 12,
        isa in extensions(),
        append in "[^\0]{0,40}",
    ) {
        let blob = tree(harts, pages, isa, Some(&append));
        let tree = Fdt::new(&blob).expect("a tree");
        prop_assert_eq!(tree.harts().collect::<Vec<_>>(), (0..harts as u64).collect::<Vec<_>>());
        prop_assert_eq!(tree.memory().collect::<Vec<_>>(), [(RAM_BASE, pages << 12)]);
        prop_assert_eq!(tree.bootargs(), append);
        let cpu = tree.find("/cpus/cpu@0").expect("a hart");
        prop_assert_eq!(cpu.text("riscv,isa").map(IsaSet::parse), Some(Ok(isa)));
        let named = cpu.strings("riscv,isa-extensions").map(str::to_owned);
        prop_assert_eq!(named.collect::<Vec<_>>(), isa.rows().map(|row| row.name.to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn damaged_trees_are_read_to_an_end(damage in vec((any::<u16>(), any::<u8>()), 1..16), cut in any::<u16>()) {
        let mut blob = tree(2, 16, IsaSet::standard(), Some("lines=5"));
        let whole = blob.len();
        for (offset, value) in damage {
            blob[usize::from(offset) % whole] = value;
        }
        for end in [whole, usize::from(cut) % whole] {
            if let Ok(tree) = Fdt::new(&blob[..end]) {
                prop_assert!(read_all(&tree) <= whole * whole);
            }
        }
    }
}

proptest! {
    // A process for each.
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn dtc_takes_it_without_complaint(
        harts in 1usize..=64,
        isa in extensions(),
        append in "[ -~]{0,40}",
        aia in select(&[Aia::None, Aia::Aplic, Aia::AplicImsic { guests: 0 }, Aia::AplicImsic { guests: 5 }][..]),
    ) {
        let config = MachineConfig { harts, memory: 1 << 22, isa, aia, ..MachineConfig::default() };
        match complaints(&Machine::new(config).unwrap().device_tree(Some(&append))) {
            Some(complaints) => prop_assert_eq!(complaints, ""),
            None => eprintln!("SKIPPED: dtc is not there; install Debian's package device-tree-compiler"),
        }
    }
}
