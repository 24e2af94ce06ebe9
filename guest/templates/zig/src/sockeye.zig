//! Connections and files: the calls of `sockeye:net@0.1.0`.
//!
//! A handler serves one connection with calls that block; the host suspends the instance meanwhile.
//! Bytes are received into the caller's buffers, and nothing here allocates.
//!
//! Timeouts are in nanoseconds and cover a whole call: 0 does what can be done at once, and `null`
//! waits for as long as the operator allows (`--call-timeout`). `sockeye wit` prints the contract
//! with every error of every call.

const std = @import("std");
const host = @import("sockeye/host.zig");

/// Why a call failed. The end of a stream is no error but an empty slice.
pub const Error = error{
    /// The deadline of the call passed before it could complete.
    Timeout,
    /// The peer reset the connection.
    ConnectionReset,
    /// The peer or this side has closed the connection for what is sent.
    ConnectionBroken,
    /// The peer no longer answers.
    ConnectionAborted,
    /// The host has closed the connection.
    InvalidState,
    /// A parameter has a value that the call cannot take.
    InvalidArgument,
    /// The host does not offer this.
    NotSupported,
    /// The path leads out of the granted directory, or none was granted (`--root`).
    AccessDenied,
    NotFound,
    IsDirectory,
    NotRegularFile,
    NameTooLong,
    /// What fits into the buffer does not contain the delimiter.
    TooLarge,
    /// The instance holds as many open files as it may.
    TooManyFiles,
    /// The host is short of memory or descriptors.
    InsufficientResources,
    /// The device under the file failed.
    InputOutput,
    Other,
};

/// What becomes of a connection when its handler returns.
pub const Verdict = enum {
    /// The host keeps it and calls the handler again when bytes arrive, perhaps in another
    /// instance: globals do not survive that.
    hand_back,
    /// The host closes it in an orderly way.
    let_go,
};

/// When a handler is called.
pub const Kind = enum {
    /// When a client has sent a whole request head of HTTP/1.
    @"http-handler",
    /// When a client has connected.
    handler,
};

/// Makes `serve` the handler of the component. Call it once, in a `comptime` block.
pub fn exportHandler(comptime kind: Kind, comptime serve: fn (Connection) Verdict) void {
    const Exported = struct {
        var answer: host.Option(i32) = undefined;

        fn handle(handle_: i32) callconv(.c) *const host.Option(i32) {
            const verdict = serve(.{ .handle = handle_ });
            // An instance that keeps the handle is not used again.
            if (verdict == .let_go) host.drop(handle_);
            answer = .{ .is_some = verdict == .hand_back, .value = handle_ };
            return &answer;
        }
    };
    @export(&Exported.handle, .{ .name = "sockeye:net/" ++ @tagName(kind) ++ "@0.1.0#handle" });
}

/// Says that `std.log` writes to stderr, which the host logs: as `std_options` of the root file.
pub const std_options: std.Options = .{ .logFn = log };

/// Says that a panic is logged and ends the instance: as `panic` of the root file. The code of the
/// standard library would find the place in the source, and is larger than most handlers.
pub const panic = std.debug.FullPanic(panicked);

fn panicked(message: []const u8, _: ?usize) noreturn {
    std.log.err("panic: {s}", .{message});
    @trap();
}

fn log(
    comptime level: std.log.Level,
    comptime scope: @EnumLiteral(),
    comptime format: []const u8,
    args: anytype,
) void {
    const prefix = if (scope == .default) "" else "(" ++ @tagName(scope) ++ ") ";
    var buffer: [1024]u8 = undefined;
    var line: std.Io.Writer = .fixed(&buffer);
    // What is too long for a line is cut.
    line.print(level.asText() ++ ": " ++ prefix ++ format ++ "\n", args) catch {};
    var count: usize = undefined;
    _ = std.os.wasi.fd_write(2, &.{.{ .base = &buffer, .len = line.end }}, 1, &count);
}

/// How to send.
pub const SendOptions = struct {
    /// More bytes, or the end of the connection, follow soon: the host may wait for them.
    more: bool = false,
    timeout: ?u64 = null,
    /// Where to put how many bytes are gone when the call fails.
    sent: ?*u64 = null,
};

