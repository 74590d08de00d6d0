//! Queues, as a driver that keeps the rules sees them: split and packed alike.

mod harness;

use harness::{Arena, DriverQueue, Piece, Style};
use rv_virtio::memory::VecMemory;
use rv_virtio::queue::{Chain, Queue, QueueError, Token};

fn pair(arena: &mut Arena, size: u16, style: Style) -> (DriverQueue, Queue<VecMemory>) {
    let driver = DriverQueue::new(arena, size, style);
    let queue = Queue::new(&driver.config, style.features(), &arena.memory).unwrap();
    (driver, queue)
}

/// Takes a request; its segments, readable and writable, as (address, length).
type Pieces = Vec<(u64, u32)>;
fn pop(queue: &mut Queue<VecMemory>, arena: &Arena) -> Option<(Token, Pieces, Pieces)> {
    let mut chain = Chain::new();
    let list = |segments: &[rv_virtio::queue::Segment]| segments.iter().map(|s| (s.address.0, s.len)).collect();
    let found = queue.pop(&arena.memory, &mut chain).expect("the driver keeps the rules");
    found.then(|| (chain.token(), list(chain.readable()), list(chain.writable())))
}

#[test]
fn chains_arrive_as_they_were_offered() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 8, style);
        // Many rounds, so that indices and wrap counters go round.
        for round in 0..50_u32 {
            let pieces = [
                Piece::readable(0x8010_0000, 16),
                Piece::readable(0x8010_1000 + u64::from(round), 1 + round),
                Piece::writable(0x8010_2000, 512),
            ];
            let count = 1 + round as usize % pieces.len();
            let pieces = &pieces[pieces.len() - count..];
            let buffer = driver.add(&mut arena, pieces).expect("room");
            let (token, readable, writable) = pop(&mut queue, &arena).expect("a request");
            let expected = |of: bool| -> Pieces {
                pieces.iter().filter(|piece| piece.writable == of).map(|piece| (piece.address, piece.len)).collect()
            };
            assert_eq!((readable, writable), (expected(false), expected(true)), "{style:?} round {round}");
            assert_eq!(pop(&mut queue, &arena), None);
            queue.push(token, round);
            assert_eq!(driver.take(), None, "not published yet");
            queue.publish();
            assert_eq!(driver.take(), Some(harness::Used { buffer, written: round }));
            assert_eq!(driver.take(), None);
        }
    }
}

#[test]
fn batches_become_visible_at_once_and_in_any_order() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 16, style);
        for round in 0..40_usize {
            let mut expected = Vec::new();
            for index in 0..5 {
                let pieces = vec![Piece::writable(0x8010_0000, 8); 1 + (round + index) % 3];
                expected.push(driver.add(&mut arena, &pieces).expect("room"));
            }
            let mut tokens: Vec<Token> =
                std::iter::from_fn(|| pop(&mut queue, &arena)).map(|(token, ..)| token).collect();
            assert_eq!(tokens.len(), expected.len());
            // Some order, another one each time.
            tokens.rotate_left(round % 5);
            expected.rotate_left(round % 5);
            for &token in &tokens {
                queue.push(token, 4);
                assert_eq!(driver.take(), None);
            }
            queue.publish();
            queue.publish();
            let returned: Vec<u64> = std::iter::from_fn(|| driver.take()).map(|used| used.buffer).collect();
            assert_eq!(returned, expected, "{style:?} round {round}");
        }
    }
}

#[test]
fn what_is_put_back_comes_again() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 4, style);
        for _ in 0..11 {
            let _ =
                driver.add(&mut arena, &[Piece::writable(0x8010_0000, 8), Piece::writable(0x8010_0100, 4)]).unwrap();
            let _ = driver.add(&mut arena, &[Piece::writable(0x8010_0200, 2)]).unwrap();
            let mark = queue.mark();
            let first = pop(&mut queue, &arena).unwrap();
            let second = pop(&mut queue, &arena).unwrap();
            assert_eq!(pop(&mut queue, &arena), None);
            queue.rewind(mark);
            assert_eq!(pop(&mut queue, &arena), Some(first.clone()));
            assert_eq!(pop(&mut queue, &arena), Some(second.clone()));
            queue.push(first.0, 1);
            queue.push(second.0, 1);
            queue.publish();
            assert!(driver.take().is_some() && driver.take().is_some());
        }
    }
}

#[test]
fn a_successor_goes_on_where_a_queue_was_left() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 4, style);
        for round in 0..23 {
            let buffer = driver.add(&mut arena, &[Piece::writable(0x8010_0000, 8); 2]).unwrap();
            let (token, ..) = pop(&mut queue, &arena).unwrap();
            queue.push(token, round);
            queue.publish();
            assert_eq!(driver.take().unwrap().buffer, buffer);
            queue = Queue::resume(&driver.config, style.features(), &arena.memory, queue.position()).unwrap();
        }
    }
}

#[test]
fn interrupts_are_wanted_or_not() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 4, style);
        assert!(!queue.needs_interrupt(), "nothing was used");
        for round in 0..40 {
            let wanted = round % 3 != 0;
            driver.want_interrupts(wanted);
            for position in 0..2 {
                let _ = driver.add(&mut arena, &[Piece::writable(0x8010_0000, 8); 2]).unwrap();
                let (token, ..) = pop(&mut queue, &arena).unwrap();
                queue.push(token, 0);
                queue.publish();
                // The event is the first buffer's; flags are for all.
                let expected = wanted && (position == 0 || !style.event_idx);
                assert_eq!(queue.needs_interrupt(), expected, "{style:?} round {round}, {position}");
                assert!(!queue.needs_interrupt(), "asked once");
                assert!(driver.take().is_some());
            }
        }
    }
}

