//! Wakes from anywhere: where other threads leave the tokens of tasks that can go on.
//!
//! A guest's own sockets need no waker, because the worker sees their events itself. A waker
//! serves what happens elsewhere: WASI timers, reads from the disk, and the end of the server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use super::Token;

/// What came from elsewhere since the worker last looked, on a cache line of its own: its worker
/// writes to it whenever it waits.
#[derive(Debug)]
#[repr(align(128))]
pub struct Inbox {
    mail: Mutex<Mail>,
    /// Whether the worker waits, or is about to wait, in the selector.
    sleeping: AtomicBool,
    selector: Option<mio::Waker>,
}

#[derive(Debug, Default)]
struct Mail {
    woken: Vec<Token>,
    /// Something else than a task has to be looked at.
    interrupted: bool,
}

impl Inbox {
    /// Makes an inbox whose wakes interrupt the wait of `selector`.
    pub fn new(selector: Option<mio::Waker>) -> Inbox {
        Inbox {
            mail: Mutex::default(),
            sleeping: AtomicBool::new(false),
            selector,
        }
    }

    /// Leaves a token; from any thread.
    pub fn push(&self, token: Token) {
        self.mail().woken.push(token);
        self.rouse();
    }

    /// Makes the worker go through its loop once more; from any thread.
    pub fn interrupt(&self) {
        self.mail().interrupted = true;
        self.rouse();
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rouse(&self) {
        // SeqCst, as in `prepare_to_sleep`: of a push and a worker that goes to sleep at the same
        // time, at least one sees the other.
        if self.sleeping.swap(false, Ordering::SeqCst)
            && let Some(selector) = &self.selector
        {
            // Fails only where the selector is gone, and with it the worker.
            let _ = selector.wake();
        }
    }

    /// Announces that the worker is about to wait; returns whether it may, that is, whether
    /// nothing came in the meantime.
    pub fn prepare_to_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        let mail = self.mail();
        let empty = mail.woken.is_empty() && !mail.interrupted;
        if !empty {
            self.sleeping.store(false, Ordering::SeqCst);
        }
        empty
    }

    /// Takes all tokens that were left, in order.
    pub fn take(&self) -> Vec<Token> {
        self.sleeping.store(false, Ordering::SeqCst);
        let mut mail = self.mail();
        mail.interrupted = false;
        std::mem::take(&mut mail.woken)
    }
}

/// The waker of one task. It may outlive the task: a stale token is dropped by the scheduler.
#[derive(Debug)]
pub struct TaskWaker {
    inbox: Arc<Inbox>,
    token: Token,
    /// Whether the token is in the inbox and the task was not resumed since.
    notified: AtomicBool,
}

impl TaskWaker {
    /// Makes the waker of the task at `token`.
    pub fn new(inbox: Arc<Inbox>, token: Token) -> Arc<TaskWaker> {
        Arc::new(TaskWaker {
            inbox,
            token,
            notified: AtomicBool::new(false),
        })
    }

    /// Says that the task is about to be resumed, so that a wake from now on counts anew.
    pub fn reset(&self) {
        self.notified.store(false, Ordering::Release);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.inbox.push(self.token);
        }
    }
}
