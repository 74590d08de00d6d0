//! The initial archive: cpio in the "newc" form (`070701`), as the Linux kernel
//! takes it. Each entry is a 110-byte header of hexadecimal digits, the name
//! with its NUL, and the data, the last two padded to 4 bytes.

const HEADER_LEN: usize = 110;
const MAGIC: &[u8] = b"070701";
const TRAILER: &[u8] = b"TRAILER!!!";
/// Index of the fields that are used, in units of 8 digits after the magic.
const FIELD_FILESIZE: usize = 6;
const FIELD_NAMESIZE: usize = 11;

/// Why an archive could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpioError {
    /// An entry does not begin with `070701`.
    BadMagic {
        /// Offset of the entry.
        offset: usize,
    },
    /// A header field is not hexadecimal.
    BadNumber {
        /// Offset of the entry.
        offset: usize,
    },
    /// The archive ends in the middle of an entry or has no trailer.
    Truncated {
        /// Offset of the entry.
        offset: usize,
    },
}

/// One file of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name as stored, without NUL.
    pub name: &'a [u8],
    /// Its content.
    pub data: &'a [u8],
}

/// Reads the entry at `offset`; gives it and the offset of the next.
fn entry_at(archive: &[u8], offset: usize) -> Result<(Entry<'_>, usize), CpioError> {
    let truncated = CpioError::Truncated { offset };
    let end = offset.checked_add(HEADER_LEN).ok_or(truncated)?;
    let header = archive.get(offset..end).ok_or(truncated)?;
    if &header[..MAGIC.len()] != MAGIC {
        return Err(CpioError::BadMagic { offset });
    }
    let bad_number = CpioError::BadNumber { offset };
    let name_len = field(header, FIELD_NAMESIZE).ok_or(bad_number)?;
    let data_len = field(header, FIELD_FILESIZE).ok_or(bad_number)?;
    // Both are below 2^32, so none of these sums can overflow.
    let name_end = end + name_len;
    let data_start = name_end.next_multiple_of(4);
    let data_end = data_start + data_len;
    let name = archive.get(end..name_end).ok_or(truncated)?;
    let data = archive.get(data_start..data_end).ok_or(truncated)?;
    let name = name.strip_suffix(b"\0").unwrap_or(name);
    Ok((Entry { name, data }, data_end.next_multiple_of(4)))
}

fn field(header: &[u8], index: usize) -> Option<usize> {
    let start = MAGIC.len() + 8 * index;
    let digits = core::str::from_utf8(&header[start..start + 8]).ok()?;
    usize::from_str_radix(digits, 16).ok()
}

/// Finds a file by name (a leading `./` in the archive is ignored).
pub fn find<'a>(archive: &'a [u8], name: &[u8]) -> Result<Option<Entry<'a>>, CpioError> {
    let mut offset = 0;
    loop {
        let (entry, next) = entry_at(archive, offset)?;
        if entry.name == TRAILER {
            return Ok(None);
        }
        if entry.name.strip_prefix(b"./").unwrap_or(entry.name) == name {
            return Ok(Some(entry));
        }
        offset = next;
    }
}

#[cfg(test)]
mod tests {
    use super::{CpioError, find};

    fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, data) in files.iter().copied().chain([("TRAILER!!!", &[][..])]) {
            let mut fields = [0usize; 13];
            fields[6] = data.len();
            fields[11] = name.len() + 1;
            out.extend(b"070701");
            fields.iter().for_each(|f| out.extend(format!("{f:08x}").bytes()));
            out.extend(name.bytes().chain([0]));
            out.resize(out.len().next_multiple_of(4), 0);
            out.extend(data);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    #[test]
    fn files_are_found_by_name_whatever_their_length() {
        let archive = pack(&[("vmm", b"abc"), ("./guest", b"12345")]);
        assert_eq!(find(&archive, b"vmm").unwrap().unwrap().data, b"abc");
        assert_eq!(find(&archive, b"guest").unwrap().unwrap().data, b"12345");
        assert_eq!(find(&archive, b"gues"), Ok(None));
    }

    #[test]
    fn every_truncation_is_an_error_not_a_panic() {
        let archive = pack(&[("vmm", b"abc")]);
        let whole = archive.len() - 1;
        for len in 0..whole - 2 {
            assert!(find(&archive[..len], b"other").is_err(), "length {len}");
        }
    }

    #[test]
    fn bad_headers_are_named() {
        let mut archive = pack(&[("a", b"")]);
        archive[54] = b'x';
        assert_eq!(find(&archive, b"a"), Err(CpioError::BadNumber { offset: 0 }));
        archive[0] = b'1';
        assert_eq!(find(&archive, b"a"), Err(CpioError::BadMagic { offset: 0 }));
    }
}
