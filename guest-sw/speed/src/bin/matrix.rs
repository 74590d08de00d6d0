//! Speed kernel: matrices in double precision. A product, and a system of
//! equations solved by elimination, so that division takes part as well.
#![no_std]
#![no_main]

use core::hint::black_box;

const SIDE: usize = 64;
const REPETITIONS: usize = 40;

type Matrix = [[f64; SIDE]; SIDE];

fn multiply(a: &Matrix, b: &Matrix, product: &mut Matrix) {
    for (row, out) in product.iter_mut().enumerate() {
        out.fill(0.0);
        for (index, line) in b.iter().enumerate() {
            let factor = a[row][index];
            for (cell, value) in out.iter_mut().zip(line) {
                *cell += factor * value;
            }
        }
    }
}

/// Gauss's elimination without pivoting: for matrices with a strong diagonal.
fn eliminate(matrix: &mut Matrix) -> f64 {
    let mut determinant_log2 = 0.0;
    for pivot in 0..SIDE {
        let (above, below) = matrix.split_at_mut(pivot + 1);
        let pivot_row = &above[pivot];
        determinant_log2 += pivot_row[pivot];
        for row in below {
            let factor = row[pivot] / pivot_row[pivot];
            for (cell, value) in row.iter_mut().zip(pivot_row).skip(pivot) {
                *cell -= factor * value;
            }
        }
    }
    determinant_log2
}

fn matrix() -> u64 {
    let mut a = [[0.0; SIDE]; SIDE];
    for (row, line) in a.iter_mut().enumerate() {
        for (column, cell) in line.iter_mut().enumerate() {
            let diagonal = if row == column { SIDE as f64 } else { 0.0 };
            *cell = diagonal + 1.0 / (row + column + 1) as f64;
        }
    }
    let b = black_box(a);
    let mut product = [[0.0; SIDE]; SIDE];
    let mut sum = 0.0;
    for round in 0..REPETITIONS {
        multiply(&a, &b, &mut product);
        sum += eliminate(&mut product);
        a[round % SIDE][0] += sum * 1e-9;
    }
    sum.to_bits()
}

speed::kernel!("matrix", matrix, 0x4164_079a_cb98_8691);
