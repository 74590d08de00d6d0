//! What a client does with files and folders, and what the host sees of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::client::{Body, Client, ROOT, errno};

const WRONLY: u32 = 1;
const RDWR: u32 = 2;
const EXCL: u32 = 0o200;
const TRUNC: u32 = 0o1000;

#[test]
fn files_are_written_and_read_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path(), false);
    client.walk(ROOT, 1, &[]).unwrap();
    client.create(1, "guest", RDWR).unwrap();
    let data: Vec<u8> = (0..50_000_u32).flat_map(|word| word.to_le_bytes()).collect();
    for (number, part) in data.chunks(60_000).enumerate() {
        assert_eq!(client.write(1, number as u64 * 60_000, part), Ok(part.len() as u32));
    }
    client.call(50, Body::new().u32(1).u32(0)).unwrap();
    client.clunk(1).unwrap();
    assert!(fs::read(folder.path().join("guest")).unwrap() == data);

    fs::write(folder.path().join("host"), &data).unwrap();
    assert_eq!(client.walk(ROOT, 2, &["host"]), Ok(1));
    client.open(2, 0).unwrap();
    let mut read = Vec::new();
    while let Ok(part @ [_, ..]) = client.read(2, read.len() as u64, 1 << 20).as_deref() {
        read.extend_from_slice(part);
    }
    assert!(read == data);
    assert_eq!(client.write(2, 0, b"x"), Err(errno::EBADF), "it is open for reading");
    assert_eq!(client.read(2, u64::MAX, 10), Err(errno::EINVAL));
}

#[test]
fn a_file_that_is_there_is_opened_unless_it_must_be_new() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old"), b"contents").unwrap();
    let mut client = Client::new(folder.path(), false);
    client.walk(ROOT, 1, &[]).unwrap();
    assert_eq!(client.create(1, "old", RDWR | EXCL), Err(errno::EEXIST));
    client.create(1, "old", RDWR).unwrap();
    assert_eq!(client.read(1, 0, 100).unwrap(), b"contents");
    client.walk(ROOT, 2, &["old"]).unwrap();
    client.open(2, WRONLY | TRUNC).unwrap();
    assert_eq!(client.stat(2).unwrap().1, 0);
}

#[test]
fn folders_are_read_in_whatever_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path(), false);
    let mut made: Vec<_> = (0..300).map(|number| format!("entry-{number:0width$}", width = number % 40)).collect();
    for name in &made {
        fs::write(folder.path().join(name), b"").unwrap();
    }
    made.extend([".".to_owned(), "..".to_owned()]);
    made.sort();
    for count in [100, 333, 4096, 1 << 20] {
        client.walk(ROOT, 1, &[]).unwrap();
        client.open(1, 0).unwrap();
        let mut names = client.names(1, count);
        names.sort();
        assert_eq!(names, made, "by {count} bytes");
        let mut again = client.names(1, count);
        again.sort();
        assert_eq!(again, made, "from the beginning");
        let nothing = client.call(40, Body::new().u32(1).u64(0).u32(10));
        assert_eq!(nothing, Err(errno::EINVAL), "no room for an entry");
        client.clunk(1).unwrap();
    }
}

#[test]
fn entries_are_made_renamed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut client = Client::new(folder.path(), false);
    client.call(72, Body::new().u32(ROOT).string("dir").u32(0o755).u32(0)).unwrap();
    client.call(72, Body::new().u32(ROOT).string("other").u32(0o755).u32(0)).unwrap();
    client.walk(ROOT, 1, &["dir"]).unwrap();
    client.walk(ROOT, 2, &["other"]).unwrap();
    client.call(18, Body::new().u32(1).string("file").u32(0o100_644).u32(0).u32(0).u32(0)).unwrap();
    assert!(path("dir/file").is_file());
    // renameat
    client.call(74, Body::new().u32(1).string("file").u32(2).string("moved")).unwrap();
    assert!(path("other/moved").is_file() && !path("dir/file").exists());
    // link, and its file's number stays right when the name is gone
    client.walk(2, 3, &["moved"]).unwrap();
    client.call(70, Body::new().u32(1).u32(3).string("linked")).unwrap();
    assert_eq!(fs::metadata(path("dir/linked")).unwrap().nlink(), 2);
    // rename by number
    client.call(20, Body::new().u32(3).u32(1).string("again")).unwrap();
    assert!(path("dir/again").is_file() && !path("other/moved").exists());
    assert_eq!(client.unlink(ROOT, "dir", 0x200), Err(errno::ENOTEMPTY));
    assert_eq!(client.unlink(ROOT, "dir", 0), Err(errno::EISDIR));
    client.unlink(1, "again", 0).unwrap();
    client.unlink(1, "linked", 0).unwrap();
    client.unlink(ROOT, "dir", 0x200).unwrap();
    // remove by number, which is gone then
    client.call(122, Body::new().u32(2)).unwrap();
    assert_eq!(client.clunk(2), Err(errno::EBADF));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn attributes_are_the_hosts_and_can_be_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"0123456789").unwrap();
    let mut client = Client::new(folder.path(), false);
    client.walk(ROOT, 1, &["file"]).unwrap();
    let (mode, size) = client.stat(1).unwrap();
    assert_eq!((mode, size), (fs::metadata(&path).unwrap().mode(), 10));
    let set = |valid: u32, mode: u32, size: u64| {
        let body = Body::new().u32(1).u32(valid).u32(mode).u32(12).u32(34).u64(size);
        body.u64(1_000).u64(5).u64(2_000).u64(7)
    };
    client.call(26, set(1 | 8 | 0x10 | 0x20 | 0x80 | 0x100, 0o6640, 4)).unwrap();
    let stat = fs::metadata(&path).unwrap();
    assert_eq!(stat.permissions().mode() & 0o7777, 0o640, "no program runs as its owner");
    assert_eq!((stat.len(), stat.atime(), stat.mtime(), stat.mtime_nsec()), (4, 1_000, 2_000, 7));
    // Owners are not kept, and that is no error.
    client.call(26, set(2 | 4, 0, 0)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().uid(), stat.uid());
    // Now.
    client.call(26, set(0x20, 0, 0)).unwrap();
    assert!(fs::metadata(&path).unwrap().mtime() > 1_000_000);
    let system = client.call(8, Body::new().u32(1)).unwrap();
    assert_eq!((system.len(), &system[..4]), (60, &0x0102_1997_u32.to_le_bytes()[..]));
}

