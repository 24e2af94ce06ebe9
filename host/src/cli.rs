//! The command line: arguments as they are typed, turned into a [`Config`] that is valid.

use std::error::Error as _;
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::{ActivateOn, Config, Limits, Reuse, Source};
use crate::net::Directory;
use crate::{Error, server};

mod values;

use values::{parse_address, parse_count, parse_duration, parse_limit, parse_size};

/// The contract as `sockeye wit` prints it: every file of `wit/`, the world first.
const WIT: [&str; 4] = [
    include_str!("../../wit/world.wit"),
    include_str!("../../wit/errors.wit"),
    include_str!("../../wit/files.wit"),
    include_str!("../../wit/connections.wit"),
];

#[derive(Debug, Parser)]
#[command(name = "sockeye", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a component as the handler of every connection; what happens without a command
    Serve(Box<ServeArgs>),
    /// Print the interfaces that a handler is built against
    Wit,
}

/// What `serve` does without any argument.
#[derive(Debug, Parser)]
struct Defaults {
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The component to run [default: a built-in handler that says hello]
    component: Option<PathBuf>,

    /// Where to listen; can be given several times; port 0 picks a free port
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    #[arg(default_value = "127.0.0.1:8080")]
    listen: Vec<SocketAddr>,

    /// The one directory that handlers may read files from [default: none]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// How many worker threads [default: the cores the process may use]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    workers: Option<u32>,

    /// When an instance serves again: for every request a fresh one, for one connection while it
    /// is busy, or always
    #[arg(long, value_name = "WHEN", default_value = "connection")]
    reuse: Reuse,

    /// What starts the handler on a new connection [default: head for an http-handler, accept for
    /// a handler]
    #[arg(long, value_name = "WHAT")]
    activate_on: Option<ActivateOn>,

    /// Where to serve /metrics and /healthz [default: nowhere]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    admin: Option<SocketAddr>,

    /// Where to keep compiled components, so that the next start is quick [default: nowhere]
    #[arg(long, value_name = "DIR", env = "SOCKEYE_CACHE_DIR")]
    cache_dir: Option<PathBuf>,

    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: tracing::Level,

    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Open connections per worker
    #[arg(long, value_name = "N", default_value = "100000", value_parser = parse_count)]
    max_connections: u32,

    /// Live instances, all workers together [default: 1024, or what vm.max_map_count allows]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    max_instances: Option<u32>,

    /// Connections per worker that wait for an instance
    #[arg(long, value_name = "N", default_value = "4096")]
    max_waiting: u32,

    /// Memory of one instance
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    memory_limit: usize,

    /// CPU time of one activation
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    cpu_limit: Duration,

    /// Wall-clock time of one activation
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_limit)]
    activation_timeout: Duration,

    /// Wall-clock time of one call of a handler, such as recv or sendfile
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_limit)]
    call_timeout: Duration,

    /// Time for a request head, and for the first byte of a connection
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    head_timeout: Duration,

    /// Size of a request head
    #[arg(long, value_name = "SIZE", default_value = "16KiB", value_parser = parse_size)]
    head_limit: usize,

    /// Time that a connection may be idle
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_limit)]
    idle_timeout: Duration,

    /// How long a handler keeps its instance for the next request of its connection
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = parse_duration)]
    linger: Duration,

    /// Open files of one instance
    #[arg(long, value_name = "N", default_value = "64")]
    max_open_files: u32,

    /// Lines per second and worker that handlers may log
    #[arg(long, value_name = "N", default_value = "20")]
    log_lines: u32,

    /// Time for running activations when the server ends
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    drain_timeout: Duration,
}

/// Runs the command line of the process and returns its exit status.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    match Cli::parse_from(args).command {
        Some(Command::Wit) => print_wit(),
        Some(Command::Serve(args)) => serve(*args),
        // The shortest way to see something: the built-in handler at the default address.
        None => serve(Defaults::parse_from(["sockeye"]).serve),
    }
}

fn serve(args: ServeArgs) -> ExitCode {
    start_log(args.log_level);
    match args.into_config().and_then(server::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn print_wit() -> ExitCode {
    let [world, rest @ ..] = WIT;
    let mut text = world.to_owned();
    for file in rest {
        text.push('\n');
        text.push_str(file);
    }
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough (`sockeye wit | head`), or the disk is full.
        Err(_) => ExitCode::FAILURE,
    }
}

fn start_log(level: tracing::Level) {
    // A closed or full stderr must not end the server: the writer ignores errors.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .log_internal_errors(false)
        .with_max_level(level)
        .with_target(false)
        .init();
}

/// Writes an error for people: what, why, and what to do.
fn report(error: &Error) {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("  caused by: {error}\n"));
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    // Nobody is left to tell where this fails.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

impl ServeArgs {
    fn into_config(self) -> Result<Config, Error> {
        let root = match self.root {
            None => None,
            Some(path) => match Directory::open(&path) {
                Ok(directory) => Some(Arc::new(directory)),
                Err(source) => return Err(Error::Root { path, source }),
            },
        };
        let workers = match self.workers {
            Some(workers) => workers as usize,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        Ok(Config {
            component: self.component.map_or(Source::BuiltIn, Source::File),
            listen: self.listen,
            root,
            workers,
            reuse: self.reuse,
            activate_on: self.activate_on,
            admin: self.admin,
            limits: self.limits.into_limits(),
            cache_dir: self.cache_dir,
        })
    }
}

impl LimitArgs {
    fn into_limits(self) -> Limits {
        let defaults = Limits::default();
        Limits {
            // Every head that activates a handler can be taken with one call.
            recv_until_bytes_max: defaults.recv_until_bytes_max.max(self.head_limit),
            connections_max: self.max_connections as usize,
            instances_max: self.max_instances,
            waiting_max: self.max_waiting as usize,
            instance_bytes_max: self.memory_limit,
            cpu_max: self.cpu_limit,
            activation_timeout: self.activation_timeout,
            call_timeout: self.call_timeout,
            head_timeout: self.head_timeout,
            head_bytes_max: self.head_limit,
            idle_timeout: self.idle_timeout,
            linger: self.linger,
            open_files_max: self.max_open_files as usize,
            log_lines_max: self.log_lines,
            drain_timeout: self.drain_timeout,
            ..defaults
        }
    }
}
