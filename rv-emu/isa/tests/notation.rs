//! Assembly text as `riscv64-unknown-elf-objdump -M no-aliases` of binutils 2.40 prints it; a target without a symbol is its address. What
//! that version doesn't know (Zfa, Zicond, Zimop, Zacas, Zabha, Zcb, Zcmop) is as the manual writes it, and constants of FLI as later versions.

use rv_isa::{FloatOperands, Op, decode, disassemble, float_register_name, register_name};

const PC: u64 = 0x8000_0000;

fn text(raw: u32) -> String {
    disassemble(decode(raw).unwrap(), PC).to_string()
}

#[test]
fn every_format() {
    for (raw, expected) in [
        (0x0000_0533, "add\ta0,zero,zero"),
        (0xff45_3283, "ld\tt0,-12(a0)"),
        (0x00b5_3823, "sd\ta1,16(a0)"),
        (0x0015_8593, "addi\ta1,a1,1"),
        (0x0000_8067, "jalr\tzero,0(ra)"),
        (0x43f5_d513, "srai\ta0,a1,0x3f"),
        (0x01f5_951b, "slliw\ta0,a1,0x1f"),
        (0x8000_0537, "lui\ta0,0x80000"),
        (0xfe00_0ee3, "beq\tzero,zero,0x7ffffffc"),
        (0xffdf_f0ef, "jal\tra,0x7ffffffc"),
        (0x0ff0_000f, "fence\tiorw,iorw"),
        (0x0120_000f, "fence\tw,r"),
        (0x0000_000f, "fence\tunknown,unknown"),
        (0x8330_000f, "fence.tso"),
        (0x0000_100f, "fence.i"),
        (0x3000_2573, "csrrs\ta0,mstatus,zero"),
        (0x3004_6073, "csrrsi\tzero,mstatus,8"),
        (0x7ff5_9573, "csrrw\ta0,0x7ff,a1"),
        (0x00b6_252f, "amoadd.w\ta0,a1,(a2)"),
        (0x06b5_262f, "amoadd.w.aqrl\ta2,a1,(a0)"),
        (0x1405_352f, "lr.d.aq\ta0,(a0)"),
        (0x1ab6_352f, "sc.d.rl\ta0,a1,(a2)"),
        (0x02c5_f543, "fmadd.d\tfa0,fa1,fa2,ft0"),
        (0x02c5_8543, "fmadd.d\tfa0,fa1,fa2,ft0,rne"),
        (0x0081_3427, "fsd\tfs0,8(sp)"),
        (0x0081_2407, "flw\tfs0,8(sp)"),
        (0xd225_7553, "fcvt.d.l\tfa0,a0"),
        (0xd205_0553, "fcvt.d.w\tfa0,a0"),
        (0xc225_1553, "fcvt.l.d\ta0,fa0,rtz"),
        (0xa2b5_2553, "feq.d\ta0,fa0,fa1"),
        (0xe205_1553, "fclass.d\ta0,fa0"),
        (0xf205_0553, "fmv.d.x\tfa0,a0"),
        (0xe205_0553, "fmv.x.d\ta0,fa0"),
        (0x12b5_0073, "sfence.vma\ta0,a1"),
        (0x62b5_0073, "hfence.gvma\ta0,a1"),
        (0x6c05_c573, "hlv.d\ta0,(a1)"),
        (0x6aa5_c073, "hsv.w\ta0,(a1)"),
        (0x3020_0073, "mret"),
    ] {
        assert_eq!(text(raw), expected, "{raw:#010x}");
    }
}

