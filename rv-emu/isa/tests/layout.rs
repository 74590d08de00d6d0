//! Masks of fields against the manual's drawings of the registers. A drawing names fields from bit 0 upwards, with their widths if these
//! are more than 1.

use rv_isa::fields::{hstatus, menvcfg, misa, mstatus, pmpcfg, pte, satp};

/// Where `field` stands in a drawing, as a mask; and how many bits the drawing has.
fn find(drawing: &str, field: &str) -> (Option<u64>, u32) {
    let mut at = 0;
    let mut mask = None;
    for part in drawing.split_whitespace() {
        let (name, width) = part.split_once(':').unwrap_or((part, "1"));
        let width: u32 = width.parse().unwrap();
        if name == field {
            assert_eq!(mask, None, "{field} is drawn twice");
            mask = Some(((1 << width) - 1) << at);
        }
        at += width;
    }
    (mask, at)
}

fn check(drawing: &str, bits: u32, masks: &[(&str, u64)]) {
    for (field, mask) in masks {
        assert_eq!(find(drawing, field), (Some(*mask), bits), "{field}");
    }
}

macro_rules! masks {
    ($module:ident: $($field:ident)*) => { &[$((stringify!($field), u64::from($module::$field))),*] };
}

#[test]
fn status_registers() {
    let drawing = "WPRI SIE WPRI MIE WPRI SPIE UBE MPIE SPP VS:2 MPP:2 FS:2 XS:2 MPRV SUM MXR TVM TW TSR SPELP SDT WPRI:7 UXL:2 SXL:2 \
                   SBE MBE GVA MPV WPRI MPELP MDT WPRI:20 SD";
    check(drawing, 64, masks!(mstatus: SIE MIE SPIE UBE MPIE SPP VS MPP FS XS MPRV SUM MXR TVM TW TSR UXL SXL SBE MBE));
    check(drawing, 64, masks!(mstatus: GVA MPV SD));
    let drawing =
        "WPRI:5 VSBE GVA SPV SPVP HU WPRI:2 VGEIN:6 WPRI:2 VTVM VTW VTSR WPRI:9 VSXL:2 WPRI:14 HUPMM:2 WPRI:14";
    check(drawing, 64, masks!(hstatus: VSBE GVA SPV SPVP HU VGEIN VTVM VTW VTSR VSXL));
}

#[test]
fn configuration() {
    let drawing = "FIOM WPRI LPE SSE CBIE:2 CBCFE CBZE WPRI:24 PMM:2 WPRI:25 DTE CDE ADUE PBMTE STCE";
    check(drawing, 64, masks!(menvcfg: FIOM CBIE CBCFE CBZE ADUE PBMTE STCE));
    check("R W X A:2 0:2 L", 8, masks!(pmpcfg: R W X A L));
    assert_eq!([0, 1, 2, 3].map(|a| a << 3), [pmpcfg::A_OFF, pmpcfg::A_TOR, pmpcfg::A_NA4, pmpcfg::A_NAPOT]);
    assert_eq!(misa::letters("ahv"), 1 | 1 << 7 | 1 << 21);
    assert_eq!(misa::RV64 >> 62, 2);
}

#[test]
fn translation() {
    check("PPN:44 ASID:16 MODE:4", 64, masks!(satp: PPN ASID MODE));
    check("PPN:44 VMID:14 0:2 MODE:4", 64, masks!(satp: PPN VMID MODE));
    check("V R W X U G A D RSW:2 PPN:44 RESERVED:7 PBMT:2 N", 64, masks!(pte: V R W X U G A D RSW PPN RESERVED PBMT N));
    let modes = [satp::BARE, satp::SV39, satp::SV48, satp::SV57].map(|mode| mode >> satp::MODE_SHIFT);
    assert_eq!(modes, [0, 8, 9, 10]);
}

#[test]
fn shifts_are_where_their_fields_begin() {
    for (mask, shift) in [
        (mstatus::MPP, mstatus::MPP_SHIFT),
        (mstatus::FS, mstatus::FS_SHIFT),
        (mstatus::UXL, mstatus::UXL_SHIFT),
        (mstatus::SXL, mstatus::SXL_SHIFT),
        (hstatus::VSXL, hstatus::VSXL_SHIFT),
        (satp::MODE, satp::MODE_SHIFT),
        (satp::ASID, satp::ASID_SHIFT),
        (satp::VMID, satp::ASID_SHIFT),
        (pte::PPN, pte::PPN_SHIFT),
    ] {
        assert_eq!(mask.trailing_zeros(), shift);
    }
}
