//! One activation: the connection a guest is serving, and what it has used so far.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::Service;
use super::request_log::Exchange;
use crate::config::Limits;
use crate::metrics::Failure;
use crate::moment::{CpuTime, Moment};
use crate::net::{Pace, Stream};

/// A slice of less than this is charged by the clock on the wall, which costs no system call.
const SHORT_SLICE: Duration = Duration::from_millis(2);

/// What becomes of the request that a guest was activated for, or that `next` announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// It is here since then, and the guest has neither received nor sent anything since.
    Whole(Moment),
    /// It is here since then, and the guest is serving it.
    Served(Moment),
    /// It is done with, and the next one is not here.
    None,
}

/// What the worker and a guest's calls share for the length of one activation.
///
/// The worker and the running task hold it; a guest's handles only refer to it weakly. So when
/// the activation ends, every handle that the guest kept is dead, whatever becomes of the socket.
#[derive(Debug)]
pub struct Activation {
    /// The connection's stream.
    pub stream: Rc<Stream>,
    /// When the activation began.
    pub started: Moment,
    slice_started: Cell<Moment>,
    /// The CPU time of the thread then, or a little before.
    slice_started_cpu: Cell<CpuTime>,
    cpu_used: Cell<Duration>,
    /// What the clock said when the guest began to linger, at the end of its slice.
    lingers_since: Cell<Option<Moment>>,
    /// Set when a guest that did not suspend was made to; the worker takes it.
    preempted: Cell<bool>,
    /// Set when the guest dropped its handle: the connection is let go.
    dropped: Cell<bool>,
    /// Set when the guest took bytes that the peer sent.
    received: Cell<bool>,
    /// Set when something passed between guest and peer, or the guest changed the connection.
    touched: Cell<bool>,
    request: Cell<Request>,
    /// Who sent it, for the access log; the socket does not know any more once it is closed.
    pub(super) peer: Option<SocketAddr>,
    /// What the access log will say of it, where there is one.
    pub(super) exchange: RefCell<Exchange>,
    /// How many bytes had been sent when the request began.
    pub(super) sent_before: Cell<u64>,
    /// How fast the client has to send what belongs to its request, if that can be told.
    receiving: Option<Pace>,
    /// How fast it has to take what the guest sends.
    sending: Pace,
    /// Set when the connection became one of another protocol.
    upgraded: Cell<bool>,
}

impl Activation {
    /// Begins an activation of `stream` at `now`, whose request is whole since `whole`. It goes on
    /// with the budget of the one before that it is only a part of.
    pub fn new(
        service: &Service,
        stream: Rc<Stream>,
        now: Moment,
        whole: Moment,
        peer: Option<SocketAddr>,
        carried: Option<&Budget>,
    ) -> Rc<Activation> {
        let sent_before = Cell::new(stream.bytes_sent());
        let pace = service.environment.limits.pace;
        let receiving = service.is_http.then(|| Pace::new(pace));
        let sending = Pace::new(pace);
        Rc::new(Activation {
            stream,
            started: carried.map_or(now, |carried| carried.started),
            slice_started: Cell::new(now),
            slice_started_cpu: Cell::default(),
            cpu_used: Cell::new(carried.map_or(Duration::ZERO, |carried| carried.cpu_used)),
            lingers_since: Cell::new(None),
            preempted: Cell::new(false),
            dropped: Cell::new(false),
            received: Cell::new(false),
            touched: Cell::new(false),
            request: Cell::new(Request::Whole(whole)),
            peer,
            exchange: RefCell::default(),
            sent_before,
            receiving,
            sending,
            upgraded: Cell::new(false),
        })
    }

    /// The next request is whole.
    pub(super) fn begin_request(&self, now: Moment) {
        self.request.set(Request::Whole(now));
        self.sent_before.set(self.stream.bytes_sent());
        if let Some(pace) = &self.receiving {
            pace.restart();
        }
    }

    /// How fast the client has to send. What follows a request head is its body, unless the client
    /// speaks another protocol, which may be silent for as long as it likes.
    pub(super) fn receiving_pace(&self) -> Option<&Pace> {
        self.receiving.as_ref().filter(|_| !self.upgraded.get())
    }

    /// How fast the client has to take what the guest sends.
    pub(super) fn sending_pace(&self) -> &Pace {
        &self.sending
    }

    /// Looks at what the guest sends for a change of the protocol: RFC 9110 section 15.2.2.
    pub(super) fn observe_upgrade(&self, bytes: &[u8]) {
        if self.receiving.is_some() && bytes.starts_with(b"HTTP/1.1 101 ") {
            self.upgraded.set(true);
        }
    }

    /// What the guest has of the request that it is to serve.
    pub(super) fn request(&self) -> Request {
        self.request.get()
    }

