//! Messages survive the way there; what is no message is refused.

use super::{BadMessage, CONFIG_MAX, Region, Regions, Reply, Request, VringAddr, VringEvent, VringState};

fn requests() -> Vec<Request> {
    let state = VringState { index: 1, num: 256 };
    let region = Region { gpa: 0x8000_0000, size: 1 << 30, user: 0x10_0000_0000, offset: 4096 };
    vec![
        Request::GetFeatures,
        Request::SetFeatures(0x1_2345_6789),
        Request::SetOwner,
        Request::GetProtocolFeatures,
        Request::SetProtocolFeatures(u64::MAX),
        Request::SetMemTable(Regions::new(&[]).unwrap()),
        Request::SetMemTable(Regions::new(&[region; 7]).unwrap()),
        Request::SetVringNum(state),
        Request::SetVringAddr(VringAddr { index: 1, descriptors: 2, device: 3, driver: 4 }),
        Request::SetVringBase(state),
        Request::GetVringBase(state),
        Request::SetVringKick(VringEvent { index: 0, bits: Some(1 << 31) }),
        Request::SetVringCall(VringEvent { index: 255, bits: None }),
        Request::SetVringEnable(state),
        Request::GetConfig(8, 16),
        Request::GetVringVei(state),
    ]
}

#[test]
fn requests_survive_the_way() {
    for request in requests() {
        assert_eq!(Request::decode(request.encode().as_slice()), Ok(request));
    }
    assert!(Regions::new(&[Region::default(); 8]).is_none());
}

#[test]
fn the_layout_is_the_protocols() {
    // vhost-user: u32 request, u32 flags (version 1, need_reply bit 3), u32 size, then the payload.
    let request = Request::SetVringKick(VringEvent { index: 2, bits: None });
    let expected = [12, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(request.encode().as_slice(), expected);
    assert_eq!(Request::GetFeatures.encode().as_slice(), [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn answers_survive_the_way() {
    let state = Reply::State(VringState { index: 3, num: 77 });
    for request in requests() {
        let reply = match request {
            Request::GetVringBase(_) | Request::GetVringVei(_) => state,
            Request::GetConfig(..) => {
                let mut bytes = [0; CONFIG_MAX];
                bytes[..16].fill(0xab);
                Reply::Config(bytes, 16)
            }
            _ => Reply::Number(5),
        };
        assert_eq!(Reply::decode(&request, reply.encode(&request).as_slice()), Ok(reply));
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for request in requests() {
        let message = request.encode();
        for cut in 0..message.as_slice().len() {
            assert_eq!(Request::decode(&message.as_slice()[..cut]), Err(BadMessage::Short));
        }
        assert!(Reply::decode(&request, message.as_slice()).is_err(), "a request is no answer");
    }
    let mut bytes = Request::SetOwner.encode().as_slice().to_vec();
    bytes[0] = 99;
    assert_eq!(Request::decode(&bytes), Err(BadMessage::Unknown(99)));
    bytes[4] = 2;
    assert_eq!(Request::decode(&bytes), Err(BadMessage::Flags(2)));
    let mut table = Request::SetMemTable(Regions::new(&[Region::default()]).unwrap()).encode().as_slice().to_vec();
    table[12] = 200;
    assert_eq!(Request::decode(&table), Err(BadMessage::Range));
}
