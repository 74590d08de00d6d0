//! What handles stand for. One place lists the kinds of objects, and says which
//! of them may go to other processes.

use alloc::sync::Arc;

use hyp_abi::Error;

use crate::ipc::channel::ChannelEnd;
use crate::ipc::event::Event;
use crate::ipc::shared::SharedMemory;
use crate::proc::child::Child;
use crate::proc::process::Process;
use crate::vei::ContextRef;
use crate::vhost::Vhost;
use crate::vm::Vm;
use crate::vm::line::VcpuLine;

macro_rules! objects {
    ($($(#[$doc:meta])* $kind:ident($type:ty) = $getter:ident, travels: $travels:literal;)*) => {
        /// What a handle stands for.
        #[derive(Clone)]
        pub enum Object {
            $($(#[$doc])* $kind(Arc<$type>),)*
        }

        impl Object {
            /// Whether it may go through a channel to another process.
            pub fn may_travel(&self) -> bool {
                match self { $(Self::$kind(_) => $travels,)* }
            }
        }

        impl Process {
            $(
                /// The object behind a handle, if it is of this kind.
                pub fn $getter(&self, handle: usize) -> Result<Arc<$type>, Error> {
                    match self.object(handle)? {
                        Object::$kind(object) => Ok(object),
                        _ => Err(Error::BadHandle),
                    }
                }
            )*
        }
    };
}

objects! {
    /// A virtual machine. Its memory is its process's.
    Vm(Vm) = vm, travels: false;
    /// What other threads may do with a vCPU; the rest is its thread's.
    Vcpu(VcpuLine) = vcpu_line, travels: false;
    /// An event.
    Event(Event) = event, travels: true;
    /// A user context, which lives as long as its thread.
    UserContext(ContextRef) = user_context, travels: true;
    /// Shared memory.
    Shared(SharedMemory) = shared, travels: true;
    /// An end of a channel. Which may travel where is the channel's own rule.
    Channel(ChannelEnd) = channel, travels: true;
    /// A device that a worker serves. Its monitor's alone.
    Vhost(Vhost) = vhost, travels: false;
    /// A child, which lives no longer than the handles to it: so they must stay
    /// with its parent.
    Child(Child) = child, travels: false;
}
