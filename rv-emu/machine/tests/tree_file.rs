//! A device tree of the user's own: what is changed in it, what is refused, and that no bytes do harm.

use fdt::Fdt;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::sample::{Index, select};
use proptest::{prop_assert, prop_assert_eq, proptest};
use rv_machine::boot::TreeFile;
use rv_machine::map::RAM_BASE;
use rv_machine::{Machine, MachineConfig, Software};
use vm_fdt::{FdtReserveEntry, FdtWriter};

const MEMORY: u64 = 64 << 20;

fn machine() -> Machine {
    Machine::new(MachineConfig { memory: MEMORY, ..MachineConfig::default() }).unwrap()
}

/// What software would find; or why not.
fn handed(bytes: &[u8], initrd: Option<Vec<u8>>, append: Option<&str>) -> Result<Vec<u8>, String> {
    let tree = Some(TreeFile { name: "my.dtb".to_owned(), bytes: bytes.to_vec() });
    let append = append.map(str::to_owned);
    let software = Software { initrd, append, tree, ..Software::raw("program", vec![0; 16]) };
    let mut machine = machine();
    machine.load(&software).map_err(|error| error.to_string())?;
    Ok(machine.loaded_tree().expect("something was loaded"))
}

/// A tree with a node of memory at `base`.
fn tree(base: u64, len: u64) -> Vec<u8> {
    let mut fdt = FdtWriter::new_with_mem_reserv(&[FdtReserveEntry::new(RAM_BASE, 0x1000).unwrap()]).unwrap();
    fdt.set_boot_cpuid_phys(3);
    let root = fdt.begin_node("").unwrap();
    fdt.property_u32("#address-cells", 2).unwrap();
    fdt.property_u32("#size-cells", 2).unwrap();
    let memory = fdt.begin_node("memory@80000000").unwrap();
    fdt.property_string("device_type", "memory").unwrap();
    fdt.property_array_u64("reg", &[base, len]).unwrap();
    fdt.end_node(memory).unwrap();
    let chosen = fdt.begin_node("chosen").unwrap();
    fdt.property_string("bootargs", "of the file").unwrap();
    fdt.property_u64("linux,initrd-start", 1).unwrap();
    fdt.property_u64("linux,initrd-end", 2).unwrap();
    fdt.property_null("quiet").unwrap();
    fdt.end_node(chosen).unwrap();
    fdt.end_node(root).unwrap();
    fdt.finish().unwrap()
}

#[test]
fn chosen_is_fitted_and_the_rest_is_kept() {
    let good = tree(RAM_BASE, MEMORY);
    let blob = handed(&good, Some(vec![1; 5000]), Some("console=x")).unwrap();
    let read = Fdt::new(&blob).unwrap();
    assert_eq!(read.bootargs(), "console=x");
    let (start, end) = read.initrd().unwrap();
    assert_eq!((start, end), (0x8220_0000, 0x8220_0000 + 5000));
    assert!(read.find("/chosen").unwrap().property("quiet").is_some());
    assert_eq!(read.memory().collect::<Vec<_>>(), [(RAM_BASE, MEMORY)]);
    let word = |at: usize| u32::from_be_bytes(blob[at..at + 4].try_into().unwrap());
    assert_eq!(word(28), 3, "the boot hart");
    let reservations = word(16) as usize;
    assert_eq!(blob[reservations..reservations + 8], RAM_BASE.to_be_bytes());

    let blob = handed(&good, None, None).unwrap();
    let read = Fdt::new(&blob).unwrap();
    assert_eq!(
        (read.bootargs(), read.initrd()),
        ("of the file", None),
        "there is no archive: nobody shall look for one"
    );
}

#[test]
fn a_tree_without_chosen_gets_one_and_the_boards_own_is_taken_as_it_is() {
    let mut fdt = FdtWriter::new().unwrap();
    let root = fdt.begin_node("").unwrap();
    fdt.end_node(root).unwrap();
    let blob = handed(&fdt.finish().unwrap(), None, Some("x")).unwrap();
    assert_eq!(Fdt::new(&blob).unwrap().bootargs(), "x");
    let own = machine().device_tree(Some("y"));
    let handed = handed(&own, None, None).unwrap();
    assert_eq!(handed[8..own.len()], own[8..], "the same, but for room behind it");
    assert_eq!(handed.len(), own.len() + 4096);
}

