//! The first answer: how long it is, and whether it is what was asked for.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::Problem;
use crate::load::socket::connect_from;

/// How long the first answer may take; the first instance may have to be made for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

const HEAD_BYTES_MAX: usize = 16 << 10;

/// Between two attempts to connect to a server that is starting.
const PAUSE: Duration = Duration::from_micros(200);

/// Returns the bytes of a request for `path`.
pub fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// Asks once on a connection of its own, and returns how long the whole answer is.
///
/// # Errors
/// Where the answer is not a 200 with a body of `body_bytes`.
pub fn answer_bytes(address: SocketAddr, request: &[u8], body_bytes: u64) -> Result<u64, Problem> {
    let mut stream = connect_from(0, address)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(request)?;
    let head_bytes = checked_head(&mut stream, body_bytes)?;
    Ok(head_bytes as u64 + body_bytes)
}

/// Receives a head, checks it and returns how long it is. Takes a part of the body along.
fn checked_head(stream: &mut TcpStream, body_bytes: u64) -> Result<usize, Problem> {
    let mut received = vec![0; HEAD_BYTES_MAX];
    let mut length = 0;
    loop {
        let count = stream.read(&mut received[length..])?;
        if count == 0 {
            let text = String::from_utf8_lossy(&received[..length]);
            return Err(format!("no end of a head in the first answer: `{text}`").into());
        }
        length += count;
        let end = received[..length]
            .windows(4)
            .position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&received[..end]);
            check_head(&head, body_bytes)?;
            return Ok(end + 4);
        }
    }
}

fn check_head(head: &str, body_bytes: u64) -> Result<(), Problem> {
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("the first answer is not a 200: `{head}`").into());
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<u64>().ok())?
    });
    if length != Some(body_bytes) {
        return Err(format!("the first answer is not {body_bytes} bytes long: `{head}`").into());
    }
    Ok(())
}

/// Asks for `path` again and again until the first byte of an answer comes.
///
/// # Errors
/// Where none comes before `deadline`, or `is_up` says that nobody is there any more.
pub fn until_first_byte(
    address: SocketAddr,
    path: &str,
    deadline: Instant,
    mut is_up: impl FnMut() -> bool,
) -> Result<(), Problem> {
    let request = request(path);
    loop {
        match first_byte(address, &request) {
            Ok(()) => return Ok(()),
            Err(error) if !is_up() => return Err(format!("the server ended: {error}").into()),
            Err(error) if Instant::now() > deadline => {
                return Err(format!("the server does not answer: {error}").into());
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn first_byte(address: SocketAddr, request: &[u8]) -> Result<(), Problem> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(request)?;
    match stream.read(&mut [0])? {
        0 => Err(std::io::Error::from(ErrorKind::UnexpectedEof).into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_200_of_the_right_length_passes() {
        assert!(check_head("HTTP/1.1 200 OK\r\ncontent-length: 13", 13).is_ok());
        assert!(check_head("HTTP/1.1 200 OK\r\nContent-Length: 14", 13).is_err());
        assert!(check_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", 13).is_err());
        assert!(check_head("HTTP/1.1 503 Busy\r\nContent-Length: 13", 13).is_err());
    }
}