#[test]
fn links_are_the_guests_to_follow() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(folder.path(), false);
    client.call(16, Body::new().u32(ROOT).string("link").string("/etc/passwd").u32(0)).unwrap();
    client.walk(ROOT, 1, &["link"]).unwrap();
    assert_eq!(client.call(22, Body::new().u32(1)).unwrap(), Body::new().string("/etc/passwd").0);
    assert_eq!(fs::read_link(folder.path().join("link")).unwrap().to_str(), Some("/etc/passwd"));
    symlink("target", folder.path().join("hosts")).unwrap();
    client.walk(ROOT, 2, &["hosts"]).unwrap();
    assert_eq!(client.call(22, Body::new().u32(2)).unwrap(), Body::new().string("target").0);
    assert_eq!(client.stat(2).unwrap().0 & 0o170_000, 0o120_000);
    assert_eq!(client.call(22, Body::new().u32(ROOT)), Err(errno::EINVAL));
}

#[test]
fn sessions_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    let mut client = Client::new(folder.path(), false);
    assert_eq!(client.walk(ROOT, 1, &["a", "b"]), Ok(2));
    assert_eq!(client.walk(ROOT, 1, &["a"]), Err(errno::EINVAL), "the number is in use");
    assert_eq!(client.walk(ROOT, 2, &["a", "x", "b"]), Ok(1));
    assert_eq!(client.clunk(2), Err(errno::EBADF), "a walk that ends early makes no number");
    assert_eq!(client.walk(ROOT, 2, &["x"]), Err(errno::ENOENT));
    assert_eq!(client.walk(1, 1, &[".."]), Ok(1));
    assert_eq!(client.walk(1, 1, &["b"]), Ok(1));
    // Locks, and what isn't there.
    let lock = Body::new().u32(1).u8(1).u32(0).u64(0).u64(0).u32(1).string("guest");
    assert_eq!(client.call(52, lock).unwrap(), [0]);
    let lock = Body::new().u64(5).u64(6).u32(7).string("guest");
    assert_eq!(client.call(54, Body::new().u32(1).u8(1).bytes(&lock.0)).unwrap(), Body::new().u8(2).bytes(&lock.0).0);
    assert_eq!(client.call(30, Body::new().u32(1).u32(9).string("user.x")), Err(errno::EOPNOTSUPP));
    assert_eq!(client.call(108, Body::new().u16(3)).unwrap(), []);
    // Another version isn't known, and a new session forgets all numbers.
    let reply = client.call(100, Body::new().u32(8192).string("9P2000.u")).unwrap();
    assert_eq!(reply, Body::new().u32(8192).string("unknown").0);
    assert_eq!(client.share.fids(), 0);
}

#[test]
fn a_read_only_share_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"as it is").unwrap();
    let mut client = Client::new(folder.path(), true);
    client.walk(ROOT, 1, &["file"]).unwrap();
    for flags in [WRONLY, RDWR, TRUNC] {
        assert_eq!(client.open(1, flags), Err(errno::EROFS));
    }
    let name = |body: Body| body.string("new");
    for (kind, body) in [
        (14, name(Body::new().u32(ROOT)).u32(RDWR).u32(0o644).u32(0)),
        (16, name(Body::new().u32(ROOT)).string("x").u32(0)),
        (18, name(Body::new().u32(ROOT)).u32(0o100_644).u32(0).u32(0).u32(0)),
        (20, name(Body::new().u32(1).u32(ROOT))),
        (26, Body::new().u32(1).u32(8).u32(0).u32(0).u32(0).u64(0).u64(0).u64(0).u64(0).u64(0)),
        (70, name(Body::new().u32(ROOT).u32(1))),
        (72, name(Body::new().u32(ROOT)).u32(0o755).u32(0)),
        (74, name(name(Body::new().u32(ROOT)).u32(ROOT))),
        (76, Body::new().u32(ROOT).string("file").u32(0)),
        (122, Body::new().u32(1)),
    ] {
        assert_eq!(client.call(kind, body), Err(errno::EROFS), "{kind}");
    }
    client.walk(ROOT, 1, &["file"]).unwrap();
    client.open(1, 0).unwrap();
    assert_eq!(client.read(1, 0, 100).unwrap(), b"as it is");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
