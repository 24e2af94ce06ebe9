//! The bounds that no other file is about: each fires, is counted, and harms nobody else.

use std::time::Duration;

use crate::client::{Client, get};
use crate::gauges::{LIVE, connections, failed, fired};
use crate::scratch::Scratch;
use crate::server::{TestServer, log_field};
use crate::session::Session;
use crate::wait;

#[test]
fn only_so_many_connections_of_one_address_are_taken() {
    let flags = ["--max-connections-per-address", "2"];
    let server = TestServer::start("hello", &flags);
    let mut clients: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    server.connect().wait_until_closed();
    assert_eq!(server.metric(&fired("connections_per_address")), 1);
    // From elsewhere, there is room.
    let mut elsewhere = Client::connect_from([127, 0, 0, 2].into(), server.addr());
    assert_eq!(elsewhere.get("/").status, 200);
    clients.pop();
    server.wait_for_metric(&connections("parked"), 2);
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn an_address_whose_clients_reset_has_its_room_back() {
    let flags = ["--max-connections-per-address", "2"];
    let server = TestServer::start("hello", &flags);
    for _ in 0..20 {
        let clients = [server.connect(), server.connect()];
        server.wait_for_metric(&connections("parked"), 2);
        clients.into_iter().for_each(Client::reset);
        server.wait_for_metric(&connections("parked"), 0);
    }
    assert_eq!(server.metric(&fired("connections_per_address")), 0);
}

#[test]
fn all_guests_together_have_so_much_memory() {
    let flags = ["--total-memory-limit", "20MiB", "--linger", "60s"];
    let server = TestServer::start("hostile", &flags);
    let mut first = server.connect();
    assert_eq!(first.get("/hold").text(), "held");
    // 13 MiB are taken, and as many are not there a second time.
    let mut second = server.connect();
    second.send(get("/hold"));
    second.wait_until_closed();
    assert_eq!(server.metric(&failed("memory")), 1);
    assert!(server.metric(&fired("total_memory")) > 0);
    assert_eq!(server.metric(&fired("instance_memory")), 0);
    let line = server.wait_for_log("activation ended");
    assert!(
        line.contains("after `--total-memory-limit` refused"),
        "{line}"
    );
    assert_eq!(server.connect().get("/").text(), "ok");
    // The memory of an instance is everybody's again when that is gone.
    drop(first);
    wait::until("there is memory again", || {
        let mut client = server.connect();
        client.send(get("/hold"));
        client.half_close_in_vain();
        matches!(client.rest_in_vain(), Ok(bytes) if bytes.ends_with(b"held"))
    });
}

#[test]
fn what_is_sent_counts_as_memory_of_the_guests() {
    let flags = ["--total-memory-limit", "6MiB"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    // The buffer itself and the host's copy of what the network does not take at once are more than
    // there is.
    session.ask("-send-filler 4194304 none | -send small none | let-go");
    let line = server.wait_for_log("send-filler error");
    assert!(line.contains("error=insufficient-resources"), "{line}");
    let sent: usize = log_field(&line, "sent").unwrap().parse().unwrap();
    assert!(server.metric(&fired("total_memory")) > 0);
    let rest = session.client.rest();
    assert_eq!(rest.len(), sent + "small".len());
    assert!(sent < 4_194_304 && rest.ends_with(b"xsmall"));
    server.wait_for_log("send ok");
}

#[test]
fn idle_connections_are_closed_while_the_machine_has_little_memory() {
    let flags = [
        "--min-free-memory",
        "100000GiB",
        "--reuse",
        "always",
        "--head-timeout",
        "10m",
    ];
    let server = TestServer::start("hello", &flags);
    let mut clients: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    // The oldest go first, an eighth of them every second.
    clients[0].wait_until_closed();
    wait::until("many are closed", || {
        server.metric(&connections("parked")) < 120
    });
    clients[20].wait_until_closed();
    let newest = clients.last_mut().unwrap();
    assert!(newest.receive_within(Duration::from_millis(1)).is_err());
    server.wait_for_log("less memory than `--min-free-memory` is left");
    assert!(server.metric(&fired("free_memory")) > 0);
    assert_eq!(server.connect().get("/").status, 200);
    server.wait_for_metric("sockeye_instances_warm", 0);
    assert_eq!(server.log_lines("min-free-memory").len(), 1);
}

#[test]
fn warm_instances_that_nobody_needs_go() {
    let flags = [
        "--reuse",
        "always",
        "--max-warm",
        "2",
        "--warm-timeout",
        "300ms",
    ];
    let server = TestServer::start("upload", &flags);
    let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    let half = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n";
    clients.iter_mut().for_each(|client| client.send(half));
    server.wait_for_metric(LIVE, 50);
    clients.iter_mut().for_each(|client| client.send("x"));
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    server.wait_for_metric("sockeye_instances_warm", 50);
    server.wait_for_metric("sockeye_instances_warm", 2);
    assert_eq!(server.metric(&fired("warm_instances")), 48);
    assert_eq!(server.connect().ask("POST", "/", &[]).status, 200);
}

#[test]
fn an_instance_is_replaced_after_so_many_activations() {
    let flags = ["--reuse", "always", "--max-reuses", "3"];
    let server = TestServer::start("count", &flags);
    let texts = (0..7).map(|_| server.connect().get("/").text().trim().to_owned());
    assert_eq!(
        texts.collect::<Vec<_>>(),
        ["1", "2", "3", "1", "2", "3", "1"]
    );
    server.wait_for_metric(&fired("reuses"), 2);
}

#[test]
fn one_recv_returns_so_many_bytes() {
    for (flags, expected) in [(&[][..], "65536"), (&["--recv-limit", "96KiB"], "98304")] {
        let server = TestServer::start("calls", flags);
        let mut session = Session::start(&server);
        session.ask("-recv 1000000 none | let-go");
        session.client.wait_until_taken();
        // More than it returns is there when the server looks.
        server.freeze();
        session.client.send(vec![b'x'; 300_000]);
        session.client.wait_until_there(100_000);
        server.thaw();
        let line = server.wait_for_log("recv ");
        assert!(line.contains(&format!("bytes={expected}")), "{line}");
        assert_eq!(server.metric(&fired("recv_bytes")), 1);
    }
}

#[test]
fn one_recv_until_waits_for_so_many_bytes() {
    let server = TestServer::start("calls", &["--recv-until-limit", "64KiB"]);
    let mut session = Session::start(&server);
    session
        .call("recv-until ! 65537 none")
        .expect_error("invalid-argument");
    assert_eq!(server.metric(&fired("recv_until_bytes")), 1);
    session.ask_with("recv-until ! 65536 none", "abc!");
    session.outcome().expect_text("abc!");
}

#[test]
fn a_table_grows_to_so_many_elements() {
    let component = wat::parse_str(include_str!("guests/table.wat")).unwrap();
    let scratch = Scratch::new();
    let path = scratch.write("table.wasm", component);
    let flags = ["--table-limit", "100"];
    let server = TestServer::start_file(&path, &flags);
    // It grows its table until that fails, and traps unless it has as many elements then.
    let mut client = server.connect();
    assert_eq!(client.rest(), b"");
    server.wait_for_metric("sockeye_activations_total", 1);
    assert_eq!(server.metric(&failed("trap")), 0);
    assert_eq!(server.metric(&fired("table_elements")), 1);
}

#[test]
fn a_bound_is_logged_once_for_each_connection() {
    let root = Scratch::new();
    root.write("page.txt", "a page\n");
    let flags = [
        "--root",
        root.text(),
        "--max-open-files",
        "1",
        "--log-level",
        "debug",
    ];
    let server = TestServer::start("calls", &flags);
    for expected in 1..=2 {
        let mut session = Session::start(&server);
        for _ in 0..3 {
            session
                .call("open-many page.txt 2")
                .expect_error("too-many-files");
        }
        // The guest has its answer before two threads have passed the line on.
        let lines = wait::until_some("the log says that a bound fired", || {
            Some(server.log_lines("a bound fired")).filter(|lines| lines.len() >= expected)
        });
        assert_eq!(lines.len(), expected, "{lines:?}");
        let peer = format!("connection={}", session.client.addr());
        assert!(lines[expected - 1].contains(&peer), "{lines:?}");
    }
    assert_eq!(server.metric(&fired("open_files")), 6);
}

#[test]
fn what_the_kernel_holds_for_a_client_is_limited() {
    // A client that does not read costs what its own side takes, and this.
    let queued = |limit: &str| {
        let server = TestServer::start("calls", &["--unsent-limit", limit]);
        let mut session = Session::start(&server);
        session.client.narrow(4096);
        session.ask("-send-filler 16777216 300ms | let-go");
        let line = server.wait_for_log("send-filler error");
        let sent = line.split("sent=").nth(1).unwrap();
        let sent: usize = sent.split([' ', '"']).next().unwrap().parse().unwrap();
        assert!(server.metric(&fired("unsent_bytes")) > 0);
        sent
    };
    let (little, much) = (queued("4KiB"), queued("4MiB"));
    assert!(little + 500_000 < much, "{little} {much}");
}

#[test]
fn a_wall_clock_bound_holds_for_a_guest_that_waits() {
    let flags = ["--activation-timeout", "300ms", "--log-level", "debug"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    session.ask("-sleep 1h");
    session.client.wait_until_closed();
    assert_eq!(server.metric(&fired("activation_time")), 1);
    server.wait_for_metric(LIVE, 0);
    let line = server.wait_for_log("a bound fired");
    assert!(line.contains("bound=\"activation_time\""), "{line}");
    assert!(
        session
            .client
            .receive_within(Duration::from_secs(1))
            .is_ok()
    );
}

#[test]
fn a_guest_that_hands_back_unread_what_activated_it_has_one_budget_for_all_of_that() {
    let component = wat::parse_str(include_str!("guests/return.wat")).unwrap();
    let scratch = Scratch::new();
    let path = scratch.write("return.wasm", component);
    for (flag, cause) in [
        ("--cpu-limit", "cpu"),
        ("--activation-timeout", "activation_time"),
    ] {
        let server = TestServer::start_file(&path, &[flag, "300ms"]);
        let mut client = server.connect();
        server.wait_for_metric(&connections("parked"), 1);
        client.send("x");
        client.wait_until_closed();
        assert_eq!(server.metric(&failed(cause)), 1, "{flag}");
        assert_eq!(server.metric(&fired(cause)), 1, "{flag}");
        server.wait_for_metric(LIVE, 0);
    }
}
