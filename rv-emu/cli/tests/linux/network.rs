//! Linux's network stack over the board's network cards.

use std::io::{Read, Write};
use std::net::TcpListener;

use benches::linux::{Debian, Initramfs};

use crate::common::File;
use crate::disk::{log_in, root_drive, switch_root};
use crate::session::Session;

/// Two cards, a wire between them, and a namespace for each: netperf's client here, its server there.
#[test]
fn netperf_over_a_wire() {
    let Some(debian) = Debian::or_skip("netperf over a wire") else { return };
    let (initrd, root) = (switch_root(&debian, "netperf", &["virtio_net"]), root_drive(&debian));
    let options = ["--memory", "512M", "--drive", &root, "--net", "wire=a", "--net", "wire=a"];
    let mut session = Session::linux(&debian, &initrd, "console=ttyS0 quiet", &options);
    log_in(&mut session);
    for line in [
        "ip netns add far && ip link set eth1 netns far",
        "ip addr add 10.1.0.1/24 dev eth0 && ip link set eth0 up",
        "ip -n far addr add 10.1.0.2/24 dev eth1 && ip -n far link set eth1 up && ip -n far link set lo up",
        "ip netns exec far netserver > /dev/null; echo the server is $?",
    ] {
        session.type_line(line);
    }
    session.expect("the server is 0");
    for test in ["TCP_STREAM", "UDP_RR"] {
        session.type_line(&format!("netperf -H 10.1.0.2 -l 1 -t {test} -P 0; echo {test} has ended with $?"));
        session.expect(&format!("{test} has ended with 0"));
    }
    // netperf doesn't look at what it carries. A file does go over whole; init is a busybox, which has a netcat.
    session
        .type_line("(ip netns exec far bash -c 'exec -a nc /sbin/init -l -p 7000' < /dev/null > /tmp/copy) & sleep 1");
    session.type_line("cat /usr/bin/fio > /dev/tcp/10.1.0.2/7000; wait");
    session.type_line("[ \"$(md5sum < /tmp/copy)\" = \"$(md5sum < /usr/bin/fio)\" ]; echo the copy differs: $?");
    session.expect("the copy differs: 0");
    session.type_line("poweroff");
    assert!(session.finish().contains("reboot: Power down"));
}

/// The guest gets its address from the emulator, fetches a file from a server of the host's, and finds the same file in a shared folder.
#[test]
fn the_hosts_network_and_a_folder_of_it() {
    let Some(debian) = Debian::or_skip("Linux on the host's network") else { return };
    let data: Vec<u8> = (0..300_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let folder = std::env::temp_dir().join(format!("rv-emu-linux-{}-share", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("data"), &data).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || serve_once(&listener, &data));
    let script = format!(
        "ip link set eth0 up
printf '#!/bin/sh\\n[ \"$1\" = bound ] && ip addr add $ip/24 dev eth0 && ip route add default via $router\\n' > /tmp/lease
chmod +x /tmp/lease
udhcpc -i eth0 -n -q -s /tmp/lease
mount -t 9p -o trans=virtio,version=9p2000.L host /mnt
wget -q -O /tmp/data http://10.0.2.2:{port}/data
cmp /tmp/data /mnt/data && echo 'both are the same:' $(wc -c < /tmp/data)
echo written by the guest > /mnt/answer"
    );
    let modules = ["virtio_mmio", "virtio_net", "9pnet_virtio", "9p", "af_packet"];
    let modules: Vec<&str> =
        modules.into_iter().filter(|name| debian.path(&format!("modules/{name}.ko")).exists()).collect();
    let archive = Initramfs::new(&debian).unwrap().modules(&debian, &modules).unwrap().finish(&script);
    let initrd = File::new("host", &archive);
    let share = format!("{},tag=host", folder.display());
    let options = ["--memory", "512M", "--net", "user", "--share", &share];
    let mut session = Session::linux(&debian, &initrd, "console=ttyS0 quiet", &options);
    session.close_input();
    let printed = session.finish();
    assert!(printed.contains("lease of 10.0.2.15 obtained"), "{printed}");
    assert!(printed.contains("both are the same: 1200000"), "{printed}");
    server.join().unwrap();
    assert_eq!(std::fs::read_to_string(folder.join("answer")).unwrap(), "written by the guest\n");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Answers one request by HTTP with these bytes.
fn serve_once(listener: &TcpListener, data: &[u8]) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.extend(byte);
    }
    write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", data.len()).unwrap();
    stream.write_all(data).unwrap();
}
