//! TCP through the NAT, and forwarded to the guest.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use rv_backends::nat::NatConfig;
use smoltcp::socket::tcp::State;

use crate::guest::{Guest, config, pattern};

/// A server of one connection; where the guest finds it.
fn serve<T: Send + 'static>(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (format!("10.0.2.2:{port}"), thread::spawn(move || serve(listener.accept().unwrap().0)))
}

fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn megabytes_go_both_ways_at_once() {
    let (up, down) = (pattern(5 << 20, 1), pattern(7 << 20, 2));
    let send = down.clone();
    let (address, server) = serve(move |stream| {
        let mut writer = stream.try_clone().unwrap();
        let writing = thread::spawn(move || {
            writer.write_all(&send).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let bytes = read_all(&stream);
        writing.join().unwrap();
        bytes
    });
    let mut guest = Guest::new(config());
    guest.refuse_every = 7;
    let handle = guest.connect(&address);
    let taken = guest.converse(handle, &up);
    assert!(taken == down, "{} of {} bytes came down", taken.len(), down.len());
    assert!(server.join().unwrap() == up);
    guest.until(|guest| (guest.tcp(handle).state() == State::TimeWait || !guest.tcp(handle).is_open()).then_some(()));
    assert_eq!(guest.nat.lost(), 0);
    // Its last packets may be waited for (RFC 9293, 3.6.1), but not for ever.
    guest.until(|guest| (guest.nat.connections() == 0).then_some(()));
}

#[test]
fn an_answer_may_come_after_the_end_of_the_question() {
    let (address, server) = serve(|mut stream| {
        let question = read_all(&stream);
        stream.write_all(&[&question[..], b" answered"].concat()).unwrap();
    });
    let mut guest = Guest::new(config());
    let handle = guest.connect(&address);
    assert_eq!(guest.converse(handle, b"question"), b"question answered");
    server.join().unwrap();
}

#[test]
fn what_the_host_refuses_is_reset() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut guest = Guest::new(config());
    let handle = guest.connect(&format!("10.0.2.2:{port}"));
    guest.until(|guest| (guest.tcp(handle).state() == State::Closed).then_some(()));
    assert!(guest.now.as_millis() < 900, "not by giving up");
    assert_eq!(guest.nat.connections(), 0);
}

#[test]
fn nowhere_is_not_reached() {
    for nowhere in ["10.0.2.99:80", "10.0.2.3:80", "127.0.0.1:80", "240.0.0.1:80"] {
        let mut guest = Guest::new(config());
        let handle = guest.connect(nowhere);
        for _ in 0..50 {
            guest.step();
        }
        assert_eq!(guest.tcp(handle).state(), State::SynSent, "{nowhere}");
        assert_eq!(guest.nat.connections(), 0, "{nowhere}");
    }
}

#[test]
fn a_reset_of_the_host_reaches_the_guest() {
    let (address, server) = serve(|stream| {
        // With something unread, closing is resetting (RFC 1122, 4.2.2.13).
        stream.peek(&mut [0]).unwrap();
    });
    let mut guest = Guest::new(config());
    let handle = guest.connect(&address);
    guest.until(|guest| guest.tcp(handle).can_send().then_some(()));
    guest.tcp(handle).send_slice(b"unread").unwrap();
    server_ends(&mut guest, server);
    guest.until(|guest| (guest.tcp(handle).state() == State::Closed).then_some(()));
    guest.until(|guest| (guest.nat.connections() == 0).then_some(()));
}

#[test]
fn a_reset_of_the_guest_reaches_the_host() {
    let (address, server) = serve(|mut stream| {
        stream.write_all(b"hello").unwrap();
        let mut bytes = [0; 16];
        loop {
            match stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(error.kind()),
            }
        }
    });
    let mut guest = Guest::new(config());
    let handle = guest.connect(&address);
    guest.until(|guest| guest.tcp(handle).can_recv().then_some(()));
    guest.tcp(handle).abort();
    assert_eq!(server_ends(&mut guest, server), Some(ErrorKind::ConnectionReset));
    guest.until(|guest| (guest.nat.connections() == 0).then_some(()));
}

/// Goes on until the server has ended.
fn server_ends<T>(guest: &mut Guest, server: JoinHandle<T>) -> T {
    guest.until(|_| server.is_finished().then_some(()));
    server.join().unwrap()
}

#[test]
fn what_a_guest_sent_before_a_full_stop_still_arrives() {
    // The host reads late: the guest has sent all and ended while most of it waits in the NAT.
    let data = pattern(3 << 20, 3);
    let (address, server) = serve(|stream| {
        thread::sleep(std::time::Duration::from_millis(300));
        read_all(&stream)
    });
    let mut guest = Guest::new(config());
    let handle = guest.connect(&address);
    assert_eq!(guest.converse(handle, &data), b"");
    assert!(server_ends(&mut guest, server) == data);
}

#[test]
fn connections_are_bounded_and_their_places_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("10.0.2.2:{}", listener.local_addr().unwrap().port());
    let mut guest = Guest::new(NatConfig { connections_max: 3, ..config() });
    let open: Vec<_> = (0..3).map(|_| guest.connect(&address)).collect();
    for &handle in &open {
        guest.until(|guest| guest.tcp(handle).may_send().then_some(()));
    }
    let one_more = guest.connect(&address);
    guest.until(|guest| (guest.tcp(one_more).state() == State::Closed).then_some(()));
    let hosts: Vec<_> = (0..3).map(|_| listener.accept().unwrap().0).collect();
    assert_eq!(guest.nat.connections(), 3);
    guest.tcp(open[1]).close();
    drop(hosts);
    guest.until(|guest| (guest.tcp(open[1]).state() == State::TimeWait).then_some(()));
    let instead = guest.connect(&address);
    guest.until(|guest| guest.tcp(instead).may_send().then_some(()));
}

#[test]
fn forwarded_connections_reach_the_guest() {
    let forwards = vec!["tcp::0-:22".parse().unwrap(), "tcp::0-10.0.2.15:23".parse().unwrap()];
    let mut guest = Guest::new(NatConfig { forwards, restrict: true, ..config() });
    let ports: Vec<_> = guest.nat.forwards().iter().map(|forward| forward.host).collect();
    let handle = guest.listen(22);
    let client = thread::spawn({
        let address = ports[0];
        move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(&pattern(1 << 20, 4)).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            read_all(&stream)
        }
    });
    guest.until(|guest| guest.tcp(handle).may_send().then_some(()));
    assert_eq!(guest.tcp(handle).remote_endpoint().unwrap().addr.to_string(), "10.0.2.2");
    let taken = guest.converse(handle, &pattern(1 << 20, 5));
    assert!(taken == pattern(1 << 20, 4));
    assert!(server_ends(&mut guest, client) == pattern(1 << 20, 5));
    // Nobody listens on 23: the client's connection, which the host has accepted, is reset.
    let client = thread::spawn({
        let address = ports[1];
        move || TcpStream::connect(address).and_then(|mut stream| stream.read(&mut [0])).map_err(|error| error.kind())
    });
    assert_eq!(server_ends(&mut guest, client), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_restricted_guest_gets_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut guest = Guest::new(NatConfig { restrict: true, ..config() });
    let handle = guest.connect(&format!("10.0.2.2:{}", listener.local_addr().unwrap().port()));
    for _ in 0..50 {
        guest.step();
    }
    assert_eq!(guest.tcp(handle).state(), State::SynSent);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
