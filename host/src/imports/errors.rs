//! `errors.wit`: what the kernel says, in the contract's words.

use std::io;

use rustix::io::Errno;

use super::Guest;
use super::bindings::sockeye::net::errors;
pub(super) use super::bindings::sockeye::net::errors::ErrorCode;
use crate::net::{CallError, OpenError};

impl errors::Host for Guest {}

impl From<Errno> for ErrorCode {
    fn from(error: Errno) -> ErrorCode {
        match error {
            Errno::CONNRESET => ErrorCode::ConnectionReset,
            Errno::PIPE | Errno::NOTCONN | Errno::SHUTDOWN => ErrorCode::ConnectionBroken,
            Errno::CONNABORTED
            | Errno::TIMEDOUT
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
            | Errno::NETDOWN => ErrorCode::ConnectionAborted,
            Errno::INVAL | Errno::OVERFLOW | Errno::FBIG => ErrorCode::InvalidArgument,
            Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOPROTOOPT => ErrorCode::NotSupported,
            Errno::NOMEM | Errno::NOBUFS | Errno::MFILE | Errno::NFILE => {
                ErrorCode::InsufficientResources
            }
            Errno::IO => ErrorCode::Io,
            other => ErrorCode::Other(Some(other.to_string())),
        }
    }
}

impl From<io::Error> for ErrorCode {
    fn from(error: io::Error) -> ErrorCode {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            None if error.kind() == io::ErrorKind::NotConnected => ErrorCode::ConnectionBroken,
            None => ErrorCode::Other(Some(error.to_string())),
        }
    }
}

impl From<CallError> for ErrorCode {
    fn from(error: CallError) -> ErrorCode {
        match error {
            CallError::TimedOut | CallError::ReceivesTooLittle | CallError::SendsTooLittle => {
                ErrorCode::Timeout
            }
            CallError::TooLarge => ErrorCode::TooLarge,
            CallError::Io(error) => error.into(),
        }
    }
}

impl From<OpenError> for ErrorCode {
    fn from(error: OpenError) -> ErrorCode {
        match error {
            OpenError::Invalid => ErrorCode::InvalidArgument,
            OpenError::Denied => ErrorCode::AccessDenied,
            OpenError::NotFound => ErrorCode::NotFound,
            OpenError::IsDirectory => ErrorCode::IsDirectory,
            OpenError::NotRegular => ErrorCode::NotRegularFile,
            OpenError::NameTooLong => ErrorCode::NameTooLong,
            OpenError::Exhausted => ErrorCode::InsufficientResources,
            OpenError::Other(errno) => errno.into(),
        }
    }
}
