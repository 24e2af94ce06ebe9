//! `sockeye.toml`: every flag in a file, and several handlers.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::client::{Client, get};
use crate::commands::serve_flags;
use crate::scratch::{Scratch, component};
use crate::server::{TestServer, log_field, run_to_end};
use crate::{machine, wait};

/// Starts a server in `dir`, where a configuration file may be.
#[track_caller]
fn start_in(dir: &Path, args: &[&str]) -> TestServer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.current_dir(dir).arg("serve").args(args);
    TestServer::spawn(command)
}

/// Checks that a file with `text` is refused, and what is said of it.
#[track_caller]
fn check_refused(text: &str, args: &[&str], message: &[&str]) {
    let scratch = Scratch::new();
    let path = scratch.write("some.toml", text);
    let path = path.to_str().unwrap();
    let output = run_to_end(&[&["serve", "--config", path], args].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}: {stderr}");
    for part in [&[path, "error: "], message].concat() {
        assert!(stderr.contains(part), "{text}: no `{part}` in: {stderr}");
    }
}

fn text_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    let addr = rest.trim_end_matches('/').parse().unwrap();
    Client::connect(addr).get("/").text().to_owned()
}

#[test]
fn a_file_in_the_current_directory_is_read() {
    let scratch = Scratch::new();
    let text = format!(
        "component = {:?}\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\nworkers = 1\n\
         reuse = \"always\"\nlinger = \"0ms\"\n",
        component("count"),
    );
    scratch.write("sockeye.toml", text);
    let server = start_in(scratch.path(), &[]);
    assert_eq!(log_field(server.start_line(), "reuse"), Some("always"));
    let urls = log_field(server.start_line(), "url").unwrap();
    let texts: Vec<String> = urls.split(',').map(text_of).collect();
    assert_eq!(texts, ["1\n", "2\n"]);
    assert_eq!(server.log_lines("reading the configuration").len(), 1);
}

#[test]
fn what_is_typed_takes_precedence() {
    let scratch = Scratch::new();
    let text = "component = \"missing.wasm\"\nlisten = \"192.0.2.1:0\"\nreuse = \"never\"\n";
    scratch.write("sockeye.toml", text);
    let hello = component("hello");
    let args = ["--listen", "127.0.0.1:0", hello.to_str().unwrap()];
    let server = start_in(scratch.path(), &args);
    assert_eq!(server.connect().get("/").text(), "Hello, World!");
    assert_eq!(log_field(server.start_line(), "reuse"), Some("never"));
}

#[test]
fn paths_are_relative_to_the_file() {
    let scratch = Scratch::new();
    scratch.write("site/public/page.txt", "a page\n");
    std::fs::copy(component("file"), scratch.path().join("site/handler.wasm")).unwrap();
    let text = "component = \"handler.wasm\"\nroot = \"public\"\nlisten = \"127.0.0.1:0\"\n";
    let path = scratch.write("site/site.toml", text);
    let server = start_in(Path::new("/"), &["--config", path.to_str().unwrap()]);
    assert_eq!(server.connect().get("/page.txt").text(), "a page\n");
}

