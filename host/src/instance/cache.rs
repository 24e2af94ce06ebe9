//! Compiled components on the disk, so that the second start is quick.
//!
//! A file's name says what it was made of and for: the component's SHA-256, the version and the
//! settings of the compiler. Nothing but the name is checked when a file is used, so the directory
//! must be writable by nobody else: what lies in it is native code.

use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// With more than this, what was not used for the longest time is removed.
const BYTES_MAX: u64 = 1 << 30;

const EXTENSION: &str = "cwasm";

/// A directory of compiled components that only this user can write to.
#[derive(Clone, Debug)]
pub struct CodeCache {
    dir: PathBuf,
}

/// The place of one component in the cache.
#[derive(Debug)]
pub struct Entry<'a> {
    cache: &'a CodeCache,
    path: PathBuf,
}

impl CodeCache {
    /// Opens the cache at `dir`, and makes the directory where it is missing.
    ///
    /// # Errors
    /// What the system says, and `PermissionDenied` where somebody else can write to it.
    pub fn open(dir: &Path) -> io::Result<CodeCache> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let found = fs::metadata(dir)?;
        let own = rustix::process::geteuid().as_raw();
        if found.uid() != own || found.mode() & 0o022 != 0 {
            let text = "somebody else can write to it, and what lies in it is run as native code";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let dir = dir.canonicalize()?;
        Ok(CodeCache { dir })
    }

    /// Returns the place of what `compiler` makes of `component`.
    pub fn entry(&self, compiler: &Engine, component: &[u8]) -> Entry<'_> {
        let mut settings = DefaultHasher::new();
        compiler.precompile_compatibility_hash().hash(&mut settings);
        env!("CARGO_PKG_VERSION").hash(&mut settings);
        let digest = Sha256::digest(component);
        let name = format!("{digest:x}-{:016x}.{EXTENSION}", settings.finish());
        Entry {
            cache: self,
            path: self.dir.join(name),
        }
    }

    /// Removes what was not used for the longest time until the rest is small enough.
    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.dir)? {
            let file = file?;
            if file.path().extension().is_some_and(|ext| ext == EXTENSION) {
                let found = file.metadata()?;
                files.push((found.modified()?, found.len(), file.path()));
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if bytes <= BYTES_MAX {
                break;
            }
            fs::remove_file(path)?;
            bytes -= length;
        }
        Ok(())
    }
}

impl Entry<'_> {
    /// Where the compiled component is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether it is there, and notes that it was used.
    pub fn is_there(&self) -> bool {
        // Reading is enough to use it; the time only decides what is removed first.
        let used = |file: File| file.set_modified(SystemTime::now());
        File::open(&self.path).map(used).is_ok()
    }

    /// Keeps `code` for the next time. Nobody ever sees half of it.
    ///
    /// # Errors
    /// What the system says, such as a full disk.
    pub fn write(&self, code: &[u8]) -> io::Result<()> {
        let partial = self
            .path
            .with_extension(format!("partial-{}", std::process::id()));
        let written = File::create(&partial).and_then(|mut file| {
            file.write_all(code)?;
            // After a crash there must be no file whose name is right and whose content is not.
            file.sync_all()
        });
        let renamed = written.and_then(|()| fs::rename(&partial, &self.path));
        if renamed.is_err() {
            // What cannot be removed is not taken for anything else.
            let _ = fs::remove_file(&partial);
        }
        renamed?;
        self.cache.prune()
    }
}
