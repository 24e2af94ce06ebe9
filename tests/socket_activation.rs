//! Sockets that a service manager hands over, as systemd does for a socket unit.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Output};

use command_fds::{CommandFdExt, FdMapping};

use crate::client::{Client, get};
use crate::scratch::{Scratch, component};
use crate::server::{TestServer, log_field};

/// A command that serves `hello` and is handed `sockets` with their names.
fn activated(sockets: Vec<(&str, OwnedFd)>, flags: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "export LISTEN_PID=${LISTEN_PID-$$}; exec \"$@\"",
        "sh",
    ]);
    command.arg(env!("CARGO_BIN_EXE_sockeye"));
    command.arg("serve").arg(component("hello")).args(flags);
    let names: Vec<&str> = sockets.iter().map(|(name, _)| *name).collect();
    command.env("LISTEN_FDS", sockets.len().to_string());
    command.env("LISTEN_FDNAMES", names.join(":"));
    let mappings = sockets.into_iter().zip(3..);
    let mappings = mappings.map(|((_, parent_fd), child_fd)| FdMapping {
        parent_fd,
        child_fd,
    });
    command.fd_mappings(mappings.collect()).unwrap();
    command
}

fn listen(addr: &str) -> (SocketAddr, OwnedFd) {
    let listener = TcpListener::bind(addr).unwrap();
    (listener.local_addr().unwrap(), listener.into())
}

fn hello(addr: SocketAddr) {
    assert_eq!(Client::connect(addr).get("/").text(), "Hello, World!");
}

/// Checks how the server refuses to start.
#[track_caller]
fn check_refused(mut command: Command, message: &[&str]) {
    let Output { status, stderr, .. } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    for part in [&["error: ", "hint: "], message].concat() {
        assert!(stderr.contains(part), "no `{part}` in: {stderr}");
    }
}

#[test]
fn who_connects_before_the_server_starts_is_served() {
    let (addr, socket) = listen("127.0.0.1:0");
    let own = socket2::Socket::from(socket.try_clone().unwrap());
    let mut early: Vec<Client> = (0..10).map(|_| Client::connect(addr)).collect();
    early.iter_mut().for_each(|client| client.send(get("/")));
    let server = TestServer::spawn(activated(vec![("web.socket", socket)], &["--workers", "2"]));
    assert_eq!(server.addr(), addr);
    for client in &mut early {
        assert_eq!(client.response().text(), "Hello, World!");
    }
    // What every accepted socket inherits is set as on sockets of the server's own.
    assert!(own.tcp_nodelay().unwrap() && own.keepalive().unwrap());
    assert!(own.nonblocking().unwrap());
    // Two workers share the socket, and whoever is ready takes the next connection.
    (0..50).for_each(|_| hello(addr));
    drop(early);
    server.stop();
}

#[test]
fn every_socket_is_served_by_one_worker_too() {
    let sockets = ["127.0.0.1:0", "127.0.0.1:0", "127.0.0.2:0"].map(listen);
    let addrs = [0, 1, 2].map(|index: usize| sockets[index].0);
    let sockets = sockets.into_iter().map(|(_, socket)| ("web", socket));
    let server = TestServer::spawn(activated(sockets.collect(), &["--workers", "1"]));
    let urls = addrs.map(|addr| format!("http://{addr}/")).join(",");
    assert_eq!(log_field(server.start_line(), "url").unwrap(), urls);
    addrs.into_iter().for_each(hello);
    server.stop();
}

#[test]
fn a_socket_is_used_for_its_address_and_others_are_bound() {
    let (addr, socket) = listen("127.0.0.1:0");
    let listen = addr.to_string();
    let flags = ["--listen", "127.0.0.1:0", "--listen", &listen];
    let server = TestServer::spawn(activated(vec![("", socket)], &flags));
    let urls: Vec<&str> = log_field(server.start_line(), "url")
        .unwrap()
        .split(',')
        .collect();
    assert_eq!(urls.len(), 2);
    assert_eq!(urls[1], format!("http://{addr}/"));
    // Port 0 picked another one: the socket is for who names its port.
    assert_ne!(server.addr(), addr);
    hello(addr);
    hello(server.addr());
}

