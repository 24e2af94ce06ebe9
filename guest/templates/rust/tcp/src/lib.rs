//! A handler of TCP connections: sends every line back, and ends on `quit`.

use std::time::Duration;

use sockeye_guest::{Connection, ErrorCode, SendFlags};

sockeye_guest::handler!(handle);

const LINE_BYTES_MAX: u32 = 4096;
const LINE_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the connection to be called again when more bytes arrive, or `None` to end it.
fn handle(connection: Connection) -> Option<Connection> {
    loop {
        match echo_line(&connection) {
            // Asked after a line, not before one: a host that wants the instance says no.
            Ok(true) if connection.next() => {}
            Ok(true) => return Some(connection),
            Ok(false) => return None,
            Err(ErrorCode::Timeout) if is_idle(&connection) => return Some(connection),
            Err(ErrorCode::Timeout) => return end(&connection, "timeout\n"),
            Err(ErrorCode::TooLarge) => return end(&connection, "line too long\n"),
            Err(_) => return None,
        }
    }
}

/// Sends one line back and says whether there may be more.
fn echo_line(connection: &Connection) -> Result<bool, ErrorCode> {
    let line = connection.recv_until(b"\n", LINE_BYTES_MAX, Some(LINE_TIMEOUT))?;
    if matches!(&line[..], b"quit\n" | b"quit\r\n") {
        return Ok(false);
    }
    connection.send_all(&line, SendFlags::empty(), None)?;
    // Without its LF, this is what came before the client closed its side, or nothing.
    Ok(line.ends_with(b"\n"))
}

/// Says whether nothing came, rather than the start of a line that is never finished.
fn is_idle(connection: &Connection) -> bool {
    connection.recv(1, Some(Duration::ZERO)) == Err(ErrorCode::Timeout)
}

fn end(connection: &Connection, why: &str) -> Option<Connection> {
    let _ = connection.send_all(why.as_bytes(), SendFlags::empty(), None);
    None
}
