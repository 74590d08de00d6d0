//! What a qcow2 header may say (QEMU's docs/interop/qcow2.rst, "Header"), checked before anything else is read.
//!
//! `imago` reads the format; what it would refuse without naming it, or would believe although the file can't have it, is
//! refused here.

use std::fmt::Write as _;

/// The first four bytes.
pub const MAGIC: [u8; 4] = *b"QFI\xfb";
/// Bytes of a header of version 2, and of what version 3 adds up to the compression type.
const LEN_V2: usize = 72;
const LEN_V3: usize = 104;
/// Bytes of the header that are looked at.
pub const LEN: usize = 112;
/// Incompatible features that are known, by bit.
const FEATURES: [(u32, &str); 5] = [
    (0, "the mark that it wasn't closed (repair it by `qemu-img check -r all`)"),
    (1, "the mark that it is corrupt (repair it by `qemu-img check -r all`)"),
    (2, "an external data file"),
    (3, "another compression than zlib"),
    (4, "extended L2 entries"),
];
/// Entries of the first table at most, as in QEMU: 32 MiB.
const L1_MAX: u64 = (32 << 20) / 8;
/// Bytes of the refcount table at most, as in QEMU.
const REFCOUNT_MAX: u64 = 8 << 20;

/// Why a header isn't taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// Something that isn't supported.
    Feature(String),
    /// Something that can't be.
    Damaged(String),
}

/// What matters of a header.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the disk.
    pub size: u64,
    /// Whether there is a backing file.
    pub backed: bool,
    /// The reference counts.
    pub refcounts: Refcounts,
}

/// Where the reference counts of a file's clusters are.
#[derive(Debug, PartialEq, Eq)]
pub struct Refcounts {
    /// Position of the table, whose entries of 8 bytes are positions of blocks.
    pub at: u64,
    /// Entries of the table that a file of this length needs; it has as many.
    pub needed: u64,
    cluster: u64,
    file_len: u64,
}

impl Refcounts {
    /// Checks the entries that are needed: who writes to an image in which one is missing writes over what is there, and
    /// `imago` looks for room without end.
    pub fn check(&self, table: &[u8]) -> Result<(), Refused> {
        let fields = Fields(table);
        let blocks = (0..self.needed as usize).map(|index| fields.u64(8 * index));
        let mut wrong = blocks.filter(|at| *at == 0 || !at.is_multiple_of(self.cluster) || *at >= self.file_len);
        match wrong.next() {
            Some(_) => Err(Refused::Damaged(WRONG_COUNTS.to_owned())),
            None => Ok(()),
        }
    }
}

const WRONG_COUNTS: &str =
    "its reference counts don't cover it, so it can't be written (repair it by `qemu-img check -r all`)";

/// Big-endian numbers at offsets.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u32(&self, at: usize) -> u64 {
        let bytes = self.0.get(at..at + 4);
        bytes.map_or(0, |bytes| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    }

    fn u64(&self, at: usize) -> u64 {
        self.u32(at) << 32 | self.u32(at + 4)
    }
}

/// Checks a header. `bytes` are the first of the file, [`LEN`] or all that there are; `file_len` is how many it has.
pub fn check(bytes: &[u8], file_len: u64) -> Result<Header, Refused> {
    let fields = Fields(bytes);
    let damaged = |reason: &str| Err(Refused::Damaged(reason.to_owned()));
    if bytes.len() < LEN_V2 || bytes[..4] != MAGIC {
        return damaged("it has no qcow2 header");
    }
    let version = fields.u32(4);
    if !matches!(version, 2 | 3) {
        return Err(Refused::Feature(format!("version {version} of qcow2")));
    }
    if version == 3 {
        check_v3(bytes, &fields)?;
    }
    let cluster_bits = fields.u32(20);
    if !(9..=21).contains(&cluster_bits) {
        return damaged("its clusters have a size that none can have");
    }
    if fields.u32(32) != 0 {
        return Err(Refused::Feature("encryption".to_owned()));
    }
    let cluster = 1 << cluster_bits;
    let (size, l1_len, l1_at) = (fields.u64(24), fields.u32(36), fields.u64(40));
    // An entry of the first table is a table of entries of 8 bytes.
    let covered = u128::from(l1_len) * u128::from(cluster / 8) * u128::from(cluster);
    if l1_len > L1_MAX || covered < u128::from(size) || !fits(l1_at, l1_len * 8, cluster, file_len) {
        return damaged("its first table can't be where it should be");
    }
    let (refcounts_at, refcounts_len) = (fields.u64(48), fields.u32(56) * cluster);
    if refcounts_len > REFCOUNT_MAX || refcounts_at == 0 || !fits(refcounts_at, refcounts_len, cluster, file_len) {
        return damaged("its table of reference counts can't be where it should be");
    }
    // Bits of a count; version 2 has 16.
    let order = if version == 3 { fields.u32(96) } else { 4 };
    let covered = cluster * ((cluster * 8) >> order);
    let needed = file_len.div_ceil(covered);
    if needed > refcounts_len / 8 {
        return damaged(WRONG_COUNTS);
    }
    let refcounts = Refcounts { at: refcounts_at, needed, cluster, file_len };
    let (name_at, name_len) = (fields.u64(8), fields.u32(16));
    if name_at != 0 && (name_len > 1023 || name_at.saturating_add(name_len) > cluster.min(file_len)) {
        return damaged("the name of its backing file can't be where it should be");
    }
    Ok(Header { size, backed: name_at != 0 && name_len != 0, refcounts })
}

