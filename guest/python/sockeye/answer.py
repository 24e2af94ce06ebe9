"""The answer to one request: its head, its framing, and as few calls of the host as possible."""

import re
import time
from collections.abc import Iterable
from http import HTTPStatus

from .body import Body
from .connection import Connection
from .files import File
from .head import TOKEN, VALUE

# The largest body that is copied behind its head to be sent by one call.
_COPY_BYTES_MAX = 64 * 1024

# How much of the body is sent by one call, which makes a copy of it.
_PIECE_BYTES_MAX = 1 << 20

_PHRASES = {status.value: status.phrase for status in HTTPStatus}

_NAME = re.compile(TOKEN)
_VALUE = re.compile(VALUE)
_DIGITS = re.compile(rb"[0-9]{1,18}")

# What says how the message is framed and what becomes of the connection is decided here.
_DROPPED = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding",
     b"upgrade")
)  # fmt: skip

type Fields = Iterable[tuple[str, str]]


class Answer:
    """How far the answer to one request has been sent.

    `start`, then `write` or `send_file`, then `finish`. Nothing is sent before there is something
    of the body, so that a handler that fails first can still be answered for.
    """

    def __init__(
        self,
        connection: Connection,
        body: Body | None = None,
        *,
        is_old: bool = False,
        is_bare: bool = False,
        close: bool = True,
    ):
        """Begins an answer: to HTTP/1.0 where `is_old`, without a body (to HEAD) where `is_bare`,
        and to the last request of the connection where `close`."""
        self._connection = connection
        self._body = body
        self._is_old = is_old
        self._is_bare = is_bare
        self._lines: bytes | None = None
        self._has_head_to_send = False
        # What is left of the length announced; None: chunks, or until the end of the connection.
        self._rest: int | None = None
        self._is_chunked = False
        self.close = close
        # What is written is not sent: to HEAD, and with a status that has no body.
        self._drops = is_bare
        # Something was given to the connection; it failed there.
        self.is_sent = False
        self.is_broken = False

    @property
    def is_started(self) -> bool:
        return self._lines is not None

    @property
    def is_complete(self) -> bool:
        """Says whether the head is sent and what is written from now on has no place."""
        return self._drops and not self._has_head_to_send

    def start(
        self, status: int, fields: Fields, length: int | None = None, phrase: str | None = None
    ) -> None:
        """Decides on the head; may be called again as long as nothing was sent.

        A body of unknown `length` is sent in chunks, or ended by the end of the connection. A
        field `Content-Length` means the same as `length`, and lines that frame the message or are
        about the connection are dropped, except that `Connection: close` is done. Raises
        ValueError: a status that is not within 200 to 999, or a header line that cannot be sent.
        """
        if self.is_sent:
            raise RuntimeError("the request has an answer already")
        if not 200 <= status <= 999:
            raise ValueError(f"a status is within 200 to 999, not {status}")
        phrase = _PHRASES.get(status, "") if phrase is None else phrase
        lines = [b"HTTP/1.1 %d %b\r\n" % (status, _checked(_VALUE, phrase))]
        is_dated = False
        for name, value in fields:
            name, value = _checked(_NAME, name), _checked(_VALUE, value.strip(" \t"))
            match name.lower():
                case b"content-length":
                    if not _DIGITS.fullmatch(value) or length not in (None, int(value)):
                        raise ValueError(f"Content-Length cannot be {value!r}")
                    length = int(value)
                    continue
                case b"connection":
                    self.close |= b"close" in value.lower()
                    continue
                case b"date":
                    is_dated = True
                case dropped if dropped in _DROPPED:
                    continue
            lines += name, b": ", value, b"\r\n"
        if not is_dated:
            lines.append(_date_line())
        # 205 has a body of no bytes, which its head says; 204 and 304 have none (RFC 9110).
        self._has_no_body = status in (204, 304)
        self._rest = 0 if status == 205 else length
        self._drops = self._is_bare or self._has_no_body or status == 205
        self._lines = b"".join(lines)
        self._has_head_to_send = True

    def announce(self, length: int) -> int:
        """Announces the length of the body unless that was done, and returns what it is."""
        if self._rest is None and self._has_head_to_send:
            self._rest = length
        return length if self._rest is None else self._rest

    def write(self, data: bytes) -> None:
        """Sends a part of the body now, and the head in front of the first.

        Raises ValueError where it is more than the length announced, and what sending raises.
        """
        if not data:
            return
        head = self._end_head()
        if self._drops:
            self._send(head)
        elif self._is_chunked:
            self._send(b"%b%x\r\n" % (head, len(data)), data, b"\r\n")
        elif self._rest is None:
            self._send(head, data)
        elif len(data) <= self._rest:
            self._rest -= len(data)
            # Where the connection ends with these bytes, its end can share their packet.
            self._send(head, data, more=self.close and self._rest == 0)
        else:
            raise ValueError("the body is longer than its Content-Length")

    def send_file(self, file: File, offset: int, count: int) -> None:
        """Sends `count` bytes of `file` from `offset` as a part of the body.

        Raises OSError where the file has become shorter or was written to meanwhile.
        """
        head = self._end_head()
        if self._drops or count == 0:
            self._send(head)
            return
        if self._is_chunked:
            head += b"%x\r\n" % count
        elif self._rest is not None:
            if count > self._rest:
                raise ValueError("the body is longer than its Content-Length")
            self._rest -= count
        self.is_sent = True
        try:
            sent = _send_file_all(self._connection, head, file, offset, count)
        except OSError:
            self.is_broken = True
            raise
        if sent < count:
            raise OSError("the file has changed while it was sent")
        if self._is_chunked:
            self._send(b"\r\n")

    def finish(self) -> None:
        """Sends what is left of the head, and the end of the body.

        Raises RuntimeError where no answer was started, ValueError where the body is shorter than
        announced.
        """
        if not self.is_started:
            raise RuntimeError("no answer was started")
        if self._has_head_to_send and self._rest is None and not self._is_bare:
            self._rest = 0
        head = self._end_head()
        if self._drops:
            self._send(head, more=self.close)
        elif self._is_chunked:
            self._send(head, b"0\r\n\r\n", more=self.close)
        elif self._rest:
            raise ValueError("the body is shorter than its Content-Length")
        else:
            self._send(head, more=self.close)

    def _end_head(self) -> bytes:
        """Returns the head where it has not been sent: with it, the framing is decided."""
        if self._lines is None:
            raise RuntimeError("no answer was started")
        if not self._has_head_to_send:
            return b""
        self._has_head_to_send = False
        if self._body is not None:
            self.close |= self._body.is_undrainable
            self._body.forgo()
        framing = b""
        if self._has_no_body:
            pass
        elif self._rest is not None:
            framing = b"Content-Length: %d\r\n" % self._rest
        elif self._is_old:
            self.close = True
        else:
            self._is_chunked = True
            framing = b"Transfer-Encoding: chunked\r\n"
        self.close |= self._connection.closing()
        connection = b""
        if self.close:
            connection = b"Connection: close\r\n"
        elif self._is_old:
            connection = b"Connection: keep-alive\r\n"
        return b"%b%b%b\r\n" % (self._lines, framing, connection)

    def _send(self, *parts: bytes, more: bool = False) -> None:
        """Sends the parts with one call, or each with its own where copying would cost more."""
        if sum(map(len, parts)) <= _COPY_BYTES_MAX:
            parts = (b"".join(parts),)
        parts = [part for part in parts if part]
        for number, part in enumerate(parts, start=1):
            self.is_sent = True
            try:
                _send_all(self._connection, part, more or number < len(parts))
            except OSError:
                self.is_broken = True
                raise


