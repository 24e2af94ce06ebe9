//! Instances: a component made ready, one store per activation or kept for more, and the task
//! that runs an activation in it.
//!
//! Stands between the worker and the imports. Nothing here touches a socket.

mod cache;
mod capacity;
mod compiled;
mod engine;
mod handler;
mod live;
mod parts;
mod pool;
mod program;
mod task;
mod ticker;

pub use cache::CodeCache;
pub use compiled::Compiled;
pub use engine::{Target, compiling, prepare_thread, running};
pub use handler::{Handler, Replaceable};
pub use live::{Instance, Verdict};
pub use parts::ModuleCache;
pub use pool::{InstancePool, Place};
pub use program::{HandlerKind, Loader, Program, Programs, linker};
pub use task::{Ended, Task};
pub use ticker::{Ticker, TickerHandle};

/// How often guests that run are looked at.
///
/// A guest that spins costs the others up to two of these, and so does each of several that begin
/// to spin at the same time: beside ten hostile guests, 99 of 100 requests took up to 24 to 92 ms
/// with a tick of 5 ms, and 6 to 22 ms with 2 ms (measured).
pub const TICK: std::time::Duration = std::time::Duration::from_millis(2);
