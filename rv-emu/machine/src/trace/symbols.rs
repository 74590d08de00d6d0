//! Names for addresses: the functions and labels of the programs that were loaded.

use crate::boot::Software;
use crate::image::{Image, Label};

/// A label without a length reaches to the next one, but not further than this.
const LABEL_MAX: u64 = 64 << 10;

/// A table of labels, by address.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// In ascending order of addresses; lengths are never 0.
    labels: Vec<Label>,
}

impl Symbols {
    /// The labels of firmware and kernel.
    pub fn of(software: &Software) -> Symbols {
        let images = [&software.bios, &software.kernel];
        Symbols::new(images.into_iter().flatten().flat_map(of_image).collect())
    }

    /// A table of `labels`, in any order.
    pub fn new(mut labels: Vec<Label>) -> Symbols {
        // Where several start, the longest says most.
        labels.sort_by(|a, b| (a.addr, b.len, &a.name).cmp(&(b.addr, a.len, &b.name)));
        // Labels within a function are steps of it.
        let mut end = 0;
        labels.retain(|label| {
            let inside = label.len == 0 && label.addr < end;
            end = end.max(label.addr.saturating_add(label.len));
            !inside
        });
        let next: Vec<u64> = labels.iter().skip(1).map(|label| label.addr).chain([u64::MAX]).collect();
        for (label, next) in labels.iter_mut().zip(next) {
            if label.len == 0 {
                label.len = (next - label.addr).clamp(1, LABEL_MAX);
            }
        }
        Symbols { labels }
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The label that `addr` belongs to, and how far behind it it lies.
    pub fn find(&self, addr: u64) -> Option<(&str, u64)> {
        let after = self.labels.partition_point(|label| label.addr <= addr);
        let last = self.labels[..after].last()?;
        // The first of those that start there.
        let first = self.labels[..after].partition_point(|label| label.addr < last.addr);
        let label = &self.labels[first];
        let offset = addr - label.addr;
        (offset < label.len).then_some((label.name.as_str(), offset))
    }

    /// First address and length of each place called `name`.
    pub fn places(&self, name: &str) -> impl Iterator<Item = (u64, u64)> {
        self.labels.iter().filter(move |label| label.name == name).map(|label| (label.addr, label.len))
    }
}

fn of_image(image: &Image) -> Vec<Label> {
    if !image.labels.is_empty() {
        return image.labels.clone();
    }
    let symbols = image.symbols.iter();
    symbols.map(|(name, addr)| Label { addr: *addr, len: 0, name: name.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_belong_to_functions_and_labels() {
        let label = |addr, len, name: &str| Label { addr, len, name: name.to_owned() };
        let symbols = Symbols::new(vec![
            label(0x2000, 0x10, "g"),
            label(0x1000, 0x20, "f"),
            label(0x1008, 0, "loop"),
            label(0x1000, 0, "alias"),
            label(0x1800, 0, "start"),
            label(0x3000, 0, "last"),
            label(0x2000, 0x10, "g"),
        ]);
        assert_eq!(symbols.find(0xfff), None);
        assert_eq!(symbols.find(0x1000), Some(("f", 0)));
        assert_eq!(symbols.find(0x101f), Some(("f", 0x1f)), "labels within it don't count");
        assert_eq!(symbols.find(0x1020), None, "behind its end");
        assert_eq!(symbols.find(0x1fff), Some(("start", 0x7ff)), "up to the next");
        assert_eq!(symbols.find(0x3000 + LABEL_MAX), None);
        assert_eq!(symbols.places("g").count(), 2);
    }
}