def _send_all(connection: Connection, data: bytes, more: bool) -> None:
    """Sends all of `data`, for as long as the client takes something within each timeout."""
    sent, piece = 0, data[:_PIECE_BYTES_MAX]
    while piece:
        end = sent + len(piece)
        try:
            connection.send(piece, more=more or end < len(data), timeout=None)
            sent = end
        except TimeoutError as error:
            if error.sent == 0:
                raise
            sent += error.sent
        piece = data[sent : sent + _PIECE_BYTES_MAX]


def _send_file_all(
    connection: Connection, head: bytes, file: File, offset: int, count: int
) -> int:
    """Sends `head` and a part of `file`, as `_send_all` does; returns how much of the file."""
    sent = 0
    while True:
        try:
            rest = count - sent
            return sent + connection.send_with_file(head, file, offset + sent, rest, timeout=None)
        except TimeoutError as error:
            if error.sent == 0:
                raise
            # What stands in front goes first.
            of_head = min(error.sent, len(head))
            head = head[of_head:]
            sent += error.sent - of_head


def _checked(pattern: re.Pattern, text: str) -> bytes:
    data = text.encode("latin-1")
    if not pattern.fullmatch(data):
        raise ValueError(f"a header line cannot contain {text!r}")
    return data


def _date_line() -> bytes:
    return time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime()).encode()
