//! Speed kernel: mixed integer work in the manner of CoreMark, on data that
//! stays in a level-one cache: a linked list that is searched and reversed, a
//! small matrix that is multiplied, and a cyclic redundancy check over what
//! comes out.
#![no_std]
#![no_main]

use core::hint::black_box;

use speed::random;

const REPETITIONS: usize = 44_000;
const NODES: usize = 64;
const SIDE: usize = 12;
const END: u8 = u8::MAX;

/// A list in an array: each node names the next one.
struct List {
    next: [u8; NODES],
    value: [u16; NODES],
    first: u8,
}

impl List {
    fn new() -> Self {
        let mut list = Self { next: [END; NODES], value: [0; NODES], first: 0 };
        let mut state = 88_172_645_463_325_252;
        for node in 0..NODES {
            state = random(state);
            list.next[node] = if node + 1 < NODES { node as u8 + 1 } else { END };
            list.value[node] = state as u16;
        }
        list
    }

    fn reverse(&mut self) {
        let (mut previous, mut node) = (END, self.first);
        while node != END {
            let next = self.next[usize::from(node)];
            self.next[usize::from(node)] = previous;
            (previous, node) = (node, next);
        }
        self.first = previous;
    }

    /// How many nodes come before the first that holds more than `limit`.
    fn find_above(&self, limit: u16) -> u16 {
        let (mut count, mut node) = (0, self.first);
        while node != END && self.value[usize::from(node)] <= limit {
            node = self.next[usize::from(node)];
            count += 1;
        }
        count
    }
}

fn multiply(a: &[[i32; SIDE]; SIDE], b: &[[i32; SIDE]; SIDE]) -> [[i32; SIDE]; SIDE] {
    let mut product = [[0i32; SIDE]; SIDE];
    for (row, out) in product.iter_mut().enumerate() {
        for (column, cell) in out.iter_mut().enumerate() {
            for (index, line) in b.iter().enumerate() {
                *cell = cell.wrapping_add(a[row][index].wrapping_mul(line[column])) & 0xffff;
            }
        }
    }
    product
}

/// CRC-16 (ARC), bit by bit.
fn crc(mut sum: u16, value: u16) -> u16 {
    sum ^= value;
    for _ in 0..16 {
        let odd = sum & 1 != 0;
        sum >>= 1;
        if odd {
            sum ^= 0xa001;
        }
    }
    sum
}

fn integer() -> u64 {
    let mut list = black_box(List::new());
    let mut matrix = [[0i32; SIDE]; SIDE];
    for (index, cell) in matrix.iter_mut().flatten().enumerate() {
        *cell = index as i32 * 7 + 3;
    }
    let factor = black_box(matrix);
    let (mut sum, mut total) = (0u16, 0u64);
    for round in 0..REPETITIONS {
        list.reverse();
        sum = crc(sum, list.find_above(50_000 + (round as u16 & 0x1fff)));
        matrix = multiply(&matrix, &factor);
        sum = matrix.iter().map(|row| row[round % SIDE] as u16).fold(sum, crc);
        total = total.wrapping_mul(31).wrapping_add(u64::from(sum) / (1 + round as u64 % 7));
    }
    total << 16 | u64::from(sum)
}

speed::kernel!("integer", integer, 0xfa88_9a5b_02d7_3a67);
