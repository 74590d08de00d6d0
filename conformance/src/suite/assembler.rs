//! A small assembler: instructions come from `rv_isa`, labels are resolved at the end.

use rv_isa::asm::{self, LI_MAX};

/// A place in the program, bound once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

/// An instruction whose encoding waits for the distance to a label.
struct Fixup {
    at: u64,
    label: Label,
    encode: Box<dyn Fn(i32) -> u32>,
}

/// Machine code that grows from a fixed address.
pub struct Assembler {
    base: u64,
    bytes: Vec<u8>,
    labels: Vec<Option<u64>>,
    fixups: Vec<Fixup>,
}

impl Assembler {
    /// Nothing yet, to be loaded at `base`.
    pub fn new(base: u64) -> Assembler {
        Assembler { base, bytes: Vec::new(), labels: Vec::new(), fixups: Vec::new() }
    }

    /// The address of what comes next.
    pub fn here(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// A label that is bound later.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Binds `label` to what comes next.
    pub fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.here());
    }

    /// A 32-bit instruction.
    pub fn emit(&mut self, word: u32) {
        self.bytes.extend(word.to_le_bytes());
    }

    /// Instructions in memory order.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// An instruction that needs the distance to `label`: a branch or a jump.
    pub fn to(&mut self, label: Label, encode: impl Fn(i32) -> u32 + 'static) {
        self.fixups.push(Fixup { at: self.here(), label, encode: Box::new(encode) });
        self.emit(0);
    }

    /// A jump to `label`, which must be within 1 MiB.
    pub fn jump(&mut self, label: Label) {
        self.to(label, |offset| asm::jal(asm::ZERO, offset));
    }

    /// A jump to an absolute address within 2 GiB; `scratch` is lost.
    pub fn far_jump(&mut self, link: u8, scratch: u8, target: u64) {
        let offset = target.wrapping_sub(self.here()) as i32;
        let upper = offset.wrapping_add(0x800) & !0xfff;
        self.emit(asm::auipc(scratch, upper));
        self.emit(asm::jalr(link, scratch, offset.wrapping_sub(upper)));
    }

    /// Loads a constant.
    pub fn li(&mut self, rd: u8, value: u64) {
        let mut buffer = [0; LI_MAX];
        for word in asm::li(rd, value, &mut buffer) {
            self.emit(*word);
        }
    }

    /// Writes the constant `value` to a CSR; `scratch` is lost.
    pub fn set_csr(&mut self, csr: u16, value: u64, scratch: u8) {
        self.li(scratch, value);
        self.emit(asm::csrrw(asm::ZERO, csr, scratch));
    }

    /// Skips to a multiple of `align` bytes.
    pub fn align(&mut self, align: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(align), 0);
    }

    /// The code.
    ///
    /// # Panics
    /// If a label was never bound: a mistake in this crate.
    pub fn finish(mut self) -> Vec<u8> {
        for Fixup { at, label, encode } in std::mem::take(&mut self.fixups) {
            let target = self.labels[label.0].expect("every label is bound");
            let place = (at - self.base) as usize;
            let word = encode(target.wrapping_sub(at) as i32);
            self.bytes[place..place + 4].copy_from_slice(&word.to_le_bytes());
        }
        self.bytes
    }
}