#[test]
fn extensions_to_the_base() {
    for (raw, expected) in [
        (0x08c5_853b, "add.uw\ta0,a1,a2"),
        (0x20c5_e53b, "sh3add.uw\ta0,a1,a2"),
        (0x0bf5_951b, "slli.uw\ta0,a1,0x3f"),
        (0x6005_9513, "clz\ta0,a1"),
        (0x0805_c53b, "zext.h\ta0,a1"),
        (0x2875_d513, "orc.b\ta0,a1"),
        (0x6b85_d513, "rev8\ta0,a1"),
        (0x60c5_d51b, "roriw\ta0,a1,0xc"),
        (0x0ac5_a533, "clmulr\ta0,a1,a2"),
        (0x28c5_9513, "bseti\ta0,a1,0xc"),
        (0x0ec5_d533, "czero.eqz\ta0,a1,a2"),
        (0x0005_a00f, "cbo.inval\t(a1)"),
        (0x0045_a00f, "cbo.zero\t(a1)"),
        (0xc9e5_c573, "mop.r.26\ta0,a1"),
        (0xc6c5_c573, "mop.rr.5\ta0,a1,a2"),
        (0x00d0_0073, "wrs.nto"),
        (0x01d0_0073, "wrs.sto"),
        (0x28c5_a52f, "amocas.w\ta0,a2,(a1)"),
        (0x2ec5_c52f, "amocas.q.aqrl\ta0,a2,(a1)"),
        (0x04c5_852f, "amoadd.b.aq\ta0,a2,(a1)"),
        (0x2ac5_952f, "amocas.h.rl\ta0,a2,(a1)"),
        (0x16c5_8073, "sinval.vma\ta1,a2"),
        (0x1800_0073, "sfence.w.inval"),
        (0x66c5_8073, "hinval.gvma\ta1,a2"),
    ] {
        assert_eq!(text(raw), expected, "{raw:#010x}");
    }
}

#[test]
fn half_precision_and_more_floating_point() {
    for (raw, expected) in [
        (0xfff5_9507, "flh\tfa0,-1(a1)"),
        (0x00c5_9127, "fsh\tfa2,2(a1)"),
        (0xe405_8553, "fmv.x.h\ta0,fa1"),
        (0xf405_8553, "fmv.h.x\tfa0,a1"),
        (0x4025_8553, "fcvt.s.h\tfa0,fa1"),
        (0x4405_f553, "fcvt.h.s\tfa0,fa1"),
        (0x6cc5_f543, "fmadd.h\tfa0,fa1,fa2,fa3"),
        (0x5c05_8553, "fsqrt.h\tfa0,fa1,rne"),
        (0xa4c5_a553, "feq.h\ta0,fa1,fa2"),
        (0xd425_f553, "fcvt.h.l\tfa0,a1"),
        (0xe405_9553, "fclass.h\ta0,fa1"),
        (0x28c5_a553, "fminm.s\tfa0,fa1,fa2"),
        (0xa2c5_d553, "fltq.d\ta0,fa1,fa2"),
        (0x4445_9553, "fround.h\tfa0,fa1,rtz"),
        (0x4255_f553, "froundnx.d\tfa0,fa1"),
        (0xc285_9553, "fcvtmod.w.d\ta0,fa1,rtz"),
    ] {
        assert_eq!(text(raw), expected, "{raw:#010x}");
    }
}

/// Sign, exponent and two bits of the significand of each constant ("Immediate values loaded by the FLI.S instruction").
#[test]
fn constants_are_as_listed() {
    const LISTING: &str = "1:01111111:00 min 0:01101111:00 0:01110000:00 0:01110111:00 0:01111000:00 0:01111011:00 0:01111100:00 \
        0:01111101:00 0:01111101:01 0:01111101:10 0:01111101:11 0:01111110:00 0:01111110:01 0:01111110:10 0:01111110:11 \
        0:01111111:00 0:01111111:01 0:01111111:10 0:01111111:11 0:10000000:00 0:10000000:01 0:10000000:10 0:10000001:00 \
        0:10000010:00 0:10000011:00 0:10000110:00 0:10000111:00 0:10001110:00 0:10001111:00 inf nan";
    assert_eq!(LISTING.split_whitespace().count(), 32);
    for (number, listed) in (0..).zip(LISTING.split_whitespace()) {
        let written = match listed.split_once(':') {
            None => listed.to_owned(),
            Some((sign, rest)) => {
                let (exponent, significand) = rest.split_once(':').unwrap();
                let power = i32::from_str_radix(exponent, 2).unwrap() - 127;
                let fraction = ["", ".4", ".8", ".c"][usize::from_str_radix(significand, 2).unwrap()];
                format!("{}0x1{fraction}p{power:+}", if sign == "1" { "-" } else { "" })
            }
        };
        assert_eq!(text(0xf210_0553 | number << 15), format!("fli.d\tfa0,{written}"));
    }
}

