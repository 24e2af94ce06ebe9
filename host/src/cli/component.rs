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
use wasm_encoder::ExportSection;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{Encoding, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use super::kind::Kind;
use super::output::{quoted, write};
use crate::instance::HandlerKind;
use crate::{Error, ModuleError};

/// What the sections are called that say what a module imports and exports as a component.
const TYPE_SECTION: &str = "component-type";

/// What the handler's export is called where the language has no other names than its own.
const PLAIN_EXPORT: &str = "handle";

#[derive(Debug, Args)]
pub(super) struct ComponentArgs {
    /// The core module
    #[arg(value_name = "MODULE", value_hint = ValueHint::FilePath)]
    module: PathBuf,

    /// Where to write the component
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,

    /// What the module's export `handle` serves, where the language cannot give an export the name
    /// that the contract has for it; AssemblyScript needs this
    #[arg(long)]
    kind: Option<Kind>,

    /// Give the adapter for WASI memory of its own instead of asking the module for it, where the
    /// module's allocator works only once the module has begun
    #[arg(long)]
    realloc_via_memory_grow: bool,
}

/// What was found in a core module.
#[derive(Default)]
struct Found {
    /// The handler that it exports by the contract's name.
    kind: Option<HandlerKind>,
    /// It exports no such name, but [`PLAIN_EXPORT`].
    is_plain: bool,
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
        let mut bytes = std::fs::read(&self.module).map_err(ModuleError::Read)?;
        let mut found = Found::in_module(&bytes)?;
        if let Some(kind) = self.kind.map(HandlerKind::from) {
            if found.is_plain {
                bytes = Renaming::of_handler(kind, &bytes)?;
                found.kind = Some(kind);
            }
            if found.kind != Some(kind) {
                let wanted = kind.interface();
                return Err(ModuleError::OtherKind { wanted });
            }
        }
        if found.kind.is_none() && !found.is_typed {
            return Err(ModuleError::NoHandler);
        }
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
            let package = resolve.push_source("sockeye.wit", &super::wit())?;
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
    /// It is no core module.
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
                        found.is_plain |= export == PLAIN_EXPORT;
                    }
                }
                Payload::CustomSection(section) => {
                    found.is_typed |= section.name().starts_with(TYPE_SECTION);
                }
                _ => {}
            }
        }
        found.is_plain &= found.kind.is_none();
        Ok(found)
    }
}

/// Gives the handler's export the name that the contract has for it.
struct Renaming(String);

impl Renaming {
    fn of_handler(kind: HandlerKind, bytes: &[u8]) -> Result<Vec<u8>, ModuleError> {
        let mut renamed = wasm_encoder::Module::new();
        let name = format!("{}#{PLAIN_EXPORT}", kind.interface());
        Renaming(name)
            .parse_core_module(&mut renamed, Parser::new(0), bytes)
            .map_err(|error| ModuleError::Unfit(error.into()))?;
        Ok(renamed.finish())
    }
}

impl Reencode for Renaming {
    type Error = std::convert::Infallible;

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: wasmparser::Export<'_>,
    ) -> Result<(), reencode::Error> {
        let kind = self.export_kind(export.kind)?;
        let index = self.external_index(export.kind, export.index)?;
        let name = match export.name {
            PLAIN_EXPORT => &self.0,
            other => other,
        };
        exports.export(name, kind, index);
        Ok(())
    }
}
