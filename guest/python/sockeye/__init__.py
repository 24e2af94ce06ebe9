"""Handlers for sockeye in Python: the calls of `sockeye:net@0.1.0` in the manner of Python.

A handler is a function that serves one connection with plain blocking calls. It returns the
connection to hand it back, and None to let it go:

    import sockeye

    def shout(connection):
        for line in connection:
            connection.send(line.upper())

    Handler = sockeye.handler(shout)

Where clients speak HTTP, a function from request to response is enough, and so is a WSGI
application such as one of Flask:

    from sockeye import http

    def hello(request):
        return http.Response("Hello, World!\\n")

    HttpHandler = http.handler(hello)

    from sockeye import wsgi
    from shop import app

    HttpHandler = wsgi.handler(app)

`componentize-py` makes a component of the module that has the name `Handler` (any protocol) or
`HttpHandler` (HTTP/1) in it. It runs the module's top level when it builds, and keeps the memory
of that: at run time there is no file to import from, so every import has to happen at the top.

Calls fail with the exceptions of Python's own sockets and files: `TimeoutError`,
`ConnectionResetError`, `BrokenPipeError`, `FileNotFoundError`, `PermissionError`,
`IsADirectoryError`, and `OSError` with an `errno` for the rest. Times are in seconds.
"""

from .connection import SHUT_RD, SHUT_RDWR, SHUT_WR, Connection
from .export import handler
from .files import Entry, File, FileStat, open, scandir

__all__ = [
    "SHUT_RD",
    "SHUT_RDWR",
    "SHUT_WR",
    "Connection",
    "Entry",
    "File",
    "FileStat",
    "handler",
    "open",
    "scandir",
]
