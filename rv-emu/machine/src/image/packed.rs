//! Packed kernels: gzip, zstd, and Linux's self-extracting EFI programs ("zboot"), which hold one of the two behind a header of their own.
//!
//! A packed file says little of how long it gets, and may lie: unpacking stops at a limit, so that a few bytes can't take all memory.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::ImageError;

/// Most bytes of an unpacked kernel, as in QEMU's loader. Debian's have 30 MB.
pub const UNPACKED_MAX: u64 = 256 << 20;

/// Larger windows are for archives; with this one (128 MiB) Linux's own `zstd22` can be read.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
    Zboot,
}

/// The beginnings of what can be unpacked.
const KNOWN: [(&[u8], Packing); 3] =
    [(b"\x1f\x8b", Packing::Gzip), (b"\x28\xb5\x2f\xfd", Packing::Zstd), (b"MZ\0\0zimg", Packing::Zboot)];

/// The beginnings of what can't: running such bytes as they are makes no sense.
const REFUSED: [(&[u8], &str); 5] = [
    (b"\xfd7zXZ", "xz"),
    (b"BZh", "bzip2"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x89LZO", "lzo"),
    (b"\x27\x05\x19\x56", "U-Boot legacy (uImage)"),
];

/// Unpacks what is packed; `None` if it isn't.
///
/// # Errors
/// The format is not known here, or the file is damaged or too long when unpacked.
pub(super) fn unpack(name: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, ImageError> {
    if let Some((_, format)) = REFUSED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(ImageError::Packed { file: name.to_owned(), format: (*format).to_owned() });
    }
    let Some(packing) = packing(bytes) else { return Ok(None) };
    let damaged = |reason: String| ImageError::Damaged { file: name.to_owned(), reason };
    let unpacked = match packing {
        Packing::Gzip => gzip(bytes),
        Packing::Zstd => zstd(bytes),
        Packing::Zboot => {
            let payload = zboot(name, bytes)?;
            if payload.starts_with(KNOWN[0].0) { gzip(payload) } else { zstd(payload) }
        }
    };
    let unpacked = unpacked.map_err(|error| damaged(error.to_string()))?;
    if unpacked.len() as u64 > UNPACKED_MAX {
        return Err(ImageError::UnpackedTooLarge { file: name.to_owned(), limit: UNPACKED_MAX });
    }
    Ok(Some(unpacked))
}

fn packing(bytes: &[u8]) -> Option<Packing> {
    KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, packing)| *packing)
}

/// One byte more than the limit shows that it was reached.
fn limited(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    reader.take(UNPACKED_MAX + 1).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    limited(MultiGzDecoder::new(bytes))
}

fn zstd(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_buffer(bytes)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    limited(decoder)
}

