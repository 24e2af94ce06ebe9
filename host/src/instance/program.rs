//! Components made ready to be instantiated: compiled, linked, their handlers found.

use std::fmt;

use tracing::debug;
use wasmtime::Engine;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

use super::capacity;
use super::compiled::{Compiled, Runnable};
use super::engine::{self, Compiler, InitialData, Needs, Target};
use super::parts;
use crate::Error;
use crate::config::{Compiling, Config, Source};
use crate::imports::{self, Guest, InitialMemory};

/// Which of the two interfaces a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerKind {
    /// `handler`: any protocol.
    Raw,
    /// `http-handler`: the client speaks HTTP/1 first.
    Http,
}

impl HandlerKind {
    /// Both, in the order in which they are looked for.
    const ALL: [HandlerKind; 2] = [HandlerKind::Http, HandlerKind::Raw];

    /// The interface that a component exports.
    pub fn interface(self) -> &'static str {
        match self {
            HandlerKind::Raw => "sockeye:net/handler@0.1.0",
            HandlerKind::Http => "sockeye:net/http-handler@0.1.0",
        }
    }

    /// The world of the contract that exports it and no other.
    pub fn world(self) -> &'static str {
        match self {
            HandlerKind::Raw => "service",
            HandlerKind::Http => "http-service",
        }
    }

    /// Which of the two a core module exports by `name`.
    pub fn of_export(name: &str) -> Option<HandlerKind> {
        let interface = name.strip_suffix("#handle")?;
        let mut kinds = HandlerKind::ALL.into_iter();
        kinds.find(|kind| kind.interface() == interface)
    }

    /// Finds the handler that a component exports.
    pub fn of(component: &Component) -> Option<(HandlerKind, ComponentExportIndex)> {
        HandlerKind::ALL.into_iter().find_map(|kind| {
            let instance = component.get_export_index(None, kind.interface())?;
            let handle = component.get_export_index(Some(&instance), "handle")?;
            Some((kind, handle))
        })
    }
}

/// Every component of a server, on the one engine that runs them.
#[derive(Debug)]
pub struct Programs {
    /// What made them, and can make others that fit into the same pool.
    pub loader: Loader,
    /// How many instances the pool holds.
    pub instances_max: u32,
    /// The components, in the order of the configuration's services.
    pub each: Vec<Program>,
}

/// Makes programs for the one engine that runs them.
pub struct Loader {
    /// The engine whose pool the instances come from.
    pub engine: Engine,
    linker: Linker<Guest>,
    /// What the pool was made for.
    needs: Needs,
    target: Target,
    instance_bytes_max: usize,
    compiling: Compiling,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

/// A component with all it takes to make instances of it. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    /// What clients are to speak.
    pub kind: HandlerKind,
    pub(super) pre: InstancePre<Guest>,
    pub(super) handle: ComponentExportIndex,
    /// What an instance begins with, at most.
    pub(super) initial: InitialMemory,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Programs {
    /// Reads, compiles and links the component of every service of `config`.
    ///
    /// # Errors
    /// What is wrong with a file, a component or the limits, each its own [`Error`].
    pub fn load(config: &Config) -> Result<Programs, Error> {
        let (target, compiled) = compile(config)?;
        let limit = config.limits.instance_bytes_max;
        for (service, compiled) in config.services.iter().zip(&compiled) {
            check_memory(&service.component, compiled.needs(), limit)?;
        }
        let needs = needs_of(&compiled);
        let asked = config.limits.instances_max;
        let instances_max = capacity::instances_max(asked, needs.memories, target.data)?;
        let engine = engine::running(instances_max, needs, target, &config.limits)?;
        let linker = linker(&engine)?;
        let each = config.services.iter().zip(compiled);
        let each = each.map(|(service, compiled)| {
            Program::link(
                &linker,
                &service.component,
                &compiled.into_runnable(&engine)?,
            )
        });
        Ok(Programs {
            instances_max,
            each: each.collect::<Result<_, _>>()?,
            loader: Loader {
                engine,
                linker,
                needs,
                target,
                instance_bytes_max: limit,
                compiling: config.compiling.clone(),
            },
        })
    }
}

impl Loader {
    /// Reads, compiles and links a component that is to replace one of `kind`.
    ///
    /// # Errors
    /// What is wrong with the file or the component, as at the start; [`Error::OtherHandler`] and
    /// [`Error::LargerPool`] where it cannot take the place of the other, and
    /// [`Error::OtherCompiler`] where its code could not run beside that of the other.
    ///
    /// # Blocking
    /// For as long as it takes to compile.
    pub fn load(&self, source: &Source, kind: HandlerKind) -> Result<Program, Error> {
        let compiled = self.compile(source)?;
        let needs = compiled.needs();
        check_memory(source, needs, self.instance_bytes_max)?;
        if needs.memories > self.needs.memories || needs.tables > self.needs.tables {
            let name = source.to_string();
            return Err(Error::LargerPool { name });
        }
        let runnable = compiled.into_runnable(&self.engine)?;
        let program = Program::link(&self.linker, source, &runnable)?;
        if program.kind != kind {
            return Err(Error::OtherHandler {
                name: source.to_string(),
                exports: program.kind.interface(),
                served: kind.interface(),
            });
        }
        Ok(program)
    }

