//! Many harts: all of them come, go and come again (SBI, "Hart State Management Extension"), and reach each other meanwhile.

use benches::linux::{Debian, Initramfs};

use crate::common::File;
use crate::session::Session;

/// Harts are stopped and started by Linux's CPU hotplug; then four shells run, each on a hart of its own.
const SCRIPT: &str = "\
cd /sys/devices/system/cpu
echo at first: $(cat online)
for hart in 1 3; do echo 0 > cpu$hart/online; done
echo stopped: $(cat online)
for hart in 1 3; do echo 1 > cpu$hart/online; done
echo again: $(cat online)
for hart in 0 1 2 3; do
  taskset $(printf %x $((1 << hart))) sh -c 'i=0; while [ $i -lt 500 ]; do i=$((i + 1)); done; echo counted to $i' &
done
wait
awk '/Function call/ { print \"calls reached hart 1: \" ($3 > 0) \", hart 3: \" ($5 > 0) }' /proc/interrupts";

fn boot(debian: &Debian, harts: &str) -> String {
    let initrd = File::new(&format!("smp{harts}"), &Initramfs::new(debian).unwrap().finish(SCRIPT));
    let mut session = Session::linux(debian, &initrd, "console=ttyS0 quiet", &["--memory", "1G", "--harts", harts]);
    session.close_input();
    session.finish()
}

#[test]
fn harts_are_stopped_and_started_again() {
    let Some(debian) = Debian::or_skip("Linux with 8 and with 64 harts") else { return };
    for harts in [8, 64] {
        let printed = boot(&debian, &harts.to_string());
        let last = harts - 1;
        for line in [
            format!("at first: 0-{last}"),
            format!("stopped: 0,2,4-{last}"),
            format!("again: 0-{last}"),
            "calls reached hart 1: 1, hart 3: 1".to_owned(),
            "reboot: Power down".to_owned(),
        ] {
            assert!(printed.contains(&line), "{line}: {printed}");
        }
        assert_eq!(printed.matches("counted to 500").count(), 4, "{printed}");
    }
}
