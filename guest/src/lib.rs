//! Write sockeye connection handlers in Rust, as plain blocking code.
//!
//! sockeye is a host that accepts connections and gives each one to a WebAssembly component. This
//! crate makes a function such a component: an HTTP handler with [`http_handler!`], a handler of
//! any other protocol with [`handler!`]. Calls look as if they blocked; the host suspends the guest
//! wherever one would wait and runs others meanwhile, so a handler needs no threads, no event loop
//! and no `async`.
//!
//! ```no_run
//! use sockeye_guest::http::{self, Exchange};
//!
//! fn hello(exchange: &mut Exchange) -> http::Result {
//!     Ok(exchange.respond(200, "text/plain", "Hello, World!")?)
//! }
//!
//! sockeye_guest::http_handler!(hello);
//! ```
//!
//! With `crate-type = ["cdylib"]`, `cargo build --release --target wasm32-wasip2` makes that a
//! component, and `sockeye serve target/wasm32-wasip2/release/NAME.wasm` runs it. A component uses
//! exactly one of the three macros, once.
//!
//! What `std` offers works as far as WASI 0.2 grants it: clocks, random numbers, `thread::sleep`,
//! and stdout and stderr, which become log lines of the host. There are no files but [`File`]
//! and [`Directory`], no other connections, no environment variables. Globals live as long as the
//! instance, which is at least one call of the handler and, by default, no longer than that.

#[doc(hidden)]
pub mod bindings;
mod connection;
mod directory;
mod error;
mod export;
mod file;
pub mod http;

pub use connection::{Connection, SendFlags, ShutdownHow};
pub use directory::{Directory, DirectoryEntry, EntryKind};
pub use error::{ErrorCode, SendError};
pub use file::{File, FileStat};
