//! The network workload, in netperf's shape: see `netload`. The guest is the client and measures; its peer serves,
//! checks, and says at the end what arrived.
//!
//! Words of the command line, beside those of every guest: `test=udp_stream|tcp_stream|udp_rr|tcp_rr`, `size`,
//! `count`, `nodelay`, `flow`, `csum`, `mergeable`, `batch`.
#![no_std]
#![no_main]

mod config;
mod device;

use guest::latency::Latencies;
use guest::machine::Machine;
use guest::{Stop, clock, console, interrupts, mark};
use netload::{Client, GUEST, Memory, Outcome, PEER, Poll, Summary};
use virtio::net::Net;

use config::Config;
use device::Port;

guest::entry!(run);

/// Waits in a row that end without anything to do, before the device is asked whether it still works.
const VAIN_WAITS_MAX: u32 = 3;

static mut MEMORY: Memory = Memory::EMPTY;

fn run(mut machine: Machine) -> Result<bool, Stop> {
    let config = Config::parse(machine.tree.bootargs())?;
    let device = machine.device(virtio::net::DEVICE_ID)?;
    let options = config.device_options();
    // SAFETY: the device tree says that it is there; it is mapped one to one.
    let net = unsafe { Net::new(device.base, device.doorbell, &options, &mut machine.arena) }?;
    if !config.common.poll {
        interrupts::enable(device.style, device.base);
    }
    let samples = if config.test.is_rr() { config.count as usize } else { 0 };
    let latencies = Latencies::new(machine.arena.words(samples)?);
    let mut port = Port::new(net);
    let memory = &raw mut MEMORY;
    // SAFETY: only this function names it, and it runs once.
    let memory = unsafe { &mut *memory };
    let address = netload::Address { mac: port.net.info().mac, ..GUEST };
    let client = Client::new(&mut port, memory, (&address, &PEER), &config.workload(), clock::cycles);
    let client = client.map_err(Stop::Other)?;
    let mut test = Run {
        machine,
        poll: config.common.poll,
        port,
        client,
        latencies,
        vain_waits: 0,
        seen: 0,
        start: Counts::default(),
    };
    let measured = test.run()?;
    let outcome = *test.client.outcome();
    report(&config, &test.port, &measured, &outcome, &mut test.latencies);
    Ok(errors(&config, &outcome) == 0)
}

/// What is counted up to a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    cycles: u64,
    kicks: u64,
    interrupts: u64,
    sent: u64,
    received: u64,
}

/// A test that runs.
struct Run {
    machine: Machine,
    poll: bool,
    port: Port,
    client: Client,
    latencies: Latencies,
    vain_waits: u32,
    /// Frames that had come at the last wait.
    seen: u64,
    start: Counts,
}

impl Run {
    /// Runs it to its end; what the measured part has counted.
    fn run(&mut self) -> Result<Counts, Stop> {
        let mut measured = Counts::default();
        loop {
            let now = self.machine.clock.micros();
            let latencies = &mut self.latencies;
            let poll = self.client.poll(now, &mut self.port, &mut |cycles| latencies.add(cycles));
            self.port.net.transmitter.flush();
            if let Some(error) = self.port.error {
                return Err(error.into());
            }
            match poll {
                Poll::Busy => self.vain_waits = 0,
                Poll::Waiting(deadline) => self.wait(now, deadline)?,
                Poll::Ready => {
                    mark!(1);
                    self.start = self.counts();
                }
                Poll::Measured => {
                    measured = self.since_start();
                    mark!(2);
                }
                Poll::Done => return Ok(measured),
                Poll::Failed(why) => return Err(Stop::Other(why)),
            }
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            cycles: clock::cycles(),
            kicks: self.port.net.kicks(),
            interrupts: interrupts::count(),
            sent: self.port.net.transmitter.frames(),
            received: self.port.net.receiver.counts().0,
        }
    }

    fn since_start(&self) -> Counts {
        let (now, start) = (self.counts(), &self.start);
        Counts {
            cycles: now.cycles - start.cycles,
            kicks: now.kicks - start.kicks,
            interrupts: now.interrupts - start.interrupts,
            sent: now.sent - start.sent,
            received: now.received - start.received,
        }
    }

    /// Waits until a frame arrives, the device has room again if it has none, or the time comes.
    fn wait(&mut self, now: u64, deadline: Option<u64>) -> Result<(), Stop> {
        if self.poll || deadline.is_some_and(|deadline| deadline <= now) {
            core::hint::spin_loop();
            return Ok(());
        }
        let came = self.port.net.receiver.counts().0;
        if came != core::mem::replace(&mut self.seen, came) {
            self.vain_waits = 0;
        }
        if self.vain_waits >= VAIN_WAITS_MAX || interrupts::configuration_changed() {
            self.port.net.check()?;
        }
        self.vain_waits += 1;
        if let Some(deadline) = deadline {
            self.machine.clock.arm(deadline);
        }
        let refused = core::mem::take(&mut self.port.refused);
        let full = !self.port.net.transmitter.has_room()?;
        // There is room by now: nothing will tell of it again.
        if refused && !full {
            return Ok(());
        }
        let Net { receiver, transmitter, .. } = &mut self.port.net;
        interrupts::wait_unless(|| {
            let nothing_in = receiver.enable_interrupts();
            let nothing_out = !full || transmitter.enable_interrupts(false);
            !(nothing_in && nothing_out)
        });
        receiver.disable_interrupts();
        if full {
            transmitter.disable_interrupts();
        }
        Ok(())
    }
}

/// What may not happen. Datagrams may get lost, which the result says.
fn errors(config: &Config, outcome: &Outcome) -> u64 {
    let Outcome { server, corrupt, .. } = outcome;
    let missing = config.count - server.messages.min(config.count);
    let lossless = !config.test.is_udp() || config.test.is_rr();
    corrupt + server.corrupt + if lossless { missing } else { 0 }
}

fn report(config: &Config, port: &Port, measured: &Counts, outcome: &Outcome, latencies: &mut Latencies) {
    let layout = &config.common.layout;
    let Counts { cycles, kicks, interrupts, sent, received } = measured;
    let Outcome { messages, bytes, retries, server, .. } = outcome;
    let Summary { messages: arrived, lost, duplicate, corrupt, .. } = server;
    console::print(format_args!(
        "#result {{\"who\":\"guest\",\"workload\":\"net\",\"test\":\"{}\",\"size\":{},\"mtu\":{},\"event_idx\":{},\
         \"indirect\":{},\"packed\":{},\"poll\":{},\"nodelay\":{},\"flow\":{},\"ops\":{messages},\"bytes\":{bytes},\
         \"cycles\":{cycles},\"errors\":{},\"kicks\":{kicks},\"interrupts\":{interrupts},\"frames_sent\":{sent},\
         \"frames_received\":{received},\"retries\":{retries},\"arrived\":{arrived},\"lost\":{lost},\
         \"duplicate\":{duplicate},\"corrupt\":{corrupt},\"bad_checksums\":{},{}}}",
        config.test.name(),
        config.size,
        port.net.info().mtu,
        layout.event_idx,
        layout.indirect,
        layout.packed,
        config.common.poll,
        config.nodelay,
        config.flow,
        errors(config, outcome),
        port.net.receiver.counts().1,
        latencies.sorted(),
    ));
}
