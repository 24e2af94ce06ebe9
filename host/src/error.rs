//! Why a server does not start or ends: errors that the operator caused or has to act on.

mod project;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::INSTANCE_BYTES_MAX;
use crate::net::{BindError, InheritError};

pub use project::ProjectError;

/// An error that ends the program. What to do about it is in [`Error::hint`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The component's file cannot be read.
    #[error("failed to read the component `{name}`")]
    ReadComponent {
        /// The path as it was given.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is a core module.
    #[error("`{name}` is a core module, not a component")]
    CoreModule {
        /// The path as it was given.
        name: String,
    },
    /// The file is no WebAssembly.
    #[error("`{name}` is not a WebAssembly component")]
    NotWasm {
        /// The path as it was given.
        name: String,
    },
    /// The component is broken, or uses what the host does not offer.
    #[error("failed to compile the component `{name}`")]
    Component {
        /// The path as it was given.
        name: String,
        /// What the compiler said.
        source: wasmtime::Error,
    },
    /// The component imports something that the host does not have.
    #[error("the component `{name}` imports what this host does not offer")]
    Imports {
        /// The path as it was given.
        name: String,
        /// Which import it is.
        source: wasmtime::Error,
    },
    /// The component exports neither interface.
    #[error("the component `{name}` exports no handler")]
    NoHandler {
        /// The path as it was given.
        name: String,
    },
    /// Heads are HTTP.
    #[error(
        "`--activate-on head` needs a component that exports `http-handler`, and `{name}` \
             exports `handler`"
    )]
    NotHttp {
        /// The component.
        name: String,
    },
    /// The pool does not fit.
    #[error("`--max-instances {asked}` needs more memory maps than the kernel allows")]
    TooManyInstances {
        /// What was asked for.
        asked: u32,
        /// What is possible.
        fits: u32,
    },
    /// The directory of compiled components cannot be used.
    #[error("failed to use `{dir}` for compiled components", dir = dir.display())]
    Cache {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The component begins with more memory than an instance may have.
    #[error("`{name}` begins with {needed} bytes of memory, and `--memory-limit` is {limit}")]
    MemoryLimit {
        /// The path as it was given.
        name: String,
        /// What it needs, in bytes.
        needed: usize,
        /// What it may have, in bytes.
        limit: usize,
    },
    /// A component that is to replace another one serves another kind of clients.
    #[error("`{name}` exports `{exports}` now, and `{served}` is what is served")]
    OtherHandler {
        /// The path as it was given.
        name: String,
        /// The interface that it exports.
        exports: &'static str,
        /// The interface that the one before exports.
        served: &'static str,
    },
    /// A component that is to replace another one does not fit into the places for instances.
    #[error("`{name}` has more memories or tables than the running instances have room for")]
    LargerPool {
        /// The path as it was given.
        name: String,
    },
    /// A component that is to replace another one cannot be compiled like that one.
    #[error("`{name}` is nothing for the compiler of the running instances")]
    OtherCompiler {
        /// The path as it was given.
        name: String,
        /// What that one says.
        source: Box<Error>,
    },
    /// The file is machine code, which nobody has vouched for.
    #[error("`{name}` was compiled before, and is native code that no sandbox holds")]
    Precompiled {
        /// The path as it was given.
        name: String,
    },
    /// The machine code is for another host.
    #[error("`{name}` was compiled for another version of sockeye or another kind of CPU")]
    Incompatible {
        /// The path as it was given.
        name: String,
        /// What does not match.
        source: wasmtime::Error,
    },
    /// A file is no core module that can become a handler.
    #[error("failed to make a component of `{name}`")]
    Module {
        /// The path as it was given.
        name: String,
        /// Why not.
        source: ModuleError,
    },
    /// A file that a command makes cannot be written.
    #[error("failed to write `{path}`", path = path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is something wrong with a project.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The component is a handler for another kind of host.
    #[error("`{name}` is a handler for hosts of `wasi:http`, and exports none for sockeye")]
    WasiHttp {
        /// The path as it was given.
        name: String,
    },
    /// A flag of the built-in handler, which is not what is served.
    #[error("`{flag}` is for the built-in handler when it serves a directory")]
    FilesOnly {
        /// The flag.
        flag: String,
    },
    /// The configuration file cannot be read.
    #[error("failed to read the configuration `{path}`", path = path.display())]
    ReadConfig {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration file is no TOML.
    #[error("`{path}` is not valid TOML", path = path.display())]
    ConfigSyntax {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: toml::de::Error,
    },
    /// A key of the configuration file is unknown, or its value is wrong.
    #[error("wrong setting `{key}` in `{path}`, line {line}: {reason}", path = path.display())]
    Setting {
        /// Where the file is.
        path: PathBuf,
        /// The line in it, from 1.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
        /// What to do, where that does not say it.
        hint: Option<String>,
    },
    /// A flag of one handler was given, and there are several.
    #[error(
        "`{flag}` does not say which `[[service]]` of `{path}` it is for",
        path = path.display()
    )]
    ServiceFlag {
        /// The flag.
        flag: String,
        /// Where the file is.
        path: PathBuf,
    },
    /// Several services would listen on the same address.
    #[error("a `[[service]]` in `{path}` has no `listen`", path = path.display())]
    ServiceListen {
        /// Where the file is.
        path: PathBuf,
    },
    /// The access log cannot be written.
    #[error("failed to open the access log `{name}`")]
    AccessLog {
        /// Where it is.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// What was asked for cannot be printed.
    #[error("failed to write to stdout")]
    Print {
        /// What the system said.
        source: io::Error,
    },
    /// The WebAssembly engine cannot be set up.
    #[error("failed to set up the WebAssembly engine")]
    Engine(#[source] wasmtime::Error),
    /// The granted directory cannot be used.
    #[error("failed to open the directory `{path}`", path = path.display())]
    Root {
        /// The path as it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The sockets that the process was started with are not what it is to serve.
    #[error(transparent)]
    Inherit(#[from] InheritError),
    /// The admin address cannot be listened on.
    #[error("failed to listen on `{address}` for `--admin`")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Something every server needs is missing.
    #[error("failed to {step}")]
    Start {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A worker ended, which it never does by itself.
    #[error("worker {worker} ended: {reason}")]
    Worker {
        /// Its number.
        worker: usize,
        /// Why.
        reason: String,
    },
    /// A second signal came while the server was shutting down.
    #[error("ended at once by a second signal, before every activation had finished")]
    SecondSignal,
}

/// Why a file cannot become a component with a handler.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// It cannot be read.
    #[error("failed to read it")]
    Read(#[source] io::Error),
    /// It is something else.
    #[error("it is not a WebAssembly module")]
    NotWasm,
    /// It is one.
    #[error("it is a component already")]
    Component,
    /// It exports neither handler.
    #[error("it exports no handler")]
    NoHandler,
    /// It is no handler of the kind that was asked for.
    #[error("it exports neither `handle` nor `{wanted}#handle`")]
    OtherKind {
        /// The interface of that kind.
        wanted: &'static str,
    },
    /// It is broken, or does not fit the contract.
    #[error(transparent)]
    Unfit(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The error with its causes, for the log.
    pub(crate) fn in_one_line(&self) -> String {
        let first: &dyn std::error::Error = self;
        let causes = std::iter::successors(Some(first), |error| error.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        causes.join(": ").replace('\n', " ")
    }

    /// What the operator can do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::ReadComponent { name, source } => read_hint(name, source),
            Error::MemoryLimit { needed, .. } if *needed > INSTANCE_BYTES_MAX => {
                "no instance can have as much; build the component with less".to_owned()
            }
            Error::MemoryLimit { needed, .. } => format!(
                "give `--memory-limit {}MiB`, or more for what it allocates",
                needed.div_ceil(1 << 20)
            ),
            Error::CoreModule { .. } => {
                "make it a component with `sockeye component`; Rust's target `wasm32-wasip2` does \
                 that by itself"
                    .to_owned()
            }
            Error::Module { name, source } => module_hint(name, source),
            Error::NotWasm { .. } => {
                "a component is a binary file that begins with `\\0asm`; `sockeye wit` prints \
                 the interfaces to build one against"
                    .to_owned()
            }
            Error::Component { .. } => {
                "a component that uses the async ABI does not run here; QuickJS guests are to be \
                 built with `--sync`"
                    .to_owned()
            }
            Error::Imports { .. } => {
                "a guest may import `sockeye:net@0.1.0` (`sockeye wit`) and WASI 0.2 without \
                 `wasi:http`"
                    .to_owned()
            }
            Error::NoHandler { .. } => {
                "export `sockeye:net/http-handler@0.1.0` or `sockeye:net/handler@0.1.0`; \
                 `sockeye wit` prints both"
                    .to_owned()
            }
            Error::Precompiled { name } => format!(
                "serve the component it was made of; or, where you trust whoever made `{name}`, \
                 add `--allow-precompiled`"
            ),
            Error::Incompatible { .. } => {
                "compile the component again with `sockeye compile`, on a machine of this kind"
                    .to_owned()
            }
            Error::WasiHttp { .. } => {
                "sockeye gives a handler the connection and not a request: export \
                 `sockeye:net/http-handler@0.1.0` (`sockeye wit`), or serve the component with \
                 `wasmtime serve`"
                    .to_owned()
            }
            Error::OtherHandler { .. } | Error::LargerPool { .. } | Error::OtherCompiler { .. } => {
                "SIGUSR2 starts the server anew, without losing a connection".to_owned()
            }
            Error::FilesOnly { .. } => {
                "give the directory with `--root DIR`, and no component".to_owned()
            }
            Error::Setting { hint, .. } => return hint.clone(),
            Error::ServiceFlag { .. } => {
                "write it into the table of that service, or read another file with `--config`"
                    .to_owned()
            }
            Error::ServiceListen { .. } => {
                "where there are several, each needs an address of its own".to_owned()
            }
            Error::Cache { .. } => "name a new directory, which will be yours alone with \
                                    `--cache-dir`, or use `--no-cache`"
                .to_owned(),
            Error::NotHttp { .. } => "leave it out, or use `--activate-on bytes`".to_owned(),
            Error::TooManyInstances { fits, .. } => {
                format!("`--max-instances {fits}` fits; `sysctl vm.max_map_count` raises the limit")
            }
            Error::Root { source, .. } if source.kind() == io::ErrorKind::Unsupported => {
                "serving files needs openat2, which Linux has since 5.6".to_owned()
            }
            Error::Root { .. } => "`--root` takes an existing directory".to_owned(),
            Error::Bind(BindError {
                source, address, ..
            })
            | Error::Admin { source, address } => {
                return bind_hint(source, *address);
            }
            Error::Inherit(error) => inherit_hint(error),
            Error::Project(error) => error.hint().to_owned(),
            Error::Write { .. }
            | Error::ReadConfig { .. }
            | Error::ConfigSyntax { .. }
            | Error::AccessLog { .. }
            | Error::Print { .. }
            | Error::Engine(_)
            | Error::Start { .. }
            | Error::Worker { .. }
            | Error::SecondSignal => return None,
        };
        Some(hint)
    }
}

fn read_hint(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::IsADirectory => {
            format!("`sockeye serve --root {name}` serves the files of a directory")
        }
        io::ErrorKind::NotFound => {
            "build it first, as `sockeye dev` does in a project, or give no component to serve \
             the built-in handler"
                .to_owned()
        }
        _ => "give the path of a component, or none to serve the built-in handler".to_owned(),
    }
}

fn module_hint(name: &str, error: &ModuleError) -> String {
    match error {
        ModuleError::Read(_) | ModuleError::NotWasm => {
            "give the file that the compiler leaves; it begins with `\\0asm`".to_owned()
        }
        ModuleError::Component => format!("run it: sockeye serve {name}"),
        ModuleError::OtherKind { .. } => {
            "`--kind` says what an export called `handle` serves; leave it out where the export \
             has the name of the contract"
                .to_owned()
        }
        ModuleError::NoHandler => {
            "export a function called `sockeye:net/http-handler@0.1.0#handle` or \
             `sockeye:net/handler@0.1.0#handle`, or one called `handle` and give `--kind`"
                .to_owned()
        }
        ModuleError::Unfit(_) => {
            "imports and exports have the names and types of the canonical ABI of what \
             `sockeye wit` prints, and of WASI"
                .to_owned()
        }
    }
}

fn inherit_hint(error: &InheritError) -> String {
    match error {
        InheritError::NoPredecessor { .. } => {
            "`SOCKEYE_PREDECESSOR` is for processes that a server starts itself; unset it"
                .to_owned()
        }
        InheritError::Variables { .. } => {
            "whoever starts the server sets them; without `LISTEN_FDS` it listens by itself"
                .to_owned()
        }
        InheritError::NoListener { .. } => {
            "hand over sockets of TCP that listen, such as `ListenStream=` of a socket unit with \
             `Accept=no`"
                .to_owned()
        }
        InheritError::Unclaimed { address, name, .. } => {
            let flag = match name == crate::net::inherited::ADMIN {
                true => "--admin",
                false => "--listen",
            };
            format!("give `{flag} {address}`, or do not hand the socket over")
        }
    }
}

fn bind_hint(error: &io::Error, address: SocketAddr) -> Option<String> {
    match error.kind() {
        io::ErrorKind::AddrInUse => Some(format!(
            "another process listens on port {}; end it, or choose another port (0 picks one)",
            address.port()
        )),
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            Some("ports below 1024 need CAP_NET_BIND_SERVICE".to_owned())
        }
        io::ErrorKind::AddrNotAvailable => {
            Some(format!("`{}` is no address of this machine", address.ip()))
        }
        _ => None,
    }
}
