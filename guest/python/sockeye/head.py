"""Request heads: from bytes to their parts, and everything that makes a request ambiguous.

The rules are those of RFC 9110 and 9112 that concern where a message ends and whose it is. Where
they leave a choice between tolerating and refusing, a head is refused: two readers that tolerate
differently are how requests are smuggled.
"""

import re
from ipaddress import IPv6Address

# The most header lines of a request; more are answered with 431.
HEADERS_MAX = 100

# The largest head in bytes, as the host's `--head-limit`; a larger one is answered with 431.
HEAD_BYTES_MAX = 16 * 1024

# The longest request target in bytes; a longer one is answered with 414.
TARGET_BYTES_MAX = 8_000

# A repetition that gives nothing back (`++`) takes time in proportion to the head, whatever it is.
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"

_REQUEST_LINE = rb"(%b) ([^\x00-\x20\x7f]++) HTTP/([0-9]\.[0-9])\r\n" % TOKEN
_HEAD = re.compile(rb"(?:\r\n)*+%b((?:%b:%b\r\n)*+)\r\n" % (_REQUEST_LINE, TOKEN, VALUE))
_START = re.compile(rb"(?:\r\n)*+%b" % _REQUEST_LINE)
_METHOD = re.compile(rb"(?:\r\n)*+(%b) ([^ \r\n]*+)" % TOKEN)
_FIELD = re.compile(rb"([^:]++):([^\r]*+)\r\n")

# A registered name, an address of version 6 or of one to come; perhaps a port. A comma would be
# two Host lines that somebody has joined.
_NAME = rb"(?:[0-9A-Za-z\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})"
_BRACKETS = rb"\[(?:([0-9A-Fa-f:.]++)|[vV][0-9A-Fa-f]++\.[0-9A-Za-z\-._~!$&'()*+;=:]++)\]"
_HOST = re.compile(rb"(%b++|%b|)(?::([0-9]*+))?" % (_NAME, _BRACKETS))
_AUTHORITY = re.compile(rb"[hH][tT][tT][pP][sS]?://([^/?]*+)(.*+)", re.DOTALL)

_DECIMAL = re.compile(rb"[0-9]++")

_VERSION_UNKNOWN = "no versions but 1.0 and 1.1 are spoken"
_TARGET_TOO_LONG = f"request target is longer than {TARGET_BYTES_MAX} bytes"


class Refusal(Exception):
    """A status for what is wrong with a request, and a line for the person with curl."""

    def __init__(self, status: int, reason: str, start: bytes = b""):
        """`start` is what there is of the head, where it could not be received."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.start = start


class Head:
    """One request head.

    `length` is that of the body, None where it is chunked. `fields` are the header lines in their
    order, as pairs of name and value.
    """

    __slots__ = (
        "method", "target", "authority", "origin", "is_old", "fields", "length", "keep_alive",
        "expects_continue",
    )  # fmt: skip

    def __init__(self, head: bytes):
        """Parses `head`, to the last byte; raises Refusal."""
        match = _HEAD.fullmatch(head)
        if match is None:
            raise _why_malformed(head)
        method, target, version, lines = match.groups()
        if version not in (b"1.0", b"1.1"):
            raise Refusal(505, _VERSION_UNKNOWN)
        if len(target) > TARGET_BYTES_MAX:
            raise Refusal(414, _TARGET_TOO_LONG)
        fields = [(name, value.strip(b" \t")) for name, value in _FIELD.findall(lines)]
        if len(fields) > HEADERS_MAX:
            raise Refusal(431, f"request has more than {HEADERS_MAX} header lines")
        self.method = method.decode()
        self.is_old = version == b"1.0"
        self.authority, self.origin = _parts_of_target(method, target)
        self.target = target.decode()
        self._apply(fields)
        self.fields = fields
        # Answered like another method, it would begin a tunnel (RFC 9110 section 9.3.6): what the
        # client sends into it must never be taken for requests.
        if method == b"CONNECT":
            raise Refusal(501, "CONNECT is not implemented")

    def _apply(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Finds out where the message ends and what becomes of the connection."""
        host = length = coding = None
        options, expectations = [], []
        for name, value in fields:
            match name.lower():
                case b"host":
                    if host is not None:
                        raise Refusal(400, "a request has exactly one Host line")
                    host = value
                case b"content-length":
                    if length is not None:
                        raise Refusal(400, "a request has at most one Content-Length line")
                    length = _decimal(value)
                case b"transfer-encoding":
                    coding = value if coding is None else coding + b"," + value
                case b"connection":
                    options += _list(value)
                case b"expect":
                    expectations += _list(value)
        if host is None and not self.is_old:
            raise Refusal(400, "a request has exactly one Host line")
        if host is not None and not _is_host(host):
            raise Refusal(400, "Host is not a host and perhaps a port")
        if coding is not None:
            _check_coding(coding, self.is_old)
            if length is not None:
                raise Refusal(400, "a request has no Content-Length with a Transfer-Encoding")
        # A proxy would remove what Connection names; one reader has a body then and one has none.
        if b"content-length" in options or b"transfer-encoding" in options:
            raise Refusal(400, "Connection names a line that frames the body")
        if any(expectation not in (b"100-continue", b"") for expectation in expectations):
            raise Refusal(417, "no expectation but 100-continue can be met")
        if self.authority is None:
            self.authority = (host or b"").decode()
        self.length = None if coding is not None else length or 0
        self.keep_alive = b"close" not in options and (
            not self.is_old or b"keep-alive" in options
        )
        # Nobody waits to be asked for a body that there is not, nor in HTTP/1.0.
        waits = b"100-continue" in expectations and not self.is_old
        self.expects_continue = waits and self.length != 0


