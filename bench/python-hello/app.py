"""Answers every request with the same text: for how long an interpreter takes to start."""

from wit_world import exports
from wit_world.imports import connections

BODY = b"Hello, World!"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(BODY)
HEAD_END = b"\r\n\r\n"
HEAD_BYTES_MAX = 16384


class HttpHandler(exports.HttpHandler):
    def handle(self, conn):
        while True:
            head = conn.recv_until(HEAD_END, HEAD_BYTES_MAX, None)
            if not head.endswith(HEAD_END):
                return None
            conn.send(HEAD + BODY, connections.SendFlags(0), None)
            if not conn.next():
                return conn
