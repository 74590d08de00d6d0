//! CSR numbers (manual 1.1; ha-iov 8.1).

macro_rules! numbers {
    ($($(#[$doc:meta])* $constant:ident = $number:literal;)*) => { $(
        $(#[$doc])*
        pub const $constant: u16 = $number;
    )* };
}

numbers! {
    /// User status: UIE, UPIE, UPV, UPP.
    USTATUS = 0x000;
    /// User interrupt enable.
    UIE = 0x004;
    /// User trap vector.
    UTVEC = 0x005;
    /// Free for the handler: the pointer to its data.
    USCRATCH = 0x040;
    /// Address of the instruction that trapped to U.
    UEPC = 0x041;
    /// Why.
    UCAUSE = 0x042;
    /// Of a redirected access the full guest physical address.
    UTVAL = 0x043;
    /// User interrupt pending.
    UIP = 0x044;
    /// Which exceptions S delegates to U.
    SEDELEG = 0x102;
    /// Which interrupts S delegates to U.
    SIDELEG = 0x103;
    /// The redirected access, transformed as for htinst.
    UTINST = 0x84a;
    /// Which guest exceptions go to U.
    HUEDELEG = 0x6c2;
    /// Whether U may use N state.
    HUECTL = 0x6c3;
    /// Lowest vector posted in the context of the running handler or thread; a write claims it.
    UTOPVEI = 0x85c;
    /// Sends a virtual event interrupt: the value written is the VEIRQ.
    VEISEND = 0x9f0;
    /// Which VEI functions are on.
    HVEICTL = 0x6c4;
    /// Directory of VEI maps.
    HVEIDIR = 0x6c5;
    /// User-context table of this hart.
    HUCT = 0x6c6;
    /// Pending contexts.
    HUCPEND = 0x6c7;
    /// Prepared context.
    HVSLOT = 0x6c8;
    /// Context of the running thread.
    HUCUR = 0x6c9;
    /// Drops cached map entries.
    HVEIFENCE = 0x6cc;
    /// Slot copy of sscratch.
    SUSCRATCH = 0x6d0;
    /// Slot copy of utvec.
    SUTVEC = 0x6d1;
    /// Slot copy of uscratch.
    SUUSCRATCH = 0x6d2;
    /// Interrupted pc.
    SUEPC = 0x6d4;
    /// Interrupted mode.
    SUESTAT = 0x6d5;
    /// Where registers are banked.
    HUSAVE = 0x6d6;
    /// Slot copy of satp.
    SUATP = 0x6d8;
    /// Lowest pending supervisor VEI; a write claims it.
    STOPVEI = 0x6dc;
}
