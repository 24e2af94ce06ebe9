//! The servers that the requests are sent to, and what each answers to a request in order.

use sha2::{Digest, Sha256};

use super::answers::Answer;
use super::oracle::Request;
use crate::scratch::Scratch;
use crate::server::TestServer;

/// What `router` reads of a body.
const ROUTER_BODY_BYTES_MAX: usize = 16 * 1024;

/// What is received of a body that the handler leaves.
const DRAIN_BYTES_MAX: usize = 64 * 1024;

/// The files that the built-in handler serves, and what is in them.
const FILES: [(&str, &str); 4] = [
    ("/second.txt", "second\n"),
    ("/first.txt", "first\n"),
    ("/digits.txt", "0123456789"),
    ("/a b/ä.txt", "odd\n"),
];

/// A handler of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handler {
    /// The guest that answers with all that it has seen.
    Inspect,
    Echo,
    /// The handler of files that is built into the host.
    Files,
    Upload,
    Router,
}

/// A server that runs a handler.
pub(super) struct Served {
    pub(super) handler: Handler,
    pub(super) server: TestServer,
    _files: Scratch,
}

impl Handler {
    /// Starts a server that runs this handler.
    #[track_caller]
    pub(super) fn start(self) -> Served {
        let files = Scratch::new();
        for (path, content) in FILES {
            files.write(&path[1..], content);
        }
        let server = match self {
            Handler::Inspect => TestServer::start("inspect", &[]),
            Handler::Echo => TestServer::start("echo", &[]),
            Handler::Files => TestServer::start_built_in(&["--root", files.text(), "--list"]),
            Handler::Upload => TestServer::start("upload", &[]),
            Handler::Router => TestServer::start("router", &[]),
        };
        Served {
            handler: self,
            server,
            _files: files,
        }
    }

    /// Returns the request that is known again by its answer, as itself and nothing else.
    pub(super) fn marked(self) -> &'static str {
        match self {
            Handler::Files => "GET /second.txt HTTP/1.1\r\nHost: second\r\n\r\n",
            Handler::Inspect | Handler::Echo | Handler::Upload => {
                "POST /?second HTTP/1.1\r\nHost: second\r\nContent-Length: 6\r\n\r\nsecond"
            }
            Handler::Router => "GET /second HTTP/1.1\r\nHost: second\r\n\r\n",
        }
    }

    /// Returns the marked request as the last one of its connection.
    pub(super) fn marked_last(self) -> String {
        let host = "Host: second\r\n";
        self.marked()
            .replace(host, &format!("{host}Connection: close\r\n"))
    }

    /// Says whether the handler reads the body of a request.
    pub(super) fn reads(self, request: &Request) -> bool {
        let (method, path) = (&*request.method, path(&request.target));
        match self {
            Handler::Inspect => true,
            Handler::Echo => path == "/" && !matches!(method, "GET" | "HEAD"),
            Handler::Files => false,
            Handler::Upload => matches!(method, "POST" | "PUT"),
            Handler::Router => (method, path) == ("POST", "/users"),
        }
    }

    /// Says whether the connection may end behind a request that would keep it.
    pub(super) fn may_end(self, request: &Request) -> bool {
        let (reads, length) = (self.reads(request), request.body.len());
        // What the client was not asked for may never come; what is too long is not waited for.
        let left = !reads && (request.expects || length > DRAIN_BYTES_MAX);
        left || self == Handler::Router && reads && length > ROUTER_BODY_BYTES_MAX
    }

    /// Says what is wrong with the answer to a request in order.
    pub(super) fn check(self, request: &Request, answer: &Answer) -> Result<(), String> {
        let (method, path) = (&*request.method, path(&request.target));
        let is = |status: u16, body: Vec<u8>| match answer.status == status
            && (answer.body == body || method == "HEAD")
        {
            true => Ok(()),
            false => Err(format!("{status} expected with `{}`", body.escape_ascii())),
        };
        let one_of = |statuses: &[u16]| match statuses.contains(&answer.status) {
            true => Ok(()),
            false => Err(format!("one of {statuses:?} expected")),
        };
        match (self, method, path) {
            (Handler::Inspect, ..) => is(200, seen(request)),
            (Handler::Echo, _, "/") if self.reads(request) => is(200, request.body.clone()),
            (Handler::Echo, _, "/" | "/echo" | "/cookie") => one_of(&[200]),
            (Handler::Echo, ..) => one_of(&[404]),
            (Handler::Upload, "POST" | "PUT", _) => is(200, sum(&request.body)),
            (Handler::Upload, "GET" | "HEAD", _) => one_of(&[200]),
            (Handler::Upload, ..) => one_of(&[405]),
            (Handler::Router, "POST", "/users") => one_of(&[201, 400, 413]),
            (Handler::Router, "GET" | "HEAD", "/users") => one_of(&[200]),
            (Handler::Router, "GET" | "HEAD", _) => one_of(&[200, 404]),
            (Handler::Router, ..) => one_of(&[404, 405]),
            (Handler::Files, "GET" | "HEAD", _) => {
                let file = FILES.iter().find(|(name, _)| *name == path);
                match file {
                    Some((_, content)) if answer.status == 200 => is(200, (*content).into()),
                    _ => one_of(&[200, 206, 301, 304, 400, 403, 404, 412, 416]),
                }
            }
            (Handler::Files, "OPTIONS", _) => one_of(&[204]),
            (Handler::Files, "POST" | "PUT" | "DELETE" | "PATCH" | "TRACE", _) => one_of(&[405]),
            (Handler::Files, ..) => one_of(&[501]),
        }
    }
}

/// Returns the path of a target in any form.
fn path(target: &str) -> &str {
    let target = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            &rest[rest.find(['/', '?']).unwrap_or(rest.len())..]
        }
        _ => target,
    };
    match target.split('?').next() {
        Some("") | None => "/",
        Some(path) => path,
    }
}

/// Returns what `inspect` answers.
fn seen(request: &Request) -> Vec<u8> {
    let version = if request.is_1_0 { "1.0" } else { "1.1" };
    let (method, target) = (&request.method, &request.target);
    let (host, kept) = (&request.host, request.is_kept);
    let text = format!("{method} {target} host={host} version={version} keep={kept} body=");
    [text.as_bytes(), &request.body].concat()
}

/// Returns what `upload` answers.
fn sum(body: &[u8]) -> Vec<u8> {
    format!("{} {:x}\n", body.len(), Sha256::digest(body)).into_bytes()
}
