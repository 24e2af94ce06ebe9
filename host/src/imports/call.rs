//! One call of a guest on its connection: tried at once, and suspended where it has to wait.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use fragile::Fragile;

use super::activation::Request;
use super::bindings::sockeye::net::connections::SendError;
use super::errors::ErrorCode;
use super::{Activation, Exchange, HeldMemory, Service};
use crate::config::{Limits, Reuse};
use crate::metrics::Bound;
use crate::moment::Moment;
use crate::net::{CallError, HeldFile, OFFSET_MAX, Received, SendResult, Stream, Timeout};

/// What a `send` may hold in the host without being charged to the guests' memory: as much as any
/// instance costs in other ways, and no reason to fail where others have used all.
const SEND_BYTES_FREE: usize = 64 * 1024;

/// A longer delimiter is refused: looking for it costs as much as it is long each time that a byte
/// arrives, and the host holds it for as long as the guest waits.
const DELIMITER_BYTES_MAX: usize = 4096;

/// One call of a guest: how long it may take, whether that is the operator's wish rather than the
/// guest's, and what it is about.
///
/// # Cancel safety
/// Killing an activation drops what is left of the call that it is suspended in. That holds the
/// activation and nothing else: no lock, no borrow of a cell.
pub(super) struct Call {
    length: Duration,
    capped: bool,
    service: Rc<Service>,
    activation: Rc<Activation>,
}

/// A call that was tried. Most find what they ask for at once: what it takes to be suspended is
/// made only for those that do not.
pub(super) enum Begun<T> {
    /// Its result, until that is taken.
    Ended(Option<T>),
    /// What is left of it. wasmtime wants it to be `Send`, though it stays on the worker's thread.
    Waits(Fragile<Pin<Box<dyn Future<Output = T>>>>),
}

/// A guest that waits for the beginning of what comes next.
struct Linger {
    timeout: Timeout<'static>,
    generation: u64,
    /// How many of the bytes that are here were looked at.
    scanned: usize,
}

impl<T> Begun<T> {
    /// Has a result.
    pub(super) fn ended(result: T) -> Begun<T> {
        Begun::Ended(Some(result))
    }

    /// Goes on with `rest`, once the guest is resumed.
    pub(super) fn waits(rest: impl Future<Output = T> + 'static) -> Begun<T> {
        Begun::Waits(Fragile::new(Box::pin(rest)))
    }
}

impl<T: Unpin> Future for Begun<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.get_mut() {
            Begun::Ended(result) => Poll::Ready(result.take().expect("it is polled to its end")),
            Begun::Waits(rest) => rest.get_mut().as_mut().poll(cx),
        }
    }
}

impl Call {
    /// Begins a call that may take as long as was `asked`, in nanoseconds, and as the operator
    /// allows.
    pub(super) fn new(
        service: &Rc<Service>,
        activation: Rc<Activation>,
        asked: Option<u64>,
    ) -> Call {
        let cap = service.environment.limits.call_timeout;
        let asked = asked.map_or(Duration::MAX, Duration::from_nanos);
        Call {
            length: asked.min(cap),
            capped: asked > cap,
            service: Rc::clone(service),
            activation,
        }
    }

    /// `connection.recv`.
    pub(super) fn recv(self, max: usize) -> Begun<Result<Vec<u8>, ErrorCode>> {
        let allowed = self.limits().recv_bytes_max;
        let end = move |call: &Call, received: Result<Vec<u8>, CallError>| {
            if max > allowed && received.as_ref().is_ok_and(|bytes| bytes.len() == allowed) {
                call.fired(Bound::RecvBytes);
            }
            call.end_receiving(received)
        };
        let max = max.min(allowed);
        self.stream().push_held();
        if let Some(received) = self.stream().recv_now(max, &self.receiving()) {
            return Begun::ended(end(&self, received));
        }
        Begun::waits(async move {
            let received = self.stream().recv(max, &mut self.receiving()).await;
            end(&self, received)
        })
    }

    /// `connection.recv-until`.
    pub(super) fn recv_until(
        self,
        delimiter: &[u8],
        max: usize,
    ) -> Begun<Result<Vec<u8>, ErrorCode>> {
        let allowed = self.limits().recv_until_bytes_max;
        if max > allowed {
            self.fired(Bound::RecvUntilBytes);
        }
        let too_long = delimiter.len() > max.min(DELIMITER_BYTES_MAX);
        if delimiter.is_empty() || too_long || max > allowed {
            return Begun::ended(Err(ErrorCode::InvalidArgument));
        }
        let stream = self.stream();
        let mut scanned = 0;
        stream.push_held();
        let now = stream.recv_until_now(delimiter, max, &mut scanned, &self.receiving());
        if let Some(received) = now {
            return Begun::ended(self.end_receiving(received));
        }
        let delimiter = delimiter.to_vec();
        Begun::waits(async move {
            let mut timeout = self.receiving();
            let received = self
                .stream()
                .recv_until(&delimiter, max, scanned, &mut timeout);
            self.end_receiving(received.await)
        })
    }

