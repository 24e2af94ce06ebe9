// HTTP/1.1 for handlers: receives requests, and gives each to a function that answers it.
//
// Requests are answered one after the other, pipelined ones too. What is malformed, ambiguous, too
// large or too slow is refused here, and ends the connection.

import { Decoder } from "./http/chunked";
import { Head, HEAD_BYTES_MAX, Refusal, tooLarge } from "./http/head";
import { isTextByte, Span } from "./http/text";
import { Connection, ErrorCode, File, log, Result, SECOND } from "./sockeye";

export { percentDecode } from "./http/text";

/** How long a head may take from its first bytes. */
const HEAD_TIMEOUT = 10 * SECOND;
/** How long a client may pause within a body. */
const BODY_TIMEOUT = 30 * SECOND;
/** How much is received of a body that nobody read, in how many pieces, and how long each may take;
 * where there is more, the connection is closed. */
const DRAIN_BYTES_MAX: u64 = 64 * 1024;
const DRAIN_PIECES_MAX = 100;
const DRAIN_TIMEOUT = SECOND;
/** The most bytes of a body that are received at once, or gathered to be sent at once. */
const PIECE_BYTES_MAX = 16 * 1024;

/** What ends a head. */
const EMPTY_LINE = "\r\n\r\n";

/** What was written of the body of an answer and not sent yet. An instance serves one connection at
 * a time, so this can be a global. */
const gathered = new Uint8Array(PIECE_BYTES_MAX);

/**
 * Serves the requests of a connection: what `handle` has to return.
 *
 * A request that `answer` leaves unanswered is answered with 500.
 */
export function serve(handle: i32, answer: (request: Request) => void): usize {
  const connection = new Connection(handle);
  let received: Result<Uint8Array> | null = connection.recvUntil(EMPTY_LINE, HEAD_BYTES_MAX, 0);
  while (received) {
    const head = received.isOk ? received : receiveUnusualHead(connection, received.error);
    if (!head.isOk) {
      refuseHead(connection, head.error);
      return connection.letGo();
    }
    // Nothing is the end of the stream.
    if (head.value.length == 0) return connection.letGo();
    if (!isEmptyLines(head.value)) {
      if (!new Request(connection).serve(head.value, answer)) return connection.letGo();
    }
    received = connection.nextUntil(EMPTY_LINE, HEAD_BYTES_MAX, 0);
  }
  return connection.handBack();
}

/** Receives a head that is not here as a whole, where that failed with `error` at once. */
function receiveUnusualHead(connection: Connection, error: ErrorCode): Result<Uint8Array> {
  if (error != ErrorCode.Timeout) return new Result<Uint8Array>(error, null);
  // Or it is here, but its lines end in bare line feeds, and it will be refused for that.
  let head = connection.recvUntil("\n\r\n", HEAD_BYTES_MAX, 0);
  if (!head.isOk) head = connection.recvUntil("\n\n", HEAD_BYTES_MAX, 0);
  return head.isOk ? head : connection.recvUntil(EMPTY_LINE, HEAD_BYTES_MAX, HEAD_TIMEOUT);
}

/** Answers a client of whose head there is only the start. */
function refuseHead(connection: Connection, error: ErrorCode): void {
  if (error != ErrorCode.Timeout && error != ErrorCode.TooLarge) return;
  const start = connection.recv(HEAD_BYTES_MAX, 0);
  if (!start.isOk || start.value.length == 0) return;
  const request = new Request(connection);
  request.head.parse(start.value);
  const isSlow = error == ErrorCode.Timeout;
  const slow = new Refusal(408, "request head came too slowly");
  request.refuse(isSlow ? slow : tooLarge(start.value));
}

/** Says whether `bytes` are what is ignored in front of a request (RFC 9112 section 2.2). */
function isEmptyLines(bytes: Uint8Array): bool {
  const span = new Span(bytes, 0, bytes.length);
  return span.equals("\r\n") || span.equals(EMPTY_LINE);
}

/** How far an answer is. */
enum Answer {
  None,
  /** The head waits to be sent. */
  Begun,
  Sent,
  Finished,
  Broken,
}

/** How the body of an answer ends. */
enum Framing {
  /** There is none, whatever is written. */
  Bare,
  Length,
  Chunked,
  UntilClose,
}

