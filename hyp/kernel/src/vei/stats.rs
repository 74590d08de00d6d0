//! What is counted.

use core::sync::atomic::{AtomicU64, Ordering};

use hyp_abi::vei::VeiInfo;

use crate::stats::{Kind, live};

macro_rules! counters {
    ($($name:ident => $field:ident;)*) => {
        $(
            #[doc = concat!("See [`VeiInfo::", stringify!($field), "`].")]
            pub static $name: Counter = Counter(AtomicU64::new(0));
        )*

        /// All of them.
        pub fn info() -> VeiInfo {
            VeiInfo {
                supported: super::is_supported().into(),
                bank: super::is_banked().into(),
                routes: live(Kind::VeiRoute) as u64,
                contexts: live(Kind::UserContext) as u64,
                $($field: $name.0.load(Ordering::Relaxed),)*
            }
        }
    };
}

/// A number that harts change at the same time.
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    #[inline]
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

counters! {
    CLAIMED => claimed;
    SLOW_SENDS => slow_sends;
    MISSES => misses;
    DOORBELLS => doorbells;
    ACTIVITIES => activities;
    PLAIN => plain;
    EVICTIONS => evictions;
    OVER_BUDGET => over_budget;
    HANDLER_CALLS => handler_calls;
    MOVES => moves;
    FENCES => fences;
}
