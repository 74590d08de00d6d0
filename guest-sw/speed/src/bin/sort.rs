//! Speed kernel: sorting, by comparison and exchange in place (heapsort), and
//! by the standard library's own algorithm.
#![no_std]
#![no_main]

use speed::random;

const REPETITIONS: usize = 24;
const LENGTH: usize = 32 << 10;

#[unsafe(link_section = ".uninit")]
static mut DATA: [u64; LENGTH] = [0; LENGTH];

fn fill(data: &mut [u64], mut state: u64) -> u64 {
    for item in data {
        state = random(state);
        *item = state;
    }
    state
}

fn sift_down(heap: &mut [u64], mut parent: usize) {
    loop {
        let mut child = 2 * parent + 1;
        if child >= heap.len() {
            return;
        }
        if child + 1 < heap.len() && heap[child] < heap[child + 1] {
            child += 1;
        }
        if heap[parent] >= heap[child] {
            return;
        }
        heap.swap(parent, child);
        parent = child;
    }
}

fn heapsort(data: &mut [u64]) {
    for parent in (0..data.len() / 2).rev() {
        sift_down(data, parent);
    }
    for end in (1..data.len()).rev() {
        data.swap(0, end);
        sift_down(&mut data[..end], 0);
    }
}

/// A number that depends on every item's place; all ones if any is wrong.
fn digest(data: &[u64]) -> u64 {
    if !data.is_sorted() {
        return u64::MAX;
    }
    data.iter().fold(0, |sum, item| sum.rotate_left(5).wrapping_add(*item))
}

fn sort() -> u64 {
    let data = &raw mut DATA;
    // SAFETY: nobody else names it.
    let data: &mut [u64] = unsafe { &mut *data };
    let (mut state, mut sum) = (0x2545_f491_4f6c_dd1d, 0u64);
    for _ in 0..REPETITIONS {
        state = fill(data, state);
        heapsort(data);
        sum = sum.wrapping_mul(3) ^ digest(data);
        state = fill(data, state);
        data.sort_unstable();
        sum = sum.wrapping_mul(3) ^ digest(data);
    }
    sum
}

speed::kernel!("sort", sort, 0xc75d_cc93_a204_6a3c);
