//! The twin of inspect.rs: answers with what the template for Zig made of a request, as text.

const std = @import("std");
const head = @import("http/head.zig");
const http = @import("http.zig");
const sockeye = @import("sockeye.zig");
const mem = std.mem;

comptime {
    http.exportHandler(inspect);
}

pub const std_options = sockeye.std_options;
pub const panic = sockeye.panic;

/// What `/limit` and `/early` read.
const body_bytes_max = 10;

var text_bytes: [600_000]u8 = undefined;
var piece: [300]u8 = undefined;

fn inspect(request: *http.Request) !void {
    const path = request.path();
    if (mem.eql(u8, path, "/limit") or mem.eql(u8, path, "/early")) {
        request.body_bytes_max = body_bytes_max;
    }
    if (mem.eql(u8, path, "/early")) {
        const answer = try request.respondStreaming(null, .{});
        _ = try request.reader(&.{}).streamRemaining(answer);
        return;
    }
    var text: std.Io.Writer = .fixed(&text_bytes);
    const parts = head.split(request.head.target);
    const host = if (parts) |found| found[0] else request.head.header("host") orelse "";
    const version = if (request.head.is_1_0) "1.0" else "1.1";
    try text.print("{s} {s} host={s} version={s} keep={} body=", .{
        request.head.method, request.head.target, host, version, request.head.keep_alive,
    });
    if (!mem.eql(u8, path, "/unread")) _ = try request.reader(&piece).streamRemaining(&text);
    if (mem.eql(u8, path, "/stream")) {
        const answer = try request.respondStreaming(null, .{});
        // Every byte is a chunk of its own.
        for (text.buffered()) |byte| {
            try answer.writeByte(byte);
            try answer.flush();
        }
        return;
    }
    const number = mem.cutPrefix(u8, path, "/status/") orelse "200";
    const status = std.fmt.parseInt(u10, number, 10) catch 200;
    const body = if (status == 205) "" else text.buffered();
    try request.respond(body, .{ .status = @enumFromInt(status) });
}
