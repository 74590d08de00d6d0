//! A shared folder as a client sees it, by messages written from the protocol's description (diod's protocol.md), and as
//! the host has it afterwards.

mod client;
mod confined;
mod files;
mod hostile;
