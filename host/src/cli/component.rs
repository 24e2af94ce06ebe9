//! `sockeye component`: a component made of the core module that a compiler leaves.
//!
//! Compilers of C, Go, Zig and others know core modules only. What makes one a component is the
//! contract, which is part of this program, and an adapter where the module was built for the WASI
//! that came before components.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Encoding, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use super::output::{quoted, write};
use crate::instance::HandlerKind;
use crate::{Error, ModuleError};

/// What the sections are called that say what a module imports and exports as a component.
const TYPE_SECTION: &str = "component-type";

#[derive(Debug, Args)]
pub(super) struct ComponentArgs {
    /// The core module
    #[arg(value_name = "MODULE", value_hint = ValueHint::FilePath)]
    module: PathBuf,

    /// Where to write the component
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,

    /// Give the adapter for WASI memory of its own instead of asking the module for it; Go needs
    /// this, whose allocator works only once the module has begun
    #[arg(long)]
    realloc_via_memory_grow: bool,
}

/// What was found in a core module.
#[derive(Default)]
struct Found {
    /// The handler that it exports by the contract's name.
    kind: Option<HandlerKind>,
    /// It says by itself what it is as a component.
    is_typed: bool,
    /// It imports the WASI that came before components.
    needs_adapter: bool,
}

impl ComponentArgs {
    /// Makes the component and writes the file, whole or not at all.
    ///
    /// # Errors
    /// Why the file is not a module that can be a handler, or cannot be read or written.
    pub(super) fn run(self) -> Result<(), Error> {
        let component = self.component().map_err(|source| {
            let name = self.module.display().to_string();
            Error::Module { name, source }
        })?;
        write(&self.output, &self.module, &component)?;
        let output = self.output.display();
        let quoted = quoted(&output.to_string());
        let text = format!("`{output}` is a component. Run it:\n  sockeye serve {quoted}\n");
        super::print(text.as_bytes())
    }

    fn component(&self) -> Result<Vec<u8>, ModuleError> {
        let bytes = std::fs::read(&self.module).map_err(ModuleError::Read)?;
        let found = Found::in_module(&bytes)?;
        let component = self.encode(bytes, &found);
        component.map_err(ModuleError::Unfit)
    }

    fn encode(
        &self,
        mut bytes: Vec<u8>,
        found: &Found,
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        if let Some(kind) = found.kind.filter(|_| !found.is_typed) {
            let mut resolve = Resolve::default();
            let package = resolve.push_source("sockeye.wit", &super::WIT.join("\n"))?;
            let world = resolve.select_world(&[package], Some(kind.world()))?;
            let encoding = StringEncoding::UTF8;
            wit_component::embed_component_metadata(&mut bytes, &resolve, world, encoding)?;
        }
        let mut encoder = ComponentEncoder::default()
            .validate(true)
            .realloc_via_memory_grow(self.realloc_via_memory_grow)
            .module(&bytes)?;
        if found.needs_adapter {
            encoder = encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )?;
        }
        Ok(encoder.encode()?)
    }
}

impl Found {
    /// Looks through a module.
    ///
    /// # Errors
    /// It is no core module, or exports no handler.
    fn in_module(bytes: &[u8]) -> Result<Found, ModuleError> {
        let broken = |error: wasmparser::BinaryReaderError| ModuleError::Unfit(error.into());
        if !bytes.starts_with(b"\0asm") {
            return Err(ModuleError::NotWasm);
        }
        let mut found = Found::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(broken)? {
                Payload::Version {
                    encoding: Encoding::Component,
                    ..
                } => {
                    return Err(ModuleError::Component);
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let module = import.map_err(broken)?.module;
                        found.needs_adapter |= module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(broken)?.name;
                        found.kind = found.kind.or(HandlerKind::of_export(export));
                    }
                }
                Payload::CustomSection(section) => {
                    found.is_typed |= section.name().starts_with(TYPE_SECTION);
                }
                _ => {}
            }
        }
        match found.kind {
            None if !found.is_typed => Err(ModuleError::NoHandler),
            _ => Ok(found),
        }
    }
}
