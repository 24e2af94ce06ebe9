// Bytes of requests: what characters they are, and the texts that they make.

export const TAB: u8 = 9;
export const LINE_FEED: u8 = 10;
export const RETURN: u8 = 13;
export const SPACE: u8 = 32;
export const QUOTE: u8 = 34;
export const HASH: u8 = 35;
export const PERCENT: u8 = 37;
export const COMMA: u8 = 44;
export const DOT: u8 = 46;
export const SLASH: u8 = 47;
export const ZERO: u8 = 48;
export const COLON: u8 = 58;
export const SEMICOLON: u8 = 59;
export const EQUALS: u8 = 61;
export const QUESTION: u8 = 63;
export const BRACKET: u8 = 91;
export const BACKSLASH: u8 = 92;
export const BRACKET_END: u8 = 93;
const DELETE: u8 = 127;

/** The characters of a name or a method (RFC 9110 section 5.6.2). */
const TOKEN = alphanumericOr("!#$%&'*+-.^_`|~");
/** The characters that mean themselves in the name of a host (RFC 3986), without the comma, which
 * is how two lines are joined. */
const HOST = alphanumericOr("-._~!$&'()*+;=");

function alphanumericOr(others: string): StaticArray<bool> {
  const set = new StaticArray<bool>(256);
  const all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + others;
  for (let at = 0; at < all.length; at++) set[all.charCodeAt(at)] = true;
  return set;
}

export function isTokenByte(byte: u8): bool {
  return TOKEN[byte];
}

export function isHostByte(byte: u8): bool {
  return HOST[byte];
}

/** Says whether a value may have this character: any but a control (RFC 9110 section 5.5). */
export function isTextByte(byte: u8): bool {
  return byte == TAB || (byte >= SPACE && byte != DELETE);
}

export function isBlank(byte: u8): bool {
  return byte == SPACE || byte == TAB;
}

export function isDigit(byte: u8): bool {
  return byte >= ZERO && byte <= 57;
}

/** Returns what a hexadecimal digit stands for; -1 where it is none. */
export function hexDigit(byte: u8): i32 {
  if (isDigit(byte)) return byte - ZERO;
  const letter = lower(byte);
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

function lower(byte: u8): u8 {
  return byte >= 65 && byte <= 90 ? byte | 32 : byte;
}

/** A part of the bytes of a request. */
export class Span {
  constructor(readonly bytes: Uint8Array, readonly start: i32, readonly end: i32) {}

  get length(): i32 {
    return this.end - this.start;
  }

  @operator("[]") at(index: i32): u8 {
    return this.bytes[this.start + index];
  }

  /** Returns where `byte` is, from `from` on; -1 where it is not. */
  indexOf(byte: u8, from: i32 = 0): i32 {
    for (let at = this.start + from; at < this.end; at++) {
      if (this.bytes[at] == byte) return at - this.start;
    }
    return -1;
  }

  /** Returns a part of this, to the end where there is no `to`. */
  part(from: i32, to: i32 = -1): Span {
    const end = to < 0 ? this.end : min(this.end, this.start + to);
    return new Span(this.bytes, min(end, this.start + from), end);
  }

  /** Returns this without blanks around it. */
  trim(): Span {
    let start = this.start;
    let end = this.end;
    while (start < end && isBlank(this.bytes[start])) start++;
    while (start < end && isBlank(this.bytes[end - 1])) end--;
    return new Span(this.bytes, start, end);
  }

  /** Returns the parts between each `byte`. */
  split(byte: u8): Span[] {
    const parts: Span[] = [];
    let from = 0;
    while (true) {
      const at = this.indexOf(byte, from);
      if (at < 0) break;
      parts.push(this.part(from, at));
      from = at + 1;
    }
    parts.push(this.part(from));
    return parts;
  }

  /** Compares with a `word` of small letters, whatever the letters here. */
  is(word: string): bool {
    return this.length == word.length && this.startsWith(word);
  }

  /** Compares with a `word` of ASCII, letter for letter. */
  equals(word: string): bool {
    if (this.length != word.length) return false;
    for (let at = 0; at < word.length; at++) {
      if (this[at] != <u8>word.charCodeAt(at)) return false;
    }
    return true;
  }

  startsWith(word: string): bool {
    if (this.length < word.length) return false;
    for (let at = 0; at < word.length; at++) {
      if (lower(this[at]) != <u8>word.charCodeAt(at)) return false;
    }
    return true;
  }

  /** Says whether `isOne` holds for every byte. */
  every(isOne: (byte: u8) => bool): bool {
    for (let at = this.start; at < this.end; at++) {
      if (!isOne(this.bytes[at])) return false;
    }
    return true;
  }

  get isToken(): bool {
    return this.length > 0 && this.every(isTokenByte);
  }

  /** Returns the text, which has to be UTF-8. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.bytes.dataStart + this.start, this.length);
  }

  get isUtf8(): bool {
    let at = 0;
    while (at < this.length) {
      const first = this[at++];
      if (first < 0x80) continue;
      // The second byte has bounds of its own where the text would be longer than it need be, half
      // a surrogate pair, or beyond the last character (RFC 3629).
      let rest = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
      let least: u8 = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
      let most: u8 = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
      if (first < 0xc2 || first > 0xf4 || at + rest > this.length) return false;
      while (rest-- > 0) {
        const byte = this[at++];
        if (byte < least || byte > most) return false;
        least = 0x80;
        most = 0xbf;
      }
    }
    return true;
  }
}

/** Returns what a percent-encoded text stands for; null where that is no text. */
export function percentDecode(text: string): string | null {
  const encoded = Uint8Array.wrap(String.UTF8.encode(text));
  const decoded = new Uint8Array(encoded.length);
  let length = 0;
  for (let at = 0; at < encoded.length; at++) {
    let byte = encoded[at];
    if (byte == PERCENT) {
      if (at + 2 >= encoded.length) return null;
      const high = hexDigit(encoded[at + 1]);
      const low = hexDigit(encoded[at + 2]);
      if (high < 0 || low < 0) return null;
      byte = <u8>(high * 16 + low);
      at += 2;
    }
    decoded[length++] = byte;
  }
  const span = new Span(decoded, 0, length);
  return span.isUtf8 ? span.toString() : null;
}
