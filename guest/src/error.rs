//! Why a call failed, as the contract says it and as `std::io` says it.

use std::io::{Error, ErrorKind};

#[doc(inline)]
pub use crate::bindings::service::sockeye::net::connections::SendError;
#[doc(inline)]
pub use crate::bindings::service::sockeye::net::errors::ErrorCode;

impl ErrorCode {
    /// Returns the kind that an [`std::io::Error`] made from this code has.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Timeout => ErrorKind::TimedOut,
            Self::ConnectionReset => ErrorKind::ConnectionReset,
            Self::ConnectionBroken => ErrorKind::BrokenPipe,
            Self::ConnectionAborted => ErrorKind::ConnectionAborted,
            Self::InvalidState => ErrorKind::NotConnected,
            Self::InvalidArgument => ErrorKind::InvalidInput,
            Self::NotSupported => ErrorKind::Unsupported,
            Self::AccessDenied => ErrorKind::PermissionDenied,
            Self::NotFound => ErrorKind::NotFound,
            Self::IsDirectory => ErrorKind::IsADirectory,
            Self::NameTooLong => ErrorKind::InvalidFilename,
            Self::TooLarge => ErrorKind::FileTooLarge,
            Self::TooManyFiles => ErrorKind::QuotaExceeded,
            Self::InsufficientResources => ErrorKind::OutOfMemory,
            Self::NotRegularFile | Self::Io | Self::Other(_) => ErrorKind::Other,
        }
    }
}

/// Keeps the code: `error.get_ref()` downcasts to [`ErrorCode`].
impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Error::new(code.kind(), code)
    }
}

/// Keeps the code and drops the count: [`Connection::send_all`](crate::Connection::send_all) is
/// for those who do not need it.
impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        error.code.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_keeps_the_code_it_was_made_from() {
        let error = Error::from(ErrorCode::Timeout);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let code = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<ErrorCode>());
        assert_eq!(code, Some(&ErrorCode::Timeout));
    }
}
