//! The built-in handler against nginx: the same requests for the same files, and every difference
//! in the answers has a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use crate::client::{Client, Response};
use crate::nginx_rows::{DIFFERENCES, MODIFIED, Row, rows};
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::{self, Tool};
use crate::{machine, wait};

/// Where Debian's packages leave what the configuration needs besides the program.
const BROTLI: &str = "/usr/lib/nginx/modules/ngx_http_brotli_static_module.so";
const TYPES: &str = "/etc/nginx/mime.types";

/// How often another port is tried where somebody else took the one that was free.
const TRIES_MAX: u32 = 5;

/// The fewest requests that make a comparison.
const ROWS_MIN: usize = 100;

/// A running nginx, killed when dropped.
struct Nginx {
    child: Child,
    addr: SocketAddr,
}

impl Nginx {
    /// Starts nginx on the files below `root`, with everything that it writes in `home`.
    fn start(tool: &Tool, root: &Path, home: &Scratch) -> Nginx {
        for _ in 0..TRIES_MAX {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            drop(listener);
            let config = home.write("nginx.conf", configuration(addr, root, home.path()));
            let log = File::create(home.path().join("log")).unwrap();
            let child = tool
                .command()
                .args(["-e", "stderr", "-p", home.text(), "-c"])
                .arg(config)
                .stderr(Stdio::from(log))
                .spawn()
                .unwrap();
            let mut nginx = Nginx { child, addr };
            let listens = wait::within(wait::PATIENCE, || {
                if nginx.child.try_wait().unwrap().is_some() {
                    return Some(false);
                }
                TcpStream::connect(addr).is_ok().then_some(true)
            });
            if listens == Some(true) {
                return nginx;
            }
        }
        let log = fs::read_to_string(home.path().join("log"));
        panic!("nginx does not start: {log:?}");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One process in the foreground, which does with static files what the handler does.
fn configuration(addr: SocketAddr, root: &Path, home: &Path) -> String {
    let (root, home) = (root.display(), home.display());
    format!(
        "daemon off; master_process off; pid {home}/pid; load_module {BROTLI};
         events {{ worker_connections 64; }}
         http {{
             include {TYPES}; default_type application/octet-stream;
             access_log off;
             client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
             fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi;
             scgi_temp_path {home}/scgi;
             gzip_static on; gzip_vary on; brotli_static on;
             if_modified_since before;
             absolute_redirect off;
             server {{ listen {addr}; root {root}; index index.html; }}
         }}"
    )
}

/// Writes the files that the rows ask for, all of one age.
fn write_files(scratch: &Scratch) {
    let lines = |name: &str| -> String { (0..200).map(|n| format!("{name} {n}\n")).collect() };
    for name in [
        "index.html",
        "index.html.gz",
        "index.html.br",
        "plain.txt",
        "style.css",
        "style.css.gz",
        "only.css.gz",
        "data.json",
        "data.json.br",
        "picture.svg",
        "picture.svg.gz",
        "picture.svg.br",
        "sub/index.html",
        "sub/index.html.gz",
        "sub/deep/page.txt",
        "no-index/page.txt",
        "name with spaces.txt",
        "caf\u{e9}.txt",
        "100%.txt",
        "a+b.txt",
        "semi;colon.txt",
        "what?.txt",
        "hash#.txt",
        "back\\slash.txt",
        "quote'.txt",
        "directory with spaces/index.html",
        ".hidden.txt",
        "no-extension",
        "unknown.zzz",
        "archive.tar.gz",
        "UPPER.TXT",
    ] {
        scratch.write(name, lines(name));
    }
    // The period of 251 divides no size of a buffer, so that a swap of two pieces shows.
    let bytes: Vec<u8> = (0..300_000).map(|at| (at % 251) as u8).collect();
    for (name, length) in [
        ("photo.png", 5000),
        ("film.mp4", 300_000),
        ("one.bin", 1),
        ("empty.txt", 0),
        ("empty.bin", 0),
    ] {
        scratch.write(name, &bytes[..length]);
    }
    set_modified(scratch.path());
}

fn set_modified(directory: &Path) {
    // The nanoseconds are no part of a date in a header line.
    let time = SystemTime::UNIX_EPOCH + Duration::new(784_111_777, 123_456_789);
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            set_modified(&path);
        } else {
            let file = File::options().append(true).open(path).unwrap();
            file.set_modified(time).unwrap();
        }
    }
}

