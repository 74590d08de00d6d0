//! Tests with a second process: the same program, with a role.

use alloc::format;

use hyp_abi::Error;
use hyp_abi::channel::Message;
use hyp_rt::channel::Channel;
use hyp_rt::handle::Handle;
use hyp_rt::println;
use hyp_rt::process::Process;

use crate::Result;
use crate::guest::{Machine, Program};
use crate::tests::{Mode, Owner, SENDER_HART, TARGET_HART, nothing, refused, sender, slow, to_context, trust, until};

/// The parent's side.
pub struct Child {
    process: Process,
    channel: Channel,
    context: Handle,
}

impl Child {
    /// Starts a child and gets its context.
    pub fn start(role: &str) -> Result<Self> {
        let (ours, theirs) = Channel::pair().map_err(refused("a channel"))?;
        let arguments = format!("child={role}");
        let process = Process::spawn("veitest", &arguments, Some(theirs)).map_err(refused("a child"))?;
        let message = ours.receive().map_err(refused("the child's context"))?;
        let &[context] = message.handles() else { return Err("a message without a handle".into()) };
        Ok(Self { process, channel: ours, context: Handle::from_raw(context as usize) })
    }

    /// The handle of its context, here.
    pub fn context(&self) -> usize {
        self.context.number()
    }

    /// How often its handler was called.
    pub fn ask(&self) -> Result<u64> {
        let question = Message::new(b"?", &[]).ok_or("a short message is too long")?;
        self.channel.send(&question).map_err(refused("a question"))?;
        let answer = self.channel.receive().map_err(refused("an answer"))?;
        let bytes = answer.bytes().try_into().map_err(|_| "an answer of another size")?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Ends it from outside.
    pub fn kill(&self) -> Result {
        self.process.kill().map_err(refused("killing"))?;
        self.process.wait().map_err(refused("waiting")).map(drop)
    }

    /// Waits for its end.
    pub fn wait(&self) -> Result<i32> {
        self.process.wait().map_err(refused("waiting"))
    }
}

/// The child.
pub fn main(role: &str) -> i32 {
    match run(role) {
        Ok(()) => 0,
        Err(error) => {
            println!("veitest: child {role}: {error}");
            1
        }
    }
}

fn crashes(_: u64) {
    // SAFETY: none; that is what is tested: the process ends here.
    unsafe { core::ptr::without_provenance::<u64>(8).read_volatile() };
}

fn never_ends(_: u64) {
    loop {
        slow(0);
    }
}

fn run(role: &str) -> Result {
    let channel = Channel::from_parent();
    let (handler, alone): (fn(u64), bool) = match role {
        "serve" => (nothing, false),
        "crash" => (crashes, false),
        "crash-alone" => (crashes, true),
        "slow-alone" => (never_ends, true),
        _ => return Err(format!("no such role: {role}")),
    };
    let owner = Owner::start(Mode::Wait, handler)?;
    let message = Message::new(&[], &[owner.handle() as u32]).ok_or("a handle is too much")?;
    channel.send(&message).map_err(refused("the context"))?;
    if alone {
        return in_domain(&owner);
    }
    loop {
        match channel.receive() {
            Ok(_) => {}
            Err(Error::BrokenPipe) => return owner.stop(),
            Err(error) => return Err(format!("a question: {error}")),
        }
        let answer = Message::new(&owner.calls().to_le_bytes(), &[]).ok_or("a number is too long")?;
        channel.send(&answer).map_err(refused("an answer"))?;
    }
}

/// Guest, sender and handler in one process, which the handler ends.
fn in_domain(owner: &Owner) -> Result {
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    trust(&spinner, owner)?;
    let _spinning = spinner.start(TARGET_HART);
    until("the guest", || spinner.progress() > 1000)?;
    let machine = sender(10, 1, 1000)?;
    to_context(&machine, 1, owner.handle(), 0)?;
    let _sending = machine.start(SENDER_HART);
    until("the end of this process", || false)
}
