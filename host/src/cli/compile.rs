//! `sockeye compile`: machine code in a file, for servers that are not to compile at their start.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::check::quoted;
use crate::Error;
use crate::config::{Compiling, Source};
use crate::instance::{Compiled, InitialData, compiling};

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// The component
    #[arg(value_name = "COMPONENT", value_hint = ValueHint::FilePath)]
    component: PathBuf,

    /// Where to write the machine code, which is for this version of sockeye and this kind of CPU
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
}

impl CompileArgs {
    /// Compiles the component and writes the file, whole or not at all.
    ///
    /// # Errors
    /// What is wrong with the component, or why the file cannot be written.
    pub(super) fn run(self) -> Result<(), Error> {
        let engine = compiling(InitialData::Mapped)?;
        let source = Source::File(self.component.clone());
        let compiled = Compiled::load(&engine, &source, &Compiling::default())?;
        let code = compiled.code()?;
        self.write(&code).map_err(|source| {
            let path = self.output.clone();
            Error::WriteCompiled { path, source }
        })?;
        let output = self.output.display();
        let quoted = quoted(&output.to_string());
        let text = format!(
            "`{output}` is machine code for this kind of CPU. Run it:\n  \
             sockeye serve {quoted} --allow-precompiled\n",
        );
        super::print(text.as_bytes())
    }

    /// Writes the file by way of a rename, so that a server never finds half of it.
    fn write(&self, code: &[u8]) -> io::Result<()> {
        if let Ok(found) = fs::symlink_metadata(&self.output) {
            let input = fs::metadata(&self.component)?;
            if !found.is_file() || (found.dev(), found.ino()) == (input.dev(), input.ino()) {
                let text = "it is no regular file, or the component itself";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        }
        let directory = match self.output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut partial = tempfile::Builder::new()
            // Less what the user's mask takes away, as for any file.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory)?;
        partial.write_all(code)?;
        partial.persist(&self.output)?;
        Ok(())
    }
}
