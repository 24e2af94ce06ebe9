//! What the kernel offers: sockets and files, without waiting and without blocking.
//!
//! Stands at the far end of the path, below the imports. Nothing here knows wasmtime, a guest or
//! a worker: a call that cannot go on leaves a note of what it waits for ([`Wait`]) and suspends;
//! whoever polls reads the note.

mod directory;
mod file_cache;
mod held_file;
pub mod inherited;
mod kept;
mod listener;
mod open_directory;
mod open_file;
mod pace;
mod readiness;
mod stream;
mod stream_calls;
#[cfg(test)]
mod stream_tests;
mod wait;

pub use directory::{Directory, OpenError};
pub use file_cache::FileCache;
pub use held_file::HeldFile;
pub use inherited::{InheritError, Inherited};
pub use kept::Kept;
pub use listener::{BACKLOG, BindError, Listener, bind_listeners, share_listeners};
pub use open_directory::{DirectoryEntry, OpenDirectory};
pub use open_file::{FileStat, OFFSET_MAX, OpenFile};
pub use pace::{Pace, PaceLimit};
pub use readiness::Readiness;
pub use stream::{Received, Shutdown, Stream};
pub use stream_calls::{CallError, SendResult};
pub use wait::{Interest, Timeout, Wait};