#[test]
fn some_hints_have_names() {
    for (raw, expected) in [
        (0x0100_000f, "pause"),
        (0x0205_6013, "prefetch.i\t32(a0)"),
        (0xfe15_6013, "prefetch.r\t-32(a0)"),
        (0x0235_6013, "prefetch.w\t32(a0)"),
        (0x0025_6013, "ori\tzero,a0,2"),
        (0x0205_6093, "ori\tra,a0,32"),
        (0x0020_0033, "add\tzero,zero,sp"),
        (0x0010_2013, "slti\tzero,zero,1"),
        (0x0110_000f, "fence\tw,w"),
    ] {
        assert_eq!(text(raw), expected, "{raw:#010x}");
    }
}

#[test]
fn compressed_instructions_go_by_their_own_names() {
    for (raw, expected) in [
        (0x0808, "c.addi4spn\ta0,sp,16"),
        (0x4188, "c.lw\ta0,0(a1)"),
        (0x2588, "c.fld\tfa0,8(a1)"),
        (0xe588, "c.sd\ta0,8(a1)"),
        (0x0001, "c.addi\tzero,0"),
        (0x1101, "c.addi\tsp,-32"),
        (0x557d, "c.li\ta0,-1"),
        (0x7139, "c.addi16sp\tsp,-64"),
        (0x757d, "c.lui\ta0,0xfffff"),
        (0x8d7d, "c.and\ta0,a5"),
        (0x8905, "c.andi\ta0,1"),
        (0x8105, "c.srli\ta0,0x1"),
        (0xbfe5, "c.j\t0x7ffffff8"),
        (0xd575, "c.beqz\ta0,0x7fffffec"),
        (0x0516, "c.slli\ta0,0x5"),
        (0x60a2, "c.ldsp\tra,8(sp)"),
        (0xe406, "c.sdsp\tra,8(sp)"),
        (0xa422, "c.fsdsp\tfs0,8(sp)"),
        (0x8082, "c.jr\tra"),
        (0x9502, "c.jalr\ta0"),
        (0x852e, "c.mv\ta0,a1"),
        (0x952e, "c.add\ta0,a1"),
        (0x9002, "c.ebreak"),
        (0x81a8, "c.lbu\ta0,2(a1)"),
        (0x85a8, "c.lhu\ta0,2(a1)"),
        (0x85e8, "c.lh\ta0,2(a1)"),
        (0x89e8, "c.sb\ta0,3(a1)"),
        (0x8d88, "c.sh\ta0,0(a1)"),
        (0x9d4d, "c.mul\ta0,a1"),
        (0x9d61, "c.zext.b\ta0"),
        (0x9d6d, "c.sext.h\ta0"),
        (0x9d71, "c.zext.w\ta0"),
        (0x9d75, "c.not\ta0"),
        (0x6081, "c.mop.1"),
        (0x6781, "c.mop.15"),
    ] {
        assert_eq!(text(raw), expected, "{raw:#06x}");
    }
}

#[test]
fn registers_by_their_calling_convention() {
    let x = [0, 1, 2, 3, 4, 5, 8, 10, 17, 18, 27, 28, 31].map(register_name);
    assert_eq!(x, ["zero", "ra", "sp", "gp", "tp", "t0", "s0", "a0", "a7", "s2", "s11", "t3", "t6"]);
    let f = [0, 7, 8, 10, 17, 18, 27, 28, 31].map(float_register_name);
    assert_eq!(f, ["ft0", "ft7", "fs0", "fa0", "fa7", "fs2", "fs11", "ft8", "ft11"]);
}

#[test]
fn float_operands_follow_from_the_mnemonic() {
    // `fcvt.to.from` and `fmv.to.from` name both sides; w, l, wu, lu and x are integers, and so is w of `fmv` where the other side is x.
    for row in Op::rows().iter().filter(|row| row.mnemonic.starts_with("fcvt") || row.mnemonic.starts_with("fmv")) {
        let sides: Vec<&str> = row.mnemonic.split('.').skip(1).collect();
        let float = |side: &str| matches!(side, "h" | "s" | "d") || side == "w" && sides.contains(&"x");
        let FloatOperands { rd, rs1, .. } = row.op.float_operands();
        assert_eq!((rd, rs1), (float(sides[0]), float(sides[1])), "{}", row.mnemonic);
    }
    for row in Op::rows().iter().filter(|row| !row.mnemonic.starts_with('f')) {
        assert_eq!(row.op.float_operands(), FloatOperands { rd: false, rs1: false, rs2: false }, "{}", row.mnemonic);
    }
}
