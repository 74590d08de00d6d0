//! A virtio-mmio slot: the registers, which are always the monitor's, in front of whoever serves the queues.

use alloc::boxed::Box;

use rv_virtio::queue::QueueConfig;
use rv_virtio::transport::mmio::offsets::INTERRUPT_STATUS;
use rv_virtio::transport::mmio::{Effect, Identity, QUEUES_MAX, Registers};

/// Whoever serves the queues of a device.
pub trait Backing: Send {
    /// A queue is ready, and the driver too: serve it from now on.
    ///
    /// # Errors
    /// It can't be: the device is broken.
    fn start(&mut self, index: u16, config: &QueueConfig, features: u64) -> Result<(), Broken>;

    /// Touch no queue any more.
    fn stop(&mut self);

    /// A notification that came here. Some come although others are meant to get them.
    ///
    /// # Errors
    /// The driver has broken a queue.
    fn kick(&mut self, index: u16) -> Result<(), Broken>;

    /// Whether a driver has broken a queue.
    fn is_broken(&mut self) -> bool;

    /// The driver has acknowledged interrupts: their line falls.
    fn acknowledged(&mut self);
}

/// The device can't go on before it is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// A slot with a device.
pub struct Slot {
    registers: Registers,
    backing: Box<dyn Backing>,
    /// The driver is told of used buffers by the line, and asks InterruptStatus why.
    by_line: bool,
}

impl Slot {
    /// A device after power-on.
    pub fn new(identity: Identity, backing: Box<dyn Backing>, by_line: bool) -> Slot {
        Slot { registers: Registers::new(identity), backing, by_line }
    }

    /// Reads a register. What no driver may read is 0.
    pub fn read(&mut self, offset: u64, len: u8) -> u64 {
        if self.backing.is_broken() {
            self.registers.fail();
        }
        // Used buffers raise the line without us; a driver that asks has seen it.
        if offset == INTERRUPT_STATUS && self.by_line {
            self.registers.raise_used();
        }
        self.registers.read(offset, len).unwrap_or(0)
    }

    /// Writes a register. What no driver may write has no effect.
    pub fn write(&mut self, offset: u64, len: u8, value: u64) {
        let Ok(effect) = self.registers.write(offset, len, value) else { return };
        let done = match effect {
            Effect::Notify { index, .. } => self.kick(index),
            Effect::DriverReady => self.start_all(),
            Effect::QueueReady { index, config } if self.registers.is_live() => self.start(index, &config),
            Effect::Reset | Effect::DriverFailed => {
                self.backing.stop();
                Ok(())
            }
            Effect::QueueStopped { .. } => self.restart_others(),
            Effect::QueueReset { index } => {
                let done = self.restart_others();
                self.registers.queue_reset_done(index);
                done
            }
            Effect::Acknowledged => {
                self.backing.acknowledged();
                Ok(())
            }
            _ => Ok(()),
        };
        if done.is_err() {
            self.registers.fail();
        }
    }

    /// Buffers were used, and the driver is to be told by the line.
    pub fn raise(&mut self) {
        self.registers.raise_used();
    }

    /// Whether the device's own interrupt line is up.
    pub fn interrupts(&self) -> bool {
        self.registers.interrupt_line()
    }

    fn kick(&mut self, index: u16) -> Result<(), Broken> {
        if self.registers.is_live() { self.backing.kick(index) } else { Ok(()) }
    }

    fn start(&mut self, index: u16, config: &QueueConfig) -> Result<(), Broken> {
        self.backing.start(index, config, self.registers.features())?;
        // The driver may have filled it before.
        self.backing.kick(index)
    }

    fn start_all(&mut self) -> Result<(), Broken> {
        for index in 0..QUEUES_MAX as u16 {
            if let Some(config) = self.registers.queue(index) {
                self.start(index, &config)?;
            }
        }
        Ok(())
    }

