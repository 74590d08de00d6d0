.globl _start
_start:
  la sp, data
  li t1, 0x89abcdef
  sd t1, 0(sp)
  sw t1, 8(sp)
  sh t1, 12(sp)
  sb t1, 14(sp)
  lw a1, 0(sp)
  lbu a1, 3(sp)
  ld x0, 0(sp)
  amoadd.w a3, t1, (sp)
  amoswap.d x0, t1, (sp)
  lr.d a4, (sp)
  sc.d a5, t1, (sp)
  sc.d a5, t1, (sp)
  beqz x0, 1f
1: c.nop
  jal ra, 2f
2: csrw mscratch, t1
  csrrs a5, mscratch, a1
  csrr a5, mscratch
  csrrci x0, mscratch, 1
  li t2, 0x2000
  csrs mstatus, t2
  fld f8, 0(sp)
  flw f1, 0(sp)
  fadd.s f3, f1, f1
  li t4, 3
  fcvt.d.l f4, t4
  fmv.d.x f5, x0
  fdiv.d f6, f4, f5
  fdiv.d f6, f4, f5
  feq.d a5, f6, f6
  fcvt.w.d a5, f6
  fsd f6, 16(sp)
  fsw f6, 24(sp)
  csrw fcsr, t4
  csrwi fflags, 0
  csrwi frm, 1
  csrw sstatus, t2
  csrw sie, x0
  fence
  li t0, -1
  csrw pmpaddr0, t0
  li t0, 0x1f
  csrw pmpcfg0, t0
  li t0, 0x6800
  csrs mstatus, t0
  csrw medeleg, x0
  la t0, s_mode
  csrw mepc, t0
  mret
s_mode:
  csrw sscratch, t1
  la t0, vs_mode
  csrw sepc, t0
  li t0, 0x180
  csrs hstatus, t0
  .word 0x680147f3
  .word 0x6e614073
  li t0, 0x6100
  csrs sstatus, t0
  sret
vs_mode:
  csrw sscratch, t0
  li t0, 0x2000
  csrw sstatus, t0
  fadd.d f0, f8, f8
  csrwi sie, 2
  la t0, vu_mode
  csrw sepc, t0
  sret
vu_mode:
  ld t0, 0(sp)
  sd t0, 8(sp)
end: j end
.data
.align 12
data: .dword 0x3ff8000000000000,1,2,3,4,5
.globl tohost
tohost: .dword 0
