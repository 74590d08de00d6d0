//! Every register, and every rule about them.

use super::offsets as at;
use super::{ConfigSpace, Effect, INTERRUPT_CONFIG, INTERRUPT_USED, Identity, Registers, Violation, status};
use crate::features;
use crate::memory::GuestAddress;
use crate::queue::QueueConfig;

const OWN_FEATURE: u64 = 1 << 3;
const NEEDS_OWN: u64 = 1 << 4;
const OFFERED: u64 = features::QUEUES | features::NOTIFICATION_DATA | OWN_FEATURE | NEEDS_OWN;
const READY: u8 = status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK | status::DRIVER_OK;

fn identity() -> Identity {
    Identity {
        device_id: 2,
        vendor_id: Identity::VENDOR,
        features: OFFERED,
        queue_max: Identity::queues(&[256, 16]),
        config: ConfigSpace::new(12).with(0, &[1, 2, 3, 4, 5, 6, 7, 8]),
        accepts: |chosen| chosen & NEEDS_OWN == 0 || chosen & OWN_FEATURE != 0,
    }
}

fn read(registers: &Registers, offset: u64) -> u32 {
    registers.read(offset, 4).expect("readable") as u32
}

fn write(registers: &mut Registers, offset: u64, value: u32) -> Effect {
    registers.write(offset, 4, u64::from(value)).expect("writable")
}

fn refused(registers: &mut Registers, offset: u64, value: u32) -> Violation {
    let before = *registers.state();
    let violation = registers.write(offset, 4, u64::from(value)).expect_err("refused");
    assert_eq!(*registers.state(), before, "a refused write has no effect");
    violation
}

fn choose(registers: &mut Registers, chosen: u64) {
    for (word, value) in [(0, chosen as u32), (1, (chosen >> 32) as u32)] {
        assert_eq!(write(registers, at::DRIVER_FEATURES_SEL, word), Effect::None);
        assert_eq!(write(registers, at::DRIVER_FEATURES, value), Effect::None);
    }
}

fn set_status(registers: &mut Registers, bits: u8) -> Effect {
    let old = registers.status();
    write(registers, at::STATUS, u32::from(old | bits))
}

/// Up to FEATURES_OK.
fn with_features(chosen: u64) -> Registers {
    let mut registers = Registers::new(identity());
    assert_eq!(set_status(&mut registers, status::ACKNOWLEDGE), Effect::None);
    assert_eq!(set_status(&mut registers, status::DRIVER), Effect::None);
    choose(&mut registers, chosen);
    assert_eq!(set_status(&mut registers, status::FEATURES_OK), Effect::FeaturesChosen(chosen));
    registers
}

const QUEUE: QueueConfig = QueueConfig {
    size: 16,
    descriptors: GuestAddress(0x1_8000_0000),
    driver: GuestAddress(0x2_8000_1002),
    device: GuestAddress(0x3_8000_2004),
};

fn place_queue(registers: &mut Registers, index: u32, config: &QueueConfig) {
    let _ = write(registers, at::QUEUE_SEL, index);
    let _ = write(registers, at::QUEUE_NUM, u32::from(config.size));
    let parts = [
        (at::QUEUE_DESC_LOW, config.descriptors),
        (at::QUEUE_DRIVER_LOW, config.driver),
        (at::QUEUE_DEVICE_LOW, config.device),
    ];
    for (low, address) in parts {
        assert_eq!(write(registers, low, address.0 as u32), Effect::None);
        assert_eq!(write(registers, low + 4, (address.0 >> 32) as u32), Effect::None);
    }
}

/// Live, with queue 0.
fn live(chosen: u64) -> Registers {
    let mut registers = with_features(chosen);
    place_queue(&mut registers, 0, &QUEUE);
    assert_eq!(write(&mut registers, at::QUEUE_READY, 1), Effect::QueueReady { index: 0, config: QUEUE });
    assert_eq!(set_status(&mut registers, status::DRIVER_OK), Effect::DriverReady);
    assert!(registers.is_live());
    registers
}

