//! Misbehaves in every way there is; the path of the request selects how.
//!
//! It speaks HTTP by hand, because a library would stand between it and the calls it abuses.
//! What behaves well: `/` answers `ok`, `/count` how often this instance was asked that.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::time::Duration;

use sockeye_guest::bindings::service::sockeye::net::connections as wit;
use sockeye_guest::{Connection, ErrorCode, File, SendFlags, ShutdownHow};

sockeye_guest::raw_http_handler!(serve);

const HEAD_BYTES_MAX: u32 = 16 * 1024;
const MIB: usize = 1 << 20;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    static KEPT: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

fn serve(connection: Connection) -> Option<Connection> {
    loop {
        let head = connection
            .recv_until(b"\r\n\r\n", HEAD_BYTES_MAX, None)
            .ok()?;
        let head = String::from_utf8(head).ok()?;
        let path = head.split(' ').nth(1)?.to_owned();
        match path.as_str() {
            "/" => answer(&connection, "ok"),
            "/count" => {
                COUNT.set(COUNT.get() + 1);
                answer(&connection, &COUNT.get().to_string());
            }
            "/return-other" => return Some(forged(&connection)),
            "/drop-other" => drop(forged(&connection)),
            "/use-other" => drop(forged(&connection).recv(1, None)),
            "/leak" => {
                answer(&connection, "leaked");
                std::mem::forget(connection);
                return None;
            }
            "/keep" => {
                answer(&connection, "kept");
                KEPT.set(Some(connection));
                return None;
            }
            "/use-kept" => use_kept(&connection),
            "/return-kept" => return KEPT.take().or(Some(connection)),
            "/after-shutdown" => {
                use_after_shutdown(&connection);
                return Some(connection);
            }
            other => misbehave(&connection, other),
        }
        if !connection.next() {
            return Some(connection);
        }
    }
}

/// Misbehaves without a connection to return; most of this never comes back.
fn misbehave(connection: &Connection, path: &str) {
    match path {
        "/spin" => spin(),
        "/recurse" => drop(black_box(recurse(1))),
        "/grow" => grow(usize::MAX),
        "/hold" => {
            grow(13);
            answer(connection, "held");
        }
        "/trap" => std::process::abort(),
        "/panic" => panic!("as the client asked"),
        "/exit" => std::process::exit(1),
        "/sends" => send_a_million_times(connection),
        "/recv" => loop {
            let _ = connection.recv(1, None);
        },
        "/next" => loop {
            connection.next();
        },
        "/poll" => loop {
            let _ = connection.recv(1, Some(Duration::ZERO));
        },
        "/doze" => loop {
            std::thread::sleep(Duration::from_nanos(1));
        },
        "/nap" => loop {
            // A little shorter than what is preempted.
            let start = std::time::Instant::now();
            while start.elapsed() < Duration::from_micros(1500) {}
            std::thread::sleep(Duration::from_nanos(1));
        },
        "/sleep" => std::thread::sleep(Duration::from_secs(1_000_000_000)),
        "/files" => open_ten_thousand_files(connection),
        "/upgrade" => {
            let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n";
            let _ = connection.send_all(head.as_bytes(), SendFlags::empty(), None);
            if let Ok(line) = connection.recv_until(b"\n", HEAD_BYTES_MAX, None) {
                let _ = connection.send_all(&line, SendFlags::empty(), None);
            }
        }
        "/log-lines" => {
            (0..20_000).for_each(|number| println!("flood {number}"));
            answer(connection, "logged");
        }
        "/log-line" => {
            (0..8 * 1024).for_each(|_| print!("{}", "flood".repeat(200)));
            answer(connection, "logged");
        }
        _ => answer(connection, "unknown path"),
    }
}

fn answer(connection: &Connection, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    let _ = connection.send_all(answer.as_bytes(), SendFlags::empty(), None);
}

fn spin() {
    loop {
        // An empty loop may be taken for one that cannot happen.
        black_box(());
    }
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    // The addition after the call keeps it from becoming a loop.
    black_box(recurse(black_box(depth + 1)) + 1)
}

/// Takes up to `mebibytes` of memory for ever.
fn grow(mebibytes: usize) {
    for _ in 0..mebibytes {
        black_box(vec![1u8; MIB].leak());
    }
}

fn send_a_million_times(connection: &Connection) {
    for _ in 0..1_000_000 {
        let _ = connection.send(b"x", SendFlags::empty(), None);
    }
}

fn open_ten_thousand_files(connection: &Connection) {
    let mut files = Vec::new();
    let refused = loop {
        match File::open("page.txt") {
            Ok(file) => files.push(file),
            Err(code) => break code,
        }
        if files.len() == 10_000 {
            return answer(connection, "opened all");
        }
    };
    let opened = files.len();
    drop(files);
    let again = File::open("page.txt").is_ok();
    answer(connection, &format!("{opened} {refused:?} {again}"));
}

/// Says what a connection from an earlier activation still does.
fn use_kept(connection: &Connection) {
    let outcome = KEPT.with_borrow(|kept| {
        let kept = kept.as_ref()?;
        Some([
            kept.recv(1, None).err(),
            kept.send(b"stray", SendFlags::empty(), None)
                .err()
                .map(|error| error.code),
            kept.shutdown(ShutdownHow::Both).err(),
            kept.peer_address().err(),
        ])
    });
    let answered = match outcome {
        None => "nothing kept",
        Some(errors) if errors.iter().all(|e| *e == Some(ErrorCode::InvalidState)) => "invalid",
        Some(_) => "usable",
    };
    answer(connection, answered);
}

fn use_after_shutdown(connection: &Connection) {
    answer(connection, "bye");
    let shut = connection.shutdown(ShutdownHow::Both);
    let sent = connection.send(b"late", SendFlags::empty(), None);
    let received = connection.recv(1, None);
    let next = connection.next();
    let again = connection.shutdown(ShutdownHow::Both);
    println!("after shutdown {shut:?}: {sent:?} {received:?} {next} {again:?}");
}

/// Makes a connection from a number that the host never gave out.
fn forged(connection: &Connection) -> Connection {
    let mut made = None;
    // A number far above the table, whichever numbers the real ones have.
    let number = black_box(u32::from(connection.closing()) + 4000);
    // SAFETY: none; a guest that lies about its handles is what the host must survive.
    let resource = unsafe { wit::Connection::from_handle(number) };
    Connection::activate(resource, |connection| {
        made = Some(connection);
        None
    });
    made.expect("`activate` calls its function")
}
