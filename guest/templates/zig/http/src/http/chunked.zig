//! The chunked transfer coding of a request body (RFC 9112 section 7.1).
//!
//! The host gives bytes once and takes none back, so no more may be received than belongs to the
//! body: `needed` says how many bytes are certain to.

const std = @import("std");
const head = @import("head.zig");

/// The most digits of a size, all of which fit into 64 bits.
const digits_max = 16;
/// The most bytes of all extensions of a body, and of all trailers.
const extension_bytes_max = 16 * 1024;
const trailer_bytes_max = 4096;

pub const Decoder = struct {
    state: State = .size,
    /// What is left of the chunk, or its size as far as it is known.
    size: u64 = 0,
    /// How many digits of this size, or bytes of trailers, there were.
    count: u16 = 0,
    extension_bytes: u16 = 0,

    const State = enum {
        size,
        // An extension is `;name`, `;name=value` or `;name="quoted"`. They are dropped, but not
        // whatever they are: a reader that knows quotations may find another end of the line.
        blank,
        semicolon,
        name,
        name_blank,
        equals,
        value,
        quoted,
        backslash,
        unquoted,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer,
        trailer_name,
        trailer_value,
        trailer_lf,
        end_lf,
        done,
    };

    /// Returns how many more bytes the body has at least; 0 only where it has ended.
    pub fn needed(decoder: Decoder) u64 {
        // A chunk is followed by CR LF, and at least `0 CR LF CR LF`.
        const after_size: u64 = if (decoder.size == 0) 2 else decoder.size +| 7;
        return switch (decoder.state) {
            .size => if (decoder.count == 0) 5 else after_size +| 2,
            .name, .value, .unquoted => after_size +| 2,
            .semicolon, .equals, .quoted => after_size +| 3,
            .blank, .name_blank, .backslash => after_size +| 4,
            .size_lf => after_size +| 1,
            .data => after_size,
            .data_cr => 7,
            .data_lf => 6,
            .trailer => 2,
            .trailer_name => 5,
            .trailer_value => 4,
            .trailer_lf => 3,
            .end_lf => 1,
            .done => 0,
        };
    }

    /// Takes what was received, moves the data in it to its beginning, and returns that.
    pub fn decode(decoder: *Decoder, bytes: []u8) error{BadChunk}![]u8 {
        var length: usize = 0;
        var at: usize = 0;
        while (at < bytes.len) {
            if (decoder.state != .data) {
                decoder.state = try decoder.step(bytes[at]);
                at += 1;
                continue;
            }
            const piece = bytes[at..][0..@intCast(@min(decoder.size, bytes.len - at))];
            @memmove(bytes[length..][0..piece.len], piece);
            length += piece.len;
            at += piece.len;
            decoder.size -= piece.len;
            if (decoder.size == 0) decoder.state = .data_cr;
        }
        return bytes[0..length];
    }

    /// Takes one byte that is not data.
    fn step(decoder: *Decoder, byte: u8) error{BadChunk}!State {
        switch (decoder.state) {
            .size => {
                if (std.fmt.charToDigit(byte, 16)) |digit| {
                    decoder.size = decoder.size << 4 | digit;
                    return decoder.counted(digits_max, .size);
                } else |_| {}
                if (decoder.count == 0) return error.BadChunk;
                return if (byte == '\r') .size_lf else decoder.extension(.blank, byte);
            },
            .name, .value, .unquoted => |state| {
                return if (byte == '\r') .size_lf else decoder.extension(state, byte);
            },
            .blank, .semicolon, .name_blank, .equals, .quoted, .backslash => |state| {
                return decoder.extension(state, byte);
            },
            .size_lf => if (byte == '\n') {
                decoder.count = 0;
                return if (decoder.size == 0) .trailer else .data;
            },
            .data_cr => if (byte == '\r') return .data_lf,
            .data_lf => if (byte == '\n') return .size,
            .trailer => {
                if (byte == '\r') return .end_lf;
                if (head.isTokenByte(byte)) return decoder.trailer(.trailer_name);
            },
            .trailer_name => {
                if (byte == ':') return .trailer_value;
                if (head.isTokenByte(byte)) return decoder.trailer(.trailer_name);
            },
            .trailer_value => {
                if (byte == '\r') return .trailer_lf;
                if (head.isTextByte(byte)) return decoder.trailer(.trailer_value);
            },
            .trailer_lf => if (byte == '\n') return .trailer,
            .end_lf => if (byte == '\n') return .done,
            .data, .done => {},
        }
        return error.BadChunk;
    }

    fn trailer(decoder: *Decoder, state: State) error{BadChunk}!State {
        return decoder.counted(trailer_bytes_max, state);
    }

    fn counted(decoder: *Decoder, max: u16, state: State) error{BadChunk}!State {
        if (decoder.count == max) return error.BadChunk;
        decoder.count += 1;
        return state;
    }

    /// Takes one byte of an extension that is in `state`.
    fn extension(decoder: *Decoder, state: State, byte: u8) error{BadChunk}!State {
        if (decoder.extension_bytes == extension_bytes_max) return error.BadChunk;
        decoder.extension_bytes += 1;
        const is_blank = byte == ' ' or byte == '\t';
        switch (state) {
            .quoted => {
                if (byte == '"') return .unquoted;
                if (byte == '\\') return .backslash;
                if (head.isTextByte(byte)) return .quoted;
            },
            .backslash => if (head.isTextByte(byte)) return .quoted,
            .semicolon => {
                if (is_blank) return .semicolon;
                if (head.isTokenByte(byte)) return .name;
            },
            .equals => {
                if (is_blank) return .equals;
                if (byte == '"') return .quoted;
                if (head.isTokenByte(byte)) return .value;
            },
            .name, .name_blank => {
                if (byte == '=') return .equals;
                if (byte == ';') return .semicolon;
                if (is_blank) return .name_blank;
                if (state == .name and head.isTokenByte(byte)) return .name;
            },
            .value, .unquoted, .blank => {
                if (byte == ';') return .semicolon;
                if (is_blank) return .blank;
                if (state == .value and head.isTokenByte(byte)) return .value;
            },
            else => {},
        }
        return error.BadChunk;
    }
};
