//! From ISA strings to sets of extensions.

use core::fmt;
use core::str::FromStr;

use crate::extension::{ExtensionRow, Isa, IsaSet, extension_rows};

/// Why an ISA string can't be used. Positions are bytes of the string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsaError<'a> {
    /// It doesn't begin with `rv64`.
    Base(&'a str),
    /// The base instructions are missing: neither `i` nor `g` comes first.
    NoBase(&'a str),
    /// An extension that is not implemented, or none at all.
    Unknown(&'a str),
    /// An extension is named more than once.
    Twice(&'a str),
    /// Two extensions that exclude each other.
    Contradiction(&'a str, &'static str),
    /// A version that is not the one implemented.
    Version(&'a str, &'static str),
}

impl fmt::Display for IsaError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IsaError::Base(text) => {
                write!(f, "ISA string {text:?}: it must begin with rv64, or be one of default, max, rva20s64, rva22s64")
            }
            IsaError::NoBase(text) => write!(f, "ISA string {text:?}: after rv64 comes i or g"),
            IsaError::Unknown(name) => write!(f, "extension {name:?} is unknown or not implemented"),
            IsaError::Twice(name) => write!(f, "extension {name:?} is named twice"),
            IsaError::Contradiction(name, other) => write!(f, "extension {name:?} contradicts {other:?}"),
            IsaError::Version(name, version) => write!(f, "extension {name:?}: the version implemented is {version}"),
        }
    }
}

impl core::error::Error for IsaError<'_> {}

/// Names for a whole set, which more extensions may follow.
const PROFILES: [(&str, &str); 2] = [
    (
        "rva20s64",
        "rv64imafdc_zicsr_zicntr_ziccif_ziccrse_ziccamoa_zicclsm_zifencei_svbare_sv39_svade_ssccptr_sstvecd_sstvala",
    ),
    (
        "rva22s64",
        "rv64imafdcb_zicsr_zicntr_zihpm_ziccif_ziccrse_ziccamoa_zicclsm_zifencei_zihintpause_zic64b_zicbom_zicbop_zicboz_za64rs_zfhmin_zkt\
         _svbare_sv39_svade_ssccptr_sstvecd_sstvala_sscounterenw_svpbmt_svinval",
    ),
];

/// Extensions of the specification that can't be with one that is implemented.
const EXCLUDED: [(&str, Isa); 5] =
    [("zfinx", Isa::F), ("zdinx", Isa::F), ("zhinx", Isa::F), ("zcmp", Isa::Zcd), ("zcmt", Isa::Zcd)];

impl IsaSet {
    /// The set that `text` names: `rv64` with letters and, after underscores, extensions of several letters, each with a version if wanted
    /// (`zba1p0`); or `default`, `max`, or a profile (`rva20s64`, `rva22s64`), all of which more extensions may follow. Letter case does not
    /// matter, nor does the order of extensions of several letters. What an extension implies comes with it.
    ///
    /// # Errors
    /// [`IsaError`] says which part of the text can't be used.
    pub fn parse(text: &str) -> Result<IsaSet, IsaError<'_>> {
        let (first, rest) = text.split_once('_').unwrap_or((text, ""));
        let set = match base(first) {
            Some(set) => set,
            None => letters(text, first)?,
        };
        let mut named = IsaSet::EMPTY;
        for name in rest.split('_').filter(|name| !name.is_empty()) {
            let row = find(name).map_err(|error| excluded(name, set).unwrap_or(error))?;
            if named.has(row.isa) {
                return Err(IsaError::Twice(name));
            }
            named = named.with(row.isa);
        }
        Ok(set.union(named).closed())
    }
}

/// The contradiction that `name` would be.
fn excluded(name: &str, set: IsaSet) -> Option<IsaError<'_>> {
    let set = set.closed();
    let (_, other) = EXCLUDED.iter().find(|(known, other)| name.eq_ignore_ascii_case(known) && set.has(*other))?;
    Some(IsaError::Contradiction(name, other.row().name))
}

/// A name for a whole set.
fn base(name: &str) -> Option<IsaSet> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("default") {
        return Some(IsaSet::standard());
    }
    if is("max") {
        return Some(IsaSet::all());
    }
    let (_, profile) = PROFILES.iter().find(|(known, _)| is(known))?;
    IsaSet::parse(profile).ok()
}

/// `rv64` and single letters, `g` for `imafd_zicsr_zifencei`; a name of several letters may follow without an underscore.
fn letters<'a>(text: &'a str, first: &'a str) -> Result<IsaSet, IsaError<'a>> {
    let rest = first.get(4..).filter(|_| first[..4].eq_ignore_ascii_case("rv64")).ok_or(IsaError::Base(text))?;
    let mut set = IsaSet::EMPTY;
    let mut at = 0;
    while at < rest.len() {
        let tail = &rest[at..];
        let letter = tail.get(..1).ok_or(IsaError::Unknown(tail))?;
        if at == 0 && !matches!(letter, "i" | "I" | "g" | "G") {
            return Err(IsaError::NoBase(text));
        }
        if matches!(letter, "g" | "G") {
            let general = [Isa::I, Isa::M, Isa::A, Isa::F, Isa::D, Isa::Zicsr, Isa::Zifencei];
            set = general.into_iter().fold(set, IsaSet::with);
            at += 1;
            continue;
        }
        if matches!(letter, "z" | "Z" | "s" | "S") {
            return Ok(set.with(find(tail)?.isa));
        }
        let length = 1 + version_length(&tail[1..]);
        let row = find(&tail[..length])?;
        if set.has(row.isa) {
            return Err(IsaError::Twice(&tail[..length]));
        }
        set = set.with(row.isa);
        at += length;
    }
    if set == IsaSet::EMPTY { Err(IsaError::NoBase(text)) } else { Ok(set) }
}

