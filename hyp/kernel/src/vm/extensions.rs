//! What guests may be told that their harts have: of the board's extensions those that need nothing of the kernel, or get it. All others
//! stay unknown to guests: the hypervisor extension itself, what only machine mode has a use for, and what has state that isn't switched.

use alloc::string::String;

use fdt::Fdt;

use crate::sync::Once;
use crate::vm::hardware;

/// Extensions that guests have whenever the harts have them.
const FREE: &[&str] = &[
    // Left out: h, v (whose registers aren't switched), zihpm (guests get no such counters), zawrs (its waits would have to end in the kernel).
    "i",
    "m",
    "a",
    "f",
    "d",
    "c",
    "b",
    "zic64b",
    "zicbom",
    "zicbop",
    "zicboz",
    "ziccamoa",
    "ziccif",
    "zicclsm",
    "ziccrse",
    "zicntr",
    "zicond",
    "zicsr",
    "zifencei",
    "zihintntl",
    "zihintpause",
    "zimop",
    "zmmul",
    "za64rs",
    "zaamo",
    "zabha",
    "zacas",
    "zalrsc",
    "zfa",
    "zfh",
    "zfhmin",
    "zca",
    "zcb",
    "zcd",
    "zcmop",
    "zba",
    "zbb",
    "zbc",
    "zbs",
    "zkt",
    "ssccptr",
    "sscounterenw",
    "sstvala",
    "sstvecd",
    "ssu64xl",
    "svbare",
    "svinval",
    "svnapot",
    "svvptc",
    "sv39",
    "sv48",
    "sv57",
];

static NAMES: Once<String> = Once::new();

/// Looks at what the board's first hart has. After `hardware::probe`.
pub fn set(tree: &Fdt<'_>) {
    let mut names = String::new();
    let hart = tree.nodes().find(|node| node.text("device_type") == Some("cpu"));
    for name in hart.iter().flat_map(|hart| hart.strings("riscv,isa-extensions")).filter(|name| is_for_guests(name)) {
        names.push_str(name);
        names.push('\0');
    }
    NAMES.set(names);
}

fn is_for_guests(name: &str) -> bool {
    match name {
        "sstc" => hardware::guest_has_sstc(),
        // Accessed and dirty bits of guests are set by the hardware, if it can: then guests aren't told that it can't.
        "svadu" => hardware::guest_has_svadu(),
        "svade" => !hardware::guest_has_svadu(),
        "svpbmt" => hardware::guest_has_svpbmt(),
        name => FREE.contains(&name),
    }
}

/// Their names as device trees have them, each with a NUL behind it; none if the board's device tree has no such list.
pub fn names() -> &'static str {
    NAMES.get()
}
