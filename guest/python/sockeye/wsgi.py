"""WSGI applications (PEP 3333) as handlers: Flask and others run as they are."""

import sys
import tempfile
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from . import export
from .answer import Answer
from .connection import Connection
from .files import File
from .http import Request, serve

type Application = Callable

# There is no directory for temporary files. What would be spooled there, such as an upload of more
# than 500 kB to Flask, stays in memory, which the operator bounds (`--memory-limit`).
tempfile.SpooledTemporaryFile.rollover = lambda self: None


class FileWrapper:
    """`wsgi.file_wrapper`: what an application returns for a file.

    A `sockeye.File` is sent from its position to its end, or as far as `Content-Length` says,
    without its bytes entering the memory of the handler. Any other is read by blocks.
    """

    def __init__(self, file, block_bytes: int = 64 * 1024):
        self.file = file
        self.block_bytes = block_bytes

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        block = self.file.read(self.block_bytes)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        close = getattr(self.file, "close", None)
        if close is not None:
            close()


def handler(app: Application) -> type:
    """Returns the class that has to stand in the module as `HttpHandler`.

    `app` is called for one request after the other, never for two at once. In addition to the
    environment of PEP 3333 there are `REMOTE_ADDR`, `REMOTE_PORT` (where there are such) and
    `wsgi.input_terminated`: a body ends by itself, in chunks or not. Header lines whose names have
    underscores are left out, because hyphens become such; so is `Proxy`.

    An exception that leaves `app` is answered with 500 where nothing was sent yet, goes to stderr,
    which the host logs, and closes the connection.
    """

    def serve_connection(connection: Connection) -> Connection | None:
        common = _common_environ(connection)
        return serve(connection, lambda request, answer: _respond(app, common, request, answer))

    return export.handler(serve_connection)


def _respond(app: Application, common: dict, request: Request, answer: Answer) -> None:
    exchange = _Exchange(request, answer)
    result = app(_environ(common, request), exchange.start_response)
    try:
        exchange.send(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()


class _Exchange:
    """The server's side of one call of an application."""

    def __init__(self, request: Request, answer: Answer):
        self._request = request
        self._answer = answer

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info=None):
        """Sets the head of the answer and returns `write`, for applications of old."""
        try:
            if exc_info is not None and self._answer.is_sent:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info_given, exc_info = exc_info is not None, None
        if self._answer.is_started and not exc_info_given:
            raise AssertionError("start_response was called before, and there is no exc_info")
        code, _, phrase = status.partition(" ")
        if len(code) != 3 or not code.isdecimal():
            raise ValueError(f"a status begins with three digits: {status!r}")
        # A framework has made its own page of what is the client's fault.
        if code.startswith("5") and self._request.fault is not None:
            raise self._request.fault
        self._answer.start(int(code), headers, phrase=phrase)
        return self._answer.write

    def send(self, result) -> None:
        """Sends what the application has returned."""
        if isinstance(result, FileWrapper) and isinstance(result.file, File):
            self._send_file(result.file)
        else:
            self._send_pieces(result)
        self._answer.finish()

    def _send_file(self, file: File) -> None:
        offset = file.tell()
        count = max(0, file.stat().st_size - offset)
        length = self._answer.announce(count)
        self._answer.send_file(file, offset, min(count, length))

    def _send_pieces(self, result) -> None:
        is_whole = isinstance(result, list | tuple) and len(result) == 1
        for piece in result:
            if is_whole and piece:
                self._answer.announce(len(piece))
            self._answer.write(piece)
            # The body is not for HEAD, and may have no end.
            if self._answer.is_complete:
                break


def _common_environ(connection: Connection) -> dict:
    """Returns what is the same for all requests of a connection."""
    environ = {
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
    }
    local, peer = connection.getsockname(), connection.getpeername()
    # A Unix socket has a path instead of a name and a port.
    name, port = local[:2] if isinstance(local, tuple) else ("localhost", 80)
    environ |= {"SERVER_NAME": name, "SERVER_PORT": str(port)}
    if isinstance(peer, tuple):
        environ |= {"REMOTE_ADDR": peer[0], "REMOTE_PORT": str(peer[1])}
    return environ


def _environ(common: dict, request: Request) -> dict:
    environ = common | {
        "REQUEST_METHOD": request.method,
        # Each byte as one character, as PEP 3333 has it.
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query.encode().decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "wsgi.input": request.body,
    }
    for name, value in request.headers.items():
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ.setdefault(key, value)
        elif key in ("CONTENT_LENGTH", "PROXY"):
            continue
        elif (key := f"HTTP_{key}") in environ:
            # Several lines are one list (RFC 9110 section 5.3), of which cookies have their own.
            separator = "; " if key == "HTTP_COOKIE" else ","
            environ[key] += separator + value
        else:
            environ[key] = value
    if request.content_length is not None and "content-length" in request.headers:
        environ["CONTENT_LENGTH"] = str(request.content_length)
    # In a target that is a whole URL, the host takes precedence over that of the header line.
    if request.host:
        environ["HTTP_HOST"] = request.host
    return environ
