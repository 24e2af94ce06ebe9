//! Makes any single call of the contract on request, so that a test sees what the call returns.
//!
//! The client sends lines of commands, `recv 10 50ms | next`. Each command is answered with one
//! line, such as `recv ok ms=0 bytes=3 text=abc` or `send error=timeout sent=65536 ms=51`, which
//! also goes to stdout for a test that must not receive yet; a `-` before a command leaves it at
//! that. The bytes after the line are what the calls receive.

use std::time::{Duration, Instant};

use sockeye_guest::{Connection, Directory, ErrorCode, File, SendError, SendFlags, ShutdownHow};

sockeye_guest::handler!(serve);

/// More than any line of commands has.
const LINE_BYTES_MAX: u32 = 4096;

/// What became of a call: fields of the answer, or the name of the error and its fields.
type Outcome<E = String> = Result<String, E>;

/// What a command does with the connection itself.
enum Verdict {
    Go,
    HandBack,
    LetGo,
}

fn serve(connection: Connection) -> Option<Connection> {
    loop {
        let line = match connection.recv_until(b"\n", LINE_BYTES_MAX, None) {
            Ok(line) if line.ends_with(b"\n") => line,
            // Only the test decides how long this guest waits for commands.
            Err(ErrorCode::Timeout) => continue,
            _ => return None,
        };
        let line = String::from_utf8(line).expect("commands are text");
        for command in line.trim_end().split(" | ") {
            let words: Vec<&str> = command.split(' ').collect();
            match run(&connection, &words) {
                Verdict::Go => {}
                Verdict::HandBack => return Some(connection),
                Verdict::LetGo => return None,
            }
        }
    }
}

/// Runs one command and answers it, except where the command is about the end.
fn run(connection: &Connection, words: &[&str]) -> Verdict {
    match words[0] {
        "hand-back" => return Verdict::HandBack,
        "let-go" => return Verdict::LetGo,
        _ => {}
    }
    let (verb, quiet) = match words[0].strip_prefix('-') {
        Some(verb) => (verb, true),
        None => (words[0], false),
    };
    let start = Instant::now();
    let outcome = call(connection, &[&[verb], &words[1..]].concat());
    let ms = start.elapsed().as_millis();
    let answer = match outcome {
        Ok(fields) => format!("{verb} ok ms={ms} {fields}\n"),
        Err(error) => format!("{verb} error={error} ms={ms}\n"),
    };
    print!("{answer}");
    if !quiet {
        // After a call that shut the connection down nobody receives this; stdout has it.
        let _ = connection.send_all(answer.as_bytes(), SendFlags::empty(), None);
    }
    Verdict::Go
}

fn call(connection: &Connection, words: &[&str]) -> Outcome {
    match words {
        ["recv", max, timeout] => received(connection.recv(number(max), time(timeout))),
        ["recv-until", delimiter, max, timeout] => {
            let delimiter = text(delimiter);
            let max = number(max);
            received(connection.recv_until(delimiter.as_bytes(), max, time(timeout)))
        }
        ["recv-until-filler", length, max, timeout] => {
            let delimiter = vec![b'x'; number(length)];
            received(connection.recv_until(&delimiter, number(max), time(timeout)))
        }
        ["send", bytes, timeout] => {
            let bytes = text(bytes);
            sent(connection.send(bytes.as_bytes(), SendFlags::empty(), time(timeout)))
        }
        ["send-more", bytes] => {
            let bytes = text(bytes);
            sent(connection.send(bytes.as_bytes(), SendFlags::MORE, None))
        }
        ["send-filler", count, timeout] => {
            let filler = vec![b'x'; number(count)];
            sent(connection.send(&filler, SendFlags::empty(), time(timeout)))
        }
        ["sendfile", path, offset, length, timeout] => {
            let file = File::open(&text(path)).map_err(|code| name(&code))?;
            let result = connection.sendfile(&file, number(offset), number(length), time(timeout));
            result
                .map(|count| format!("sent={count}"))
                .map_err(|error| not_sent(&error))
        }
        ["send-with-file", bytes, path, offset, length, timeout] => {
            let file = File::open(&text(path)).map_err(|code| name(&code))?;
            let (bytes, offset, length) = (text(bytes), number(offset), number(length));
            let timeout = time(timeout);
            let result =
                connection.send_with_file(bytes.as_bytes(), &file, offset, length, timeout);
            result
                .map(|count| format!("sent={count}"))
                .map_err(|error| not_sent(&error))
        }
        ["sendfile-around", path, length] => {
            sendfile_around(connection, &text(path), number(length)).map_err(|code| name(&code))
        }
        ["next"] => Ok(format!("value={}", connection.next())),
        ["next-until", delimiter, max, timeout] => {
            let delimiter = text(delimiter);
            let bytes = connection.next_until(delimiter.as_bytes(), number(max), time(timeout));
            match bytes.transpose() {
                Some(bytes) => received(bytes),
                None => Ok("value=false".to_owned()),
            }
        }
        ["closing"] => Ok(format!("value={}", connection.closing())),
        ["shutdown", how] => done(connection.shutdown(direction(how))),
        ["peer"] => shown(connection.peer_address()),
        ["local"] => shown(connection.local_address()),
        ["no-delay", value] => done(connection.set_no_delay(*value == "on")),
        ["sleep", how_long] => {
            std::thread::sleep(time(how_long).expect("a sleep has an end"));
            Ok(String::new())
        }
        ["spin", how_long] => {
            let deadline = Instant::now() + time(how_long).expect("a spin has an end");
            while Instant::now() < deadline {}
            Ok(String::new())
        }
        ["trap"] => std::process::abort(),
        ["list", path] => list(&text(path)),
        ["open-filler", length] => match File::open(&"x".repeat(number(length))) {
            Ok(_) => Ok(String::new()),
            Err(code) => Err(name(&code)),
        },
        ["open-directories", path, count] => open_directories(&text(path), number(count)),
        _ => call_file(words),
    }
}

