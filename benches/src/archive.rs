//! The initial archive: cpio, "newc" format, as `cpio -H newc` writes it.

/// An archive of regular files.
pub fn cpio(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (index, (name, data)) in files.iter().enumerate() {
        entry(&mut archive, index as u32 + 1, 0o100_644, name, data);
    }
    entry(&mut archive, 0, 0, "TRAILER!!!", &[]);
    archive
}

fn entry(archive: &mut Vec<u8>, inode: u32, mode: u32, name: &str, data: &[u8]) {
    let size = u32::try_from(data.len()).expect("images are small");
    let name_size = name.len() as u32 + 1;
    archive.extend(b"070701");
    // inode, mode, uid, gid, links, mtime, size, four device numbers, length of the name, checksum (unused)
    for field in [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0] {
        archive.extend(format!("{field:08x}").bytes());
    }
    archive.extend(name.bytes());
    archive.push(0);
    pad(archive);
    archive.extend(data);
    pad(archive);
}

/// Headers and contents start at multiples of four.
fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout() {
        let archive = cpio(&[("a", b"xyz")]);
        assert_eq!(&archive[..14], b"07070100000001");
        assert_eq!(&archive[110..112], b"a\0");
        assert_eq!(&archive[112..116], b"xyz\0");
        assert_eq!(&archive[116..122], b"070701");
        assert_eq!(&archive[226..237], b"TRAILER!!!\0");
        assert_eq!(archive.len() % 4, 0);
    }
}
