//! What must hold of sockeye for any input, as plain functions: `cargo fuzz` calls them with what
//! it invents, and `tests/stable.rs` with the corpus and with what proptest invents.
//!
//! Each compares the real code with a reference that is written from the RFC, as simply and with
//! as little regard for speed as possible, or with what must come back of a round trip. A body
//! fails by a panic. What a reference shares with the code that it checks shows nothing, so nothing
//! here calls the parsers' own helpers.

mod chunked;
mod component;
mod conditions;
mod dates;
mod head;
mod http_reference;
mod paths;
mod pieces;
mod ranges;
mod settings;
mod worker;

use std::{env, fs, io};

pub use chunked::chunked;
pub use component::component;
pub use conditions::conditions;
pub use head::head;
pub use paths::paths;
pub use ranges::ranges;
pub use settings::settings;
pub use worker::worker;

/// A property of an input: returns where it holds, and panics where it does not.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its binary and of its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 8] = [
    ("head", head),
    ("chunked", chunked),
    ("ranges", ranges),
    ("conditions", conditions),
    ("paths", paths),
    ("settings", settings),
    ("component", component),
    ("worker", worker),
];

/// Runs a target on the files that the command line names, to see a crash again without nightly.
///
/// # Errors
/// A file cannot be read.
pub fn run_files(target: Target) -> io::Result<()> {
    for path in env::args_os().skip(1) {
        target(&fs::read(&path)?);
        println!("{}: holds", path.display());
    }
    Ok(())
}