#[test]
fn identity_reads_as_the_specification_says() {
    let registers = Registers::new(identity());
    assert_eq!(read(&registers, at::MAGIC_VALUE), 0x7472_6976);
    assert_eq!(read(&registers, at::VERSION), 2);
    assert_eq!(read(&registers, at::DEVICE_ID), 2);
    assert_eq!(read(&registers, at::VENDOR_ID).to_le_bytes(), *b"rvem");
}

#[test]
fn an_empty_slot_has_nothing_but_its_name() {
    let mut registers = Registers::new(Identity::EMPTY);
    assert_eq!(read(&registers, at::MAGIC_VALUE), 0x7472_6976);
    assert_eq!(read(&registers, at::DEVICE_ID), 0);
    assert_eq!(registers.read(at::STATUS, 4), Err(Violation::Unknown));
    assert_eq!(registers.write(at::STATUS, 4, 1), Err(Violation::Unknown));
}

#[test]
fn device_features_come_in_words() {
    let mut registers = Registers::new(identity());
    for (word, expected) in [(0, OFFERED as u32), (1, (OFFERED >> 32) as u32), (2, 0), (u32::MAX, 0)] {
        assert_eq!(write(&mut registers, at::DEVICE_FEATURES_SEL, word), Effect::None);
        assert_eq!(read(&registers, at::DEVICE_FEATURES), expected, "word {word}");
    }
}

#[test]
fn features_ok_stays_only_for_a_valid_subset() {
    let wrong = [
        0,
        OWN_FEATURE,
        features::VERSION_1 | NEEDS_OWN,
        features::VERSION_1 | 1,
        features::VERSION_1 | 1 << 63,
        features::VERSION_1 | features::IN_ORDER,
    ];
    for chosen in wrong {
        let mut registers = Registers::new(identity());
        let _ = set_status(&mut registers, status::ACKNOWLEDGE | status::DRIVER);
        choose(&mut registers, chosen);
        assert_eq!(set_status(&mut registers, status::FEATURES_OK), Effect::None);
        assert_eq!(read(&registers, at::STATUS), u32::from(status::ACKNOWLEDGE | status::DRIVER), "{chosen:#x}");
        assert_eq!(registers.features(), 0);
        // It isn't ready without features either, but may choose again.
        assert_eq!(set_status(&mut registers, status::DRIVER_OK), Effect::None);
        assert!(!registers.is_live());
        choose(&mut registers, features::VERSION_1);
        assert_eq!(set_status(&mut registers, status::FEATURES_OK), Effect::FeaturesChosen(features::VERSION_1));
    }
    for chosen in [features::VERSION_1, OFFERED, features::VERSION_1 | NEEDS_OWN | OWN_FEATURE] {
        assert_eq!(with_features(chosen).features(), chosen);
    }
}

#[test]
fn features_beyond_the_64th_are_nobodys() {
    let mut registers = Registers::new(identity());
    let _ = set_status(&mut registers, status::ACKNOWLEDGE | status::DRIVER);
    choose(&mut registers, features::VERSION_1);
    let _ = write(&mut registers, at::DRIVER_FEATURES_SEL, 2);
    let _ = write(&mut registers, at::DRIVER_FEATURES, 0);
    let mut with_more = registers;
    let _ = write(&mut with_more, at::DRIVER_FEATURES, 1);
    assert_eq!(set_status(&mut with_more, status::FEATURES_OK), Effect::None);
    assert_eq!(set_status(&mut registers, status::FEATURES_OK), Effect::FeaturesChosen(features::VERSION_1));
}

#[test]
fn features_are_settled_once() {
    let mut registers = Registers::new(identity());
    assert_eq!(refused(&mut registers, at::DRIVER_FEATURES, 1), Violation::Stage);
    let mut registers = with_features(features::VERSION_1);
    assert_eq!(refused(&mut registers, at::DRIVER_FEATURES, 1), Violation::Stage);
    assert_eq!(registers.features(), features::VERSION_1);
    // Driver features without DRIVER: the driver has left out a step.
    let mut registers = Registers::new(identity());
    assert_eq!(write(&mut registers, at::STATUS, u32::from(status::ACKNOWLEDGE | status::FEATURES_OK)), Effect::None);
    assert_eq!(registers.status(), status::ACKNOWLEDGE);
}

