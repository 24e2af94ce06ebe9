//! `connections.wit`: the connection that an activation serves.
//!
//! # Cancel safety
//! Killing an activation drops the future of the call it is suspended in. A call holds the
//! activation and nothing else: no lock, no borrow of a cell.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use send_wrapper::SendWrapper;
use wasmtime::component::Resource;

use super::activation::Request;
use super::bindings::sockeye::net::connections::{
    self, Address, Ipv4Address, Ipv6Address, SendError, SendFlags, ShutdownHow,
};
use super::errors::ErrorCode;
use super::{Activation, Exchange, FileHandle, Guest, HeldMemory, Service};
use crate::config::Reuse;
use crate::metrics::Bound;
use crate::moment::Moment;
use crate::net::{CallError, OFFSET_MAX, Received, Shutdown, Stream, Timeout};

/// What a `send` may hold in the host without being charged to the guests' memory: as much as any
/// instance costs in other ways, and no reason to fail where others have used all.
const SEND_BYTES_FREE: usize = 64 * 1024;

/// A longer delimiter is refused: looking for it costs as much as it is long each time that a byte
/// arrives, and the host holds it for as long as the guest waits.
const DELIMITER_BYTES_MAX: usize = 4096;

/// What a guest's `connection` handle stands for: an activation, for as long as it lasts.
///
/// After that the handle is a tombstone. Its number in the guest's table stays taken until the
/// guest drops it, so a late drop can never close somebody else's connection.
#[derive(Debug)]
pub struct ConnectionHandle {
    /// The activation that the handle was made for.
    pub activation: SendWrapper<Weak<Activation>>,
}

type Handle = Resource<ConnectionHandle>;

impl Guest {
    fn activation(&self, handle: &Handle) -> wasmtime::Result<Option<Rc<Activation>>> {
        Ok(self.table.get(handle)?.activation.upgrade())
    }

    fn call(&self, asked: Option<u64>) -> Call {
        let cap = self.limits().call_timeout;
        let asked = asked.map_or(Duration::MAX, Duration::from_nanos);
        Call {
            length: asked.min(cap),
            capped: asked > cap,
            service: Rc::clone(&self.service),
        }
    }
}

/// One call of a guest: how long it may take, whether that is the operator's wish rather than the
/// guest's, and where to count.
struct Call {
    length: Duration,
    capped: bool,
    service: Rc<Service>,
}

impl Call {
    fn code(&self, error: CallError, stream: &Stream) -> ErrorCode {
        let bound = match &error {
            CallError::TimedOut => self.capped.then_some(Bound::CallTime),
            CallError::ReceivesTooLittle => Some(Bound::ReceiveRate),
            CallError::SendsTooLittle => Some(Bound::SendRate),
            CallError::TooLarge | CallError::Io(_) => None,
        };
        // A client is too slow once, however often the guest tries again.
        let again = |bound| bound != Bound::CallTime && stream.was_told(bound as u32);
        if let Some(bound) = bound.filter(|&bound| !again(bound)) {
            self.service.environment.fired(bound, stream);
        }
        error.into()
    }

    /// Notes that the guest took bytes, or was told that none follow.
    fn note_received(&self, activation: &Activation, bytes: &[u8]) {
        if !bytes.is_empty() {
            activation.set_received();
        }
        self.note(activation, |exchange| exchange.received(bytes));
    }

    /// Bounds a call that waits for what the client sends.
    fn receiving<'a>(&self, activation: &'a Activation) -> Timeout<'a> {
        Timeout::new(self.length).at_pace(activation.receiving_pace())
    }

    /// Bounds a call that waits for the client to take what is sent.
    fn sending<'a>(&self, activation: &'a Activation) -> Timeout<'a> {
        Timeout::new(self.length).at_pace(Some(activation.sending_pace()))
    }

    /// Notes that bytes pass between guest and peer; `log` is for the access log, where there is
    /// one.
    fn note(&self, activation: &Activation, log: impl FnOnce(&mut Exchange)) {
        activation.set_touched();
        self.service.serve_request(activation);
        if self.service.environment.request_log.is_some() {
            log(&mut activation.exchange.borrow_mut());
        }
    }
}

/// Runs a call on the worker's thread, where its futures always are.
fn on_worker<T>(call: impl Future<Output = T>) -> impl Future<Output = T> + Send {
    SendWrapper::new(call)
}

impl connections::Host for Guest {}

