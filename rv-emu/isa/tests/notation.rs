//! Assembly text as `riscv64-unknown-elf-objdump -M no-aliases` of binutils 2.40 prints it; a target without a symbol is its address.

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
