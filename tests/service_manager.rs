//! What the server tells a service manager, and the unit file of the README.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use rustix::process::Signal;

use crate::family::Family;
use crate::readme::blocks;
use crate::scratch::{Scratch, component};
use crate::wait::PATIENCE;

/// The socket on which a service manager listens to the services that it has started.
struct Manager {
    socket: UnixDatagram,
    scratch: Scratch,
}

impl Manager {
    fn new() -> Manager {
        let scratch = Scratch::new();
        let socket = UnixDatagram::bind(scratch.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager { socket, scratch }
    }

    /// Starts a server with a configuration file.
    #[track_caller]
    fn start(&self, args: &[&str]) -> Family {
        let hello = component("hello");
        let handler = self.scratch.path().join("handler.wasm");
        fs::copy(hello, handler).unwrap();
        let text = "component = \"handler.wasm\"\nlisten = \"127.0.0.1:0\"\nworkers = 1\n";
        let config = self.scratch.write("sockeye.toml", text);
        let config = config.to_str().unwrap();
        let args = args.iter().map(|arg| match *arg {
            "/etc/sockeye.toml" => config,
            other => other,
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command.args(args);
        command.env("NOTIFY_SOCKET", self.scratch.path().join("notify"));
        Family::start(command)
    }

    #[track_caller]
    fn told(&self) -> String {
        let mut buf = [0; 1000];
        let count = self.socket.recv(&mut buf).expect("the manager is told");
        String::from_utf8(buf[..count].to_vec()).unwrap()
    }
}

#[test]
fn the_manager_is_told_who_serves_and_who_ends() {
    let manager = Manager::new();
    let mut family = manager.start(&["serve", "--config", "/etc/sockeye.toml"]);
    assert_eq!(manager.told(), "READY=1\n");
    for _ in 0..2 {
        family.signal(Signal::USR2);
        family.wait_for_successor();
        // Nothing in between: a process that ends after it has handed over is not the service.
        assert_eq!(manager.told(), format!("MAINPID={}\n", family.serving()));
    }
    family.signal(Signal::TERM);
    assert_eq!(manager.told(), "STOPPING=1\n");
    family.stop_waiting();
}

#[test]
fn the_unit_of_the_readme_works() {
    let [unit] = &blocks("ini")[..] else {
        panic!("the README has one unit");
    };
    let value = |key: &str| {
        let mut lines = unit.lines();
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {key} in: {unit}"))
    };
    assert_eq!(value("Type"), "notify");
    let start: Vec<&str> = value("ExecStart").split(' ').collect();
    assert_eq!(start[0], "/usr/local/bin/sockeye");
    let manager = Manager::new();
    let family = manager.start(&start[1..]);
    assert_eq!(manager.told(), "READY=1\n");
    let mut reload = Command::new("sh");
    reload.args(["-c", value("ExecReload")]);
    reload.env("MAINPID", family.serving().to_string());
    assert!(reload.status().unwrap().success());
    family.first.wait_for_log("component reloaded");
    family.stop();
}
