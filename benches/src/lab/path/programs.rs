//! The programs of a machine: which one an instruction belongs to, and the name of its function.
//!
//! Addresses don't tell: processes are all linked to the same ones, and so are guests. A program is known by its code: of those that may run in
//! a mode, it is the one whose bytes are what the hart has executed.

use rv_hart::Mode;
use rv_machine::Image;
use rv_machine::trace::Symbols;

use super::record::Seen;
use crate::images;
use crate::lab::compose::Composition;

/// What a program is to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The guest whose request it is.
    Guest,
    /// The other guest, which computes.
    Work,
    /// The monitor.
    Vmm,
    /// The process that serves the device.
    Backend,
    /// The process at the other end of the network.
    Peer,
    /// Another process.
    Process,
    /// The host's kernel.
    Kernel,
    /// The firmware.
    Firmware,
}

impl Role {
    /// What it is called in diagrams.
    pub fn name(self) -> &'static str {
        match self {
            Role::Guest => "guest",
            Role::Work => "other guest",
            Role::Vmm => "VMM",
            Role::Backend => "backend",
            Role::Peer => "peer",
            Role::Process => "process",
            Role::Kernel => "kernel",
            Role::Firmware => "firmware",
        }
    }

    fn may_run(self, mode: Mode) -> bool {
        match self {
            Role::Guest | Role::Work => mode.virt(),
            Role::Vmm | Role::Backend | Role::Peer | Role::Process => mode == Mode::U,
            Role::Kernel => mode == Mode::HS,
            Role::Firmware => mode == Mode::M,
        }
    }
}

/// A program.
pub struct Program {
    /// What it is.
    pub role: Role,
    image: Image,
    symbols: Symbols,
}

impl Program {
    fn new(role: Role, name: &str, bytes: &[u8]) -> Result<Program, String> {
        let image = Image::parse(name, bytes.to_vec()).map_err(|error| error.to_string())?;
        let symbols = Symbols::new(image.labels.clone());
        Ok(Program { role, image, symbols })
    }

    /// The instruction is what the program has there. Kernel and firmware are alone in their modes, wherever they see themselves.
    fn has(&self, pc: u64, raw: u32) -> bool {
        if matches!(self.role, Role::Kernel | Role::Firmware) || raw == 0 {
            return true;
        }
        let bytes: &[u8] = &raw.to_le_bytes()[..if raw & 3 == 3 { 4 } else { 2 }];
        self.image.segments.iter().any(|segment| {
            let offset = pc.wrapping_sub(segment.addr) as usize;
            pc >= segment.addr && segment.bytes.get(offset..).is_some_and(|code| code.starts_with(bytes))
        })
    }

    /// The function at `pc`, as its author would call it.
    pub fn function(&self, pc: u64) -> Option<String> {
        self.symbols.find(pc).map(|(name, _)| short(&format!("{:#}", rustc_demangle::demangle(name))))
    }
}

/// A name without types' arguments and all but its last two parts: `<hyp::ipc::event::Event>::signal` is `Event::signal`.
fn short(name: &str) -> String {
    // `<A as B>::f` is f of A; `<A>::f` likewise; types' arguments say nothing here.
    let (text, mut within) = name.strip_prefix('<').map_or((name, false), |rest| (rest, true));
    let text = text.replace("->", "");
    let (mut plain, mut depth, mut hidden) = (String::new(), 0, false);
    for (at, letter) in text.char_indices() {
        hidden |= within && depth == 0 && text[at..].starts_with(" as ");
        match letter {
            '<' => depth += 1,
            '>' if depth > 0 => depth -= 1,
            '>' => (within, hidden) = (false, false),
            _ if depth == 0 && !hidden => plain.push(letter),
            _ => {}
        }
    }
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty() && !part.starts_with("{closure")).collect();
    parts[parts.len().saturating_sub(2)..].join("::")
}

/// The programs of a machine.
pub struct Programs(Vec<Program>);