#[test]
fn status_bits_are_not_cleared_one_by_one() {
    let mut registers = with_features(features::VERSION_1);
    for value in [1, 3, 10, 0x10b] {
        assert_eq!(refused(&mut registers, at::STATUS, value), Violation::Value);
    }
    assert_eq!(registers.status(), 11);
    // Reserved bits stay clear, and the device's own bit is not the driver's to set.
    assert_eq!(write(&mut registers, at::STATUS, 0x7b), Effect::None);
    assert_eq!(registers.status(), 11);
}

#[test]
fn ready_comes_after_features_in_a_write_of_its_own() {
    let mut registers = Registers::new(identity());
    let _ = set_status(&mut registers, status::ACKNOWLEDGE | status::DRIVER);
    choose(&mut registers, features::VERSION_1);
    let effect = write(&mut registers, at::STATUS, u32::from(READY));
    assert_eq!(effect, Effect::FeaturesChosen(features::VERSION_1));
    assert_eq!(registers.status(), READY & !status::DRIVER_OK);
    assert_eq!(set_status(&mut registers, status::DRIVER_OK), Effect::DriverReady);
}

#[test]
fn a_driver_that_has_failed_is_not_served() {
    let mut registers = live(features::VERSION_1);
    assert_eq!(set_status(&mut registers, status::FAILED), Effect::DriverFailed);
    assert!(!registers.is_live());
    assert_eq!(refused(&mut registers, at::QUEUE_NOTIFY, 0), Violation::Stage);
    assert_eq!(refused(&mut registers, at::QUEUE_READY, 0), Violation::Stage);
}

#[test]
fn reset_clears_all_that_the_driver_has_done() {
    let mut registers = live(OFFERED & !features::RING_PACKED);
    registers.raise_used();
    registers.fail();
    let generation = read(&registers, at::CONFIG_GENERATION);
    assert_eq!(write(&mut registers, at::STATUS, 0), Effect::Reset);
    assert_eq!(*registers.state(), *Registers::new(identity()).state());
    assert_eq!(read(&registers, at::STATUS), 0);
    assert_eq!(read(&registers, at::INTERRUPT_STATUS), 0);
    assert_eq!(read(&registers, at::QUEUE_READY), 0);
    assert_eq!(read(&registers, at::CONFIG_GENERATION), generation);
    assert!(!registers.interrupt_line());
    assert_eq!(registers.queue(0), None);
}

#[test]
fn queues_that_are_not_there_have_no_size() {
    let mut registers = with_features(features::VERSION_1);
    for (index, max) in [(0, 256), (1, 16), (2, 0), (7, 0), (8, 0), (u32::MAX, 0)] {
        let _ = write(&mut registers, at::QUEUE_SEL, index);
        assert_eq!(read(&registers, at::QUEUE_NUM_MAX), max, "queue {index}");
        assert_eq!(read(&registers, at::QUEUE_READY), 0);
        assert_eq!(read(&registers, at::QUEUE_RESET), 0);
        if max == 0 {
            assert_eq!(refused(&mut registers, at::QUEUE_NUM, 1), Violation::Queue);
            assert_eq!(refused(&mut registers, at::QUEUE_READY, 1), Violation::Queue);
        }
    }
}

