//! The flags of `sockeye serve`, as they are typed, turned into a [`Config`] that is valid.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, ValueHint};
use tracing::warn;

use super::limits::LimitArgs;
use super::values::{parse_address, parse_count, parse_header_value, parse_limit};
use crate::Error;
use crate::config::{
    AccessLog, AccessLogFormat, ActivateOn, CodeCache, Compiling, Config, Reuse, Service, Source,
};
use crate::net::Directory;

const EXAMPLES: &str = "\
Examples:
  sockeye serve --root public --list         files, with a list for directories without index.html
  sockeye serve handler.wasm                 a handler of yours
  sockeye serve handler.wasm --listen 0.0.0.0:80 --admin 127.0.0.1:9090 --access-log -

Every flag can stand in `sockeye.toml`, without its dashes: `root = \"public\"`. What is typed here
takes precedence. Several handlers are `[[service]]` tables there, each with flags of its own.

Signals:
  SIGTERM, SIGINT   finish every connection and end; a second one ends at once
  SIGHUP            read the components again, and open the access log again
  SIGUSR2           start the program again and hand all listening sockets over to it";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    compiling: CompilingArgs,

    /// Compile in a fraction of the time, to code that runs slower and is not kept: while a handler
    /// is worked on
    #[arg(long, help_heading = "Compiling")]
    quick_compile: bool,
}

/// What one `[[service]]` of a configuration file can have.
#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    /// The component to run [default: the built-in handler, which serves files]
    #[arg(value_name = "COMPONENT", value_hint = ValueHint::FilePath)]
    component: Option<PathBuf>,

    /// Where to listen; can be given several times; port 0 picks a free port [default: the sockets
    /// that a service manager hands over, or else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = parse_address, help_heading = "Handler")]
    listen: Vec<SocketAddr>,

    /// The one directory that the handler may read files from [default: none]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Handler")]
    root: Option<PathBuf>,

    /// When an instance serves again: for every request a fresh one, for one connection while it
    /// is busy, or always
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "connection",
        help_heading = "Handler"
    )]
    reuse: Reuse,

    /// What starts the handler on a new connection [default: head for an http-handler, accept for
    /// a handler]
    #[arg(long, value_name = "WHAT", help_heading = "Handler")]
    activate_on: Option<ActivateOn>,

    #[command(flatten)]
    built_in: BuiltInArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Files, served by the built-in handler")]
struct BuiltInArgs {
    /// List the files of directories that have no `index.html`
    #[arg(long)]
    list: bool,

    /// Answer with the root's `index.html` where there is no file, as single-page apps need
    #[arg(long)]
    spa: bool,

    /// The header line `Cache-Control` of files, such as `max-age=3600` [default: none]
    #[arg(long, value_name = "VALUE", value_parser = parse_header_value)]
    cache_control: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
struct ServerArgs {
    /// How many worker threads [default: the cores the process may use]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    workers: Option<u32>,

    /// Where to serve /metrics, /healthz and /readyz [default: nowhere]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    admin: Option<SocketAddr>,

    /// Time for a new process to serve, after SIGUSR2; then it is ended and this one goes on
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_limit)]
    take_over_timeout: Duration,

    /// End, as by SIGTERM, when the process that has started this one ends; on Linux
    #[arg(long)]
    end_with_parent: bool,

    /// The configuration file [default: `sockeye.toml`, if it is in the current directory]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// Print every setting with its value as a configuration file, and serve nothing
    #[arg(long)]
    print_config: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Logs")]
struct LogArgs {
    /// How much to log on stderr: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: tracing::Level,

    /// Where to note every request: a file that is appended to, or `-` for stdout [default:
    /// nowhere]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    access_log: Option<PathBuf>,

    /// How a request is noted
    #[arg(long, value_name = "FORMAT", default_value = "common")]
    access_log_format: AccessLogFormat,
}

/// How a component is compiled; for every command that does.
#[derive(Debug, Args)]
#[command(next_help_heading = "Compiling")]
pub(super) struct CompilingArgs {
    /// Where to keep compiled components, so that the next start is quick; nobody else may be able
    /// to write there [default: `sockeye` in the user's cache directory]
    #[arg(long, value_name = "DIR", env = "SOCKEYE_CACHE_DIR", value_hint = ValueHint::DirPath)]
    cache_dir: Option<PathBuf>,

    /// Compile at every start, and keep nothing
    #[arg(long)]
    no_cache: bool,

    /// Take a component that was compiled by `sockeye compile`: native code, which no sandbox
    /// holds, so only where you trust whoever made it
    #[arg(long)]
    allow_precompiled: bool,
}

/// The command `serve` alone, for reading its arguments without the program's name for it.
pub(super) fn command() -> clap::Command {
    super::Cli::command()
        .find_subcommand("serve")
        .expect("the command is declared")
        .clone()
        .bin_name("sockeye serve")
}

/// What a `[[service]]` table of a configuration file is read with.
pub(super) fn service_command() -> clap::Command {
    ServiceArgs::augment_args(clap::Command::new("service").no_binary_name(true))
}