fn check_v3(bytes: &[u8], fields: &Fields<'_>) -> Result<(), Refused> {
    let len = fields.u32(100);
    if bytes.len() < LEN_V3 || len < LEN_V3 as u64 || !len.is_multiple_of(8) {
        return Err(Refused::Damaged("its header has a length that none can have".to_owned()));
    }
    if fields.u32(96) > 6 {
        return Err(Refused::Damaged("its reference counts have a width that none can have".to_owned()));
    }
    let incompatible = fields.u64(72);
    if incompatible != 0 {
        let mut names = String::new();
        for bit in (0..64).filter(|bit| incompatible & 1 << bit != 0) {
            let known = FEATURES.iter().find(|(known, _)| *known == bit);
            let separator = if names.is_empty() { "" } else { ", " };
            let _ = match known {
                Some((_, name)) => write!(names, "{separator}{name}"),
                None => write!(names, "{separator}unknown feature {bit}"),
            };
        }
        return Err(Refused::Feature(names));
    }
    Ok(())
}

/// Whether a table can be there.
fn fits(at: u64, len: u64, cluster: u64, file_len: u64) -> bool {
    at.is_multiple_of(cluster) && (len == 0 || at != 0) && at.checked_add(len).is_some_and(|end| end <= file_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of version 3 with clusters of 64 KiB and a disk of a MiB.
    fn header() -> Vec<u8> {
        let mut bytes = vec![0; LEN];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &MAGIC);
        put(4, &3_u32.to_be_bytes());
        put(20, &16_u32.to_be_bytes());
        put(24, &(1_u64 << 20).to_be_bytes());
        put(36, &1_u32.to_be_bytes());
        put(40, &0x3_0000_u64.to_be_bytes());
        put(48, &0x1_0000_u64.to_be_bytes());
        put(56, &1_u32.to_be_bytes());
        put(96, &4_u32.to_be_bytes());
        put(100, &104_u32.to_be_bytes());
        bytes
    }

    fn with(at: usize, value: &[u8]) -> Result<Header, Refused> {
        let mut bytes = header();
        bytes[at..at + value.len()].copy_from_slice(value);
        check(&bytes, 0x4_0000)
    }

    #[test]
    fn a_good_header_is_taken() {
        let refcounts = || Refcounts { at: 0x1_0000, needed: 1, cluster: 0x1_0000, file_len: 0x4_0000 };
        assert_eq!(with(0, &[]), Ok(Header { size: 1 << 20, backed: false, refcounts: refcounts() }));
        let backed = with(8, &[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 5]);
        assert_eq!(backed, Ok(Header { size: 1 << 20, backed: true, refcounts: refcounts() }));
    }

    #[test]
    fn reference_counts_cover_the_file() {
        let refcounts = Refcounts { at: 0x1_0000, needed: 2, cluster: 0x1_0000, file_len: 0x4_0000 };
        let check = |first: u64, second: u64| refcounts.check(&[first.to_be_bytes(), second.to_be_bytes()].concat());
        assert_eq!(check(0x2_0000, 0x3_0000), Ok(()));
        for (first, second) in [(0, 0x3_0000), (0x2_0000, 0), (0x2_0001, 0x3_0000), (0x2_0000, 0x4_0000)] {
            assert!(matches!(check(first, second), Err(Refused::Damaged(_))), "{first:x} {second:x}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let feature = |result| match result {
            Err(Refused::Feature(name)) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(feature(with(4, &[0, 0, 0, 4])), "version 4 of qcow2");
        assert_eq!(feature(with(32, &[0, 0, 0, 2])), "encryption");
        assert_eq!(feature(with(79, &[0x14])), "an external data file, extended L2 entries");
        assert_eq!(feature(with(72, &[0x80])), "unknown feature 63");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (at, value) in [
            (0, &[0][..]),
            (20, &[0, 0, 0, 8]),
            (20, &[0, 0, 0, 22]),
            (24, &[1]),
            (36, &[1]),
            (40, &[1]),
            (47, &[1]),
            (48, &[0; 8]),
            (48, &[0xff]),
            (56, &[0xff]),
            (8, &[1]),
            (8, &[0, 0, 0, 0, 0, 0, 0, 104, 0, 0, 4, 0]),
            (99, &[7]),
            (100, &[0, 0, 0, 72]),
        ] {
            assert!(matches!(with(at, value), Err(Refused::Damaged(_))), "{at}: {value:x?}");
        }
        assert!(matches!(check(&header()[..71], 0x4_0000), Err(Refused::Damaged(_))));
        assert!(matches!(check(&header(), 0x3_0000), Err(Refused::Damaged(_))));
    }
}
