//! What the extension counts on each hart.

macro_rules! counts {
    ($($(#[$doc:meta])* $count:ident,)*) => {
        /// Counters of one hart. They go on over a reset.
        #[derive(Clone, Debug, Default)]
        pub(super) struct Counts {
            $($(#[$doc])* pub(super) $count: u64,)*
        }

        impl Counts {
            /// By name.
            pub(super) fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($count), self.$count),)*]
            }
        }
    };
}

counts! {
    /// Writes of veisend that were let through.
    vei_sends,
    /// Of those, lookups that the map cache answered.
    vei_map_hits,
    /// Lookups that went to memory.
    vei_map_misses,
    /// Cycles of all lookups.
    vei_map_cycles,
    /// Sends that nobody got: map-miss exceptions.
    vei_faults,
    /// Sends to a kernel.
    vei_supervisor,
    /// Sends to a user context.
    vei_user,
    /// Sends that found a notification on its way already, and joined it.
    vei_merged,
    /// Sends that posted without notifying, because software suppresses it (SN).
    vei_suppressed,
    /// Sends whose notification the mapping's rate limit held back.
    vei_held_back,
    /// Supervisor VEIs claimed.
    vei_claims,
    /// Contexts fetched into the slot.
    uct_fetches,
    /// Fetches that found nothing to deliver.
    uct_void,
    /// Contexts that turned out to be malformed.
    uct_bad,
    /// Vectors claimed by handlers.
    uvei_claims,
    /// User VEIs delivered to the running thread.
    uvei_plain,
    /// Entries by HCS.
    hcs_takes,
    /// Returns by URET.
    hcs_returns,
}