    /// The guest begins to serve the request; returns whether that is news.
    pub(super) fn serve_request(&self) -> bool {
        match self.request.get() {
            Request::Whole(since) => {
                self.request.set(Request::Served(since));
                true
            }
            Request::Served(_) | Request::None => false,
        }
    }

    /// There is no request until the next one is whole.
    pub(super) fn forget_request(&self) {
        self.request.set(Request::None);
    }

    /// The worker is about to resume the guest.
    pub fn begin_slice(&self, now: Moment) {
        self.slice_started.set(now);
        self.slice_started_cpu.set(CpuTime::recent(now));
        self.stream.begin_turn();
    }

    /// The guest has suspended or ended: its time is charged.
    pub fn end_slice(&self, now: Moment) {
        self.cpu_used.set(self.cpu_used(now));
        self.slice_started.set(now);
    }

    /// The guest is about to linger, at `now`.
    pub(super) fn begin_to_linger(&self, now: Moment) {
        self.lingers_since.set(Some(now));
    }

    /// When the guest gave up the worker's thread, asked just after that. The clock is not read
    /// again where that was its last deed.
    pub fn suspended_at(&self) -> Moment {
        self.lingers_since.take().unwrap_or_else(Moment::now)
    }

    /// When the worker last resumed the guest.
    pub(super) fn slice_started(&self) -> Moment {
        self.slice_started.get()
    }

    /// How long the guest has been running in the present slice.
    pub fn slice(&self, now: Moment) -> Duration {
        now.since(self.slice_started.get())
    }

    /// CPU time inside slices, the present one included. Time that the guest is suspended is free,
    /// and so is time that the worker was stopped or had no processor.
    pub fn cpu_used(&self, now: Moment) -> Duration {
        let slice = self.slice(now);
        // Asking the kernel costs a system call, which a slice of the usual length is not worth.
        let charged = match slice < SHORT_SLICE {
            true => slice,
            false => slice.min(CpuTime::read(now).since(self.slice_started_cpu.get())),
        };
        self.cpu_used.get() + charged
    }

    /// Whether half of the CPU or wall-clock budget is gone. A busy connection is then handed
    /// back and starts anew, so the budgets bound requests and not the life of a connection.
    pub fn is_half_spent(&self, limits: &Limits) -> bool {
        self.cpu_used.get() > limits.cpu_max / 2
            || self.slice_started.get().since(self.started) > limits.activation_timeout / 2
    }

    /// Notes that the guest was interrupted.
    pub fn set_preempted(&self) {
        self.preempted.set(true);
    }

    /// Whether the guest was interrupted since the last call.
    pub fn take_preempted(&self) -> bool {
        self.preempted.take()
    }

    /// Notes that the guest took bytes that the peer sent.
    pub(super) fn set_received(&self) {
        self.received.set(true);
    }

    /// Why the activation has to end, where it has used more CPU time than it may.
    pub fn overspent(&self, limits: &Limits, now: Moment) -> Option<Killed> {
        let cpu_max = limits.cpu_max;
        (self.cpu_used(now) > cpu_max).then(|| Killed {
            failure: Failure::Cpu,
            reason: format!("the guest used more than {cpu_max:?} of CPU time (`--cpu-limit`)"),
        })
    }

    /// Why the activation has to end, where it has lasted longer than it may.
    pub fn overdue(&self, limits: &Limits, now: Moment) -> Option<Killed> {
        let timeout = limits.activation_timeout;
        (self.started.after(timeout) <= now).then(|| Killed {
            failure: Failure::ActivationTime,
            reason: format!("it ran longer than {timeout:?} (`--activation-timeout`)"),
        })
    }

    /// What is left of the budget goes to the next activation, where the guest handed its
    /// connection back without taking anything: the same bytes would activate it for ever.
    pub fn carried_budget(&self) -> Option<Budget> {
        (!self.received.get()).then(|| Budget {
            started: self.started,
            cpu_used: self.cpu_used.get(),
        })
    }

    /// Notes that the guest received something, or did something that the peer or the guest can
    /// tell.
    pub fn set_touched(&self) {
        self.touched.set(true);
    }

    /// Whether nothing passed between guest and peer, so that the activation could as well not
    /// have begun.
    pub fn is_untouched(&self) -> bool {
        !self.touched.get()
    }

    /// Notes that the guest dropped its handle.
    pub fn set_dropped(&self) {
        self.dropped.set(true);
    }

    /// Whether the guest dropped its handle.
    pub fn is_dropped(&self) -> bool {
        self.dropped.get()
    }
}

/// What an activation has used of what it may.
#[derive(Debug)]
pub struct Budget {
    started: Moment,
    cpu_used: Duration,
}

/// The host ends an activation: the error inside a task, with the cause that is logged.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Killed {
    /// The cause as it is counted.
    pub failure: Failure,
    /// The cause in words.
    pub reason: String,
}
