//! Experiment `hcs`: a guest reads and writes a virtio disk in fio's four shapes; a backend process that polls against one that hardware wakes.

use crate::lab::case::{Case, Sharing, Suppression};
use crate::lab::compose::{self, Composition};
use crate::lab::experiment::{Experiment, Metric, Slice, Workload};
use crate::lab::mechanism::{BARE, VHOST, VHOST_USER, VHOST_USER_HCS, VHOST_USER_POLL, VHOST_VEI, VIRTIO};

const PATTERNS: &[&str] = &["read", "write", "randread", "randwrite"];
const RANDOM: &[&str] = &["randread", "randwrite"];
const SIZES: &[u64] = &[512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
const DEPTHS: &[u32] = &[1, 2, 4, 8, 16, 32];
const BOTH_CORES: &[Sharing] = &[Sharing::Own, Sharing::Shared];

/// The experiment.
pub static HCS: Experiment = Experiment {
    name: "hcs",
    about: "a guest's disk traffic through virtio-blk: a polling process against one woken by user VEI and HCS",
    headline: "virtio-blk over HA-IOV increases by 20 % on average with small blocks (fio: read, write, randread, randwrite)",
    size_is: "bytes of a block",
    mechanisms: &[&BARE, &VIRTIO, &VHOST, &VHOST_VEI, &VHOST_USER, &VHOST_USER_POLL, &VHOST_USER_HCS],
    classic: Some(&VHOST_USER_POLL),
    subject: Some(&VHOST_USER_HCS),
    workloads: &[
        Workload { name: "read", about: "blocks in order, read", metric: Metric::Operations },
        Workload { name: "write", about: "blocks in order, written and read back", metric: Metric::Operations },
        Workload { name: "randread", about: "blocks anywhere, read", metric: Metric::Operations },
        Workload { name: "randwrite", about: "blocks anywhere, written and read back", metric: Metric::Operations },
    ],
    quantum: 100,
    full: &[
        Slice {
            workloads: PATTERNS,
            sizes: SIZES,
            suppression: &[Suppression::EventIdx],
            queue_depth: &[1],
            sharing: BOTH_CORES,
            banks: &[1, 0],
        },
        Slice {
            workloads: RANDOM,
            sizes: &[512, 4096],
            suppression: &[Suppression::EventIdx],
            queue_depth: DEPTHS,
            sharing: BOTH_CORES,
            banks: &[1],
        },
        Slice {
            workloads: RANDOM,
            sizes: &[512, 4096],
            suppression: &[Suppression::Flags, Suppression::None],
            queue_depth: DEPTHS,
            sharing: &[Sharing::Own],
            banks: &[1],
        },
    ],
    quick: &[Slice {
        workloads: &["randread"],
        sizes: &[512, 4096],
        suppression: &[Suppression::EventIdx],
        queue_depth: &[1],
        sharing: BOTH_CORES,
        banks: &[1],
    }],
    probe: Slice {
        workloads: &["randread"],
        sizes: &[512],
        suppression: &[Suppression::EventIdx],
        queue_depth: &[1],
        sharing: &[Sharing::Own],
        banks: &[1],
    },
    images: &["hyp", "vmm", "block", "backend", "work"],
    needs: || Ok(()),
    compose,
    check: |case, output| super::vei::check(case, output, false),
};

/// The part of the disk that is used.
const SPAN: u64 = 8 << 20;

/// Cycles that a run on a shared core must take: a dozen time slices of the host, so that everybody had turns.
const SHARED_CYCLES: u64 = 24_000_000;
/// What an operation takes about, in cycles: for the length of a run only.
const OP_CYCLES: u64 = 4_000;

/// Blocks of a run: enough that start and end don't count, at all sizes.
fn ops(case: &Case) -> u64 {
    if case.options.sharing == Some(Sharing::Shared) {
        return SHARED_CYCLES / (OP_CYCLES + case.size);
    }
    ((4 << 20) / case.size.max(1)).clamp(64, 400)
}

/// Whether the guest tells of each request at once, or of all that it has at its end: for each mechanism what is better for it.
///
/// A device that is served while the guest goes on begins earlier if it is told at once, and asks for silence meanwhile. One that is served
/// while the guest stands still does best with all requests in one go; and one whose thread a scheduler has to bring onto a core that
/// others use is switched to and fro for single requests.
fn kicks_at_once(case: &Case) -> bool {
    let never_scheduled = [&VHOST_USER_POLL, &VHOST_USER_HCS].contains(&case.mechanism);
    let stands_still = [&BARE, &VIRTIO].contains(&case.mechanism);
    never_scheduled || (!stands_still && case.options.sharing != Some(Sharing::Shared))
}

fn compose(case: &Case) -> Result<Composition, String> {
    let options = &case.options;
    let args = format!(
        "rw={} bs={} qd={} ops={} span={SPAN} seed={} verify=1 event-idx={}{}",
        case.workload.name,
        case.size,
        options.queue_depth.unwrap_or(1),
        ops(case),
        case.seed,
        u8::from(options.suppression == Some(Suppression::EventIdx)),
        if kicks_at_once(case) { " batch=1" } else { "" },
    );
    compose::virtio(case, "block", &args, ops(case))
}