#[test]
fn what_is_wrong_is_named() {
    let good = tree(RAM_BASE, MEMORY);
    let says = |change: &dyn Fn(&mut Vec<u8>), part: &str| {
        let mut bytes = good.clone();
        change(&mut bytes);
        let message = handed(&bytes, None, None).unwrap_err();
        assert!(message.starts_with("my.dtb: not a device tree that can be used: "), "{message}");
        assert!(message.contains(part), "`{part}` is not in: {message}");
    };
    let structure = u32::from_be_bytes(good[8..12].try_into().unwrap()) as usize;
    let strings = u32::from_be_bytes(good[12..16].try_into().unwrap()) as usize;
    says(&|tree| tree[0] = 0, "doesn't begin with 0xd00dfeed");
    says(&|tree| tree.truncate(39), "the file has 39");
    says(&|tree| tree.truncate(3), "shorter than a header");
    says(&|tree| tree[4] = 1, "its header says");
    says(&|tree| tree[23] = 15, "its version is 15");
    says(&|tree| tree[27] = 18, "compatible with 18");
    says(&|tree| tree[8] = 1, "its structure block");
    says(&|tree| tree[11] += 1, "is not aligned");
    says(&|tree| tree[12] = 1, "its strings block");
    says(&|tree| tree[16] = 1, "its reservation block");
    says(&|tree| tree[structure + 3] = 9, "doesn't begin with a node");
    says(&|tree| tree[structure + 4] = b'x', "the root must have no name");
    says(&|tree| tree[structure + 8] = 7, "0x7000003 is no token, at byte");
    says(&|tree| tree[structure + 12] = 1, "a property is too long");
    says(&|tree| tree[structure + 16] = 1, "is not in the strings block");
    says(&|tree| tree[strings] = b' ', "its node ``");
    says(&|tree| *tree = self::tree(RAM_BASE, MEMORY + 1), "the machine's memory is 0x80000000..0x84000000");
    says(&|tree| *tree = self::tree(0, 4096), "0x1000 bytes at 0x0");
    says(&|tree| *tree = self::tree(RAM_BASE, u64::MAX), "its node memory@80000000");
    let mut deep = FdtWriter::new().unwrap();
    let nodes: Vec<_> = (0..40).map(|depth| deep.begin_node(if depth == 0 { "" } else { "n" }).unwrap()).collect();
    nodes.into_iter().rev().for_each(|node| deep.end_node(node).unwrap());
    let deep = deep.finish().unwrap();
    says(&|tree| tree.clone_from(&deep), "too deep");
}

// As many cases as `PROPTEST_CASES` says.
proptest! {
    /// Damaged trees are refused by name, or handed over as trees that both readers take, and that stay the same when they are read again.
    #[test]
    fn damaged_trees_do_no_harm(
        own in any::<bool>(),
        words in vec((any::<Index>(), select(vec![0, 1, 2, 3, 4, 9, 0x7f, 0xffff, 1 << 24, u32::MAX])), 0..4),
        bytes in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in proptest::option::weighted(0.1, any::<Index>()),
    ) {
        let mut blob = if own { machine().device_tree(Some("a b=c")) } else { tree(RAM_BASE, MEMORY) };
        for (at, word) in words {
            let at = at.index(blob.len() / 4) * 4;
            blob[at..at + 4].copy_from_slice(&word.to_be_bytes());
        }
        bytes.iter().for_each(|(at, value)| { let at = at.index(blob.len()); blob[at] = *value; });
        if let Some(cut) = cut {
            blob.truncate(cut.index(blob.len()));
        }
        match handed(&blob, Some(vec![1; 100]), Some("x")) {
            Err(message) => prop_assert!(message.starts_with("my.dtb: "), "{}", message),
            Ok(first) => {
                let read = Fdt::new(&first).expect("a tree");
                prop_assert_eq!(read.bootargs(), "x");
                prop_assert!(read.initrd().is_some());
                prop_assert_eq!(handed(&first, Some(vec![1; 100]), Some("x")).unwrap(), first);
            }
        }
    }

    #[test]
    fn any_bytes_behind_a_header_do_no_harm(structure in vec(select(vec![0u32, 1, 2, 3, 4, 9, 0x6100_0000]), 0..60)) {
        let body: Vec<u8> = structure.iter().flat_map(|word| word.to_be_bytes()).collect();
        let strings = b"a\0b\0";
        let len = body.len() as u32;
        let header = [0xd00d_feed, 56 + len + 4, 56, 56 + len, 40, 17, 16, 0, 4, len];
        let mut blob: Vec<u8> = header.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
        blob.extend([0; 16]);
        blob.extend(&body);
        blob.extend(strings);
        if let Err(message) = handed(&blob, None, None) {
            prop_assert!(message.starts_with("my.dtb: "), "{}", message);
        }
    }
}
