//! Control and status registers: numbers, names, and what a number says about access.

macro_rules! table {
    ($($constant:ident, $number:literal, $name:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub const $constant: u16 = $number;
        )*

        /// All rows, by number.
        pub static ROWS: &[(u16, &str)] = &[$(($number, $name),)*];
    };
}
crate::csrs!(table);

/// The name of the standard CSR `number`.
pub fn name(number: u16) -> Option<&'static str> {
    let index = ROWS.binary_search_by_key(&number, |row| row.0).ok()?;
    Some(ROWS[index].1)
}

/// The number of the standard CSR `name`.
pub fn number(name: &str) -> Option<u16> {
    ROWS.iter().find(|row| row.1 == name).map(|row| row.0)
}

/// Lowest privilege that may access `number`: 0 U, 1 S, 2 H and VS registers, 3 M ("CSR Address Mapping Conventions").
pub const fn min_priv(number: u16) -> u8 {
    (number >> 8 & 3) as u8
}

/// Whether `number` is of a read-only CSR.
pub const fn read_only(number: u16) -> bool {
    number >> 10 & 3 == 3
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn rows_are_sorted_and_unique() {
        assert!(ROWS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(ROWS.iter().all(|row| number(row.1) == Some(row.0)), "each name once");
        assert!(ROWS.iter().all(|row| name(row.0) == Some(row.1)));
        assert_eq!((name(0x7ff), number("mstatush")), (None, None));
    }

    #[test]
    fn constants_are_named_after_registers() {
        macro_rules! names {
            ($($constant:ident, $number:literal, $name:literal;)*) => { [$((stringify!($constant), $name)),*] };
        }
        for (constant, name) in crate::csrs!(names) {
            assert_eq!(constant, name.to_uppercase());
        }
    }

    #[test]
    fn numbers_tell_access() {
        assert_eq!((min_priv(FCSR), min_priv(SATP), min_priv(HGATP), min_priv(MEPC)), (0, 1, 2, 3));
        assert!(read_only(CYCLE) && read_only(HGEIP) && !read_only(HGEIE));
        for (number, name) in ROWS {
            let expected = match name.as_bytes()[0] {
                b'm' | b'p' | b't' | b'd' if *name != "time" => 3,
                b'h' if !name.starts_with("hpm") => 2,
                b'v' if name.starts_with("vs") && *name != "vstart" => 2,
                b's' if !matches!(*name, "ssp" | "seed") => 1,
                _ => 0,
            };
            assert_eq!(min_priv(*number), expected, "{name}");
        }
    }

    /// "CSR Listing": registers that come in numbers are next to each other.
    #[test]
    fn arrays_are_contiguous() {
        let arrays = [
            ("hpmcounter", 0xc00, 3..=31),
            ("mhpmcounter", 0xb00, 3..=31),
            ("mhpmevent", 0x320, 3..=31),
            ("pmpaddr", 0x3b0, 0..=63),
            ("mstateen", 0x30c, 0..=3),
            ("hstateen", 0x60c, 0..=3),
            ("sstateen", 0x10c, 0..=3),
        ];
        for (prefix, base, range) in arrays {
            for index in range {
                let register = std::format!("{prefix}{index}");
                assert_eq!(number(&register), Some(base + index), "{register}");
            }
        }
        for index in 0..16 {
            let register = std::format!("pmpcfg{index}");
            let expected = if index % 2 == 0 { Some(0x3a0 + index) } else { None };
            assert_eq!(number(&register), expected, "{register}: RV64 has the even ones");
        }
    }

    /// The guest's own of a register of S is 0x100 above it.
    #[test]
    fn virtual_supervisor_registers_mirror_supervisor_ones() {
        let mirrored = ROWS.iter().filter(|row| min_priv(row.0) == 2 && row.1.starts_with("vs") && !read_only(row.0));
        for (number_of, name) in mirrored {
            assert_eq!(number(&name[1..]), Some(number_of - 0x100), "{name}");
        }
    }
}