/** A request and its answer. */
export class Request {
  head: Head = new Head();
  /** The most bytes that may be read of the body; one that has more is refused with 413. */
  bodyBytesMax: u64 = u64.MAX_VALUE;

  private decoder: Decoder = new Decoder();
  /** What has not been received of a body that is not chunked. */
  private bodyRest: u64 = 0;
  private bodyReceived: u64 = 0;
  private closes: bool = false;
  /** What is wrong with the body. */
  private refusal: Refusal | null = null;

  private answer: Answer = Answer.None;
  private framing: Framing = Framing.Bare;
  private answerRest: u64 = 0;
  private headerLines: string = "";
  /** What is to be sent in front of the body that was gathered, and how long that is. */
  private front: string = "";
  private gatheredLength: i32 = 0;

  constructor(readonly connection: Connection) {}

  get method(): string {
    return this.head.method;
  }

  /** The path of the target, percent-encoded as it was sent, without the query. */
  get path(): string {
    return this.head.path;
  }

  /** The length of the body; -1 where it is chunked. */
  get contentLength(): i64 {
    if (this.head.isChunked) return -1;
    return <i64>min<u64>(this.head.contentLength, i64.MAX_VALUE);
  }

  /** Says whether the method is one of `methods`, such as `GET, HEAD`; answers 405 otherwise. */
  allow(methods: string): bool {
    if (methods.split(", ").includes(this.method)) return true;
    this.setHeader("Allow", methods);
    this.respond("method not allowed\n", 405);
    return false;
  }

  /**
   * Adds a line to the head of the answer. What would split it is left out, and so are
   * Content-Length, Transfer-Encoding and Connection: where the answer ends is decided here.
   */
  setHeader(name: string, value: string): void {
    const span = new Span(Uint8Array.wrap(String.UTF8.encode(name)), 0, name.length);
    if (span.is("content-length") || span.is("transfer-encoding") || span.is("connection")) return;
    this.headerLines += headerLine(name, value);
  }

  /**
   * Receives a piece of the body; null where it has ended, or failed: what is answered after that
   * is what the failure deserves.
   */
  read(): Uint8Array | null {
    return this.receive(BODY_TIMEOUT);
  }

  /** Answers with a whole text. */
  respond(text: string, status: i32 = 200, contentType: string = "text/plain"): void {
    this.respondBytes(Uint8Array.wrap(String.UTF8.encode(text)), status, contentType);
  }

  /** Answers with a whole body. */
  respondBytes(body: Uint8Array, status: i32, contentType: string): void {
    this.forgoBody();
    if (!this.begin(body.length, status, contentType)) return;
    this.write(body);
    this.finish();
  }

  /** Answers with a file, which does not enter the memory of the handler. */
  respondFile(file: File, contentType: string): void {
    this.forgoBody();
    const stat = file.stat();
    if (!stat.isOk) return;
    const size = stat.value.size;
    if (!this.begin(size, 200, contentType)) return;
    if (this.framing == Framing.Bare) return this.finish();
    this.answer = Answer.Broken;
    let head = Uint8Array.wrap(String.UTF8.encode(this.front));
    let offset: u64 = 0;
    while (true) {
      const wanted = head.length + (size - offset);
      const sent = this.connection.sendWithFile(head, file, offset, size - offset);
      if (sent.isOk && sent.count == wanted) {
        this.answer = Answer.Finished;
        return;
      }
      // A slow client gets all of it, as long as it takes some within each call's timeout. A file
      // that has changed ends the connection, so that the client can tell.
      if (sent.error != ErrorCode.Timeout || sent.count == 0) return;
      const ofHead = <i32>min<u64>(sent.count, head.length);
      offset += sent.count - ofHead;
      head = head.subarray(ofHead);
    }
  }

  /**
   * Begins an answer whose body is what is written: of `length` bytes, or as many as there will be
   * where that is -1. It ends when the function that answers returns, and is sent in large pieces.
   * The body of the request may be read meanwhile.
   */
  stream(length: i64, status: i32, contentType: string): void {
    this.askForBody();
    const isChunked = length < 0 && !this.head.isOld;
    if (length < 0 && !isChunked) this.closes = true;
    if (!this.begin(<u64>length, status, contentType, length < 0)) return;
    if (length < 0 && this.framing == Framing.Length) {
      this.framing = isChunked ? Framing.Chunked : Framing.UntilClose;
    }
  }

