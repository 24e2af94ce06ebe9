//! A thread for each connection, with blocking calls.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use super::blocking;
use super::site::Site;

/// What a thread needs and not more, so that thousands fit; the pages are not there until used.
const STACK_BYTES: usize = 128 << 10;

/// Serves until a signal ends the process.
pub(super) fn run(listener: &TcpListener, site: Option<Site>) -> io::Result<()> {
    let site = Arc::new(site);
    loop {
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        let site = Arc::clone(&site);
        let connection = move || {
            // A client that is gone is no news.
            let _ = blocking::serve(stream, site.as_ref().as_ref());
        };
        // Where no thread is left, the connection is closed with what was to serve it.
        let _ = thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(connection);
    }
}
