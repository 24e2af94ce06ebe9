//! What is served: a page, a large file, and the services that stand beside them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::{Common, Problem};

/// The file that nobody who stops reading it ever gets to the end of.
pub(crate) const FILE_BYTES: usize = 10 << 20;

const PAGE_BYTES: usize = 2 << 10;

/// The files of the site; the directory is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Files {
    directory: TempDir,
    /// What is at `/page.txt`.
    pub(crate) page: Arc<[u8]>,
    /// What is at `/file.bin`.
    pub(crate) file: Arc<[u8]>,
}

impl Files {
    /// Writes the files into a directory of their own.
    pub(crate) fn write(seed: u64) -> Result<Self, Problem> {
        let directory = TempDir::with_prefix("sockeye-soak-")?;
        let mut random = fastrand::Rng::with_seed(seed);
        let page: Arc<[u8]> = (0..PAGE_BYTES)
            .map(|_| random.alphanumeric() as u8)
            .collect();
        let mut file = vec![0; FILE_BYTES];
        random.fill(&mut file);
        fs::write(directory.path().join("page.txt"), &page)?;
        fs::write(directory.path().join("file.bin"), &file)?;
        Ok(Self {
            directory,
            page,
            file: file.into(),
        })
    }

    /// The table of the service that serves the files.
    pub(crate) fn service(&self) -> String {
        let root = self.directory.path().display();
        format!("[[service]]\nlisten = \"127.0.0.1:0\"\nroot = \"{root}\"\n\n")
    }
}

/// The table of a service for the component `name`.
///
/// # Errors
/// Where the build has not left it.
pub(crate) fn service(common: &Common, name: &str) -> Result<String, Problem> {
    let path = common.guests.join(format!("{name}.wasm"));
    let path = absolute(&path)?;
    Ok(format!(
        "[[service]]\nlisten = \"127.0.0.1:0\"\ncomponent = \"{path}\"\n\n"
    ))
}

fn absolute(path: &Path) -> Result<String, Problem> {
    let path = path
        .canonicalize()
        .map_err(|error| format!("`{}`: {error}; has it been built?", path.display()))?;
    Ok(path.display().to_string())
}

/// Where what is, for the clients.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) files: SocketAddr,
    pub(crate) uploads: SocketAddr,
    /// Where lines are sent back, if anywhere.
    pub(crate) lines: Option<SocketAddr>,
    pub(crate) page: Arc<[u8]>,
    pub(crate) file: Arc<[u8]>,
}
