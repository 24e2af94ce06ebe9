//! A component taken apart: each of its core modules by itself, and a component that imports them.
//!
//! What an edit changes of a component is often the least of it: the interpreter of a handler in
//! Python or JavaScript stays as it was. Compiled by itself, it need not be compiled again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use wasm_encoder::{
    Alias, Component, ComponentAliasSection, ComponentImportSection, ComponentOuterAliasKind,
    ComponentTypeRef, CoreTypeSection, EntityType, GlobalType, MemoryType, ModuleType,
    NestedComponentSection, RawSection, RefType, TableType, ValType,
};
use wasmparser::{
    Chunk, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind as Kind, Instance, Parser, Payload,
};
use wasmtime::{Engine, ExternType, FuncType, HeapType, Module};

/// No compiler puts components into components deeper than this, or makes one of more sections,
/// modules or instances.
const DEPTH_MAX: u32 = 8;
const SECTIONS_MAX: usize = 10_000;
const MODULES_MAX: usize = 1_000;
const INSTANCES_MAX: usize = 1_000;

/// The parts of a component.
pub struct Parts<'a> {
    /// Its core modules: first its own, then those of the components in it.
    pub modules: Vec<&'a [u8]>,
    /// Which of the modules each instance is made of.
    pub instantiated: Vec<usize>,
    sections: Vec<Section<'a>>,
}

