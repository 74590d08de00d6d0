//! Memory.

use core::ptr;

use hyp_abi::Error;
use hyp_abi::PAGE_SIZE;
use hyp_abi::syscall::MAP_HUGE;
use hyp_rt::shared::{Shared, unmap};
use hyp_rt::{stats, sys};

use crate::{Outcome, check, fails};

const HUGE: usize = 2 << 20;

fn word(address: usize) -> *mut u64 {
    ptr::with_exposed_provenance_mut(address)
}

pub fn shared() -> Outcome {
    check!(Shared::new(HUGE + PAGE_SIZE).is_err(), "an object of odd size");
    check!(Shared::new(0).is_err() && Shared::new(usize::MAX << 21).is_err(), "an object of no or endless size");
    let before = stats::host().map_err(fails)?;
    let object = Shared::new(4 * HUGE).map_err(fails)?;
    let (left, right) = (object.map().map_err(fails)?, object.map().map_err(fails)?);
    check!(left != right, "mapped twice in one place");
    // SAFETY: both are mappings of four large pages that nobody else uses.
    unsafe {
        word(left + HUGE).write_volatile(7);
        check!(word(right + HUGE).read_volatile() == 7, "two mappings of one object differ");
        check!(word(right).read_volatile() == 0, "new memory is not zero");
        word(right + 3 * HUGE).write_volatile(1);
    }
    check!(stats::host().is_ok_and(|now| now.shared_pages == before.shared_pages + 3), "pages are not made on demand");
    drop(object);
    // SAFETY: as above.
    unsafe {
        check!(unmap(left, HUGE) == Err(Error::InvalidArgument), "a part of a mapping is taken away");
        unmap(left, 4 * HUGE).map_err(fails)?;
        check!(word(right + HUGE).read_volatile() == 7, "pages go before their last mapping");
        unmap(right, 4 * HUGE).map_err(fails)?;
    }
    check!(stats::host().is_ok_and(|now| now.shared_pages == before.shared_pages), "pages stay without a user");
    Ok(())
}

pub fn large_after_small() -> Outcome {
    for _ in 0..3 {
        let small = sys::map(2 * HUGE, 0).map_err(fails)?;
        // SAFETY: the memory is ours.
        unsafe {
            word(small + HUGE).write_volatile(1);
            unmap(small, 2 * HUGE).map_err(fails)?;
        }
        let large = sys::map(2 * HUGE, MAP_HUGE).map_err(fails)?;
        // SAFETY: the memory is ours.
        unsafe {
            check!(word(large + HUGE).read_volatile() == 0, "new memory is not zero");
            unmap(large, 2 * HUGE).map_err(fails)?;
        }
    }
    Ok(())
}
