//! One request and its answer, as a handler sees it.

use std::io::{self, BufRead, Error, ErrorKind, Read, Write};

use ::http::{Version, request};

use super::answer::{Answer, ResponseBody};
use super::body::{Body, RequestBody};
use super::head::Head;
use super::response::Response;
use super::rules::Framing;
use super::target;
use crate::{Connection, File};

/// One request and its answer.
///
/// Reading it ([`Read`], [`BufRead`]) gives the body of the request, decoded, as it arrives;
/// `BufRead` hands out what was received without a copy. An answer is given once: whole, by
/// [`respond`](Self::respond), [`respond_file`](Self::respond_file) or
/// [`response`](Self::response); or started by [`Response::stream`] and then written to the
/// exchange ([`Write`]), which gathers small writes until [`flush`](Write::flush). The body may be
/// read while the answer is written.
///
/// When the handler returns, the library finishes the answer and drops what is left of the body.
pub struct Exchange {
    pub(super) connection: Connection,
    pub(super) head: Head,
    pub(super) body: Body,
    pub(super) answer: Answer,
}

impl Exchange {
    pub(super) fn new(connection: Connection) -> Exchange {
        Exchange {
            connection,
            head: Head::new(),
            body: Body::new(),
            answer: Answer::new(),
        }
    }

    /// Returns the method, in the letters that the client sent.
    pub fn method(&self) -> &str {
        self.head.method()
    }

    /// Returns the request target as it was sent: path and query, or a whole URL, or `*`.
    pub fn target(&self) -> &str {
        self.head.target()
    }

    /// Returns the path of the target, still percent-encoded, without the query.
    ///
    /// It starts with a `/`, except for the target `*` of OPTIONS.
    pub fn path(&self) -> &str {
        let path = self.origin().split('?').next().unwrap_or_default();
        if path.is_empty() { "/" } else { path }
    }

    /// Returns what follows the first `?` of the target.
    pub fn query(&self) -> Option<&str> {
        self.origin().split_once('?').map(|(_, query)| query)
    }

    /// Returns the host and port that the request is for; empty where the client named none.
    ///
    /// A target that is a whole URL takes precedence over the header line `Host`.
    pub fn host(&self) -> &str {
        match target::authority(self.target().as_bytes()) {
            Some(authority) => std::str::from_utf8(authority).unwrap_or_default(),
            None => self.header("host").unwrap_or_default(),
        }
    }

    /// Returns the version of the request: 1.0 or 1.1.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Returns the value of the first header line `name`, where it is UTF-8.
    ///
    /// The case of `name` does not matter. [`headers`](Self::headers) has every value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// Returns the header lines as they were received, in order, names in the client's letters.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.headers()
    }

    /// Returns the length of the request's body, or `None` where it is chunked.
    pub fn content_length(&self) -> Option<u64> {
        match self.head.framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        }
    }

    /// Refuses a request body of more than `bytes`, which is otherwise unlimited.
    ///
    /// Counts the whole body, decoded, however much of it has been read already. Reading a body
    /// that is declared longer fails before anything of it is received, and before a client that
    /// waits for `100 Continue` is asked for it; reading a chunked body fails where it passes the
    /// limit. The error has the kind [`FileTooLarge`](ErrorKind::FileTooLarge) and names the limit;
    /// a handler that returns it answers with 413, and every refused body ends the connection. A
    /// body that is not read is not refused.
    pub fn limit_body(&mut self, bytes: u64) {
        self.body.limit(bytes);
    }

    /// Says whether the client wants to keep the connection, and nothing here has decided not to.
    pub fn keep_alive(&self) -> bool {
        !self.answer.close
    }

    /// Ends the connection with this answer, which says so unless it has already been started.
    pub fn close(&mut self) {
        self.answer.close = true;
    }

    /// Returns the connection, for its addresses and options.
    ///
    /// What is received from it or sent to it here is missing or additional in the exchange.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Builds the request head out of types of the [`http`](::http) crate.
    ///
    /// That copies and allocates for every header line; handlers that look at two of them are
    /// better off with [`header`](Self::header).
    ///
    /// # Errors
    /// `InvalidData`: the crate takes the target or a header line for invalid.
    pub fn to_parts(&self) -> io::Result<request::Parts> {
        let mut builder = ::http::Request::builder()
            .method(self.method())
            .uri(self.target())
            .version(self.version());
        for (name, value) in self.headers() {
            builder = builder.header(name, value);
        }
        let request = builder
            .body(())
            .map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
        Ok(request.into_parts().0)
    }

    /// Answers with a whole body.
    ///
    /// # Errors
    /// Those of [`Response`].
    pub fn respond(
        &mut self,
        status: u16,
        content_type: &str,
        body: impl AsRef<[u8]>,
    ) -> io::Result<()> {
        self.response(status).content_type(content_type).send(body)
    }

    /// Answers with status 200 and all of `file`, which does not enter the guest's memory.
    ///
    /// # Errors
    /// Those of [`Response::send_file`].
    pub fn respond_file(&mut self, content_type: &str, file: &File) -> io::Result<()> {
        self.response(200)
            .content_type(content_type)
            .send_file(file)
    }

    /// Starts an answer that needs more header lines, or a body that is not whole.
    pub fn response(&mut self, status: u16) -> Response<'_> {
        Response::new(self, status)
    }

    /// Ends an answer that was started by [`Response::stream`].
    ///
    /// Returning from the handler does the same; this says whether it worked.
    ///
    /// # Errors
    /// - `InvalidInput`: no answer was started, or less was written than its length.
    /// - Otherwise, what sending to the connection fails with.
    pub fn finish(&mut self) -> io::Result<()> {
        self.answer.finish(&self.connection)
    }

    /// Returns the body of the request and that of the answer as two values, for code that needs a
    /// reader and a writer, such as [`std::io::copy`].
    pub fn split(&mut self) -> (RequestBody<'_>, ResponseBody<'_>) {
        let connection = &self.connection;
        (
            RequestBody {
                connection,
                body: &mut self.body,
            },
            ResponseBody {
                connection,
                answer: &mut self.answer,
            },
        )
    }

    /// Returns the target without the scheme and authority that one in absolute form has.
    fn origin(&self) -> &str {
        let target = self.target();
        match target::authority(target.as_bytes()) {
            Some(authority) => {
                let scheme = target.find("://").map_or(0, |at| at + 3);
                target.get(scheme + authority.len()..).unwrap_or_default()
            }
            None => target,
        }
    }
}

impl BufRead for Exchange {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.body.fill(&self.connection)
    }

    fn consume(&mut self, count: usize) {
        self.body.consume(count);
    }
}

impl Read for Exchange {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.split().0.read(buf)
    }
}

impl Write for Exchange {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.split().1.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.split().1.flush()
    }
}