/// Length of a version, such as `2p1`, at the start of `text`.
fn version_length(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let major = digits(text);
    match text[major..].strip_prefix(['p', 'P']).map(digits) {
        Some(minor) if major > 0 && minor > 0 => major + 1 + minor,
        _ => major,
    }
}

/// The row of a name with or without a version.
fn find(name: &str) -> Result<&'static ExtensionRow, IsaError<'_>> {
    let rows = extension_rows();
    if let Some(row) = rows.iter().find(|row| row.name.eq_ignore_ascii_case(name)) {
        return Ok(row);
    }
    // The longest name wins: digits may be a part of it.
    let known =
        |row: &&ExtensionRow| name.get(..row.name.len()).is_some_and(|start| start.eq_ignore_ascii_case(row.name));
    let row = rows.iter().filter(known).max_by_key(|row| row.name.len()).ok_or(IsaError::Unknown(name))?;
    let version = &name[row.name.len()..];
    if version_length(version) != version.len() {
        return Err(IsaError::Unknown(name));
    }
    let (major, minor) = version.split_once(['p', 'P']).unwrap_or((version, ""));
    let (have_major, have_minor) = row.version.split_once('.').unwrap_or((row.version, ""));
    let same = major == have_major && (minor.is_empty() || number(minor) == number(have_minor));
    if same { Ok(row) } else { Err(IsaError::Version(name, row.version)) }
}

fn number(digits: &str) -> Option<u32> {
    u32::from_str(digits).ok()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;

    fn has(text: &str, members: &[Isa]) -> bool {
        let set = IsaSet::parse(text).unwrap();
        members.iter().all(|isa| set.has(*isa))
    }

    #[test]
    fn names_in_any_order_and_case() {
        assert!(has("rv64gch_zba_zbb", &[Isa::I, Isa::M, Isa::A, Isa::F, Isa::D, Isa::C, Isa::H, Isa::Zba, Isa::Zbb]));
        assert!(has("RV64GC_ZBB_Zba", &[Isa::Zifencei, Isa::Zba]));
        assert!(has("rv64imafdczicsr_zifencei", &[Isa::Zicsr, Isa::Zifencei]));
        assert!(has("rv64i2p1m2p0a2p1_zba1p0_zawrs1p01", &[Isa::M, Isa::Zba, Isa::Zawrs]));
        assert_eq!(IsaSet::parse("rv64gc_zba_zbb_zbs"), IsaSet::parse("rv64gcb"));
        assert!(!IsaSet::parse("rv64imac").unwrap().has(Isa::F));
    }

    #[test]
    fn what_is_implied_comes_along() {
        assert!(has("rv64id", &[Isa::F, Isa::Zicsr]));
        assert!(has("rv64i_zfh", &[Isa::Zfhmin, Isa::F]));
        assert!(has("rv64gc", &[Isa::Zca, Isa::Zcd, Isa::Zmmul, Isa::Zaamo, Isa::Zalrsc]));
        assert!(has("rv64g_zca_zcd", &[Isa::C]));
        assert!(!IsaSet::parse("rv64g_zca").unwrap().has(Isa::C), "C with D is more than Zca");
        assert!(has("rv64i_zaamo_zalrsc", &[Isa::A]));
        assert!(has("rva22s64_h", &[Isa::H, Isa::Svpbmt, Isa::B]));
    }

    #[test]
    fn errors_name_their_cause() {
        let error = |text| IsaSet::parse(text).unwrap_err();
        assert_eq!(error("rv32i"), IsaError::Base("rv32i"));
        assert_eq!(error(""), IsaError::Base(""));
        assert_eq!(error("rv64"), IsaError::NoBase("rv64"));
        assert_eq!(error("rv64e"), IsaError::NoBase("rv64e"));
        assert_eq!(error("rv64gcv"), IsaError::Unknown("v"));
        assert_eq!(error("rv64gc_zkr"), IsaError::Unknown("zkr"));
        assert_eq!(error("rv64gcc"), IsaError::Twice("c"));
        assert_eq!(error("rv64gc_zba_zba"), IsaError::Twice("zba"));
        assert_eq!(error("rv64gc_zfinx"), IsaError::Contradiction("zfinx", "f"));
        assert_eq!(error("rv64imac_zfinx"), IsaError::Unknown("zfinx"));
        assert_eq!(error("rv64gc_zcmp"), IsaError::Contradiction("zcmp", "zcd"));
        assert_eq!(error("rv64gc_zba2p0"), IsaError::Version("zba2p0", "1.0"));
        assert_eq!(error("rv64gc_é"), IsaError::Unknown("é"));
        assert_eq!(error("rv64é"), IsaError::Unknown("é"));
    }

    #[test]
    fn the_canonical_form_parses_to_itself() {
        for text in ["default", "max", "rva20s64", "rva22s64", "rv64i", "rv64gc", "rv64gch_zacas"] {
            let set = IsaSet::parse(text).unwrap();
            let canonical = set.to_string();
            assert_eq!(IsaSet::parse(&canonical), Ok(set), "{canonical}");
        }
    }

    #[test]
    fn every_extension_can_be_named() {
        for row in extension_rows() {
            assert_eq!(find(row.name).map(|found| found.isa), Ok(row.isa), "{}", row.name);
        }
    }
}
