// RISCOF reads these two in the source; the compiler shall not.
#define RVTEST_ISA(isa)
#define RVTEST_CASE(part, conditions, labels)
