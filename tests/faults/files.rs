//! Files and directories that change under a server: into something else while they are sent, and
//! as fast as a thread can exchange them while they are opened.
//!
//! `tests/integrity.rs` has what becomes of a file's bytes with the built-in handler, and
//! `tests/escapes.rs` the paths that lead outside while nothing moves.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use super::{LARGE_BYTES, PAGE, Scene, Site};
use crate::client::Client;
use crate::scratch::{Scratch, component};
use crate::server::TestServer;
use crate::session::Session;
use crate::{tool, wait};

/// What lies outside the granted directory and must never be answered.
const SECRET: &str = "the secret outside";

/// Returns a server of `root` for the built-in handler, and one for the example `file`.
#[track_caller]
fn servers(root: &str) -> [TestServer; 2] {
    let flags = ["--root", root];
    [
        TestServer::start_built_in(&flags),
        TestServer::start("file", &flags),
    ]
}

/// Checks that a download in which `change` befalls its file arrives whole, and that the path is
/// not answered with a file any more soon after that.
#[track_caller]
fn check_gone(server: &TestServer, site: &Site, change: impl FnOnce(&Path)) {
    let path = site.root.write("large.bin", &site.large);
    assert_eq!(server.connect().get("/large.bin").body.len(), LARGE_BYTES);
    assert_eq!(server.connect().get("/page.txt").body, PAGE);
    let mut scene = Scene::begin(server, "/page.txt", PAGE);
    let mut halted = site.halt(server);
    scene.connected += 1;
    change(&path);
    halted.finish();
    drop(halted);
    let status = wait::until_some("the change is noticed", || {
        scene.connected += 1;
        let status = server.connect().get("/large.bin").status;
        (status != 200).then_some(status)
    });
    assert!((300..500).contains(&status), "{status}");
    scene
        .before
        .open
        .retain(|name| !name.contains("/large.bin"));
    scene.end(0);
    match path.is_dir() && !path.is_symlink() {
        true => fs::remove_dir(path).unwrap(),
        false => fs::remove_file(path).unwrap(),
    }
}

#[test]
fn a_file_that_becomes_something_else_is_sent_whole_and_nobody_waits_for_what_it_is() {
    let site = Site::new();
    let outside = Scratch::new();
    let secret = outside.write("secret.txt", SECRET);
    let other = |path: &Path, make: &dyn Fn(&Path)| {
        let new = site.root.path().join("other");
        make(&new);
        fs::rename(new, path).unwrap();
    };
    for server in servers(site.root.text()) {
        check_gone(&server, &site, |path| {
            other(path, &|new| {
                mknodat(CWD, new, FileType::Fifo, Mode::RWXU, 0).unwrap();
            });
        });
        check_gone(&server, &site, |path| {
            fs::remove_file(path).unwrap();
            drop(UnixListener::bind(path).unwrap());
        });
        check_gone(&server, &site, |path| {
            other(path, &|new| symlink(&secret, new).unwrap());
        });
        check_gone(&server, &site, |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        });
        server.stop();
    }
}

/// Starts a server for which permissions count, whoever runs the tests.
#[track_caller]
fn start_without_privileges(root: &str) -> Option<TestServer> {
    let drop_all = "--bounding-set=-dac_override,-dac_read_search";
    let mut command = tool::Tool::find("setpriv")?.command();
    if rustix::process::geteuid().is_root() {
        command.arg(drop_all);
    }
    command.arg(env!("CARGO_BIN_EXE_sockeye"));
    command.arg("serve").arg(component("file"));
    command.args(["--root", root, "--workers", "1"]);
    command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    Some(TestServer::spawn(command))
}

#[test]
fn a_file_that_becomes_unreadable_is_sent_whole_and_then_refused() {
    let site = Site::new();
    let Some(server) = start_without_privileges(site.root.text()) else {
        return;
    };
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    check_gone(&server, &site, |path| {
        mode(path, 0o000);
        // A change of permissions alone is none of the file that the server has open.
        let again = site.root.write("again", &site.large);
        mode(&again, 0o000);
        fs::rename(again, path).unwrap();
    });
    server.stop();
}

