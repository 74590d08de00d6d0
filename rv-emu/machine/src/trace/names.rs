//! Names of CSRs and instructions, with those of extensions.

use rv_hart::Hart;

/// What to call CSRs and instructions that the base has no name for.
#[derive(Clone, Debug, Default)]
pub struct Names {
    csrs: Vec<(u16, &'static str)>,
    insns: Vec<rv_hart::ext::InsnRow>,
}

impl Names {
    /// The names of a hart with its extensions.
    pub fn of(hart: &Hart) -> Names {
        let extensions = hart.extensions().iter();
        let csrs = extensions.clone().flat_map(|extension| extension.csrs());
        Names {
            csrs: csrs.map(|csr| (csr.number, csr.name)).collect(),
            insns: extensions.flat_map(|extension| extension.insns()).copied().collect(),
        }
    }

    /// The name of CSR `number`.
    pub fn get(&self, number: u16) -> Option<&'static str> {
        let own = || self.csrs.iter().find(|row| row.0 == number).map(|row| row.1);
        rv_isa::csr::name(number).or_else(own)
    }

    /// Assembly text of the instruction `raw` at `pc`.
    pub fn instruction(&self, raw: u32, pc: u64) -> String {
        if let Some(insn) = rv_isa::decode(raw) {
            return rv_isa::disassemble(insn, pc).to_string().replace('\t', " ");
        }
        match self.insns.iter().find(|row| raw & row.mask == row.matches) {
            Some(row) => row.mnemonic.to_owned(),
            None if raw & 3 == 3 => format!(".4byte {raw:#x}"),
            None => format!(".2byte {raw:#x}"),
        }
    }
}