#[test]
fn a_queue_is_placed_after_features_and_before_it_is_ready() {
    let mut registers = Registers::new(identity());
    assert_eq!(refused(&mut registers, at::QUEUE_NUM, 16), Violation::Stage);
    let mut registers = live(features::VERSION_1);
    assert_eq!(registers.queue(0), Some(QUEUE));
    assert_eq!(read(&registers, at::QUEUE_READY), 1);
    for offset in [at::QUEUE_NUM, at::QUEUE_DESC_LOW, at::QUEUE_DRIVER_HIGH, at::QUEUE_DEVICE_LOW] {
        assert_eq!(refused(&mut registers, offset, 1), Violation::Stage);
    }
    // Ready once more changes nothing.
    assert_eq!(write(&mut registers, at::QUEUE_READY, 1), Effect::None);
    assert_eq!(write(&mut registers, at::QUEUE_READY, 0), Effect::QueueStopped { index: 0 });
    assert_eq!(registers.queue(0), None);
    assert_eq!(read(&registers, at::QUEUE_READY), 0);
    assert_eq!(write(&mut registers, at::QUEUE_READY, 0), Effect::None);
    assert_eq!(write(&mut registers, at::QUEUE_NUM, 8), Effect::None);
}

#[test]
fn a_queue_that_can_not_be_does_not_get_ready() {
    let split = features::VERSION_1;
    let packed = split | features::RING_PACKED;
    let odd = |offset: u64| GuestAddress(0x8000_0000 + offset);
    let cases = [
        (split, QueueConfig { size: 0, ..QUEUE }, false),
        (split, QueueConfig { size: 12, ..QUEUE }, false),
        (split, QueueConfig { descriptors: odd(8), ..QUEUE }, false),
        (split, QueueConfig { driver: odd(1), ..QUEUE }, false),
        (split, QueueConfig { driver: odd(2), ..QUEUE }, true),
        (split, QueueConfig { device: odd(2), ..QUEUE }, false),
        (packed, QueueConfig { driver: odd(2), ..QUEUE }, false),
        (packed, QueueConfig { size: 12, driver: odd(4), ..QUEUE }, true),
    ];
    for (chosen, config, fits) in cases {
        let mut registers = with_features(chosen);
        place_queue(&mut registers, 0, &config);
        let result = registers.write(at::QUEUE_READY, 4, 1);
        let expected = if fits { Ok(Effect::QueueReady { index: 0, config }) } else { Err(Violation::Value) };
        assert_eq!(result, expected, "{config:?}");
        assert_eq!(read(&registers, at::QUEUE_READY), u32::from(fits));
    }
    let mut registers = with_features(split);
    let _ = write(&mut registers, at::QUEUE_SEL, 1);
    assert_eq!(refused(&mut registers, at::QUEUE_NUM, 17), Violation::Value);
    assert_eq!(refused(&mut registers, at::QUEUE_READY, 2), Violation::Value);
}

#[test]
fn notifications_count_when_all_is_ready() {
    let mut registers = with_features(features::VERSION_1);
    place_queue(&mut registers, 0, &QUEUE);
    assert_eq!(refused(&mut registers, at::QUEUE_NOTIFY, 0), Violation::Stage);
    let mut registers = live(features::VERSION_1);
    assert_eq!(write(&mut registers, at::QUEUE_NOTIFY, 0), Effect::Notify { index: 0, position: None });
    for wrong in [1, 2, 0xffff] {
        assert_eq!(refused(&mut registers, at::QUEUE_NOTIFY, wrong), Violation::Queue);
    }
    assert_eq!(refused(&mut registers, at::QUEUE_NOTIFY, 0x1_0000), Violation::Value);
    let mut registers = live(features::VERSION_1 | features::NOTIFICATION_DATA);
    let effect = write(&mut registers, at::QUEUE_NOTIFY, 0x8005_0000);
    assert_eq!(effect, Effect::Notify { index: 0, position: Some(0x8005) });
}

#[test]
fn interrupts_stay_until_they_are_acknowledged() {
    let mut registers = live(features::VERSION_1);
    assert!(!registers.interrupt_line());
    registers.raise_used();
    registers.set_config(ConfigSpace::new(12));
    assert_eq!(read(&registers, at::INTERRUPT_STATUS), INTERRUPT_USED | INTERRUPT_CONFIG);
    assert_eq!(write(&mut registers, at::INTERRUPT_ACK, INTERRUPT_USED), Effect::Acknowledged);
    assert!(registers.interrupt_line());
    assert_eq!(read(&registers, at::INTERRUPT_STATUS), INTERRUPT_CONFIG);
    assert_eq!(write(&mut registers, at::INTERRUPT_ACK, u32::MAX), Effect::Acknowledged);
    assert!(!registers.interrupt_line());
}

