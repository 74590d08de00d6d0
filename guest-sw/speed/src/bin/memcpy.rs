//! Speed kernel: copying and filling memory, as long as a network packet and
//! as long as a large buffer, aligned and not.
#![no_std]
#![no_main]

use core::hint::black_box;

const LARGE: usize = 256 << 10;
const PACKET: usize = 1514;
const REPETITIONS: usize = 1500;
const PACKETS: usize = 64;

#[repr(C, align(64))]
struct Buffer([u8; LARGE + 64]);

#[unsafe(link_section = ".uninit")]
static mut FROM: Buffer = Buffer([0; LARGE + 64]);
#[unsafe(link_section = ".uninit")]
static mut TO: Buffer = Buffer([0; LARGE + 64]);

fn digest(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    words.fold(0, |sum, word| {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        sum.rotate_left(7).wrapping_add(word)
    })
}

fn memcpy() -> u64 {
    let (from, to) = (&raw mut FROM, &raw mut TO);
    // SAFETY: nobody else names them.
    let (from, to): (&mut [u8], &mut [u8]) = unsafe { (&mut (*from).0, &mut (*to).0) };
    for (index, byte) in from.iter_mut().enumerate() {
        *byte = ((index * 13) >> 3) as u8;
    }
    to.fill(0);
    for round in 0..REPETITIONS {
        let end = LARGE - (round & 7) * 8;
        black_box(&mut *to)[..end].copy_from_slice(&from[..end]);
        for packet in 0..PACKETS {
            let (source, target) = (packet * 2048 + (round & 7), packet * 2048 + (packet & 3));
            black_box(&mut *to)[target..target + PACKET].copy_from_slice(&from[source..source + PACKET]);
        }
        let filled = round % 1024 * 64;
        black_box(&mut *to)[filled..filled + 4096].fill(round as u8);
    }
    digest(to)
}

speed::kernel!("memcpy", memcpy, 0x5e6d_7bed_2363_cec5);
