//! From a component's file to machine code: compiled now, as a whole or in parts, found in the
//! cache, or compiled before by `sockeye compile`.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;

use tracing::{debug, warn};
use wasmtime::component::Component;
use wasmtime::{Engine, Module, Precompiled};

use super::cache;
use super::engine::Needs;
use super::parts::{ModuleCache, Modules, Parts};
use crate::Error;
use crate::config::{Compiling, Source};

/// The component that is built into the host.
const BUILT_IN: &[u8] = include_bytes!(env!("SOCKEYE_BUILT_IN_GUEST"));

/// A component in machine code, for any engine of this program's settings.
pub struct Compiled {
    name: String,
    /// On the engine that has compiled it; one that only compiles can run nothing.
    component: Component,
    /// Where its code is besides, if it is in the cache.
    file: Option<File>,
    /// The modules that it imports, where it was taken apart.
    modules: Vec<Module>,
    needs: Needs,
}

/// A component on the engine that runs it.
pub struct Runnable {
    /// The component itself.
    pub component: Component,
    /// The modules that it imports, where it was taken apart.
    pub modules: Vec<Module>,
    /// What an instance needs of the pool.
    pub needs: Needs,
}

/// Where the machine code is.
enum Code<'a> {
    Bytes(&'a [u8]),
    /// Mapped from there, which costs no time for what is never run.
    File(&'a File),
}

impl Compiled {
    /// Reads a component and compiles it, unless somebody has done that before.
    ///
    /// # Errors
    /// What is wrong with the file or the component, each its own [`Error`].
    pub fn load(compiler: &Engine, source: &Source, how: &Compiling) -> Result<Compiled, Error> {
        let name = source.to_string();
        let bytes = read(source)?;
        let (component, file) = match Engine::detect_precompiled(&bytes) {
            Some(_) if !how.allow_precompiled => return Err(Error::Precompiled { name }),
            Some(Precompiled::Module) => return Err(Error::CoreModule { name }),
            Some(Precompiled::Component) => {
                let component = Code::Bytes(&bytes).load(compiler);
                let component = component.map_err(|source| Error::Incompatible {
                    name: name.clone(),
                    source,
                })?;
                (component, None)
            }
            None => {
                check_preamble(&name, &bytes)?;
                if let Some(kept) = &how.quick {
                    match compile_parts(compiler, &name, &bytes, kept) {
                        Ok(Some(compiled)) => return Ok(compiled),
                        Ok(None) => {}
                        // As a whole, its error is about the file.
                        Err(error) => debug!(%error, "failed to compile in parts"),
                    }
                }
                compile(compiler, &name, &bytes, how)?
            }
        };
        let needs = needs_of(&name, &component)?;
        Ok(Compiled {
            name,
            component,
            file,
            modules: Vec::new(),
            needs,
        })
    }

    /// What an instance needs of the pool.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The component on the engine that has compiled it, for looking at.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// The component on `engine`, which can run it.
    ///
    /// # Errors
    /// [`Error::Component`], where the code has changed meanwhile.
    pub fn into_runnable(self, engine: &Engine) -> Result<Runnable, Error> {
        let runnable = component_on(engine, self.component, self.file.as_ref());
        let runnable = runnable.and_then(|component| {
            let modules = self.modules.iter();
            let modules: Result<_, _> = modules.map(|module| module_on(engine, module)).collect();
            Ok(Runnable {
                component,
                modules: modules?,
                needs: self.needs,
            })
        });
        runnable.map_err(|source| Error::Component {
            name: self.name,
            source,
        })
    }

    /// The machine code, as a file that [`load`](Self::load) takes.
    ///
    /// # Errors
    /// [`Error::Component`], where the component cannot be serialised.
    pub fn code(&self) -> Result<Vec<u8>, Error> {
        self.component
            .serialize()
            .map_err(|source| Error::Component {
                name: self.name.clone(),
                source,
            })
    }
}

impl Code<'_> {
    /// Makes a component of the code; checks that it is for this version, settings and CPU.
    fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the code is what `Component::serialize` returned. It comes from this process; or
        // from the cache, by a descriptor of a file that was found to be writable by this user
        // alone; or from a file that the operator vouches for with `--allow-precompiled`.
        #[allow(unsafe_code)]
        unsafe {
            match self {
                Code::Bytes(bytes) => Component::deserialize(engine, bytes),
                Code::File(file) => Component::deserialize_file(engine, path_of(file)),
            }
        }
    }
}

