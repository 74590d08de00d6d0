//! Processes: address spaces, the loader, handles, and their end.

pub mod address_space;
pub mod child;
pub mod load;
pub mod object;
pub mod process;
pub mod user;
