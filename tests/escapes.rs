//! Paths that lead out of the granted directory, or to what is no regular file.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::client::get;
use crate::gauges::LIVE;
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::session::Session;

/// What lies outside the granted directory and must never be answered.
const SECRET: &str = "the secret outside";

/// Makes a directory with a secret beside the one that is granted, which is returned as text.
fn root_with_traps(scratch: &Scratch) -> String {
    let secret = scratch.write("secret.txt", SECRET);
    scratch.write("root-of-another/secret.txt", SECRET);
    scratch.write("root/page.txt", "a page\n");
    scratch.write("root/sub/inner.txt", "an inner page\n");
    let root = scratch.path().join("root");
    symlink("../secret.txt", root.join("link-out")).unwrap();
    symlink(&secret, root.join("link-absolute")).unwrap();
    symlink("..", root.join("directory-out")).unwrap();
    symlink("/", root.join("directory-root")).unwrap();
    symlink("link-out", root.join("link-to-link-out")).unwrap();
    symlink("link-loop", root.join("link-loop")).unwrap();
    symlink("/proc/self/environ", root.join("link-proc")).unwrap();
    symlink("/dev/zero", root.join("link-device")).unwrap();
    symlink("page.txt", root.join("link-inside")).unwrap();
    symlink("../page.txt", root.join("sub/link-up-inside")).unwrap();
    symlink("sub", root.join("directory-inside")).unwrap();
    mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    drop(UnixListener::bind(root.join("socket")).unwrap());
    root.to_str().unwrap().to_owned()
}

/// Paths that lead, or seem to lead, outside.
const ESCAPES: [&str; 38] = [
    "/../secret.txt",
    "/../../secret.txt",
    "/sub/../../secret.txt",
    "/./../secret.txt",
    "/sub/./../../secret.txt",
    "/directory-inside/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2E%2E/secret.txt",
    "/.%2e/secret.txt",
    "/%2e./secret.txt",
    "/..%2fsecret.txt",
    "/..%2Fsecret.txt",
    "/%2e%2e%2fsecret.txt",
    "/sub%2f..%2f..%2fsecret.txt",
    "/%252e%252e/secret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/..%c0%afsecret.txt",
    "/..%00/secret.txt",
    "/../root-of-another/secret.txt",
    "//etc/passwd",
    "/%2fetc/passwd",
    "/%2Fetc%2Fpasswd",
    "///etc/passwd",
    "/../../../../../../../../etc/passwd",
    "/link-out",
    "/link-absolute",
    "/link-to-link-out",
    "/link-proc",
    "/link-loop",
    "/directory-out/secret.txt",
    "/directory-out/root/../secret.txt",
    "/directory-root/etc/passwd",
    "/page.txt%00.html",
    "/page.txt/",
    "/sub/../page.txt/../../secret.txt",
];

#[test]
fn no_path_leads_out_of_the_root() {
    let scratch = Scratch::new();
    let root = root_with_traps(&scratch);
    let flags = ["--root", &root];
    check_escapes(&TestServer::start("file", &flags));
    check_escapes(&TestServer::start_built_in(&flags));
    check_escapes(&TestServer::start_built_in(
        &[&flags[..], &["--list"]].concat(),
    ));
}

#[track_caller]
fn check_escapes(server: &TestServer) {
    for path in ESCAPES {
        let response = server.connect().get(path);
        assert!(
            (400..500).contains(&response.status),
            "{path}: {response:?}"
        );
        let body = String::from_utf8_lossy(&response.body).into_owned();
        assert!(
            !body.contains(SECRET) && !body.contains("root:"),
            "{path}: {body}"
        );
    }
}

#[test]
fn an_absolute_path_to_a_file_inside_the_root_is_refused_as_well() {
    let scratch = Scratch::new();
    let root = root_with_traps(&scratch);
    let server = TestServer::start("file", &["--root", &root]);
    let response = server.connect().get(&format!("/%2f{root}/page.txt"));
    assert!((400..500).contains(&response.status), "{response:?}");
}

#[test]
fn a_raw_nul_in_the_target_is_refused() {
    let scratch = Scratch::new();
    let root = root_with_traps(&scratch);
    let server = TestServer::start("file", &["--root", &root]);
    let mut client = server.connect();
    client.send(get("/page.txt\0.html"));
    assert_eq!(client.response().status, 400);
}

#[test]
fn links_and_dots_that_stay_inside_the_root_are_followed() {
    let scratch = Scratch::new();
    let root = root_with_traps(&scratch);
    let server = TestServer::start("file", &["--root", &root]);
    for path in [
        "/page.txt",
        "/link-inside",
        "/sub/link-up-inside",
        "/sub/../page.txt",
        "/./page.txt",
    ] {
        assert_eq!(server.connect().get(path).text(), "a page\n", "{path}");
    }
    for path in ["/sub/inner.txt", "/directory-inside/inner.txt"] {
        assert_eq!(
            server.connect().get(path).text(),
            "an inner page\n",
            "{path}"
        );
    }
}

#[test]
fn a_fifo_a_socket_or_a_directory_is_no_file_and_hangs_nobody() {
    let scratch = Scratch::new();
    let root = root_with_traps(&scratch);
    let server = TestServer::start("file", &["--root", &root]);
    for path in [
        "/fifo",
        "/socket",
        "/sub",
        "/sub/",
        "/",
        "/directory-inside",
    ] {
        let status = server.connect().get(path).status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
    server.wait_for_metric(LIVE, 0);
}

#[test]
fn a_device_beneath_the_root_is_no_file() {
    let server = TestServer::start("file", &["--root", "/dev"]);
    for path in [
        "/zero",
        "/null",
        "/random",
        "/tty",
        "/ptmx",
        "/fd/0",
        "/stdin",
        "/../dev/zero",
    ] {
        let status = server.connect().get(path).status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
}

#[test]
fn the_errors_of_open_have_the_names_of_the_contract() {
    let scratch = Scratch::new();
    let root = root_with_traps(&scratch);
    let server = TestServer::start("calls", &["--root", &root]);
    let mut session = Session::start(&server);
    let long = format!("open {}", "x".repeat(300));
    for (command, code) in [
        ("open missing.txt", "not-found"),
        ("open page.txt/below", "not-found"),
        ("open sub", "is-directory"),
        ("open .", "is-directory"),
        ("open fifo", "not-regular-file"),
        ("open socket", "not-regular-file"),
        ("open ''", "invalid-argument"),
        ("open page.txt\\0.html", "invalid-argument"),
        ("open ../secret.txt", "access-denied"),
        ("open /etc/passwd", "access-denied"),
        ("open link-out", "access-denied"),
        ("open link-absolute", "access-denied"),
        (&long, "name-too-long"),
    ] {
        let outcome = session.call(command);
        assert_eq!(outcome.field("error"), code, "{command}");
    }
    session.call("open page.txt").expect_ok();
}

#[test]
fn without_a_root_every_open_is_denied() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    for path in ["page.txt", "/etc/passwd", "../etc/passwd", "."] {
        session
            .call(&format!("open {path}"))
            .expect_error("access-denied");
    }
}
