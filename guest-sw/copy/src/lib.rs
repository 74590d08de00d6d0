//! Copying memory eight words at a time. The compiler's own `memcpy` goes word by word, which costs twice the
//! instructions, and copies are most of what a large message costs here. A program has it by naming this crate.
#![no_std]

/// Copies 8, 16, 32 or 64 bytes from a1 to t0, through registers that callers don't mind, and steps on.
#[cfg(target_arch = "riscv64")]
macro_rules! step {
    (8) => { "ld t2, 0(a1)\n sd t2, 0(t0)\n addi a1, a1, 8\n addi t0, t0, 8\n" };
    (16) => {
        concat!(
            "ld t2, 0(a1)\n ld t3, 8(a1)\n",
            "sd t2, 0(t0)\n sd t3, 8(t0)\n",
            "addi a1, a1, 16\n addi t0, t0, 16\n",
        )
    };
    (32) => {
        concat!(
            "ld t2, 0(a1)\n ld t3, 8(a1)\n ld t4, 16(a1)\n ld t5, 24(a1)\n",
            "sd t2, 0(t0)\n sd t3, 8(t0)\n sd t4, 16(t0)\n sd t5, 24(t0)\n",
            "addi a1, a1, 32\n addi t0, t0, 32\n",
        )
    };
    (64) => {
        concat!(
            "ld t2, 0(a1)\n ld t3, 8(a1)\n ld t4, 16(a1)\n ld t5, 24(a1)\n",
            "ld t6, 32(a1)\n ld a3, 40(a1)\n ld a4, 48(a1)\n ld a5, 56(a1)\n",
            "sd t2, 0(t0)\n sd t3, 8(t0)\n sd t4, 16(t0)\n sd t5, 24(t0)\n",
            "sd t6, 32(t0)\n sd a3, 40(t0)\n sd a4, 48(t0)\n sd a5, 56(t0)\n",
            "addi a1, a1, 64\n addi t0, t0, 64\n",
        )
    };
}

// a0 = to, a1 = from, a2 = bytes; what is aligned differently is left to `memmove`, which shifts words together. The
// straight way is that of small pieces that are aligned; everything else is out of line.
#[cfg(target_arch = "riscv64")]
core::arch::global_asm!(
    ".pushsection .text.memcpy, \"ax\"",
    ".balign 4",
    ".globl memcpy",
    ".type memcpy, @function",
    "memcpy:",
    "xor t1, a0, a1",
    "andi t1, t1, 7",
    "bnez t1, 20f",
    "mv t0, a0",
    "li t1, 16",
    "bltu a2, t1, 23f",
    "andi t1, t0, 7",
    "bnez t1, 21f",
    // By words, as many as there are.
    "1: li t1, 64",
    "bltu a2, t1, 3f",
    step!(64),
    "addi a2, a2, -64",
    "bgeu a2, t1, 22f",
    "3: andi t1, a2, 32",
    "beqz t1, 4f",
    step!(32),
    "4: andi t1, a2, 16",
    "beqz t1, 5f",
    step!(16),
    "5: andi t1, a2, 8",
    "beqz t1, 6f",
    step!(8),
    "6: andi a2, a2, 7",
    "bnez a2, 23f",
    "ret",
    "20: tail memmove",
    // To the next word, by steps that are aligned.
    "21: andi t1, t0, 1",
    "beqz t1, 2f",
    "lbu t2, 0(a1)",
    "sb t2, 0(t0)",
    "addi a1, a1, 1",
    "addi t0, t0, 1",
    "addi a2, a2, -1",
    "2: andi t1, t0, 2",
    "beqz t1, 2f",
    "lhu t2, 0(a1)",
    "sh t2, 0(t0)",
    "addi a1, a1, 2",
    "addi t0, t0, 2",
    "addi a2, a2, -2",
    "2: andi t1, t0, 4",
    "beqz t1, 1b",
    "lwu t2, 0(a1)",
    "sw t2, 0(t0)",
    "addi a1, a1, 4",
    "addi t0, t0, 4",
    "addi a2, a2, -4",
    "j 1b",
    "22:",
    step!(64),
    "addi a2, a2, -64",
    "bgeu a2, t1, 22b",
    "j 3b",
    "23: beqz a2, 9f",
    "8: lbu t2, 0(a1)",
    "sb t2, 0(t0)",
    "addi a1, a1, 1",
    "addi t0, t0, 1",
    "addi a2, a2, -1",
    "bnez a2, 8b",
    "9: ret",
    ".size memcpy, . - memcpy",
    ".popsection",
);
