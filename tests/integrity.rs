//! Files arrive as they are: large ones, and with slow clients. Of a file that changes while it is
//! sent the client can tell where more follows than the first part, which is up to 1 MiB: the host
//! does not look at the file again before that is sent.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::SystemTime;

use crate::client::{Client, get};
use crate::gauges::LIVE;
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::Tool;

const MIB: usize = 1 << 20;

/// Beyond what 31 bits count.
const LARGE: u64 = (2 << 30) + 12_345;

/// Where the large file has something else than zeros: around the places where a count overflows,
/// a call ends, or a file does.
const MARKS: [u64; 8] = [
    0,
    MIB as u64 - 8,
    (1 << 30) - 8,
    0x7fff_f000 - 8,
    (1 << 31) - 8,
    1_500_000_007,
    (2 << 30) + 5000,
    LARGE - 16,
];

fn mark(at: u64) -> [u8; 16] {
    let mut bytes = [0xff; 16];
    bytes[..8].copy_from_slice(&(!at).to_be_bytes());
    bytes
}

fn write_large(scratch: &Scratch) -> PathBuf {
    let path = scratch.path().join("large.bin");
    let file = File::create_new(&path).unwrap();
    file.set_len(LARGE).unwrap();
    for at in MARKS {
        file.write_all_at(&mark(at), at).unwrap();
    }
    path
}

/// Checks `bytes` of the large file that start at `offset`.
#[track_caller]
fn check_large(offset: u64, bytes: &[u8]) {
    let mut expected = vec![0; bytes.len()];
    let end = offset + bytes.len() as u64;
    for at in MARKS {
        for (place, byte) in (at..).zip(mark(at)) {
            if (offset..end).contains(&place) {
                expected[(place - offset) as usize] = byte;
            }
        }
    }
    assert!(bytes == expected, "changed between {offset} and {end}");
}

