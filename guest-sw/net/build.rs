//! Hands the linker the guest's memory layout.

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../rt/kernel.ld");
    println!("cargo:rustc-link-arg-bins=-T{script}");
    println!("cargo:rustc-link-arg-bins=--no-eh-frame-hdr");
    println!("cargo:rerun-if-changed={script}");
}
