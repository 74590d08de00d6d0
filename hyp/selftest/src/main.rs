//! x
#![no_std]
#![no_main]
hyp_rt::entry!(main);
fn main(_: hyp_rt::Args) -> i32 {
    0
}
