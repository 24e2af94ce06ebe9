//! The two engines: one that only compiles, and one that runs what was compiled in a pool.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel,
    PoolingAllocationConfig, RegallocAlgorithm, ResourcesRequired, Strategy,
};

use crate::Error;
use crate::config::Limits;

/// The stack of a guest. Interpreters recurse.
const WASM_STACK_BYTES: usize = 512 << 10;

/// What the host's calls have on top of it.
const HOST_STACK_BYTES: usize = 512 << 10;

/// A fiber's stack: the guest's twice, because a result that needs memory makes the host call the
/// guest's allocator, which wasmtime grants a whole stack of its own, on top of the guest and the
/// host's call. With less, a guest that recurses in both overflows the fiber, and that ends the
/// process. The allocator itself can call nothing of the host.
const FIBER_STACK_BYTES: usize = 2 * WASM_STACK_BYTES + HOST_STACK_BYTES;

/// Dirty memory that is zeroed in place rather than given back when an instance goes: without it, a
/// fresh instance costs twice the time (36 µs a request instead of 16, measured).
///
/// A place that was used once keeps as much for ever, so it is what guests in Rust touch and some,
/// and not what a hostile one does: with 2 MiB, which is no faster, 200 guests that had grown to
/// 13 MiB each left 400 MiB resident instead of 36.
const MEMORY_KEEP_RESIDENT_BYTES: usize = 128 << 10;

/// The same for tables, which hardly any guest grows.
const TABLE_KEEP_RESIDENT_BYTES: usize = 16 << 10;

/// The same for fibers' stacks, of which a guest in Rust uses half. What is beyond is given back:
/// a guest that recurses would leave more than a megabyte in every place, 3 MiB in half a minute
/// of the mixed load of `soak run`. It costs a fresh instance one system call, 1.2 µs (measured).
const STACK_KEEP_RESIDENT_BYTES: usize = 16 << 10;

/// What machine code is marked with: code of another version is refused. The compiler's own mark
/// tells its releases with incompatible code apart; a release of this host has one of them.
const VERSION: &str = concat!("sockeye ", env!("CARGO_PKG_VERSION"), ", wasmtime 48");

/// A page of linear memory.
const PAGE_BYTES: usize = 64 * 1024;

/// What one instance needs of the pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    /// Linear memories.
    pub memories: u32,
    /// Tables.
    pub tables: u32,
    /// The largest of the memories at the beginning, in bytes.
    pub memory_bytes: usize,
    /// The largest of the tables at the beginning, in elements.
    pub table_elements: usize,
}

impl Needs {
    /// What an instance of that needs.
    #[must_use]
    pub fn of(required: &ResourcesRequired) -> Needs {
        let count =
            |count: Option<u64>| count.map_or(0, |count| count.try_into().unwrap_or(usize::MAX));
        Needs {
            memories: required.num_memories,
            tables: required.num_tables,
            memory_bytes: count(required.max_initial_memory_size).saturating_mul(PAGE_BYTES),
            table_elements: count(required.max_initial_table_size),
        }
    }

    /// What both need together.
    #[must_use]
    pub fn and(self, other: Needs) -> Needs {
        Needs {
            memories: self.memories.saturating_add(other.memories),
            tables: self.tables.saturating_add(other.tables),
            ..self.max(other)
        }
    }

    /// What is enough for either.
    #[must_use]
    pub fn max(self, other: Needs) -> Needs {
        Needs {
            memories: self.memories.max(other.memories),
            tables: self.tables.max(other.tables),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            table_elements: self.table_elements.max(other.table_elements),
        }
    }
}

/// What machine code is for. An engine runs code that was compiled for the same, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// How memories begin.
    pub data: InitialData,
    /// What has compiled it.
    pub compiler: Compiler,
}

impl Target {
    /// That of a server, unless it has too many instances for images or compiles quickly.
    pub const USUAL: Target = Target {
        data: InitialData::Mapped,
        compiler: Compiler::Optimizing,
    };
}

/// What makes machine code. The times are for a component of Python's interpreter on two cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// Cranelift, whose code is fast: 6.5 s.
    Optimizing,
    /// Cranelift without its optimisations: 3.4 s. The engine of one takes the code of the other.
    Unoptimizing,
    /// Winch: 0.9 s. It knows less of WebAssembly (no tail calls, no relaxed SIMD), and its code
    /// calls functions in another way than Cranelift's.
    Baseline,
}

/// How a linear memory gets what it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialData {
    /// An image is mapped, and a page of it copied when it is written to.
    Mapped,
    /// It is copied when an instance is made, which takes fewer maps.
    Copied,
}

/// What both engines agree on, so that one runs what the other compiled.
fn common(target: Target) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config
        .strategy(match target.compiler {
            Compiler::Optimizing | Compiler::Unoptimizing => Strategy::Cranelift,
            Compiler::Baseline => Strategy::Winch,
        })
        // One call at a time per instance is the contract, and the machinery for more costs time
        // on every call.
        .concurrency_support(false)
        .epoch_interruption(true)
        .module_version(ModuleVersionStrategy::Custom(VERSION.to_owned()))?
        // A trap is logged by its cause; walking the stack for it is the client's to trigger.
        .wasm_backtrace_max_frames(None)
        .memory_init_cow(target.data == InitialData::Mapped)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES);
    // Winch has Cranelift make what leads into functions and out of them: in Go, where all of them
    // are in a table, that is a sixth of the time less.
    if target.compiler != Compiler::Optimizing {
        config
            .cranelift_opt_level(OptLevel::None)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    }
    Ok(config)
}

/// Makes what a thread needs to run guests, the stack of its signal handlers. Otherwise the first
/// guest on the thread would, and the host panic on its behalf where memory is short then.
///
/// # Panics
/// Where the system has no memory for it.
pub fn prepare_thread() {
    Engine::tls_eager_initialize();
}

/// Makes the engine that compiles.
///
/// # Errors
/// [`Error::Engine`], where this machine has no compiler.
pub fn compiling(target: Target) -> Result<Engine, Error> {
    common(target)
        .and_then(|config| Engine::new(&config))
        .map_err(Error::Engine)
}

/// Makes the engine that runs at most `instances` instances, each of which needs `needs`.
///
/// # Errors
/// [`Error::Engine`] where the pool cannot be reserved.
pub fn running(
    instances: u32,
    needs: Needs,
    target: Target,
    limits: &Limits,
) -> Result<Engine, Error> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        // They cost nothing until they are used, and components are made of several.
        .total_core_instances(instances.saturating_mul(64))
        .total_memories(instances.saturating_mul(needs.memories))
        .total_tables(instances.saturating_mul(needs.tables))
        .max_memories_per_component(needs.memories)
        .max_tables_per_component(needs.tables)
        .total_stacks(instances)
        .max_memory_size(limits.instance_bytes_max)
        .table_elements(limits.table_elements_max)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT_BYTES)
        // `Yes` would fail before Linux 6.7.
        .pagemap_scan(Enabled::Auto);
    let mut config = common(target).map_err(Error::Engine)?;
    config
        .async_stack_zeroing(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).map_err(Error::Engine)
}
