//! Says something, sleeps a second and says something else, in the words of `std`.
//!
//! A thousand connections at once take one second too: the host runs the others meanwhile.
//!
//! ```text
//! sockeye serve target/guests/sleepy.wasm
//! curl --no-buffer --http0.9 http://127.0.0.1:8080/
//! ```

use std::io::{Result, Write};
use std::thread::sleep;
use std::time::Duration;

use sockeye_guest::Connection;

fn sleepy(mut connection: Connection) -> Option<Connection> {
    // A peer that is gone needs no answer.
    let _ = talk(&mut connection);
    None
}

fn talk(connection: &mut Connection) -> Result<()> {
    let port = connection.peer_address()?.port();
    connection.write_all(format!("start {port}\n").as_bytes())?;
    sleep(Duration::from_secs(1));
    connection.write_all(format!("end {port}\n").as_bytes())
}

sockeye_guest::handler!(sleepy);
