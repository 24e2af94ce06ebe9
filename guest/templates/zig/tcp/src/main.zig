//! A protocol of lines: sends every line back, and ends on `quit`.

const std = @import("std");
const sockeye = @import("sockeye.zig");
const Connection = sockeye.Connection;

comptime {
    sockeye.exportHandler(.handler, serve);
}

pub const std_options = sockeye.std_options;
pub const panic = sockeye.panic;

/// How long a line may take.
const line_timeout = 30 * std.time.ns_per_s;

/// An instance serves one connection at a time, so this can be a global.
var line_buffer: [4096]u8 = undefined;

fn serve(connection: Connection) sockeye.Verdict {
    // Each call serves at least one line before it asks `next`, whether the host says yes or no.
    while (true) {
        const goes_on = echoLine(connection) catch |err| switch (err) {
            // An idle client costs no instance: its next bytes call `serve` again.
            error.Timeout => if (isIdle(connection))
                return .hand_back
            else
                end(connection, "timeout\n"),
            error.TooLarge => end(connection, "line too long\n"),
            else => false,
        };
        if (!goes_on) return .let_go;
        if (!connection.next()) return .hand_back;
    }
}

/// Sends one line back, and says whether there may be more.
fn echoLine(connection: Connection) !bool {
    const line = try connection.recvUntil("\n", &line_buffer, line_timeout);
    if (std.mem.eql(u8, std.mem.trimEnd(u8, line, "\r\n"), "quit")) return false;
    try connection.send(line, .{});
    // Without a line feed, this is what came before the client closed its side.
    return std.mem.endsWith(u8, line, "\n");
}

/// Says whether nothing came, rather than the start of a line.
fn isIdle(connection: Connection) bool {
    var byte: [1]u8 = undefined;
    return if (connection.recv(&byte, 0)) |_| false else |err| err == error.Timeout;
}

/// Sends the last line, which the client may no longer take.
fn end(connection: Connection, line: []const u8) bool {
    connection.send(line, .{}) catch {};
    return false;
}
