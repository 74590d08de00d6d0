//! The initial archive: cpio, "newc" format, as `cpio -H newc` writes it.

/// A regular file that its owner may write and all may read.
const FILE: u32 = 0o100_644;
/// Kinds of entries, in the bits of a mode above its permissions.
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER: u32 = 0o020_000;

/// An archive of regular files.
pub fn cpio(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Archive::default();
    for (name, data) in files {
        archive.entry(FILE, name, data, (0, 0));
    }
    archive.finish()
}

/// An archive in the making. Names have no leading slash; folders come before what is in them.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

impl Archive {
    /// Adds a folder.
    pub fn folder(&mut self, name: &str) {
        self.entry(DIRECTORY | 0o755, name, &[], (0, 0));
    }

    /// Adds a file with these permissions.
    pub fn file(&mut self, name: &str, permissions: u32, data: &[u8]) {
        self.entry(REGULAR | permissions & 0o7777, name, data, (0, 0));
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, name: &str, target: &str) {
        self.entry(SYMLINK | 0o777, name, target.as_bytes(), (0, 0));
    }

    /// Adds a character device.
    pub fn device(&mut self, name: &str, major: u32, minor: u32) {
        self.entry(CHARACTER | 0o600, name, &[], (major, minor));
    }

    /// The archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.inode = u32::MAX;
        self.entry(0, "TRAILER!!!", &[], (0, 0));
        self.bytes
    }

    fn entry(&mut self, mode: u32, name: &str, data: &[u8], device: (u32, u32)) {
        let size = u32::try_from(data.len()).expect("the format has no files of 4 GiB");
        let name_size = name.len() as u32 + 1;
        self.inode = self.inode.wrapping_add(1);
        self.bytes.extend(b"070701");
        // inode, mode, uid, gid, links, mtime, size, device that it is on, device that it is, length of the name, checksum (unused)
        for field in [self.inode, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0] {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(data);
        self.pad();
    }

    /// Headers and contents start at multiples of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
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
        assert_eq!(&archive[122..130], b"00000000", "the end has no inode");
        assert_eq!(&archive[226..237], b"TRAILER!!!\0");
        assert_eq!(archive.len() % 4, 0);
    }

    #[test]
    fn entries_say_what_they_are() {
        let mut archive = Archive::default();
        archive.folder("dev");
        archive.device("dev/console", 5, 1);
        archive.link("bin", "dev");
        let bytes = archive.finish();
        assert_eq!(&bytes[14..22], b"000041ed");
        let second = 110 + 4 + 2;
        assert_eq!(&bytes[second + 14..second + 22], b"00002180");
        assert_eq!(&bytes[second + 78..second + 94], b"0000000500000001");
        let third = second + 110 + 12 + 2;
        assert_eq!(&bytes[third + 14..third + 22], b"0000a1ff");
        assert_eq!(&bytes[third + 110..third + 119], b"bin\0\0\0dev", "a link's contents are its target");
    }
}
