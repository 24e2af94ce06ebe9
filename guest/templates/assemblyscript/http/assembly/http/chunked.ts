// The chunked transfer coding of a request body (RFC 9112 section 7.1).
//
// The host gives bytes once and takes none back, so no more may be received than belongs to the
// body: `needed` says how many bytes are certain to.

import {
  BACKSLASH, COLON, EQUALS, hexDigit, isBlank, isTextByte, isTokenByte, LINE_FEED, QUOTE, RETURN,
  SEMICOLON,
} from "./text";

/** The most digits of a size, all of which fit into 64 bits. */
const DIGITS_MAX = 16;
/** The most bytes of all extensions of a body, and of all trailers. */
const EXTENSION_BYTES_MAX = 16 * 1024;
const TRAILER_BYTES_MAX = 4096;

enum State {
  Size,
  // An extension is `;name`, `;name=value` or `;name="quoted"`. They are dropped, but not whatever
  // they are: a reader that knows quotations may find another end of the line.
  Blank,
  Semicolon,
  Name,
  NameBlank,
  Equals,
  Value,
  Quoted,
  Backslash,
  Unquoted,
  SizeLf,
  Data,
  DataCr,
  DataLf,
  Trailer,
  TrailerName,
  TrailerValue,
  TrailerLf,
  EndLf,
  Done,
  Bad,
}

export class Decoder {
  private state: State = State.Size;
  /** What is left of the chunk, or its size as far as it is known. */
  private size: u64 = 0;
  /** How many digits of this size, or bytes of trailers, there were. */
  private count: i32 = 0;
  private extensionBytes: i32 = 0;

  get isBad(): bool {
    return this.state == State.Bad;
  }

  /** How many more bytes the body has at least, or a part of them; 0 only where it has ended. */
  get needed(): u64 {
    // A chunk is followed by CR LF, and at least `0 CR LF CR LF`.
    const afterSize: u64 = this.size == 0 ? 2 : min<u64>(this.size, u32.MAX_VALUE) + 7;
    switch (this.state) {
      case State.Size: return this.count == 0 ? 5 : afterSize + 2;
      case State.Name:
      case State.Value:
      case State.Unquoted: return afterSize + 2;
      case State.Semicolon:
      case State.Equals:
      case State.Quoted: return afterSize + 3;
      case State.Blank:
      case State.NameBlank:
      case State.Backslash: return afterSize + 4;
      case State.SizeLf: return afterSize + 1;
      case State.Data: return afterSize;
      case State.DataCr: return 7;
      case State.DataLf: return 6;
      case State.Trailer: return 2;
      case State.TrailerName: return 5;
      case State.TrailerValue: return 4;
      case State.TrailerLf: return 3;
      case State.EndLf: return 1;
      default: return 0;
    }
  }

  /** Takes what was received, moves the data in it to its beginning, and returns its length. */
  decode(bytes: Uint8Array): i32 {
    let length = 0;
    let at = 0;
    while (at < bytes.length && this.state != State.Bad) {
      if (this.state != State.Data) {
        this.state = this.step(bytes[at++]);
        continue;
      }
      const piece = <i32>min<u64>(this.size, bytes.length - at);
      bytes.copyWithin(length, at, at + piece);
      length += piece;
      at += piece;
      this.size -= piece;
      if (this.size == 0) this.state = State.DataCr;
    }
    return length;
  }

  /** Takes one byte that is not data. */
  private step(byte: u8): State {
    switch (this.state) {
      case State.Size: {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          this.size = (this.size << 4) | <u64>digit;
          return this.counted(DIGITS_MAX, State.Size);
        }
        if (this.count == 0) return State.Bad;
        return byte == RETURN ? State.SizeLf : this.extension(State.Blank, byte);
      }
      case State.Name:
      case State.Value:
      case State.Unquoted:
        return byte == RETURN ? State.SizeLf : this.extension(this.state, byte);
      case State.SizeLf:
        if (byte != LINE_FEED) return State.Bad;
        this.count = 0;
        return this.size == 0 ? State.Trailer : State.Data;
      case State.DataCr: return byte == RETURN ? State.DataLf : State.Bad;
      case State.DataLf: return byte == LINE_FEED ? State.Size : State.Bad;
      case State.Trailer:
        if (byte == RETURN) return State.EndLf;
        return isTokenByte(byte) ? this.trailer(State.TrailerName) : State.Bad;
      case State.TrailerName:
        if (byte == COLON) return State.TrailerValue;
        return isTokenByte(byte) ? this.trailer(State.TrailerName) : State.Bad;
      case State.TrailerValue:
        if (byte == RETURN) return State.TrailerLf;
        return isTextByte(byte) ? this.trailer(State.TrailerValue) : State.Bad;
      case State.TrailerLf: return byte == LINE_FEED ? State.Trailer : State.Bad;
      case State.EndLf: return byte == LINE_FEED ? State.Done : State.Bad;
      default: return this.extension(this.state, byte);
    }
  }

  private trailer(state: State): State {
    return this.counted(TRAILER_BYTES_MAX, state);
  }

  private counted(max: i32, state: State): State {
    return ++this.count > max ? State.Bad : state;
  }

  /** Takes one byte of an extension that is in `state`. */
  private extension(state: State, byte: u8): State {
    if (++this.extensionBytes > EXTENSION_BYTES_MAX) return State.Bad;
    switch (state) {
      case State.Quoted:
        if (byte == QUOTE) return State.Unquoted;
        if (byte == BACKSLASH) return State.Backslash;
        return isTextByte(byte) ? State.Quoted : State.Bad;
      case State.Backslash: return isTextByte(byte) ? State.Quoted : State.Bad;
      case State.Semicolon:
        if (isBlank(byte)) return State.Semicolon;
        return isTokenByte(byte) ? State.Name : State.Bad;
      case State.Equals:
        if (isBlank(byte)) return State.Equals;
        if (byte == QUOTE) return State.Quoted;
        return isTokenByte(byte) ? State.Value : State.Bad;
      case State.Name:
      case State.NameBlank:
        if (byte == EQUALS) return State.Equals;
        if (byte == SEMICOLON) return State.Semicolon;
        if (isBlank(byte)) return State.NameBlank;
        return state == State.Name && isTokenByte(byte) ? State.Name : State.Bad;
      case State.Value:
      case State.Unquoted:
      case State.Blank:
        if (byte == SEMICOLON) return State.Semicolon;
        if (isBlank(byte)) return State.Blank;
        return state == State.Value && isTokenByte(byte) ? State.Value : State.Bad;
      default: return State.Bad;
    }
  }
}