    /// `connection.send`.
    pub(super) fn send(self, bytes: &[u8], more: bool) -> Begun<Result<(), SendError>> {
        self.begin_sending(bytes);
        let mut sent = 0;
        let now = self
            .stream()
            .send_now(bytes, more, &mut sent, &self.sending());
        if let Some(all) = now {
            return Begun::ended(self.end_sending(all).map(drop));
        }
        let (rest, held) = match self.hold(&bytes[sent..]) {
            Ok(rest) => rest,
            Err(code) => return Begun::ended(Err(failed(code, sent as u64))),
        };
        Begun::waits(async move {
            let _held = held;
            let mut timeout = self.sending();
            let all = self.stream().send(&rest, more, &mut timeout).await;
            let all = all.map_err(|(error, more)| (error, sent as u64 + more));
            self.end_sending(all).map(drop)
        })
    }

    /// `connection.sendfile`, from an offset that the kernel can count to.
    pub(super) fn sendfile(
        self,
        file: Rc<HeldFile>,
        offset: u64,
        length: u64,
    ) -> Begun<Result<u64, SendError>> {
        let length = length.min(OFFSET_MAX - offset);
        self.note(|_| {});
        Begun::waits(async move {
            let mut timeout = self.sending();
            let sent = self.stream().sendfile(&file, offset, length, &mut timeout);
            self.end_sending(sent.await)
        })
    }

    /// `connection.send-with-file`, from an offset that the kernel can count to.
    pub(super) fn send_with_file(
        self,
        bytes: &[u8],
        file: Rc<HeldFile>,
        offset: u64,
        length: u64,
    ) -> Begun<Result<u64, SendError>> {
        self.begin_sending(bytes);
        let length = length.min(OFFSET_MAX - offset);
        let ahead = bytes.len() as u64;
        let mut sent = 0;
        let stream = self.stream();
        let now = stream.send_copied(bytes, &file, offset, length, &mut sent, &self.sending());
        if let Some(all) = now {
            return Begun::ended(self.end_sending(all).map(|all| all - ahead));
        }
        let unsent = bytes.get(sent as usize..).unwrap_or_default();
        let (rest, held) = match self.hold(unsent) {
            Ok(rest) => rest,
            Err(code) => return Begun::ended(Err(failed(code, sent))),
        };
        let gone = sent.saturating_sub(ahead);
        let (offset, length) = (offset + gone, length - gone);
        Begun::waits(async move {
            let _held = held;
            let mut timeout = self.sending();
            let stream = self.stream();
            let more = stream.send_with_file(&rest, &file, offset, length, &mut timeout);
            let all = match more.await {
                Ok(more) => Ok(sent + more),
                Err((error, more)) => Err((error, sent + more)),
            };
            self.end_sending(all).map(|all| all - ahead)
        })
    }

    /// `connection.next`: decides whether the guest, of the service's component of that
    /// `generation`, goes on with its connection.
    pub(super) fn next(self, generation: u64) -> Begun<bool> {
        match self.try_next(generation) {
            Ok(goes_on) => Begun::ended(goes_on),
            Err(linger) => Begun::waits(async move { self.linger(linger).await }),
        }
    }

    /// `connection.next-until`.
    pub(super) fn next_until(
        self,
        generation: u64,
        delimiter: &[u8],
        max: usize,
    ) -> Begun<Result<Option<Vec<u8>>, ErrorCode>> {
        match self.try_next(generation) {
            Ok(false) => Begun::ended(Ok(None)),
            Ok(true) => match self.recv_until(delimiter, max) {
                Begun::Ended(received) => Begun::Ended(received.map(|bytes| bytes.map(Some))),
                waits => Begun::waits(async move { waits.await.map(Some) }),
            },
            Err(linger) => {
                let delimiter = delimiter.to_vec();
                Begun::waits(async move {
                    match self.linger(linger).await {
                        false => Ok(None),
                        true => self.recv_until(&delimiter, max).await.map(Some),
                    }
                })
            }
        }
    }

    /// Whether the guest goes on, or how to wait for what decides about it.
    fn try_next(&self, generation: u64) -> Result<bool, Linger> {
        self.stream().push_held();
        let now = Moment::now();
        self.service.end_request(&self.activation, now);
        if matches!(self.activation.request(), Request::Whole(_)) && self.is_activated(0) {
            // What the guest was activated for. Handing it back unread would only bring it here
            // again.
            return Ok(true);
        }
        let mut scanned = 0;
        if let Some(goes_on) = self.goes_on(generation, now, &mut scanned) {
            return Ok(goes_on);
        }
        let timeout = Timeout::starting(now, self.limits().linger);
        if timeout.is_immediate() {
            return Ok(false);
        }
        self.activation.begin_to_linger(now);
        Err(Linger {
            timeout,
            generation,
            scanned,
        })
    }

    async fn linger(&self, mut linger: Linger) -> bool {
        loop {
            if self.stream().linger(&mut linger.timeout).await.is_err() {
                self.fired(Bound::Linger);
                return false;
            }
            let now = self.activation.slice_started();
            let goes_on = self.goes_on(linger.generation, now, &mut linger.scanned);
            if let Some(goes_on) = goes_on {
                return goes_on;
            }
        }
    }

