/**
 * Connections and files: the calls of `sockeye:net@0.1.0`, straight on the canonical ABI.
 *
 * A handler serves one connection with calls that block; the host suspends the instance meanwhile.
 * Timeouts are in nanoseconds and cover a whole call: 0 does what can be done at once, and
 * `UNLIMITED` waits for as long as the operator allows (`--call-timeout`). `sockeye wit` prints the
 * contract with every error of every call.
 */

export const SECOND: i64 = 1_000_000_000;
export const UNLIMITED: i64 = -1;

/** Why a call failed, in the order of the contract. The end of a stream is no error. */
export enum ErrorCode {
  /** The deadline of the call passed before it could complete. */
  Timeout,
  ConnectionReset,
  /** The peer or this side has closed the connection for what is sent. */
  ConnectionBroken,
  /** The peer no longer answers. */
  ConnectionAborted,
  /** The host has closed the connection. */
  InvalidState,
  InvalidArgument,
  NotSupported,
  /** The path leads out of the granted directory, or none was granted (`--root`). */
  AccessDenied,
  NotFound,
  IsDirectory,
  NotRegularFile,
  NameTooLong,
  /** What may be received does not contain the delimiter. */
  TooLarge,
  TooManyFiles,
  InsufficientResources,
  InputOutput,
  Other,
  /** There was no error. */
  None,
}

/** What a call returned, or why it failed. */
export class Result<T> {
  constructor(readonly error: ErrorCode, private readonly made: T | null) {}

  get isOk(): bool {
    return this.error == ErrorCode.None;
  }

  /** What the call returned; ends the instance where it failed. */
  get value(): T {
    return this.made!;
  }
}

/** What became of bytes that were sent. */
export class Sent {
  /** `count` is how many are gone, where there was an error, too. */
  constructor(readonly error: ErrorCode, readonly count: u64) {}

  get isOk(): bool {
    return this.error == ErrorCode.None;
  }
}

/** A connection that the host accepted; valid until the handler returns. */
export class Connection {
  constructor(readonly handle: i32) {}

  /** Receives at least one byte and at most `max`, or none at the end of the stream. */
  recv(max: i32, timeout: i64 = UNLIMITED): Result<Uint8Array> {
    recv(this.handle, max, timeout >= 0, timeout, area);
    return list();
  }

  /**
   * Receives up to and including `delimiter`, or what there is where the peer ends the stream
   * first. After `Timeout` and `TooLarge` the bytes stay with the host for the next call.
   */
  recvUntil(delimiter: string, max: i32, timeout: i64 = UNLIMITED): Result<Uint8Array> {
    const end = String.UTF8.encode(delimiter);
    recvUntil(this.handle, end, end.byteLength, max, timeout >= 0, timeout, area);
    return list();
  }

  /**
   * Sends all of `bytes`. With `more`, more bytes or the end of the connection follow soon, and the
   * host may wait for them.
   */
  send(bytes: Uint8Array, more: bool = false, timeout: i64 = UNLIMITED): Sent {
    send(this.handle, bytes.dataStart, bytes.length, more, timeout >= 0, timeout, area);
    return sent(bytes.length);
  }

  /** Sends a text as UTF-8. */
  sendText(text: string, more: bool = false, timeout: i64 = UNLIMITED): Sent {
    return this.send(Uint8Array.wrap(String.UTF8.encode(text)), more, timeout);
  }

  /**
   * Sends all of `bytes` and behind them `length` bytes of `file`, which never enter the memory of
   * the handler. The count is of both, and smaller only where the file ends first or has changed.
   */
  sendWithFile(
    bytes: Uint8Array,
    file: File,
    offset: u64,
    length: u64,
    timeout: i64 = UNLIMITED,
  ): Sent {
    const start = bytes.dataStart;
    const handle = file.handle;
    const has = timeout >= 0;
    sendWithFile(this.handle, start, bytes.length, handle, offset, length, has, timeout, area);
    return sent(bytes.length + (load<u8>(area) == 0 ? load<u64>(area, 8) : 0));
  }

  /**
   * Says whether to go on with the connection now, and waits a little for that. Where it says no,
   * hand the connection back.
   */
  next(): bool {
    return next(this.handle);
  }

  /** Does what `next` and then `recvUntil` do; null where `next` says no. */
  nextUntil(delimiter: string, max: i32, timeout: i64 = UNLIMITED): Result<Uint8Array> | null {
    const end = String.UTF8.encode(delimiter);
    nextUntil(this.handle, end, end.byteLength, max, timeout >= 0, timeout, area);
    if (load<u8>(area) != 0) return new Result<Uint8Array>(failure(4), null);
    if (load<u8>(area, 4) == 0) return null;
    return new Result<Uint8Array>(ErrorCode.None, landed(load<u32>(area, 12)));
  }

  /**
   * Says whether the host will close the connection instead of taking it back: tell the peer, and
   * let the connection go.
   */
  get closing(): bool {
    return closing(this.handle);
  }

  /** What a handler returns to have the host keep the connection, and be called again for it when
   * bytes arrive, perhaps in another instance: globals do not survive that. */
  handBack(): usize {
    store<u8>(verdict, 1);
    store<i32>(verdict, this.handle, 4);
    return verdict;
  }

  /** What a handler returns to have the host close the connection in an orderly way. */
  letGo(): usize {
    // An instance that keeps the handle is not used again.
    drop(this.handle);
    store<u8>(verdict, 0);
    return verdict;
  }
}

