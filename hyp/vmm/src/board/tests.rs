//! Interrupts of the board's devices, from their registers to the harts.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::AtomicUsize;

use rv_virtio::features::VERSION_1;
use rv_virtio::queue::QueueConfig;
use rv_virtio::transport::mmio::{ConfigSpace, Identity, offsets as at};

use super::*;
use crate::device::slot::{Backing, Broken};

const IER: u64 = UART + 1;
const IIR: u64 = UART + 2;
const ENABLE: u64 = PLIC + 0x2000;
const CLAIM: u64 = PLIC + 0x20_0004;

/// Serves nothing.
struct Nothing;

impl Backing for Nothing {
    fn start(&mut self, _: u16, _: &QueueConfig, _: u64) -> Result<(), Broken> {
        Ok(())
    }

    fn stop(&mut self) {}

    fn kick(&mut self, _: u16) -> Result<(), Broken> {
        Ok(())
    }

    fn is_broken(&mut self) -> bool {
        false
    }

    fn acknowledged(&mut self) {}
}

/// A board with one disk, whose interrupts 10 and 1 hart 0 wants; its wire's call, and what is up: a bit for each hart.
fn board() -> (Board<Vec<u8>>, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let call = Arc::new(AtomicBool::new(false));
    let identity = Identity {
        device_id: 2,
        features: VERSION_1,
        queue_max: Identity::queues(&[16]),
        config: ConfigSpace::new(8),
        accepts: |_| true,
        ..Identity::EMPTY
    };
    let wired = Wired { slot: Slot::new(identity, Box::new(Nothing), false), call: Arc::clone(&call) };
    let up = Arc::new(AtomicUsize::new(0));
    let shown = Arc::clone(&up);
    let raise = Box::new(move |hart, level| {
        let bit = 1usize << hart;
        assert_ne!(shown.load(Relaxed) & bit != 0, level, "only changes are told");
        shown.fetch_xor(bit, Relaxed);
    });
    let mut board = Board::new(Vec::new(), vec![wired], 2, raise);
    for source in [UART_SOURCE, VIRTIO_SOURCE] {
        board.write(PLIC + 4 * u64::from(source), 4, 1).unwrap();
    }
    board.write(ENABLE, 4, 1 << UART_SOURCE | 1 << VIRTIO_SOURCE).unwrap();
    (board, call, up)
}

#[test]
fn an_empty_transmitter_interrupts_until_it_is_known() {
    let (mut board, _, up) = board();
    board.write(IER, 1, 2).unwrap();
    assert_eq!(up.load(Relaxed), 1);
    assert_eq!(board.read(CLAIM, 4), Some(UART_SOURCE.into()));
    assert_eq!(up.load(Relaxed), 0);
    assert_eq!(board.read(IIR, 1).unwrap() & 0xf, 2);
    board.write(CLAIM, 4, UART_SOURCE.into()).unwrap();
    assert_eq!(up.load(Relaxed), 0);
    board.write(UART, 1, b'x'.into()).unwrap();
    assert_eq!((up.load(Relaxed), &board.sink()[..]), (1, &b"x"[..]));
}

#[test]
fn what_comes_in_interrupts() {
    let (mut board, _, up) = board();
    board.write(IER, 1, 1).unwrap();
    board.receive(b"ab");
    assert_eq!(up.load(Relaxed), 1);
    board.read(CLAIM, 4);
    assert_eq!(board.read(UART, 1), Some(b'a'.into()));
    board.write(CLAIM, 4, UART_SOURCE.into()).unwrap();
    assert_eq!(up.load(Relaxed), 0, "without its FIFO it holds one byte");
}

#[test]
fn a_disk_interrupts_until_it_is_acknowledged() {
    let (mut board, call, up) = board();
    let features = [(at::DRIVER_FEATURES_SEL, 1), (at::DRIVER_FEATURES, 1)];
    let ready =
        [(at::STATUS, 1), (at::STATUS, 3)].into_iter().chain(features).chain([(at::STATUS, 11), (at::STATUS, 15)]);
    for (register, value) in ready {
        board.write(VIRTIO + register, 4, value).unwrap();
    }
    call.store(true, Relaxed);
    board.write(VIRTIO + at::QUEUE_NOTIFY, 4, 0).unwrap();
    assert_eq!(up.load(Relaxed), 1);
    assert_eq!(board.read(CLAIM, 4), Some(VIRTIO_SOURCE.into()));
    assert_eq!(board.read(VIRTIO + at::INTERRUPT_STATUS, 4), Some(1));
    board.write(VIRTIO + at::INTERRUPT_ACK, 4, 1).unwrap();
    board.write(CLAIM, 4, VIRTIO_SOURCE.into()).unwrap();
    assert_eq!(up.load(Relaxed), 0);
}

#[test]
fn everything_else_is_nothing() {
    let (mut board, ..) = board();
    for gpa in [0, PLIC - 1, PLIC + plic::SIZE, UART - 1, VIRTIO + VIRTIO_SIZE, u64::MAX] {
        assert_eq!(board.read(gpa, 4), None, "{gpa:#x}");
        assert_eq!(board.write(gpa, 4, 0), None, "{gpa:#x}");
    }
    let pages = board.windows().map(|(gpa, size)| (gpa % 4096, size % 4096));
    assert!(pages.eq([(0, 0); 3]));
}
