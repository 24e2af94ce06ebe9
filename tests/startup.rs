//! What the program prints and says when it starts as it should.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::client::Client;
use crate::scratch::{Scratch, workspace_dir};
use crate::server::{TestServer, log_field, run_to_end};
use crate::session::Session;
use crate::tool;

#[test]
fn the_start_line_names_url_workers_backend_reuse_and_admin() {
    let server = TestServer::start("hello", &["--workers", "2", "--reuse", "never"]);
    let line = server.start_line();
    let url = format!("url=http://{}/", server.addr());
    let admin = format!("admin=http://{}/", server.admin());
    for field in [&url, "workers=2", "backend=epoll", "reuse=never", &admin] {
        assert!(
            line.split(' ').any(|word| word == field),
            "no `{field}` in `{line}`"
        );
    }
    assert_eq!(server.log_lines("listening").len(), 1);
}

#[test]
fn the_start_line_of_a_plain_handler_has_a_tcp_url() {
    let server = TestServer::start("line-echo", &[]);
    let url = format!("url=tcp://{}", server.addr());
    assert!(
        server.start_line().contains(&url),
        "{}",
        server.start_line()
    );
}

#[test]
fn without_a_component_the_built_in_one_answers() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = TestServer::spawn(command);
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn no_command_at_all_serves() {
    for args in [&[][..], &["--"]] {
        let scratch = Scratch::new();
        scratch.write("sockeye.toml", "listen = \"127.0.0.1:0\"\n");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command.current_dir(scratch.path()).args(args);
        let server = TestServer::spawn(command);
        assert_eq!(server.connect().get("/").status, 200);
        server.stop();
    }
}

#[test]
fn every_address_given_is_served() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "127.0.0.1:0",
    ]);
    let server = TestServer::spawn(command);
    let line = server.start_line();
    let urls: Vec<&str> = log_field(line, "url").unwrap().split(',').collect();
    assert_eq!(urls.len(), 2, "{line}");
    for url in urls {
        let addr = url.strip_prefix("http://").unwrap().trim_end_matches('/');
        assert_eq!(
            Client::connect(addr.parse().unwrap()).get("/").status,
            200,
            "{url}"
        );
    }
}

#[test]
fn an_ipv6_address_is_served() {
    if TcpListener::bind("[::1]:0").is_err() {
        return tool::skip("this machine has no IPv6");
    }
    let server = TestServer::start("calls", &["--listen", "[::1]:0"]);
    let mut session = Session::start(&server);
    let peer = session.client.addr().to_string();
    assert_eq!(session.call("peer").field("addr"), peer);
    assert_eq!(
        session.call("local").field("addr"),
        server.addr().to_string()
    );
}

#[test]
fn the_version_is_printed() {
    let output = run_to_end(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    let version = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        version.trim_end(),
        format!("sockeye {}", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn sockeye_wit_prints_the_whole_package() {
    let output = run_to_end(&["wit"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.matches("package sockeye:net@0.1.0;").count(), 1);
    for entry in fs::read_dir(workspace_dir().join("wit")).unwrap() {
        let path = entry.unwrap().path();
        for line in fs::read_to_string(&path).unwrap().lines() {
            assert!(
                printed.contains(line),
                "{}: `{line}` is not printed",
                path.display()
            );
        }
    }
}

#[test]
fn a_component_cache_makes_no_difference_but_time() {
    let scratch = Scratch::new();
    let cache = scratch.path().join("cache");
    let flags = ["--cache-dir", cache.to_str().unwrap()];
    for _ in 0..2 {
        let server = TestServer::start("hello", &flags);
        assert_eq!(server.connect().get("/").status, 200);
    }
    assert!(fs::read_dir(&cache).unwrap().count() > 0);
}
