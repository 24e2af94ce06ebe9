//! A native host that runs WebAssembly components as connection handlers.
//!
//! The modules in the order of the path; `ARCHITECTURE.md` walks along it.

pub mod cli;
pub mod config;
#[doc(hidden)]
pub mod internals;
pub mod server;

mod admin;
mod worker;

mod instance;

mod imports;

mod net;

mod error;
mod line_writer;
mod metrics;
mod moment;
mod trouble;

pub use error::{Error, ModuleError, ProjectError};
pub use net::{Directory, Inherited};
