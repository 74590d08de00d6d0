//! Rules switched off one at a time, and what must come of it.

use super::search::Verdict;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The rule that is switched off or replaced.
    pub mutation: Mutation,
    /// Its name on the command line.
    pub name: &'static str,
    /// What is done instead.
    pub about: &'static str,
    /// The rule of ha-iov.
    pub rule: &'static str,
    /// The scenario that shows it.
    pub scenario: &'static str,
    /// What the search must find.
    pub expected: Verdict,
}

macro_rules! mutations {
    ($($name:ident $text:literal $rule:literal $scenario:literal $expected:ident $about:literal;)*) => {
        /// A rule switched off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutation {
            $(#[doc = $about] $name,)*
        }

        /// Every mutation with its expected verdict.
        pub const MUTATIONS: &[Row] = &[
            $(Row {
                mutation: Mutation::$name,
                name: $text,
                about: $about,
                rule: $rule,
                scenario: $scenario,
                expected: Verdict::$expected,
            },)*
        ];
    };
}

mutations! {
    NotifyFirst "notify-first" "S5" "one-context" Lost "the VEI unit sets ON before PIR";
    NoOnClear "no-on-clear" "D1" "one-context" Lost "fill leaves ON set";
    NoReevaluation "no-reevaluation" "8.6 hucur" "one-context" Lost "writing hucur does not look at PIR";
    NoSnGate "no-sn-gate" "D1" "one-context" Twice "fill loads the slot although SN is set";
    NoSnAtClaim "no-sn-at-claim" "8.6" "one-context" Holds "the kernel claims a doorbell without SN := 1";
    NoRecheck "no-recheck" "8.7 return" "one-context" Holds "URET of HCS does not look at PIR; handlers drain";
    NoRecheckLazy "no-recheck-lazy" "8.7 return" "lazy-handler" Lost "URET of HCS does not look at PIR; handlers may return early";
    StaleRunning "stale-running" "erratum #1235" "one-context" Lost "the VEI unit goes by a bit `the thread runs` read before the post: set, it interrupts the hart; clear, it posts and notifies";
    LateRunning "late-running" "erratum #1235" "one-context" Lost "the same, with the bit read right after the post";
    RelaxedSend "relaxed-send" "S5" "one-context" Lost "the VEI unit's AMOs without .aqrl";
    NoDriverFence "no-driver-fence" "S6" "one-context" Lost "the driver sends without fence w,o behind its ring entry";
    RelaxedTake "relaxed-take" "8.1 utopvei" "one-context" Lost "utopvei's clear without acquire: the handler's look at its ring may be older";
    RelaxedFill "relaxed-fill" "D1" "one-context" Lost "fill's ON := 0 without order: its look at PIR may be older";
    NoScheduleFence "no-schedule-fence" "8.6" "one-context" Lost "no fence between SN := ON := 0 and hucur";
    ReevaluateFirst "reevaluate-first" "8.6" "one-context" Lost "hucur is written before SN := ON := 0";
    OnStays "on-stays" "8.6" "one-context" Lost "switching to the thread clears SN only";
    SnThenOn "sn-then-on" "8.6" "one-context" Holds "SN := 0, then ON := 0, in two AMOs; fence";
    OnThenSn "on-then-sn" "8.6" "one-context" Lost "ON := 0, then SN := 0, in two AMOs; fence";
    SlotBeforeSn "slot-before-sn" "8.6" "one-context" Holds "claiming, the kernel empties the slot before SN := 1";
    NoClaimFence "no-claim-fence" "8.6" "one-context" Holds "no fence between SN := 1 and hvslot := 0 at a claim";
    EvictForgetsSn "evict-forgets-sn" "8.7 evict" "one-context" Twice "eviction without SN := 1";
    NoEvictFence "no-evict-fence" "8.7 evict" "one-context" Twice "no fence between SN := 1 and hvslot := 0 at an eviction";
    ThreadBesideHandler "thread-beside-handler" "8.7 evict" "one-context" Twice "the kernel runs the thread while its evicted handler is unfinished";
    LeaveUnsuppressed "leave-unsuppressed" "new: 8.10.2" "one-context" Twice "the kernel switches away from a thread in its handler without SN := 1";
    LeaveSlotStays "leave-slot-stays" "new: 8.10.2" "one-context" Twice "the same with SN := 1, but the slot keeps its context";
    LeaveIgnoresFill "leave-ignores-fill" "new: D1" "one-context" Twice "hvslot is emptied while a fill is under way, and the fill loads it afterwards";
    ReturnIgnoresClaim "return-ignores-claim" "new: 8.6" "one-context" Lost "a system call returns to its thread although the context was claimed meanwhile";
    NoMapFence "no-map-fence" "S7" "map-entry" Stale "no fence between V := 0 and the hveifence calls";
    NoFenceOnOneHart "no-hveifence-on-one-hart" "S7" "map-entry" Stale "hart 0 doesn't execute hveifence";
    FenceDoesNotWait "hveifence-does-not-wait" "new: S7" "map-entry" Stale "hveifence returns while a send of its hart is under way";
    FreedEarly "freed-early" "S7" "map-page" FreedPage "the map page is freed before the hveifence calls";
    PageFenceDoesNotWait "page-hveifence-does-not-wait" "new: S7" "map-page" FreedPage "hveifence returns while a send of its hart is under way";
    VmidBeforeFence "vmid-before-fence" "S7" "vmid-reuse" WrongContext "the VMID is given to another VM before hveifence";
    VmidNoFence "vmid-no-hveifence" "8.10.6" "vmid-reuse" WrongContext "hart 0 doesn't execute hveifence when its VM has died";
    MoveInPlace "move-in-place" "8.10.7" "move" WrongContext "the map entry is rewritten in place, by two stores";
    MoveNoSlotDrain "move-no-slot-drain" "8.10.7" "move" Stale "the old hart's slot isn't emptied";
    MoveNoPendDrain "move-no-hucpend-drain" "8.10.7" "move" Holds "the old hart's hucpend bit isn't cleared; SN of the old context stays set";
    MoveIgnoresFill "move-ignores-fill" "new: D1" "move" Stale "the old hart's slot is emptied while a fill is under way, and the fill loads it afterwards";
    MoveCopiesEarly "move-copies-early" "8.10.7" "move" Lost "the PIR is copied before the hveifence calls";
    MoveNoSn "move-no-sn" "8.10.7" "move" Holds "the old context isn't suppressed";
}

impl Mutation {
    /// Its row.
    pub fn row(self) -> &'static Row {
        MUTATIONS.iter().find(|row| row.mutation == self).expect("every mutation has a row")
    }

    /// The mutation of this name.
    pub fn named(name: &str) -> Option<Mutation> {
        MUTATIONS.iter().find(|row| row.name == name).map(|row| row.mutation)
    }
}
