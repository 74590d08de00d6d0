//! Paths: each mechanism's has the steps that define it, and is the same twice.

use std::sync::{Arc, OnceLock};

use benches::lab::path::sequence::{Path, Step, What};
use benches::lab::path::{self, markdown, mermaid, svg, text};

fn traced() -> Vec<Path> {
    let model = Arc::new(ha_iov_ext::model::cost_model("default").unwrap());
    path::trace_all(path::ALL, &model).into_iter().map(Result::unwrap).collect()
}

/// All paths; every test looks at the same ones.
fn all() -> &'static [Path] {
    static PATHS: OnceLock<Vec<Path>> = OnceLock::new();
    PATHS.get_or_init(traced)
}

fn find(name: &str) -> &'static Path {
    let path = all().iter().find(|path| path.name == name).unwrap();
    println!("{}", text::text(path));
    path
}

/// Arrows with their labels, in order, up to the guest's seeing the end.
fn arrows(path: &Path) -> Vec<(What, &str)> {
    let arrow = |step| match step {
        &Step::Arrow { what, ref label, .. } => Some((what, label.as_str())),
        _ => None,
    };
    path.steps.iter().filter(|timed| !timed.after).filter_map(|timed| arrow(&timed.step)).collect()
}

fn kinds(path: &Path) -> Vec<What> {
    arrows(path).into_iter().map(|(what, _)| what).collect()
}

fn index(path: &Path, wanted: What, words: &str) -> usize {
    let is = |step: &Step| matches!(step, Step::Arrow { what, label, .. } if *what == wanted && label.contains(words));
    path.steps
        .iter()
        .position(|timed| is(&timed.step))
        .unwrap_or_else(|| panic!("{}: no {wanted:?} {words}", path.name))
}

/// Instructions of the kernel on `hart` in steps `from` to `to`.
fn kernel_insns(path: &Path, hart: usize, from: usize, to: usize) -> u64 {
    let of = |step: &Step| match step {
        Step::Work { lane, insns, .. } if path.lanes[*lane].mode == "HS" && path.lanes[*lane].hart == hart => *insns,
        _ => 0,
    };
    path.steps[from..to].iter().map(|timed| of(&timed.step)).sum()
}

fn has(path: &Path, name: &str) -> bool {
    path.lanes.iter().any(|lane| lane.name == name)
}

/// What all requests to a ring have in common: it is seen by one who serves it, and its end by the guest.
fn ends_well(path: &Path) {
    let (available, used) = (index(path, What::Seen, "avail.idx"), index(path, What::Seen, "used.idx"));
    assert!(available < used, "{}", path.name);
    assert_eq!(path.count(What::Seen), 2, "{}", path.name);
    assert!(path.range.0 <= path.cycles && path.cycles <= path.range.1 && path.requests >= 5, "{}", path.name);
}

/// The way back to a guest that waits: an IPI to its hart, the interrupt, and the guest that takes it.
fn interrupts_the_guest(path: &Path) {
    let order = [
        index(path, What::Ipi, "hart 0"),
        index(path, What::Inject, "VSSIP"),
        index(path, What::GuestInterrupt, "software"),
        index(path, What::Seen, "used.idx"),
    ];
    assert!(order.is_sorted(), "{}: {order:?}", path.name);
    assert_eq!(path.count(What::GuestInterrupt), 1, "{}", path.name);
}

#[test]
fn emulation_goes_through_kernel_and_monitor() {
    let path = find("emulate");
    assert_eq!(kinds(path), [What::Exit, What::ToUser, What::SystemCall, What::ToGuest]);
    assert!(arrows(path)[0].1.contains("UART THR") && arrows(path)[2].1.contains("vcpu_run"));
}

#[test]
fn redirection_has_no_kernel() {
    for name in ["uer", "virtio-uer"] {
        let path = find(name);
        assert_eq!((path.count(What::Redirect), path.count(What::Uret), path.count(What::Exit)), (1, 1, 0));
        assert!(!has(path, "kernel"), "{name}");
    }
    assert_eq!(kinds(find("uer")), [What::Redirect, What::Uret]);
    assert!(find("uer").cycles < find("emulate").cycles && find("virtio-uer").cycles < find("virtio").cycles);
}

#[test]
fn a_device_in_the_monitor_is_served_on_the_guests_hart() {
    let path = find("virtio");
    ends_well(path);
    ends_well(find("virtio-uer"));
    assert_eq!((path.kicks(), path.count(What::Exit), path.count(What::Ipi)), (1, 1, 0));
    assert!(path.lanes.iter().all(|lane| lane.hart == path.lanes[0].hart));
}

#[test]
fn vhost_has_one_exit_for_the_kick() {
    let path = find("vhost");
    ends_well(path);
    interrupts_the_guest(path);
    assert_eq!((path.kicks(), path.count(What::Send)), (1, 0));
    assert!(index(path, What::Exit, "QueueNotify") < index(path, What::Ipi, "hart 1"));
    assert!(!has(path, "backend") && !has(path, "VMM"));
}

