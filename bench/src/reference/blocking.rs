//! A connection whose thread or process has nothing else to do.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use rustix::fs::sendfile;
use rustix::net::{SendFlags, send};

use super::request::{heads, is_last, name};
use super::site::{Entry, Site};
use super::{HEAD_BYTES_MAX, HELLO_ANSWER, HELLO_LAST, NOT_FOUND};

/// Answers requests until the client has none.
///
/// # Errors
/// Where the client is gone, or sends what is no request.
pub(super) fn serve(mut stream: TcpStream, site: Option<&Site>) -> io::Result<()> {
    let mut buffer = [0; HEAD_BYTES_MAX];
    let mut answers = Vec::new();
    let mut have = 0;
    loop {
        let count = match stream.read(&mut buffer[have..]) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        have += count;
        let (mut answered, mut last) = (0, false);
        for (head, end) in heads(&buffer[..have]) {
            answered = end;
            last = is_last(head);
            match site.map(|site| site.get(name(head))) {
                None => answers.extend_from_slice(if last { HELLO_LAST } else { HELLO_ANSWER }),
                Some(None) => answers.extend_from_slice(NOT_FOUND),
                Some(Some(entry)) => {
                    stream.write_all(&answers)?;
                    answers.clear();
                    send_file(&stream, entry, last)?;
                }
            }
            if last {
                break;
            }
        }
        stream.write_all(&answers)?;
        answers.clear();
        if last {
            return Ok(());
        }
        buffer.copy_within(answered..have, 0);
        have -= answered;
    }
}

fn send_file(stream: &TcpStream, entry: &Entry, last: bool) -> io::Result<()> {
    let mut head = entry.head(last);
    while !head.is_empty() {
        let sent = send(stream, head, SendFlags::MORE | SendFlags::NOSIGNAL)?;
        head = &head[sent..];
    }
    let mut offset = 0;
    while offset < entry.len {
        let left = (entry.len - offset) as usize;
        if sendfile(stream, &entry.file, Some(&mut offset), left)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
