//! `sockeye compile`: machine code in a file, for servers that are not to compile at their start.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::Error;
use crate::config::{Compiling, Source};
use crate::instance::{Compiled, compiling};

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
        let engine = compiling()?;
        let source = Source::File(self.component);
        let compiled = Compiled::load(&engine, &source, &Compiling::default())?;
        let code = compiled.code()?;
        // By way of a rename: a server never finds half of it.
        let mut partial = self.output.clone().into_os_string();
        partial.push(format!(".partial-{}", std::process::id()));
        let written = fs::write(&partial, &code).and_then(|()| fs::rename(&partial, &self.output));
        written.map_err(|source| {
            let _ = fs::remove_file(&partial);
            let path = self.output.clone();
            Error::WriteCompiled { path, source }
        })?;
        let output = self.output.display();
        let text = format!(
            "`{output}` is machine code for this kind of CPU. Run it:\n  \
             sockeye serve {output} --allow-precompiled\n",
        );
        super::print(text.as_bytes())
    }
}
