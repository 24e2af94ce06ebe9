// Request heads: what RFC 9112 says about them, and where it leaves a choice between tolerating and
// refusing, the latter. Two readers that tolerate differently are how requests are smuggled.

import { isHost, isNamedHost, port, splitTarget } from "./target";
import {
  COLON, COMMA, DOT, HASH, isDigit, isTextByte, LINE_FEED, RETURN, SLASH, SPACE, Span, ZERO,
} from "./text";

/** The largest head in bytes, which is the host's own default (`--head-limit`). */
export const HEAD_BYTES_MAX = 16 * 1024;
/** The most header lines of a request. */
const LINES_MAX = 100;
/** The longest request target in bytes. */
const TARGET_BYTES_MAX = 8000;

/** Why a request is refused: the status of the answer, and a line for the person with curl. */
export class Refusal {
  constructor(readonly status: i32, readonly reason: string) {}
}

function bad(reason: string): Refusal {
  return new Refusal(400, reason);
}

function targetTooLong(): Refusal {
  return new Refusal(414, `request target is longer than ${TARGET_BYTES_MAX} bytes`);
}

class Line {
  constructor(readonly name: Span, readonly value: Span) {}
}

export class Head {
  /** As it was sent: methods are case-sensitive, and a client may send any word. */
  method: string = "";
  /** As it was sent: path and query, or a whole URL, or `*`. */
  target: string = "";
  /** The path of the target, percent-encoded as it was sent. */
  path: string = "";
  /** The request is one of HTTP/1.0. */
  isOld: bool = false;
  isChunked: bool = false;
  /** The length of a body that is not chunked. */
  contentLength: u64 = 0;
  keepAlive: bool = false;
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue: bool = false;

  private lines: Line[] = [];
  private hasHost: bool = false;
  private hasLength: bool = false;
  private closes: bool = false;
  private isKept: bool = false;

  /** Returns the value of the first header line `name`, in small letters; null without it. */
  header(name: string): string | null {
    for (let at = 0; at < this.lines.length; at++) {
      const line = this.lines[at];
      if (line.name.is(name)) return line.value.isUtf8 ? line.value.toString() : null;
    }
    return null;
  }

  /** Makes this the head that `bytes` consist of, to the last byte, or says why it is none. */
  parse(bytes: Uint8Array): Refusal | null {
    let start = 0;
    // Empty lines in front of a request are ignored (RFC 9112 section 2.2).
    while (isLineEnd(bytes, start)) start += 2;
    const end = lineEnd(bytes, start);
    // What can be relied on in any case: an answer to HEAD has no body, whatever it says.
    this.method = methodOf(new Span(bytes, start, bytes.length));
    if (end < 0) return bad("a line of the request head does not end in CR LF");
    const refusal = this.parseRequestLine(new Span(bytes, start, end));
    if (refusal) return refusal;
    return this.parseLines(bytes, end + 2);
  }

  private parseRequestLine(line: Span): Refusal | null {
    const words = line.split(SPACE);
    if (words.length != 3 || !words[0].isToken || !words[1].every(isVisible) || !words[1].length) {
      return bad("request line is not a method, a target and a version with single spaces");
    }
    const target = words[1];
    const version = words[2];
    const isVersion = version.length == 8 && version.part(0, 5).equals("HTTP/") &&
      isDigit(version[5]) && version[6] == DOT && isDigit(version[7]);
    if (!isVersion) return bad("request line does not end in a version");
    if (version[5] != ZERO + 1 || version[7] > ZERO + 1) {
      return new Refusal(505, "no versions but 1.0 and 1.1 are spoken");
    }
    this.isOld = version[7] == ZERO;
    if (target.length > TARGET_BYTES_MAX) return targetTooLong();
    if (!isTarget(this.method, target)) return bad("request target has no form that fits");
    this.target = target.toString();
    const path = splitTarget(target)[1];
    this.path = path.length == 0 ? "/" : path.toString();
    return null;
  }

  private parseLines(bytes: Uint8Array, from: i32): Refusal | null {
    let start = from;
    while (!isLineEnd(bytes, start)) {
      const end = lineEnd(bytes, start);
      if (end < 0) return bad("a line of the request head does not end in CR LF");
      if (this.lines.length == LINES_MAX) {
        return new Refusal(431, `request has more than ${LINES_MAX} header lines`);
      }
      const whole = new Span(bytes, start, end);
      const colon = whole.indexOf(COLON);
      // No blank before the colon, no fold, no control.
      if (colon < 0 || !whole.part(0, colon).isToken || !whole.part(colon).every(isTextByte)) {
        return bad("a header line is not a name, a colon and a value");
      }
      const line = new Line(whole.part(0, colon), whole.part(colon + 1).trim());
      this.lines.push(line);
      const refusal = this.apply(line.name, line.value);
      if (refusal) return refusal;
      start = end + 2;
    }
    if (start + 2 != bytes.length) return bad("request head has no end");
    return this.finish();
  }

