//! Where harts are, for programs that don't come to an end.

use std::collections::BTreeMap;

use rv_machine::{Image, Machine};

/// Harts of which is told.
const HARTS_SHOWN: usize = 8;

/// Symbols of a program by address.
pub(super) struct Symbols {
    by_address: BTreeMap<u64, String>,
    /// First and last address of each segment.
    segments: Vec<(u64, u64)>,
}

impl Symbols {
    /// The symbols of a program's code and data. Marks of the assembler and of linkers are left out.
    pub(super) fn of(image: &Image) -> Symbols {
        let segments = image.segments.iter().filter(|segment| segment.len > 0);
        let segments: Vec<_> = segments.map(|s| (s.addr, s.addr.saturating_add(s.len - 1))).collect();
        let inside = |addr: u64| segments.iter().any(|(first, last)| (*first..=*last).contains(&addr));
        let by_address = image
            .symbols
            .iter()
            .filter(|(name, addr)| !name.starts_with(['$', '.']) && inside(**addr))
            .map(|(name, addr)| (*addr, name.clone()))
            .collect();
        Symbols { by_address, segments }
    }

    /// The nearest symbol at or before `addr` in the same segment, with the distance.
    pub(super) fn name(&self, addr: u64) -> Option<String> {
        let (first, _) = self.segments.iter().find(|(first, last)| (*first..=*last).contains(&addr))?;
        let (at, name) = self.by_address.range(first..=&addr).next_back()?;
        Some(match addr - at {
            0 => name.clone(),
            distance => format!("{name}+{distance:#x}"),
        })
    }
}

/// A line for each hart.
pub(super) fn whereabouts(machine: &Machine, symbols: &Symbols) -> Vec<String> {
    let line = |hart: &rv_hart::Hart| {
        let state = &hart.state;
        let symbol = symbols.name(state.pc).map(|name| format!(" <{name}>")).unwrap_or_default();
        let waiting = if state.waiting { ", waiting" } else { "" };
        format!("hart {} in {} at {:#x}{symbol}{waiting}", state.hart_id, state.mode.name(), state.pc)
    };
    let harts = machine.harts();
    let more = (harts.len() > HARTS_SHOWN).then(|| format!("and {} more harts", harts.len() - HARTS_SHOWN));
    harts.iter().take(HARTS_SHOWN).map(line).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rv_machine::image::Segment;

    #[test]
    fn the_nearest_symbol_before_in_the_same_segment() {
        let mut image = Image::raw("test", vec![0; 0x100]);
        image.segments = [0x1000, 0x3000].map(|addr| Segment { addr, bytes: Vec::new(), len: 0x100 }).to_vec();
        let names = [("start", 0x1000), ("$x", 0x1010), ("loop", 0x1020), ("outside", 0x2000)];
        image.symbols = names.map(|(name, addr)| (name.to_owned(), addr)).into();
        let symbols = Symbols::of(&image);
        assert_eq!(symbols.name(0x1000).as_deref(), Some("start"));
        assert_eq!(symbols.name(0x101c).as_deref(), Some("start+0x1c"));
        assert_eq!(symbols.name(0x10ff).as_deref(), Some("loop+0xdf"));
        assert_eq!(symbols.name(0x1100), None);
        assert_eq!(symbols.name(0x3000), None);
    }
}
