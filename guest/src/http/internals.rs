//! What the fuzz targets see of the parsers that nothing else of a guest needs: a door to them,
//! with no rule of its own. Not for use by guests.

use ::http::Version;

use super::chunked::Decoder;
use super::head::Head;
use super::rules::Framing;
use super::{chunked, date, target};

/// What a request head was found to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RequestHead {
    pub method: String,
    pub target: String,
    pub version: Version,
    pub headers: Vec<(String, Vec<u8>)>,
    /// The length of the body, or none where it is chunked.
    pub length: Option<u64>,
    pub keep_alive: bool,
    pub expects_continue: bool,
}

/// Parses what has to be one head, to the last byte.
///
/// # Errors
/// The status of the answer that refuses it.
pub fn parse_head(bytes: Vec<u8>) -> Result<RequestHead, u16> {
    let mut head = Head::new();
    head.parse(bytes).map_err(|refusal| refusal.status)?;
    let headers = head.headers();
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(RequestHead {
        method: head.method().to_owned(),
        target: head.target().to_owned(),
        version: head.version,
        headers: headers.collect(),
        length: match head.framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        },
        keep_alive: head.keep_alive,
        expects_continue: head.expects_continue,
    })
}

/// The decoder of one chunked body.
#[derive(Debug)]
pub struct ChunkDecoder(Decoder);

impl Default for ChunkDecoder {
    fn default() -> ChunkDecoder {
        ChunkDecoder(Decoder::new())
    }
}

impl ChunkDecoder {
    /// How many more bytes the body has at least: zero only when it is done.
    pub fn needed(&self) -> u64 {
        self.0.needed()
    }

    /// Decodes the start of `input`: how many bytes of it are done with, and the data in them.
    ///
    /// None where the bytes are no chunked body.
    pub fn step<'a>(&mut self, input: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let step = self.0.step(input).ok()?;
        Some((step.consumed, &input[step.data]))
    }
}

/// Appends the line in front of a chunk of `length` bytes.
pub fn push_size_line(out: &mut Vec<u8>, length: usize) {
    chunked::push_size_line(out, length);
}

/// Returns the second since 1970 that a date of a header line stands for, read at `now`.
pub fn parse_date(value: &[u8], now: i64) -> Option<i64> {
    date::parse(value, now)
}

/// Says whether a value is what a Host line consists of.
pub fn is_host(value: &[u8]) -> bool {
    target::is_host(value)
}