    /// Whether the guest goes on, where that does not depend on what the client does next. A guest
    /// of an earlier `generation` leaves it to the component that has replaced its own.
    fn goes_on(&self, generation: u64, now: Moment, scanned: &mut usize) -> Option<bool> {
        let Call {
            service,
            activation,
            ..
        } = self;
        let environment = &service.environment;
        let stream = self.stream();
        let hand_back = service.reuse == Reuse::Never
            || environment.wanted.get()
            || environment.is_draining()
            || service.generation.get() != generation
            || stream.is_receive_shut()
            || activation.is_half_spent(&environment.limits);
        if hand_back {
            return Some(false);
        }
        loop {
            let length = stream.with_kept(|kept| kept.len());
            if length > *scanned {
                if self.is_activated(*scanned) {
                    activation.begin_request(now);
                    return Some(true);
                }
                *scanned = length;
            }
            let room = environment.activation_room(stream);
            if room == 0 {
                // Too long for a head. The host answers that once the connection is parked.
                return Some(false);
            }
            match stream.try_recv_kept(room) {
                Ok(Received::Bytes(_)) => {}
                // The end, or an error that is found again when the connection is parked.
                Ok(Received::End) | Err(_) => return Some(false),
                Ok(Received::WouldBlock) => return None,
            }
        }
    }

    /// Whether what has arrived would activate the connection if it were parked.
    fn is_activated(&self, scanned: usize) -> bool {
        let trigger = self.service.trigger();
        self.service
            .is_activated_by(self.stream(), trigger, scanned)
    }

    fn stream(&self) -> &Stream {
        &self.activation.stream
    }

    fn limits(&self) -> &Limits {
        &self.service.environment.limits
    }

    fn fired(&self, bound: Bound) {
        self.service.environment.fired(bound, self.stream());
    }

    /// Bounds a call that waits for what the client sends.
    fn receiving(&self) -> Timeout<'_> {
        Timeout::new(self.length).at_pace(self.activation.receiving_pace())
    }

    /// Bounds a call that waits for the client to take what is sent.
    fn sending(&self) -> Timeout<'_> {
        Timeout::new(self.length).at_pace(Some(self.activation.sending_pace()))
    }

    /// Ends a call that receives: notes that the guest took bytes, or was told that none follow.
    fn end_receiving(&self, received: Result<Vec<u8>, CallError>) -> Result<Vec<u8>, ErrorCode> {
        let bytes = received.map_err(|error| self.code(error))?;
        if !bytes.is_empty() {
            self.activation.set_received();
        }
        self.note(|exchange| exchange.received(&bytes));
        Ok(bytes)
    }

    /// Begins a call that sends `bytes`.
    fn begin_sending(&self, bytes: &[u8]) {
        self.note(|exchange| exchange.sent(bytes));
        self.activation.observe_upgrade(bytes);
    }

    /// Copies what is to be sent later out of the guest, whose own limit does not cover the copy.
    fn hold(&self, rest: &[u8]) -> Result<(Vec<u8>, Option<HeldMemory>), ErrorCode> {
        let held = match rest.len() {
            0..=SEND_BYTES_FREE => None,
            length => match HeldMemory::take(&self.service.environment, length) {
                Some(held) => Some(held),
                None => {
                    self.fired(Bound::TotalMemory);
                    return Err(ErrorCode::InsufficientResources);
                }
            },
        };
        Ok((rest.to_vec(), held))
    }

    /// Ends a call that sends.
    fn end_sending(&self, sent: SendResult) -> Result<u64, SendError> {
        sent.map_err(|(error, sent)| SendError {
            code: self.code(error),
            sent,
        })
    }

    fn code(&self, error: CallError) -> ErrorCode {
        let bound = match &error {
            CallError::TimedOut => self.capped.then_some(Bound::CallTime),
            CallError::ReceivesTooLittle => Some(Bound::ReceiveRate),
            CallError::SendsTooLittle => Some(Bound::SendRate),
            CallError::TooLarge | CallError::Io(_) => None,
        };
        // A client is too slow once, however often the guest tries again.
        let again = |bound| bound != Bound::CallTime && self.stream().was_told(bound as u32);
        if let Some(bound) = bound.filter(|&bound| !again(bound)) {
            self.fired(bound);
        }
        error.into()
    }

    /// Notes that bytes pass between guest and peer; `log` is for the access log, where there is
    /// one.
    fn note(&self, log: impl FnOnce(&mut Exchange)) {
        self.activation.set_touched();
        self.service.serve_request(&self.activation);
        if self.service.environment.request_log.is_some() {
            log(&mut self.activation.exchange.borrow_mut());
        }
    }
}

/// The error of a call that has sent nothing.
pub(super) fn unsent(code: ErrorCode) -> SendError {
    failed(code, 0)
}

fn failed(code: ErrorCode, sent: u64) -> SendError {
    SendError { code, sent }
}
