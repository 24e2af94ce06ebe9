//! The canonical ABI of `sockeye:net@0.1.0`: the host's functions, and how their results are laid
//! out in memory.
//!
//! A timeout is an `option`, two parameters: whether there is one, and its nanoseconds. What
//! returns more than a number writes it to the area that is its last parameter.

const std = @import("std");
const sockeye = @import("../sockeye.zig");
const Error = sockeye.Error;

pub const recv = method("recv", fn (i32, usize, bool, u64, *Result(List)) callconv(.c) void);
pub const recvUntil = method(
    "recv-until",
    fn (i32, [*]const u8, usize, usize, bool, u64, *Result(List)) callconv(.c) void,
);
pub const send = method(
    "send",
    fn (i32, [*]const u8, usize, bool, bool, u64, *Sent(void)) callconv(.c) void,
);
pub const sendWithFile = method(
    "send-with-file",
    fn (i32, [*]const u8, usize, i32, u64, u64, bool, u64, *Sent(u64)) callconv(.c) void,
);
pub const next = method("next", fn (i32) callconv(.c) bool);
pub const nextUntil = method(
    "next-until",
    fn (i32, [*]const u8, usize, usize, bool, u64, *Result(Option(List))) callconv(.c) void,
);
pub const closing = method("closing", fn (i32) callconv(.c) bool);
pub const shutdown = method("shutdown", fn (i32, i32, *Result(void)) callconv(.c) void);
pub const drop = import("connections", "[resource-drop]connection", fn (i32) callconv(.c) void);

pub const open = import(
    "files",
    "[static]file.open",
    fn ([*]const u8, usize, *Result(i32)) callconv(.c) void,
);
pub const stat = import(
    "files",
    "[method]file.stat",
    fn (i32, *Result(sockeye.File.Stat)) callconv(.c) void,
);
pub const read = import(
    "files",
    "[method]file.read",
    fn (i32, u64, usize, *Result(List)) callconv(.c) void,
);
pub const dropFile = import("files", "[resource-drop]file", fn (i32) callconv(.c) void);

fn method(comptime name: []const u8, comptime Function: type) *const Function {
    return import("connections", "[method]connection." ++ name, Function);
}

fn import(
    comptime interface: []const u8,
    comptime name: []const u8,
    comptime Function: type,
) *const Function {
    const library_name = "sockeye:net/" ++ interface ++ "@0.1.0";
    return @extern(*const Function, .{ .name = name, .library_name = library_name });
}

/// A `list<u8>`.
pub const List = extern struct {
    ptr: [*]u8,
    len: usize,

    pub fn slice(list: List) []u8 {
        return list.ptr[0..list.len];
    }
};

/// An `option`.
pub fn Option(comptime Value: type) type {
    return extern struct { is_some: bool, value: Value };
}

/// An `error-code`: the number of its case, and the text that the last of them has.
const ErrorCode = extern struct {
    case: u8,
    text: Option(List),

    /// In the order of errors.wit.
    const errors = [_]Error{
        error.Timeout,           error.ConnectionReset, error.ConnectionBroken,
        error.ConnectionAborted, error.InvalidState,    error.InvalidArgument,
        error.NotSupported,      error.AccessDenied,    error.NotFound,
        error.IsDirectory,       error.NotRegularFile,  error.NameTooLong,
        error.TooLarge,          error.TooManyFiles,    error.InsufficientResources,
        error.InputOutput,
    };

    fn get(code: ErrorCode) Error {
        return if (code.case < errors.len) errors[code.case] else error.Other;
    }
};

/// A `result<Value, error-code>`.
pub fn Result(comptime Value: type) type {
    return extern struct {
        is_error: bool,
        payload: extern union { value: Payload(Value), code: ErrorCode },

        pub fn get(result: *const @This()) Error!Value {
            // The next call may have no list, but an error's text, which must not go there.
            landing = &.{};
            if (result.is_error) return result.payload.code.get();
            if (Value != void) return result.payload.value;
        }
    };
}

/// A `result<Value, send-error>`.
pub fn Sent(comptime Value: type) type {
    return extern struct {
        is_error: bool,
        payload: extern union {
            value: Payload(Value),
            failure: extern struct { code: ErrorCode, sent: u64 },
        },

        pub fn get(result: *const @This(), sent: ?*u64) Error!Value {
            if (result.is_error) {
                if (sent) |count| count.* = result.payload.failure.sent;
                return result.payload.failure.code.get();
            }
            if (Value != void) return result.payload.value;
        }
    };
}

fn Payload(comptime Value: type) type {
    return if (Value == void) u8 else Value;
}

comptime {
    std.debug.assert(@sizeOf(Result(List)) == 20);
    std.debug.assert(@sizeOf(Result(Option(List))) == 20);
    std.debug.assert(@sizeOf(Sent(void)) == 32);
    std.debug.assert(@sizeOf(Result(sockeye.File.Stat)) == 40);
}

/// Where the list goes that the running call returns; nowhere while none runs that returns one.
var landing: []u8 = &.{};

/// Room for the text of an error, which nobody reads.
var text: [1024]u8 = undefined;

/// Makes `buffer` the place for the next call's list, and returns its size.
pub fn land(buffer: []u8) usize {
    landing = buffer;
    return buffer.len;
}

/// Called by the host for what a call returns, and once by the adapter for WASI, where there is
/// one, for memory of its own.
export fn cabi_realloc(old: ?[*]u8, _: usize, alignment: usize, size: usize) [*]u8 {
    if (alignment == 1 and old == null) {
        if (size <= landing.len) return landing.ptr;
        if (size <= text.len) return &text;
    }
    const page = 64 * 1024;
    const first = @wasmMemoryGrow(0, (size + page - 1) / page);
    if (old != null or first < 0) @trap();
    return @ptrFromInt(@as(usize, @intCast(first)) * page);
}
