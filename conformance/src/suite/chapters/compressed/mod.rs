//! Compressed instructions: Zca, Zcd, Zcb and Zcmop.
//!
//! Encodings are put together here once more, from the figures of those chapters (`encoding`), so that a mistake in the emulator's table of
//! immediates can't hide. `arithmetic`, `memory`, `control` and `reserved` are the tests.

mod arithmetic;
mod control;
mod encoding;
mod memory;
mod reserved;

use rv_hart::Mode;
use rv_isa::Isa;

use crate::suite::case::{Case, case};

const SECTION: &str = "Zca, Zcd, Zcb, Zcmop: instruction's own description";

/// Tests of an extension, in all modes.
pub fn directed(isa: Isa) -> Vec<Case> {
    let cases = match isa {
        Isa::Zca => [arithmetic::base(), memory::base(), control::all(), reserved::hints(), reserved::base()].concat(),
        Isa::Zcb => [arithmetic::further(), memory::further(), reserved::further()].concat(),
        Isa::Zcd => [memory::doubles(), memory::off()].concat(),
        Isa::Zcmop => reserved::may_be(),
        _ => Vec::new(),
    };
    cases.into_iter().map(|case| case.needs(isa)).flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}

fn named(name: impl Into<String>) -> Case {
    case(name, SECTION, Mode::M)
}

/// The eight registers that three bits can name.
const SHORT: std::ops::RangeInclusive<u8> = 8..=15;
