//! Request heads: what RFC 9112 says about them, and where it leaves a choice between tolerating
//! and refusing, the latter. Two readers that tolerate differently are how requests are smuggled.

const std = @import("std");
const ascii = std.ascii;
const mem = std.mem;

/// The largest head in bytes, which is the host's own default (`--head-limit`).
pub const bytes_max = 16 * 1024;
/// The most header lines of a request.
pub const lines_max = 100;
/// The longest request target in bytes.
pub const target_bytes_max = 8000;

pub const Head = struct {
    /// As it was sent: methods are case-sensitive, and a client may send any word.
    method: []const u8,
    /// As it was sent, which is UTF-8: path and query, or a whole URL, or `*`.
    target: []const u8,
    is_1_0: bool,
    /// The header lines, each with its end.
    lines: []const u8 = "",
    /// The length of the body; null where it is chunked.
    content_length: ?u64 = 0,
    keep_alive: bool = false,
    /// The client waits for `100 Continue` before it sends the body.
    expects_continue: bool = false,

    /// Parses the head that `bytes` consist of, to the last byte.
    pub fn parse(bytes: []const u8) !Head {
        var rest = bytes;
        // Empty lines in front of a request are ignored (RFC 9112 section 2.2).
        while (mem.startsWith(u8, rest, "\r\n")) rest = rest[2..];
        const line_end = mem.indexOf(u8, rest, "\r\n") orelse return error.BadRequestLine;
        var head = try parseRequestLine(rest[0..line_end]);
        if (!mem.endsWith(u8, rest, "\r\n\r\n")) return error.BareLineFeed;
        head.lines = rest[line_end + 2 .. rest.len - 2];
        try head.applyLines();
        if (mem.eql(u8, head.method, "CONNECT")) return error.TunnelNotImplemented;
        return head;
    }

    /// Returns the value of the first header line `name`, in letters of any case.
    pub fn header(head: Head, name: []const u8) ?[]const u8 {
        var lines = head.iterator();
        while (lines.next()) |line| {
            if (ascii.eqlIgnoreCase(line.name, name)) return line.value;
        }
        return null;
    }

    /// Returns all header lines, in order.
    pub fn iterator(head: Head) Iterator {
        return .{ .lines = mem.splitSequence(u8, head.lines, "\r\n") };
    }

    pub const Iterator = struct {
        lines: mem.SplitIterator(u8, .sequence),

        pub fn next(iterator_: *Iterator) ?std.http.Header {
            return parseLine(iterator_.lines.next() orelse return null) catch null;
        }
    };

    /// What the header lines say about the message as a whole.
    fn applyLines(head: *Head) !void {
        var host: ?[]const u8 = null;
        var length: ?u64 = null;
        var is_chunked = false;
        var close = false;
        var keep_alive = false;
        var count: usize = 0;
        var rest = head.lines;
        while (rest.len > 0) : (count += 1) {
            if (count == lines_max) return error.TooManyHeaderLines;
            const end = mem.indexOf(u8, rest, "\r\n") orelse return error.BareLineFeed;
            const line = try parseLine(rest[0..end]);
            rest = rest[end + 2 ..];
            if (ascii.eqlIgnoreCase(line.name, "host")) {
                if (host != null or !isHost(line.value)) return error.BadHost;
                host = line.value;
            } else if (ascii.eqlIgnoreCase(line.name, "content-length")) {
                if (length != null) return error.BadContentLength;
                length = try decimal(line.value);
            } else if (ascii.eqlIgnoreCase(line.name, "transfer-encoding")) {
                if (head.is_1_0 or is_chunked) return error.BadTransferEncoding;
                try checkTransferEncoding(line.value);
                is_chunked = true;
            } else if (ascii.eqlIgnoreCase(line.name, "expect")) {
                var options = list(line.value);
                while (options.next()) |option| {
                    if (blankless(option).len == 0) continue;
                    if (!is(option, "100-continue")) return error.ExpectationFailed;
                    head.expects_continue = true;
                }
            } else if (ascii.eqlIgnoreCase(line.name, "connection")) {
                var options = list(line.value);
                while (options.next()) |option| {
                    // A proxy would remove these lines: the body would end elsewhere behind it.
                    if (is(option, "content-length") or is(option, "transfer-encoding"))
                        return error.BadConnection;
                    close = close or is(option, "close");
                    keep_alive = keep_alive or is(option, "keep-alive");
                }
            }
        }
        if (host == null and !head.is_1_0) return error.BadHost;
        if (is_chunked and length != null) return error.LengthOfChunks;
        head.content_length = if (is_chunked) null else length orelse 0;
        head.keep_alive = !close and (!head.is_1_0 or keep_alive);
        if (head.is_1_0 or head.content_length == 0) head.expects_continue = false;
    }
};