#[test]
fn an_event_within_a_batch_counts() {
    for style in Style::all().filter(|style| style.event_idx) {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 8, style);
        for round in 0..40 {
            let batch = 1 + round % 6;
            driver.want_interrupts(true);
            for _ in 0..batch {
                let _ = driver.add(&mut arena, &[Piece::writable(0x8010_0000, 8)]).unwrap();
                let (token, ..) = pop(&mut queue, &arena).unwrap();
                queue.push(token, 0);
            }
            queue.publish();
            assert!(queue.needs_interrupt(), "{style:?} round {round}");
            while driver.take().is_some() {}
        }
    }
}

#[test]
fn kicks_come_when_they_are_wanted() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 4, style);
        let drain = |driver: &mut DriverQueue, queue: &mut Queue<VecMemory>, arena: &Arena| {
            while let Some((token, ..)) = pop(queue, arena) {
                queue.push(token, 0);
                queue.publish();
                assert!(driver.take().is_some());
            }
        };
        for round in 0..30 {
            queue.disable_notifications();
            let _ = driver.add(&mut arena, &[Piece::readable(0x8010_0000, 8); 2]).unwrap();
            assert!(!driver.needs_kick(), "{style:?} round {round}");
            assert!(queue.enable_notifications(), "one was added meanwhile");
            assert!(queue.has_available());
            drain(&mut driver, &mut queue, &arena);
            assert!(!queue.enable_notifications());
            assert!(!queue.has_available());
            let _ = driver.add(&mut arena, &[Piece::readable(0x8010_0000, 8)]).unwrap();
            assert!(driver.needs_kick(), "{style:?} round {round}");
            drain(&mut driver, &mut queue, &arena);
        }
    }
}

#[test]
fn a_poller_gets_no_kick_in_a_long_time() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 4, Style { indirect: false, ..style });
        queue.disable_notifications();
        for round in 0..150_000_u32 {
            let _ = driver.add(&mut arena, &[Piece::readable(0x8010_0000, 8)]).unwrap();
            assert!(!driver.needs_kick(), "{style:?} round {round}");
            let (token, ..) = pop(&mut queue, &arena).unwrap();
            queue.push(token, 0);
            queue.publish();
            assert!(driver.take().is_some());
        }
    }
}

#[test]
fn a_device_that_waits_for_more_is_told_of_more() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 8, style);
        for _ in 0..20 {
            let _ = driver.add(&mut arena, &[Piece::writable(0x8010_0000, 8)]).unwrap();
            let _ = driver.needs_kick();
            let start = queue.mark();
            let first = pop(&mut queue, &arena).unwrap();
            let end = queue.mark();
            queue.rewind(start);
            assert!(!queue.enable_notifications_at(end), "no more than what it knows");
            let _ = driver.add(&mut arena, &[Piece::writable(0x8010_0000, 8)]).unwrap();
            assert!(driver.needs_kick(), "{style:?}");
            assert!(queue.enable_notifications_at(end));
            assert_eq!(pop(&mut queue, &arena).unwrap(), first);
            let second = pop(&mut queue, &arena).unwrap();
            queue.push(first.0, 0);
            queue.push(second.0, 0);
            queue.publish();
            assert!(driver.take().is_some() && driver.take().is_some());
        }
    }
}

#[test]
fn all_sizes_work_to_the_last_place() {
    for style in Style::all() {
        let sizes: &[u16] = if style.packed { &[1, 2, 3, 5, 7, 12, 33] } else { &[1, 2, 4, 8, 32] };
        for &size in sizes {
            let mut arena = Arena::new();
            let (mut driver, mut queue) = pair(&mut arena, size, style);
            for round in 0..10 {
                let mut count = 0;
                while driver.add(&mut arena, &[Piece::writable(0x8010_0000, 8)]).is_some() {
                    count += 1;
                }
                assert_eq!(count, size, "{style:?} round {round}");
                let tokens: Vec<Token> =
                    std::iter::from_fn(|| pop(&mut queue, &arena)).map(|(token, ..)| token).collect();
                assert_eq!(tokens.len(), usize::from(size));
                assert!(!queue.has_available());
                tokens.iter().for_each(|&token| queue.push(token, 8));
                queue.publish();
                assert_eq!(std::iter::from_fn(|| driver.take()).count(), usize::from(size));
            }
        }
    }
}

#[test]
fn a_broken_queue_stays_broken() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let (mut driver, mut queue) = pair(&mut arena, 4, style);
        let _ = driver.add(&mut arena, &[Piece::readable(0x8010_0000, 8)]).unwrap();
        queue.break_off();
        let mut chain = Chain::new();
        assert_eq!(queue.pop(&arena.memory, &mut chain), Err(QueueError::Broken));
        assert_eq!(queue.pop(&arena.memory, &mut chain), Err(QueueError::Broken));
        assert!(queue.enable_notifications(), "a worker doesn't sleep on it, but meets the error");
    }
}