  /** Adds to the body of an answer that was begun; false where it cannot be sent any more. */
  write(bytes: Uint8Array): bool {
    if (this.answer != Answer.Begun && this.answer != Answer.Sent) return false;
    if (this.framing == Framing.Bare) return true;
    if (this.framing == Framing.Length && <u64>bytes.length > this.answerRest) {
      this.answer = Answer.Broken;
      return false;
    }
    this.answerRest -= bytes.length;
    let at = 0;
    while (at < bytes.length) {
      if (this.gatheredLength == PIECE_BYTES_MAX && !this.flush()) return false;
      const count = min(bytes.length - at, PIECE_BYTES_MAX - this.gatheredLength);
      const to = gathered.dataStart + this.gatheredLength;
      memory.copy(to, bytes.dataStart + at, count);
      this.gatheredLength += count;
      at += count;
    }
    return true;
  }

  /** Sends what was written. */
  flush(): bool {
    return this.send("", false);
  }

  /** For `serve` above: serves one request, and says whether the connection can take another. */
  serve(bytes: Uint8Array, answer: (request: Request) => void): bool {
    const refusal = this.head.parse(bytes);
    if (refusal) {
      this.refuse(refusal);
      return false;
    }
    this.bodyRest = this.head.isChunked ? 0 : this.head.contentLength;
    this.closes = !this.head.keepAlive;
    answer(this);
    this.finish();
    return this.answer == Answer.Finished && !this.closes && this.drainBody();
  }

  /** For this file: answers with what is wrong, instead of anything that has not been sent. */
  refuse(refusal: Refusal): void {
    this.refusal = null;
    this.answer = Answer.None;
    this.gatheredLength = 0;
    this.headerLines = "";
    this.closes = true;
    this.respond(refusal.reason + "\n", refusal.status);
  }

  /** Makes the head of the answer. */
  private begin(
    length: u64,
    status: i32,
    contentType: string,
    isOpen: bool = false,
  ): bool {
    if (this.answer != Answer.None || status < 200 || status > 999 || this.refusal) return false;
    const isBare = status == 204 || status == 205 || status == 304;
    this.framing = isBare || this.method == "HEAD" ? Framing.Bare : Framing.Length;
    this.answerRest = length;
    if (!this.closes) this.closes = this.connection.closing;
    let head = `HTTP/1.1 ${status} ${phrase(status)}\r\n`;
    if (!isBare) {
      head += headerLine("Content-Type", contentType);
      if (!isOpen) head += `Content-Length: ${length}\r\n`;
      else if (!this.head.isOld) head += "Transfer-Encoding: chunked\r\n";
    }
    // It has no content, but unlike the others, it has to say so.
    if (status == 205) head += "Content-Length: 0\r\n";
    head += this.headerLines;
    if (this.closes) head += "Connection: close\r\n";
    else if (this.head.isOld) head += "Connection: keep-alive\r\n";
    this.front = head + "\r\n";
    this.answer = Answer.Begun;
    return true;
  }

  /** Ends the answer, or makes one where there is none. */
  private finish(): void {
    const refusal = this.refusal;
    if (refusal && (this.answer == Answer.None || this.answer == Answer.Begun)) {
      return this.refuse(refusal);
    }
    if (this.answer == Answer.None) {
      log(`not answered: ${this.method} ${this.head.target}`);
      return this.refuse(new Refusal(500, "the handler failed"));
    }
    if (this.answer != Answer.Begun && this.answer != Answer.Sent) return;
    const isShort = this.framing == Framing.Length && this.answerRest > 0;
    // Without its end, the client can tell.
    if (isShort || refusal) {
      this.answer = Answer.Broken;
      return;
    }
    const end = this.framing == Framing.Chunked ? "0\r\n\r\n" : "";
    if (this.send(end, this.closes)) this.answer = Answer.Finished;
  }

  /** Sends what was gathered, with what belongs in front of it and `end` behind it. */
  private send(end: string, more: bool): bool {
    if (this.answer != Answer.Begun && this.answer != Answer.Sent) return false;
    const length = this.gatheredLength;
    if (this.framing == Framing.Chunked && length > 0) {
      this.front += length.toString(16) + "\r\n";
      end = "\r\n" + end;
    }
    let rest = join(this.front, length, end);
    this.front = "";
    this.gatheredLength = 0;
    while (rest.length > 0) {
      // A slow client gets all of it, as long as it takes some within each call's timeout.
      const sent = this.connection.send(rest, more);
      if (!sent.isOk && (sent.error != ErrorCode.Timeout || sent.count == 0)) {
        this.answer = Answer.Broken;
        return false;
      }
      rest = rest.subarray(<i32>sent.count);
      this.answer = Answer.Sent;
    }
    return true;
  }

