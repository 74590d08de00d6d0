//! Hands the linker the layout of a Linux process.

fn main() {
    let folder = env!("CARGO_MANIFEST_DIR");
    println!("cargo:rustc-link-arg-bins=-T{folder}/link.ld");
    println!("cargo:rustc-link-arg-bins=--no-eh-frame-hdr");
    println!("cargo:rerun-if-changed=link.ld");
}
