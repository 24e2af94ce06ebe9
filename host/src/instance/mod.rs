//! Instances: a component made ready, one store per activation or kept for more, and the task
//! that runs an activation in it.
//!
//! Stands between the worker and the imports. Nothing here touches a socket.

mod capacity;
mod engine;
mod live;
mod pool;
mod program;
mod task;
mod ticker;

pub use live::{Instance, Verdict};
pub use pool::{InstancePool, Place};
pub use program::{HandlerKind, Program};
pub use task::{Ended, Task};
pub use ticker::{Ticker, TickerHandle};

/// How often guests that run are looked at.
///
/// A spinning guest costs the others up to two of these. With 1 ms the ticking itself costs 17 ms
/// of CPU per second, with 5 ms it costs 4 (measured).
pub const TICK: std::time::Duration = std::time::Duration::from_millis(5);
