//! From a component's file to machine code: compiled now, found in the cache, or compiled before
//! by `sockeye compile`.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;

use tracing::warn;
use wasmtime::component::Component;
use wasmtime::{Engine, Precompiled};

use super::engine::Needs;
use crate::Error;
use crate::config::{Compiling, Source};

/// The component that is built into the host.
const BUILT_IN: &[u8] = include_bytes!(env!("SOCKEYE_BUILT_IN_GUEST"));

/// A page of linear memory.
pub(super) const PAGE_BYTES: usize = 64 * 1024;

/// A component in machine code, for any engine of this program's settings.
pub struct Compiled {
    name: String,
    /// On the engine that compiles, which can run nothing.
    component: Component,
    code: Code,
    needs: Needs,
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
            None => compile(compiler, &name, &bytes, how)?,
        };
        let needs = needs_of(&name, &component)?;
        Ok(Compiled {
            name,
            component,
            code,
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
    pub fn into_component(self, engine: &Engine) -> Result<Component, Error> {
        self.code.load(engine).map_err(|source| Error::Component {
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

fn compile(
    compiler: &Engine,
    name: &str,
    bytes: &[u8],
    how: &Compiling,
) -> Result<(Component, Code), Error> {
    let name = || name.to_owned();
    // The preamble: magic, then version and layer. A core module has layer 0, a component 1.
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => {
            return Err(Error::CoreModule { name: name() });
        }
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => {}
        _ => return Err(Error::NotWasm { name: name() }),
    }
    let fail = |source| Error::Component {
        name: name(),
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
    Ok(Needs {
        memories: required.num_memories,
        tables: required.num_tables,
        memory_bytes: required
            .max_initial_memory_size
            .and_then(|pages| usize::try_from(pages).ok()?.checked_mul(PAGE_BYTES))
            .unwrap_or(0),
    })
}