def too_large(start: bytes) -> Refusal:
    """Returns why a head is refused that goes on after `start`, more than a head may have."""
    line = _METHOD.match(start)
    if line is not None and len(line[2]) > TARGET_BYTES_MAX:
        return Refusal(414, _TARGET_TOO_LONG, start)
    return Refusal(431, f"request head is larger than {HEAD_BYTES_MAX} bytes", start)


def _why_malformed(head: bytes) -> Refusal:
    """Returns what is wrong with a head that does not parse."""
    if head.count(b"\n") != head.count(b"\r\n"):
        return Refusal(400, "a line of the request head does not end in CR LF")
    line = _START.match(head)
    if line is None:
        return Refusal(
            400, "request line is not a method, a target and a version with single spaces"
        )
    if line[3] not in (b"1.0", b"1.1"):
        return Refusal(505, _VERSION_UNKNOWN)
    return Refusal(400, "a header line is not a name, a colon and a value without controls")


def is_head_request(start: bytes) -> bool:
    """Says whether what begins with `start` is answered without a body, whatever is wrong."""
    method = _METHOD.match(start)
    return method is not None and method[1] == b"HEAD"


def _parts_of_target(method: bytes, target: bytes) -> tuple[str | None, str]:
    """Returns the authority in a target, where one is, and the path with its query."""
    try:
        origin = target.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "request target is not text") from None
    if b"#" in target:
        raise Refusal(400, "request target contains a fragment")
    if method == b"CONNECT":
        if _is_host(target, needs=(1, 3)):
            return origin, ""
    elif origin.startswith("/") or (method, origin) == (b"OPTIONS", "*"):
        return None, origin
    elif (absolute := _AUTHORITY.fullmatch(target)) and _is_host(absolute[1], needs=(1,)):
        # A target that is a whole URL takes precedence over Host (RFC 9112 section 3.2.2).
        path = absolute[2].decode()
        return absolute[1].decode(), path if path.startswith("/") else "/" + path
    raise Refusal(400, "request target has no form that fits the method")


def _is_host(value: bytes, needs: tuple[int, ...] = ()) -> bool:
    """Checks a host and perhaps a port; `needs` are the groups that may not be empty."""
    match = _HOST.fullmatch(value)
    if match is None or not all(match[group] for group in needs):
        return False
    if match[2] is None:
        return True
    try:
        IPv6Address(match[2].decode())
    except ValueError:
        return False
    return True


def _decimal(value: bytes) -> int:
    """Parses digits and nothing else: no sign, no list, no blank, no underscore."""
    if _DECIMAL.fullmatch(value):
        # Python refuses to convert thousands of digits, of which most may be zeros.
        digits = value.lstrip(b"0") or b"0"
        if len(digits) <= 20 and (number := int(digits)) < 2**64:
            return number
    raise Refusal(400, "Content-Length is not a number below 2^64")


def _check_coding(value: bytes, is_old: bool) -> None:
    """Accepts `chunked` alone: nothing else is implemented, and it has to come last and once."""
    if is_old:
        raise Refusal(400, "version 1.0 has no Transfer-Encoding")
    codings = _list(value)
    if codings == [b"chunked"]:
        return
    # Empty elements could be ignored, but here two readers must not differ.
    if b"" in codings or b"chunked" in codings[:-1]:
        raise Refusal(400, "Transfer-Encoding is not a list with one chunked at its end")
    raise Refusal(501, "no Transfer-Encoding but chunked is implemented")


def _list(value: bytes) -> list[bytes]:
    """Returns the elements of a comma-separated list, in small letters."""
    return [element.strip(b" \t") for element in value.lower().split(b",")]
