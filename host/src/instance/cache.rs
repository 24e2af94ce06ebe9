//! Compiled components on the disk, so that the second start is quick.
//!
//! A file's name says what it was made of and for: the component's SHA-256, the version and the
//! settings of the compiler. Nothing else tells whether the native code in it is the right one, so
//! nobody but this user may have been able to write it: the directory is looked at, and so is each
//! file, by way of the descriptor that is then used.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// With more than this, what was not used for the longest time is removed.
const BYTES_MAX: u64 = 1 << 30;

/// What a crash left half-written is removed after this time.
const PARTIAL_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

const EXTENSION: &str = "cwasm";
const PARTIAL_EXTENSION: &str = "partial";

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

/// Names what `compiler` makes of `wasm`, by all that it depends on.
pub(super) fn key(compiler: &Engine, wasm: &[u8]) -> String {
    let mut settings = DefaultHasher::new();
    compiler.precompile_compatibility_hash().hash(&mut settings);
    let digest = Sha256::digest(wasm);
    format!("{digest:x}-{:016x}", settings.finish())
}

impl CodeCache {
    /// Opens the cache at `dir`, and makes the directory where it is missing.
    ///
    /// # Errors
    /// What the system says, and `PermissionDenied` where somebody else can write to it.
    pub fn open(dir: &Path) -> io::Result<CodeCache> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        check_own(&fs::metadata(dir)?)?;
        let dir = dir.canonicalize()?;
        Ok(CodeCache { dir })
    }

    /// Returns the place of what `compiler` makes of `component`.
    pub fn entry(&self, compiler: &Engine, component: &[u8]) -> Entry<'_> {
        let name = format!("{}.{EXTENSION}", key(compiler, component));
        Entry {
            cache: self,
            path: self.dir.join(name),
        }
    }

    /// Removes what was not used for the longest time until the rest is small enough.
    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.dir)? {
            let path = file?.path();
            // Another server may have removed it in between.
            let Ok(found) = fs::symlink_metadata(&path) else {
                continue;
            };
            let used = found.modified()?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(EXTENSION) => files.push((used, found.len(), path)),
                Some(PARTIAL_EXTENSION)
                    if used.elapsed().is_ok_and(|age| age > PARTIAL_AGE_MAX) =>
                {
                    remove(&path)?;
                }
                _ => {}
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if bytes <= BYTES_MAX {
                break;
            }
            remove(&path)?;
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

    /// Opens what is there, and notes that it was used.
    ///
    /// # Errors
    /// `NotFound`, and `PermissionDenied` where somebody else could have written it.
    pub fn open(&self) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&self.path)?;
        let found = file.metadata()?;
        check_own(&found)?;
        if !found.is_file() || found.nlink() != 1 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // Only decides what is removed first; a directory that cannot be written to is used, too.
        let _ = file.set_modified(SystemTime::now());
        Ok(file)
    }

    /// Keeps `code` for the next time, and opens it. Nobody ever sees half of it.
    ///
    /// # Errors
    /// What the system says, such as a full disk.
    pub fn write(&self, code: &[u8]) -> io::Result<File> {
        let mut partial = tempfile::Builder::new()
            .suffix(&format!(".{PARTIAL_EXTENSION}"))
            .tempfile_in(&self.cache.dir)?;
        partial.write_all(code)?;
        // After a crash there must be no file whose name is right and whose content is not.
        partial.as_file().sync_all()?;
        partial.persist(&self.path)?;
        self.cache.prune()?;
        self.open()
    }
}

fn check_own(found: &Metadata) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own || found.mode() & 0o022 != 0 {
        let text = "somebody else can write to it, and what lies in it is run as native code";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
