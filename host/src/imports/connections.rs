//! `connections.wit`: the connection that an activation serves. The calls that may wait stand in
//! `call.rs`.
//!
//! Linked by hand: every request makes some of these calls, and what is made of the contract by
//! `bindgen!` copies each list into a vector and each call into a future before it is tried.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use fragile::Fragile;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    ComponentNamedList, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType, WasmList,
};

use super::bindings::sockeye::net::connections::{
    Address, Ipv4Address, Ipv6Address, SendError, SendFlags, ShutdownHow,
};
use super::call::{Begun, Call, unsent};
use super::errors::ErrorCode;
use super::{Activation, FileHandle, Guest};
use crate::net::{OFFSET_MAX, Shutdown};

/// What a guest's `connection` handle stands for: an activation, for as long as it lasts.
///
/// After that the handle is a tombstone. Its number in the guest's table stays taken until the
/// guest drops it, so a late drop can never close somebody else's connection.
#[derive(Debug)]
pub struct ConnectionHandle {
    /// The activation that the handle was made for.
    pub activation: Fragile<Weak<Activation>>,
}

type Handle = Resource<ConnectionHandle>;

/// A length of time in nanoseconds, if there is one.
type Duration = Option<u64>;

/// What a call that the host makes for a guest comes to; an error is a defect of the host.
type Trappable<T> = wasmtime::Result<T>;

/// Adds the interface to a linker.
///
/// # Errors
/// Only where it is there already, which is a defect of the host.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut linker = linker.instance("sockeye:net/connections@0.1.0")?;
    let resource = ResourceType::host::<ConnectionHandle>();
    linker.resource("connection", resource, drop)?;
    let linker = &mut linker;
    add_waiting(linker, "recv", recv)?;
    add_waiting(linker, "recv-until", recv_until)?;
    add_waiting(linker, "send", send)?;
    add_waiting(linker, "sendfile", sendfile)?;
    add_waiting(linker, "send-with-file", send_with_file)?;
    add_waiting(linker, "next", next)?;
    add_waiting(linker, "next-until", next_until)?;
    add(linker, "closing", closing)?;
    add(linker, "shutdown", shutdown)?;
    add(linker, "peer-address", peer_address)?;
    add(linker, "local-address", local_address)?;
    add(linker, "set-no-delay", set_no_delay)
}

