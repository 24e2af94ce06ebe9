//! One instance: a store with one instantiated component, and the call into it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use wasmtime::component::{Resource, TypedFunc};
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use super::{Handler, TICK};
use crate::imports::{Activation, ConnectionHandle, Guest, Killed};
use crate::metrics::{Bound, Failure};
use crate::moment::Moment;

/// What a guest decided about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keep it open and activate it again.
    HandBack,
    /// Close it.
    LetGo,
    /// Close it; the guest still has the handle, so that the instance is not used again.
    Leaked,
}

type Handle = TypedFunc<(Resource<ConnectionHandle>,), (Option<Resource<ConnectionHandle>>,)>;

/// An instance of a component. It belongs to one worker's thread.
pub struct Instance {
    store: Store<Guest>,
    handler: Rc<Handler>,
    handle: Handle,
    activations: u64,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("activations", &self.activations)
            .finish_non_exhaustive()
    }
}

impl Instance {
    /// Makes a fresh instance for `activation`, whose budgets cover the making.
    ///
    /// # Errors
    /// Where the pool is exhausted, or the component's own initialisation fails.
    ///
    /// # Cancel safety
    /// Dropping the future gives everything back.
    pub async fn new(
        handler: &Rc<Handler>,
        activation: &Rc<Activation>,
    ) -> Result<Instance, Killed> {
        let program = handler.program();
        let guest = Guest::new(Rc::clone(&handler.service), program.initial);
        let mut store = Store::new(program.pre.engine(), guest);
        store.limiter(|guest| guest);
        let handles_max = store.data().handles_max();
        store.set_max_component_handles(handles_max);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(interrupt);
        store.data_mut().run(activation);
        let made = async {
            let instance = program.pre.instantiate_async(&mut store).await?;
            instance.get_typed_func(&mut store, program.handle)
        };
        match made.await {
            Ok(handle) => Ok(Instance {
                store,
                handler: Rc::clone(handler),
                handle,
                activations: 0,
            }),
            Err(error) => {
                let killed = cause(&error, store.data_mut());
                // What others have used up is no fault of this one either.
                let of_all = store.data().refused_memory() == Some(Bound::TotalMemory);
                let failure = match killed.failure {
                    Failure::Trap => Failure::Instantiation,
                    Failure::Memory if of_all => Failure::Instantiation,
                    other => other,
                };
                Err(Killed { failure, ..killed })
            }
        }
    }

    /// Runs one activation to its end.
    ///
    /// # Errors
    /// The cause for which the guest was stopped. The instance must not be used again then.
    ///
    /// # Cancel safety
    /// Dropping the future unwinds the guest's fiber; the instance must not be used again.
    pub async fn activate(&mut self, activation: &Rc<Activation>) -> Result<Verdict, Killed> {
        self.activations += 1;
        let verdict = self.call(activation).await;
        let guest = self.store.data_mut();
        let verdict = verdict.map_err(|error| cause(&error, guest));
        guest.end();
        verdict
    }

    async fn call(&mut self, activation: &Rc<Activation>) -> wasmtime::Result<Verdict> {
        let given = self.store.data_mut().begin(activation)?;
        let rep = given.rep();
        let (returned,) = self.handle.call_async(&mut self.store, (given,)).await?;
        let returned = match returned {
            None if self.store.data().holds(rep) => return Ok(Verdict::Leaked),
            None => return Ok(Verdict::LetGo),
            Some(handle) => handle,
        };
        if self.store.data_mut().take_back(returned)? {
            return Ok(Verdict::HandBack);
        }
        Err(wasmtime::Error::new(Killed {
            failure: Failure::Handle,
            reason: "the guest returned another connection than the one it was given".into(),
        }))
    }

    /// Whether the instance is one of `handler`.
    pub fn is_of(&self, handler: &Rc<Handler>) -> bool {
        Rc::ptr_eq(&self.handler, handler)
    }

    /// Whether its component is still what its handler serves with.
    pub fn is_current(&self) -> bool {
        self.store.data().is_current()
    }

    /// Whether the instance may serve another connection, after an activation that ended well.
    pub fn is_reusable(&self) -> bool {
        let guest = self.store.data();
        let is_used_up = self.activations >= guest.limits().reuses_max;
        if is_used_up {
            guest.environment().count(Bound::Reuses);
        }
        !is_used_up
            && guest.is_current()
            && guest.holds_nothing()
            && !guest.is_nearly_full()
            && guest.refused_memory().is_none()
    }
}

/// Looks at a guest that has not suspended since the last tick of the epoch.
///
/// The epoch advances while a guest is suspended, so its having advanced proves nothing: only the
/// time of the present slice counts.
fn interrupt(guest: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let Some(activation) = guest.data().current() else {
        return Ok(UpdateDeadline::Continue(1));
    };
    let now = Moment::now();
    if let Some(killed) = activation.overspent(guest.data().limits(), now) {
        return Err(wasmtime::Error::new(killed));
    }
    if activation.slice(now) < TICK {
        return Ok(UpdateDeadline::Continue(1));
    }
    activation.set_preempted();
    Ok(UpdateDeadline::YieldCustom(
        1,
        Box::pin(Yield { yielded: false }),
    ))
}

/// Suspends once, without a wake: the worker sees that the guest was preempted.
struct Yield {
    yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Finds out why a guest's call ended with `error`.
fn cause(error: &wasmtime::Error, guest: &mut Guest) -> Killed {
    if let Some(killed) = error.downcast_ref::<Killed>() {
        return Killed {
            failure: killed.failure,
            reason: killed.reason.clone(),
        };
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        let reason = format!("the guest called exit with status {}", exit.0);
        return Killed {
            failure: Failure::Exit,
            reason,
        };
    }
    let what = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    if let Some(bound) = guest.refused_memory() {
        let flag = match bound {
            Bound::TotalMemory => "--total-memory-limit",
            _ => "--memory-limit",
        };
        let reason = format!("{what}, after `{flag}` refused the guest more memory");
        return Killed {
            failure: Failure::Memory,
            reason,
        };
    }
    Killed {
        failure: Failure::Trap,
        reason: what,
    }
}
