//! What is seen of a running server from outside: its metrics, its memory and its time.

use std::fs::{self, DirEntry};
use std::io;
use std::time::Duration;

use crate::client::{Client, get};
use crate::server::TestServer;
use crate::wait;

/// Returns the sample of the connections in `state`.
pub(crate) fn connections(state: &str) -> String {
    format!("sockeye_connections{{state=\"{state}\"}}")
}

/// Returns the sample of the activations that ended badly because of `cause`.
pub(crate) fn failed(cause: &str) -> String {
    format!("sockeye_activations_failed_total{{cause=\"{cause}\"}}")
}

/// Returns the sample of how often `bound` fired.
pub(crate) fn fired(bound: &str) -> String {
    format!("sockeye_bounds_fired_total{{bound=\"{bound}\"}}")
}

/// The sample of how many instances serve a connection.
pub(crate) const LIVE: &str = "sockeye_instances_live";

impl TestServer {
    /// Returns the value of a metric such as `name` or `name{label="value"}`.
    ///
    /// A labelled one that never counted anything is 0.
    ///
    /// # Panics
    /// Where the server has no metric of that name.
    #[track_caller]
    pub(crate) fn metric(&self, sample: &str) -> u64 {
        let text = self.metrics();
        let mut values = text
            .lines()
            .filter_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        if let Some(value) = values.next_back() {
            return value.parse().unwrap();
        }
        let name = sample.split('{').next().unwrap();
        let family = name.strip_suffix("_total").unwrap_or(name);
        let described = text.contains(&format!("# TYPE {family} "))
            || text.contains(&format!("# TYPE {name} "));
        assert!(
            described && name != sample,
            "no metric `{sample}` in:\n{text}"
        );
        0
    }

    /// Returns how many activations failed, whatever the cause.
    #[track_caller]
    pub(crate) fn failures(&self) -> u64 {
        let text = self.metrics();
        let samples = text
            .lines()
            .filter(|line| line.starts_with("sockeye_activations_failed_total{"));
        samples
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// Waits until a metric has the value `expected`.
    #[track_caller]
    pub(crate) fn wait_for_metric(&self, sample: &str, expected: u64) {
        let mut last = 0;
        let found = wait::within(wait::PATIENCE, || {
            last = self.metric(sample);
            (last == expected).then_some(())
        });
        assert!(
            found.is_some(),
            "`{sample}` stays at {last} instead of {expected}"
        );
    }

    /// Returns the metrics as the server writes them.
    #[track_caller]
    pub(crate) fn metrics(&self) -> String {
        let mut client = Client::connect(self.admin());
        client.send(get("/metrics"));
        client.response().text().to_owned()
    }

    /// Returns the resident memory of the process in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = self.proc_file("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        let kilobytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kilobytes * 1024
    }

    /// Returns the CPU time that all threads of the process have used.
    pub(crate) fn cpu_time(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let of_thread = |thread: io::Result<DirEntry>| {
            // The first of three numbers, in nanoseconds; proc_pid_stat(5) counts in 10 ms.
            // A thread that ends meanwhile has none any more.
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ')
                .next()?
                .parse()
                .map(Duration::from_nanos)
                .ok()
        };
        threads.filter_map(of_thread).sum()
    }

    /// Returns the id of the thread called `name`.
    #[track_caller]
    pub(crate) fn thread(&self, name: &str) -> u32 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let ids = threads.map(|thread| thread.unwrap().file_name().into_string().unwrap());
        let id = ids.into_iter().find(|id| {
            // A thread that ends meanwhile has no name any more.
            let found = fs::read_to_string(format!("/proc/{}/task/{id}/comm", self.pid()));
            found.is_ok_and(|found| found.trim_end() == name)
        });
        id.unwrap_or_else(|| panic!("no thread is called `{name}`"))
            .parse()
            .unwrap()
    }

    /// Returns how many descriptors the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .unwrap()
            .count()
    }

    pub(crate) fn proc_file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid())).unwrap()
    }
}
