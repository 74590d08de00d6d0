//! Experiment `vei`: a guest sends and receives through virtio-net, in netperf's four shapes; kicks by exits against kicks by VEI.

use crate::lab::case::{Case, Suppression};
use crate::lab::compose::{self, Composition};
use crate::lab::experiment::{Experiment, Metric, Slice, Workload};
use crate::lab::mechanism::{VHOST, VHOST_USER, VHOST_USER_HCS, VHOST_USER_POLL, VHOST_VEI, VIRTIO};
use crate::lab::results::{self, Outcome};

const STREAMS: &[&str] = &["udp_stream", "tcp_stream"];
const EXCHANGES: &[&str] = &["udp_rr", "tcp_rr"];
const SIZES: &[u64] = &[64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
const ALL: &[Suppression] = &[Suppression::EventIdx, Suppression::Flags, Suppression::None];
const BANKED: &[u8] = &[1];

/// The experiment.
pub static VEI: Experiment = Experiment {
    name: "vei",
    about: "a guest's network traffic through virtio-net: kicks by exits against virtual event interrupts",
    headline: "vhost-net over HA-IOV increases by more than 100 % with small messages (netperf, UDP and TCP)",
    size_is: "bytes of a message",
    mechanisms: &[&VIRTIO, &VHOST, &VHOST_VEI, &VHOST_USER, &VHOST_USER_POLL, &VHOST_USER_HCS],
    classic: Some(&VHOST),
    subject: Some(&VHOST_VEI),
    workloads: &[
        Workload { name: "udp_stream", about: "datagrams to the peer, as fast as they go", metric: Metric::Bytes },
        Workload { name: "tcp_stream", about: "one stream to the peer, sent in pieces", metric: Metric::Bytes },
        Workload { name: "udp_rr", about: "a datagram there and one back, one at a time", metric: Metric::Operations },
        Workload { name: "tcp_rr", about: "a piece there and one back, one at a time", metric: Metric::Operations },
    ],
    quantum: 100,
    full: &[
        Slice { workloads: STREAMS, sizes: SIZES, suppression: ALL, banks: BANKED, ..NOTHING },
        Slice { workloads: EXCHANGES, sizes: &[64, 1024, 16384], suppression: ALL, banks: BANKED, ..NOTHING },
    ],
    quick: &[
        Slice {
            workloads: STREAMS,
            sizes: &[64, 1024],
            suppression: &[Suppression::EventIdx],
            banks: BANKED,
            ..NOTHING
        },
        Slice { workloads: &["udp_rr"], sizes: &[64], suppression: &[Suppression::EventIdx], banks: BANKED, ..NOTHING },
    ],
    probe: Slice {
        workloads: &["udp_stream"],
        sizes: &[64],
        suppression: &[Suppression::EventIdx],
        banks: BANKED,
        ..NOTHING
    },
    images: &["hyp", "vmm", "net", "peer", "backend"],
    needs: || Ok(()),
    compose,
    check: |case, output| check(case, output, true),
};

const NOTHING: Slice =
    Slice { workloads: &[], sizes: &[], suppression: &[], queue_depth: &[], sharing: &[], banks: &[] };

/// Messages of a run: enough that start and end don't count, at all sizes.
fn count(case: &Case) -> u64 {
    match case.workload.metric {
        Metric::Operations => 200,
        _ => ((1 << 20) / case.size.max(1)).clamp(200, 4000),
    }
}

fn compose(case: &Case) -> Result<Composition, String> {
    let event_idx = u8::from(case.options.suppression == Some(Suppression::EventIdx));
    let args = format!("test={} size={} count={} event-idx={event_idx}", case.workload.name, case.size, count(case));
    compose::virtio(case, "net", &args, count(case))
}

/// Results of all guests, and of the peer if there is one.
pub fn check(case: &Case, output: &[u8], peer: bool) -> Result<Outcome, String> {
    results::outcome(output, case.options.guests.unwrap_or(1).max(1) as usize, peer)
}
