//! The guests' device tree reader, tested here because its own workspace is
//! built for riscv64 only: against trees of another crate's writer, and
//! against bytes that are no trees at all.

use fdt::{Error, Fdt};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::{prop_assert, prop_assert_eq, proptest};
use vm_fdt::{FdtReserveEntry, FdtWriter};

/// A tree like a board's.
fn board() -> Vec<u8> {
    build().expect("a tree that the writer takes")
}

fn build() -> Result<Vec<u8>, vm_fdt::Error> {
    let reserved = FdtReserveEntry::new(0x8000_0000, 0x1000)?;
    let mut tree = FdtWriter::new_with_mem_reserv(&[reserved])?;
    let root = tree.begin_node("")?;
    tree.property_u32("#address-cells", 2)?;
    tree.property_u32("#size-cells", 2)?;

    let chosen = tree.begin_node("chosen")?;
    tree.property_string("bootargs", "quiet lines=42 lines=43 empty=")?;
    tree.property_u64("linux,initrd-start", 0x8800_0000)?;
    tree.property_u32("linux,initrd-end", 0x8810_0000)?;
    tree.end_node(chosen)?;

    let memory = tree.begin_node("memory@80000000")?;
    tree.property_string("device_type", "memory")?;
    tree.property_array_u64("reg", &[0x8000_0000, 0x1000_0000, 0x10_0000_0000, 0x2000])?;
    tree.end_node(memory)?;

    let cpus = tree.begin_node("cpus")?;
    tree.property_u32("#address-cells", 1)?;
    tree.property_u32("#size-cells", 0)?;
    for (number, status) in [(0, "okay"), (1, "disabled"), (7, "okay")] {
        let cpu = tree.begin_node(&format!("cpu@{number}"))?;
        tree.property_string("device_type", "cpu")?;
        tree.property_u32("reg", number)?;
        tree.property_string("status", status)?;
        tree.end_node(cpu)?;
    }
    tree.end_node(cpus)?;

    let soc = tree.begin_node("soc")?;
    tree.property_u32("#address-cells", 1)?;
    tree.property_u32("#size-cells", 1)?;
    let serial = tree.begin_node("serial@10000000")?;
    tree.property_string_list("compatible", vec!["vendor,uart".into(), "ns16550a".into()])?;
    tree.property_array_u32("reg", &[0x1000_0000, 0x100])?;
    tree.end_node(serial)?;
    tree.end_node(soc)?;

    tree.end_node(root)?;
    tree.finish()
}

#[test]
fn what_the_writer_wrote_is_read() {
    let blob = board();
    let tree = Fdt::new(&blob).expect("a tree");
    let memory: Vec<_> = tree.memory().collect();
    assert_eq!(memory, [(0x8000_0000, 0x1000_0000), (0x10_0000_0000, 0x2000)]);
    assert_eq!(tree.harts().collect::<Vec<_>>(), [0, 7], "a disabled hart is none");
    assert_eq!(tree.initrd(), Some((0x8800_0000, 0x8810_0000)), "numbers of one or two words");
}

#[test]
fn command_line_words_have_values() {
    let blob = board();
    let tree = Fdt::new(&blob).expect("a tree");
    assert_eq!(tree.bootarg("lines"), Some("42"), "the first one counts");
    assert_eq!(tree.bootarg("empty"), Some(""));
    assert_eq!(tree.bootarg("quiet"), None, "a word without a value");
    assert_eq!(tree.bootarg("line"), None, "no prefix of another key");
}

#[test]
fn nodes_are_found_by_path_and_by_model() {
    let blob = board();
    let tree = Fdt::new(&blob).expect("a tree");
    assert_eq!(tree.find("/").map(|node| node.name()), Some(""));
    assert_eq!(tree.find("/soc/serial").map(|node| node.name()), Some("serial@10000000"));
    assert_eq!(tree.find("/cpus/cpu@7").and_then(|node| node.number("reg")), Some(7));
    assert!(tree.find("/serial").is_none(), "a path names every parent");
    assert!(tree.find("/cpus/serial").is_none());
    assert!(tree.find("/chosen/cpu").is_none());
    let serial = tree.compatible("ns16550a").next().expect("its second model");
    assert_eq!(serial.regions().collect::<Vec<_>>(), [(0x1000_0000, 0x100)]);
    assert_eq!(tree.compatible("ns16550").count(), 0);
}