/// Sends the request of `row` and returns what is compared of the answer.
fn facts(addr: SocketAddr, row: &Row) -> BTreeMap<&'static str, String> {
    let etag = if row.headers.contains("{etag}") {
        // The tag of the same form of the same file.
        let mut of_form = row
            .headers
            .lines()
            .filter(|line| line.starts_with("Accept-Enc"));
        let form = of_form.next().unwrap_or_default();
        let plain = ask(addr, "GET", &row.path, form);
        plain.header("etag").expect("a file has a tag").to_owned()
    } else {
        String::new()
    };
    let headers = row.headers.replace("{etag}", &etag);
    let response = ask(
        addr,
        row.method,
        &row.path,
        &headers.replace("{modified}", MODIFIED),
    );
    let mut facts = BTreeMap::new();
    facts.insert("status", response.status.to_string());
    for name in [
        "content-range",
        "location",
        "allow",
        "accept-ranges",
        "vary",
        "last-modified",
    ] {
        facts.extend(response.header(name).map(|value| (name, value.to_owned())));
    }
    if response.header("etag").is_some() {
        facts.insert("etag", "present".to_owned());
    }
    // The page that comes with an error or a redirect is each server's own.
    if response.status < 300 {
        facts.extend(described(&response));
    }
    facts
}

/// Returns what is compared of the body and of its description.
fn described(response: &Response) -> Vec<(&'static str, String)> {
    let content_type = response.header("content-type").unwrap_or_default();
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let mut facts = vec![("content-type", essence.to_owned())];
    if let Some(coding) = response.header("content-encoding") {
        facts.push(("content-encoding", coding.to_owned()));
    }
    if essence == "multipart/byteranges" {
        // Boundaries and what precedes the first one are each server's own; their length, too.
        let length: usize = response.header("content-length").unwrap().parse().unwrap();
        assert!(response.body.is_empty() || response.body.len() == length);
        let boundary = parameters.trim().strip_prefix("boundary=").unwrap();
        facts.push(("body", parts(&response.body, boundary)));
    } else {
        let length = response.header("content-length").unwrap_or_default();
        facts.push(("content-length", length.to_owned()));
        facts.push(("body", response.body.escape_ascii().to_string()));
    }
    facts
}

/// Returns the parts of a body, each as its range and its bytes.
fn parts(body: &[u8], boundary: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    // Every byte becomes a character of its own, so that text can be searched.
    let body: String = body.iter().map(|byte| char::from(*byte)).collect();
    let body = format!("\r\n{}", body.strip_prefix("\r\n").unwrap_or(&body));
    let mut parts = Vec::new();
    for part in body.split(&format!("\r\n--{boundary}")).skip(1) {
        if part == "--\r\n" {
            return parts.join("\n");
        }
        let (head, content) = part.split_once("\r\n\r\n").expect("a part has a head");
        let range = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Range: "))
            .expect("a part says its range");
        parts.push(format!("{range}: {}", content.escape_unicode()));
    }
    panic!("the parts have no end");
}

fn ask(addr: SocketAddr, method: &str, path: &str, headers: &str) -> Response {
    let headers: Vec<&str> = headers.lines().collect();
    Client::connect(addr).ask(method, path, &headers)
}

/// Takes more than a second: it sends some hundred requests to each of two servers.
#[test]
fn every_difference_from_nginx_has_a_reason() {
    machine::share();
    let Some(tool) = Tool::find("nginx") else {
        return;
    };
    let needed = [BROTLI, TYPES];
    if let Some(missing) = needed.iter().find(|path| !Path::new(path).exists()) {
        return tool::skip(&format!("nginx has no `{missing}`"));
    }
    let (files, home) = (Scratch::new(), Scratch::new());
    write_files(&files);
    let nginx = Nginx::start(&tool, files.path(), &home);
    let server = TestServer::start("static", &["--root", files.text()]);
    let rows = rows();
    assert!(rows.len() >= ROWS_MIN, "{} rows", rows.len());
    let mut unexplained = Vec::new();
    let mut unused: Vec<_> = DIFFERENCES
        .iter()
        .map(|difference| difference.why)
        .collect();
    for row in &rows {
        let (ours, theirs) = (facts(server.addr(), row), facts(nginx.addr, row));
        let mut names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        names.retain(|name| ours.get(*name) != theirs.get(*name));
        if names.contains(&"status") {
            // What else differs then follows from that.
            names.retain(|name| **name == "status");
        }
        for name in names {
            let (our, their) = (ours.get(name), theirs.get(name));
            let why = DIFFERENCES.iter().find(|difference| {
                difference.fields.contains(name) && (difference.applies)(row, &ours, &theirs)
            });
            match why {
                Some(difference) => unused.retain(|why| *why != difference.why),
                None => {
                    unexplained.push(format!("{row:?}: {name}: {our:.80?}, nginx {their:.80?}"))
                }
            }
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert!(unused.is_empty(), "no longer so: {unused:?}");
}
