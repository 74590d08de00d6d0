//! Debian's kernel in the wrappings in which distributions ship kernels.

use std::io::Write;

use benches::linux::{Debian, Initramfs};

use crate::common::File;
use crate::session::Session;

/// A self-extracting EFI program around a packed kernel, as Linux's `zboot-header.S` lays it out.
fn zboot(format: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut file = b"MZ\0\0zimg".to_vec();
    file.extend([0x1000u32, payload.len() as u32, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    file.extend(format);
    file.resize(0x1000, 0);
    file.extend(payload);
    file
}

#[test]
fn a_packed_kernel_boots_as_the_plain_one() {
    let Some(debian) = Debian::or_skip("packed kernels") else { return };
    let plain = std::fs::read(debian.image()).unwrap();
    let initrd = File::new("packed-initrd", &Initramfs::new(&debian).unwrap().finish("echo shell, $(nproc) harts"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    let gzip = encoder.finish().unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    for (name, bytes, harts) in
        [("Image.gz", gzip, "1"), ("vmlinuz.efi", zboot(b"zstd", &zstd), "4"), ("Image.zst", zstd, "1")]
    {
        let kernel = File::new(name, &bytes);
        let options = ["--memory", "512M", "--harts", harts, "--append", "console=ttyS0"];
        let files = ["--kernel", kernel.path(), "--initrd", initrd.path()];
        let mut session = Session::start(&[&options[..], &files].concat());
        session.close_input();
        let printed = session.finish();
        assert!(printed.contains(&format!("shell, {harts} harts")), "{name}: {printed}");
    }
}
