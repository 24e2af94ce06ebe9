//! What the server is to do: settings that were checked and cannot be invalid any more.
//!
//! The command line is one way to make them (`cli.rs`); a program that embeds the host fills them
//! in itself. Every bound of the host has its place and its default here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use crate::instance::{CodeCache, ModuleCache};
use crate::net::Directory;
pub use crate::net::PaceLimit;

/// When an instance serves again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Reuse {
    /// Every request has an instance of its own.
    Never,
    /// An instance serves one connection while that is busy, and no other.
    Connection,
    /// An instance that ended cleanly serves other connections too.
    Always,
}

impl Reuse {
    /// The name on the command line and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Reuse::Never => "never",
            Reuse::Connection => "connection",
            Reuse::Always => "always",
        }
    }
}

/// What activates a connection. One that was handed back is activated by a head or by bytes in
/// every mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ActivateOn {
    /// A whole request head; only for components that export `http-handler`.
    Head,
    /// The first byte.
    Bytes,
    /// Being accepted: the server may speak first.
    Accept,
}

/// The largest bound of an instance's memory; no linear memory of 32 bits is larger.
pub const INSTANCE_BYTES_MAX: usize = 4 << 30;

/// The bounds. Nothing in the host grows without one.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Open connections of each worker.
    pub connections_max: usize,
    /// Open connections of each worker from one IPv4 address or one IPv6 network of 64 bits.
    pub connections_per_address_max: Option<u32>,
    /// Live instances of the whole server; shared out evenly between the workers.
    pub instances_max: Option<u32>,
    /// Connections of each worker that wait for an instance. Where there are as many, others wait
    /// in the kernel.
    pub waiting_max: usize,
    /// Instances of each worker that are kept for the next activation although they were not
    /// needed for `warm_timeout`.
    pub warm_max: usize,
    /// How long more of them are kept.
    pub warm_timeout: Duration,
    /// Activations after which a reused instance is replaced.
    pub reuses_max: u64,
    /// Memory of one instance, in bytes.
    pub instance_bytes_max: usize,
    /// Memory of all instances beyond up to 2 MiB that each begins with, in bytes; shared out
    /// evenly between the workers. Half of the machine's for `None`.
    pub total_bytes_max: Option<usize>,
    /// Elements of one table of an instance.
    pub table_elements_max: usize,
    /// Memory of the machine, in bytes, below which idle connections are closed; 64 MiB, or an
    /// eighth of it all if that is less, for `None`.
    pub free_bytes_min: Option<usize>,
    /// CPU time of one activation.
    pub cpu_max: Duration,
    /// Wall-clock time of one activation.
    pub activation_timeout: Duration,
    /// Wall-clock time of one guest call.
    pub call_timeout: Duration,
    /// Time from the first byte of a request head to its last, and from accept to the first byte.
    pub head_timeout: Duration,
    /// Size of a request head, in bytes.
    pub head_bytes_max: usize,
    /// How fast a client has to be while a guest waits for it.
    pub pace: PaceLimit,
    /// The most that one `recv` returns, in bytes.
    pub recv_bytes_max: usize,
    /// The largest `max` of a `recv-until`, in bytes.
    pub recv_until_bytes_max: usize,
    /// What the kernel takes beyond what is on its way to the client, in bytes.
    pub unsent_bytes_max: u32,
    /// How long a connection may be parked without a byte.
    pub idle_timeout: Duration,
    /// How long `next` waits for more before the guest is told to hand the connection back.
    pub linger: Duration,
    /// Open files of one instance.
    pub open_files_max: usize,
    /// Log lines of guests per second and worker.
    pub log_lines_max: u32,
    /// How long connections may stay open when the server ends.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 100_000,
            connections_per_address_max: None,
            instances_max: None,
            waiting_max: 4096,
            warm_max: 64,
            warm_timeout: Duration::from_secs(10),
            reuses_max: 10_000,
            instance_bytes_max: 64 << 20,
            total_bytes_max: None,
            table_elements_max: 20_000,
            free_bytes_min: None,
            cpu_max: Duration::from_secs(10),
            activation_timeout: Duration::from_secs(600),
            call_timeout: Duration::from_secs(60),
            head_timeout: Duration::from_secs(10),
            head_bytes_max: 16 << 10,
            pace: PaceLimit::default(),
            recv_bytes_max: 64 << 10,
            recv_until_bytes_max: 1 << 20,
            unsent_bytes_max: 128 << 10,
            idle_timeout: Duration::from_secs(60),
            linger: Duration::from_millis(20),
            open_files_max: 64,
            log_lines_max: 20,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Where a component comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The handler that is built into the host.
    BuiltIn,
    /// A file with a component, or with one that was compiled before.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::BuiltIn => f.write_str("built-in handler"),
            Source::File(path) => path.display().fmt(f),
        }
    }
}

/// Where a server listens that was not told.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// A component, where its clients come in, and what it is granted.
#[derive(Clone, Debug)]
pub struct Service {
    /// The component.
    pub component: Source,
    /// Where to listen. Where that is nowhere: at the sockets that the process was started with, if
    /// this is the only service, and else at [`LISTEN_DEFAULT`].
    pub listen: Vec<SocketAddr>,
    /// The directory that guests may read.
    pub root: Option<Arc<Directory>>,
    /// When an instance serves again.
    pub reuse: Reuse,
    /// What activates a connection; by default a head for `http-handler`, accept for `handler`.
    pub activate_on: Option<ActivateOn>,
    /// The arguments that the component finds where a program finds its own, its name aside.
    pub arguments: Vec<String>,
}

/// How components become machine code.
#[derive(Clone, Debug, Default)]
pub struct Compiling {
    /// Where compiled components are kept for the next start.
    pub cache: Option<CodeCache>,
    /// Whether a file may be machine code already. Such a file can do whatever this process can.
    pub allow_precompiled: bool,
    /// Where the code is to be there soon rather than to be fast, for a component that is replaced
    /// in a moment: what is kept of it until then.
    pub quick: Option<Arc<ModuleCache>>,
}

/// How a line of the access log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AccessLogFormat {
    /// The Common Log Format, one line per request.
    Common,
    /// One JSON object per line.
    Json,
}

/// Where every request is noted.
#[derive(Clone, Debug)]
pub struct AccessLog {
    /// A file that is appended to, or stdout for `None`.
    pub path: Option<PathBuf>,
    /// How a line is written.
    pub format: AccessLogFormat,
}

/// Everything a server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is served; at least one.
    pub services: Vec<Service>,
    /// How many workers; at least one.
    pub workers: usize,
    /// Where `/metrics`, `/healthz` and `/readyz` are served.
    pub admin: Option<SocketAddr>,
    /// Where every request is noted, if anywhere.
    pub access_log: Option<AccessLog>,
    /// The bounds.
    pub limits: Limits,
    /// How long a new process has to say that it serves, before it is ended.
    pub take_over_timeout: Duration,
    /// How the components are compiled.
    pub compiling: Compiling,
}