#[test]
fn where_it_would_listen_is_printed_with_the_settings() {
    let sockets = [
        ("web", listen("127.0.0.1:0")),
        ("admin", listen("127.0.0.1:0")),
    ];
    let addr = sockets[0].1.0;
    let sockets = sockets
        .into_iter()
        .map(|(name, (_, socket))| (name, socket));
    let flags = ["--admin", "127.0.0.1:0", "--print-config"];
    let output = activated(sockets.collect(), &flags).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = format!("listen = [\"{addr}\"]");
    assert!(
        text.lines().any(|other| other == line),
        "no `{line}`: {text}"
    );
}

#[test]
fn port_0_takes_a_socket_that_nobody_names() {
    let (addr, socket) = listen("127.0.0.1:0");
    let flags = ["--listen", "127.0.0.1:0"];
    let server = TestServer::spawn(activated(vec![("web", socket)], &flags));
    assert_eq!(server.addr(), addr);
    hello(addr);
}

#[test]
fn the_operators_socket_is_told_by_its_name_or_its_address() {
    for name in ["admin", "other"] {
        let (addr, socket) = listen("127.0.0.1:0");
        let (admin, admin_socket) = listen("127.0.0.1:0");
        let wanted = match name {
            "admin" => "127.0.0.1:0".to_owned(),
            _ => admin.to_string(),
        };
        let sockets = vec![(name, admin_socket), ("web", socket)];
        let server = TestServer::spawn(activated(sockets, &["--admin", &wanted]));
        assert_eq!((server.addr(), server.admin()), (addr, admin));
        hello(addr);
        assert_eq!(Client::connect(admin).get("/readyz").text(), "ready\n");
    }
}

#[test]
fn a_socket_that_nothing_is_configured_for_is_refused() {
    let (addr, socket) = listen("127.0.0.1:0");
    let command = activated(vec![("web", socket)], &["--listen", "127.0.0.2:0"]);
    let message = [
        "descriptor 3 (`web`)",
        &format!("`{addr}`"),
        &format!("`--listen {addr}`"),
    ];
    check_refused(command, &message);
    let (addr, socket) = listen("127.0.0.1:0");
    let command = activated(vec![("admin", socket)], &["--listen", "127.0.0.1:0"]);
    check_refused(command, &["`admin`", &format!("`--admin {addr}`")]);
}

#[test]
fn what_is_no_listening_socket_is_refused() {
    let scratch = Scratch::new();
    let file = std::fs::File::create(scratch.path().join("file")).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (_, socket) = listen("127.0.0.1:0");
    let connected = Client::connect(
        TcpListener::from(socket.try_clone().unwrap())
            .local_addr()
            .unwrap(),
    );
    let unix = std::os::unix::net::UnixListener::bind(scratch.path().join("socket")).unwrap();
    drop(connected);
    for wrong in [OwnedFd::from(file), udp.into(), unix.into()] {
        let sockets = vec![("right", socket.try_clone().unwrap()), ("wrong", wrong)];
        let message = [
            "descriptor 4 (`wrong`)",
            "no listening TCP socket",
            "ListenStream=",
        ];
        check_refused(activated(sockets, &[]), &message);
    }
}

#[test]
fn a_number_that_is_none_and_descriptors_that_are_not_there_are_refused() {
    for number in ["-1", "many", "99999999"] {
        let mut command = activated(Vec::new(), &[]);
        command.env("LISTEN_FDS", number);
        check_refused(command, &["LISTEN_FDS", number]);
    }
    let (_, socket) = listen("127.0.0.1:0");
    let mut command = activated(vec![("a", socket)], &[]);
    command.env("LISTEN_FDS", "2");
    check_refused(
        command,
        &["descriptor 4 (`unknown`)", "Bad file descriptor"],
    );
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let mut command = activated(Vec::new(), &["--listen", "127.0.0.1:0"]);
    command.env("LISTEN_PID", "1").env("LISTEN_FDS", "3");
    let server = TestServer::spawn(command);
    hello(server.addr());
}

#[test]
fn who_was_to_take_over_from_a_server_that_is_gone_does_not_serve() {
    let (_, socket) = listen("127.0.0.1:0");
    let mut command = activated(vec![("listen", socket)], &[]);
    command.env("SOCKEYE_PREDECESSOR", "1");
    check_refused(command, &["process 1", "SOCKEYE_PREDECESSOR"]);
}
