//! `connections.wit`: the connection that an activation serves. The calls that may wait stand in
//! `call.rs`.

use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use fragile::Fragile;
use wasmtime::component::Resource;

use super::bindings::sockeye::net::connections::{
    self, Address, Ipv4Address, Ipv6Address, SendError, SendFlags, ShutdownHow,
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

impl Guest {
    fn activation(&self, handle: &Handle) -> wasmtime::Result<Option<Rc<Activation>>> {
        Ok(self.table.get(handle)?.activation.get().upgrade())
    }

    /// Begins a call on the connection, if the guest still has it.
    fn call(&self, handle: &Handle, timeout: Option<u64>) -> wasmtime::Result<Option<Call>> {
        let activation = self.activation(handle)?;
        Ok(activation.map(|activation| Call::new(self.service(), activation, timeout)))
    }
}

impl connections::Host for Guest {}

impl connections::HostConnection for Guest {
    async fn recv(
        &mut self,
        handle: Handle,
        max: u32,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<Vec<u8>, ErrorCode>> {
        let begun = match self.call(&handle, timeout)? {
            None => Begun::Ended(Err(ErrorCode::InvalidState)),
            Some(_) if max == 0 => Begun::Ended(Err(ErrorCode::InvalidArgument)),
            Some(call) => call.recv(max as usize),
        };
        Ok(begun.end().await)
    }

    async fn recv_until(
        &mut self,
        handle: Handle,
        delimiter: Vec<u8>,
        max: u32,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<Vec<u8>, ErrorCode>> {
        let begun = match self.call(&handle, timeout)? {
            None => Begun::Ended(Err(ErrorCode::InvalidState)),
            Some(call) => call.recv_until(delimiter, max as usize),
        };
        Ok(begun.end().await)
    }

    async fn send(
        &mut self,
        handle: Handle,
        bytes: Vec<u8>,
        options: SendFlags,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<(), SendError>> {
        let more = options.contains(SendFlags::MORE);
        let begun = match self.call(&handle, timeout)? {
            None => Begun::Ended(Err(unsent(ErrorCode::InvalidState))),
            Some(call) => call.send(bytes, more),
        };
        Ok(begun.end().await)
    }

    async fn sendfile(
        &mut self,
        handle: Handle,
        file: Resource<FileHandle>,
        offset: u64,
        length: u64,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<u64, SendError>> {
        let begun = match self.call(&handle, timeout)? {
            None => Begun::Ended(Err(unsent(ErrorCode::InvalidState))),
            Some(_) if offset > OFFSET_MAX => Begun::Ended(Err(unsent(ErrorCode::InvalidArgument))),
            Some(call) => call.sendfile(self.file(&file)?, offset, length),
        };
        Ok(begun.end().await)
    }

    async fn next(&mut self, handle: Handle) -> wasmtime::Result<bool> {
        let begun = match self.call(&handle, None)? {
            None => Begun::Ended(false),
            Some(call) => call.next(self.generation()),
        };
        Ok(begun.end().await)
    }

    async fn next_until(
        &mut self,
        handle: Handle,
        delimiter: Vec<u8>,
        max: u32,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, ErrorCode>> {
        let begun = match self.call(&handle, timeout)? {
            None => Begun::Ended(Ok(None)),
            Some(call) => call.next_until(self.generation(), delimiter, max as usize),
        };
        Ok(begun.end().await)
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
        if let Some(activation) = self.table.delete(handle)?.activation.get().upgrade() {
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