  /** Takes one header line into account. */
  private apply(name: Span, value: Span): Refusal | null {
    if (name.is("host")) {
      if (this.hasHost) return bad("a request has exactly one Host line");
      if (!isHost(value)) return bad("Host is not a host and perhaps a port");
      this.hasHost = true;
    } else if (name.is("content-length")) {
      if (this.hasLength) return bad("a request has at most one Content-Length line");
      this.hasLength = true;
      if (!this.parseLength(value)) return bad("Content-Length is not a number below 2^64");
    } else if (name.is("transfer-encoding")) {
      if (this.isOld) return bad("version 1.0 has no Transfer-Encoding");
      if (this.isChunked) return misplacedChunked();
      this.isChunked = true;
      return checkTransferEncoding(value);
    } else if (name.is("expect")) {
      const options = value.split(COMMA);
      for (let at = 0; at < options.length; at++) {
        const option = options[at].trim();
        if (option.length == 0) continue;
        if (!option.is("100-continue")) {
          return new Refusal(417, "no expectation but 100-continue can be met");
        }
        this.expectsContinue = true;
      }
    } else if (name.is("connection")) {
      const options = value.split(COMMA);
      for (let at = 0; at < options.length; at++) {
        const option = options[at].trim();
        // A proxy would remove these lines: the body would end elsewhere behind it.
        if (option.is("content-length") || option.is("transfer-encoding")) {
          return bad("Connection names a line that frames the body");
        }
        if (option.is("close")) this.closes = true;
        if (option.is("keep-alive")) this.isKept = true;
      }
    }
    return null;
  }

  /** Decides what the header lines mean together. */
  private finish(): Refusal | null {
    if (this.isChunked && this.hasLength) {
      return bad("a request has no Content-Length with a Transfer-Encoding");
    }
    if (!this.hasHost && !this.isOld) return bad("a request has exactly one Host line");
    if (this.method == "CONNECT") return new Refusal(501, "CONNECT is not implemented");
    this.keepAlive = !this.closes && (!this.isOld || this.isKept);
    const hasBody = this.isChunked || this.contentLength > 0;
    this.expectsContinue = this.expectsContinue && !this.isOld && hasBody;
    return null;
  }

  /** Takes digits and nothing else: no sign, no list, no blank. */
  private parseLength(value: Span): bool {
    let length: u64 = 0;
    for (let at = 0; at < value.length; at++) {
      if (!isDigit(value[at])) return false;
      const digit: u64 = value[at] - ZERO;
      if (length > u64.MAX_VALUE / 10 || length * 10 > u64.MAX_VALUE - digit) return false;
      length = length * 10 + digit;
    }
    this.contentLength = length;
    return value.length > 0;
  }
}

/** Says what is wrong with a head that is too large and begins with `bytes`. */
export function tooLarge(bytes: Uint8Array): Refusal {
  let start = 0;
  while (isLineEnd(bytes, start)) start += 2;
  const words = new Span(bytes, start, bytes.length).split(SPACE);
  if (words.length > 1 && words[1].length > TARGET_BYTES_MAX) return targetTooLong();
  return new Refusal(431, `request head is larger than ${HEAD_BYTES_MAX} bytes`);
}

function methodOf(start: Span): string {
  const space = start.indexOf(SPACE);
  const method = start.part(0, max(space, 0));
  return method.isToken ? method.toString() : "";
}

/** Says whether a target has a form that goes with the method (RFC 9112 section 3.2). */
function isTarget(method: string, target: Span): bool {
  if (target.indexOf(HASH) >= 0 || !target.isUtf8) return false;
  if (method == "CONNECT") return isNamedHost(target) && port(target).length > 0;
  if (target[0] == SLASH) return true;
  if (target.is("*")) return method == "OPTIONS";
  return isNamedHost(splitTarget(target)[0]);
}

/** Takes `chunked` alone, which has to come last and once; no other coding is implemented. */
function checkTransferEncoding(value: Span): Refusal | null {
  const codings = value.split(COMMA);
  const last = codings.length - 1;
  for (let at = 0; at <= last; at++) {
    const coding = codings[at].trim();
    // What follows chunked, and what is empty, is read differently by different readers.
    if (coding.length == 0 || (at < last && coding.is("chunked"))) return misplacedChunked();
  }
  if (last == 0 && value.is("chunked")) return null;
  return new Refusal(501, "no Transfer-Encoding but chunked is implemented");
}

function misplacedChunked(): Refusal {
  return bad("Transfer-Encoding is not a list with one chunked at its end");
}

function isVisible(byte: u8): bool {
  return byte > SPACE && byte != 127;
}

function isLineEnd(bytes: Uint8Array, at: i32): bool {
  return at + 1 < bytes.length && bytes[at] == RETURN && bytes[at + 1] == LINE_FEED;
}

/** Returns where the line that begins at `start` ends in CR LF; -1 where it does not. */
function lineEnd(bytes: Uint8Array, start: i32): i32 {
  for (let at = start; at < bytes.length; at++) {
    if (isLineEnd(bytes, at)) return at;
  }
  return -1;
}
