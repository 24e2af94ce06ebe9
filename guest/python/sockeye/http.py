"""HTTP/1.1 for handlers: a function from `Request` to `Response`.

Requests are answered one after the other, pipelined ones too. What is malformed or ambiguous, too
large or too slow is answered here with a status and a line of text, and never reaches the handler.
"""

import errno
import io
from collections.abc import Callable, Iterable, Iterator, Mapping

from . import export
from .answer import Answer, Fields
from .body import BODY_TIMEOUT, DRAIN_BYTES_MAX, DRAIN_TIMEOUT, Body, BodyError
from .connection import Connection
from .files import File
from .head import (
    HEAD_BYTES_MAX,
    HEADERS_MAX,
    TARGET_BYTES_MAX,
    Head,
    Refusal,
    is_head_request,
    too_large,
)

__all__ = [
    "BODY_TIMEOUT",
    "DRAIN_BYTES_MAX",
    "DRAIN_TIMEOUT",
    "HEADERS_MAX",
    "HEAD_BYTES_MAX",
    "HEAD_TIMEOUT",
    "TARGET_BYTES_MAX",
    "BodyError",
    "Headers",
    "Request",
    "Response",
    "handler",
]

# How long a request head may take from its first bytes, in seconds; then it is answered with 408.
# The host has its own deadline before that, unless it was told to start handlers earlier.
HEAD_TIMEOUT = 10.0

_HEAD_END = b"\r\n\r\n"

# How much of a stream is held: one that is shorter is sent with its length.
_BLOCK_BYTES = 64 * 1024


class Headers:
    """The header lines of a request, in their order; the case of a name does not matter."""

    def __init__(self, fields: list[tuple[bytes, bytes]]):
        self._fields = fields

    def get(self, name: str, default: str | None = None) -> str | None:
        """Returns the value of the first line `name`, or `default`."""
        return next(self._values(name), default)

    def get_all(self, name: str) -> list[str]:
        """Returns the values of all lines `name`."""
        return list(self._values(name))

    def items(self) -> list[tuple[str, str]]:
        """Returns every line as a pair of name and value, each byte as one character."""
        return [(name.decode(), value.decode("latin-1")) for name, value in self._fields]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.items())

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __getitem__(self, name: str) -> str:
        """Returns the value of the first line `name`; raises KeyError where there is none."""
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def _values(self, name: str) -> Iterator[str]:
        wanted = name.lower().encode()
        for other, value in self._fields:
            if other.lower() == wanted:
                yield value.decode("latin-1")


class Request:
    """One request.

    `method` is in the client's letters; `target` is what it sent, `path` and `query` are its parts,
    still percent-encoded, `host` is whom the request is for (empty where nobody is named),
    `version` is "1.0" or "1.1", `connection` is for its addresses, and `keep_alive` says whether
    the client wants to go on with it. `content_length` is None where the body comes in chunks.
    """

    def __init__(self, connection: Connection, head: Head):
        self.connection = connection
        self.method = head.method
        self.target = head.target
        self.path, _, self.query = head.origin.partition("?")
        self.host = head.authority
        self.version = "1.0" if head.is_old else "1.1"
        self.headers = Headers(head.fields)
        self.keep_alive = head.keep_alive
        self.content_length = head.length
        self._raw_body = Body(connection, head.length, head.expects_continue)
        self._body: io.BufferedReader | None = None

    @property
    def body(self) -> io.BufferedReader:
        """The body as a file that is read once, received as it is read and never held as a whole.

        Reading raises TimeoutError where the client pauses for longer than BODY_TIMEOUT, BodyError
        where the body is cut, malformed or above its limit, and what `Connection.recv` raises. A
        handler need not catch any of that: the client is answered with 408, 400 or 413. A client
        that waits to be asked for its body (`Expect: 100-continue`) is asked by the first read.
        """
        if self._body is None:
            self._body = io.BufferedReader(self._raw_body)
        return self._body

    @property
    def fault(self) -> Refusal | None:
        """What the client did wrong in the body, as far as it was read."""
        return self._raw_body.fault

    def limit_body(self, size: int) -> None:
        """Refuses a body of more than `size` bytes, which is otherwise unlimited.

        Reading one that is announced longer fails before anything of it is received, one in chunks
        fails where it passes the limit; the client is answered with 413.
        """
        self._raw_body.limit(size)


class Response:
    """An answer: a body, a status, and header lines.

    The body is text or bytes; or a `sockeye.File`, which is sent from its position to its end
    without its bytes entering the memory of the handler; or another binary file, such as
    `request.body`, which is copied; or an iterable of bytes, of which each is sent when it comes.
    What has a method `close` is closed at the end.

    `content_type` is by default that of text in UTF-8 for text, and of bytes for all else.
    `headers` are a mapping or pairs. Header lines that frame the message are the library's, except
    that `Content-Length` may say how long an iterable is; otherwise it is sent in chunks.

    Raises, when it is sent, ValueError for a status that is not within 200 to 999 or a header line
    that cannot be sent, which the client is answered 500 for.
    """

    def __init__(
        self,
        body: str | bytes | File | io.IOBase | Iterable[bytes] = b"",
        status: int = 200,
        content_type: str | None = None,
        headers: Mapping[str, str] | Fields = (),
    ):
        if content_type is None:
            is_text = isinstance(body, str)
            content_type = "text/plain; charset=utf-8" if is_text else "application/octet-stream"
        self.body = body.encode() if isinstance(body, str) else body
        self.status = status
        self.content_type = content_type
        self.headers = list(headers.items() if isinstance(headers, Mapping) else headers)

    def _send(self, answer: Answer) -> None:
        fields = [("Content-Type", self.content_type), *self.headers]
        body = self.body
        if isinstance(body, bytes | bytearray | memoryview):
            answer.start(self.status, fields, len(body))
            answer.write(bytes(body))
        elif isinstance(body, File):
            offset, size = body.tell(), body.stat().st_size
            count = max(0, size - offset)
            answer.start(self.status, fields, count)
            answer.send_file(body, offset, count)
        elif hasattr(body, "read"):
            block = body.read(_BLOCK_BYTES)
            answer.start(self.status, fields, None if len(block) == _BLOCK_BYTES else len(block))
            while block:
                answer.write(block)
                block = body.read(_BLOCK_BYTES)
        else:
            answer.start(self.status, fields)
            for piece in body:
                answer.write(piece)
                # The body is not for HEAD, and may have no end.
                if answer.is_complete:
                    break

    def _close(self) -> None:
        close = getattr(self.body, "close", None)
        if close is not None:
            close()


