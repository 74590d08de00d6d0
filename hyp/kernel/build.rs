//! Gives the kernel its linker script; the tests of the library need none.

fn main() {
    println!("cargo::rerun-if-changed=kernel.ld");
    let directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rustc-link-arg-bins=-T{directory}/kernel.ld");
}