#[test]
fn several_services_have_handlers_and_flags_of_their_own() {
    let scratch = Scratch::new();
    scratch.write("page.txt", "a page\n");
    let text = format!(
        "workers = 2\nmax-instances = 8\n\n\
         [[service]]\ncomponent = {:?}\nlisten = \"127.0.0.1:0\"\nreuse = \"always\"\n\n\
         [[service]]\ncomponent = {:?}\nlisten = \"127.0.0.1:0\"\nroot = \".\"\n\n\
         [[service]]\ncomponent = {:?}\nlisten = \"127.0.0.1:0\"\n",
        component("hello"),
        component("file"),
        component("line-echo"),
    );
    scratch.write("sockeye.toml", text);
    let server = start_in(scratch.path(), &[]);
    let line = |name: &str| server.wait_for_log(&format!("{name}.wasm"));
    let addr = |name: &str| {
        let line = line(name);
        let url = log_field(&line, "url").unwrap().to_owned();
        url.split_once("://")
            .unwrap()
            .1
            .trim_end_matches('/')
            .parse()
            .unwrap()
    };
    assert!(line("hello").contains("reuse=always") && line("file").contains("reuse=connection"));
    let (hello, file, echo) = (addr("hello"), addr("file"), addr("line-echo"));
    // Instances of one are never given connections of another, however often places change hands.
    for _ in 0..50 {
        assert_eq!(Client::connect(hello).get("/").text(), "Hello, World!");
        assert_eq!(Client::connect(file).get("/page.txt").text(), "a page\n");
        let mut client = Client::connect(echo);
        client.send("a line\n");
        assert_eq!(client.line(), "a line");
    }
    assert_eq!(server.log_lines("activation ended"), Vec::<String>::new());
}

#[test]
fn a_flood_at_one_service_keeps_nobody_out_of_another() {
    const FLOOD: usize = 300;
    let scratch = Scratch::new();
    let service = format!(
        "[[service]]\ncomponent = {:?}\nlisten = \"127.0.0.1:0\"\n",
        component("hello"),
    );
    let text = format!("workers = 1\naccess-log = \"log\"\n{service}{service}");
    scratch.write("sockeye.toml", text);
    let server = start_in(scratch.path(), &[]);
    let lines = wait::until_some("both services are named", || {
        Some(server.log_lines("listening url=")).filter(|lines| lines.len() == 2)
    });
    let addrs = lines.iter().map(|line| {
        let url = log_field(line, "url").unwrap().trim_end_matches('/');
        url.strip_prefix("http://").unwrap().parse().unwrap()
    });
    let addrs: Vec<SocketAddr> = addrs.collect();
    // The flood is there first, and all of it is when the worker looks.
    server.freeze();
    let mut flood: Vec<Client> = (0..FLOOD).map(|_| Client::connect(addrs[0])).collect();
    flood
        .iter_mut()
        .for_each(|client| client.send(get("/flood")));
    let mut other = Client::connect(addrs[1]);
    other.send(get("/other"));
    server.thaw();
    assert_eq!(other.response().status, 200);
    for client in &mut flood {
        assert_eq!(client.response().status, 200);
    }
    drop((flood, other));
    server.stop();
    // One worker notes the requests in the order in which it has served them.
    let log = std::fs::read_to_string(scratch.path().join("log")).unwrap();
    let place = log.lines().position(|line| line.contains("/other"));
    assert!(place.is_some_and(|place| place < FLOOD / 2), "{place:?}");
}

#[test]
fn a_flag_of_one_handler_is_refused_where_there_are_several() {
    let one = "[[service]]\nlisten = \"127.0.0.1:0\"\n";
    check_refused(
        one,
        &["--listen", "127.0.0.1:0"],
        &["--listen", "[[service]]"],
    );
    check_refused(
        &format!("root = \".\"\n{one}"),
        &[],
        &["`root`", "line 1", "[[service]]"],
    );
    check_refused(&format!("{one}[[service]]\n"), &[], &["has no `listen`"]);
    check_refused(
        &format!("{one}workers = 2\n"),
        &[],
        &["`workers`", "line 3"],
    );
}

#[test]
fn an_unknown_key_is_refused_with_what_was_probably_meant() {
    check_refused(
        "lingre = \"1s\"\n",
        &[],
        &["`lingre`", "line 1", "did you mean `linger`?"],
    );
    check_refused(
        "\nmax_instances = 3\n",
        &[],
        &["line 2", "did you mean `max-instances`?"],
    );
    check_refused("xyzzy = 1\n", &[], &["`xyzzy`", "without its dashes"]);
    check_refused("config = \"other.toml\"\n", &[], &["`config`"]);
    check_refused("[limits]\nlinger = \"1s\"\n", &[], &["`limits`"]);
}

