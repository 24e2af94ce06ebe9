//! What the guest `calls` has to answer, by the bytes that its client sent alone: how they were cut
//! into pieces and when they came must make no difference but to how much one `recv` returns.
//!
//! The model reads the answers along with the input, because that is where such counts are.

use super::client::{Client, End};
use super::server::{FILE_NAME, server};

/// The longest line of commands that the guest takes.
const LINE_BYTES_MAX: usize = 4096;

/// The longest `recv-until` that the host allows.
const RECV_UNTIL_BYTES_MAX: u64 = 1 << 20;

/// How a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// In order, after all the answers.
    Finished,
    /// The guest traps, and the connection is closed at once.
    Trapped,
    /// The guest spins until it is killed.
    Killed,
    /// In order as far as the client sees: the guest has ended its own side and goes on unseen.
    Unseen,
    /// More answers would follow: the client is not to blame for missing them.
    Cut,
}

/// Reads what `client` received as the answers to what it sent.
pub(crate) fn read(client: &Client) -> Fate {
    let mut model = Model {
        input: &client.input[..client.sent],
        output: &client.received,
        receive_shut: false,
        ended: client.end != Some(End::OwnReset),
    };
    let fate = model.run();
    if fate != Fate::Cut {
        let rest = model.output.escape_ascii();
        assert!(model.output.is_empty(), "nobody asked for this: {rest}");
    }
    fate
}

struct Model<'a> {
    /// What the guest has not received.
    input: &'a [u8],
    /// What the client has received and the model has not explained.
    output: &'a [u8],
    receive_shut: bool,
    /// The client said that nothing more comes.
    ended: bool,
}

/// What a command did.
enum Outcome {
    /// Its answer, which is `ok` and these fields after the time.
    Ok(String),
    /// Its answer is this error.
    Failed(&'static str),
    /// Its answer was taken off the output.
    Answered,
}

/// Why there is nothing more to explain.
type Stop = Fate;

impl<'a> Model<'a> {
    fn run(&mut self) -> Fate {
        loop {
            let Some(line) = self.next_line() else {
                return Fate::Finished;
            };
            match self.line(line) {
                Ok(true) => {}
                // Handed back, but not to be parked.
                Ok(false) if self.receive_shut => return Fate::Finished,
                Ok(false) => {}
                Err(stop) => return stop,
            }
        }
    }

