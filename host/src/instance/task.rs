//! The host's future that runs one activation.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{Handler, Instance, Verdict};
use crate::config::Reuse;
use crate::imports::{Activation, Killed};
use crate::metrics::Failure;

/// How an activation ended.
#[derive(Debug)]
pub struct Ended {
    /// What the guest decided, or why it was stopped.
    pub verdict: Result<Verdict, Killed>,
    /// The instance, where it may serve again.
    pub reusable: Option<Instance>,
}

/// A task: an activation and nothing else.
pub struct Task {
    future: Pin<Box<dyn Future<Output = Ended>>>,
    /// What the worker shares with the guest's calls.
    pub activation: Rc<Activation>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("activation", &self.activation)
            .finish_non_exhaustive()
    }
}

impl Task {
    /// Makes the task of `activation` in a `warm` instance, or in one that it makes itself.
    pub fn new(handler: Rc<Handler>, warm: Option<Instance>, activation: Rc<Activation>) -> Task {
        let future = Box::pin(run(handler, warm, Rc::clone(&activation)));
        Task { future, activation }
    }

    /// Resumes the guest until it suspends or ends. A panic of the host on its behalf ends the
    /// task as a failure; it does not leave this function.
    pub fn poll(&mut self, waker: &Waker) -> Poll<Ended> {
        let mut cx = Context::from_waker(waker);
        let future = self.future.as_mut();
        // Unwind safety: after a panic the future is dropped unpolled, and what it shares with
        // the worker are cells that are whole after every statement.
        match catch_unwind(AssertUnwindSafe(|| future.poll(&mut cx))) {
            Ok(poll) => poll,
            Err(panic) => {
                let reason = format!("the host panicked: {}", message(panic.as_ref()));
                let verdict = Err(Killed {
                    failure: Failure::Panic,
                    reason,
                });
                Poll::Ready(Ended {
                    verdict,
                    reusable: None,
                })
            }
        }
    }
}

async fn run(handler: Rc<Handler>, warm: Option<Instance>, activation: Rc<Activation>) -> Ended {
    let made = match warm {
        Some(instance) => Ok(instance),
        None => Instance::new(&handler, &activation).await,
    };
    let mut instance = match made {
        Ok(instance) => instance,
        Err(killed) => {
            return Ended {
                verdict: Err(killed),
                reusable: None,
            };
        }
    };
    let verdict = instance.activate(&activation).await;
    let reusable =
        handler.service.reuse == Reuse::Always && verdict.is_ok() && instance.is_reusable();
    Ended {
        verdict,
        reusable: reusable.then_some(instance),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
