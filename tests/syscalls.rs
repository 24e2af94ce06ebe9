//! What the kernel is asked for: epoll with two calls for a request, and sendfile for files.

use std::collections::HashSet;

use crate::client::{Client, get};
use crate::machine;
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::strace::Strace;

/// Runs `work` while strace writes about every thread of `server`, and returns what it wrote.
///
/// Returns none where there is no strace or the machine allows no tracing.
#[track_caller]
fn trace(server: &TestServer, args: &[&str], work: impl FnOnce()) -> Option<String> {
    let strace = Strace::attach(server, args)?;
    work();
    Some(strace.detach())
}

/// Returns the number of calls of `name`, or of all by `total`, in a summary of `strace -c`.
fn calls(summary: &str, name: &str) -> u64 {
    let is_it = |line: &&str| line.split_ascii_whitespace().last() == Some(name);
    let line = summary.lines().find(is_it);
    let count = line.and_then(|line| line.split_ascii_whitespace().nth(3));
    count.map_or(0, |count| count.parse().unwrap())
}

/// Takes more than a second, because a traced system call is slow and there are thousands.
#[test]
fn a_hello_request_costs_at_most_2_3_system_calls() {
    const CONNECTIONS: usize = 64;
    const ROUNDS: usize = 100;
    machine::measured(|| {
        let server = TestServer::start("hello", &["--linger", "10s"]);
        let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| server.connect()).collect();
        let mut round = || {
            clients.iter_mut().for_each(|client| client.send(get("/")));
            for client in &mut clients {
                assert_eq!(client.response().status, 200);
            }
        };
        round();
        let summary = trace(&server, &["-c"], || (0..ROUNDS).for_each(|_| round()));
        let Some(summary) = summary else { return };
        // These go by time and not by requests, and tracing makes it long: the ticker sleeps for
        // 2 ms at a time, and the CPU time is asked for where a guest has run for as long.
        let clocks = ["clock_nanosleep", "clock_gettime"];
        let by_time: u64 = clocks.iter().map(|name| calls(&summary, name)).sum();
        let all = calls(&summary, "total") - by_time;
        let per_request = all as f64 / (CONNECTIONS * ROUNDS) as f64;
        assert!(
            per_request <= 2.3,
            "{per_request} system calls for one request:\n{summary}"
        );
        assert!(summary.contains(" epoll_"), "{summary}");
    });
}

/// A call of a trace that concerns the file of the test.
struct Call {
    name: String,
    result: i64,
}

/// Returns the calls of a trace that name `file`, also those that strace wrote in two lines.
fn calls_on(trace: &str, file: &str) -> Vec<Call> {
    let mut suspended = HashSet::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        let resumed = call
            .strip_prefix("<... ")
            .filter(|_| suspended.remove(thread));
        if resumed.is_none() && !call.contains(file) {
            continue;
        }
        if call.contains("<unfinished ...>") {
            suspended.insert(thread);
            continue;
        }
        let name = resumed
            .unwrap_or(call)
            .split([' ', '('])
            .next()
            .unwrap()
            .to_owned();
        let Some((_, result)) = call.rsplit_once(" = ") else {
            panic!("a call without a result: {line}\n{trace}");
        };
        // What follows a negative result is its name; strace writes `?` where there is none.
        let result = result.split(' ').next().unwrap().parse().unwrap_or(-1);
        calls.push(Call { name, result });
    }
    calls
}

#[test]
fn a_file_goes_out_by_sendfile_and_its_content_is_never_read() {
    const LENGTH: usize = 1 << 20;
    let root = Scratch::new();
    root.write("traced.bin", vec![b'a'; LENGTH]);
    let server = TestServer::start("file", &["--root", root.text()]);
    let filter = "trace=sendfile,read,readv,pread64,preadv,preadv2,mmap,splice";
    let trace = trace(&server, &["-y", "-e", filter], || {
        let mut client = server.connect();
        assert_eq!(client.get("/traced.bin").body.len(), LENGTH);
        // The bytes may be here before strace has seen the call return that sent them.
        assert_eq!(client.get("/missing").status, 404);
    });
    let Some(trace) = trace else { return };
    let calls = calls_on(&trace, "/traced.bin");
    let (sent, others): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.name == "sendfile");
    let bytes: i64 = sent.iter().map(|call| call.result.max(0)).sum();
    assert_eq!(bytes, LENGTH as i64, "{trace}");
    // One byte may be read to learn whether the rest is in memory.
    assert!(
        others
            .iter()
            .all(|call| call.name != "mmap" && call.result <= 1),
        "{trace}"
    );
}