/// Adds a method that never suspends the guest.
fn add<P, T>(
    linker: &mut LinkerInstance<'_, Guest>,
    name: &str,
    call: impl Fn(&Guest, P) -> Trappable<T> + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    (T,): ComponentNamedList + Lower + 'static,
{
    linker.func_wrap(
        &method(name),
        move |store: StoreContextMut<'_, Guest>, parameters| Ok((call(store.data(), parameters)?,)),
    )
}

/// Adds a method that may suspend the guest.
fn add_waiting<P, T>(
    linker: &mut LinkerInstance<'_, Guest>,
    name: &str,
    begin: impl Fn(&StoreContextMut<'_, Guest>, P) -> Trappable<Begun<T>> + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    T: Unpin + Send + 'static,
    (T,): ComponentNamedList + Lower + 'static,
{
    linker.func_wrap_async(&method(name), move |store, parameters| {
        Box::new(Returning(Some(begin(&store, parameters))))
    })
}

fn method(name: &str) -> String {
    format!("[method]connection.{name}")
}

/// Returns to the guest once a call has its result.
struct Returning<T>(Option<Trappable<Begun<T>>>);

impl<T: Unpin> Future for Returning<T> {
    type Output = Trappable<(T,)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let call = &mut self.get_mut().0;
        match call {
            Some(Ok(begun)) => Poll::Ready(Ok((ready!(Pin::new(begun).poll(cx)),))),
            failed => Poll::Ready(Err(failed
                .take()
                .and_then(Result::err)
                .expect("it is polled to its end"))),
        }
    }
}

impl Guest {
    fn activation(&self, handle: &Handle) -> Trappable<Option<Rc<Activation>>> {
        Ok(self.table.get(handle)?.activation.get().upgrade())
    }

    /// The activation for a call that never suspends.
    fn now(&self, handle: &Handle) -> Trappable<Result<Rc<Activation>, ErrorCode>> {
        Ok(self.activation(handle)?.ok_or(ErrorCode::InvalidState))
    }

    /// Begins a call on the connection, if the guest still has it.
    fn call(&self, handle: &Handle, timeout: Duration) -> Trappable<Option<Call>> {
        let activation = self.activation(handle)?;
        Ok(activation.map(|activation| Call::new(self.service(), activation, timeout)))
    }
}

fn recv(
    store: &StoreContextMut<'_, Guest>,
    (handle, max, timeout): (Handle, u32, Duration),
) -> Trappable<Begun<Result<Vec<u8>, ErrorCode>>> {
    Ok(match store.data().call(&handle, timeout)? {
        None => Begun::ended(Err(ErrorCode::InvalidState)),
        Some(_) if max == 0 => Begun::ended(Err(ErrorCode::InvalidArgument)),
        Some(call) => call.recv(max as usize),
    })
}

fn recv_until(
    store: &StoreContextMut<'_, Guest>,
    (handle, delimiter, max, timeout): (Handle, WasmList<u8>, u32, Duration),
) -> Trappable<Begun<Result<Vec<u8>, ErrorCode>>> {
    Ok(match store.data().call(&handle, timeout)? {
        None => Begun::ended(Err(ErrorCode::InvalidState)),
        Some(call) => call.recv_until(delimiter.as_le_slice(store), max as usize),
    })
}

fn send(
    store: &StoreContextMut<'_, Guest>,
    (handle, bytes, options, timeout): (Handle, WasmList<u8>, SendFlags, Duration),
) -> Trappable<Begun<Result<(), SendError>>> {
    let more = options.contains(SendFlags::MORE);
    Ok(match store.data().call(&handle, timeout)? {
        None => Begun::ended(Err(unsent(ErrorCode::InvalidState))),
        Some(call) => call.send(bytes.as_le_slice(store), more),
    })
}

fn sendfile(
    store: &StoreContextMut<'_, Guest>,
    (handle, file, offset, length, timeout): (Handle, Resource<FileHandle>, u64, u64, Duration),
) -> Trappable<Begun<Result<u64, SendError>>> {
    let guest = store.data();
    Ok(match guest.call(&handle, timeout)? {
        None => Begun::ended(Err(unsent(ErrorCode::InvalidState))),
        Some(_) if offset > OFFSET_MAX => Begun::ended(Err(unsent(ErrorCode::InvalidArgument))),
        Some(call) => call.sendfile(guest.file(&file)?, offset, length),
    })
}

fn send_with_file(
    store: &StoreContextMut<'_, Guest>,
    (handle, bytes, file, offset, length, timeout): (
        Handle,
        WasmList<u8>,
        Resource<FileHandle>,
        u64,
        u64,
        Duration,
    ),
) -> Trappable<Begun<Result<u64, SendError>>> {
    let guest = store.data();
    Ok(match guest.call(&handle, timeout)? {
        None => Begun::ended(Err(unsent(ErrorCode::InvalidState))),
        Some(_) if offset > OFFSET_MAX => Begun::ended(Err(unsent(ErrorCode::InvalidArgument))),
        Some(call) => {
            let bytes = bytes.as_le_slice(store);
            call.send_with_file(bytes, guest.file(&file)?, offset, length)
        }
    })
}

fn next(store: &StoreContextMut<'_, Guest>, (handle,): (Handle,)) -> Trappable<Begun<bool>> {
    let guest = store.data();
    Ok(match guest.call(&handle, None)? {
        None => Begun::ended(false),
        Some(call) => call.next(guest.generation()),
    })
}

fn next_until(
    store: &StoreContextMut<'_, Guest>,
    (handle, delimiter, max, timeout): (Handle, WasmList<u8>, u32, Duration),
) -> Trappable<Begun<Result<Option<Vec<u8>>, ErrorCode>>> {
    let guest = store.data();
    Ok(match guest.call(&handle, timeout)? {
        None => Begun::ended(Ok(None)),
        Some(call) => {
            let delimiter = delimiter.as_le_slice(store);
            call.next_until(guest.generation(), delimiter, max as usize)
        }
    })
}

fn closing(guest: &Guest, (handle,): (Handle,)) -> Trappable<bool> {
    Ok(guest.environment().is_draining() || guest.activation(&handle)?.is_none())
}

fn shutdown(
    guest: &Guest,
    (handle, how): (Handle, ShutdownHow),
) -> Trappable<Result<(), ErrorCode>> {
    let how = match how {
        ShutdownHow::Receive => Shutdown::Receive,
        ShutdownHow::Send => Shutdown::Send,
        ShutdownHow::Both => Shutdown::Both,
    };
    Ok(guest.now(&handle)?.and_then(|activation| {
        activation.set_touched();
        Ok(activation.stream.shutdown(how)?)
    }))
}

fn peer_address(guest: &Guest, (handle,): (Handle,)) -> Trappable<Result<Address, ErrorCode>> {
    Ok(guest
        .now(&handle)?
        .and_then(|activation| Ok(activation.stream.peer_address()?.into())))
}

fn local_address(guest: &Guest, (handle,): (Handle,)) -> Trappable<Result<Address, ErrorCode>> {
    Ok(guest
        .now(&handle)?
        .and_then(|activation| Ok(activation.stream.local_address()?.into())))
}

fn set_no_delay(
    guest: &Guest,
    (handle, enabled): (Handle, bool),
) -> Trappable<Result<(), ErrorCode>> {
    Ok(guest
        .now(&handle)?
        .and_then(|activation| Ok(activation.stream.set_no_delay(enabled)?)))
}

/// The guest drops its handle.
fn drop(mut store: StoreContextMut<'_, Guest>, rep: u32) -> Trappable<()> {
    let handle = Handle::new_own(rep);
    let dropped = store.data_mut().table.delete(handle)?;
    if let Some(activation) = dropped.activation.get().upgrade() {
        activation.set_dropped();
        // The peer sees the end of the stream now, even if the guest goes on with other work. A
        // stream that cannot be shut down is already closed.
        let _ = activation.stream.shutdown(Shutdown::Send);
    }
    Ok(())
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