/// Returns the method of what may be no request otherwise: an answer to HEAD has no body, whatever
/// it says.
pub fn methodOf(bytes: []const u8) []const u8 {
    const start = mem.trimStart(u8, bytes, "\r\n");
    return start[0 .. mem.indexOfScalar(u8, start, ' ') orelse 0];
}

/// Says what is wrong with a head that is larger than `bytes_max` and begins with `bytes`.
pub fn tooLarge(bytes: []const u8) error{ TargetTooLong, HeadTooLarge } {
    const start = mem.trimStart(u8, bytes, "\r\n");
    const line = start[0 .. mem.indexOfAny(u8, start, "\r\n") orelse start.len];
    var words = mem.splitScalar(u8, line, ' ');
    _ = words.next();
    const target = words.next() orelse "";
    return if (target.len > target_bytes_max) error.TargetTooLong else error.HeadTooLarge;
}

fn parseRequestLine(line: []const u8) !Head {
    var words = mem.splitScalar(u8, line, ' ');
    const method = words.next() orelse "";
    const target = words.next() orelse "";
    const version = words.next() orelse "";
    if (words.next() != null or !isToken(method) or target.len == 0) return error.BadRequestLine;
    for (target) |byte| {
        if (byte <= ' ' or byte == 0x7f) return error.BadRequestLine;
    }
    if (version.len != 8 or !mem.startsWith(u8, version, "HTTP/") or version[6] != '.')
        return error.BadRequestLine;
    if (!ascii.isDigit(version[5]) or !ascii.isDigit(version[7])) return error.BadRequestLine;
    if (version[5] != '1' or version[7] > '1') return error.VersionNotSupported;
    if (target.len > target_bytes_max) return error.TargetTooLong;
    if (!isTarget(method, target)) return error.BadTarget;
    return .{ .method = method, .target = target, .is_1_0 = version[7] == '0' };
}

/// Parses a header line or a trailer: no blank before the colon, no fold, no control.
pub fn parseLine(line: []const u8) !std.http.Header {
    const name, const value = mem.cutScalar(u8, line, ':') orelse return error.BadHeaderLine;
    if (!isToken(name) or !isText(value)) return error.BadHeaderLine;
    return .{ .name = name, .value = blankless(value) };
}

/// Takes digits and nothing else: no sign, no list, no underscore.
fn decimal(value: []const u8) !u64 {
    var number: u64 = 0;
    if (value.len == 0) return error.BadContentLength;
    for (value) |byte| {
        if (!ascii.isDigit(byte)) return error.BadContentLength;
        number = std.math.mul(u64, number, 10) catch return error.BadContentLength;
        number = std.math.add(u64, number, byte - '0') catch return error.BadContentLength;
    }
    return number;
}

/// Takes `chunked` alone, which has to come last and once; no other coding is implemented.
fn checkTransferEncoding(value: []const u8) !void {
    if (is(value, "chunked")) return;
    var codings = list(value);
    while (codings.next()) |coding| {
        // What follows chunked, and what is empty, is read differently by different readers.
        const is_last = codings.peek() == null;
        if (blankless(coding).len == 0 or is(coding, "chunked") and !is_last)
            return error.BadTransferEncoding;
    }
    return error.CodingNotImplemented;
}

/// Says whether a target has a form that goes with the method (RFC 9112 section 3.2).
fn isTarget(method: []const u8, target: []const u8) bool {
    if (mem.indexOfScalar(u8, target, '#') != null or !std.unicode.utf8ValidateSlice(target))
        return false;
    if (mem.eql(u8, method, "CONNECT"))
        return isHost(target) and hostName(target).len > 0 and port(target).len > 0;
    if (target[0] == '/') return true;
    if (mem.eql(u8, target, "*")) return mem.eql(u8, method, "OPTIONS");
    const authority, _ = split(target) orelse return false;
    return isHost(authority) and hostName(authority).len > 0;
}

/// Splits a target that is a whole URL into its authority and what follows that.
pub fn split(target: []const u8) ?struct { []const u8, []const u8 } {
    inline for (.{ "http://", "https://" }) |scheme| {
        if (ascii.startsWithIgnoreCase(target, scheme)) {
            const rest = target[scheme.len..];
            const end = mem.indexOfAny(u8, rest, "/?") orelse rest.len;
            return .{ rest[0..end], rest[end..] };
        }
    }
    return null;
}

