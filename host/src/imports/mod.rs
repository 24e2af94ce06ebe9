//! The functions that the host gives a guest: the contract in `wit/`, interface by interface.
//!
//! Stands between the instance and the network. Each function finds the stream or file behind the
//! guest's handle, calls `net`, and turns the answer into the contract's words. Errors go back to
//! the guest as values; only a broken host traps.

mod activation;
mod call;
mod connections;
mod environment;
mod errors;
mod files;
mod guest;
mod guest_log;
mod memory;
mod request_log;
mod service;
mod wall_clock;

pub use activation::{Activation, Budget, Killed};
pub use connections::ConnectionHandle;
pub use environment::{Environment, Troubles};
pub use files::{DirectoryHandle, FileHandle};
pub use guest::Guest;
pub use guest_log::{GuestLog, LogBudget};
pub use memory::{HeldMemory, InitialMemory, MemoryBudget};
pub use request_log::{Exchange, RequestLog};
pub use service::{Service, Trigger};

/// What wasmtime makes of `wit/`.
#[allow(missing_docs, unreachable_pub, clippy::too_many_lines)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "service",
        imports: {
            "sockeye:net/files.[static]file.open": trappable,
            "sockeye:net/files.[method]file.stat": trappable,
            "sockeye:net/files.[static]directory.open": trappable,
            default: async | trappable,
        },
        with: {
            "sockeye:net/connections.connection": super::ConnectionHandle,
            "sockeye:net/files.file": super::FileHandle,
            "sockeye:net/files.directory": super::DirectoryHandle,
        },
    });
}

/// Links everything a guest may import: the contract, and WASI 0.2 with nothing granted.
///
/// # Errors
/// Only where two of the interfaces collide, which is a defect of the host.
pub fn add_to_linker(linker: &mut wasmtime::component::Linker<Guest>) -> wasmtime::Result<()> {
    use bindings::sockeye::net;
    use wasmtime::component::HasSelf;
    use wasmtime_wasi::p2::bindings::clocks::wall_clock;

    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    // In the place of the one that needs a `WasiCtx`.
    linker.allow_shadowing(true);
    wall_clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    linker.allow_shadowing(false);
    net::errors::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    connections::add_to_linker(linker)?;
    net::files::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}
