//! Blocks, however they are cut, and single steps are the same machine: every bit of state is equal after equally many instructions.

use conformance::{CODE, DATA, Rig};
use rv_hart::{Costs, Mode, Observer, Step};
use rv_isa::asm::{ZERO, jal};
use rv_isa::{Class, Fields, Format, Op, encode};

/// Costs that tell everything apart.
const COSTS: Costs = Costs {
    load_hit: 2,
    store_hit: 3,
    mul: 4,
    div: 33,
    fp: 5,
    fdiv: 20,
    branch_miss: 7,
    jump_indirect: 3,
    amo: 9,
    ..Costs::FLAT
};
const LENGTH: usize = 700;
/// Registers that hold addresses of data and are never written.
const POINTERS: [u8; 3] = [8, 9, 10];

/// A small generator, seeded: failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A random instruction that doesn't leave the program: jumps and branches go a little forward.
fn instruction(random: &mut Random, rows: &[Op], left: usize) -> u32 {
    let op = rows[random.below(rows.len() as u64) as usize];
    let register = |random: &mut Random| random.below(32) as u8;
    let mut fields = Fields {
        rd: register(random),
        rs1: register(random),
        rs2: register(random),
        rs3: register(random),
        rm: random.below(5) as u8,
        imm: random.next() as i32,
        aq: false,
        rl: false,
    };
    let class = op.row().class;
    let writes_x = !matches!(class, Class::Fp | Class::FpDiv | Class::FpLoad) || op.row().format == Format::R2Rm;
    if writes_x && POINTERS.contains(&fields.rd) || op.row().mnemonic.starts_with('f') && POINTERS.contains(&fields.rd)
    {
        fields.rd = 0;
    }
    if op == Op::AmocasQ {
        // Pairs of registers; those of the pointers are not written.
        fields.rs2 &= !1;
        fields.rd = if matches!(fields.rd, 8..=11) { 0 } else { fields.rd & !1 };
    }
    match class {
        Class::Load | Class::Store | Class::FpLoad | Class::FpStore | Class::Amo => {
            fields.rs1 = POINTERS[random.below(3) as usize];
            fields.imm = random.below(2000) as i32 & !7;
        }
        Class::Branch | Class::Jump => {
            let ahead = 1 + random.below(5.min(left as u64));
            fields.imm = 4 * ahead as i32;
        }
        _ => {}
    }
    encode(op, fields)
}

fn program(random: &mut Random) -> Vec<u32> {
    let wanted = |class| {
        use Class::{Amo, Branch, Div, Fp, FpDiv, FpLoad, FpStore, Int, Jump, Load, Mul, Store};
        matches!(class, Int | Mul | Div | Load | Store | Branch | Jump | Fp | FpDiv | FpLoad | FpStore | Amo)
    };
    // HINTs among SLTI are markers, which is fine: both engines see them.
    let rows: Vec<Op> = Op::rows().iter().filter(|row| wanted(row.class)).map(|row| row.op).collect();
    let mut words: Vec<u32> = (0..LENGTH).map(|at| instruction(random, &rows, LENGTH - at)).collect();
    words.extend([jal(ZERO, 0); 8]);
    words
}

fn prepared(seed: u64) -> Rig {
    let mut random = Random(seed);
    let mut rig = Rig::new(COSTS, Vec::new());
    let words = program(&mut random);
    // Across the end of a page, so that blocks end there too.
    rig.program(CODE + 0xa00, &words);
    for register in 1..32 {
        rig.hart.state.x[register] = random.next() >> random.below(64);
        rig.hart.state.f[register] = random.next() | if random.below(2) == 0 { !0 << 32 } else { 0 };
    }
    for (pointer, index) in POINTERS.iter().zip(0..) {
        rig.hart.state.x[usize::from(*pointer)] = DATA + 0x1000 * index;
    }
    for at in (DATA..DATA + 0x4000).step_by(8) {
        rig.store(at, random.next());
    }
    rig.hart.state.mode = Mode::M;
    rig.hart.state.pc = CODE + 0xa00;
    rig.hart.refresh();
    rig
}

#[test]
fn blocks_cut_anywhere_equal_single_steps() {
    // Miri is some thousand times slower.
    for seed in 0..if cfg!(miri) { 1 } else { 60 } {
        let count = LENGTH as u64;
        let mut steps = prepared(seed);
        while steps.hart.state.retired < count {
            steps.hart.step(&mut steps.memory);
        }
        let mut blocks = prepared(seed);
        let mut cuts = Random(!seed);
        while blocks.hart.state.retired < count {
            let left = count - blocks.hart.state.retired;
            let until = blocks.hart.state.cycles + (1 + cuts.below(90)).min(left);
            blocks.hart.run(&mut blocks.memory, until);
        }
        assert_eq!(blocks.hart.state, steps.hart.state, "seed {seed}");
        for at in (DATA..DATA + 0x4000).step_by(8) {
            assert_eq!(blocks.load(at), steps.load(at), "seed {seed}, memory at {at:#x}");
        }
    }
}

/// Keeps what it is shown.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Observer for Steps {
    fn step(&mut self, step: &Step) {
        self.0.push(step.clone());
    }
}

/// A run that is recorded is the same run, and tells of each instruction what a single step tells of it.
#[test]
fn recorded_runs_equal_plain_ones_and_single_steps() {
    for seed in 0..30 {
        let count = LENGTH as u64;
        let (mut plain, mut recorded) = (prepared(seed), prepared(seed));
        let mut cuts = Random(!seed);
        let mut seen = Steps::default();
        while plain.hart.state.retired < count {
            let left = count - plain.hart.state.retired;
            let until = plain.hart.state.cycles + (1 + cuts.below(90)).min(left);
            plain.hart.run(&mut plain.memory, until);
            recorded.hart.run_recorded(&mut recorded.memory, until, &mut seen);
            assert_eq!(recorded.hart.state, plain.hart.state, "seed {seed}");
        }
        let mut steps = prepared(seed);
        for step in &seen.0 {
            let mut alone = Step::default();
            steps.hart.step_recorded(&mut steps.memory, &mut alone);
            assert_eq!(*step, alone, "seed {seed}");
        }
        assert_eq!(steps.hart.state, plain.hart.state, "seed {seed}");
    }
}

/// Self-modifying code is seen at once, in the block that runs too.
#[test]
fn stores_to_code_take_effect_at_the_next_instruction() {
    use rv_isa::asm::{A0, A1, A2, addi, auipc, lw, sw};
    let words = [
        auipc(A0, 0),
        lw(A1, A0, 24),
        sw(A1, A0, 16), // replaces the fifth instruction by the seventh
        addi(A2, ZERO, 1),
        addi(A2, A2, 10), // becomes addi a2, a2, 100
        jal(ZERO, 0),
        addi(A2, A2, 100),
    ];
    for until in [6, 1000] {
        let mut rig = Rig::default();
        rig.program(CODE, &words);
        rig.hart.run(&mut rig.memory, until);
        rig.hart.run(&mut rig.memory, 1000);
        assert_eq!(rig.hart.state.x[usize::from(A2)], 101);
    }
}