#[test]
fn what_is_no_tree_says_why() {
    let blob = board();
    assert_eq!(Fdt::new(&[]).err(), Some(Error::Truncated));
    assert_eq!(Fdt::new(&blob[..blob.len() - 1]).err(), Some(Error::Truncated));
    let broken = |offset: usize, value: u32| {
        let mut blob = blob.clone();
        blob[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
        Fdt::new(&blob).err()
    };
    assert_eq!(broken(0, 0), Some(Error::BadMagic));
    assert_eq!(broken(fdt::header::COMPATIBLE_VERSION, 18), Some(Error::BadVersion));
    assert_eq!(broken(fdt::header::STRUCTURE_OFFSET, u32::MAX), Some(Error::BadBlock));
    assert_eq!(broken(fdt::header::STRINGS_SIZE, u32::MAX), Some(Error::BadBlock));
}

/// Uses everything that a reader has: how many nodes and properties it saw.
fn read_all(tree: &Fdt<'_>) -> usize {
    let nodes = tree.nodes().map(|node| {
        let strings = node.strings("compatible").count();
        1 + strings + node.regions().count() + node.properties().count()
    });
    let named = [tree.find("/soc/serial"), tree.find("/")].iter().flatten().count();
    nodes.sum::<usize>() + named + tree.memory().count() + tree.harts().count() + tree.bootargs().len()
}

proptest! {
    #[test]
    fn damaged_trees_are_read_to_an_end(damage in vec((any::<u16>(), any::<u8>()), 1..16)) {
        let mut blob = board();
        let whole = blob.len();
        for (offset, value) in damage {
            blob[usize::from(offset) % whole] = value;
        }
        if let Ok(tree) = Fdt::new(&blob) {
            // Every item takes bytes of the blob, strings may share them.
            prop_assert!(read_all(&tree) <= whole * whole);
        }
    }

    #[test]
    fn any_bytes_behind_a_header_are_read_to_an_end(body in vec(any::<u8>(), 0..512)) {
        let mut blob = board();
        blob.truncate(fdt::HEADER_SIZE);
        let len = body.len() as u32;
        for (offset, value) in [
            (fdt::header::TOTAL_SIZE, len + fdt::HEADER_SIZE as u32),
            (fdt::header::STRUCTURE_OFFSET, fdt::HEADER_SIZE as u32),
            (fdt::header::STRUCTURE_SIZE, len),
            (fdt::header::STRINGS_OFFSET, fdt::HEADER_SIZE as u32),
            (fdt::header::STRINGS_SIZE, len),
        ] {
            blob[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
        }
        blob.extend(body);
        let tree = Fdt::new(&blob).expect("blocks inside the blob");
        let total = blob.len();
        prop_assert!(read_all(&tree) <= total * total);
    }

    #[test]
    fn small_words_walk_deep(words in vec(0u32..6, 0..256)) {
        // Words that mean something to the walk, in any order.
        let mut blob = board();
        let start = fdt::HEADER_SIZE;
        blob.truncate(start);
        let body: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        for (offset, value) in [
            (fdt::header::TOTAL_SIZE, start + body.len()),
            (fdt::header::STRUCTURE_OFFSET, start),
            (fdt::header::STRUCTURE_SIZE, body.len()),
            (fdt::header::STRINGS_OFFSET, start),
            (fdt::header::STRINGS_SIZE, body.len()),
        ] {
            blob[offset..offset + 4].copy_from_slice(&(value as u32).to_be_bytes());
        }
        blob.extend(&body);
        let tree = Fdt::new(&blob).expect("blocks inside the blob");
        let begins = words.iter().filter(|&&word| word == 1).count();
        prop_assert!(tree.nodes().count() <= begins);
        prop_assert_eq!(tree.nodes().count(), tree.nodes().count());
    }
}