#[test]
fn vhost_vei_has_none() {
    let path = find("vhost-vei");
    ends_well(path);
    interrupts_the_guest(path);
    assert_eq!((path.kicks(), path.count(What::Send), path.count(What::Ipi)), (0, 1, 1));
    assert!(!has(path, "backend") && !has(path, "VMM"));
    assert!(index(path, What::Send, "VEIID") < index(path, What::Seen, "avail.idx"));
}

#[test]
fn vhost_user_wakes_a_process() {
    let path = find("vhost-user");
    ends_well(path);
    interrupts_the_guest(path);
    assert_eq!((path.kicks(), path.count(What::Send)), (1, 0));
    assert!(index(path, What::ToUser, "SRET") < index(path, What::Seen, "avail.idx"));
    assert!(index(path, What::Seen, "avail.idx") < index(path, What::SystemCall, "event_signal"));
    index(path, What::SystemCall, "event_wait");
}

#[test]
fn polling_needs_nobody_to_tell_it() {
    let path = find("vhost-user-poll");
    ends_well(path);
    interrupts_the_guest(path);
    assert_eq!((path.kicks(), path.count(What::Send), path.count(What::Ipi)), (0, 0, 1));
    // The hart never rests.
    let waits = |step: &Step| matches!(step, Step::Wait { lane } if path.lanes[*lane].hart == 1);
    assert!(!path.steps.iter().any(|timed| waits(&timed.step)));
    assert_eq!(kernel_insns(path, 1, 0, index(path, What::SystemCall, "event_signal")), 0);
}

#[test]
fn a_sleeping_thread_is_woken_by_the_kernel() {
    let path = find("vhost-user-hcs");
    ends_well(path);
    interrupts_the_guest(path);
    assert_eq!((path.kicks(), path.count(What::Send), path.count(What::HcsTake)), (0, 1, 0));
    let order =
        [index(path, What::Send, "context"), index(path, What::PlainUserVei, ""), index(path, What::Seen, "avail")];
    assert!(order.is_sorted(), "{order:?}");
    assert!(kernel_insns(path, 1, order[0], order[1]) > 0, "the doorbell");
}

#[test]
fn hardware_switches_from_the_other_guest_and_back() {
    let path = find("vhost-user-hcs-shared");
    ends_well(path);
    interrupts_the_guest(path);
    assert_eq!((path.kicks(), path.count(What::Send), path.count(What::Ipi)), (0, 1, 1));
    let [send, take] = [index(path, What::Send, "context"), index(path, What::HcsTake, "")];
    let [seen, back] = [index(path, What::Seen, "avail"), index(path, What::HcsReturn, "")];
    assert!(send < take && take < seen && seen < back);
    // No stay in HS from the send to the handler's work, nor between the handler and the guest that it has interrupted.
    assert_eq!(kernel_insns(path, 1, send, seen), 0);
    assert!(matches!(path.steps[take].step, Step::Arrow { from, to, .. }
        if path.lanes[from].name == "other guest" && path.lanes[to].name == "backend"));
    assert!(matches!(path.steps[back].step, Step::Arrow { from, to, .. }
        if path.lanes[from].name == "backend" && path.lanes[to].name == "other guest"));
}

/// Of each hart: what it did up to the end is no more than the time there was, but for a turn.
#[test]
fn nothing_takes_longer_than_the_request() {
    for path in all() {
        let hart = path.lanes[0].hart;
        let own = path.lanes.iter().zip(path.sums()).filter(|(lane, _)| lane.hart == hart);
        let sum: u64 = own.map(|(_, sum)| sum.cycles + sum.waited).sum();
        assert_eq!(sum, path.cycles, "{}: the guest's hart has no gaps", path.name);
    }
}

#[test]
fn the_same_twice_in_every_form() {
    let again = traced();
    assert_eq!(all(), again);
    assert_eq!(markdown::markdown(all()), markdown::markdown(&again));
    for (one, other) in all().iter().zip(&again) {
        assert_eq!(svg::svg(one).unwrap(), svg::svg(other).unwrap());
        let lines = mermaid::mermaid(one).lines().count();
        assert!(lines > one.steps.len() && text::text(one).lines().count() > one.steps.len());
        assert!(serde_json::to_string(one).unwrap().contains("\"step\":\"arrow\""));
    }
}

#[test]
fn an_exchange_goes_to_the_peer_and_back() {
    for (name, kicks, sends) in [("vhost-net", 1, 0), ("vhost-vei-net", 0, 1)] {
        let path = find(name);
        ends_well(path);
        interrupts_the_guest(path);
        assert_eq!((path.kicks(), path.count(What::Send)), (kicks, sends), "{name}");
        let order = [index(path, What::Seen, "avail.idx"), index(path, What::SystemCall, "event_signal")];
        assert!(order.is_sorted() && has(path, "peer"), "{name}");
    }
}
