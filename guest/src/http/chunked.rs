//! The chunked transfer coding (RFC 9112 section 7.1): a decoder that does no I/O, and the line in
//! front of a chunk that is sent.
//!
//! The host gives bytes once and takes none back, so a decoder must not be fed with more than the
//! body: [`Decoder::needed`] says how many bytes are certain to belong to it. In the steady state
//! that is a chunk and nearly all of the next one's size line, one `recv` per chunk.

mod extension;

use std::ops::Range;

use extension::Extension;

use super::characters::{TOKEN, VALUE};

/// The most digits of a chunk size, leading zeros included.
const SIZE_DIGITS_MAX: u8 = 16;

/// The most bytes that the extensions of all chunks of a body together may have, with the blanks
/// around them. RFC 9112 section 7.1.1 asks for a limit on their total: nothing else bounds how
/// much a client sends for one byte of data.
const EXTENSION_BYTES_MAX: u16 = 16 * 1024;

/// The most bytes that all trailer lines together may have.
const TRAILER_BYTES_MAX: u16 = 4096;

/// `0 CR LF CR LF`, the shortest end of a body.
const END_BYTES: u64 = 5;

/// The bytes are no chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// What one step made of its input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// How many bytes of the input are done with, `data` included.
    pub(super) consumed: usize,
    /// Where in the input the data lies; empty when there is none.
    pub(super) data: Range<usize>,
}

/// Decodes one chunked body, fed in pieces of any size.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    /// What is left of the chunk, or its size as far as it is known.
    size: u64,
    /// How many digits of this size or trailer bytes there were.
    count: u16,
    /// How many bytes of extensions there were.
    extension_bytes: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension(Extension),
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl Decoder {
    pub(super) fn new() -> Decoder {
        Decoder {
            state: State::Size,
            size: 0,
            count: 0,
            extension_bytes: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Returns how many more bytes the body has at least: zero only when it is done.
    pub(super) fn needed(&self) -> u64 {
        // What follows the LF of a size line with this size.
        let after_size = match self.size {
            0 => 2,
            size => size.saturating_add(2 + END_BYTES),
        };
        match self.state {
            State::Size if self.count == 0 => END_BYTES,
            State::Size => after_size.saturating_add(2),
            State::Extension(extension) => after_size.saturating_add(2 + extension.needed()),
            State::SizeLf => after_size.saturating_add(1),
            State::Data => after_size,
            State::DataCr => 2 + END_BYTES,
            State::DataLf => 1 + END_BYTES,
            State::TrailerStart => 2,
            State::TrailerName => 5,
            State::TrailerValue => 4,
            State::TrailerLf => 3,
            State::EndLf => 1,
            State::Done => 0,
        }
    }

    /// Goes on with `input` up to the end of the first data in it.
    pub(super) fn step(&mut self, input: &[u8]) -> Result<Step, Malformed> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let length = usize::try_from(self.size).unwrap_or(usize::MAX);
                let end = at + length.min(input.len() - at);
                self.size -= (end - at) as u64;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                return Ok(Step {
                    consumed: end,
                    data: at..end,
                });
            }
            self.state = self.frame(input[at])?;
            at += 1;
        }
        Ok(Step {
            consumed: at,
            data: at..at,
        })
    }

    /// Takes one byte that is not data.
    fn frame(&mut self, byte: u8) -> Result<State, Malformed> {
        Ok(match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte)?,
            (State::Size, b'\r') if self.count > 0 => State::SizeLf,
            (State::Size, _) if self.count > 0 => self.extension(Extension::Blank, byte)?,
            (State::Extension(extension), b'\r') if extension.needed() == 0 => State::SizeLf,
            (State::Extension(extension), _) => self.extension(extension, byte)?,
            (State::SizeLf, b'\n') => {
                self.count = 0;
                if self.size == 0 {
                    State::TrailerStart
                } else {
                    State::Data
                }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::EndLf, b'\n') => State::Done,
            (State::TrailerStart | State::TrailerName, _) if TOKEN.contains(byte) => {
                self.count(TRAILER_BYTES_MAX, State::TrailerName)?
            }
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, _) if VALUE.contains(byte) => {
                self.count(TRAILER_BYTES_MAX, State::TrailerValue)?
            }
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            _ => return Err(Malformed),
        })
    }

    fn digit(&mut self, byte: u8) -> Result<State, Malformed> {
        let digit = (byte as char).to_digit(16).ok_or(Malformed)?;
        // 16 digits fit exactly, so the shift loses nothing.
        self.size = self.size << 4 | u64::from(digit);
        self.count(SIZE_DIGITS_MAX.into(), State::Size)
    }

    fn extension(&mut self, from: Extension, byte: u8) -> Result<State, Malformed> {
        self.extension_bytes += 1;
        match from.step(byte) {
            Some(to) if self.extension_bytes <= EXTENSION_BYTES_MAX => Ok(State::Extension(to)),
            _ => Err(Malformed),
        }
    }

    fn count(&mut self, max: u16, state: State) -> Result<State, Malformed> {
        self.count += 1;
        if self.count > max {
            Err(Malformed)
        } else {
            Ok(state)
        }
    }
}

/// Appends the line in front of a chunk of `length` bytes.
pub(super) fn push_size_line(out: &mut Vec<u8>, length: usize) {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[length >> (4 * digit) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