/// Says whether `value` is what a Host line consists of: perhaps a name or address, and perhaps a
/// port. A comma is none of it, because it is how two lines are joined.
fn isHost(value: []const u8) bool {
    const name = hostName(value);
    for (port(value)) |byte| {
        if (!ascii.isDigit(byte)) return false;
    }
    if (name.len > 0 and name[0] == '[') return isAddress(name);
    var rest = name;
    while (rest.len > 0) {
        if (rest[0] == '%') {
            if (rest.len < 3 or !ascii.isHex(rest[1]) or !ascii.isHex(rest[2])) return false;
            rest = rest[3..];
        } else {
            if (!isUnescaped(rest[0])) return false;
            rest = rest[1..];
        }
    }
    return true;
}

/// Returns what is in front of the port; the brackets around an address belong to it.
fn hostName(value: []const u8) []const u8 {
    const is_address = mem.startsWith(u8, value, "[");
    const from = if (is_address) mem.indexOfScalar(u8, value, ']') orelse 0 else 0;
    return value[0 .. mem.indexOfScalarPos(u8, value, from, ':') orelse value.len];
}

fn port(value: []const u8) []const u8 {
    return value[@min(value.len, hostName(value).len + 1)..];
}

/// Says whether there is an IPv6 address in brackets, or one of a version to come.
fn isAddress(name: []const u8) bool {
    if (name.len < 4 or name[name.len - 1] != ']') return false;
    const address = name[1 .. name.len - 1];
    if (ascii.toLower(address[0]) == 'v') {
        const version, const rest = mem.cutScalar(u8, address[1..], '.') orelse return false;
        for (version) |byte| if (!ascii.isHex(byte)) return false;
        for (rest) |byte| if (byte != ':' and !isUnescaped(byte)) return false;
        return version.len > 0 and rest.len > 0;
    }
    // The parser of the standard library takes few of those that end in an IPv4 address.
    const gap = mem.indexOf(u8, address, "::") orelse return countGroups(address, true) == 8;
    const front = countGroups(address[0..gap], false) orelse return false;
    const back = countGroups(address[gap + 2 ..], true) orelse return false;
    return front + back < 8;
}

/// Counts the groups of a part of an IPv6 address, of which an IPv4 address at its end is two.
fn countGroups(part: []const u8, is_end: bool) ?usize {
    if (part.len == 0) return 0;
    var count: usize = 0;
    var groups = mem.splitScalar(u8, part, ':');
    while (groups.next()) |group| : (count += 1) {
        if (is_end and groups.peek() == null and mem.indexOfScalar(u8, group, '.') != null) {
            _ = std.Io.net.Ip4Address.parse(group, 0) catch return null;
            return count + 2;
        }
        if (group.len < 1 or group.len > 4) return null;
        for (group) |byte| if (!ascii.isHex(byte)) return null;
    }
    return count;
}

/// The characters that mean themselves in the name of a host (RFC 3986), without the comma.
fn isUnescaped(byte: u8) bool {
    return ascii.isAlphanumeric(byte) or mem.indexOfScalar(u8, "-._~!$&'()*+;=", byte) != null;
}

pub fn isToken(word: []const u8) bool {
    for (word) |byte| if (!isTokenByte(byte)) return false;
    return word.len > 0;
}

/// Says whether a name or a method may have this character (RFC 9110 section 5.6.2).
pub fn isTokenByte(byte: u8) bool {
    return ascii.isAlphanumeric(byte) or mem.indexOfScalar(u8, "!#$%&'*+-.^_`|~", byte) != null;
}

/// Says whether a value may have this character: any but a control (RFC 9110 section 5.5).
pub fn isTextByte(byte: u8) bool {
    return byte == '\t' or byte >= ' ' and byte != 0x7f;
}

pub fn isText(value: []const u8) bool {
    for (value) |byte| if (!isTextByte(byte)) return false;
    return true;
}

fn list(value: []const u8) mem.SplitIterator(u8, .scalar) {
    return mem.splitScalar(u8, value, ',');
}

fn blankless(value: []const u8) []const u8 {
    return mem.trim(u8, value, " \t");
}

fn is(option: []const u8, name: []const u8) bool {
    return ascii.eqlIgnoreCase(blankless(option), name);
}
