//! What a guest can reach, and what it finds of others: the claims of `SECURITY.md` that no other
//! file is about.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Client;
use crate::gauges::{LIVE, failed, fired};
use crate::scratch::Scratch;
use crate::server::{TestServer, log_field};
use crate::session::Session;
use crate::wait;

const MIB: u64 = 1 << 20;

/// Starts a server for a component that is written as text, with `parts` put in.
#[track_caller]
fn start_text(scratch: &Scratch, text: &str, parts: &[(&str, &str)], flags: &[&str]) -> TestServer {
    let put_in = |text: String, (name, part): &(&str, &str)| text.replace(name, part);
    let text = parts.iter().fold(text.to_owned(), put_in);
    let path = scratch.write("guest.wasm", wat::parse_str(text).unwrap());
    TestServer::start_file(&path, flags)
}

#[track_caller]
fn start_deep(depth: u32, length: u64, recurse: bool, flags: &[&str]) -> TestServer {
    let parts = [
        ("DEPTH", depth.to_string()),
        ("LENGTH", length.to_string()),
        ("RECURSE", u8::from(recurse).to_string()),
    ];
    let parts = parts.each_ref().map(|(name, part)| (*name, part.as_str()));
    start_text(
        &Scratch::new(),
        include_str!("guests/deep.wat"),
        &parts,
        flags,
    )
}

#[track_caller]
fn start_plain(parts: [&str; 3], flags: &[&str]) -> TestServer {
    let [memory, declare, run] = parts;
    let parts = [("MEMORY", memory), ("DECLARE", declare), ("RUN", run)];
    start_text(
        &Scratch::new(),
        include_str!("guests/plain.wat"),
        &parts,
        flags,
    )
}

/// Returns all that is below a directory; a file with what is in it.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let is_directory = path.symlink_metadata().unwrap().is_dir();
        if is_directory {
            found.extend(tree(&path));
        }
        let bytes = (!is_directory).then(|| fs::read(&path).unwrap());
        found.insert(path, bytes);
    }
    found
}

#[test]
fn a_guest_finds_no_file_directory_or_device() {
    let root = Scratch::new();
    root.write("page.txt", "a page\n");
    root.write("directory/other.txt", "another page\n");
    let before = tree(root.path());
    assert_eq!(before.len(), 3, "{before:?}");
    // Not even what is granted, other than by the contract's own calls.
    let server = TestServer::start("reach", &["--root", root.text()]);
    assert_eq!(server.connect().get("/files").text(), "");
    assert_eq!(tree(root.path()), before);
}