    /// Reads and compiles a component by the compiler of the others.
    fn compile(&self, source: &Source) -> Result<Compiled, Error> {
        // On the engine that runs it, whose code need not be moved. Its pool may be what refuses
        // it: in that case another engine, which has none, finds out what it needs.
        if self.compiling.quick.is_some()
            && let Ok(compiled) = Compiled::load(&self.engine, source, &self.compiling)
        {
            return Ok(compiled);
        }
        let compiler = engine::compiling(self.target)?;
        let compiled = Compiled::load(&compiler, source, &self.compiling);
        compiled.map_err(|error| self.or_other_compiler(source, error))
    }

    /// Returns `error`, or that another compiler could do what that of the others cannot.
    fn or_other_compiler(&self, source: &Source, error: Error) -> Error {
        if self.target.compiler != Compiler::Baseline {
            return error;
        }
        let other = Target {
            compiler: Compiler::Unoptimizing,
            ..self.target
        };
        let whole = Compiling {
            quick: None,
            ..self.compiling.clone()
        };
        let compiled =
            engine::compiling(other).and_then(|compiler| Compiled::load(&compiler, source, &whole));
        match compiled {
            // Whatever is wrong, it is said as at the start.
            Err(error) => error,
            Ok(_) => Error::OtherCompiler {
                name: source.to_string(),
                source: Box::new(error),
            },
        }
    }
}

/// Compiles the component of every service, by the quickest compiler that knows all that they need
/// where it is to be quick.
fn compile(config: &Config) -> Result<(Target, Vec<Compiled>), Error> {
    if config.compiling.quick.is_none() {
        return compile_by(config, Compiler::Optimizing);
    }
    compile_by(config, Compiler::Baseline).or_else(|error| {
        // What is wrong for every compiler is found again.
        debug!(reason = %error.in_one_line(), "compiling without the baseline compiler");
        compile_by(config, Compiler::Unoptimizing)
    })
}

/// Compiles the component of every service, for as many instances as are asked for.
fn compile_by(config: &Config, compiler: Compiler) -> Result<(Target, Vec<Compiled>), Error> {
    let asked = config.limits.instances_max;
    // Each has a memory at least; whether there are more, only the compiler finds out.
    let data = capacity::initial_data(asked, 1);
    let guess = Target { data, compiler };
    let compiled = compile_for(config, guess)?;
    let memories = needs_of(&compiled.1).memories;
    match capacity::initial_data(asked, memories) {
        data if data == guess.data => Ok(compiled),
        data => compile_for(config, Target { data, compiler }),
    }
}

/// The same for memories that begin like this, or with images where a component is machine code
/// already: `sockeye compile` does not know how many instances there will be.
fn compile_for(config: &Config, target: Target) -> Result<(Target, Vec<Compiled>), Error> {
    let compiler = engine::compiling(target)?;
    let services = config.services.iter();
    let compiled: Result<_, _> = services
        .map(|service| Compiled::load(&compiler, &service.component, &config.compiling))
        .collect();
    match compiled {
        Err(Error::Incompatible { .. }) if target.data == InitialData::Copied => {
            let data = InitialData::Mapped;
            compile_for(config, Target { data, ..target })
        }
        compiled => Ok((target, compiled?)),
    }
}

/// What is enough for any of them. One pool for all: any instance fits into any of its places.
fn needs_of(compiled: &[Compiled]) -> Needs {
    let needs = compiled.iter().map(Compiled::needs);
    needs.fold(Needs::default(), Needs::max)
}

fn check_memory(source: &Source, needs: Needs, limit: usize) -> Result<(), Error> {
    let needed = needs.memory_bytes;
    if needed <= limit {
        return Ok(());
    }
    Err(Error::MemoryLimit {
        name: source.to_string(),
        needed,
        limit,
    })
}

impl Program {
    /// Links a component and finds its handler.
    ///
    /// # Errors
    /// [`Error::Imports`], [`Error::NoHandler`] and [`Error::WasiHttp`].
    pub fn link(
        linker: &Linker<Guest>,
        source: &Source,
        runnable: &Runnable,
    ) -> Result<Program, Error> {
        let component = &runnable.component;
        let name = || source.to_string();
        let Some((kind, handle)) = HandlerKind::of(component) else {
            let types = component.component_type();
            let mut exports = types.exports(linker.engine());
            return Err(
                match exports.any(|(name, _)| name.starts_with("wasi:http/")) {
                    true => Error::WasiHttp { name: name() },
                    false => Error::NoHandler { name: name() },
                },
            );
        };
        let fail = |source| Error::Imports {
            name: name(),
            source,
        };
        let mut linker = linker.clone();
        for (index, module) in runnable.modules.iter().enumerate() {
            let mut root = linker.root();
            root.module(&parts::import_name(index), module)
                .map_err(fail)?;
        }
        let needs = runnable.needs;
        Ok(Program {
            kind,
            pre: linker.instantiate_pre(component).map_err(fail)?,
            handle,
            initial: InitialMemory {
                bytes: needs.memory_bytes.saturating_mul(needs.memories as usize),
                elements: needs.table_elements.saturating_mul(needs.tables as usize),
            },
        })
    }
}

/// Makes a linker with everything that a component may import.
///
/// # Errors
/// [`Error::Engine`], which is a defect of the host.
pub fn linker(engine: &Engine) -> Result<Linker<Guest>, Error> {
    let mut linker = Linker::new(engine);
    imports::add_to_linker(&mut linker).map_err(Error::Engine)?;
    Ok(linker)
}
