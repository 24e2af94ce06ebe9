//! HTTP/1.1 for handlers: receives requests, and gives each to a function that answers it.
//!
//! Requests are answered one after the other, pipelined ones too. What is malformed, ambiguous, too
//! large or too slow is refused here, and ends the connection. An instance serves one connection at
//! a time, so the buffers are globals, and nothing allocates.

const std = @import("std");
const sockeye = @import("sockeye.zig");
const heads = @import("http/head.zig");
const chunked = @import("http/chunked.zig");
const Connection = sockeye.Connection;
const Header = std.http.Header;
const Status = std.http.Status;
const Reader = std.Io.Reader;
const Writer = std.Io.Writer;
const log = std.log.scoped(.http);
const mem = std.mem;

/// How long a head may take from its first bytes.
const head_timeout = 10 * std.time.ns_per_s;
/// How long a client may pause within a body.
const body_timeout = 30 * std.time.ns_per_s;
/// How much is received of a body that nobody read, in how many pieces, and how long each may take;
/// where there is more, the connection is closed.
const drain_bytes_max = 64 * 1024;
const drain_pieces_max = 100;
const drain_timeout = std.time.ns_per_s;

/// The longest request target in bytes.
pub const target_bytes_max = heads.target_bytes_max;

/// What ends a head.
const empty_line = "\r\n\r\n";

var head_bytes: [heads.bytes_max]u8 = undefined;
/// The head of an answer, or what surrounds a chunk of it.
var frame_bytes: [4096]u8 = undefined;
/// What was written of the body of an answer and not sent yet.
var body_bytes: [16 * 1024]u8 = undefined;

/// Makes `handle` the handler of the component. Call it once, in a `comptime` block.
///
/// An error of `handle` is answered with 500 and logged; one that the client has made, by its
/// method or its body, with what that deserves. Where an answer has begun, the connection ends.
pub fn exportHandler(comptime handle: fn (*Request) anyerror!void) void {
    const Server = struct {
        fn serve(connection: Connection) sockeye.Verdict {
            var received = connection.recvUntil(empty_line, &head_bytes, 0);
            while (true) {
                const bytes = received catch |err| unusualHead(connection, err) catch |failure| {
                    refuseHead(connection, failure);
                    return .let_go;
                };
                if (bytes.len == 0) return .let_go;
                if (!isEmptyLines(bytes)) {
                    var request: Request = .{ .connection = connection, .head = undefined };
                    if (!request.serve(bytes, handle)) return .let_go;
                }
                const next = connection.nextUntil(empty_line, &head_bytes, 0);
                received = if (next) |head| head orelse return .hand_back else |err| err;
            }
        }
    };
    sockeye.exportHandler(.@"http-handler", Server.serve);
}

/// Receives a head that is not here as a whole, where that failed with `failure` at once.
fn unusualHead(connection: Connection, failure: sockeye.Error) ![]u8 {
    if (failure != error.Timeout) return failure;
    // Or it is here, but its lines end in bare line feeds, and it will be refused for that.
    for ([_][]const u8{ "\n\r\n", "\n\n" }) |end| {
        return connection.recvUntil(end, &head_bytes, 0) catch continue;
    }
    return connection.recvUntil(empty_line, &head_bytes, head_timeout);
}

/// Says whether `bytes` are what is ignored in front of a request (RFC 9112 section 2.2).
fn isEmptyLines(bytes: []const u8) bool {
    return mem.eql(u8, bytes, "\r\n") or mem.eql(u8, bytes, empty_line);
}

/// Answers a client of whose head there is only the start.
fn refuseHead(connection: Connection, failure: sockeye.Error) void {
    if (failure != error.Timeout and failure != error.TooLarge) return;
    const start = connection.recv(&head_bytes, 0) catch return;
    var request: Request = .{ .connection = connection, .head = undefined };
    request.refuse(start, if (failure == error.Timeout) error.Timeout else heads.tooLarge(start));
}

/// How to answer.
pub const Options = struct {
    status: Status = .ok,
    content_type: []const u8 = "text/plain",
    extra_headers: []const Header = &.{},
};

