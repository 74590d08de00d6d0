//! Messages that no client sends: each is answered, and nothing outside changes. For longer:
//! `PROPTEST_CASES=100000 cargo test --release -p rv-backends --test share hostile`.

use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use rv_backends::p9::Share;
use rv_virtio::device::p9::Server;

/// Types of requests that there are.
const KINDS: [u8; 27] =
    [8, 12, 14, 16, 18, 20, 22, 24, 26, 30, 32, 40, 50, 52, 54, 70, 72, 74, 76, 100, 102, 104, 108, 110, 116, 118, 120];

/// A piece of a message that is more likely to mean something than random bytes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let names = prop::sample::select(vec!["a", "b", "dir", "link", "..", ".", "", "x/y", "9P2000.L", "out"]);
    prop_oneof![
        6 => (0..4_u32).prop_map(|fid| fid.to_le_bytes().to_vec()),
        4 => names.prop_map(|name| [&(name.len() as u16).to_le_bytes()[..], name.as_bytes()].concat()),
        1 => prop::sample::select(vec![0_u64, 1, 511, 4096, u64::MAX, i64::MAX as u64]).prop_map(|n| n.to_le_bytes().to_vec()),
        1 => (0..4_u16).prop_map(|count| count.to_le_bytes().to_vec()),
        1 => prop::sample::select(vec![0o100_644_u32, 0x200, 8192, 2, 0x1ff]).prop_map(|n| n.to_le_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![20 => prop::sample::select(KINDS.to_vec()), 1 => any::<u8>()];
    let body = prop::collection::vec(piece(), 0..8).prop_map(|pieces| pieces.concat());
    (kind, body, prop_oneof![20 => Just(0_i32), 1 => -20..20_i32]).prop_map(|(kind, body, off)| {
        let size = (7 + body.len() as i32 + off) as u32;
        [&size.to_le_bytes()[..], &[kind, 1, 2], &body].concat()
    })
}

/// Requests that give the first four numbers something.
fn beginning() -> Vec<Vec<u8>> {
    let attach = |fid: u32| {
        let body = [&fid.to_le_bytes()[..], &u32::MAX.to_le_bytes(), &[0; 8]].concat();
        [&(7 + body.len() as u32).to_le_bytes()[..], &[104, 0, 0], &body].concat()
    };
    (0..4).map(attach).collect()
}

proptest! {
    #[test]
    fn hostile_messages_are_answered(messages in prop::collection::vec(message(), 1..60), room in 11..9000_usize) {
        let outer = tempfile::tempdir().unwrap();
        let shared = outer.path().join("shared");
        fs::create_dir_all(shared.join("dir/a")).unwrap();
        fs::write(shared.join("a"), b"contents").unwrap();
        symlink("..", shared.join("link")).unwrap();
        symlink("../out", shared.join("out")).unwrap();
        fs::write(outer.path().join("out"), b"outside").unwrap();
        let mut share = Share::open(&shared, false).unwrap();
        let mut reply = vec![0; room];
        for message in beginning().iter().chain(&messages) {
            let len = share.message(message, &mut reply);
            prop_assert!((7..=room).contains(&len));
            prop_assert_eq!(&reply[..4], &(len as u32).to_le_bytes()[..]);
            prop_assert_eq!(&reply[5..7], &message[5..7]);
        }
        prop_assert_eq!(fs::read(outer.path().join("out")).unwrap(), b"outside");
        prop_assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 2);
    }
}