/// Takes more than a second: it receives 2 GiB.
#[test]
fn curl_gets_every_byte_of_a_file_of_more_than_2_gib() {
    let Some(curl) = Tool::find("curl") else {
        return;
    };
    let scratch = Scratch::new();
    write_large(&scratch);
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    let mut command = curl.command();
    command.args([
        "-sS",
        "--fail",
        "--max-time",
        "60",
        &server.url("/large.bin"),
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut buffer = vec![0; MIB];
    let mut received = 0;
    loop {
        let count = stdout.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        check_large(received, &buffer[..count]);
        received += count as u64;
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(received, LARGE);
}

/// Takes more than a second: the parts add up to 2 GiB.
#[test]
fn a_hundred_parts_at_once_make_up_the_whole_file() {
    const PARTS: u64 = 100;
    let scratch = Scratch::new();
    write_large(&scratch);
    let server = TestServer::start_built_in(&["--root", scratch.text(), "--workers", "2"]);
    let addr = server.addr();
    thread::scope(|scope| {
        for part in 0..PARTS {
            let (from, to) = (LARGE * part / PARTS, LARGE * (part + 1) / PARTS);
            scope.spawn(move || {
                let mut client = Client::connect(addr);
                let range = format!("Range: bytes={from}-{}", to - 1);
                client.send(get("/large.bin").replace("\r\n\r\n", &format!("\r\n{range}\r\n\r\n")));
                let head = client.response_head();
                assert_eq!(head.status, 206);
                let expected = format!("bytes {from}-{}/{LARGE}", to - 1);
                assert_eq!(head.header("content-range"), Some(&*expected));
                let passed = client.pass(to - from, |at, bytes| check_large(from + at, bytes));
                assert_eq!(passed, to - from);
            });
        }
    });
}

/// Returns bytes that tell where they belong: each group of four is its own number.
fn numbered(length: usize) -> Vec<u8> {
    let numbers = (0..length as u32 / 4).flat_map(u32::to_be_bytes);
    numbers.collect()
}

#[test]
fn a_hundred_slow_readers_each_get_every_byte() {
    const READERS: usize = 100;
    const ROOM: usize = 16 * 1024;
    let scratch = Scratch::new();
    let content = numbered(MIB);
    scratch.write("file.bin", &content);
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    let mut readers: Vec<Client> = (0..READERS)
        .map(|_| {
            let mut client = Client::connect_narrow(server.addr(), ROOM);
            client.send(get("/file.bin"));
            assert_eq!(client.response_head().status, 200);
            client
        })
        .collect();
    // Each is passed by for as long as all others take theirs.
    let mut received = 0;
    while received < content.len() {
        let expected = &content[received..][..ROOM];
        for client in &mut readers {
            assert!(client.exactly(ROOM) == expected, "changed after {received}");
        }
        received += ROOM;
    }
    for client in &mut readers {
        assert_eq!(client.get("/missing").status, 404);
    }
    server.wait_for_metric(LIVE, 0);
}

/// A download that its client has stopped in the middle of.
struct Halted {
    scratch: Scratch,
    server: TestServer,
    client: Client,
    content: Vec<u8>,
    path: PathBuf,
}

/// Much more than the buffers on the way hold, so that a client that does not read stops it.
const DOWNLOAD: usize = 64 * MIB;

/// What the client has received of it.
const BEFORE: usize = MIB;

impl Halted {
    fn start() -> Halted {
        let scratch = Scratch::new();
        let content = numbered(DOWNLOAD);
        let path = scratch.write("file.bin", &content);
        // Long ago, so that a change is one in whatever steps the file system's clock goes.
        let file = File::options().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let server = TestServer::start_built_in(&["--root", scratch.text()]);
        let mut client = Client::connect_narrow(server.addr(), 64 * 1024);
        client.send(get("/file.bin"));
        let head = client.response_head();
        let length = DOWNLOAD.to_string();
        assert_eq!(head.header("content-length"), Some(&*length));
        assert!(client.exactly(BEFORE) == content[..BEFORE]);
        Halted {
            scratch,
            server,
            client,
            content,
            path,
        }
    }

    /// Receives the rest and returns everything that came.
    fn finish(&mut self) -> Vec<u8> {
        let mut received = self.content[..BEFORE].to_vec();
        let rest = (DOWNLOAD - BEFORE) as u64;
        self.client
            .pass(rest, |_, bytes| received.extend_from_slice(bytes));
        received
    }

    #[track_caller]
    fn check_whole_and_old(mut self) {
        assert!(self.finish() == self.content, "changed or cut");
        // The connection is good for another request, which finds what is there now.
        let there = fs::exists(&self.path).unwrap();
        let status = if there { 200 } else { 404 };
        self.server.connect().get("/missing");
        let found = crate::wait::within(crate::wait::PATIENCE, || {
            let response = self.client.get("/file.bin");
            (response.status == status && response.body != self.content).then_some(())
        });
        assert!(found.is_some(), "the new state is not noticed");
    }

    #[track_caller]
    fn check_short(&mut self) -> Vec<u8> {
        let received = self.finish();
        assert!(
            received.len() < DOWNLOAD,
            "the client cannot tell that something is wrong"
        );
        assert!(self.client.rest().is_empty());
        // What the client had before the change is not touched by it.
        assert!(received[..BEFORE] == self.content[..BEFORE]);
        self.server.wait_for_metric(LIVE, 0);
        received
    }
}

#[test]
fn a_file_that_is_replaced_by_rename_is_sent_whole_with_its_old_content() {
    let halted = Halted::start();
    let new = halted.scratch.write("new", vec![b'n'; DOWNLOAD]);
    fs::rename(new, &halted.path).unwrap();
    halted.check_whole_and_old();
}

#[test]
fn a_file_that_is_removed_is_sent_whole() {
    let halted = Halted::start();
    fs::remove_file(&halted.path).unwrap();
    halted.check_whole_and_old();
}

fn open_for_writing(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}

#[test]
fn a_file_that_is_truncated_ends_short_and_is_never_padded() {
    for length in [0, DOWNLOAD - 4096] {
        let mut halted = Halted::start();
        open_for_writing(&halted.path)
            .set_len(length as u64)
            .unwrap();
        let received = halted.check_short();
        assert!(
            received == halted.content[..received.len()],
            "padded or changed"
        );
    }
}

/// Where the kernel keeps a file in blocks of several pages, it zeroes what a truncation leaves of
/// one, also what it had taken for sending. So that is old or zero; that the answer is short tells.
#[test]
fn a_file_that_is_truncated_to_what_is_on_its_way_ends_short() {
    let mut halted = Halted::start();
    open_for_writing(&halted.path)
        .set_len(BEFORE as u64)
        .unwrap();
    let received = halted.check_short();
    let strange = received
        .iter()
        .zip(&halted.content)
        .find(|(byte, old)| byte != old && **byte != 0);
    assert!(strange.is_none(), "neither old nor zero");
}

#[test]
fn a_file_that_is_written_anew_ends_short_with_old_bytes_only() {
    let mut halted = Halted::start();
    // As a shell's `>` does: emptied first, so the pages that are on their way are no longer its.
    fs::write(&halted.path, vec![b'n'; DOWNLOAD]).unwrap();
    let received = halted.check_short();
    assert!(
        received == halted.content[..received.len()],
        "two versions are mixed"
    );
}

#[test]
fn a_file_that_is_appended_to_ends_short_with_old_bytes_only() {
    let mut halted = Halted::start();
    let file = open_for_writing(&halted.path);
    file.write_all_at(b"more", DOWNLOAD as u64).unwrap();
    let received = halted.check_short();
    assert!(received == halted.content[..received.len()]);
}

/// The kernel sends pages, not copies: bytes that it had taken before the write may be new ones, so
/// that they are old or new is all that can be said of each. That the answer is short tells.
#[test]
fn a_file_that_is_overwritten_in_place_ends_short() {
    let mut halted = Halted::start();
    let new = vec![b'n'; DOWNLOAD];
    open_for_writing(&halted.path)
        .write_all_at(&new, 0)
        .unwrap();
    let received = halted.check_short();
    let strange = received
        .iter()
        .zip(&halted.content)
        .find(|(byte, old)| byte != old && **byte != b'n');
    assert!(strange.is_none(), "neither old nor new");
    let again = halted.server.connect().get("/file.bin");
    assert!(again.body == new, "the next answer is the new content");
}

#[test]
fn a_part_of_a_file_that_changes_ends_short_too() {
    let mut halted = Halted::start();
    let mut client = Client::connect_narrow(halted.server.addr(), 64 * 1024);
    let range = "\r\nRange: bytes=0-0,4-33554431,40000000-50000000\r\n\r\n";
    client.send(get("/file.bin").replace("\r\n\r\n", range));
    let head = client.response_head();
    assert_eq!(head.status, 206);
    let length: u64 = head.header("content-length").unwrap().parse().unwrap();
    assert_eq!(client.pass(BEFORE as u64, |_, _| {}), BEFORE as u64);
    let file = open_for_writing(&halted.path);
    file.write_all_at(b"more", DOWNLOAD as u64).unwrap();
    let passed = BEFORE as u64 + client.pass(length, |_, _| {});
    assert!(
        passed < length,
        "the client cannot tell that something is wrong"
    );
    halted.check_short();
}