/// A request and its answer.
pub const Request = struct {
    connection: Connection,
    head: heads.Head,
    /// The most bytes that may be read of the body; `error.BodyTooLarge` where it has more.
    body_bytes_max: u64 = std.math.maxInt(u64),
    /// Why no more of the body can be read, where a `Reader` only says that it failed.
    body_error: ?anyerror = null,
    // The rest of the fields is for this file.
    body: union(enum) { length: u64, chunked: chunked.Decoder } = .{ .length = 0 },
    body_received: u64 = 0,
    body_reader: Reader = .{
        .vtable = &.{ .stream = streamBody },
        .buffer = &.{},
        .seek = 0,
        .end = 0,
    },
    answer: enum {
        none,
        /// The head waits in `frame`.
        begun,
        /// Something has been sent.
        sent,
        finished,
        broken,
    } = .none,
    answer_body: union(enum) { none, length: u64, chunked, until_close } = .none,
    frame: Writer = .fixed(&frame_bytes),
    answer_writer: Writer = .{ .vtable = &.{ .drain = drainAnswer }, .buffer = &body_bytes },
    closes: bool = false,
    allowed: []const u8 = "",

    /// Returns the path of the target, percent-encoded as it was sent, without the query.
    pub fn path(request: *const Request) []const u8 {
        const target = request.head.target;
        const origin = if (heads.split(target)) |parts| parts[1] else target;
        const end = mem.indexOfScalar(u8, origin, '?') orelse origin.len;
        return if (end == 0) "/" else origin[0..end];
    }

    /// Fails with `error.MethodNotAllowed`, which is answered with 405, where the method is none of
    /// `methods`, such as `GET, HEAD`.
    pub fn allow(request: *Request, methods: []const u8) error{MethodNotAllowed}!void {
        var each = mem.splitSequence(u8, methods, ", ");
        while (each.next()) |method| if (mem.eql(u8, method, request.head.method)) return;
        request.allowed = methods;
        return error.MethodNotAllowed;
    }

    /// Returns a reader of the body, which is received as it is read. It needs a `buffer` for
    /// what has to be in one piece, such as lines.
    pub fn reader(request: *Request, buffer: []u8) *Reader {
        request.body_reader.buffer = buffer;
        return &request.body_reader;
    }

    /// Answers with a whole body.
    pub fn respond(request: *Request, content: []const u8, options: Options) !void {
        request.forgoBody();
        try request.begin(content.len, options);
        try request.finishWith(content);
    }

    /// Answers with a file, which does not enter the memory of the handler.
    pub fn respondFile(request: *Request, file: sockeye.File, options: Options) !void {
        request.forgoBody();
        const size = (try file.stat()).size;
        try request.begin(size, options);
        if (request.answer_body == .none) return request.finishWith("");
        request.answer = .broken;
        const head = request.frame.buffered();
        const sent = try request.connection.sendWithFileAll(head, file, 0, size);
        if (sent < size) return error.FileChanged;
        request.answer = .finished;
    }

    /// Begins an answer whose body is written to the result: of `length` bytes, or as many as there
    /// will be. It ends when the handler returns, and is sent in large pieces; `flush` sends what
    /// there is. The body of the request may be read meanwhile.
    pub fn respondStreaming(request: *Request, length: ?u64, options: Options) !*Writer {
        request.askForBody() catch |err| return request.failBody(err);
        try request.begin(length, options);
        return &request.answer_writer;
    }

    /// Serves one request, and says whether the connection can take another.
    fn serve(
        request: *Request,
        bytes: []const u8,
        comptime handle: fn (*Request) anyerror!void,
    ) bool {
        request.head = heads.Head.parse(bytes) catch |err| {
            request.refuse(bytes, err);
            return false;
        };
        request.closes = !request.head.keep_alive;
        if (request.head.content_length) |length| {
            request.body = .{ .length = length };
        } else {
            request.body = .{ .chunked = .{} };
        }
        const outcome = if (handle(request)) request.finish() else |err| err;
        outcome catch |err| if (!request.settle(err)) return false;
        return !request.closes and request.drainBody();
    }

    /// Ends a request that the handler could not, and says whether the connection survives that.
    fn settle(request: *Request, failure: anyerror) bool {
        if (failure == error.MethodNotAllowed and request.answer == .none) {
            request.respond("method not allowed\n", .{
                .status = .method_not_allowed,
                .extra_headers = &.{.{ .name = "Allow", .value = request.allowed }},
            }) catch return false;
            return true;
        }
        // What became of the client or the connection is no news.
        if (request.body_error == null and request.answer != .broken)
            log.err("{s} {s}: {t}", .{ request.head.method, request.head.target, failure });
        if (request.answer == .none or request.answer == .begun)
            request.answerFailure(request.body_error orelse error.HandlerFailed);
        return false;
    }

    /// Answers a head that is none.
    fn refuse(request: *Request, bytes: []const u8, reason: anyerror) void {
        request.head = .{ .method = heads.methodOf(bytes), .target = "", .is_1_0 = false };
        request.answerFailure(reason);
    }

    /// Answers with what went wrong, instead of anything that has not been sent.
    fn answerFailure(request: *Request, reason: anyerror) void {
        request.answer = .none;
        request.answer_writer.end = 0;
        request.closes = true;
        var text: [128]u8 = undefined;
        const line = std.fmt.bufPrint(&text, "{t}\n", .{reason}) catch "";
        // A client that does not take it gets the end of the connection all the same.
        request.respond(line, .{ .status = statusOf(reason) }) catch {};
    }

    /// Makes the head of the answer.
    fn begin(request: *Request, length: ?u64, options: Options) !void {
        if (request.answer != .none) return error.AnsweredTwice;
        const status = @backingInt(options.status);
        if (status < 200 or status > 999) return error.BadStatus;
        const is_head = mem.eql(u8, request.head.method, "HEAD");
        const is_reset = options.status == .reset_content;
        const is_bare = switch (options.status) {
            .no_content, .reset_content, .not_modified => true,
            else => false,
        };
        const is_chunked = length == null and !request.head.is_1_0;
        if (length == null and !is_chunked and !is_head) request.closes = true;
        if (!request.closes) request.closes = request.connection.closing();
        const out = &request.frame;
        out.end = 0;
        try out.print("HTTP/1.1 {d} {s}\r\n", .{ status, options.status.phrase() orelse "" });
        if (!is_bare) {
            try writeLine(out, .{ .name = "Content-Type", .value = options.content_type });
            if (length) |bytes| try out.print("Content-Length: {d}\r\n", .{bytes});
            if (is_chunked) try out.writeAll("Transfer-Encoding: chunked\r\n");
        }
        // It has no content, but unlike the others, it has to say so.
        if (is_reset) try out.writeAll("Content-Length: 0\r\n");
        for (options.extra_headers) |header| try writeLine(out, header);
        if (request.closes) {
            try out.writeAll("Connection: close\r\n");
        } else if (request.head.is_1_0) {
            try out.writeAll("Connection: keep-alive\r\n");
        }
        try out.writeAll("\r\n");
        request.answer = .begun;
        if (is_head or is_bare) {
            request.answer_body = .none;
        } else if (length) |bytes| {
            request.answer_body = .{ .length = bytes };
        } else {
            request.answer_body = if (is_chunked) .chunked else .until_close;
        }
    }

    /// Sends the head with a whole body behind it.
    fn finishWith(request: *Request, content: []const u8) !void {
        const body = if (request.answer_body == .none) "" else content;
        if (body.len <= request.frame.unusedCapacityLen()) {
            try request.frame.writeAll(body);
            try request.send(request.frame.buffered(), request.closes);
        } else {
            try request.send(request.frame.buffered(), true);
            try request.send(body, request.closes);
        }
        request.answer = .finished;
    }

    /// Ends what `respondStreaming` began.
    fn finish(request: *Request) !void {
        switch (request.answer) {
            .finished => return,
            .none => return error.NotAnswered,
            .broken => return error.AnswerCut,
            .begun, .sent => {},
        }
        request.answer_writer.flush() catch return error.AnswerCut;
        switch (request.answer_body) {
            .length => |rest| if (rest > 0) return error.AnswerTooShort,
            .chunked => try request.frame.writeAll("0\r\n\r\n"),
            .none, .until_close => {},
        }
        try request.send(request.frame.buffered(), request.closes);
        request.answer = .finished;
    }

    fn send(request: *Request, bytes: []const u8, more: bool) !void {
        if (bytes.len == 0) return;
        request.answer = .broken;
        try request.connection.sendAll(bytes, more);
        request.answer = .sent;
    }

    /// What `answer_writer` does when its buffer is full.
    fn drainAnswer(writer: *Writer, data: []const []const u8, splat: usize) Writer.Error!usize {
        const request: *Request = @alignCast(@fieldParentPtr("answer_writer", writer));
        const buffered = writer.buffered();
        // One piece of what is new is enough: the caller comes again with the rest.
        const piece = if (data.len > 1 or splat > 0) data[0] else "";
        // What is small fills the buffer first, or each would be a chunk of its own.
        if (piece.len > 0 and piece.len <= writer.unusedCapacityLen()) {
            @memcpy(writer.buffer[writer.end..][0..piece.len], piece);
            writer.end += piece.len;
            return piece.len;
        }
        writer.end = 0;
        request.sendPieces(buffered, piece) catch return error.WriteFailed;
        return piece.len;
    }

    fn sendPieces(request: *Request, first: []const u8, second: []const u8) !void {
        if (request.answer != .begun and request.answer != .sent) return error.AnswerCut;
        const length = first.len + second.len;
        switch (request.answer_body) {
            .none => return,
            .length => |*rest| {
                if (length > rest.*) return error.AnswerTooLong;
                rest.* -= length;
            },
            .chunked => if (length > 0) try request.frame.print("{x}\r\n", .{length}),
            .until_close => {},
        }
        try request.send(request.frame.buffered(), true);
        request.frame.end = 0;
        try request.send(first, second.len > 0);
        try request.send(second, false);
        if (request.answer_body == .chunked and length > 0) try request.frame.writeAll("\r\n");
    }

    /// What `body_reader` does when its buffer is empty.
    fn streamBody(
        body_reader: *Reader,
        writer: *Writer,
        limit: std.Io.Limit,
    ) Reader.StreamError!usize {
        const request: *Request = @alignCast(@fieldParentPtr("body_reader", body_reader));
        const buffer = limit.slice(try writer.writableSliceGreedy(1));
        const data = request.receive(buffer, body_timeout) catch return error.ReadFailed;
        if (data.len == 0 and buffer.len > 0) return error.EndOfStream;
        writer.advance(data.len);
        return data.len;
    }

    /// Receives data of the body, or nothing where it has ended.
    fn receive(request: *Request, buffer: []u8, timeout: u64) ![]u8 {
        while (try request.receivePiece(buffer, timeout)) |data| if (data.len > 0) return data;
        return buffer[0..0];
    }

    /// Receives once, which may bring no data of the body; null where it has ended.
    fn receivePiece(request: *Request, buffer: []u8, timeout: u64) !?[]u8 {
        if (request.body_error) |failure| return failure;
        return request.receiveMore(buffer, timeout) catch |err| request.failBody(err);
    }

    fn failBody(request: *Request, failure: anytype) @TypeOf(failure) {
        request.body_error = failure;
        return failure;
    }

    fn receiveMore(request: *Request, buffer: []u8, timeout: u64) !?[]u8 {
        try request.askForBody();
        const needed = request.bodyNeeded();
        if (needed == 0 or buffer.len == 0) return null;
        const max: usize = @intCast(@min(needed, buffer.len));
        const bytes = try request.connection.recv(buffer[0..max], timeout);
        if (bytes.len == 0) return error.BodyCut;
        const data = switch (request.body) {
            .length => |*rest| data: {
                rest.* -= bytes.len;
                break :data bytes;
            },
            .chunked => |*decoder| try decoder.decode(bytes),
        };
        request.body_received += data.len;
        if (request.body_received > request.body_bytes_max) return error.BodyTooLarge;
        return data;
    }

    /// Sends `100 Continue` to a client that waits for it, unless its body is too large.
    fn askForBody(request: *Request) !void {
        const announced = if (request.body == .length) request.body.length else 0;
        if (request.body_received +| announced > request.body_bytes_max) return error.BodyTooLarge;
        if (request.head.expects_continue and request.body_error == null) {
            request.head.expects_continue = false;
            try request.connection.send("HTTP/1.1 100 Continue\r\n\r\n", .{});
        }
    }

    /// Decides that no more of the body is read, and whether the connection survives that.
    fn forgoBody(request: *Request) void {
        // A client that was not asked for its body may never send it.
        const is_unasked = request.head.expects_continue;
        const is_long = request.body == .length and request.body.length > drain_bytes_max;
        if (is_unasked or is_long or request.body_error != null) request.closes = true;
    }

    fn bodyNeeded(request: *const Request) u64 {
        return switch (request.body) {
            .length => |rest| rest,
            .chunked => |decoder| decoder.needed(),
        };
    }

    /// Receives what nobody read, and says whether that was possible.
    fn drainBody(request: *Request) bool {
        if (request.bodyNeeded() == 0) return request.body_error == null;
        var drained: usize = 0;
        request.body_bytes_max = std.math.maxInt(u64);
        for (0..drain_pieces_max) |_| {
            const piece = request.receivePiece(&body_bytes, drain_timeout) catch return false;
            const data = piece orelse return true;
            drained += data.len;
            if (drained > drain_bytes_max) return false;
        }
        return false;
    }
};

/// Writes a header line of the handler, which nothing that came from a client may split. Where the
/// message ends is not for the handler to say, or a client might find the next answer in this one.
fn writeLine(out: *Writer, header: Header) !void {
    for ([_][]const u8{ "content-length", "transfer-encoding", "connection" }) |name|
        if (std.ascii.eqlIgnoreCase(header.name, name)) return error.BadHeader;
    if (!heads.isToken(header.name) or !heads.isText(header.value)) return error.BadHeader;
    try out.print("{s}: {s}\r\n", .{ header.name, header.value });
}

/// Returns the status for what is wrong with a request.
fn statusOf(reason: anyerror) Status {
    return switch (reason) {
        error.HandlerFailed => .internal_server_error,
        error.Timeout => .request_timeout,
        error.BodyTooLarge => .payload_too_large,
        error.TargetTooLong => .uri_too_long,
        error.ExpectationFailed => .expectation_failed,
        error.HeadTooLarge, error.TooManyHeaderLines => .request_header_fields_too_large,
        error.CodingNotImplemented, error.TunnelNotImplemented => .not_implemented,
        error.VersionNotSupported => .http_version_not_supported,
        else => .bad_request,
    };
}
