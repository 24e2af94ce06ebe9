//! The host's side of one instance: what its store holds.

use std::rc::Rc;
use std::sync::Arc;

use fragile::Fragile;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::memory::{InitialMemory, InstanceMemory};
use super::{Activation, ConnectionHandle, Environment, Service};
use crate::config::Limits;
use crate::metrics::Bound;

/// What a guest may ask for at once of random bytes: they are made one by one, 64 MiB of them in
/// 0.6 s (measured), and nothing preempts the host meanwhile.
const RANDOM_BYTES_MAX: u64 = 64 * 1024;

/// Handles of an instance, open files aside: each costs memory of the host, a stream of WASI more
/// than a kilobyte.
const HANDLES_MAX: usize = 1024;

/// The data of an instance's store.
///
/// wasmtime wants it to be `Send`. An instance never leaves its worker's thread, which the
/// wrappers assert at every use.
pub struct Guest {
    /// The connection and the files that the guest has handles of.
    pub(super) table: ResourceTable,
    pub(super) open_files: usize,
    local: Fragile<Local>,
    pub(super) memory: InstanceMemory,
    /// Made when the guest first asks WASI for more than the time: most never do.
    wasi: Option<WasiCtx>,
    wasi_table: ResourceTable,
    handles_max: usize,
    /// Which of the service's components this is an instance of.
    generation: u64,
}

/// What belongs to the worker's thread.
struct Local {
    service: Rc<Service>,
    activation: Option<Rc<Activation>>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest")
            .field("open_files", &self.open_files)
            .finish_non_exhaustive()
    }
}

impl Guest {
    /// Makes the data of a fresh instance, which begins with up to `initial`.
    pub fn new(service: Rc<Service>, initial: InitialMemory) -> Guest {
        let limits = &service.environment.limits;
        let handles_max = HANDLES_MAX + limits.open_files_max;
        let table = || {
            let mut table = ResourceTable::new();
            table.set_max_capacity(handles_max);
            table
        };
        Guest {
            table: table(),
            open_files: 0,
            generation: service.generation.get(),
            local: Fragile::new(Local {
                service,
                activation: None,
            }),
            memory: InstanceMemory::new(initial),
            wasi: None,
            wasi_table: table(),
            handles_max,
        }
    }

    /// How many handles the instance may have at the same time.
    pub fn handles_max(&self) -> usize {
        self.handles_max
    }

    /// The bounds of the worker.
    pub fn limits(&self) -> &Limits {
        &self.environment().limits
    }

    /// Whether the service still has the component that this is an instance of.
    pub fn is_current(&self) -> bool {
        self.generation == self.service().generation.get()
    }

    /// Which of the service's components this is an instance of.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// What the guests of the service share.
    pub(super) fn service(&self) -> &Rc<Service> {
        &self.local.get().service
    }

    /// What the guests of the worker share.
    pub fn environment(&self) -> &Rc<Environment> {
        &self.service().environment
    }

    /// Charges what runs from now on to `activation`.
    pub fn run(&mut self, activation: &Rc<Activation>) {
        self.local.get_mut().activation = Some(Rc::clone(activation));
    }

    /// Begins an activation: makes the handle that the guest is given.
    ///
    /// # Errors
    /// Where the guest's table is full.
    pub fn begin(
        &mut self,
        activation: &Rc<Activation>,
    ) -> wasmtime::Result<Resource<ConnectionHandle>> {
        self.run(activation);
        let weak = Fragile::new(Rc::downgrade(activation));
        Ok(self.table.push(ConnectionHandle { activation: weak })?)
    }

    /// The activation that runs now.
    pub fn current(&self) -> Option<&Rc<Activation>> {
        self.local.get().activation.as_ref()
    }

    /// Counts a bound that stopped the guest from doing what it asked for.
    pub(super) fn refuse(&self, bound: Bound) {
        match self.current() {
            Some(activation) => self.environment().fired(bound, &activation.stream),
            None => self.environment().count(bound),
        }
    }

    /// Takes a handle back that the guest returned, and says whether it is that of the activation
    /// that runs now.
    ///
    /// # Errors
    /// Where the handle is in no table, which is a defect of the host.
    pub fn take_back(&mut self, handle: Resource<ConnectionHandle>) -> wasmtime::Result<bool> {
        let returned = self.table.delete(handle)?.activation.get().upgrade();
        let given = self.current();
        Ok(returned
            .zip(given)
            .is_some_and(|(returned, given)| Rc::ptr_eq(&returned, given)))
    }

    /// Ends the activation: every handle that the guest still has is a tombstone now.
    pub fn end(&mut self) {
        self.local.get_mut().activation = None;
    }

    /// Whether the guest still has the handle of a connection that it was given as `rep`.
    pub fn holds(&self, rep: u32) -> bool {
        let handle = Resource::<ConnectionHandle>::new_own(rep);
        self.table.get(&handle).is_ok()
    }

    /// Whether the guest holds no handle of a connection or file.
    pub fn holds_nothing(&self) -> bool {
        self.table.is_empty()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.release_memory();
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let service = &self.local.get().service;
        let ctx = self.wasi.get_or_insert_with(|| {
            let log = &service.environment.log;
            // Nothing is granted: no preopens, no network, no name lookup, no environment.
            WasiCtx::builder()
                .arg("handler")
                .args(&service.arguments)
                .stdout(Arc::clone(log).stream("stdout"))
                .stderr(Arc::clone(log).stream("stderr"))
                .allow_tcp(false)
                .allow_udp(false)
                .max_random_size(RANDOM_BYTES_MAX)
                .build()
        });
        WasiCtxView {
            ctx,
            table: &mut self.wasi_table,
        }
    }
}
