// Bytes and text: UTF-8 for people, Latin-1 (a character for a byte) for what HTTP is parsed as.

/** Returns a character for each of `bytes`. */
export function latin1(bytes) {
    // By way of Base64, which engines have natively: fifty times as fast as a loop in QuickJS.
    return atob(bytes.toBase64());
}

/** Returns a byte for each character of `text`, none of which is above U+00FF. */
export function fromLatin1(text) {
    return Uint8Array.fromBase64(btoa(text));
}

/** Returns `text` as UTF-8; half a surrogate pair becomes U+FFFD. */
export function encode(text) {
    return fromLatin1(isAscii(text) ? text : unescape(encodeURIComponent(text.toWellFormed())));
}

/** Returns what `bytes` are as UTF-8; what is none becomes U+FFFD. */
export function decode(bytes) {
    const text = latin1(bytes);
    return strict(text) ?? lenient(bytes);
}

/** Returns what the bytes in `text` are as UTF-8, or undefined where they are none. */
export function strict(text) {
    if (isAscii(text)) {
        return text;
    }
    try {
        return decodeURIComponent(escape(text));
    } catch {
        return undefined;
    }
}

/** Returns the bytes that a caller gave: a string stands for its UTF-8. */
export function toBytes(data) {
    if (data instanceof Uint8Array) {
        return data;
    }
    if (typeof data === "string") {
        return encode(data);
    }
    if (data instanceof ArrayBuffer) {
        return new Uint8Array(data);
    }
    if (ArrayBuffer.isView(data)) {
        return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
    throw new TypeError("bytes are a string, a Uint8Array or an ArrayBuffer");
}

/** Returns all `pieces` in one array. */
export function concat(pieces) {
    if (pieces.length === 1) {
        return pieces[0];
    }
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const whole = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
        whole.set(piece, at);
        at += piece.length;
    }
    return whole;
}

/** Returns `first` and all `pieces` behind it in one array, without keeping a piece meanwhile. */
export function append(first, pieces) {
    let whole = first;
    let length = first.length;
    for (const piece of pieces) {
        // An array for each of many small pieces would take a hundred times their bytes.
        if (whole.length < length + piece.length) {
            const larger = new Uint8Array(Math.max(2 * length, length + piece.length));
            larger.set(whole);
            whole = larger;
        }
        whole.set(piece, length);
        length += piece.length;
    }
    return whole.length === length ? whole : whole.slice(0, length);
}

function isAscii(text) {
    return !/[^\x00-\x7f]/.test(text);
}

/** What follows the first byte of a longer character: how many bytes, the range of the second. */
function following(first) {
    if (first >= 0xc2 && first <= 0xdf) return [1, 0x80, 0xbf];
    if (first === 0xe0) return [2, 0xa0, 0xbf];
    if (first === 0xed) return [2, 0x80, 0x9f];
    if (first >= 0xe1 && first <= 0xef) return [2, 0x80, 0xbf];
    if (first === 0xf0) return [3, 0x90, 0xbf];
    if (first >= 0xf1 && first <= 0xf3) return [3, 0x80, 0xbf];
    if (first === 0xf4) return [3, 0x80, 0x8f];
    return undefined;
}

const FOLLOWING = Array.from({ length: 256 }, (_, first) => following(first));

/** How many units of UTF-16 are made a text at once: they pass over the stack. */
const UNITS_MAX = 1024;

/** Replaces every longest beginning of a character that is not one (Unicode, section 3.9). */
function lenient(bytes) {
    let text = "";
    // Gathered, because a text that grows by each character takes several times as long.
    const units = new Uint16Array(UNITS_MAX);
    let length = 0;
    for (let at = 0; at < bytes.length; ) {
        if (length > UNITS_MAX - 2) {
            text += String.fromCharCode.apply(null, units.subarray(0, length));
            length = 0;
        }
        const first = bytes[at];
        at += 1;
        const begins = FOLLOWING[first];
        if (begins === undefined) {
            units[length] = first < 0x80 ? first : 0xfffd;
            length += 1;
            continue;
        }
        let [count, low, high] = begins;
        let point = first & (0x3f >> count);
        for (; count > 0; count -= 1) {
            if (!(bytes[at] >= low && bytes[at] <= high)) {
                point = -1;
                break;
            }
            point = (point << 6) | (bytes[at] & 0x3f);
            at += 1;
            [low, high] = [0x80, 0xbf];
        }
        if (point > 0xffff) {
            units[length] = 0xd7c0 + (point >> 10);
            units[length + 1] = 0xdc00 | (point & 0x3ff);
            length += 2;
        } else {
            units[length] = point < 0 ? 0xfffd : point;
            length += 1;
        }
    }
    return text + String.fromCharCode.apply(null, units.subarray(0, length));
}

/** The encoder of the Encoding Standard, where the engine has none. */
export class TextEncoder {
    get encoding() {
        return "utf-8";
    }

    encode(text = "") {
        return encode(String(text));
    }
}

/** The decoder of the Encoding Standard for UTF-8, of whole texts only. */
export class TextDecoder {
    #fatal;

    constructor(label = "utf-8", { fatal = false } = {}) {
        if (!/^utf-?8$/i.test(label)) {
            throw new RangeError(`no encoding but utf-8 is known: \`${label}\``);
        }
        this.#fatal = fatal;
    }

    get encoding() {
        return "utf-8";
    }

    decode(data = new Uint8Array(0), { stream = false } = {}) {
        if (stream) {
            throw new TypeError("this decoder takes whole texts only");
        }
        const bytes = toBytes(data);
        const text = this.#fatal ? strict(latin1(bytes)) : decode(bytes);
        if (text === undefined) {
            throw new TypeError("the bytes are no UTF-8");
        }
        return text.startsWith("\ufeff") ? text.slice(1) : text;
    }
}