/// A connection that the host accepted; valid until the handler returns.
pub const Connection = struct {
    handle: i32,

    /// Receives at least one byte, or none at the end of the stream.
    pub fn recv(connection: Connection, buffer: []u8, timeout: ?u64) Error![]u8 {
        var result: host.Result(host.List) = undefined;
        const max = host.land(buffer);
        host.recv(connection.handle, max, timeout != null, timeout orelse 0, &result);
        return (try result.get()).slice();
    }

    /// Receives up to and including `delimiter`, or what there is where the peer ends the stream
    /// first. After `Timeout` and `TooLarge` the bytes stay with the host for the next call.
    pub fn recvUntil(
        connection: Connection,
        delimiter: []const u8,
        buffer: []u8,
        timeout: ?u64,
    ) Error![]u8 {
        var result: host.Result(host.List) = undefined;
        host.recvUntil(
            connection.handle,
            delimiter.ptr,
            delimiter.len,
            host.land(buffer),
            timeout != null,
            timeout orelse 0,
            &result,
        );
        return (try result.get()).slice();
    }

    /// Sends all of `bytes`.
    pub fn send(connection: Connection, bytes: []const u8, options: SendOptions) Error!void {
        var result: host.Sent(void) = undefined;
        host.send(
            connection.handle,
            bytes.ptr,
            bytes.len,
            options.more,
            options.timeout != null,
            options.timeout orelse 0,
            &result,
        );
        return result.get(options.sent);
    }

    /// Sends all of `bytes` and behind them `length` bytes of `file`, which never enter the memory
    /// of the handler. Returns how many bytes of the file were sent: fewer only where it ends first
    /// or has changed. `options.sent` counts both, and `options.more` means nothing here.
    pub fn sendWithFile(
        connection: Connection,
        bytes: []const u8,
        file: File,
        offset: u64,
        length: u64,
        options: SendOptions,
    ) Error!u64 {
        var result: host.Sent(u64) = undefined;
        host.sendWithFile(
            connection.handle,
            bytes.ptr,
            bytes.len,
            file.handle,
            offset,
            length,
            options.timeout != null,
            options.timeout orelse 0,
            &result,
        );
        return result.get(options.sent);
    }

    /// Sends all of `bytes`, to a slow peer too: `Timeout` only where it took nothing for as long
    /// as the operator allows.
    pub fn sendAll(connection: Connection, bytes: []const u8, more: bool) Error!void {
        var rest = bytes;
        while (true) {
            var sent: u64 = 0;
            return connection.send(rest, .{ .more = more, .sent = &sent }) catch |err| {
                if (err != error.Timeout or sent == 0) return err;
                rest = rest[@intCast(sent)..];
                continue;
            };
        }
    }

    /// Does what `sendWithFile` does, to a slow peer too, as `sendAll`.
    pub fn sendWithFileAll(
        connection: Connection,
        bytes: []const u8,
        file: File,
        offset: u64,
        length: u64,
    ) Error!u64 {
        var head = bytes;
        var done: u64 = 0;
        while (true) {
            const at = offset + done;
            var sent: u64 = 0;
            const options: SendOptions = .{ .sent = &sent };
            if (connection.sendWithFile(head, file, at, length - done, options)) |count| {
                return done + count;
            } else |err| {
                if (err != error.Timeout or sent == 0) return err;
                const of_head: usize = @intCast(@min(sent, head.len));
                head = head[of_head..];
                done += sent - of_head;
            }
        }
    }

    /// Says whether to go on with the connection now, and waits a little for that. Where it says
    /// no, hand the connection back.
    pub fn next(connection: Connection) bool {
        return host.next(connection.handle);
    }

    /// Does what `next` and then `recvUntil` do; null where `next` says no.
    pub fn nextUntil(
        connection: Connection,
        delimiter: []const u8,
        buffer: []u8,
        timeout: ?u64,
    ) Error!?[]u8 {
        var result: host.Result(host.Option(host.List)) = undefined;
        host.nextUntil(
            connection.handle,
            delimiter.ptr,
            delimiter.len,
            host.land(buffer),
            timeout != null,
            timeout orelse 0,
            &result,
        );
        const list = try result.get();
        return if (list.is_some) list.value.slice() else null;
    }

    /// Says whether the host will close the connection instead of taking it back: tell the peer,
    /// and let the connection go.
    pub fn closing(connection: Connection) bool {
        return host.closing(connection.handle);
    }

    /// Closes one or both directions.
    pub fn shutdown(connection: Connection, how: enum { receive, send, both }) Error!void {
        var result: host.Result(void) = undefined;
        host.shutdown(connection.handle, @backingInt(how), &result);
        return result.get();
    }
};

/// An open regular file beneath the directory that the operator granted.
pub const File = struct {
    handle: i32,

    pub const Stat = extern struct {
        size: u64,
        /// Since 1970-01-01T00:00:00Z.
        modified_seconds: i64,
        modified_nanoseconds: u32,
        /// Another one for another file at the same path.
        identity: u64,
    };

    /// Opens the file at `path`, which is relative to the granted directory. `close` it: an
    /// instance may hold only some.
    pub fn open(path: []const u8) Error!File {
        // The host's strings are UTF-8, and any other bytes trap; no file has such a path.
        if (!std.unicode.utf8ValidateSlice(path)) return error.NotFound;
        var result: host.Result(i32) = undefined;
        host.open(path.ptr, path.len, &result);
        return .{ .handle = try result.get() };
    }

    pub fn stat(file: File) Error!Stat {
        var result: host.Result(Stat) = undefined;
        host.stat(file.handle, &result);
        return result.get();
    }

    /// Reads what is at `offset`; nothing at the end of the file.
    pub fn read(file: File, buffer: []u8, offset: u64) Error![]u8 {
        var result: host.Result(host.List) = undefined;
        host.read(file.handle, offset, host.land(buffer), &result);
        return (try result.get()).slice();
    }

    pub fn close(file: File) void {
        host.dropFile(file.handle);
    }
};
