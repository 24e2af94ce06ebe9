//! `sockeye compile`: machine code in a file, for servers that are not to compile at their start.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::output::{quoted, write};
use crate::Error;
use crate::config::{Compiling, Source};
use crate::instance::{Compiled, Target, compiling};

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
        let engine = compiling(Target::USUAL)?;
        let source = Source::File(self.component.clone());
        let compiled = Compiled::load(&engine, &source, &Compiling::default())?;
        let code = compiled.code()?;
        write(&self.output, &self.component, &code)?;
        let output = self.output.display();
        let quoted = quoted(&output.to_string());
        let text = format!(
            "`{output}` is machine code for this kind of CPU. Run it:\n  \
             sockeye serve {quoted} --allow-precompiled\n",
        );
        super::print(text.as_bytes())
    }
}
