//! A protocol of lines over TCP: sends every line back, and ends on `quit`.
//!
//! Between lines, an idle connection is handed back; it then costs no instance, and the next
//! bytes call `echo` again.
//!
//! ```text
//! sockeye serve target/guests/line-echo.wasm
//! curl telnet://127.0.0.1:8080
//! ```

use std::time::Duration;

use sockeye_guest::{Connection, ErrorCode, SendFlags};

/// The longest line that is sent back, its LF included.
const LINE_BYTES_MAX: u32 = 4096;

/// How long a line may take from its first byte; before that, the time until a hand-back.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);

fn echo(connection: Connection) -> Option<Connection> {
    loop {
        // A call of `echo` first does something and then asks `next`: a host that wants the
        // instance says no every time.
        match echo_line(&connection) {
            Ok(true) if connection.next() => {}
            Ok(true) => return Some(connection),
            Err(ErrorCode::Timeout) if is_idle(&connection) => return Some(connection),
            Err(ErrorCode::TooLarge) => {
                let _ = connection.send_all(b"line too long\n", SendFlags::empty(), None);
                return None;
            }
            Ok(false) | Err(_) => return None,
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
    // Without its LF, this is what came before the peer closed its side, or nothing.
    Ok(line.ends_with(b"\n"))
}

/// Says whether nothing came, rather than the start of a line that is never finished.
fn is_idle(connection: &Connection) -> bool {
    connection.recv(1, Some(Duration::ZERO)) == Err(ErrorCode::Timeout)
}

sockeye_guest::handler!(echo);