/// A section of a component.
enum Section<'a> {
    /// A module, by its place in [`Parts::modules`].
    Module(usize),
    Component(Vec<Section<'a>>),
    Other(RawSection<'a>),
}

impl<'a> Parts<'a> {
    /// Takes a component apart; `None` where it is none, or not one like those that compilers make.
    pub fn of(component: &'a [u8]) -> Option<Parts<'a>> {
        let sections = sections(component)?;
        let own = sections.iter();
        let own = own.filter(|(payload, ..)| matches!(payload, Payload::ModuleSection { .. }));
        let mut modules = own.map(|(_, _, module)| *module).collect();
        let level = Level::of(sections, 0, &mut modules)?;
        if modules.len() > MODULES_MAX {
            return None;
        }
        Some(Parts {
            modules,
            instantiated: level.instantiated,
            sections: level.sections,
        })
    }

    /// The component that imports the modules instead, each by its [`import_name`]. `None` where
    /// they export what no compiler has them export.
    pub fn without(&self, modules: &[Module]) -> Option<Vec<u8>> {
        // In front of all else, so that the component's own have the places that they had.
        let mut types = CoreTypeSection::new();
        let mut imports = ComponentImportSection::new();
        for (index, module) in modules.iter().enumerate() {
            types.ty().module(&module_type(module)?);
            let ty = ComponentTypeRef::Module(u32::try_from(index).ok()?);
            imports.import(import_name(index).as_str(), ty);
        }
        let mut component = Component::new();
        component.section(&types).section(&imports);
        write(&self.sections, 0, &mut component);
        Some(component.finish())
    }
}

/// Writes the sections of a component that is so deep in others.
fn write(sections: &[Section<'_>], depth: u32, component: &mut Component) {
    for section in sections {
        match section {
            // It is imported.
            Section::Module(_) if depth == 0 => {}
            Section::Module(index) => {
                let mut aliases = ComponentAliasSection::new();
                aliases.alias(Alias::Outer {
                    kind: ComponentOuterAliasKind::CoreModule,
                    count: depth,
                    index: u32::try_from(*index).unwrap_or(u32::MAX),
                });
                component.section(&aliases);
            }
            Section::Component(sections) => {
                let mut inner = Component::new();
                write(sections, depth + 1, &mut inner);
                component.section(&NestedComponentSection(&inner));
            }
            Section::Other(section) => {
                component.section(section);
            }
        }
    }
}

/// One component, which may be in another.
#[derive(Default)]
struct Level<'a> {
    sections: Vec<Section<'a>>,
    /// Where its own modules are in [`Parts::modules`].
    modules: Vec<usize>,
    /// The modules that an instance of each of the components in it is made of.
    components: Vec<Vec<usize>>,
    /// The modules that an instance is made of.
    instantiated: Vec<usize>,
}

impl<'a> Level<'a> {
    /// Looks at a component that is so deep in others. The modules of the outermost one are among
    /// `modules` already; those of any other are added to them.
    fn of(
        read: Vec<ReadSection<'a>>,
        depth: u32,
        modules: &mut Vec<&'a [u8]>,
    ) -> Option<Level<'a>> {
        let mut level = Level::default();
        for (payload, id, data) in read {
            let section = match payload {
                Payload::ModuleSection { .. } => {
                    let index = match depth {
                        0 => level.modules.len(),
                        _ => {
                            modules.push(data);
                            modules.len() - 1
                        }
                    };
                    level.modules.push(index);
                    Section::Module(index)
                }
                Payload::ComponentSection { .. } => {
                    let depth = Some(depth + 1).filter(|depth| *depth <= DEPTH_MAX)?;
                    let inner = Level::of(sections(data)?, depth, modules)?;
                    level.components.push(inner.instantiated);
                    Section::Component(inner.sections)
                }
                payload => {
                    level.note(&payload, depth)?;
                    Section::Other(RawSection { id, data })
                }
            };
            level.sections.push(section);
        }
        Some(level)
    }

    /// Notes which modules are instantiated. `None` for what adds modules or components without
    /// having them, and for types that would have to move.
    fn note(&mut self, payload: &Payload<'a>, depth: u32) -> Option<()> {
        let is_known = match payload {
            Payload::CoreTypeSection(_) => depth > 0,
            Payload::InstanceSection(instances) => {
                for instance in instances.clone() {
                    if let Instance::Instantiate { module_index, .. } = instance.ok()? {
                        let module = *self.modules.get(module_index as usize)?;
                        self.instantiate(&[module])?;
                    }
                }
                true
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances.clone() {
                    if let ComponentInstance::Instantiate {
                        component_index, ..
                    } = instance.ok()?
                    {
                        let modules = self.components.get(component_index as usize)?.clone();
                        self.instantiate(&modules)?;
                    }
                }
                true
            }
            Payload::ComponentImportSection(imports) => imports
                .clone()
                .into_iter()
                .all(|import| import.is_ok_and(|import| is_value(import.ty.kind()))),
            Payload::ComponentExportSection(exports) => exports
                .clone()
                .into_iter()
                .all(|export| export.is_ok_and(|export| is_value(export.kind))),
            Payload::ComponentAliasSection(aliases) => aliases.clone().into_iter().all(|alias| {
                alias.is_ok_and(|alias| match alias {
                    ComponentAlias::InstanceExport { kind, .. } => is_value(kind),
                    ComponentAlias::Outer { kind, .. } => kind == Kind::Type,
                    ComponentAlias::CoreInstanceExport { .. } => true,
                })
            }),
            _ => true,
        };
        is_known.then_some(())
    }

    fn instantiate(&mut self, modules: &[usize]) -> Option<()> {
        self.instantiated.extend(modules);
        (self.instantiated.len() <= INSTANCES_MAX).then_some(())
    }
}

/// Whether that is neither a module nor a component.
fn is_value(kind: ComponentExternalKind) -> bool {
    use ComponentExternalKind::{Component, Module};
    !matches!(kind, Module | Component)
}

/// A section as it was read: what it says, its number, and its bytes.
type ReadSection<'a> = (Payload<'a>, u8, &'a [u8]);

/// The sections of a component; `None` where it breaks.
fn sections(component: &[u8]) -> Option<Vec<ReadSection<'_>>> {
    let mut parser = Parser::new(0);
    let mut unread = component;
    let mut sections = Vec::new();
    loop {
        let Chunk::Parsed { consumed, payload } = parser.parse(unread, true).ok()? else {
            return None;
        };
        unread = unread.get(consumed..)?;
        match payload.as_section() {
            Some((id, range)) => {
                // What is in these would be read as if it were in the component itself.
                if let Payload::ModuleSection { .. } | Payload::ComponentSection { .. } = payload {
                    unread = unread.get(range.len()..)?;
                }
                sections.push((payload, id, component.get(range)?));
                if sections.len() > SECTIONS_MAX {
                    return None;
                }
            }
            None if matches!(payload, Payload::End(_)) => return Some(sections),
            None => {}
        }
    }
}