#[test]
fn nothing_is_sent_before_the_driver_is_ready() {
    let mut registers = with_features(features::VERSION_1);
    registers.raise_used();
    registers.set_config(ConfigSpace::new(12));
    registers.fail();
    assert_eq!(registers.interrupt_status(), 0);
    assert_eq!(registers.status() & status::NEEDS_RESET, status::NEEDS_RESET);
    // And a device that needs a reset doesn't start.
    assert_eq!(set_status(&mut registers, status::DRIVER_OK), Effect::None);
    assert!(!registers.is_live());
}

#[test]
fn a_broken_device_says_so() {
    let mut registers = live(features::VERSION_1);
    registers.fail();
    assert_eq!(registers.status(), READY | status::NEEDS_RESET);
    assert_eq!(registers.interrupt_status(), INTERRUPT_CONFIG);
    assert!(!registers.is_live());
    assert_eq!(refused(&mut registers, at::QUEUE_NOTIFY, 0), Violation::Stage);
    // A driver that doesn't know of the bit writes without it.
    assert_eq!(write(&mut registers, at::STATUS, u32::from(READY)), Effect::None);
    assert_eq!(registers.status(), READY | status::NEEDS_RESET);
}

#[test]
fn the_generation_changes_with_the_configuration() {
    let mut registers = Registers::new(identity());
    let before = read(&registers, at::CONFIG_GENERATION);
    registers.set_config(identity().config);
    assert_eq!(read(&registers, at::CONFIG_GENERATION), before);
    registers.set_config(ConfigSpace::new(12));
    assert_ne!(read(&registers, at::CONFIG_GENERATION), before);
}

#[test]
fn configuration_takes_every_natural_width() {
    let mut registers = Registers::new(identity());
    assert_eq!(registers.read(at::CONFIG, 1), Ok(1));
    assert_eq!(registers.read(at::CONFIG + 3, 1), Ok(4));
    assert_eq!(registers.read(at::CONFIG + 2, 2), Ok(0x0403));
    assert_eq!(registers.read(at::CONFIG + 4, 4), Ok(0x0807_0605));
    assert_eq!(registers.read(at::CONFIG, 8), Ok(0x0807_0605_0403_0201));
    assert_eq!(registers.read(at::CONFIG + 12, 4), Ok(0), "beyond the end");
    assert_eq!(registers.read(at::CONFIG + 1, 2), Err(Violation::Width(2)));
    assert_eq!(registers.read(at::CONFIG, 3), Err(Violation::Width(3)));
    assert_eq!(registers.read(u64::MAX, 1), Ok(0));
    let effect = registers.write(at::CONFIG + 8, 4, u64::MAX);
    assert_eq!(effect, Ok(Effect::Config { offset: 8, width: 4, value: 0xffff_ffff }));
    assert_eq!(registers.write(at::CONFIG + 12, 4, 0), Err(Violation::Unknown));
    assert_eq!(registers.read(at::CONFIG, 1), Ok(1), "only the device changes it");
}

#[test]
fn registers_take_aligned_words_only() {
    let mut registers = live(features::VERSION_1);
    for width in [0, 1, 2, 3, 8] {
        assert_eq!(registers.read(at::STATUS, width), Err(Violation::Width(width)));
        assert_eq!(registers.write(at::STATUS, width, 0), Err(Violation::Width(width)));
    }
    assert_eq!(registers.read(at::STATUS + 2, 4), Err(Violation::Width(4)));
    assert!(registers.is_live());
}

