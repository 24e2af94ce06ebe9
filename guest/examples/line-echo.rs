//! A protocol of lines over TCP: sends every line back, and ends on `quit`.
//!
//! Between lines, an idle connection is handed back; it then costs no instance, and the next
//! bytes call `echo` again.
//!
//! ```text
//! sockeye serve target/guests/line-echo.wasm
//! curl telnet://127.0.0.1:8080
//! ```

use sockeye_guest::{Connection, ErrorCode, SendFlags};

/// The longest line that is sent back, its LF included.
const LINE_BYTES_MAX: u32 = 4096;

fn echo(connection: Connection) -> Option<Connection> {
    while connection.next() {
        match echo_line(&connection) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(ErrorCode::TooLarge) => {
                let _ = connection.send_all(b"line too long\n", SendFlags::empty(), None);
                return None;
            }
            Err(_) => return None,
        }
    }
    Some(connection)
}

/// Sends one line back and says whether there may be more.
fn echo_line(connection: &Connection) -> Result<bool, ErrorCode> {
    let line = connection.recv_until(b"\n", LINE_BYTES_MAX, None)?;
    if matches!(&line[..], b"quit\n" | b"quit\r\n") {
        return Ok(false);
    }
    connection.send_all(&line, SendFlags::empty(), None)?;
    // Without its LF, this is what came before the peer closed its side, or nothing.
    Ok(line.ends_with(b"\n"))
}

sockeye_guest::handler!(echo);
