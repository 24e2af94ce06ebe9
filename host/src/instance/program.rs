//! A component made ready to be instantiated: compiled, linked, its handler found.

use std::fmt;

use wasmtime::Engine;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

use super::capacity;
use super::engine::{self, Needs};
use crate::Error;
use crate::config::{Config, Source};
use crate::imports::{self, Guest};

/// Which of the two interfaces a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerKind {
    /// `handler`: any protocol.
    Raw,
    /// `http-handler`: the client speaks HTTP/1 first.
    Http,
}

impl HandlerKind {
    /// The URL scheme under which the handler is reached.
    pub fn scheme(self) -> &'static str {
        match self {
            HandlerKind::Raw => "tcp",
            HandlerKind::Http => "http",
        }
    }
}

const RAW_HANDLER: &str = "sockeye:net/handler@0.1.0";
const HTTP_HANDLER: &str = "sockeye:net/http-handler@0.1.0";

/// The component that is built into the host.
const BUILT_IN: &[u8] = include_bytes!(env!("SOCKEYE_BUILT_IN_GUEST"));

/// A component with all it takes to make instances of it. Shared by the workers, read-only.
pub struct Program {
    /// The engine whose pool the instances come from.
    pub engine: Engine,
    /// What clients are to speak.
    pub kind: HandlerKind,
    /// How many instances the pool holds.
    pub instances_max: u32,
    pub(super) pre: InstancePre<Guest>,
    pub(super) handle: ComponentExportIndex,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Program {
    /// Reads, compiles and links the component that `config` names.
    ///
    /// # Errors
    /// What is wrong with the file, the component or the limits, each its own [`Error`].
    pub fn load(config: &Config) -> Result<Program, Error> {
        let (name, bytes) = read(&config.component)?;
        let compiled = compile(&name, &bytes, config)?;
        let needs = needs_of(&name, &compiled)?;
        let instances_max = capacity::instances_max(config.limits.instances_max, needs.memories)?;
        let fail = |source| Error::Component {
            name: name.clone(),
            source,
        };
        let code = compiled.serialize().map_err(fail)?;
        let engine = engine::running(instances_max, needs, config.limits.instance_bytes_max)?;
        // SAFETY: `code` is what `Component::serialize` returned two lines above, in this process
        // and with an engine of the same settings and version.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(&engine, code) }.map_err(fail)?;

        let mut linker = Linker::new(&engine);
        imports::add_to_linker(&mut linker).map_err(Error::Engine)?;
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|source| Error::Imports {
                name: name.clone(),
                source,
            })?;
        let (kind, handle) =
            find_handler(&component).ok_or_else(|| Error::NoHandler { name: name.clone() })?;
        Ok(Program {
            engine,
            kind,
            instances_max,
            pre,
            handle,
        })
    }
}

fn read(source: &Source) -> Result<(String, Vec<u8>), Error> {
    match source {
        Source::BuiltIn => Ok(("built-in handler".to_owned(), BUILT_IN.to_vec())),
        Source::File(path) => {
            let name = path.display().to_string();
            let bytes = std::fs::read(path).map_err(|source| Error::ReadComponent {
                name: name.clone(),
                source,
            })?;
            Ok((name, bytes))
        }
    }
}

fn compile(name: &str, bytes: &[u8], config: &Config) -> Result<Component, Error> {
    // The preamble: magic, then version and layer. A core module has layer 0, a component 1.
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => {
            return Err(Error::CoreModule {
                name: name.to_owned(),
            });
        }
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => {}
        _ => {
            return Err(Error::NotWasm {
                name: name.to_owned(),
            });
        }
    }
    let compiler = engine::compiling(config.cache_dir.as_deref())?;
    Component::from_binary(&compiler, bytes).map_err(|source| Error::Component {
        name: name.to_owned(),
        source,
    })
}

fn needs_of(name: &str, component: &Component) -> Result<Needs, Error> {
    // `None` where the component imports modules, which nothing here could give it.
    let required = component
        .resources_required()
        .ok_or_else(|| Error::Imports {
            name: name.to_owned(),
            source: wasmtime::Error::msg("the component imports a core module or a component"),
        })?;
    Ok(Needs {
        memories: required.num_memories,
        tables: required.num_tables,
    })
}

fn find_handler(component: &Component) -> Option<(HandlerKind, ComponentExportIndex)> {
    let kinds = [
        (HandlerKind::Http, HTTP_HANDLER),
        (HandlerKind::Raw, RAW_HANDLER),
    ];
    kinds.into_iter().find_map(|(kind, interface)| {
        let instance = component.get_export_index(None, interface)?;
        let handle = component.get_export_index(Some(&instance), "handle")?;
        Some((kind, handle))
    })
}
