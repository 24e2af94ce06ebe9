"""The body of a request, received as it is read and never held."""

import errno
import io
import re
import time

from .connection import Connection
from .head import TOKEN, VALUE, Refusal

# How long a client may pause within a body, in seconds; then it is answered with 408.
BODY_TIMEOUT = 30.0

# How much of a body that nobody read is received and dropped to keep the connection, and for how
# long; where there is more, the connection is closed.
DRAIN_BYTES_MAX = 64 * 1024
DRAIN_TIMEOUT = 1.0

# The most bytes that the lines in front of all chunks together may have beyond their sizes, and
# those behind the last chunk: nothing else bounds what a client sends for one byte of data.
_EXTENSION_BYTES_MAX = 16 * 1024
_TRAILER_BYTES_MAX = 4096

_PIECE_BYTES_MAX = 64 * 1024

# Extensions are dropped, but not whatever they are: a reader that knows quotations would go on
# behind the end of a line that leaves one open.
_QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_EXTENSION = rb"[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|%b))?" % (TOKEN, TOKEN, _QUOTED)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:%b)*+)\r\n" % _EXTENSION)
_TRAILER = re.compile(rb"%b:%b\r\n" % (TOKEN, VALUE))


class BodyError(OSError):
    """The body of the request is cut, malformed or larger than its limit: the client's fault."""


class Body(io.RawIOBase):
    """The body of one request as a raw stream of bytes, decoded.

    Reading raises TimeoutError where the client pauses too long, BodyError for anything else that
    is its fault, and what `Connection` raises. Where a handler does not catch that, the client is
    answered with 408, 400 or 413.
    """

    def __init__(self, connection: Connection, length: int | None, expects_continue: bool):
        self._connection = connection
        # What is left of the body, or of the current chunk.
        self._rest = length or 0
        self._is_chunked = length is None
        self._is_first_chunk = True
        self._extension_bytes = 0
        self._owes_continue = expects_continue
        self._given = 0
        self._given_max: int | None = None
        # What the client did wrong.
        self.fault: Refusal | None = None
        self.is_broken = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if len(buffer) == 0:
            return 0
        self._check_limit(announced=0 if self._is_chunked else self._rest)
        self._send_continue()
        data = self._receive(len(buffer), BODY_TIMEOUT)
        self._given += len(data)
        self._check_limit()
        buffer[: len(data)] = data
        return len(data)

    def limit(self, size: int) -> None:
        """Refuses a body of more than `size` bytes, decoded, before more of it is handed out."""
        self._given_max = size

    def forgo(self) -> None:
        """Gives up on a body that the client was not asked for: the final answer begins.

        It may never send it then (RFC 9110 section 10.1.1), and `100 Continue` would be taken for
        a part of the answer.
        """
        if self._owes_continue:
            self._owes_continue = False
            self.is_broken = True

    @property
    def is_undrainable(self) -> bool:
        """Says whether `drain` is certain to fail."""
        too_long = not self._is_chunked and self._rest > DRAIN_BYTES_MAX
        return too_long or self._owes_continue or self.is_broken or self.fault is not None

    def drain(self) -> bool:
        """Receives what is left, so that the next request can be, and says whether it could."""
        if self.is_undrainable:
            return False
        deadline = time.monotonic() + DRAIN_TIMEOUT
        drained = 0
        try:
            while drained <= DRAIN_BYTES_MAX:
                left = max(0.0, deadline - time.monotonic())
                data = self._receive(_PIECE_BYTES_MAX, left)
                if not data:
                    return True
                drained += len(data)
        except OSError:
            pass
        return False

    def _send_continue(self) -> None:
        if self._owes_continue:
            self._owes_continue = False
            try:
                self._connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            except OSError:
                self.is_broken = True
                raise

    def _receive(self, size: int, timeout: float) -> bytes:
        """Receives a piece of data, at most `size` bytes; none is the end of the body."""
        if self.fault is not None:
            raise _error(self.fault)
        if self.is_broken:
            raise BodyError(errno.EPIPE, "nothing more of the request body can be received")
        try:
            if self._rest == 0 and self._is_chunked:
                self._next_chunk(timeout)
            if self._rest == 0:
                return b""
            size = min(size, self._rest)
            # Where the call itself finds no memory, that is a trap; here it is a MemoryError.
            bytearray(4 * size)
            data = self._connection.recv(size, timeout=timeout)
        except TimeoutError:
            self._fail(408, "request body came too slowly")
        except BodyError:
            raise
        except OSError:
            self.is_broken = True
            raise
        if not data:
            self._fail(400, "request body ended before its end")
        self._rest -= len(data)
        return data

    def _next_chunk(self, timeout: float) -> None:
        """Receives what is between the data of two chunks, or behind the last."""
        if not self._is_first_chunk and self._pair(timeout) != b"\r\n":
            self._fail_chunks()
        self._is_first_chunk = False
        # The extensions' own bytes are counted; the longest size and a line end come on top.
        line = self._line(_EXTENSION_BYTES_MAX - self._extension_bytes + 18, timeout)
        chunk = _CHUNK_LINE.fullmatch(line)
        if chunk is None:
            self._fail_chunks()
        self._extension_bytes += len(chunk[2])
        if self._extension_bytes > _EXTENSION_BYTES_MAX:
            self._fail_chunks()
        self._rest = int(chunk[1], 16)
        if self._rest > 0:
            return
        self._receive_trailers(timeout)
        self._is_chunked = False

    def _receive_trailers(self, timeout: float) -> None:
        """Receives what is behind the last chunk, and drops it."""
        left = _TRAILER_BYTES_MAX
        while (start := self._pair(timeout)) != b"\r\n":
            # No line is so short. What follows it may never come, so the rest is not waited for.
            if b"\r" in start or b"\n" in start:
                self._fail_chunks()
            line = start + self._line(left + 2, timeout)
            left -= len(line)
            if left < 0 or not _TRAILER.fullmatch(line):
                self._fail_chunks()

    def _pair(self, timeout: float) -> bytes:
        """Receives two bytes, which there are in any body at this place."""
        pair = self._connection.recv(2, timeout=timeout)
        if len(pair) == 1:
            pair += self._connection.recv(1, timeout=timeout)
        if len(pair) < 2:
            self._fail(400, "request body ended before its end")
        return pair

    def _line(self, size: int, timeout: float) -> bytes:
        """Receives a line; up to an LF, whatever is before it, so that a bad one is known soon."""
        try:
            line = self._connection.recv_until(b"\n", size, timeout=timeout)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._fail_chunks()
        if not line.endswith(b"\n"):
            self._fail(400, "request body ended before its end")
        return line

    def _check_limit(self, announced: int = 0) -> None:
        if self._given_max is not None and self._given + announced > self._given_max:
            self._fail(413, f"request body is larger than {self._given_max} bytes")

    def _fail_chunks(self) -> None:
        self._fail(400, "request body is malformed as chunks")

    def _fail(self, status: int, reason: str) -> None:
        # The first fault is what the client is told.
        self.fault = self.fault or Refusal(status, reason)
        raise _error(self.fault) from None


def _error(fault: Refusal) -> OSError:
    if fault.status == 408:
        return TimeoutError(errno.ETIMEDOUT, fault.reason)
    return BodyError(errno.EFBIG if fault.status == 413 else errno.EPROTO, fault.reason)