#[test]
fn calls_on_a_file_are_found_when_strace_writes_them_in_two_lines() {
    let trace = "7 read(3</a>, <unfinished ...>\n\
        8 sendfile(5<TCP>, 3</a>, [0], 9) = 9\n\
        7 <... read resumed>\"x\", 1) = 1\n\
        7 read(4</b>, \"yy\", 2) = 2\n\
        9 <... read resumed>) = 5\n\
        8 preadv2(3</a>, [], 1, 0, RWF_NOWAIT) = -1 EAGAIN (Resource temporarily unavailable)\n";
    let calls = calls_on(trace, "/a");
    let calls: Vec<_> = calls
        .iter()
        .map(|call| (call.name.as_str(), call.result))
        .collect();
    assert_eq!(calls, [("sendfile", 9), ("read", 1), ("preadv2", -1)]);
}

#[test]
fn a_get_of_a_file_costs_one_look_one_send_and_one_sendfile() {
    check_get(10_000, [1, 1, 0]);
}

#[test]
fn a_get_of_a_small_file_costs_one_look_one_read_and_one_send() {
    check_get(4000, [1, 0, 1]);
}

/// Checks how many calls of sendto, sendfile and preadv2 a GET of a file of `length` takes.
#[track_caller]
fn check_get(length: usize, [sends, sendfiles, reads]: [usize; 3]) {
    const REQUESTS: usize = 50;
    let scratch = Scratch::new();
    let content = vec![7; length];
    scratch.write("photo.png", &content);
    let server = TestServer::start_built_in(&["--root", scratch.text(), "--linger", "10s"]);
    let mut client = server.connect();
    let mut get = || {
        // What may be compressed is looked for beside a file; a photo is compressed already.
        let response = client.ask("GET", "/photo.png", &["Accept-Encoding: gzip, br"]);
        assert!(response.body == content);
    };
    get();
    let args = [
        "-e",
        "trace=openat2,fstat,statx,sendto,sendfile,preadv2,pread64",
    ];
    let Some(trace) = trace(&server, &args, || (0..REQUESTS).for_each(|_| get())) else {
        return;
    };
    let count = |call: &str| trace.matches(&format!(" {call}(")).count();
    assert_eq!(
        (count("sendto"), count("sendfile")),
        (sends * REQUESTS, sendfiles * REQUESTS),
        "{trace}"
    );
    // Twice a second, the path is looked at again and the page cache probed.
    let looks = count("openat2");
    assert!(looks < REQUESTS / 5, "{trace}");
    assert_eq!(count("fstat") + count("statx"), REQUESTS + looks, "{trace}");
    let probes = count("preadv2") - reads * REQUESTS;
    assert!(probes + count("pread64") < REQUESTS / 5, "{trace}");
}

#[test]
fn the_last_bytes_of_a_connection_leave_with_its_end() {
    let server = TestServer::start("hello", &[]);
    let args = ["-e", "trace=sendto,shutdown,setsockopt,close"];
    let trace = trace(&server, &args, || {
        let mut client = server.connect();
        let answer = client.ask("GET", "/", &["Connection: close"]);
        assert_eq!(answer.status, 200);
        client.wait_until_closed();
        drop(client);
        // By then the server has closed its socket, too.
        assert_eq!(server.connect().get("/").status, 200);
    });
    let Some(trace) = trace else { return };
    let sent = trace.lines().position(|line| line.contains("MSG_MORE"));
    let following = trace.lines().nth(sent.expect(&trace) + 1).expect(&trace);
    assert!(following.contains(" shutdown("), "{trace}");
    assert!(!trace.contains(" setsockopt("), "{trace}");
}
