//! Blocking code that the host runs for thousands at once on one thread.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::gauges::LIVE;
use crate::machine;
use crate::server::TestServer;

/// Checks that `count` guests that each sleep for a second end together in under 1.5 s.
#[track_caller]
fn check(count: usize) {
    machine::measured(|| {
        let server = TestServer::start("sleepy", &[]);
        let start = Instant::now();
        let mut clients: Vec<Client> = (0..count).map(|_| server.connect()).collect();
        for client in &mut clients {
            let port = client.addr().port();
            assert_eq!(client.line(), format!("start {port}"));
            assert_eq!(client.line(), format!("end {port}"));
            assert_eq!(client.rest(), b"");
        }
        let elapsed = start.elapsed();
        let second = Duration::from_secs(1);
        assert!(
            (second..second * 3 / 2).contains(&elapsed),
            "{count} clients take {elapsed:?}"
        );
        server.wait_for_metric(LIVE, 0);
    });
}

/// Takes more than a second, because the guest sleeps for one.
#[test]
fn ten_guests_sleep_at_the_same_time_on_one_worker() {
    check(10);
}

/// Takes more than a second, because the guest sleeps for one.
#[test]
fn a_thousand_guests_sleep_at_the_same_time_on_one_worker() {
    check(1000);
}
