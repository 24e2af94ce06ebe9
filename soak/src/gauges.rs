//! What is seen of the server from outside, by the kernel and by its own `/metrics`.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::Problem;
use crate::server::Server;

/// How long `/metrics` may take; it has a thread of its own in the server.
const METRICS_TIMEOUT: Duration = Duration::from_secs(5);

/// What a unit of `/proc/net/sockstat` is.
const PAGE_BYTES: u64 = 4096;

/// The state of the server at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Seconds since the start of the load.
    pub(crate) at: f64,
    /// Resident memory in bytes, and the part of it that no file is behind.
    pub(crate) rss: u64,
    pub(crate) rss_anon: u64,
    pub(crate) descriptors: u64,
    pub(crate) maps: u64,
    pub(crate) threads: u64,
    /// CPU time in seconds that the server has used since its start.
    pub(crate) cpu: f64,
    /// Time in seconds that its threads were ready to run and had no processor. Where it is much,
    /// the machine was busy with something else, and the answers were late for that.
    pub(crate) starved: f64,
    /// Memory of all TCP sockets of the machine in bytes, less what it was before.
    pub(crate) tcp: u64,
    pub(crate) parked: u64,
    pub(crate) waiting: u64,
    pub(crate) closing: u64,
    pub(crate) live: u64,
    pub(crate) warm: u64,
    /// Requests that handlers began to serve, since the start of the server.
    pub(crate) requests: u64,
    /// Normal answers since the last sample, and the 99th percentile of their times in ms.
    pub(crate) answers: u64,
    pub(crate) p99_ms: f64,
}

impl Sample {
    /// The names of the columns, for the first line of a CSV file.
    pub(crate) const COLUMNS: &str = "seconds,rss,rss_anon,descriptors,maps,threads,cpu_seconds,\
        starved_seconds,tcp_bytes,parked,waiting,closing,live,warm,requests,\
         normal_answers,normal_p99_ms";

    /// The sample as a line of a CSV file.
    pub(crate) fn csv(&self) -> String {
        format!(
            "{:.1},{},{},{},{},{},{:.2},{:.2},{},{},{},{},{},{},{},{},{:.2}",
            self.at,
            self.rss,
            self.rss_anon,
            self.descriptors,
            self.maps,
            self.threads,
            self.cpu,
            self.starved,
            self.tcp,
            self.parked,
            self.waiting,
            self.closing,
            self.live,
            self.warm,
            self.requests,
            self.answers,
            self.p99_ms
        )
    }
}

/// Where the numbers come from.
#[derive(Debug)]
pub(crate) struct Gauges {
    process: PathBuf,
    admin: SocketAddr,
    tcp_before: u64,
}

impl Gauges {
    /// Looks at `server` from now on; the sockets of before are not counted.
    pub(crate) fn new(server: &Server) -> Result<Self, Problem> {
        Ok(Self {
            process: server.proc_dir(),
            admin: server.admin,
            tcp_before: tcp_bytes()?,
        })
    }

    /// Reads everything that is read from outside, at the second `at`.
    ///
    /// # Errors
    /// Where the process is gone or does not answer.
    pub(crate) fn sample(&self, at: f64) -> Result<Sample, Problem> {
        // Before the connection for the metrics, which is one itself.
        let descriptors = fs::read_dir(self.process.join("fd"))?.count() as u64;
        let status = self.read("status")?;
        let kilobytes = |name| field(&status, name).map(|number| number * 1024);
        let (on_cpu, starved) = self.times()?;
        let maps = self.read("maps")?.lines().count() as u64;
        let metrics = Metrics::read(self.admin)?;
        let connections = |state| metrics.get(&format!("sockeye_connections{{state=\"{state}\"}}"));
        Ok(Sample {
            at,
            rss: kilobytes("VmRSS:")?,
            rss_anon: kilobytes("RssAnon:")?,
            descriptors,
            maps,
            threads: field(&status, "Threads:")?,
            cpu: on_cpu,
            starved,
            tcp: tcp_bytes()?.saturating_sub(self.tcp_before),
            parked: connections("parked"),
            waiting: connections("waiting"),
            closing: connections("closing"),
            live: metrics.get("sockeye_instances_live"),
            warm: metrics.get("sockeye_instances_warm"),
            requests: metrics.get("sockeye_requests_total"),
            answers: 0,
            p99_ms: 0.0,
        })
    }

    /// The seconds that all threads were on a processor, and waited for one.
    fn times(&self) -> Result<(f64, f64), Problem> {
        let mut sum = (0.0, 0.0);
        for thread in fs::read_dir(self.process.join("task"))? {
            // A thread that ends meanwhile has no times any more.
            let path = thread?.path().join("schedstat");
            let text = fs::read_to_string(path).unwrap_or_default();
            let mut nanoseconds = text
                .split(' ')
                .map(|word| word.parse::<f64>().unwrap_or(0.0));
            sum.0 += nanoseconds.next().unwrap_or(0.0) / 1e9;
            sum.1 += nanoseconds.next().unwrap_or(0.0) / 1e9;
        }
        Ok(sum)
    }

    fn read(&self, name: &str) -> Result<String, Problem> {
        Ok(fs::read_to_string(self.process.join(name))?)
    }
}

/// The text of `/metrics`.
#[derive(Debug)]
pub(crate) struct Metrics {
    text: String,
}

impl Metrics {
    /// Asks for the metrics on a connection of their own.
    pub(crate) fn read(admin: SocketAddr) -> Result<Self, Problem> {
        let mut stream = TcpStream::connect_timeout(&admin, METRICS_TIMEOUT)?;
        stream.set_read_timeout(Some(METRICS_TIMEOUT))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        if !text.starts_with("HTTP/1.1 200 ") {
            return Err(format!("no metrics: {text}").into());
        }
        Ok(Self { text })
    }

    /// The value of a sample such as `name{label="value"}`; one that was never counted is 0.
    fn get(&self, sample: &str) -> u64 {
        let mut values = self.text.lines().filter_map(|line| {
            let value = line.strip_prefix(sample)?.strip_prefix(' ')?;
            value.trim().parse().ok()
        });
        values.next().unwrap_or(0)
    }

    /// Every bound that has fired and every failure of an activation, with how often.
    pub(crate) fn trouble(&self) -> Vec<(String, u64)> {
        let families = [
            "sockeye_bounds_fired_total",
            "sockeye_activations_failed_total",
        ];
        let lines = self.text.lines();
        let lines = lines.filter(|line| families.iter().any(|family| line.starts_with(family)));
        let values = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        values.filter(|(_, value)| *value > 0).collect()
    }
}

/// Returns the number behind `name` at the beginning of a line.
fn field(text: &str, name: &str) -> Result<u64, Problem> {
    let mut numbers = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.split_ascii_whitespace().next()?.parse().ok()
    });
    Ok(numbers.next().ok_or_else(|| format!("no `{name}`"))?)
}

/// Returns the memory of all TCP sockets in bytes.
fn tcp_bytes() -> Result<u64, Problem> {
    let text = fs::read_to_string("/proc/net/sockstat")?;
    let line = text.lines().find(|line| line.starts_with("TCP:"));
    let mut words = line.unwrap_or_default().split(' ');
    words.find(|word| *word == "mem");
    let pages: u64 = words.next().ok_or("no memory in sockstat")?.parse()?;
    Ok(pages * PAGE_BYTES)
}