#[test]
fn a_value_that_a_flag_cannot_have_is_refused_with_its_line() {
    check_refused(
        "workers = 1\nlinger = \"5 parsecs\"\n",
        &[],
        &["`linger`", "line 2", "parsecs"],
    );
    check_refused("workers = 0\n", &[], &["`workers`", "line 1", "at least 1"]);
    check_refused("workers = [1, 2]\n", &[], &["`workers`", "one value"]);
    check_refused("workers = 1.5\n", &[], &["`workers`", "whole number"]);
    check_refused("reuse = \"sometimes\"\n", &[], &["`reuse`", "sometimes"]);
    check_refused("spa = \"yes\"\n", &[], &["`spa`", "`true` or `false`"]);
    check_refused("listen = true\n", &[], &["`listen`"]);
    check_refused("listen = []\n", &[], &["`listen`", "empty"]);
    check_refused("root = \"\"\n", &[], &["`root`", "empty"]);
    check_refused(
        "[service]\nroot = \".\"\n",
        &[],
        &["`service`", "`[[service]]`"],
    );
    check_refused("workers = 0x0\n", &[], &["`workers`", "`0`"]);
}

#[test]
fn a_file_that_nobody_asked_for_cannot_have_native_code_run() {
    for setting in ["allow-precompiled = true", "cache-dir = \"cache\""] {
        let scratch = Scratch::new();
        scratch.write(
            "sockeye.toml",
            format!("{setting}\nlisten = \"127.0.0.1:0\"\n"),
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        let output = command.current_dir(scratch.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("named with `--config`"), "{stderr}");
        // Named, it is the operator's word.
        let named = ["--config", "sockeye.toml"];
        TestServer::stop(start_in(scratch.path(), &named));
    }
}

#[test]
fn a_file_that_nobody_asked_for_cannot_lead_out_of_its_directory() {
    let scratch = Scratch::new();
    let outside = scratch.write("outside/profile", "before\n");
    for text in [
        "root = \"..\"",
        "root = \"/\"",
        "root = \"link\"",
        "access-log = \"../outside/profile\"",
        "access-log = \"link/profile\"",
        "access-log = \"link/new\"",
        "access-log = \"new\"",
        "access-log = \"/tmp/sockeye-of-a-stranger\"",
        "[[service]]\nroot = \"link\"",
    ] {
        let packed = Scratch::new();
        symlink(scratch.path().join("outside"), packed.path().join("link")).unwrap();
        symlink(scratch.path().join("not-yet"), packed.path().join("new")).unwrap();
        packed.write(
            "sockeye.toml",
            format!("{text}\nlisten = \"127.0.0.1:0\"\n"),
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        let output = command.current_dir(packed.path()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}: {stderr}");
        assert!(stderr.contains("named with `--config`"), "{text}: {stderr}");
    }
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "before\n");
    // Named, it is the operator's word; and what stays inside needs no name.
    scratch.write("sockeye.toml", "root = \"..\"\nlisten = \"127.0.0.1:0\"\n");
    TestServer::stop(start_in(scratch.path(), &["--config", "sockeye.toml"]));
    let text = "root = \"outside\"\naccess-log = \"log\"\nlisten = \"127.0.0.1:0\"\n";
    scratch.write("sockeye.toml", text);
    TestServer::stop(start_in(scratch.path(), &[]));
}

#[test]
fn a_component_in_a_file_is_never_taken_for_a_flag() {
    check_refused(
        "component = \"--help\"\n",
        &["--listen", "127.0.0.1:0"],
        &["--help`"],
    );
}

#[test]
fn a_file_that_is_no_toml_is_refused() {
    check_refused("workers = \n", &[], &["not valid TOML", "line 1"]);
    check_refused(
        "workers = 1\nworkers = 2\n",
        &[],
        &["not valid TOML", "line 2"],
    );
}

#[test]
fn a_file_that_was_asked_for_and_is_missing_is_an_error() {
    let output = run_to_end(&["serve", "--config", "/nowhere/some.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("`/nowhere/some.toml`"), "{stderr}");
}

#[test]
fn every_flag_is_a_key() {
    for name in serve_flags()
        .iter()
        .filter(|name| !["help", "config"].contains(&name.as_str()))
    {
        let scratch = Scratch::new();
        let path = scratch.write("some.toml", format!("{name} = \"?\"\nno-such-key = 1\n"));
        let output = run_to_end(&["serve", "--config", path.to_str().unwrap()]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        // Either the value is wrong, or it is right and the next line is.
        let known =
            stderr.contains(&format!("wrong setting `{name}`")) && !stderr.contains("no such key");
        let next = stderr.contains("wrong setting `no-such-key`");
        assert!(known || next, "{name}: {stderr}");
    }
}

/// Returns what `sockeye serve` with `args` prints as its configuration in `dir`.
#[track_caller]
fn printed_in(dir: &Path, args: &[&str]) -> String {
    machine::share();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(["serve", "--print-config"]).args(args);
    command.env_remove("SOCKEYE_CACHE_DIR").current_dir(dir);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the same where the current directory plays no part.
#[track_caller]
fn printed(args: &[&str]) -> String {
    let output = run_to_end(&[&["serve", "--print-config"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Checks that what is printed has each of these lines.
#[track_caller]
fn check_lines(text: &str, lines: &[&str]) {
    for line in lines {
        let found = text.lines().any(|other| other == *line);
        assert!(found, "no `{line}`:\n{text}");
    }
}

#[test]
fn the_settings_that_hold_are_printed_as_a_file_that_sets_them() {
    let scratch = Scratch::new();
    let hello = component("hello");
    let args = [
        hello.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--head-limit",
        "5000",
        "--cpu-limit",
        "3s",
    ];
    let text = printed(&args);
    let lines = [
        "listen = [\"127.0.0.1:0\"]",
        "activate-on = \"head\"",
        "head-limit = 5000",
        "cpu-limit = \"3s\"",
        "idle-timeout = \"60s\"",
        "max-instances = 4096",
        "recv-until-limit = \"1MiB\"",
        "# Limits of handlers",
        "# root is not set",
    ];
    check_lines(&text, &lines);
    let missing = serve_flags()
        .into_iter()
        .filter(|flag| !["help", "config", "print-config"].contains(&flag.as_str()))
        .filter(|flag| !text.contains(&format!("{flag} ")));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<String>::new(), "{text}");
    let path = scratch.write("printed.toml", &text);
    assert_eq!(printed(&["--config", path.to_str().unwrap()]), text);
}

#[test]
fn what_the_server_decides_is_printed_and_not_what_was_typed() {
    let scratch = Scratch::new();
    let typed = ["--workers", "8", "--max-instances", "2"];
    let typed = [&typed[..], &["--head-limit", "2MiB"]].concat();
    let component = component("line-echo");
    let text = printed(&[&typed[..], &[component.to_str().unwrap()]].concat());
    let lines = [
        "workers = 2",
        "max-instances = 2",
        "head-limit = \"2MiB\"",
        "recv-until-limit = \"2MiB\"",
        "listen = [\"127.0.0.1:8080\"]",
        "activate-on = \"accept\"",
    ];
    check_lines(&text, &lines);
    let path = scratch.write("printed.toml", &text);
    assert_eq!(printed(&["--config", path.to_str().unwrap()]), text);
    // One server with these settings says how many workers it has.
    let args = ["--config", path.to_str().unwrap(), "--listen"];
    let server = start_in(scratch.path(), &[&args[..], &["127.0.0.1:0"]].concat());
    assert_eq!(log_field(server.start_line(), "workers"), Some("2"));
}

#[test]
fn what_is_printed_into_the_usual_file_is_served() {
    let scratch = Scratch::new();
    scratch.write("007/page.txt", "a page\n");
    let args = ["--listen", "127.0.0.1:0", "--access-log", "log"];
    let text = printed_in(scratch.path(), &[&args[..], &["--root", "007"]].concat());
    check_lines(&text, &["allow-precompiled = false"]);
    scratch.write("sockeye.toml", &text);
    let server = start_in(scratch.path(), &[]);
    assert_eq!(server.connect().get("/page.txt").text(), "a page\n");
    assert_eq!(printed_in(scratch.path(), &[]), text);
}

#[test]
fn printed_paths_mean_the_same_in_a_file_elsewhere() {
    let (scratch, elsewhere) = (Scratch::new(), Scratch::new());
    scratch.write("7/page.txt", "a page\n");
    std::fs::copy(component("file"), scratch.path().join("handler.wasm")).unwrap();
    let args = ["handler.wasm", "--root", "7", "--access-log", "-"];
    let args = [&args[..], &["--cache-dir", "cache"]].concat();
    let text = printed_in(
        scratch.path(),
        &[&args[..], &["--listen", "127.0.0.1:0"]].concat(),
    );
    check_lines(&text, &["access-log = \"-\""]);
    let path = elsewhere.write("printed.toml", &text);
    let named = ["--config", path.to_str().unwrap()];
    assert_eq!(printed_in(Path::new("/"), &named), text);
    let server = start_in(Path::new("/"), &named);
    assert_eq!(server.connect().get("/page.txt").text(), "a page\n");
}

#[test]
fn a_usual_file_may_name_the_cache_that_holds_without_it() {
    let (scratch, home) = (Scratch::new(), Scratch::new());
    let serve = |env: &[(&str, &str)]| {
        machine::share();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command.args(["serve", "--print-config"]);
        command.env_remove("SOCKEYE_CACHE_DIR");
        command.env("XDG_CACHE_HOME", home.path());
        command.envs(env.iter().copied());
        let output = command.current_dir(scratch.path()).output().unwrap();
        output.status.code()
    };
    let usual = home.path().join("sockeye");
    let other = home.path().join("other");
    let write = |dir: &Path| {
        let text = format!("cache-dir = {dir:?}\nlisten = \"127.0.0.1:0\"\n");
        scratch.write("sockeye.toml", text);
    };
    write(&usual);
    assert_eq!(serve(&[]), Some(0));
    write(&other);
    assert_eq!(serve(&[]), Some(1));
    // What the operator says elsewhere is what holds.
    let typed = home.path().join("typed");
    let env = [("SOCKEYE_CACHE_DIR", typed.to_str().unwrap())];
    assert_eq!(serve(&env), Some(0));
    assert!(!other.exists());
}

#[test]
fn the_settings_of_several_handlers_are_printed_in_tables() {
    let scratch = Scratch::new();
    let text = "linger = \"5ms\"\n\
                [[service]]\nlisten = \"127.0.0.1:0\"\nroot = \".\"\nlist = true\n\
                [[service]]\nlisten = \"127.0.0.1:0\"\nreuse = \"always\"\n";
    let path = scratch.write("two.toml", text);
    let first = printed(&["--config", path.to_str().unwrap()]);
    let tables: Vec<&str> = first.split("\n[[service]]\n").collect();
    assert_eq!(tables.len(), 3, "{first}");
    assert!(tables[0].contains("linger = \"5ms\"") && !tables[0].contains("\nreuse"));
    assert!(tables[1].contains("list = true") && tables[1].contains("reuse = \"connection\""));
    assert!(tables[2].contains("list = false") && tables[2].contains("reuse = \"always\""));
    let path = scratch.write("printed.toml", &first);
    assert_eq!(printed(&["--config", path.to_str().unwrap()]), first);
}

#[test]
fn a_configuration_that_cannot_be_served_is_not_printed() {
    let output = run_to_end(&["serve", "--print-config", "missing.wasm"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("`missing.wasm`"), "{stderr}");
}
