//! The conformance tests that every device must pass, as one macro, so that a new device gets
//! them by naming its constructor and a few of its registers.

/// Defines the tests `reset_restores_power_on`, `save_restore_round_trip`, `bad_offset_is_refused`
/// and `bad_width_is_refused` for one device.
///
/// - `new`: a device in its power-on state;
/// - `disturb`: changes as much of its state as software can;
/// - `readable`: registers `(offset, width)` whose reads are compared, in this order;
/// - `bad_offsets`: offsets where nothing is, tried in every width;
/// - `bad_widths`: registers that exist, with widths that they do not take.
macro_rules! device_conformance {
    (
        $device:ty,
        new: $new:expr,
        disturb: $disturb:expr,
        readable: $readable:expr,
        bad_offsets: $bad_offsets:expr,
        bad_widths: $bad_widths:expr $(,)?
    ) => {
        mod conformance {
            use super::*;
            use $crate::{AccessError, Device, Persist, Width};

            const NOW: u64 = 12_345_678;

            fn fresh() -> $device {
                $new()
            }

            fn disturbed() -> $device {
                let mut device = fresh();
                $disturb(&mut device);
                assert_ne!(device.save(), fresh().save(), "`disturb` must change the state");
                device
            }

            fn readings(device: &mut $device) -> Vec<u64> {
                let readable: &[(u64, Width)] = &$readable;
                readable.iter().map(|&(at, width)| device.read(at, width, NOW).unwrap()).collect()
            }

            #[test]
            fn reset_restores_power_on() {
                let mut device = disturbed();
                device.reset();
                assert_eq!(device.save(), fresh().save());
                assert_eq!(readings(&mut device), readings(&mut fresh()));
            }

            #[test]
            fn save_restore_round_trip() {
                let mut device = disturbed();
                let text = serde_json::to_string(&device.save()).unwrap();
                let mut copy = <$device>::restore(serde_json::from_str(&text).unwrap()).unwrap();
                assert_eq!(copy.save(), device.save());
                assert_eq!(readings(&mut copy), readings(&mut device));
                assert_eq!(copy.save(), device.save(), "reads must act alike on both");
            }

            #[test]
            fn bad_offset_is_refused() {
                let mut device = disturbed();
                let before = device.save();
                for offset in $bad_offsets {
                    for width in Width::ALL {
                        let read = device.read(offset, width, NOW);
                        assert_eq!(read, Err(AccessError::Offset(offset)), "{width:?}");
                        let write = device.write(offset, width, u64::MAX, NOW);
                        assert_eq!(write, Err(AccessError::Offset(offset)), "{width:?}");
                    }
                }
                assert_eq!(device.save(), before, "a refused access must change nothing");
            }

            #[test]
            fn bad_width_is_refused() {
                let mut device = disturbed();
                let before = device.save();
                for (offset, width) in $bad_widths {
                    let refused = AccessError::Width { offset, width };
                    assert_eq!(device.read(offset, width, NOW), Err(refused));
                    assert_eq!(device.write(offset, width, u64::MAX, NOW), Err(refused));
                }
                assert_eq!(device.save(), before, "a refused access must change nothing");
            }
        }
    };
}

pub(crate) use device_conformance;
