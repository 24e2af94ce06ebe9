//! The sources of a project, looked at again and again.
//!
//! By looking, not by events of the kernel: that works on every file system, and survives whatever
//! an editor or a checkout does to directories.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::ProjectError;

/// How many paths are looked at; more would be those of a build, not those of a person.
const PATHS_MAX: usize = 10_000;

/// What builds leave beside sources, besides what is hidden.
const LEFT_BY_BUILDS: [&str; 5] = [
    "__pycache__",
    "build",
    "handler.wasm",
    "node_modules",
    "target",
];

/// What tells one state of a file from another: when and how long it was written, and which it is.
pub(super) type Stamp = (i64, i64, u64, u64);

/// Every file at one moment.
type Snapshot = BTreeMap<PathBuf, Stamp>;

/// What a project is built of.
pub(super) struct Sources {
    watch: Vec<PathBuf>,
    /// What there was when the last build began.
    built: Snapshot,
    /// What there was at the last look.
    seen: Snapshot,
}

/// What a look has found.
pub(super) enum Changes {
    None,
    /// Something has changed since the last look: who saves several files is not done after the
    /// first.
    Fresh,
    /// Something has changed, and nothing any more since the last look.
    Settled,
}

impl Sources {
    /// Looks at the files and directories of `watch`, for the first time.
    ///
    /// # Errors
    /// [`ProjectError::Watch`], where there is no file or there are too many.
    pub(super) fn new(watch: Vec<PathBuf>) -> Result<Sources, ProjectError> {
        let (seen, is_whole) = look(&watch);
        let found = match (seen.is_empty(), is_whole) {
            (true, _) => "no file",
            (_, false) => "more than 10,000 files and directories",
            _ => {
                let built = seen.clone();
                return Ok(Sources { watch, built, seen });
            }
        };
        Err(ProjectError::Watch { found })
    }

    /// Looks again, and says what has changed since the last build began.
    pub(super) fn changes(&mut self) -> Changes {
        let (now, _) = look(&self.watch);
        let is_settled = now == self.seen;
        self.seen = now;
        match self.seen != self.built {
            false => Changes::None,
            true if is_settled => Changes::Settled,
            true => Changes::Fresh,
        }
    }

    /// Notes that a build begins.
    pub(super) fn building(&mut self) {
        (self.built, _) = look(&self.watch);
        self.seen.clone_from(&self.built);
    }

    /// Returns a file that is no longer what it was when the last build began.
    pub(super) fn changed_since(&self) -> Option<PathBuf> {
        let (now, _) = look(&self.watch);
        let differs = |path: &&PathBuf| now.get(*path) != self.built.get(*path);
        now.keys().chain(self.built.keys()).find(differs).cloned()
    }
}

/// Looks at every file, and says whether those were all.
fn look(watch: &[PathBuf]) -> (Snapshot, bool) {
    let mut found = Snapshot::new();
    let mut paths = watch.to_vec();
    let mut count = 0;
    while let Some(path) = paths.pop() {
        count += 1;
        if count > PATHS_MAX {
            return (found, false);
        }
        match fs::read_dir(&path) {
            Ok(entries) => {
                let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
                paths.extend(entries.filter(|path| is_source(path)));
            }
            Err(_) => found.extend(stamp(&path).map(|stamp| (path, stamp))),
        }
    }
    (found, true)
}

/// Whether a person has written the file; what editors leave beside it is hidden or ends in `~`.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let bytes = name.as_bytes();
    let is_left = LEFT_BY_BUILDS.iter().any(|left| name == *left);
    !bytes.starts_with(b".") && !bytes.ends_with(b"~") && !is_left
}

/// Looks at one file.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino()))
}
