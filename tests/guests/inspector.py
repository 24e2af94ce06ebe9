"""The twin of `inspect.rs` in Python: answers with what the library made of a request, as text."""

from sockeye import http

# What `/limit` and `/early` read.
BODY_BYTES_MAX = 10


def inspect(request: http.Request) -> http.Response:
    if request.path in ("/limit", "/early"):
        request.limit_body(BODY_BYTES_MAX)
    if request.path == "/early":
        return http.Response(pieces(request))
    body = b"" if request.path == "/unread" else request.body.read()
    keep = "true" if request.keep_alive else "false"
    text = (
        f"{request.method} {request.target} host={request.host} version={request.version} "
        f"keep={keep} body="
    ).encode() + body
    if request.path == "/stream":
        # Every byte is a chunk of its own.
        return http.Response((bytes([byte]) for byte in text), content_type="text/plain")
    status = request.path.removeprefix("/status/")
    return http.Response(text, int(status) if status.isdecimal() else 200, "text/plain")


def pieces(request: http.Request):
    while piece := request.body.read1():
        yield piece


HttpHandler = http.handler(inspect)
