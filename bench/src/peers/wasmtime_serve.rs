//! `wasmtime serve` with the handler in `bench/wasi-hello`.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Absent, CONNECTIONS_MAX, Peer, Wanted};

/// Where `bench/install` leaves the program.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin/wasmtime");

/// Where it leaves the handler.
const HANDLER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../target/wasi-hello/wasm32-wasip2/release/wasi_hello.wasm"
);

/// Returns the command that starts it. Its runtime has as many threads as the processors it may
/// use, so pinning it would do; the variable says it all the same. An instance for each request is
/// what it does by itself.
pub(super) fn command(peer: Peer, wanted: &Wanted<'_>) -> Result<Command, Absent> {
    if wanted.files.is_some() {
        return Err(peer.absent("its handler here serves no files"));
    }
    if wanted.congestion.is_some() {
        return Err(peer.absent("it has no setting for the congestion control"));
    }
    let mut command = Command::new(find(peer)?);
    command
        .env("TOKIO_WORKER_THREADS", "1")
        .stdin(Stdio::null());
    // Rust's library looks at the environment, which `serve` links on request only.
    command
        .args(["serve", "-Scli", "--addr"])
        .arg(wanted.address.to_string());
    // 1,000 by default, where it stops accepting.
    command.args(["--max-concurrent-connections", &CONNECTIONS_MAX.to_string()]);
    if peer == Peer::WasmtimeServeReuse {
        command.args(["--max-instance-reuse-count", "1000000000"]);
        command.args(["--idle-instance-timeout", "3600s"]);
    }
    let handler = Path::new(HANDLER);
    if !handler.is_file() {
        return Err(peer.absent("its handler is not compiled (`bench/install`)"));
    }
    command.arg(handler);
    Ok(command)
}

/// Returns the program.
pub(super) fn find(peer: Peer) -> Result<&'static Path, Absent> {
    let file = Path::new(PROGRAM);
    if file.is_file() {
        Ok(file)
    } else {
        Err(peer.absent("it is not installed (`bench/install`)"))
    }
}
