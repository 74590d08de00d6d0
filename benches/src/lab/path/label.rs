//! What arrows are, and what is written on them.

use ha_iov_ext::cause as haiov;
use hyp_abi::syscall;
use rv_hart::Mode;
use rv_hart::ext::Event;
use rv_isa::cause;

use super::record::Trapped;
use super::sequence::What;

/// The guest's serial port, and the first register of its virtio device (`hyp/vmm`).
pub const UART: u64 = 0x1000_0000;
const VIRTIO: u64 = 0x1000_1000;
/// Registers of these by their offsets (16550 data sheet; virtio 1.2, 4.2.2).
const UART_REGISTERS: &[(u64, &str)] = &[(0, "UART THR"), (5, "UART LSR")];
const VIRTIO_REGISTERS: &[(u64, &str)] =
    &[(0x50, "QueueNotify"), (0x60, "InterruptStatus"), (0x64, "InterruptACK"), (0x70, "Status")];
/// Accesses that are requests.
pub const KICKS: [&str; 2] = ["QueueNotify", "UART THR"];
/// Interrupts of VS in `hvip`.
const GUEST_INTERRUPTS: &[(u64, &str)] = &[(1 << 2, "VSSIP"), (1 << 6, "VSTIP"), (1 << 10, "VSEIP")];

/// The instruction that waits.
pub const WFI: u32 = 0x1050_0073;

fn register(gpa: u64) -> Option<&'static str> {
    let find = |rows: &[(u64, &'static str)], base: u64| {
        rows.iter().find(|(offset, _)| base + offset == gpa).map(|(_, name)| *name)
    };
    find(UART_REGISTERS, UART).or_else(|| find(VIRTIO_REGISTERS, VIRTIO))
}

fn exception(code: u64) -> &'static str {
    match code {
        haiov::LOAD_MMIO_GUEST_FAULT => "load MMIO guest fault",
        haiov::STORE_MMIO_GUEST_FAULT => "store MMIO guest fault",
        haiov::VEI_MAP_MISS => "VEI map miss",
        cause::STORE_GUEST_PAGE_FAULT => "store guest-page fault",
        code => cause::exception_name(code),
    }
}

fn interrupt(code: u64) -> &'static str {
    match code {
        haiov::SUPERVISOR_VEI => "supervisor VEI",
        haiov::DOORBELL => "doorbell",
        haiov::USER_VEI => "user VEI",
        code => cause::interrupt_name(code),
    }
}

/// A trap from `from`.
pub fn trap(from: Mode, trap: &Trapped, events: &[Event]) -> (What, String) {
    let fetched = if events.iter().any(|event| event.name == "uct_fetch") { ", context fetched" } else { "" };
    if trap.interrupt {
        let name = interrupt(trap.code);
        return match (from.virt(), trap.to) {
            (true, Mode::VS) => (What::GuestInterrupt, format!("interrupt: {name}")),
            (true, Mode::U) => (What::HcsTake, format!("HCS take: {name}{fetched}")),
            (false, Mode::U) => (What::PlainUserVei, format!("interrupt: {name}{fetched}")),
            _ => (What::Interrupt, format!("interrupt: {name}{fetched}")),
        };
    }
    let waits = trap.code == cause::VIRTUAL_INSTRUCTION && trap.tval == u64::from(WFI);
    let name = if waits { "WFI" } else { exception(trap.code) };
    let at = trap.gpa.map_or(String::new(), |gpa| match register(gpa) {
        Some(register) => format!(" at {register}"),
        None => format!(" at {gpa:#x}"),
    });
    match (from, trap.to) {
        (Mode::VS | Mode::VU, Mode::U) => (What::Redirect, format!("redirection: {name}{at}")),
        (Mode::VS | Mode::VU, Mode::HS | Mode::M) => (What::Exit, format!("exit: {name}{at}")),
        (Mode::U, _) if trap.code == cause::ECALL_FROM_U => {
            let call = syscall::name(trap.a7 as usize).unwrap_or("?").to_ascii_lowercase();
            (What::SystemCall, format!("system call: {call}"))
        }
        _ => (What::Exception, format!("{name}{at}")),
    }
}

/// A return from `from` to `to`; `swapped` by a hardware context switch.
pub fn returns(from: Mode, to: Mode, swapped: bool) -> (What, &'static str) {
    match (from, to) {
        (Mode::VS, _) => (What::GuestReturn, "SRET"),
        (Mode::U, _) if swapped => (What::HcsReturn, "URET: HCS return"),
        (Mode::U, Mode::U) => (What::PlainReturn, "URET"),
        (Mode::U, _) => (What::Uret, "URET"),
        (_, Mode::VS | Mode::VU) => (What::ToGuest, "SRET to the guest"),
        (Mode::HS, Mode::U) => (What::ToUser, "SRET"),
        _ => (What::Return, "return"),
    }
}

/// Interrupts that the kernel gives a guest.
pub fn inject(bits: u64) -> String {
    let names: Vec<&str> = GUEST_INTERRUPTS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    format!("hvip.{} := 1", names.join(", "))
}

/// A send: its target's hart, whether it goes to a user's context, and what it is.
pub fn send(event: &Event) -> (usize, bool, String) {
    let arg = |name: &str| event.args.iter().find(|(arg, _)| arg == name).map(|(_, value)| *value);
    let (veirq, hart) = (arg("veirq").unwrap_or(0), arg("hart").unwrap_or(0));
    match (arg("ctx"), arg("vec"), arg("veiid")) {
        (Some(context), Some(vector), _) => {
            (hart as usize, true, format!("veisend {veirq}: context {context}, vector {vector}"))
        }
        (_, _, veiid) => {
            (hart as usize, false, format!("veisend {veirq}: VEIID {} of hart {hart}", veiid.unwrap_or(0)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_have_names() {
        let at = |code, gpa, to| Trapped { code, interrupt: false, tval: 0, gpa, to, a7: 49 };
        let notify = at(cause::STORE_GUEST_PAGE_FAULT, Some(VIRTIO + 0x50), Mode::HS);
        assert_eq!(
            trap(Mode::VS, &notify, &[]),
            (What::Exit, "exit: store guest-page fault at QueueNotify".to_owned())
        );
        let redirect = at(haiov::STORE_MMIO_GUEST_FAULT, Some(UART), Mode::U);
        assert_eq!(trap(Mode::VS, &redirect, &[]).0, What::Redirect);
        let call = at(cause::ECALL_FROM_U, None, Mode::HS);
        assert_eq!(trap(Mode::U, &call, &[]), (What::SystemCall, "system call: event_signal".to_owned()));
        let take = Trapped { interrupt: true, code: haiov::USER_VEI, to: Mode::U, ..call };
        assert_eq!(trap(Mode::VU, &take, &[]).0, What::HcsTake);
        assert_eq!(trap(Mode::U, &take, &[]).0, What::PlainUserVei);
        assert_eq!(inject(1 << 2), "hvip.VSSIP := 1");
    }
}
