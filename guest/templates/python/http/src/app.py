"""my-handler: a greeting, an echo, and the files of one directory."""

from urllib.parse import unquote

import sockeye
from sockeye.http import Request, Response, handler


def app(request: Request) -> Response:
    match request.method, request.path:
        case "GET" | "HEAD", "/":
            return Response("Hello, World!\n", content_type="text/plain")
        case "POST", "/echo":
            # A file as any other: what comes is sent back without being held as a whole.
            return Response(request.body)
        case "GET" | "HEAD", path if path.startswith("/files/"):
            return download(unquote(path.removeprefix("/files/")))
        case _, "/echo":
            return not_allowed("POST")
        case _, path if path == "/" or path.startswith("/files/"):
            return not_allowed("GET, HEAD")
        case _:
            return not_found()


def download(name: str) -> Response:
    try:
        # The host sends the file; its bytes never get here. `--root` says which directory it is.
        return Response(sockeye.open(name))
    except OSError:
        # FileNotFoundError; or a directory, or a path that leads out of the root, which is no news
        # for a client.
        return not_found()


def not_found() -> Response:
    return Response("not found\n", 404, "text/plain")


def not_allowed(methods: str) -> Response:
    return Response("method not allowed\n", 405, "text/plain", {"Allow": methods})


# What the host calls for every request. A WSGI application, such as one of Flask, takes the
# place of `app` with `handler` from `sockeye.wsgi`.
HttpHandler = handler(app)
