//! More live instances than the kernel has maps for, where each memory begins as a mapped image.

use std::fs;

use crate::client::Client;
use crate::compiled::compile;
use crate::gauges::LIVE;
use crate::scratch::Scratch;
use crate::server::{TestServer, run_to_end};
use crate::tool;

/// What the default limit of the kernel, 65,530, has room for in one way only.
const INSTANCES: &str = "15000";

/// How many of them are used: each keeps some 60 KiB.
const USED: usize = 64;

/// Maps that each of them takes: a stack and its guard page, a memory and what it has not grown to.
const MAPS_PER_INSTANCE: usize = 4;

/// Maps of everything else.
const MAPS_RESERVED: usize = 4096;

fn max_map_count() -> usize {
    let text = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    text.trim().parse().unwrap()
}

/// Serves with that many, or says why not.
fn serve(name: &str) -> Option<TestServer> {
    if max_map_count() < 15_000 * MAPS_PER_INSTANCE + MAPS_RESERVED {
        tool::skip("the limit on memory maps is too low (`sysctl vm.max_map_count`)");
        return None;
    }
    // None is handed back meanwhile.
    let flags = ["--max-instances", INSTANCES, "--linger", "60s"];
    Some(TestServer::start(name, &flags))
}

#[test]
fn as_many_instances_as_fit_without_images_all_serve() {
    let Some(server) = serve("line-echo") else {
        return;
    };
    let mut clients: Vec<Client> = (0..USED).map(|_| server.connect()).collect();
    for round in 0..2 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(format!("{round} {number}\n"));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.line(), format!("{round} {number}"));
        }
        // Each is in a `recv` of an instance of its own.
        assert_eq!(server.metric(LIVE), USED as u64);
    }
}

#[test]
fn an_instance_takes_no_more_maps_than_were_reckoned_with() {
    let Some(server) = serve("line-echo") else {
        return;
    };
    let maps = || server.proc_file("maps").lines().count();
    let mut clients = Vec::new();
    let mut answered = |count: usize| {
        for _ in 0..count {
            let mut client = server.connect();
            client.send("salmon\n");
            assert_eq!(client.line(), "salmon");
            clients.push(client);
        }
    };
    // The first one brings more with it, such as the stacks of threads.
    answered(1);
    let before = maps();
    answered(USED);
    // The stacks are there from the start. Where the limit is high, memories begin as images.
    let images = max_map_count() >= 15_000 * (MAPS_PER_INSTANCE + 2) + MAPS_RESERVED;
    let each = if images { 4 } else { 2 };
    let most = before + each * USED + USED / 2;
    assert!(maps() <= most, "{before} maps, then {}", maps());
    assert!(before <= 15_000 * 2 + MAPS_RESERVED, "{before} maps");
}

#[test]
fn machine_code_that_begins_with_images_is_refused_with_the_number_that_fits() {
    let most = max_map_count();
    let fits = (most - MAPS_RESERVED) / (MAPS_PER_INSTANCE + 2);
    // As many fit without images, of which this machine code knows nothing.
    let asked = (most - MAPS_RESERVED) / MAPS_PER_INSTANCE;
    let scratch = Scratch::new();
    let output = run_to_end(&[
        "serve",
        compile(&scratch).to_str().unwrap(),
        "--allow-precompiled",
        "--listen",
        "127.0.0.1:0",
        "--max-instances",
        &asked.to_string(),
    ]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains(&format!("--max-instances {fits}` fits")),
        "{stderr}"
    );
}