    /// Returns what the guest takes for its next commands; none where it lets go instead.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.receive_shut {
            return None;
        }
        let length = self.input.iter().position(|byte| *byte == b'\n')? + 1;
        if length > LINE_BYTES_MAX {
            return None;
        }
        Some(self.take(length))
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.input.split_at(length);
        self.input = rest;
        taken
    }

    /// Follows one line; says whether the guest goes on in this activation.
    fn line(&mut self, line: &[u8]) -> Result<bool, Stop> {
        let line = std::str::from_utf8(line).map_err(|_| Fate::Trapped)?;
        for command in line.trim_end().split(" | ") {
            let words: Vec<&str> = command.split(' ').collect();
            match words[0] {
                "hand-back" => return Ok(false),
                "let-go" => return Err(Fate::Finished),
                _ => {}
            }
            let (verb, quiet) = match words[0].strip_prefix('-') {
                Some(verb) => (verb, true),
                None => (words[0], false),
            };
            assert!(
                !quiet || !verb.starts_with("recv"),
                "nothing tells what it takes"
            );
            let words = [&[verb], &words[1..]].concat();
            let outcome = self.call(&words).ok_or(Fate::Trapped)??;
            if !quiet {
                self.answer(verb, outcome)?;
            }
        }
        Ok(true)
    }

    /// Follows one call; none where the guest panics over it.
    fn call(&mut self, words: &[&str]) -> Option<Result<Outcome, Stop>> {
        Some(match words {
            ["recv", max, timeout] => self.recv(number(max)?, time(timeout)?),
            ["recv-until", delimiter, max, timeout] => {
                self.recv_until(&text(delimiter), number(max)?, time(timeout)?)
            }
            ["send", bytes, timeout] => {
                time(timeout)?;
                self.sent(text(bytes).as_bytes(), "")
            }
            ["send-more", bytes] => self.sent(text(bytes).as_bytes(), ""),
            ["send-filler", count, timeout] => {
                time(timeout)?;
                self.sent(&vec![b'x'; number(count)? as usize], "")
            }
            ["sendfile", path, ..] if words.len() == 5 && text(path) != FILE_NAME => {
                Ok(Outcome::Failed(""))
            }
            ["sendfile", _, offset, length, timeout] => {
                let part = part(offset, length)?;
                time(timeout)?;
                self.sent(part, &format!("sent={}", part.len()))
            }
            ["send-with-file", _, path, ..] if words.len() == 6 && text(path) != FILE_NAME => {
                Ok(Outcome::Failed(""))
            }
            ["send-with-file", bytes, _, offset, length, timeout] => {
                let part = part(offset, length)?;
                time(timeout)?;
                let all = [text(bytes).as_bytes(), part].concat();
                self.sent(&all, &format!("sent={}", part.len()))
            }
            ["next"] => self.next(),
            ["closing"] => Ok(Outcome::Ok("value=false".into())),
            ["no-delay", _] => Ok(Outcome::Ok(String::new())),
            ["shutdown", how] => return self.shutdown(how),
            ["sleep", how_long] => {
                time(how_long)??;
                Ok(Outcome::Ok(String::new()))
            }
            ["spin", "1h"] => Err(Fate::Killed),
            ["spin", how_long] => {
                time(how_long)??;
                Ok(Outcome::Ok(String::new()))
            }
            // Every other command names a file. There is one, and nothing else to do with it.
            [_, FILE_NAME, ..] | [_] => return None,
            _ => Ok(Outcome::Failed("")),
        })
    }

    fn recv(&mut self, max: u64, timeout: Option<()>) -> Result<Outcome, Stop> {
        if max == 0 {
            return Ok(Outcome::Failed("invalid-argument"));
        }
        if self.receive_shut {
            return Ok(Outcome::Ok("bytes=0 text=".into()));
        }
        let line = self.output_line()?;
        if timeout.is_some() && line.starts_with("recv error=timeout ") {
            return Ok(Outcome::Answered);
        }
        let count = line.split(" bytes=").nth(1);
        let count = count.and_then(|rest| rest.split(' ').next()?.parse().ok());
        let count: usize = count.unwrap_or_else(|| panic!("no count in `{line}`"));
        let most = self.input.len().min(max as usize);
        let is_possible = count <= most && (count > 0 || self.input.is_empty() && self.ended);
        assert!(is_possible, "{count} of {most}: `{line}`");
        let bytes = self.take(count);
        let text = format!(" bytes={count} text={}", bytes.escape_ascii());
        assert!(
            line.starts_with("recv ok ms=") && line.ends_with(&text),
            "`{line}` not `{text}`"
        );
        Ok(Outcome::Answered)
    }

    fn recv_until(
        &mut self,
        delimiter: &str,
        max: u64,
        timeout: Option<()>,
    ) -> Result<Outcome, Stop> {
        let delimiter = delimiter.as_bytes();
        let fits = (1..=max).contains(&(delimiter.len() as u64));
        if !fits || max > RECV_UNTIL_BYTES_MAX {
            return Ok(Outcome::Failed("invalid-argument"));
        }
        if self.receive_shut {
            return Ok(Outcome::Ok("bytes=0 text=".into()));
        }
        if timeout.is_some() && self.output.starts_with(b"recv-until error=timeout ") {
            self.output_line()?;
            return Ok(Outcome::Answered);
        }
        let within = &self.input[..self.input.len().min(max as usize)];
        let found = within
            .windows(delimiter.len())
            .position(|part| part == delimiter);
        let length = match found {
            Some(at) => at + delimiter.len(),
            None if self.input.len() as u64 >= max => return Ok(Outcome::Failed("too-large")),
            // A client that reset the connection left this call without an end.
            None if !self.ended => return Err(Fate::Cut),
            None => self.input.len(),
        };
        let bytes = self.take(length);
        let fields = format!("bytes={length} text={}", bytes.escape_ascii());
        Ok(Outcome::Ok(fields))
    }

    /// Expects `bytes`, then the answer of the call that sent them.
    fn sent(&mut self, bytes: &[u8], fields: &str) -> Result<Outcome, Stop> {
        let here = self.output.len().min(bytes.len());
        let (sent, rest) = self.output.split_at(here);
        assert!(
            sent == &bytes[..here],
            "other bytes than those that were sent"
        );
        self.output = rest;
        match here < bytes.len() {
            true => Err(Fate::Cut),
            false => Ok(Outcome::Ok(fields.to_owned())),
        }
    }

    fn next(&mut self) -> Result<Outcome, Stop> {
        if self.receive_shut || self.input.is_empty() {
            return Ok(Outcome::Ok("value=false".into()));
        }
        // Whether it is here in time is a matter of time.
        let line = self.output_line()?;
        let is_answer = line.ends_with(" value=true") || line.ends_with(" value=false");
        assert!(line.starts_with("next ok ms=") && is_answer, "`{line}`");
        Ok(Outcome::Answered)
    }

    fn shutdown(&mut self, how: &str) -> Option<Result<Outcome, Stop>> {
        match how {
            "receive" => self.receive_shut = true,
            "send" | "both" => return Some(Err(Fate::Unseen)),
            _ => return None,
        }
        Some(Ok(Outcome::Ok(String::new())))
    }

    /// Expects the line in which the guest says what a call returned.
    fn answer(&mut self, verb: &str, outcome: Outcome) -> Result<(), Stop> {
        let (start, fields) = match &outcome {
            Outcome::Ok(fields) => (format!("{verb} ok ms="), Some(fields)),
            Outcome::Failed(code) => (format!("{verb} error={code}"), None),
            Outcome::Answered => return Ok(()),
        };
        let line = self.output_line()?;
        let rest = line.strip_prefix(start.as_str());
        let told = rest.map(|rest| rest.split_once(' ').map_or("", |(_, fields)| fields));
        let is_right = told.is_some_and(|told| fields.is_none_or(|fields| fields == told));
        assert!(is_right, "`{line}` is not `{start}.. {fields:?}`");
        Ok(())
    }

    /// Takes a line off what the client received.
    fn output_line(&mut self) -> Result<&'a str, Stop> {
        let end = self.output.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.output.split_at(end.ok_or(Fate::Cut)?);
        self.output = &rest[1..];
        Ok(std::str::from_utf8(line).expect("what the guest says is text"))
    }
}

fn number(word: &str) -> Option<u64> {
    // As wide as the narrowest that the guest reads.
    word.parse::<u32>().ok().map(u64::from)
}

/// Reads a timeout: none is what the host allows at most, and never passes here.
fn time(word: &str) -> Option<Option<()>> {
    if word == "none" {
        return Some(None);
    }
    let digits = word.strip_suffix("ms").or(word.strip_suffix('h'))?;
    number(digits).map(|_| Some(()))
}

/// The part of the file that two numbers name, as far as there is one.
fn part(offset: &str, length: &str) -> Option<&'static [u8]> {
    let file = &server().file;
    let offset = file.len().min(number(offset)? as usize);
    let length = number(length)? as usize;
    Some(&file[offset..file.len().min(offset.saturating_add(length))])
}

fn text(word: &str) -> String {
    match word {
        "''" => String::new(),
        _ => word.replace("\\0", "\0"),
    }
}
