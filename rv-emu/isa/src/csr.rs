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
    use super::*;

    #[test]
    fn rows_are_sorted_and_unique() {
        assert!(ROWS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!((name(MSTATUS), name(0x7ff)), (Some("mstatus"), None));
        assert_eq!(number("hgatp"), Some(0x680));
    }

    #[test]
    fn numbers_tell_access() {
        assert_eq!((min_priv(FCSR), min_priv(SATP), min_priv(HGATP), min_priv(MEPC)), (0, 1, 2, 3));
        assert!(read_only(CYCLE) && read_only(HGEIP) && !read_only(HGEIE));
    }
}
