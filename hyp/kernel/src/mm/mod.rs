//! Memory: physical frames, the kernel's heap, page-table trees and the
//! kernel's own map.

pub mod frame;
pub mod heap;
pub mod kernel_map;
pub mod tree;
