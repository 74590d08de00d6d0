//! Whatever is written to CSRs, by observers and by instructions in any mode and order: they hold legal values, read-only ones don't change,
//! and writing back what was read changes nothing.

mod csr_rules;

use conformance::Rig;
use csr_rules::exists;
use csr_rules::values::illegal;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::{prop_assert, prop_assert_eq, proptest};
use rv_hart::{Costs, Hart, Mode};
use rv_isa::asm::{self, A0, A1};
use rv_isa::{IsaSet, csr};

/// A write to some CSR.
#[derive(Clone, Debug)]
struct Write {
    number: Index,
    value: u64,
    by: By,
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
enum By {
    Observer,
    Swap(Mode),
    Set(Mode),
    Clear(Mode),
}

/// Values that mean something in some field, and any others.
fn values() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0u32..64).prop_map(|bit| 1 << bit),
        (0u64..16, any::<u64>()).prop_map(|(mode, rest)| mode << 60 | rest >> 4),
        select(&[0, u64::MAX][..]),
    ]
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let mode = || select(&Mode::ALL[..]);
    let by = prop_oneof![
        3 => select(&[By::Observer][..]),
        1 => mode().prop_map(By::Swap),
        1 => mode().prop_map(By::Set),
        1 => mode().prop_map(By::Clear),
    ];
    vec((any::<Index>(), values(), by).prop_map(|(number, value, by)| Write { number, value, by }), 1..60)
}

fn carry_out(rig: &mut Rig, number: u16, write: &Write) {
    rig.hart.state.x[usize::from(A0)] = write.value;
    match write.by {
        By::Observer => {
            rig.hart.csr_poke(number, write.value);
        }
        By::Swap(mode) => {
            rig.run(mode, asm::csrrw(A1, number, A0));
        }
        By::Set(mode) => {
            rig.run(mode, asm::csrrs(A1, number, A0));
        }
        By::Clear(mode) => {
            rig.run(mode, asm::csrrc(A1, number, A0));
        }
    }
}

/// Registers that count, or whose bits follow those that do.
fn runs(number: u16) -> bool {
    matches!(number, 0xb00..=0xb1f | 0xc00..=0xc1f)
}

fn check_legal(rig: &Rig, numbers: &[u16]) -> Result<(), String> {
    for number in numbers {
        let value = rig.get(*number);
        if let Some(rule) = illegal(rig, *number, value) {
            return Err(format!("{number:#x} reads {value:#x}: {rule}"));
        }
    }
    Ok(())
}

/// Every register written with what it reads.
fn check_stable(rig: &mut Rig, numbers: &[u16]) -> Result<(), String> {
    for number in numbers.iter().filter(|number| !runs(**number)) {
        let before: Vec<u64> = numbers.iter().map(|number| rig.get(*number)).collect();
        rig.set(*number, rig.get(*number));
        for (other, before) in numbers.iter().zip(before).filter(|(other, _)| !runs(**other)) {
            // A write to the floating-point registers makes their state dirty, whatever it writes.
            let dirty = (1..=3).contains(number) && [csr::MSTATUS, csr::SSTATUS, csr::VSSTATUS].contains(other);
            let after = rig.get(*other);
            if after != before && !dirty {
                return Err(format!("writing {number:#x} back turns {other:#x} from {before:#x} to {after:#x}"));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn csrs_hold_legal_values(isa in select(&["default", "max", "rv64i", "rv64gch", "rv64gch_smaia"][..]), writes in writes()) {
        let mut rig = Rig::default();
        let isa = IsaSet::parse(isa).unwrap();
        rig.hart = Hart::new(0, conformance::CODE, isa, Costs::FLAT, Vec::new()).unwrap();
        let numbers: Vec<u16> = (0..4096).filter(|number| exists(*number, isa)).collect();
        prop_assert_eq!(check_legal(&rig, &numbers), Ok(()), "after reset");
        for write in &writes {
            let number = *write.number.get(&numbers);
            let before = rig.hart.csr_peek(number);
            carry_out(&mut rig, number, write);
            prop_assert_eq!(check_legal(&rig, &numbers), Ok(()), "after {:?} of {:#x}", write, number);
            let follows = [csr::SCOUNTOVF, csr::MTOPI, csr::STOPI, csr::VSTOPI];
            let counts = runs(number) || follows.contains(&number);
            prop_assert!(number >> 10 != 3 || counts || rig.hart.csr_peek(number) == before, "{:#x} is read-only", number);
        }
        prop_assert_eq!(check_stable(&mut rig, &numbers), Ok(()));
    }
}