impl connections::HostConnection for Guest {
    async fn recv(
        &mut self,
        handle: Handle,
        max: u32,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<Vec<u8>, ErrorCode>> {
        let Some(activation) = self.activation(&handle)? else {
            return Ok(Err(ErrorCode::InvalidState));
        };
        if max == 0 {
            return Ok(Err(ErrorCode::InvalidArgument));
        }
        let max = max as usize;
        let allowed = self.limits().recv_bytes_max;
        let call = SendWrapper::new(self.call(timeout));
        Ok(on_worker(async move {
            let stream = &activation.stream;
            stream.push_held();
            let mut timeout = call.receiving(&activation);
            let received = stream.recv(max.min(allowed), &mut timeout).await;
            if let Ok(bytes) = &received {
                if max > allowed && bytes.len() == allowed {
                    call.service.environment.fired(Bound::RecvBytes, stream);
                }
                call.note_received(&activation, bytes);
            }
            received.map_err(|error| call.code(error, stream))
        })
        .await)
    }

    async fn recv_until(
        &mut self,
        handle: Handle,
        delimiter: Vec<u8>,
        max: u32,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<Vec<u8>, ErrorCode>> {
        let Some(activation) = self.activation(&handle)? else {
            return Ok(Err(ErrorCode::InvalidState));
        };
        let max = max as usize;
        let allowed = self.limits().recv_until_bytes_max;
        if max > allowed {
            self.refuse(Bound::RecvUntilBytes);
        }
        let too_long = delimiter.len() > max.min(DELIMITER_BYTES_MAX);
        if delimiter.is_empty() || too_long || max > allowed {
            return Ok(Err(ErrorCode::InvalidArgument));
        }
        let call = SendWrapper::new(self.call(timeout));
        Ok(on_worker(async move {
            let stream = &activation.stream;
            stream.push_held();
            let mut timeout = call.receiving(&activation);
            let received = stream.recv_until(&delimiter, max, &mut timeout).await;
            if let Ok(bytes) = &received {
                call.note_received(&activation, bytes);
            }
            received.map_err(|error| call.code(error, stream))
        })
        .await)
    }

    async fn send(
        &mut self,
        handle: Handle,
        bytes: Vec<u8>,
        options: SendFlags,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<(), SendError>> {
        let Some(activation) = self.activation(&handle)? else {
            return Ok(Err(SendError {
                code: ErrorCode::InvalidState,
                sent: 0,
            }));
        };
        let more = options.contains(SendFlags::MORE);
        let call = SendWrapper::new(self.call(timeout));
        // The bytes are a copy that the guest's own limit does not cover.
        let held = match bytes.len() {
            0..=SEND_BYTES_FREE => None,
            length => match HeldMemory::take(self.environment(), length) {
                Some(held) => Some(SendWrapper::new(held)),
                None => {
                    self.refuse(Bound::TotalMemory);
                    return Ok(Err(SendError {
                        code: ErrorCode::InsufficientResources,
                        sent: 0,
                    }));
                }
            },
        };
        Ok(on_worker(async move {
            let _held = held;
            call.note(&activation, |exchange| exchange.sent(&bytes));
            activation.observe_upgrade(&bytes);
            let stream = &activation.stream;
            let mut timeout = call.sending(&activation);
            match stream.send(&bytes, more, &mut timeout).await {
                Ok(_) => Ok(()),
                Err((error, sent)) => Err(SendError {
                    code: call.code(error, stream),
                    sent,
                }),
            }
        })
        .await)
    }

    async fn sendfile(
        &mut self,
        handle: Handle,
        file: Resource<FileHandle>,
        offset: u64,
        length: u64,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<u64, SendError>> {
        let Some(activation) = self.activation(&handle)? else {
            return Ok(Err(SendError {
                code: ErrorCode::InvalidState,
                sent: 0,
            }));
        };
        let file = self.file(&file)?;
        if offset > OFFSET_MAX {
            return Ok(Err(SendError {
                code: ErrorCode::InvalidArgument,
                sent: 0,
            }));
        }
        let length = length.min(OFFSET_MAX - offset);
        let call = SendWrapper::new(self.call(timeout));
        Ok(on_worker(async move {
            call.note(&activation, |_| {});
            let stream = &activation.stream;
            let mut timeout = call.sending(&activation);
            let sent = stream.sendfile(&file, offset, length, &mut timeout).await;
            sent.map_err(|(error, sent)| SendError {
                code: call.code(error, stream),
                sent,
            })
        })
        .await)
    }

    async fn next(&mut self, handle: Handle) -> wasmtime::Result<bool> {
        let Some(activation) = self.activation(&handle)? else {
            return Ok(false);
        };
        let service = Rc::clone(&self.service);
        let generation = self.generation();
        Ok(on_worker(async move { next(&service, generation, &activation).await }).await)
    }

    fn closing(&mut self, handle: Handle) -> wasmtime::Result<bool> {
        Ok(self.environment().is_draining() || self.activation(&handle)?.is_none())
    }

    fn shutdown(
        &mut self,
        handle: Handle,
        how: ShutdownHow,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        let how = match how {
            ShutdownHow::Receive => Shutdown::Receive,
            ShutdownHow::Send => Shutdown::Send,
            ShutdownHow::Both => Shutdown::Both,
        };
        Ok(self.now(&handle)?.and_then(|activation| {
            activation.set_touched();
            Ok(activation.stream.shutdown(how)?)
        }))
    }

    fn peer_address(&mut self, handle: Handle) -> wasmtime::Result<Result<Address, ErrorCode>> {
        Ok(self
            .now(&handle)?
            .and_then(|activation| Ok(activation.stream.peer_address()?.into())))
    }

    fn local_address(&mut self, handle: Handle) -> wasmtime::Result<Result<Address, ErrorCode>> {
        Ok(self
            .now(&handle)?
            .and_then(|activation| Ok(activation.stream.local_address()?.into())))
    }

    fn set_no_delay(
        &mut self,
        handle: Handle,
        enabled: bool,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        Ok(self
            .now(&handle)?
            .and_then(|activation| Ok(activation.stream.set_no_delay(enabled)?)))
    }

    async fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        if let Some(activation) = self.table.delete(handle)?.activation.upgrade() {
            activation.set_dropped();
            // The peer sees the end of the stream now, even if the guest goes on with other work.
            // A stream that cannot be shut down is already closed.
            let _ = activation.stream.shutdown(Shutdown::Send);
        }
        Ok(())
    }
}

impl Guest {
    /// The activation for a call that never suspends.
    fn now(&self, handle: &Handle) -> wasmtime::Result<Result<Rc<Activation>, ErrorCode>> {
        Ok(self.activation(handle)?.ok_or(ErrorCode::InvalidState))
    }
}

/// Decides whether the guest goes on with its connection; see `next` in `connections.wit`. A guest
/// of an earlier `generation` leaves it to the component that has replaced its own.
async fn next(service: &Service, generation: u64, activation: &Activation) -> bool {
    let environment = &service.environment;
    let stream = &activation.stream;
    stream.push_held();
    let mut now = Moment::now();
    service.end_request(activation, now);
    let mut linger = Timeout::new(environment.limits.linger);
    let mut scanned = 0;
    let unserved = matches!(activation.request(), Request::Whole(_));
    if unserved && service.is_activated_by(stream, service.trigger(), scanned) {
        // What the guest was activated for. Handing it back unread would only bring it here again.
        return true;
    }
    loop {
        let hand_back = service.reuse == Reuse::Never
            || environment.wanted.get()
            || environment.is_draining()
            || service.generation.get() != generation
            || stream.is_receive_shut()
            || activation.is_half_spent(&environment.limits);
        if hand_back {
            return false;
        }
        if service.is_activated_by(stream, service.trigger(), scanned) {
            activation.begin_request(now);
            return true;
        }
        scanned = stream.with_kept(|kept| kept.len());
        let room = environment.activation_room(stream);
        if room == 0 {
            // Too long for a head. The host answers that once the connection is parked.
            return false;
        }
        match stream.try_recv_kept(room) {
            Ok(Received::Bytes(_)) => {}
            // The end, or an error that is found again when the connection is parked.
            Ok(Received::End) | Err(_) => return false,
            Ok(Received::WouldBlock) if linger.is_immediate() => return false,
            Ok(Received::WouldBlock) => {
                if stream.linger(&mut linger).await.is_err() {
                    environment.fired(Bound::Linger, stream);
                    return false;
                }
                now = Moment::now();
            }
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        match address {
            SocketAddr::V4(address) => {
                let [a, b, c, d] = address.ip().octets();
                Address::Ipv4(Ipv4Address {
                    octets: (a, b, c, d),
                    port: address.port(),
                })
            }
            SocketAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h] = address.ip().segments();
                Address::Ipv6(Ipv6Address {
                    segments: (a, b, c, d, e, f, g, h),
                    port: address.port(),
                    flow_info: address.flowinfo(),
                    scope_id: address.scope_id(),
                })
            }
        }
    }
}
