// What an architectural test needs to know of the machine: how it ends, where its signature is, and its interrupts.

#ifndef RV_EMU_MODEL_TEST_H
#define RV_EMU_MODEL_TEST_H

// The front-end server's words: an odd value in tohost ends the run.
#define RVMODEL_DATA_SECTION      \
    .pushsection .tohost, "aw";   \
    .balign 64;                   \
    .global tohost;               \
    tohost: .dword 0;             \
    .balign 64;                   \
    .global fromhost;             \
    fromhost: .dword 0;           \
    .popsection;

#define RVMODEL_DATA_BEGIN        \
    RVMODEL_DATA_SECTION          \
    .balign 16;                   \
    .global begin_signature;      \
    begin_signature:

#define RVMODEL_DATA_END          \
    .balign 16;                   \
    .global end_signature;        \
    end_signature:

// Harts need no preparation.
#define RVMODEL_BOOT

// Ends the run. Nothing comes after, so that registers are free.
#define RVMODEL_HALT              \
    la t0, tohost;                \
    li t1, 1;                     \
    sd t1, 0(t0);                 \
    99: j 99b;

// Tests judge by their signatures and print nothing.
#define RVMODEL_IO_INIT
#define RVMODEL_IO_CHECK()
#define RVMODEL_IO_WRITE_STR(scratch, text)
#define RVMODEL_IO_ASSERT_GPR_EQ(scratch, reg, value)
#define RVMODEL_IO_ASSERT_SFPR_EQ(scratch, reg, value)
#define RVMODEL_IO_ASSERT_DFPR_EQ(scratch, reg, value)

// Machine software interrupt of hart 0, in the ACLINT.
#define RVMODEL_SET_MSW_INT       \
    li t0, 0x2000000;             \
    li t1, 1;                     \
    sw t1, 0(t0);

#define RVMODEL_CLEAR_MSW_INT     \
    li t0, 0x2000000;             \
    sw zero, 0(t0);

// The timer's interrupt goes when its comparator lies in the far future.
#define RVMODEL_CLEAR_MTIMER_INT  \
    li t0, 0x2004000;             \
    li t1, -1;                    \
    sd t1, 0(t0);

// No device raises an interrupt unasked.
#define RVMODEL_CLEAR_MEXT_INT

#endif
