//! x
#![no_std]
#![no_main]
guest::entry!(run);
fn run(_m: guest::machine::Machine) -> Result<bool, guest::Stop> {
    Ok(true)
}