/// The payload of a self-extracting EFI program. Its header, as Linux's `zboot-header.S` writes it: at 8 and 12 where the payload is and how
/// long (both little-endian words), at 24 the name of its format, 32 bytes at most, ended by a zero.
fn zboot<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a [u8], ImageError> {
    let damaged = |reason: &str| ImageError::Damaged { file: name.to_owned(), reason: reason.to_owned() };
    let header = bytes.get(..64).ok_or_else(|| damaged("the EFI header is cut off"))?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize;
    let format = header[24..56].split(|byte| *byte == 0).next().unwrap_or_default();
    let from = word(8);
    let payload = from.checked_add(word(12)).and_then(|to| bytes.get(from..to));
    let payload = payload.ok_or_else(|| damaged("the payload goes beyond the end of the file"))?;
    // Linux has called the second one zstd22 too.
    match packing(payload) {
        Some(Packing::Gzip) if format == b"gzip" => Ok(payload),
        Some(Packing::Zstd) if format.starts_with(b"zstd") => Ok(payload),
        _ => {
            let format = format!("self-extracting EFI ({})", String::from_utf8_lossy(format).escape_default());
            Err(ImageError::Packed { file: name.to_owned(), format })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::Image;

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstandard(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    fn zboot_file(format: &str, payload: &[u8]) -> Vec<u8> {
        let mut file = b"MZ\0\0zimg".to_vec();
        file.extend([0x100u32, payload.len() as u32, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
        file.extend(format.as_bytes());
        file.resize(0x100, 0);
        file[0x38..0x3c].copy_from_slice(b"\xcd\x23\x82\x81");
        file.extend(payload);
        // zstd's unpacked size follows, and a PE section's padding.
        file.extend([0; 64]);
        file
    }

    fn text(bytes: &[u8]) -> String {
        unpack("vmlinuz", bytes).unwrap_err().to_string()
    }

    #[test]
    fn whatever_is_packed_is_unpacked() {
        let plain: Vec<u8> = (0..100_000u32).flat_map(|word| word.to_le_bytes()).collect();
        for packed in [
            gzipped(&plain),
            zstandard(&plain),
            zboot_file("gzip", &gzipped(&plain)),
            zboot_file("zstd", &zstandard(&plain)),
            zboot_file("zstd22", &zstandard(&plain)),
        ] {
            assert_eq!(unpack("k", &packed).unwrap().as_ref(), Some(&plain));
            assert_eq!(Image::parse("k", packed).unwrap().segments[0].bytes, plain);
        }
        assert_eq!(unpack("k", &plain).unwrap(), None);
        // Distributions pack self-extracting kernels again.
        let twice = gzipped(&zboot_file("zstd", &zstandard(&plain)));
        assert_eq!(Image::parse("k", twice).unwrap().segments[0].bytes, plain);
    }

    #[test]
    fn what_cannot_be_unpacked_is_named() {
        assert_eq!(text(b"\xfd7zXZ\0\0"), "vmlinuz: this is a xz file: unpack it first");
        assert_eq!(
            text(&zboot_file("lzo", b"\x89LZO")),
            "vmlinuz: this is a self-extracting EFI (lzo) file: unpack it first"
        );
        assert!(text(&zboot_file("zstd", &gzipped(b"x"))).contains("(zstd)"), "the name and the bytes differ");
        assert!(text(b"\x1f\x8b\x08").contains("damaged"));
        assert!(text(b"MZ\0\0zimg").contains("cut off"));
        let mut far = zboot_file("gzip", &gzipped(b"x"));
        far[8..16].fill(0xff);
        assert!(text(&far).contains("beyond the end"));
        let mut cut = gzipped(&[7; 1000]);
        cut.truncate(cut.len() - 4);
        assert!(text(&cut).contains("damaged"), "{}", text(&cut));
        let mut wrong = gzipped(&[7; 1000]);
        let len = wrong.len();
        wrong[len - 8] ^= 1;
        assert!(text(&wrong).contains("damaged"), "the checksum: {}", text(&wrong));
        let thrice = gzipped(&gzipped(&gzipped(&gzipped(b"x"))));
        assert!(Image::parse("k", thrice).unwrap_err().to_string().contains("packed more than"));
    }

    /// A quarter of a million bytes that would be a third of a gigabyte: nothing of that size is kept.
    #[test]
    fn bombs_are_put_out() {
        let zeros = std::io::repeat(0).take(UNPACKED_MAX + (64 << 20));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::copy(&mut { zeros }, &mut encoder).unwrap();
        let gzip = encoder.finish().unwrap();
        assert!(text(&gzip).contains("more than 256 MiB"), "{}", text(&gzip));
        let zeros = std::io::repeat(0).take(UNPACKED_MAX + (64 << 20));
        let zstd = zstd::encode_all(zeros, 1).unwrap();
        assert!(zstd.len() < 100_000);
        assert!(text(&zstd).contains("more than 256 MiB"), "{}", text(&zstd));
        assert!(text(&zboot_file("zstd", &zstd)).contains("more than 256 MiB"));
    }
}
