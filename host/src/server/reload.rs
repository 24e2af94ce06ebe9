//! SIGHUP: components are read again and replace what is served, on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;
use tracing::{error, info};

use super::life::Event;
use crate::config::Source;
use crate::instance::{Loader, Replaceable};
use crate::metrics::ServerMetrics;
use crate::worker::Inbox;

/// What is done each time.
pub(super) struct Reload {
    pub(super) loader: Loader,
    /// What is served, and where it comes from.
    pub(super) components: Vec<(Source, Arc<Replaceable>)>,
    pub(super) inboxes: Vec<Arc<Inbox>>,
    pub(super) metrics: Arc<ServerMetrics>,
}

/// Runs one reload at a time.
pub(super) struct Reloads {
    reload: Arc<Reload>,
    events: mpsc::UnboundedSender<Event>,
    running: bool,
    /// Whether somebody asked while one was under way, which may have read an older file.
    again: bool,
}

impl Reloads {
    /// Nothing is read until somebody asks; each one ends with an event.
    pub(super) fn new(reload: Reload, events: mpsc::UnboundedSender<Event>) -> Reloads {
        Reloads {
            reload: Arc::new(reload),
            events,
            running: false,
            again: false,
        }
    }

    /// Begins to read the components again, or does so once the present one has ended.
    pub(super) fn ask(&mut self) {
        if self.running {
            self.again = true;
            return;
        }
        let reload = Arc::clone(&self.reload);
        let events = self.events.clone();
        let thread = thread::Builder::new().name("reload".to_owned());
        let spawned = thread.spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| reload.run())).is_err() {
                error!("the host panicked while it read the components again");
            }
            // Fails only where the server has ended.
            let _ = events.send(Event::Reloaded);
        });
        match spawned {
            Ok(_) => self.running = true,
            Err(error) => error!(%error, "failed to start a thread that reads components"),
        }
    }

    /// Notes that a reload has ended.
    pub(super) fn ended(&mut self) {
        self.running = false;
        if std::mem::take(&mut self.again) {
            self.ask();
        }
    }
}

impl Reload {
    fn run(&self) {
        for (source, replaceable) in &self.components {
            let Source::File(path) = source else {
                continue;
            };
            let component = path.display();
            match self.loader.load(source, replaceable.kind) {
                Ok(program) => {
                    replaceable.replace(program);
                    // Those that are idle drop what they kept of the old one.
                    self.inboxes.iter().for_each(|inbox| inbox.interrupt());
                    self.metrics.reloaded.add(1);
                    info!(%component, "component reloaded");
                }
                Err(error) => {
                    self.metrics.reloads_failed.add(1);
                    let reason = error.in_one_line();
                    let hint = error.hint().map(tracing::field::display);
                    error!(%component, %reason, hint, "the component stays as it was");
                }
            }
        }
    }
}