/// What a component that was taken apart imports its module of that index as.
pub fn import_name(index: usize) -> String {
    format!("core-module{index}")
}

/// Says what a module is, for the component that imports it.
fn module_type(module: &Module) -> Option<ModuleType> {
    let mut ty = ModuleType::new();
    for import in module.imports() {
        let entity = entity(module.engine(), &mut ty, &import.ty())?;
        ty.import(import.module(), import.name(), entity);
    }
    for export in module.exports() {
        let entity = entity(module.engine(), &mut ty, &export.ty())?;
        ty.export(export.name(), entity);
    }
    Some(ty)
}

/// Says what an import or export is; the type of a function goes to the module's `types`.
fn entity(engine: &Engine, types: &mut ModuleType, ty: &ExternType) -> Option<EntityType> {
    Some(match ty {
        ExternType::Func(func) => {
            // Not one of a group of types, which would be another type alone.
            let alone = FuncType::new(engine, func.params(), func.results());
            if !FuncType::eq(func, &alone) {
                return None;
            }
            let params: Option<Vec<ValType>> = func.params().map(|ty| value(&ty)).collect();
            let results: Option<Vec<ValType>> = func.results().map(|ty| value(&ty)).collect();
            let index = types.type_count();
            types.ty().function(params?, results?);
            EntityType::Function(index)
        }
        ExternType::Global(global) => EntityType::Global(GlobalType {
            val_type: value(global.content())?,
            mutable: global.mutability() == wasmtime::Mutability::Var,
            shared: false,
        }),
        ExternType::Table(table) => EntityType::Table(TableType {
            element_type: reference(table.element())?,
            table64: table.is_64(),
            minimum: table.minimum(),
            maximum: table.maximum(),
            shared: false,
        }),
        ExternType::Memory(memory) => EntityType::Memory(MemoryType {
            minimum: memory.minimum(),
            maximum: memory.maximum(),
            memory64: memory.is_64(),
            shared: memory.is_shared(),
            page_size_log2: Some(memory.page_size_log2().into()).filter(|log2| *log2 != 16),
        }),
        ExternType::Tag(_) => return None,
    })
}

fn value(ty: &wasmtime::ValType) -> Option<ValType> {
    Some(match ty {
        wasmtime::ValType::I32 => ValType::I32,
        wasmtime::ValType::I64 => ValType::I64,
        wasmtime::ValType::F32 => ValType::F32,
        wasmtime::ValType::F64 => ValType::F64,
        wasmtime::ValType::V128 => ValType::V128,
        wasmtime::ValType::Ref(ty) => ValType::Ref(reference(ty)?),
    })
}

fn reference(ty: &wasmtime::RefType) -> Option<RefType> {
    match (ty.is_nullable(), ty.heap_type()) {
        (true, HeapType::Func) => Some(RefType::FUNCREF),
        (true, HeapType::Extern) => Some(RefType::EXTERNREF),
        _ => None,
    }
}

/// The modules of each component, as of when it was last compiled.
#[derive(Debug, Default)]
pub struct ModuleCache {
    components: Mutex<HashMap<String, Modules>>,
}

/// Compiled modules by what they were made of and for.
pub type Modules = HashMap<String, Module>;

impl ModuleCache {
    /// What is kept of the component of that name.
    pub(super) fn of(&self, component: &str) -> Modules {
        let components = self.components.lock();
        let components = components.unwrap_or_else(PoisonError::into_inner);
        components.get(component).cloned().unwrap_or_default()
    }

    /// Keeps `modules` for that component, and nothing else.
    pub(super) fn keep(&self, component: &str, modules: Modules) {
        let components = self.components.lock();
        let mut components = components.unwrap_or_else(PoisonError::into_inner);
        components.insert(component.to_owned(), modules);
    }
}