/** What is known of an open file. */
export class Stat {
  constructor(
    readonly size: u64,
    /** Since 1970-01-01T00:00:00Z. */
    readonly modifiedSeconds: i64,
    readonly modifiedNanoseconds: u32,
    /** Another one for another file at the same path. */
    readonly identity: u64,
  ) {}
}

/** An open regular file beneath the directory that the operator granted. */
export class File {
  private constructor(readonly handle: i32) {}

  /** Opens a file. `close` it: an instance may hold only some. */
  static open(path: string): Result<File> {
    // The host's strings are UTF-8, and half a surrogate pair is none: it would trap.
    const name = String.UTF8.encode(path, false, String.UTF8.ErrorMode.REPLACE);
    open(name, name.byteLength, area);
    if (load<u8>(area) != 0) return new Result<File>(failure(4), null);
    return new Result<File>(ErrorCode.None, new File(load<i32>(area, 4)));
  }

  stat(): Result<Stat> {
    stat(this.handle, area);
    if (load<u8>(area) != 0) return new Result<Stat>(failure(8), null);
    const size = load<u64>(area, 8);
    const found = new Stat(size, load<i64>(area, 16), load<u32>(area, 24), load<u64>(area, 32));
    return new Result<Stat>(ErrorCode.None, found);
  }

  /** Reads at most `length` bytes from `offset`; none at the end of the file. */
  read(offset: u64, length: i32): Result<Uint8Array> {
    read(this.handle, offset, length, area);
    return list();
  }

  close(): void {
    dropFile(this.handle);
  }
}

/** Writes a line to stderr, which the host logs. */
export function log(line: string): void {
  const text = String.UTF8.encode(line + "\n", false, String.UTF8.ErrorMode.REPLACE);
  store<usize>(area, changetype<usize>(text));
  store<i32>(area, text.byteLength, 4);
  fd_write(2, area, 1, area + 8);
}

/** What `abort` is by asconfig.json: logs why and where, and ends the instance. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const why = message ? message : "abort";
  const where = file ? file : "";
  log(`${why} in ${where}:${line}:${column}`);
  unreachable();
}

/** Where the host puts the result of a call; the largest is that of `stat`. */
const area: usize = memory.data(40, 8);

/** What a handler returns: an `option<connection>`. */
const verdict: usize = memory.data(8, 4);

/** The list that the running call returns. */
let landing: ArrayBuffer = new ArrayBuffer(0);

/** Called by the host for the lists of results. */
export function cabi_realloc(old: usize, oldSize: usize, alignment: usize, size: usize): usize {
  // The adapter for WASI asks once, for memory that it keeps.
  if (alignment != 1) return heap.alloc(size);
  landing = new ArrayBuffer(<i32>size);
  return changetype<usize>(landing);
}

function list(): Result<Uint8Array> {
  if (load<u8>(area) != 0) return new Result<Uint8Array>(failure(4), null);
  return new Result<Uint8Array>(ErrorCode.None, landed(load<u32>(area, 8)));
}

function landed(length: u32): Uint8Array {
  // The host asks for no memory where the list is empty.
  return length == 0 ? new Uint8Array(0) : Uint8Array.wrap(landing);
}

function sent(count: u64): Sent {
  if (load<u8>(area) == 0) return new Sent(ErrorCode.None, count);
  return new Sent(failure(8), load<u64>(area, 24));
}

function failure(offset: usize): ErrorCode {
  const code: i32 = load<u8>(area + offset);
  return code < ErrorCode.Other ? <ErrorCode>code : ErrorCode.Other;
}

// An `option<duration>` is two parameters: whether there is one, and its nanoseconds.

@external("sockeye:net/connections@0.1.0", "[method]connection.recv")
declare function recv(self: i32, max: i32, has: bool, timeout: i64, result: usize): void;

@external("sockeye:net/connections@0.1.0", "[method]connection.recv-until")
declare function recvUntil(
  self: i32,
  delimiter: ArrayBuffer,
  length: i32,
  max: i32,
  has: bool,
  timeout: i64,
  result: usize,
): void;

@external("sockeye:net/connections@0.1.0", "[method]connection.send")
declare function send(
  self: i32,
  bytes: usize,
  length: i32,
  flags: i32,
  has: bool,
  timeout: i64,
  result: usize,
): void;

@external("sockeye:net/connections@0.1.0", "[method]connection.send-with-file")
declare function sendWithFile(
  self: i32,
  bytes: usize,
  size: i32,
  file: i32,
  offset: u64,
  length: u64,
  has: bool,
  timeout: i64,
  result: usize,
): void;

@external("sockeye:net/connections@0.1.0", "[method]connection.next")
declare function next(self: i32): bool;

@external("sockeye:net/connections@0.1.0", "[method]connection.next-until")
declare function nextUntil(
  self: i32,
  delimiter: ArrayBuffer,
  length: i32,
  max: i32,
  has: bool,
  timeout: i64,
  result: usize,
): void;

@external("sockeye:net/connections@0.1.0", "[method]connection.closing")
declare function closing(self: i32): bool;

@external("sockeye:net/connections@0.1.0", "[resource-drop]connection")
declare function drop(self: i32): void;

@external("sockeye:net/files@0.1.0", "[static]file.open")
declare function open(path: ArrayBuffer, length: i32, result: usize): void;

@external("sockeye:net/files@0.1.0", "[method]file.stat")
declare function stat(self: i32, result: usize): void;

@external("sockeye:net/files@0.1.0", "[method]file.read")
declare function read(self: i32, offset: u64, length: i32, result: usize): void;

@external("sockeye:net/files@0.1.0", "[resource-drop]file")
declare function dropFile(self: i32): void;

@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, count: i32, written: usize): i32;
