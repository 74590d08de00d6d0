// A test in RISCOF's format: the ISA to compile for, and the conditions under which the part is taken.
#include "model_test.h"
#include "dry_run.h"

RVTEST_ISA("RV64I")

.section .text.init
.global rvtest_entry_point
rvtest_entry_point:
    RVMODEL_BOOT
.global rvtest_code_begin
rvtest_code_begin:
#ifdef TEST_CASE_1
    RVTEST_CASE(0,"//check ISA:=regex(.*64.*);check ISA:=regex(.*I.*);def TEST_CASE_1=True;",add)
    la a0, begin_signature
    li a1, 40
    addi a1, a1, 2
    sd a1, 0(a0)
#endif
.global rvtest_code_end
rvtest_code_end:
    RVMODEL_HALT

.data
RVMODEL_DATA_BEGIN
    .fill 2, 8, 0
RVMODEL_DATA_END