impl Programs {
    /// Those of a machine that is to be built.
    ///
    /// # Errors
    /// An image that can't be read.
    pub fn of(composition: &Composition) -> Result<Programs, String> {
        let mut programs = vec![
            Program::new(Role::Firmware, "firmware", images::FIRMWARE)?,
            Program::new(Role::Kernel, "kernel", &composition.kernel)?,
        ];
        for (name, bytes) in &composition.archive {
            let role = match *name {
                "guest" => Role::Guest,
                "work" => Role::Work,
                "vmm" => Role::Vmm,
                "backend" => Role::Backend,
                "peer" => Role::Peer,
                _ => Role::Process,
            };
            programs.push(Program::new(role, name, bytes)?);
        }
        Ok(Programs(programs))
    }

    /// The program by its place.
    pub fn get(&self, index: usize) -> &Program {
        &self.0[index]
    }

    /// The program of a stay in one mode. Where several fit, as with very short stays, it is `likely`, if that is one of them.
    fn of_stay(&self, stay: &[&Seen], likely: Option<usize>) -> Option<usize> {
        let mode = stay.first()?.mode;
        let fits = |index: &usize| {
            let program = &self.0[*index];
            program.role.may_run(mode) && stay.iter().all(|step| program.has(step.pc, step.raw))
        };
        likely.filter(fits).or_else(|| (0..self.0.len()).find(fits))
    }

    /// The hart on which the guest runs.
    pub fn guest_hart(&self, seen: &[Seen], owners: &[usize]) -> Option<usize> {
        let guests = |index: &usize| self.0[owners[*index]].role == Role::Guest;
        (0..seen.len()).find(guests).map(|index| seen[index].hart)
    }

    /// For each step the program that made it.
    ///
    /// # Errors
    /// Code that is nobody's.
    pub fn name(&self, seen: &[Seen], harts: usize) -> Result<Vec<usize>, String> {
        let mut names = vec![usize::MAX; seen.len()];
        for hart in 0..harts {
            let own: Vec<usize> = (0..seen.len()).filter(|index| seen[*index].hart == hart).collect();
            let stays: Vec<&[usize]> = own.chunk_by(|a, b| !ends_stay(&seen[*a], &seen[*b])).collect();
            let owners = self.of_stays(seen, &stays);
            for (stay, owner) in stays.into_iter().zip(owners) {
                let step = &seen[stay[0]];
                let owner = owner.ok_or_else(|| {
                    format!("hart {hart} runs code at {:#x} in {} that no image has", step.pc, step.mode.name())
                })?;
                stay.iter().for_each(|index| names[*index] = owner);
            }
        }
        Ok(names)
    }

    /// The programs of a hart's stays.
    fn of_stays(&self, seen: &[Seen], stays: &[&[usize]]) -> Vec<Option<usize>> {
        let mode = |stay: &[usize]| seen[stay[0]].mode as usize;
        let mut last = [None; Mode::ALL.len()];
        let mut owners: Vec<Option<usize>> = Vec::new();
        for stay in stays {
            let steps: Vec<&Seen> = stay.iter().map(|index| &seen[*index]).collect();
            let has_code = steps.iter().any(|step| step.raw != 0);
            let owner = if has_code { self.of_stay(&steps, last[mode(stay)]) } else { None };
            last[mode(stay)] = owner.or(last[mode(stay)]);
            owners.push(owner);
        }
        // Who is interrupted before its first instruction is whoever goes on afterwards in that mode.
        let mut next = last;
        for (stay, owner) in stays.iter().zip(&mut owners).rev() {
            *owner = owner.or(next[mode(stay)]);
            next[mode(stay)] = *owner;
        }
        owners
    }
}

/// MRET, SRET and URET.
pub const RETURNS: [u32; 3] = [0x3020_0073, 0x1020_0073, ha_iov_ext::insn::URET];

/// Whether something else may run from the second step on.
fn ends_stay(one: &Seen, next: &Seen) -> bool {
    one.mode != next.mode || one.trap().is_some() || RETURNS.contains(&one.raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        for (long, name) in [
            ("hyp::trap::handle::user_trap", "handle::user_trap"),
            ("<hyp::ipc::event::Event>::signal", "Event::signal"),
            ("<virtio::Device<Ram> as rv::Serve<u8>>::drain", "Device::drain"),
            ("core::ptr::drop_in_place::<alloc::vec::Vec<u8>>", "ptr::drop_in_place"),
            ("block::main::{closure#0}", "block::main"),
            ("memcpy", "memcpy"),
        ] {
            assert_eq!(short(long), name);
        }
    }
}