#[test]
fn a_directory_that_becomes_unreadable_refuses_what_is_in_it() {
    let site = Site::new();
    let inner = site.root.write("inner/page.txt", PAGE);
    let inner = inner.parent().unwrap();
    let Some(server) = start_without_privileges(site.root.text()) else {
        return;
    };
    assert_eq!(server.connect().get("/inner/page.txt").body, PAGE);
    let scene = Scene::begin(&server, "/page.txt", PAGE);
    fs::set_permissions(inner, Permissions::from_mode(0o000)).unwrap();
    let mut asked = 0;
    wait::until("the directory is refused", || {
        asked += 1;
        server.connect().get("/inner/page.txt").status == 403
    });
    fs::set_permissions(inner, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(server.connect().get("/inner/page.txt").body, PAGE);
    let mut scene = Scene {
        connected: scene.connected + asked + 1,
        ..scene
    };
    scene.check_others();
    drop(scene);
    server.stop();
}

/// The built-in handler is in `tests/integrity.rs`.
#[test]
fn a_file_that_changes_ends_short_with_the_smallest_handler_too() {
    let site = Site::new();
    let server = TestServer::start("file", &["--root", site.root.text()]);
    let path = site.root.path().join("large.bin");
    let open = || File::options().write(true).open(&path).unwrap();
    let changes: [(&str, &dyn Fn()); 3] = [
        ("emptied", &|| open().set_len(0).unwrap()),
        ("cut", &|| open().set_len(LARGE_BYTES as u64 - 5).unwrap()),
        ("grown", &|| {
            let end = LARGE_BYTES as u64;
            open().write_all_at(b"more", end).unwrap();
        }),
    ];
    for (name, change) in changes {
        fs::write(&path, &site.large).unwrap();
        // Long ago, so that a change is one in whatever steps the file system's clock goes.
        open()
            .set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        let mut halted = site.halt(&server);
        change();
        let received = halted.client.rest();
        assert!(received.len() < LARGE_BYTES, "{name}: it seems whole");
        assert!(received == site.large[..received.len()], "{name}: changed");
        assert_eq!(server.connect().get("/page.txt").body, PAGE);
    }
    server.stop();
}

/// Exchanges two entries of directories as fast as it can, until `work` is done.
fn exchanging(one: &Path, other: &Path, work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        // The thread ends too where the work panics.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Files in a directory: more than a server keeps open, so that each request opens one.
const FILES: usize = 200;

/// Takes more than a second: thousands of requests.
#[test]
fn a_directory_exchanged_with_a_link_to_the_outside_never_leads_there() {
    const REQUESTS: usize = 1500;
    let scratch = Scratch::new();
    for number in 0..FILES {
        scratch.write(&format!("root/inside/{number}"), format!("inside {number}"));
        scratch.write(&format!("outside/{number}"), SECRET);
    }
    let root = scratch.path().join("root");
    for target in [
        "../outside",
        scratch.path().join("outside").to_str().unwrap(),
    ] {
        let link = root.join("link");
        symlink(target, &link).unwrap();
        for server in servers(root.to_str().unwrap()) {
            let (mut served, mut refused) = (0, 0);
            exchanging(&root.join("inside"), &link, || {
                let mut client = server.connect();
                let limit = Instant::now() + wait::PATIENCE;
                for (count, number) in (0..FILES).cycle().enumerate() {
                    let both = served > 0 && refused > 0;
                    if count >= REQUESTS && (both || Instant::now() > limit) {
                        break;
                    }
                    let response = client.get(&format!("/inside/{number}"));
                    match response.status {
                        200 => {
                            assert_eq!(response.text(), format!("inside {number}"));
                            served += 1;
                        }
                        403 | 404 => refused += 1,
                        status => panic!("{status}: {response:?}"),
                    }
                    assert!(!String::from_utf8_lossy(&response.body).contains(SECRET));
                }
            });
            assert!(served > 0 && refused > 0, "{served} and {refused}");
            server.stop();
        }
        // An exchange may have ended either way.
        let inside = root.join("inside");
        if inside.is_symlink() {
            renameat_with(CWD, &inside, CWD, &link, RenameFlags::EXCHANGE).unwrap();
        }
        fs::remove_file(link).unwrap();
    }
}

/// What is moved out of the root while a path goes through it has other parents there.
#[test]
fn a_directory_moved_outside_while_a_path_goes_through_it_never_leads_there() {
    const TRIES: usize = 3000;
    let scratch = Scratch::new();
    scratch.write("page.txt", SECRET);
    scratch.write("root/page.txt", "inside");
    scratch.write("root/way/through/file", "");
    scratch.write("outside/through/file", "");
    let root = scratch.path().join("root");
    let server = TestServer::start("calls", &["--root", root.to_str().unwrap()]);
    let mut read = 0;
    exchanging(
        &root.join("way/through"),
        &scratch.path().join("outside/through"),
        || {
            let mut session = Session::start(&server);
            for number in 0..TRIES {
                // The host keeps a file open by its path, and each of these is another one.
                let path = format!(
                    "way/through{}../../page.txt",
                    "/".repeat(1 + number % FILES)
                );
                let outcome = session.call(&format!("read {path} 0 100"));
                let line = format!("{outcome:?}");
                assert!(!line.contains(SECRET), "{line}");
                read += usize::from(line.contains("text=inside"));
            }
        },
    );
    assert!(read > 0);
    server.stop();
}

/// Takes more than a second: thousands of requests.
#[test]
fn a_file_exchanged_with_another_is_always_one_of_them_and_whole() {
    const REQUESTS: usize = 1500;
    let scratch = Scratch::new();
    let contents = [vec![b'a'; 1000], vec![b'b'; 300_000]];
    for number in 0..FILES {
        for (directory, content) in ["one", "other"].iter().zip(&contents) {
            scratch.write(&format!("{directory}/{number}"), content);
        }
    }
    for server in servers(scratch.text()) {
        let mut seen = [0; 2];
        let (one, other) = (scratch.path().join("one"), scratch.path().join("other"));
        exchanging(&one, &other, || {
            let mut client: Client = server.connect();
            for number in (0..FILES).cycle().take(REQUESTS) {
                let response = client.get(&format!("/one/{number}"));
                assert_eq!(response.status, 200);
                let which = contents
                    .iter()
                    .position(|content| *content == response.body);
                seen[which.expect("one of the two, and whole")] += 1;
            }
        });
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
        server.stop();
    }
}
