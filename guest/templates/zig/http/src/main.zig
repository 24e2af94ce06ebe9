//! What this handler answers.

const std = @import("std");
const http = @import("http.zig");
const sockeye = @import("sockeye.zig");
const mem = std.mem;

comptime {
    http.exportHandler(handle);
}

pub const std_options = sockeye.std_options;
pub const panic = sockeye.panic;

fn handle(request: *http.Request) !void {
    const path = request.path();
    if (mem.eql(u8, path, "/")) {
        try request.allow("GET, HEAD");
        try request.respond("Hello, World!\n", .{});
    } else if (mem.eql(u8, path, "/echo")) {
        try request.allow("POST");
        try echo(request);
    } else if (mem.cutPrefix(u8, path, "/files/")) |name| {
        try request.allow("GET, HEAD");
        try sendFile(request, name);
    } else {
        try notFound(request);
    }
}

/// Sends a body back while it is received, however long it is.
fn echo(request: *http.Request) !void {
    const answer = try request.respondStreaming(request.head.content_length, .{
        .content_type = "application/octet-stream",
    });
    _ = try request.reader(&.{}).streamRemaining(answer);
}

/// Sends a file of the directory that `sockeye serve --root` grants.
fn sendFile(request: *http.Request, name: []const u8) !void {
    var decoded: [http.target_bytes_max]u8 = undefined;
    const path = std.Uri.percentDecodeBackwards(&decoded, name);
    const file = sockeye.File.open(path) catch |err| switch (err) {
        error.NotFound, error.IsDirectory, error.NotRegularFile => return notFound(request),
        error.AccessDenied, error.NameTooLong, error.InvalidArgument => return notFound(request),
        else => return err,
    };
    defer file.close();
    try request.respondFile(file, .{ .content_type = "application/octet-stream" });
}

fn notFound(request: *http.Request) !void {
    try request.respond("not found\n", .{ .status = .not_found });
}