#[test]
fn a_guest_reaches_no_network_and_costs_no_descriptor_by_trying() {
    let server = TestServer::start("reach", &["--reuse", "always"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let target = listener.local_addr().unwrap();
    let before = server.descriptors();
    let mut client = server.connect();
    assert_eq!(client.get(&format!("/network/{target}")).text(), "");
    let accepted = listener.accept().map(|(_, peer)| peer);
    assert!(accepted.is_err(), "{accepted:?} is connected");
    // The client's own connection, and one that asks for the metrics.
    let descriptors = server.descriptors();
    assert!(descriptors <= before + 2, "{before} became {descriptors}");
}

#[test]
fn a_guest_sees_no_argument_variable_directory_or_input_of_the_host() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    let guest = crate::scratch::component("reach");
    command.env("SOCKEYE_TEST_SECRET", "a secret").args([
        "serve",
        guest.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
    ]);
    let server = TestServer::spawn(command);
    let answer = server.connect().get("/surroundings");
    let answer = answer.text();
    assert!(answer.starts_with("[\"handler\"] variables=0 "), "{answer}");
    assert!(answer.ends_with(" input=0"), "{answer}");
    let own = std::env::current_dir().unwrap();
    assert!(!answer.contains(own.to_str().unwrap()), "{answer}");
}

/// `SECURITY.md` says why they are not made coarser.
#[test]
fn the_clocks_of_a_guest_are_as_fine_as_those_of_the_machine() {
    let server = TestServer::start("reach", &[]);
    let answer = server.connect().get("/clocks");
    for step in answer.text().split(' ') {
        let step: u64 = step.parse().unwrap();
        assert!((1..1_000_000).contains(&step), "{answer:?}");
    }
}

/// Each number is a frame of the guest of 32 bytes, or 64 where it is compiled quickly; the stack
/// of a guest has 512 KiB.
#[test]
fn a_guest_that_recurses_in_its_own_calls_and_in_the_hosts_ends_as_a_trap() {
    let fast = [0, 8_000, 16_000, 16_100, 16_200, 16_300, 16_350];
    let quick = [0, 4_000, 8_000, 8_050, 8_100, 8_150, 8_175];
    let fast = fast.map(|depth| (depth, &[][..]));
    let quick = quick.map(|depth| (depth, &["--quick-compile"][..]));
    for (depth, flags) in fast.into_iter().chain(quick) {
        let server = start_deep(depth, 16, true, flags);
        assert_eq!(server.connect().rest_in_vain().unwrap(), b"");
        server.wait_for_log("call stack exhausted");
        server.wait_for_metric(&failed("trap"), 1);
        server.stop();
    }
}

#[test]
fn a_guest_that_spins_outside_of_its_handler_is_stopped() {
    const SPIN: &str = "(loop $for_ever (br $for_ever))";
    let plain = include_str!("guests/plain.wat").replace("MEMORY", "1");
    let plain = plain.replace("RUN", "");
    // Before it is called, after it has returned, and where the host needs memory for a result.
    let start = format!("(func $spin {SPIN}) (start $spin)");
    let after = format!("(func (export \"after\") (param i32) {SPIN})");
    let lift = "(post-return (core func $instance \"after\"))))\n  (instance";
    let texts = [
        plain.replace("DECLARE", &start),
        plain
            .replace("DECLARE", &after)
            .replace("))\n  (instance", lift),
        include_str!("guests/deep.wat")
            .replace(
                "(call $recurse (i32.const 0))",
                &format!("{SPIN} (i32.const 0)"),
            )
            .replace("DEPTH", "0")
            .replace("LENGTH", "16")
            .replace("RECURSE", "1"),
    ];
    for text in texts {
        let scratch = Scratch::new();
        let server = start_text(&scratch, &text, &[], &["--cpu-limit", "200ms"]);
        server.connect().wait_until_closed();
        server.wait_for_metric(&failed("cpu"), 1);
        server.wait_for_metric(LIVE, 0);
    }
}

#[test]
fn random_bytes_come_in_bounded_numbers() {
    let server = start_deep(0, 64 * 1024, false, &[]);
    server.connect().wait_until_closed();
    server.wait_for_metric("sockeye_activations_total", 1);
    assert_eq!(server.log_lines("activation ended"), Vec::<String>::new());
    for length in [64 * 1024 + 1, 64 * MIB, u64::MAX / 2] {
        let server = start_deep(0, length, false, &[]);
        server.connect().wait_until_closed();
        let line = server.wait_for_log("activation ended");
        assert!(
            line.contains(&format!("requested len {length} exceeds")),
            "{line}"
        );
        assert!(server.resident_bytes() < 60 * MIB);
    }
}

#[test]
fn an_instance_finds_nothing_of_the_one_whose_place_it_has() {
    let text = include_str!("guests/stain.wat");
    let flags = ["--max-instances", "1", "--reuse"];
    for reuse in ["never", "connection"] {
        let scratch = Scratch::new();
        let flags = [&flags[..], &[reuse]].concat();
        let server = start_text(&scratch, text, &[("STAIN", "0xAA")], &flags);
        for _ in 0..20 {
            assert_eq!(server.connect().rest(), b"");
        }
        server.wait_for_metric("sockeye_activations_total", 20);
        assert_eq!(server.log_lines("activation ended"), Vec::<String>::new());
    }
    // The same instance finds its own stains, which shows that the others would have been found.
    let scratch = Scratch::new();
    let flags = [&flags[..], &["always"]].concat();
    let server = start_text(&scratch, text, &[("STAIN", "0xAA")], &flags);
    assert_eq!(server.connect().rest(), b"");
    server.wait_for_metric("sockeye_instances_warm", 1);
    server.connect().wait_until_closed();
    server.wait_for_metric(&failed("trap"), 1);
}

#[test]
fn an_instance_finds_nothing_of_another_component_whose_place_it_has() {
    let scratch = Scratch::new();
    let mut config = "workers = 1\nmax-instances = 1\n".to_owned();
    for (name, stain) in [("one", "0xAA"), ("other", "0x55")] {
        let text = include_str!("guests/stain.wat").replace("STAIN", stain);
        let path = scratch.write(&format!("{name}.wasm"), wat::parse_str(text).unwrap());
        config += &format!("[[service]]\ncomponent = {path:?}\nlisten = \"127.0.0.1:0\"\n");
    }
    let path = scratch.write("two.toml", config);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(["serve", "--config", path.to_str().unwrap()]);
    let server = TestServer::spawn(command);
    let lines = wait::until_some("both services are named", || {
        Some(server.log_lines("listening url=")).filter(|lines| lines.len() == 2)
    });
    let addr_of = |line: &String| -> SocketAddr {
        let url = log_field(line, "url").unwrap();
        let (_, addr) = url.trim_end_matches('/').split_once("://").unwrap();
        addr.parse().unwrap()
    };
    for _ in 0..20 {
        for line in &lines {
            assert_eq!(Client::connect(addr_of(line)).rest(), b"");
        }
    }
    assert_eq!(server.log_lines("activation ended"), Vec::<String>::new());
}

#[test]
fn handles_that_a_guest_makes_itself_are_bounded() {
    let run = "(loop $more (drop (call $new (i32.const 1))) (br $more))";
    let server = start_plain(["1", "", run], &[]);
    server.connect().wait_until_closed();
    let line = server.wait_for_log("activation ended");
    assert!(line.contains("handle limit exceeded"), "{line}");
    assert!(server.resident_bytes() < 60 * MIB);
}

#[test]
fn a_table_counts_as_memory_of_its_instance() {
    // It traps where its table of 8 MB may grow.
    let table = "(table $table 10 funcref)";
    let grow = "(table.grow $table (ref.null func) (i32.const 999990))";
    let run = format!("(if (i32.ne {grow} (i32.const -1)) (then (unreachable)))");
    let flags = ["--table-limit", "1000000", "--memory-limit"];
    let server = start_plain(["1", table, &run], &[&flags[..], &["4MiB"]].concat());
    assert_eq!(server.connect().rest(), b"");
    server.wait_for_metric("sockeye_activations_total", 1);
    assert_eq!(server.log_lines("activation ended"), Vec::<String>::new());
    let server = start_plain(["1", table, &run], &[&flags[..], &["16MiB"]].concat());
    server.connect().wait_until_closed();
    server.wait_for_metric(&failed("trap"), 1);
}

#[test]
fn what_instances_begin_with_is_bounded_where_it_is_much() {
    let flags = ["--total-memory-limit", "100MiB"];
    let server = start_plain(["1000", "", "(loop $for_ever (br $for_ever))"], &flags);
    let _first = server.connect();
    server.wait_for_metric(LIVE, 1);
    server.connect().wait_until_closed();
    assert_eq!(server.metric(&failed("instantiation")), 1);
    assert!(server.metric(&fired("total_memory")) > 0);
}

#[test]
fn what_instances_begin_with_is_free_where_it_is_little() {
    let server = TestServer::start("calls", &["--total-memory-limit", "3MiB"]);
    // Each of them begins with more than 1 MiB.
    let mut sessions: Vec<Session> = (0..8).map(|_| Session::start(&server)).collect();
    for session in &mut sessions {
        session.call("next").expect_ok();
    }
    assert_eq!(server.metric(LIVE), 8);
    assert_eq!(server.metric(&fired("total_memory")), 0);
}

#[test]
fn paths_as_long_as_the_memory_of_a_guest_are_refused_and_not_kept() {
    let root = Scratch::new();
    let server = TestServer::start("calls", &["--root", root.text()]);
    for length in [4095, 4096, 1 << 20].into_iter().chain([50 << 20; 8]) {
        let mut session = Session::start(&server);
        let command = format!("open-filler {length}");
        session.call(&command).expect_error("name-too-long");
    }
    server.wait_for_metric(LIVE, 0);
    // One copy may wait for being used again, and what one guest had.
    let resident = server.resident_bytes();
    assert!(resident < 200 * MIB, "{resident}");
}

#[test]
fn a_long_delimiter_is_refused() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    for length in [4097, 1 << 20, 50 << 20] {
        let command = format!("recv-until-filler {length} 1048576 10ms");
        session.call(&command).expect_error("invalid-argument");
    }
    let command = "recv-until-filler 4096 1048576 10ms";
    session.call(command).expect_error("timeout");
}
