//! There is no way out of the folder.

use std::fs;
use std::os::unix::fs::symlink;

use crate::client::{Body, Client, ROOT, errno};

/// A folder, and a secret beside it.
fn beside() -> (tempfile::TempDir, std::path::PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("secret"), b"secret").unwrap();
    let shared = outer.path().join("shared");
    fs::create_dir(&shared).unwrap();
    (outer, shared)
}

#[test]
fn above_the_folder_is_the_folder() {
    let (_outer, shared) = beside();
    let mut client = Client::new(&shared, false);
    assert_eq!(client.walk(ROOT, 1, &["..", "..", "secret"]), Ok(2));
    assert_eq!(client.walk(ROOT, 1, &["..", ".."]), Ok(2));
    assert_eq!(client.stat(1), client.stat(ROOT));
    assert_eq!(client.walk(ROOT, 2, &["../secret"]), Err(errno::EINVAL));
    assert_eq!(client.walk(ROOT, 2, &["/etc"]), Err(errno::EINVAL));
    assert_eq!(client.walk(ROOT, 2, &[""]), Err(errno::EINVAL));
    assert_eq!(client.walk(ROOT, 2, &["a\0b"]), Err(errno::EINVAL));
}

#[test]
fn links_lead_nowhere() {
    let (outer, shared) = beside();
    symlink(outer.path(), shared.join("up")).unwrap();
    symlink(outer.path().join("secret"), shared.join("file")).unwrap();
    let mut client = Client::new(&shared, false);
    assert_eq!(client.walk(ROOT, 1, &["up", "secret"]), Ok(1), "the link itself is all that is found");
    client.walk(ROOT, 1, &["up"]).unwrap();
    assert_eq!(client.walk(1, 2, &["secret"]), Err(errno::ENOTDIR));
    assert_eq!(client.open(1, 0), Err(errno::ELOOP));
    client.walk(ROOT, 3, &["file"]).unwrap();
    for flags in [0, 1, 2] {
        assert_eq!(client.open(3, flags), Err(errno::ELOOP));
    }
    // Nothing is made or changed through one.
    client.walk(ROOT, 4, &[]).unwrap();
    assert_eq!(client.create(4, "file", 2), Err(errno::ELOOP));
    assert_eq!(client.create(1, "new", 2), Err(errno::ENOTDIR));
    assert_eq!(client.call(72, Body::new().u32(1).string("new").u32(0o755).u32(0)), Err(errno::ENOTDIR));
    assert_eq!(client.unlink(1, "secret", 0), Err(errno::ENOTDIR));
    let truncate = Body::new().u32(3).u32(8).u32(0).u32(0).u32(0).u64(0).u64(0).u64(0).u64(0).u64(0);
    assert_eq!(client.call(26, truncate), Err(errno::ELOOP));
    let chmod = Body::new().u32(3).u32(1).u32(0).u32(0).u32(0).u64(0).u64(0).u64(0).u64(0).u64(0);
    client.call(26, chmod).unwrap();
    assert_eq!(fs::read(outer.path().join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 2);
}

#[test]
fn what_was_a_folder_and_became_a_link_leads_nowhere() {
    let (outer, shared) = beside();
    fs::create_dir_all(shared.join("a/b")).unwrap();
    let mut client = Client::new(&shared, false);
    client.walk(ROOT, 1, &["a", "b"]).unwrap();
    fs::rename(shared.join("a"), shared.join("gone")).unwrap();
    symlink(outer.path(), shared.join("a")).unwrap();
    // `..` is looked up by names: one of them is a link now.
    assert_eq!(client.walk(1, 2, &["..", "secret"]), Ok(1));
    assert_eq!(client.walk(1, 2, &[".."]), Ok(1));
    assert_eq!(client.walk(2, 3, &["secret"]), Err(errno::ENOTDIR));
    assert!(client.call(122, Body::new().u32(1)).is_err());
    assert!(shared.join("gone/b").is_dir());
}

#[test]
fn entries_are_names_and_not_ways() {
    let (outer, shared) = beside();
    let mut client = Client::new(&shared, false);
    for name in ["../x", "..", ".", "", "a/b", "a\0"] {
        client.walk(ROOT, 1, &[]).unwrap();
        assert_eq!(client.create(1, name, 2), Err(errno::EINVAL), "{name:?}");
        assert_eq!(client.unlink(ROOT, name, 0), Err(errno::EINVAL), "{name:?}");
        assert_eq!(client.call(72, Body::new().u32(ROOT).string(name).u32(0).u32(0)), Err(errno::EINVAL), "{name:?}");
        client.clunk(1).unwrap();
    }
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 2);
}

#[test]
fn devices_and_pipes_are_neither_made_nor_opened() {
    let (_outer, shared) = beside();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        shared.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let mut client = Client::new(&shared, false);
    client.walk(ROOT, 1, &["pipe"]).unwrap();
    for flags in [0, 1, 2] {
        assert_eq!(client.open(1, flags), Err(errno::EPERM));
    }
    for kind in [0o020_000, 0o060_000, 0o010_000, 0o140_000] {
        let body = Body::new().u32(ROOT).string("new").u32(kind | 0o600).u32(1).u32(3).u32(0);
        assert_eq!(client.call(18, body), Err(errno::EPERM));
    }
}

#[test]
fn numbers_are_bounded() {
    let (_outer, shared) = beside();
    let mut client = Client::new(&shared, false);
    let refused = (1..6000).find_map(|number| client.walk(ROOT, number, &[]).err());
    assert!(refused.is_some(), "by the share, or by the host's own limit");
    client.version();
    client.attach(ROOT).unwrap();
}