    /// A queue is taken away while others go on.
    fn restart_others(&mut self) -> Result<(), Broken> {
        self.backing.stop();
        if self.registers.is_live() { self.start_all() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use rv_virtio::features::VERSION_1;
    use rv_virtio::queue::QueueConfig;
    use rv_virtio::transport::mmio::{ConfigSpace, Identity, offsets as at, status};

    use super::{Backing, Broken, Slot};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Log {
        fn add(&self, text: String) {
            self.0.lock().unwrap().push(text);
        }

        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    impl Backing for Log {
        fn start(&mut self, index: u16, config: &QueueConfig, features: u64) -> Result<(), Broken> {
            self.add(format!("start {index} size {} features {features:#x}", config.size));
            Ok(())
        }

        fn stop(&mut self) {
            self.add("stop".into());
        }

        fn kick(&mut self, index: u16) -> Result<(), Broken> {
            self.add(format!("kick {index}"));
            if index == 1 { Err(Broken) } else { Ok(()) }
        }

        fn is_broken(&mut self) -> bool {
            false
        }

        fn acknowledged(&mut self) {
            self.add("acknowledged".into());
        }
    }

    fn slot(by_line: bool) -> (Slot, Log) {
        let identity = Identity {
            device_id: 2,
            features: VERSION_1,
            queue_max: Identity::queues(&[64, 64]),
            config: ConfigSpace::new(8),
            accepts: |_| true,
            ..Identity::EMPTY
        };
        let log = Log::default();
        (Slot::new(identity, Box::new(log.clone()), by_line), log)
    }

    fn make_ready(slot: &mut Slot, queues: u64) {
        for bits in [0, status::ACKNOWLEDGE, status::ACKNOWLEDGE | status::DRIVER] {
            slot.write(at::STATUS, 4, bits.into());
        }
        slot.write(at::DRIVER_FEATURES_SEL, 4, 1);
        slot.write(at::DRIVER_FEATURES, 4, 1);
        slot.write(at::STATUS, 4, 11);
        for index in 0..queues {
            slot.write(at::QUEUE_SEL, 4, index);
            slot.write(at::QUEUE_NUM, 4, 16);
            slot.write(at::QUEUE_DESC_LOW, 4, 0x1000);
            slot.write(at::QUEUE_READY, 4, 1);
        }
        slot.write(at::STATUS, 4, 15);
    }

    #[test]
    fn queues_start_when_the_driver_is_ready() {
        let (mut slot, log) = slot(false);
        slot.write(at::QUEUE_NOTIFY, 4, 0);
        assert_eq!(log.take(), Vec::<String>::new(), "nothing is live");
        make_ready(&mut slot, 1);
        assert_eq!(log.take(), ["stop", "start 0 size 16 features 0x100000000", "kick 0"]);
        slot.write(at::QUEUE_NOTIFY, 4, 0);
        assert_eq!(log.take(), ["kick 0"]);
        slot.write(at::STATUS, 4, 0);
        assert_eq!(log.take(), ["stop"]);
    }

    #[test]
    fn a_driver_that_breaks_a_queue_is_told() {
        let (mut slot, log) = slot(false);
        make_ready(&mut slot, 2);
        log.take();
        let needs_reset = u64::from(status::NEEDS_RESET);
        assert_eq!(slot.read(at::STATUS, 4) & needs_reset, needs_reset);
        slot.write(at::QUEUE_NOTIFY, 4, 0);
        assert_eq!(log.take(), Vec::<String>::new(), "a broken device serves nothing");
    }

    #[test]
    fn the_lines_reason_is_there_for_who_asks() {
        for by_line in [false, true] {
            let (mut slot, log) = slot(by_line);
            make_ready(&mut slot, 1);
            log.take();
            assert_eq!(slot.read(at::INTERRUPT_STATUS, 4), u64::from(by_line));
            slot.write(at::INTERRUPT_ACK, 4, 1);
            assert_eq!(log.take(), ["acknowledged"]);
        }
    }

    #[test]
    fn nonsense_has_no_effect() {
        let (mut slot, _) = slot(false);
        for offset in [0x3, 0x58, 0xfff] {
            assert_eq!(slot.read(offset, 4), 0);
            slot.write(offset, 8, u64::MAX);
        }
        assert_eq!(slot.read(at::MAGIC_VALUE, 4), 0x7472_6976);
    }
}