impl ServeArgs {
    /// The configuration file that was asked for.
    pub(super) fn config(&self) -> Option<&std::path::Path> {
        self.server.config.as_deref()
    }

    /// How much to log.
    pub(super) fn log_level(&self) -> tracing::Level {
        self.log.log_level
    }

    /// Whether the server ends with who has started it.
    pub(super) fn ends_with_parent(&self) -> bool {
        self.server.end_with_parent
    }

    /// Whether the settings are to be printed instead of served.
    pub(super) fn prints_config(&self) -> bool {
        self.server.print_config
    }

    /// Checks what can be checked before anything is started. Where `services` are given, those
    /// are served, and else the one that the flags describe.
    ///
    /// # Errors
    /// What is wrong, with the value.
    pub(super) fn into_config(self, services: &[ArgMatches]) -> Result<Config, Error> {
        let services = match services.is_empty() {
            true => vec![self.service.into_service()?],
            false => services
                .iter()
                .map(ServiceArgs::of)
                .collect::<Result<_, _>>()?,
        };
        let mut compiling = self.compiling;
        // What is replaced in a moment would only drive out what is not.
        compiling.no_cache |= self.quick_compile;
        let compiling = Compiling {
            quick: self.quick_compile.then(Arc::default),
            ..compiling.into_compiling()?
        };
        let workers = match self.server.workers {
            Some(workers) => workers as usize,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        Ok(Config {
            services,
            workers,
            admin: self.server.admin,
            access_log: self.log.access_log(),
            limits: self.limits.into_limits(),
            take_over_timeout: self.server.take_over_timeout,
            compiling,
        })
    }
}

impl ServiceArgs {
    /// Reads what the table of a service says.
    fn of(matches: &ArgMatches) -> Result<Service, Error> {
        ServiceArgs::from_arg_matches(matches)
            .unwrap_or_else(|error| super::usage(&error))
            .into_service()
    }

    /// Checks what can be checked before the component is read.
    ///
    /// # Errors
    /// What is wrong, with the value.
    pub(super) fn into_service(self) -> Result<Service, Error> {
        let root = match self.root {
            None => None,
            Some(path) => match Directory::open(&path) {
                Ok(directory) => Some(Arc::new(directory)),
                Err(source) => return Err(Error::Root { path, source }),
            },
        };
        let component = self.component.map_or(Source::BuiltIn, Source::File);
        let flags = self.built_in.into_arguments();
        let arguments = match (&component, &root, flags.first()) {
            (Source::BuiltIn, Some(_), _) => flags,
            (_, _, Some(flag)) => {
                let flag = flag.split('=').next().unwrap_or(flag).to_owned();
                return Err(Error::FilesOnly { flag });
            }
            (Source::BuiltIn, None, None) => vec!["--welcome".to_owned()],
            (Source::File(_), _, None) => Vec::new(),
        };
        Ok(Service {
            component,
            listen: self.listen,
            root,
            reuse: self.reuse,
            activate_on: self.activate_on,
            arguments,
        })
    }
}

impl BuiltInArgs {
    /// The arguments that the built-in handler knows, which are the same flags.
    fn into_arguments(self) -> Vec<String> {
        let flags = [(self.list, "--list"), (self.spa, "--spa")];
        let given = flags.into_iter().filter(|(given, _)| *given);
        let mut arguments: Vec<String> = given.map(|(_, flag)| flag.to_owned()).collect();
        let cache_control = self.cache_control.iter();
        arguments.extend(cache_control.map(|value| format!("--cache-control={value}")));
        arguments
    }
}

impl LogArgs {
    fn access_log(self) -> Option<AccessLog> {
        let path = self.access_log?;
        Some(AccessLog {
            path: (path.as_os_str() != "-").then_some(path),
            format: self.access_log_format,
        })
    }
}

/// Where compiled components are kept where nobody says otherwise.
pub(super) fn usual_cache_dir() -> Option<PathBuf> {
    dirs::cache_dir().map(|dir| dir.join("sockeye"))
}

impl CompilingArgs {
    /// Opens the cache.
    ///
    /// # Errors
    /// [`Error::Cache`], where the directory was asked for and cannot be used.
    pub(super) fn into_compiling(self) -> Result<Compiling, Error> {
        let cache = match self.cache_dir {
            _ if self.no_cache => None,
            Some(dir) => match CodeCache::open(&dir) {
                Ok(cache) => Some(cache),
                Err(source) => return Err(Error::Cache { dir, source }),
            },
            None => usual_cache_dir().and_then(|dir| {
                let opened = CodeCache::open(&dir);
                // Nobody asked for it: a read-only home is no reason not to serve.
                let failed =
                    |error| warn!(dir = %dir.display(), %error, "compiling without a cache");
                opened.map_err(failed).ok()
            }),
        };
        Ok(Compiling {
            cache,
            allow_precompiled: self.allow_precompiled,
            quick: None,
        })
    }
}
