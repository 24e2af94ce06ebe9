//! The thread that advances the epoch, so that guests that run are looked at; off while none runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};

use wasmtime::Engine;

use super::TICK;

/// How many ticks without a running guest end the ticking.
const IDLE_TICKS_MAX: u32 = 4;

/// What a worker tells the ticker, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Activity {
    /// Goes up when guests begin to run and when they stop: odd while they run.
    changes: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    workers: Vec<Activity>,
    asleep: AtomicBool,
    stopped: AtomicBool,
}

/// The ticking thread; it ends when this is dropped.
#[derive(Debug)]
pub struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// One worker's side of the ticker.
#[derive(Debug)]
pub struct TickerHandle {
    shared: Arc<Shared>,
    thread: Thread,
    worker: usize,
}

impl Ticker {
    /// Starts the thread that advances the epoch of `engine` while one of `workers` runs guests.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(engine: Engine, workers: usize) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared {
            workers: (0..workers).map(|_| Activity::default()).collect(),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let tick = Arc::clone(&shared);
        let thread = thread::Builder::new().name("ticker".into());
        let thread = thread.spawn(move || tick.run(&engine))?;
        Ok(Ticker {
            shared,
            thread: Some(thread),
        })
    }

    /// Makes the handle of one worker.
    pub fn handle(&self, worker: usize) -> TickerHandle {
        let thread = self
            .thread
            .as_ref()
            .expect("the thread runs until drop")
            .thread()
            .clone();
        TickerHandle {
            shared: Arc::clone(&self.shared),
            thread,
            worker,
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It panics nowhere, and if it did there would be nothing left to do.
            let _ = thread.join();
        }
    }
}

impl TickerHandle {
    /// Says that guests begin to run; called once per turn.
    pub fn begin(&self) {
        let changes = &self.shared.workers[self.worker].changes;
        // SeqCst with the ticker's own pair: it sees the change, or this sees it asleep.
        changes.store(changes.load(Ordering::Relaxed) + 1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
    }

    /// Says that no guest runs now.
    pub fn end(&self) {
        let changes = &self.shared.workers[self.worker].changes;
        changes.store(changes.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}

impl Shared {
    fn run(&self, engine: &Engine) {
        let mut seen = vec![0; self.workers.len()];
        let mut idle_ticks = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            thread::sleep(TICK);
            engine.increment_epoch();
            idle_ticks = if self.is_active(&mut seen) {
                0
            } else {
                idle_ticks + 1
            };
            if idle_ticks > IDLE_TICKS_MAX {
                self.asleep.store(true, Ordering::SeqCst);
                while !self.is_active(&mut seen) && !self.stopped.load(Ordering::SeqCst) {
                    thread::park();
                }
                self.asleep.store(false, Ordering::SeqCst);
                idle_ticks = 0;
            }
        }
    }

    /// Whether guests run, or have run since the last call.
    fn is_active(&self, seen: &mut [u64]) -> bool {
        let mut active = false;
        for (worker, seen) in self.workers.iter().zip(seen) {
            let changes = worker.changes.load(Ordering::SeqCst);
            active |= changes != *seen || changes % 2 == 1;
            *seen = changes;
        }
        active
    }
}
