"""One accepted stream connection."""

import errno
import io
from ipaddress import IPv6Address

from componentize_py_types import Err
from wit_world.imports import connections as host

from .errors import exception, send_exception
from .files import File

# Which directions `Connection.shutdown` closes, as in the module `socket`.
SHUT_RD, SHUT_WR, SHUT_RDWR = 0, 1, 2

# The longest line that iterating and `readline()` without a size return, its LF included.
LINE_BYTES_MAX = 64 * 1024

# What one call receives at most, whatever a caller asks for; the host has a cap of its own.
_RECV_BYTES_MAX = 1 << 20

# After how many bytes a connection is handed back where a handler asks whether to go on. What calls
# copy is freed only when the handler returns, by the tool that makes the component.
_COPIED_BYTES_MAX = 16 << 20

_TIMEOUT_MAX = 1e9

_NOTHING = host.SendFlags(0)
_MORE = host.SendFlags.MORE

_HOW = {
    SHUT_RD: host.ShutdownHow.RECEIVE,
    SHUT_WR: host.ShutdownHow.SEND,
    SHUT_RDWR: host.ShutdownHow.BOTH,
}

_ATTRIBUTE = object()


class Connection(io.RawIOBase):
    """The connection that a handler serves; valid until the handler returns.

    It has calls in the manner of a blocking socket, and is also a raw stream of bytes: `readline`
    and `for line in connection` take no byte more than a line, so that what follows it is still
    there when the connection is handed back. `io.BufferedReader(connection)` works, too, but what
    it has read ahead is lost with it.

    A `timeout` is in seconds and covers the whole call, however little the peer sends at a time:
    0 does what can be done at once, None waits as long as the operator allows (`--call-timeout`),
    which is also the most that any call waits. Where a call is given none, the attribute `timeout`
    of the connection holds. A call whose time is up raises TimeoutError, and no byte is lost: the
    next call receives what this one had.

    Receiving raises ConnectionResetError where the peer reset the connection,
    ConnectionAbortedError where the network gave up, and OSError (EBADF) where the host has closed
    it. Sending raises those and BrokenPipeError where the peer or this side has closed the stream,
    and OSError (ENOBUFS) where the machine is short of memory; each has an attribute `sent`, how
    many bytes of the call are gone.
    """

    timeout: float | None = None

    def __init__(self, raw: host.Connection):
        self._raw = raw
        self._copied = 0

    def recv(self, size: int, *, timeout: float | None = _ATTRIBUTE) -> bytes:
        """Receives at least one byte and at most `size`; b"" is the end of the stream.

        Returns what is there without waiting for more. Raises OSError (EINVAL) where `size` is 0.
        """
        try:
            size = min(_size(size), _RECV_BYTES_MAX)
            return self._count(self._host().recv(size, self._nanoseconds(timeout)))
        except Err as error:
            raise exception(error) from None

    def recv_until(
        self, delimiter: bytes, size: int, *, timeout: float | None = _ATTRIBUTE
    ) -> bytes:
        """Receives up to and including the first `delimiter`, at most `size` bytes.

        What follows the delimiter stays for the next call. Where the peer ends the stream first,
        returns what came before that. Raises OSError: EMSGSIZE where the first `size` bytes do not
        contain the delimiter, and none of them is taken; EINVAL where the delimiter is empty or
        longer than `size`, or `size` is more than the operator allows (at least 64 KiB).
        """
        try:
            timeout = self._nanoseconds(timeout)
            return self._count(self._host().recv_until(bytes(delimiter), _size(size), timeout))
        except Err as error:
            raise exception(error) from None

    def next(self) -> bool:
        """Says whether to go on with this connection now, and waits a little for that.

        Where it is False, return the connection: nothing has come, or the host wants the instance
        back. Pushes out what a `send` with `more` held back.
        """
        return self._copied < _COPIED_BYTES_MAX and self._host().next()

    def next_until(
        self, delimiter: bytes, size: int, *, timeout: float | None = _ATTRIBUTE
    ) -> bytes | None:
        """Does what `next` and then, where that is True, `recv_until` does, in one call.

        None: return the connection. `timeout` does not cover the wait for the first byte.
        """
        if self._copied >= _COPIED_BYTES_MAX:
            return None
        try:
            timeout = self._nanoseconds(timeout)
            data = self._host().next_until(bytes(delimiter), _size(size), timeout)
            return None if data is None else self._count(data)
        except Err as error:
            raise exception(error) from None

    def closing(self) -> bool:
        """Says whether the host will close the connection instead of taking it back.

        A protocol that can announce the end should do so then.
        """
        return self._host().closing()

    def send(
        self, data: bytes, *, more: bool = False, timeout: float | None = _ATTRIBUTE
    ) -> None:
        """Sends all of `data`, as `socket.sendall` does.

        With `more`, which says that more bytes or the end of the connection follow soon, the host
        may hold some back to fill a packet.
        """
        flags = _MORE if more else _NOTHING
        try:
            self._host().send(self._count(bytes(data)), flags, self._nanoseconds(timeout))
        except Err as error:
            raise send_exception(error) from None

    def sendfile(
        self,
        file: File,
        offset: int = 0,
        count: int | None = None,
        *,
        timeout: float | None = _ATTRIBUTE,
    ) -> int:
        """Sends `count` bytes of `file` from `offset` (None: to its end) and returns how many.

        They go from the host's page cache to the network and never enter the memory of the
        handler; the position of `file` is neither used nor moved. Fewer than `count` are sent only
        where the file ends first or has changed: let the connection go then, or the peer takes
        what follows for the rest of the file.
        """
        return self.send_with_file(b"", file, offset, count, timeout=timeout)

    def send_with_file(
        self,
        data: bytes,
        file: File,
        offset: int = 0,
        count: int | None = None,
        *,
        timeout: float | None = _ATTRIBUTE,
    ) -> int:
        """Sends all of `data` and behind it a part of `file`, as a head and its body.

        One call and one timeout for what `send` with `more` and then `sendfile` do. Returns how
        many bytes of the file were sent.
        """
        if count is None:
            count = max(0, file.stat().st_size - offset)
        timeout = self._nanoseconds(timeout)
        try:
            if not data:
                return self._host().sendfile(file._host(), offset, count, timeout)
            return self._host().send_with_file(bytes(data), file._host(), offset, count, timeout)
        except Err as error:
            raise send_exception(error) from None

    def shutdown(self, how: int) -> None:
        """Closes one direction or both: SHUT_RD, SHUT_WR or SHUT_RDWR.

        Raises BrokenPipeError where the connection is closed already.
        """
        try:
            self._host().shutdown(_HOW[how])
        except Err as error:
            raise exception(error) from None

    def getpeername(self) -> tuple | str:
        """Returns the peer's address, as a socket does: a pair, for IPv6 four, for Unix a path."""
        try:
            return _address(self._host().peer_address())
        except Err as error:
            raise exception(error) from None

    def getsockname(self) -> tuple | str:
        """Returns the address at which the connection was accepted, as `getpeername` does."""
        try:
            return _address(self._host().local_address())
        except Err as error:
            raise exception(error) from None

    def set_no_delay(self, enabled: bool) -> None:
        """Chooses between small delay (True, as it begins) and few packets for small sends.

        Raises OSError (EOPNOTSUPP) where this is not a TCP connection.
        """
        try:
            self._host().set_no_delay(enabled)
        except Err as error:
            raise exception(error) from None

    def readline(self, size: int | None = -1) -> bytes:
        """Receives one line with its LF; b"" is the end of the stream.

        Of a line that is longer than `size`, its first `size` bytes. Without a size, a line of
        more than LINE_BYTES_MAX raises OSError (EMSGSIZE).
        """
        if size is None or size < 0:
            return self.recv_until(b"\n", LINE_BYTES_MAX)
        try:
            return self.recv_until(b"\n", size) if size > 0 else b""
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
        return self.recv(size, timeout=0)

    def readinto(self, buffer) -> int:
        """Receives bytes into `buffer` and says how many; 0 at the end of the stream."""
        data = self.recv(len(buffer)) if len(buffer) > 0 else b""
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: bytes) -> int:
        """Sends all of `data` and returns its length."""
        self.send(data)
        return len(data)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Lets the connection go now, in an orderly way; a second time, this does nothing."""
        super().close()
        self._release(False)

    def _count(self, data: bytes) -> bytes:
        self._copied += len(data)
        return data

    def _host(self) -> host.Connection:
        if self._raw is None:
            raise ValueError("I/O operation on closed connection")
        return self._raw

    def _nanoseconds(self, timeout: float | None) -> int | None:
        if timeout is _ATTRIBUTE:
            timeout = self.timeout
        if timeout is None:
            return None
        if timeout < 0:
            raise ValueError("a timeout is not negative")
        return int(min(timeout, _TIMEOUT_MAX) * 1e9)

    def _release(self, handed_back: bool) -> host.Connection | None:
        """Ends the use of the connection, and returns the handle where it is handed back."""
        raw, self._raw = self._raw, None
        if raw is None or handed_back:
            return raw
        # An instance that kept the handle would not be used again.
        raw.__exit__(None, None, None)
        return None


def _size(size: int) -> int:
    if size < 0:
        raise ValueError("a size is not negative")
    # What the contract takes, which is more than any limit of the host.
    return min(size, 2**32 - 1)


def _address(address: host.Address) -> tuple | str:
    value = address.value
    match address:
        case host.Address_Ipv4():
            return ".".join(map(str, value.octets)), value.port
        case host.Address_Ipv6():
            name = str(IPv6Address(b"".join(part.to_bytes(2) for part in value.segments)))
            return name, value.port, value.flow_info, value.scope_id
        case _:
            return value or ""