#[test]
fn directions_are_kept() {
    let mut registers = live(features::VERSION_1);
    let write_only = [
        at::DEVICE_FEATURES_SEL,
        at::DRIVER_FEATURES,
        at::DRIVER_FEATURES_SEL,
        at::QUEUE_SEL,
        at::QUEUE_NUM,
        at::QUEUE_NOTIFY,
        at::INTERRUPT_ACK,
        at::QUEUE_DESC_LOW,
        at::QUEUE_DESC_HIGH,
        at::QUEUE_DRIVER_LOW,
        at::QUEUE_DRIVER_HIGH,
        at::QUEUE_DEVICE_LOW,
        at::QUEUE_DEVICE_HIGH,
        at::SHM_SEL,
    ];
    let read_only = [
        at::MAGIC_VALUE,
        at::VERSION,
        at::DEVICE_ID,
        at::VENDOR_ID,
        at::DEVICE_FEATURES,
        at::QUEUE_NUM_MAX,
        at::INTERRUPT_STATUS,
        at::SHM_LEN_LOW,
        at::SHM_BASE_HIGH,
        at::CONFIG_GENERATION,
    ];
    let both = [at::QUEUE_READY, at::STATUS, at::QUEUE_RESET];
    for offset in (0..at::CONFIG).step_by(4) {
        let expected = if write_only.contains(&offset) {
            Err(Violation::WriteOnly)
        } else if read_only.contains(&offset) || both.contains(&offset) || (0xb0..0xc0).contains(&offset) {
            Ok(())
        } else {
            Err(Violation::Unknown)
        };
        assert_eq!(registers.read(offset, 4).map(|_| ()), expected, "read of {offset:#x}");
        if read_only.contains(&offset) {
            assert_eq!(refused(&mut registers, offset, 1), Violation::ReadOnly, "write of {offset:#x}");
        } else if expected == Err(Violation::Unknown) {
            // Among them the legacy interface's page size, alignment and page number.
            assert_eq!(refused(&mut registers, offset, 1), Violation::Unknown, "write of {offset:#x}");
        }
    }
}

#[test]
fn there_is_no_shared_memory() {
    let mut registers = Registers::new(identity());
    let _ = write(&mut registers, at::SHM_SEL, 3);
    for offset in [at::SHM_LEN_LOW, at::SHM_LEN_HIGH, at::SHM_BASE_LOW, at::SHM_BASE_HIGH] {
        assert_eq!(read(&registers, offset), u32::MAX);
    }
}

#[test]
fn a_queue_is_reset_alone_if_that_was_negotiated() {
    let mut registers = live(features::VERSION_1);
    assert_eq!(refused(&mut registers, at::QUEUE_RESET, 1), Violation::Stage);
    let mut registers = live(features::VERSION_1 | features::RING_RESET);
    assert_eq!(read(&registers, at::QUEUE_RESET), 0);
    assert_eq!(refused(&mut registers, at::QUEUE_RESET, 2), Violation::Value);
    assert_eq!(write(&mut registers, at::QUEUE_RESET, 1), Effect::QueueReset { index: 0 });
    // As long as it goes on.
    assert_eq!(read(&registers, at::QUEUE_RESET), 1);
    assert_eq!(registers.queue(0), None);
    assert_eq!(refused(&mut registers, at::QUEUE_READY, 1), Violation::Stage);
    assert_eq!(refused(&mut registers, at::QUEUE_NUM, 8), Violation::Stage);
    assert_eq!(refused(&mut registers, at::QUEUE_NOTIFY, 0), Violation::Queue);
    registers.queue_reset_done(0);
    assert_eq!(read(&registers, at::QUEUE_RESET), 0);
    assert_eq!(read(&registers, at::QUEUE_READY), 0);
    // And again, with other values.
    let other = QueueConfig { size: 8, ..QUEUE };
    place_queue(&mut registers, 0, &other);
    assert_eq!(write(&mut registers, at::QUEUE_READY, 1), Effect::QueueReady { index: 0, config: other });
    assert!(registers.is_live());
    // Done without having been asked for is nothing.
    registers.queue_reset_done(0);
    registers.queue_reset_done(99);
    assert_eq!(registers.queue(0), Some(other));
}
