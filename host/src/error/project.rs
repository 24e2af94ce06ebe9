//! What can be wrong with a project of `sockeye new` and `sockeye dev`.

use std::io;
use std::path::PathBuf;

/// Why a project cannot be made or worked on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// It cannot have this name.
    #[error("`{name}` cannot be the name of a project")]
    Name {
        /// The path as it was given.
        name: String,
    },
    /// It cannot be written.
    #[error("failed to make the project `{path}`", path = path.display())]
    New {
        /// Where it was to be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is none.
    #[error("nothing says how this project is built")]
    NoDevelopment,
    /// Its sources cannot be watched.
    #[error("{found} to watch for a change")]
    Watch {
        /// What was found.
        found: &'static str,
    },
}

impl ProjectError {
    /// What can be done about it.
    pub fn hint(&self) -> &'static str {
        match self {
            ProjectError::Name { .. } => {
                "write lower-case letters, digits and dashes, a letter first"
            }
            ProjectError::New { .. } => {
                "give the path of a directory that does not exist yet, in one that does"
            }
            ProjectError::NoDevelopment => {
                "write a `[dev]` table with `build` and `watch` in `sockeye.toml`, or begin with \
                 `sockeye new`"
            }
            ProjectError::Watch { .. } => {
                "`watch` in `[dev]` lists the files and directories of the sources, not what a \
                 build leaves"
            }
        }
    }
}