  /** Receives data of the body; null where it has ended or failed. */
  private receive(timeout: i64): Uint8Array | null {
    let piece = this.receivePiece(timeout);
    while (piece && piece.length == 0) piece = this.receivePiece(timeout);
    return piece;
  }

  /** Receives once, which may bring no data of the body; null where it has ended or failed. */
  private receivePiece(timeout: i64): Uint8Array | null {
    this.askForBody();
    const needed = this.bodyNeeded;
    if (this.refusal || this.answer == Answer.Broken || needed == 0) return null;
    const piece = this.connection.recv(<i32>min<u64>(needed, PIECE_BYTES_MAX), timeout);
    if (!piece.isOk) {
      const isSlow = piece.error == ErrorCode.Timeout;
      if (isSlow) this.refusal = new Refusal(408, "request body came too slowly");
      else this.answer = Answer.Broken;
      return null;
    }
    const bytes = piece.value;
    let length = bytes.length;
    if (length == 0) {
      this.refusal = new Refusal(400, "request body ended before its end");
    } else if (this.head.isChunked) {
      length = this.decoder.decode(bytes);
      if (this.decoder.isBad) {
        this.refusal = new Refusal(400, "request body is malformed as chunks");
      }
    } else {
      this.bodyRest -= length;
    }
    this.bodyReceived += length;
    this.checkBodyLength();
    return this.refusal ? null : bytes.subarray(0, length);
  }

  private get bodyNeeded(): u64 {
    return this.head.isChunked ? this.decoder.needed : this.bodyRest;
  }

  private checkBodyLength(): void {
    const max = this.bodyBytesMax;
    if (this.bodyReceived > max || this.bodyRest > max - this.bodyReceived) {
      this.refusal = new Refusal(413, `request body is larger than ${max} bytes`);
    }
  }

  /** Sends `100 Continue` to a client that waits for it, unless its body is too large. */
  private askForBody(): void {
    this.checkBodyLength();
    if (!this.head.expectsContinue || this.refusal) return;
    this.head.expectsContinue = false;
    const sent = this.connection.sendText("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent.isOk) this.answer = Answer.Broken;
  }

  /** Decides that no more of the body is read, and whether the connection survives that. */
  private forgoBody(): void {
    // A client that was not asked for its body may never send it.
    if (this.head.expectsContinue || this.bodyRest > DRAIN_BYTES_MAX) this.closes = true;
  }

  /** Receives what nobody read, and says whether that was possible. */
  private drainBody(): bool {
    this.bodyBytesMax = u64.MAX_VALUE;
    let drained: u64 = 0;
    for (let count = 0; count < DRAIN_PIECES_MAX && drained <= DRAIN_BYTES_MAX; count++) {
      const piece = this.receivePiece(DRAIN_TIMEOUT);
      if (!piece) return !this.refusal && this.bodyNeeded == 0;
      drained += piece.length;
    }
    return false;
  }
}

/** Returns a header line, which nothing that came from a client may split. */
function headerLine(name: string, value: string): string {
  const bytes = Uint8Array.wrap(String.UTF8.encode(value));
  const isName = new Span(Uint8Array.wrap(String.UTF8.encode(name)), 0, name.length).isToken;
  if (!isName || !new Span(bytes, 0, bytes.length).every(isTextByte)) return "";
  return `${name}: ${value}\r\n`;
}

/** Returns two texts with `length` bytes of what was gathered between them. */
function join(front: string, length: i32, end: string): Uint8Array {
  const first = String.UTF8.byteLength(front);
  const last = String.UTF8.byteLength(end);
  const whole = new Uint8Array(first + length + last);
  const start = whole.dataStart;
  String.UTF8.encodeUnsafe(changetype<usize>(front), front.length, start);
  memory.copy(start + first, gathered.dataStart, length);
  String.UTF8.encodeUnsafe(changetype<usize>(end), end.length, start + first + length);
  return whole;
}

function phrase(status: i32): string {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 505: return "HTTP Version Not Supported";
    // A client ignores it (RFC 9112 section 4).
    default: return "";
  }
}
