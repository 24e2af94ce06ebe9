//! What the fuzz targets reach that a user reaches by a command alone: a door, with no rule of its
//! own. Not for programs that embed the host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::config::{Compiling, Config, Source};
use crate::instance::Programs;

/// Does what `sockeye check` does with the component at `path`, and returns what it prints.
///
/// # Errors
/// Why the component does not fit; what was printed before that is lost.
pub fn check(path: &Path) -> Result<String, Error> {
    let mut printed = String::new();
    let source = Source::File(path.to_owned());
    crate::cli::check(&source, &Compiling::default(), |text| {
        printed.push_str(&text);
        Ok(())
    })?;
    Ok(printed)
}

/// Compiles and links what `config` names, as a server does before it listens.
///
/// # Errors
/// As of [`serve`](crate::server::serve).
pub fn load(config: &Config) -> Result<(), Error> {
    Programs::load(config).map(drop)
}

/// Makes what `sockeye` with these arguments, the program's name first, would serve.
///
/// # Errors
/// What is wrong with them, or with the configuration file that they name, in words.
pub fn configuration(args: Vec<OsString>) -> Result<Config, String> {
    crate::cli::configuration(args)
}

/// Writes an error as the command line does.
pub fn told(error: &Error) -> String {
    crate::cli::told(error)
}

/// Where the build left the component of a guest.
pub fn guest(name: &str) -> PathBuf {
    Path::new(env!("SOCKEYE_BUILT_IN_GUEST")).with_file_name(format!("{name}.wasm"))
}
