//! Directories that exist as long as the test that made them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// A directory below the target directory, removed when dropped.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes an empty directory.
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", process::id());
        let path = target_dir().join("test-scratch").join(name);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    /// Returns the absolute path of the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the absolute path of the directory as text, for a command line.
    pub(crate) fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Writes a file, with the directories above it, and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays below the target directory, which `cargo clean` empties.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Returns the target directory: the grandparent of the binary under test.
pub(crate) fn target_dir() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_sockeye"));
    binary.ancestors().nth(2).unwrap().to_owned()
}

/// Returns the component that the build left for the guest `name`.
pub(crate) fn component(name: &str) -> PathBuf {
    // The build script's word, so that both always mean the same directory.
    Path::new(env!("SOCKEYE_BUILT_IN_GUEST")).with_file_name(format!("{name}.wasm"))
}

/// Returns the directory of the workspace.
pub(crate) fn workspace_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}
