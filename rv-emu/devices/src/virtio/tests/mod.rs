//! Tests of the slot, by device; disks come with a driver of their own, as their requests take time.

mod disk;
mod driver;
mod net;
mod others;
