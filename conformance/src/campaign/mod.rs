//! Differential campaigns: random programs, executed in step by our hart and by models that others wrote.
//!
//! Reading order: [`layout`], [`boot`], `generate/`, [`lockstep`], [`spike`], [`allowed`], [`shrink`].

pub mod allowed;
mod asm;
pub mod blocks;
pub mod boot;
pub mod coverage;
pub mod elf;
pub mod generate;
pub mod layout;
pub mod lockstep;
pub mod ours;
pub mod peers;
pub mod process;
pub mod program;
pub mod qemu;
pub mod random;
pub mod regression;
pub mod report;
pub mod run;
pub mod shrink;
pub mod spike;
pub mod tables;

use rv_isa::IsaSet;

/// The extensions of programs and machines: those of ours that other models have too, and that don't go at a pace of their own.
const ISA: &str = "rv64imafdcbh_zbc_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihintntl_zihintpause_zihpm_zimop_zabha_zacas_zawrs_zfa_zfh\
                   _zca_zcb_zcd_zcmop_sstc_svade_svadu_svinval_svnapot_svpbmt_sv39_sv48_sv57";

/// The set that [`ISA`] names.
///
/// # Panics
/// Never: [`ISA`] is valid, as a test says.
pub fn isa() -> IsaSet {
    IsaSet::parse(ISA).expect("a valid ISA string")
}

/// Extensions without instructions or registers, and those that other models take for granted.
fn implied(name: &str) -> bool {
    matches!(name, "sm1p13" | "ss1p13" | "svbare" | "sv39" | "sv48" | "sv57" | "b")
}

/// Names of the set's extensions of several letters, as other models know them.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    isa().rows().map(|row| row.name).filter(|name| name.len() > 1 && !implied(name)).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_a_part_of_ours() {
        assert!(IsaSet::all().contains(isa()));
        assert!(names().any(|name| name == "zfh") && names().all(|name| !implied(name)));
    }
}