/// A component on an engine that may be another one than its own; `file` has its code.
fn component_on(
    engine: &Engine,
    component: Component,
    file: Option<&File>,
) -> wasmtime::Result<Component> {
    match file {
        _ if Engine::same(component.engine(), engine) => Ok(component),
        Some(file) => Code::File(file).load(engine),
        None => Code::Bytes(&component.serialize()?).load(engine),
    }
}

/// The same for a module.
fn module_on(engine: &Engine, module: &Module) -> wasmtime::Result<Module> {
    if Engine::same(module.engine(), engine) {
        return Ok(module.clone());
    }
    let code = module.serialize()?;
    // SAFETY: the code is what `Module::serialize` returned in this process.
    #[allow(unsafe_code)]
    unsafe {
        Module::deserialize(engine, code)
    }
}

/// A path that leads to this descriptor's file, whatever lies at the path it was opened at.
fn path_of(file: &File) -> String {
    let directory = if cfg!(target_os = "linux") {
        "/proc/self/fd"
    } else {
        "/dev/fd"
    };
    format!("{directory}/{}", file.as_raw_fd())
}

fn read(source: &Source) -> Result<Vec<u8>, Error> {
    match source {
        Source::BuiltIn => Ok(BUILT_IN.to_vec()),
        Source::File(path) => fs::read(path).map_err(|error| Error::ReadComponent {
            name: source.to_string(),
            source: error,
        }),
    }
}

/// Looks at magic, then version and layer. A core module has layer 0, a component 1.
fn check_preamble(name: &str, bytes: &[u8]) -> Result<(), Error> {
    let name = name.to_owned();
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(Error::CoreModule { name }),
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        _ => Err(Error::NotWasm { name }),
    }
}

/// Compiles the modules of a component that are not `kept` from last time, and what is left of it.
/// `None` where it is not to be taken apart.
fn compile_parts(
    compiler: &Engine,
    name: &str,
    bytes: &[u8],
    kept: &ModuleCache,
) -> wasmtime::Result<Option<Compiled>> {
    let Some(parts) = Parts::of(bytes) else {
        return Ok(None);
    };
    let before = kept.of(name);
    let mut modules = Vec::new();
    let mut now = Modules::new();
    let mut compiled = 0;
    for wasm in &parts.modules {
        let key = cache::key(compiler, wasm);
        let module = match before.get(&key).or_else(|| now.get(&key)) {
            Some(module) => module_on(compiler, module)?,
            None => {
                compiled += 1;
                Module::new(compiler, wasm)?
            }
        };
        now.insert(key, module.clone());
        modules.push(module);
    }
    let Some(rest) = parts.without(&modules) else {
        return Ok(None);
    };
    let component = Component::from_binary(compiler, &rest)?;
    let instantiated = parts.instantiated.iter();
    let instantiated = instantiated.filter_map(|module| modules.get(*module));
    let needs = instantiated.map(|module| Needs::of(&module.resources_required()));
    let needs = needs.fold(Needs::default(), Needs::and);
    debug!(component = %name, modules = modules.len(), compiled, "compiled in parts");
    kept.keep(name, now);
    Ok(Some(Compiled {
        name: name.to_owned(),
        component,
        file: None,
        modules,
        needs,
    }))
}

/// Compiles a component as a whole, unless its code is in the cache.
fn compile(
    compiler: &Engine,
    name: &str,
    bytes: &[u8],
    how: &Compiling,
) -> Result<(Component, Option<File>), Error> {
    let fail = |source| Error::Component {
        name: name.to_owned(),
        source,
    };
    let Some(cache) = &how.cache else {
        let component = Component::from_binary(compiler, bytes).map_err(fail)?;
        return Ok((component, None));
    };
    let entry = cache.entry(compiler, bytes);
    let path = entry.path().display();
    match entry.open() {
        Ok(file) => match Code::File(&file).load(compiler) {
            Ok(component) => return Ok((component, Some(file))),
            Err(error) => warn!(%path, %error, "compiling again"),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => warn!(%path, %error, "compiling again"),
    }
    let component = Component::from_binary(compiler, bytes).map_err(fail)?;
    let code = component.serialize().map_err(fail)?;
    let file = entry.write(&code).inspect_err(|error| {
        warn!(%path, %error, "failed to keep a compiled component");
    });
    Ok((component, file.ok()))
}

fn needs_of(name: &str, component: &Component) -> Result<Needs, Error> {
    // `None` where the component imports modules, which nothing here could give it.
    let required = component
        .resources_required()
        .ok_or_else(|| Error::Imports {
            name: name.to_owned(),
            source: wasmtime::Error::msg("the component imports a core module or a component"),
        })?;
    Ok(Needs::of(&required))
}