def handler(app: Callable[[Request], Response]) -> type:
    """Returns the class that has to stand in the module as `HttpHandler`.

    `app` is called for one request after the other. An exception that leaves it, or the body of
    its response, is answered with 500 where nothing was sent yet, goes to stderr, which the host
    logs, and closes the connection; one that the client's body caused is answered with 400, 408 or
    413 and not logged.
    """

    def respond(request: Request, answer: Answer) -> None:
        response = app(request)
        if not isinstance(response, Response):
            raise TypeError(f"a handler returns a Response, not {type(response).__name__}")
        try:
            response._send(answer)
            answer.finish()
        finally:
            response._close()

    return export.handler(lambda connection: serve(connection, respond))


def serve(
    connection: Connection, respond: Callable[[Request, Answer], None]
) -> Connection | None:
    """Serves the requests of one connection; returns it where it is to be handed back."""
    head = b""
    try:
        head = _first_head(connection)
        while head is not None:
            if not head:
                return None
            # Empty lines in front of a request are ignored, but hold no instance: `next` decides.
            if head not in (b"\r\n", _HEAD_END):
                if not _exchange(connection, Head(head), respond):
                    return None
            head = _next_head(connection)
        return connection
    except Refusal as refusal:
        _refuse(connection, refusal, is_head_request(refusal.start or head))
        return None


def _exchange(connection: Connection, head: Head, respond) -> bool:
    """Serves one request, and says whether the connection can take another."""
    request = Request(connection, head)
    body = request._raw_body
    is_head = head.method == "HEAD"
    answer = Answer(
        connection, body, is_old=head.is_old, is_bare=is_head, close=not head.keep_alive
    )
    try:
        respond(request, answer)
    # Whatever it is, SystemExit included: the client is told, and the instance lives on.
    except BaseException:
        is_clients = body.fault is not None or body.is_broken or answer.is_broken
        if not is_clients:
            export.log_exception(f"handler failed: {head.method} {head.target!r}")
    else:
        return not answer.close and body.drain()
    # Only here the exception is gone, and its frames with what may have filled the memory.
    if not answer.is_sent:
        refusal = body.fault or Refusal(500, "the handler failed")
        _refuse(connection, refusal, is_head)
    return False


def _refuse(connection: Connection, refusal: Refusal, is_head: bool) -> None:
    """Answers with what is wrong; the connection ends with that."""
    answer = Answer(connection, is_bare=is_head)
    text = f"{refusal.reason}\n".encode()
    try:
        answer.start(refusal.status, [("Content-Type", "text/plain")], len(text))
        answer.write(text)
        answer.finish()
    # A client that does not take the answer gets the end of the connection all the same.
    except OSError:
        pass


def _first_head(connection: Connection) -> bytes:
    """Receives the head that the connection was activated for; b"" where none comes."""
    try:
        # The host usually has all of it.
        return connection.recv_until(_HEAD_END, HEAD_BYTES_MAX, timeout=0)
    except OSError as error:
        return _unusual_head(connection, error)


def _next_head(connection: Connection) -> bytes | None:
    """Receives the next head; None where the connection is to be handed back."""
    try:
        return connection.next_until(_HEAD_END, HEAD_BYTES_MAX, timeout=0)
    except OSError as error:
        return _unusual_head(connection, error)


def _unusual_head(connection: Connection, error: OSError) -> bytes:
    """Receives a head that is not here and whole, where receiving it at once failed."""
    if isinstance(error, TimeoutError):
        # Or it is whole but its lines end in bare line feeds, and is refused for that where it is
        # parsed. First what a good head has at its end, too: the rest of one may have come since.
        for end in (b"\n\r\n", b"\n\n"):
            try:
                return connection.recv_until(end, HEAD_BYTES_MAX, timeout=0)
            except OSError:
                pass
        # Nothing of a head is taken before all of it is there: as long as that is so, the host
        # can give the instance to another connection.
        try:
            return connection.recv_until(_HEAD_END, HEAD_BYTES_MAX, timeout=HEAD_TIMEOUT)
        except OSError as later:
            error = later
    try:
        start = connection.recv(HEAD_BYTES_MAX, timeout=0)
    except OSError:
        return b""
    if error.errno == errno.EMSGSIZE:
        raise too_large(start)
    if isinstance(error, TimeoutError) and start:
        raise Refusal(408, "request head came too slowly", start)
    return b""
