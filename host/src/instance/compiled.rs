//! From a component's file to machine code: compiled now, as a whole or in parts, found in the
//! cache, or compiled before by `sockeye compile`.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

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
    /// On the engine that compiles, which can run nothing.
    component: Component,
    code: Code,
    /// The code of the modules that it imports, where it was taken apart.
    modules: Vec<Arc<Vec<u8>>>,
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
enum Code {
    Bytes(Vec<u8>),
    /// Mapped from there, which costs no time for what is never run.
    File(File),
}

impl Compiled {
    /// Reads a component and compiles it, unless somebody has done that before.
    ///
    /// # Errors
    /// What is wrong with the file or the component, each its own [`Error`].
    pub fn load(compiler: &Engine, source: &Source, how: &Compiling) -> Result<Compiled, Error> {
        let name = source.to_string();
        let bytes = read(source)?;
        let (component, code) = match Engine::detect_precompiled(&bytes) {
            Some(_) if !how.allow_precompiled => return Err(Error::Precompiled { name }),
            Some(Precompiled::Module) => return Err(Error::CoreModule { name }),
            Some(Precompiled::Component) => {
                let code = Code::Bytes(bytes);
                let component = code.load(compiler);
                let component = component.map_err(|source| Error::Incompatible {
                    name: name.clone(),
                    source,
                })?;
                (component, code)
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
            code,
            modules: Vec::new(),
            needs,
        })
    }

    /// What an instance needs of the pool.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The component, for looking at; it cannot be run.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// The component on `engine`, which can run it.
    ///
    /// # Errors
    /// [`Error::Component`], where the code has changed meanwhile.
    pub fn into_runnable(self, engine: &Engine) -> Result<Runnable, Error> {
        let modules = self.modules.iter();
        let modules: Result<_, _> = modules.map(|code| load_module(engine, code)).collect();
        let runnable = modules.and_then(|modules| {
            Ok(Runnable {
                component: self.code.load(engine)?,
                modules,
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

impl Code {
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

/// Makes a module of its code; checks that it is for this version, settings and CPU.
fn load_module(engine: &Engine, code: &[u8]) -> wasmtime::Result<Module> {
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
    let mut codes = Vec::new();
    let mut now = Modules::new();
    let mut compiled = 0;
    for wasm in &parts.modules {
        let key = cache::key(compiler, wasm);
        let (module, code) = match before.get(&key).or_else(|| now.get(&key)) {
            Some(code) => (load_module(compiler, code)?, Arc::clone(code)),
            None => {
                compiled += 1;
                let module = Module::new(compiler, wasm)?;
                let code = Arc::new(module.serialize()?);
                (module, code)
            }
        };
        modules.push(module);
        now.insert(key, Arc::clone(&code));
        codes.push(code);
    }
    let Some(rest) = parts.without(&modules) else {
        return Ok(None);
    };
    let component = Component::from_binary(compiler, &rest)?;
    let needs = parts.instantiated.iter();
    let needs = needs.filter_map(|module| modules.get(*module));
    let needs = needs.map(|module| Needs::of(&module.resources_required()));
    let code = Code::Bytes(component.serialize()?);
    debug!(component = %name, modules = modules.len(), compiled, "compiled in parts");
    kept.keep(name, now);
    Ok(Some(Compiled {
        name: name.to_owned(),
        component,
        code,
        modules: codes,
        needs: needs.fold(Needs::default(), Needs::and),
    }))
}

/// Compiles a component as a whole, unless its code is in the cache.
fn compile(
    compiler: &Engine,
    name: &str,
    bytes: &[u8],
    how: &Compiling,
) -> Result<(Component, Code), Error> {
    let fail = |source| Error::Component {
        name: name.to_owned(),
        source,
    };
    let Some(cache) = &how.cache else {
        let component = Component::from_binary(compiler, bytes).map_err(fail)?;
        let code = component.serialize().map_err(fail)?;
        return Ok((component, Code::Bytes(code)));
    };
    let entry = cache.entry(compiler, bytes);
    let path = entry.path().display();
    match entry.open() {
        Ok(file) => {
            let code = Code::File(file);
            match code.load(compiler) {
                Ok(component) => return Ok((component, code)),
                Err(error) => warn!(%path, %error, "compiling again"),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => warn!(%path, %error, "compiling again"),
    }
    let component = Component::from_binary(compiler, bytes).map_err(fail)?;
    let code = component.serialize().map_err(fail)?;
    let code = match entry.write(&code) {
        Ok(file) => Code::File(file),
        Err(error) => {
            warn!(%path, %error, "failed to keep a compiled component");
            Code::Bytes(code)
        }
    };
    Ok((component, code))
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
