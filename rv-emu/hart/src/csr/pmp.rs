//! PMP configuration ("Physical Memory Protection CSRs"): 16 entries.

use rv_isa::fields::pmpcfg;

use super::{Row, number};
use crate::hart::Hart;
use crate::state::PMP_ENTRIES;

/// pmpaddr holds address bits 55:2.
const ADDR: u64 = (1 << 54) - 1;

macro_rules! addresses {
    ($($entry:literal)*) => { [$(
        Row::new(number::PMPADDR0 + $entry, |h| h.state.csr.pmpaddr[$entry], |h, v| write_addr(h, $entry, v)),
    )*] };
}

const ADDRESSES: [Row; PMP_ENTRIES] = addresses! { 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 };
const CONFIGS: [Row; 2] = [
    Row::new(number::PMPCFG0, |h| read_cfg(h, 0), |h, v| write_cfg(h, 0, v)),
    Row::new(number::PMPCFG2, |h| read_cfg(h, 8), |h, v| write_cfg(h, 8, v)),
];

pub(super) const ROWS: &[Row] = &joined(CONFIGS, ADDRESSES);

const fn joined(configs: [Row; 2], addresses: [Row; PMP_ENTRIES]) -> [Row; PMP_ENTRIES + 2] {
    let mut rows = [CONFIGS[0]; PMP_ENTRIES + 2];
    let mut index = 0;
    while index < rows.len() {
        rows[index] = if index < 2 { configs[index] } else { addresses[index - 2] };
        index += 1;
    }
    rows
}

fn read_cfg(hart: &Hart, first: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hart.state.csr.pmpcfg[first..first + 8]);
    u64::from_le_bytes(bytes)
}

/// Locked entries keep their value; R=0 with W=1 is reserved and written as neither.
fn write_cfg(hart: &mut Hart, first: usize, value: u64) {
    for (cfg, new) in hart.state.csr.pmpcfg[first..first + 8].iter_mut().zip(value.to_le_bytes()) {
        if *cfg & pmpcfg::L != 0 {
            continue;
        }
        let new = new & (pmpcfg::R | pmpcfg::W | pmpcfg::X | pmpcfg::A | pmpcfg::L);
        let reserved = new & (pmpcfg::R | pmpcfg::W) == pmpcfg::W;
        *cfg = if reserved { new & !pmpcfg::W } else { new };
    }
    hart.flush_all();
}

/// A locked entry freezes its address, and the one below too if it is the end of a range (TOR).
fn write_addr(hart: &mut Hart, entry: usize, value: u64) {
    let csr = &mut hart.state.csr;
    let locked = |index: usize| csr.pmpcfg[index] & pmpcfg::L != 0;
    let ends_locked_range =
        entry + 1 < PMP_ENTRIES && locked(entry + 1) && csr.pmpcfg[entry + 1] & pmpcfg::A == pmpcfg::A_TOR;
    if !locked(entry) && !ends_locked_range {
        csr.pmpaddr[entry] = value & ADDR;
        hart.flush_all();
    }
}
