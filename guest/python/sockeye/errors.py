"""What the host's calls fail with, as the exceptions that Python has for it."""

import errno
import os

from componentize_py_types import Err
from wit_world.imports import errors as codes

# OSError itself chooses the subclass that Python has for a number: TimeoutError and so on.
_NUMBERS = {
    codes.ErrorCode_Timeout: errno.ETIMEDOUT,
    codes.ErrorCode_ConnectionReset: errno.ECONNRESET,
    codes.ErrorCode_ConnectionBroken: errno.EPIPE,
    codes.ErrorCode_ConnectionAborted: errno.ECONNABORTED,
    codes.ErrorCode_InvalidState: errno.EBADF,
    codes.ErrorCode_InvalidArgument: errno.EINVAL,
    codes.ErrorCode_NotSupported: errno.EOPNOTSUPP,
    codes.ErrorCode_AccessDenied: errno.EACCES,
    codes.ErrorCode_NotFound: errno.ENOENT,
    codes.ErrorCode_IsDirectory: errno.EISDIR,
    codes.ErrorCode_NotRegularFile: errno.ENXIO,
    codes.ErrorCode_NameTooLong: errno.ENAMETOOLONG,
    codes.ErrorCode_TooLarge: errno.EMSGSIZE,
    codes.ErrorCode_TooManyFiles: errno.EMFILE,
    codes.ErrorCode_InsufficientResources: errno.ENOBUFS,
    codes.ErrorCode_Io: errno.EIO,
}


def exception(error: Err, path: str | None = None) -> OSError:
    """Returns the exception for `error`, which a call that names `path` failed with."""
    _forget_frames(error)
    return _os_error(error.value, path)


def send_exception(error: Err) -> OSError:
    """Returns the exception for a `send-error`, which knows how many bytes were `sent`."""
    _forget_frames(error)
    failure = _os_error(error.value.code)
    failure.sent = error.value.sent
    return failure


def _os_error(code: codes.ErrorCode, path: str | None = None) -> OSError:
    number = _NUMBERS.get(type(code), errno.EIO)
    # The one case that is not in the table has a text.
    text = getattr(code, "value", None) or os.strerror(number)
    return OSError(number, text, path)


def _forget_frames(error: Err) -> None:
    # The frame of the generated binding has the error in a variable, and the error has the frame
    # in its traceback: a ring that would keep what was to be sent until a garbage collection.
    error.with_traceback(None)