fn call_file(words: &[&str]) -> Outcome {
    let path = text(words.get(1).expect("every other command names a file"));
    let file = File::open(&path).map_err(|code| name(&code))?;
    match words {
        ["open", _] => Ok(String::new()),
        ["stat", _] => match file.stat() {
            Ok(stat) => Ok(format!("size={} identity={}", stat.size, stat.identity)),
            Err(code) => Err(name(&code)),
        },
        ["read", _, offset, length] => received(file.read(number(offset), number(length))),
        ["open-many", _, count] => {
            let mut files = vec![file];
            while files.len() < number::<usize>(count) {
                match File::open(&path) {
                    Ok(file) => files.push(file),
                    Err(code) => return Err(format!("{} opened={}", name(&code), files.len())),
                }
            }
            Ok(format!("opened={}", files.len()))
        }
        _ => panic!("unknown command {words:?}"),
    }
}

/// Sends the first part of a file, and the second after the client has said so by a byte; then
/// looks at the file and sends the second again.
fn sendfile_around(connection: &Connection, path: &str, length: u64) -> Outcome<ErrorCode> {
    let file = File::open(path)?;
    file.stat()?;
    let first = connection.sendfile_all(&file, 0, length, None)?;
    connection.recv(1, None)?;
    let second = connection.sendfile_all(&file, length, length, None)?;
    file.stat()?;
    let third = connection.sendfile_all(&file, length, length, None)?;
    Ok(format!("first={first} second={second} third={third}"))
}

/// Names every entry of a directory, sorted, and how many of the host's calls that took.
fn list(path: &str) -> Outcome {
    let directory = Directory::open(path).map_err(|code| name(&code))?;
    let (mut entries, mut calls) = (Vec::new(), 0);
    loop {
        let read = directory.read().map_err(|code| name(&code))?;
        calls += 1;
        if read.is_empty() {
            break;
        }
        entries.extend(read.into_iter().map(|entry| {
            let kind = format!("{:?}", entry.kind);
            format!("{}:{}", entry.name, kind.trim_start_matches("EntryKind::"))
        }));
    }
    entries.sort();
    let count = entries.len();
    let text = entries.join(" ");
    Ok(format!("count={count} calls={calls} text={text}"))
}

fn open_directories(path: &str, count: usize) -> Outcome {
    let mut open = Vec::new();
    while open.len() < count {
        match Directory::open(path) {
            Ok(directory) => open.push(directory),
            Err(code) => return Err(format!("{} opened={}", name(&code), open.len())),
        }
    }
    Ok(format!("opened={}", open.len()))
}

fn received(result: Result<Vec<u8>, ErrorCode>) -> Outcome {
    match result {
        Ok(bytes) => Ok(format!(
            "bytes={} text={}",
            bytes.len(),
            bytes.escape_ascii()
        )),
        Err(code) => Err(name(&code)),
    }
}

fn sent(result: Result<(), SendError>) -> Outcome {
    result
        .map(|()| String::new())
        .map_err(|error| not_sent(&error))
}

fn not_sent(error: &SendError) -> String {
    format!("{} sent={}", name(&error.code), error.sent)
}

fn done(result: Result<(), ErrorCode>) -> Outcome {
    result.map(|()| String::new()).map_err(|code| name(&code))
}

fn shown(result: Result<std::net::SocketAddr, ErrorCode>) -> Outcome {
    result
        .map(|addr| format!("addr={addr}"))
        .map_err(|code| name(&code))
}

/// Returns the name of a code as the contract spells it.
fn name(code: &ErrorCode) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}")
        .trim_start_matches("ErrorCode::")
        .chars()
    {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number that fits: {word}"))
}

/// Returns the duration that `100ms` or `1h` stands for, or none for `none`.
fn time(word: &str) -> Option<Duration> {
    if word == "none" {
        return None;
    }
    if let Some(hours) = word.strip_suffix('h') {
        return Some(Duration::from_secs(3600 * number::<u64>(hours)));
    }
    let milliseconds = word.strip_suffix("ms").expect("a time is in ms or h");
    Some(Duration::from_millis(number(milliseconds)))
}

/// Returns the text that a word stands for: `''` is empty, `\0` is a NUL.
fn text(word: &str) -> String {
    match word {
        "''" => String::new(),
        _ => word.replace("\\0", "\0"),
    }
}

fn direction(word: &str) -> ShutdownHow {
    match word {
        "receive" => ShutdownHow::Receive,
        "send" => ShutdownHow::Send,
        "both" => ShutdownHow::Both,
        _ => panic!("unknown direction {word}"),
    }
}
