// The chunked transfer coding (RFC 9112 section 7.1): a decoder that does no I/O.
//
// The host gives bytes once and takes none back, so a decoder must not be fed with more than the
// body: `needed` says how many bytes are certain to belong to it. In the steady state that is a
// chunk and nearly all of the next one's size line, one `recv` per chunk.

/** The most digits of a size, leading zeros included. */
const SIZE_DIGITS_MAX = 16;

/** The most bytes that the extensions of all chunks together may have, with the blanks around
 * them, and the most that all trailer lines together may have. */
const EXTENSION_BYTES_MAX = 16 * 1024;
const TRAILER_BYTES_MAX = 4096;

/** `0 CR LF CR LF`, the shortest end of a body. */
const END_BYTES = 5;

const NOTHING = new Uint8Array(0);

// What a byte is, as far as framing cares.
const DIGIT = 1;
const TOKEN = 2;
const TEXT = 4;
const BLANK = 8;

const CLASSES = Uint8Array.from({ length: 256 }, (_, byte) => {
    const character = String.fromCharCode(byte);
    const is = (pattern, flag) => (pattern.test(character) ? flag : 0);
    return (
        is(/[0-9A-Fa-f]/, DIGIT) |
        is(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/, TOKEN) |
        is(/[\t\x20-\x7e\x80-\xff]/, TEXT) |
        is(/[\t ]/, BLANK)
    );
});

const CR = 13;
const LF = 10;
const QUOTE = 0x22;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/**
 * The parts of an extension, `*( BWS ";" BWS name [ BWS "=" BWS value ] )`, and how many more bytes
 * there are at least in front of the end of the line. They are dropped, but not whatever they are:
 * a reader that knows quotations goes on behind the end of a line that leaves one open.
 */
const EXTENSION_NEEDED = {
    blank: 2,
    semicolon: 1,
    name: 0,
    nameBlank: 2,
    equals: 1,
    value: 0,
    quoted: 1,
    backslash: 2,
    unquoted: 0,
};

/** Returns what the next byte of an extension is a part of, or undefined where it does not fit. */
function nextInExtension(part, byte) {
    const kind = CLASSES[byte];
    if (part === "quoted" || part === "backslash") {
        if (part === "quoted" && byte === QUOTE) return "unquoted";
        if (part === "quoted" && byte === BACKSLASH) return "backslash";
        return kind & TEXT ? "quoted" : undefined;
    }
    if (kind & TOKEN) {
        if (part === "semicolon" || part === "name") return "name";
        return part === "equals" || part === "value" ? "value" : undefined;
    }
    const isName = part === "name" || part === "nameBlank";
    const isEnd = isName || part === "blank" || part === "value" || part === "unquoted";
    if (byte === QUOTE) return part === "equals" ? "quoted" : undefined;
    if (byte === EQUALS) return isName ? "equals" : undefined;
    if (byte === SEMICOLON) return isEnd ? "semicolon" : undefined;
    if (!(kind & BLANK)) return undefined;
    if (part === "semicolon" || part === "equals") return part;
    return isName ? "nameBlank" : "blank";
}

/** Decodes one chunked body, fed in pieces of any size. */
export class Decoder {
    #state = "size";
    /** What is left of the chunk, or its size as far as it is known. */
    #size = 0;
    /** How many digits of this size or trailer bytes there were. */
    #count = 0;
    #part = "blank";
    #extensionBytes = 0;

    /** Returns how many more bytes the body has at least: zero only when it is done. */
    needed() {
        // What follows the LF of a size line with this size.
        const afterSize = this.#size === 0 ? 2 : this.#size + 2 + END_BYTES;
        switch (this.#state) {
            case "size":
                return this.#count === 0 ? END_BYTES : afterSize + 2;
            case "extension":
                return afterSize + 2 + EXTENSION_NEEDED[this.#part];
            case "sizeLf":
                return afterSize + 1;
            case "data":
                return afterSize;
            case "dataCr":
                return 2 + END_BYTES;
            case "dataLf":
                return 1 + END_BYTES;
            case "trailerStart":
                return 2;
            case "trailerName":
                return 5;
            case "trailerValue":
                return 4;
            case "trailerLf":
                return 3;
            case "endLf":
                return 1;
            default:
                return 0;
        }
    }

    /**
     * Goes on with `input` up to the end of the first data in it: how many bytes are done with, and
     * the data. Undefined where the bytes are no chunked body.
     */
    step(input) {
        let at = 0;
        while (at < input.length && this.#state !== "done") {
            if (this.#state === "data") {
                const end = Math.min(input.length, at + this.#size);
                this.#size -= end - at;
                if (this.#size === 0) {
                    this.#state = "dataCr";
                }
                return { consumed: end, data: input.subarray(at, end) };
            }
            this.#state = this.#frame(input[at]);
            if (this.#state === undefined) {
                return undefined;
            }
            at += 1;
        }
        return { consumed: at, data: NOTHING };
    }

    /** Takes one byte that is not data. */
    #frame(byte) {
        const kind = CLASSES[byte];
        switch (this.#state) {
            case "size":
                if (kind & DIGIT) {
                    // Exact below 2^53, and what is above is more than anybody sends.
                    this.#size = this.#size * 16 + parseInt(String.fromCharCode(byte), 16);
                    return this.#counted(SIZE_DIGITS_MAX, "size");
                }
                if (this.#count === 0) return undefined;
                this.#part = "blank";
                return byte === CR ? "sizeLf" : this.#extension(byte);
            case "extension":
                if (byte === CR && EXTENSION_NEEDED[this.#part] === 0) return "sizeLf";
                return this.#extension(byte);
            case "sizeLf":
                this.#count = 0;
                if (byte !== LF) return undefined;
                return this.#size === 0 ? "trailerStart" : "data";
            case "dataCr":
                return byte === CR ? "dataLf" : undefined;
            case "dataLf":
                return byte === LF ? "size" : undefined;
            case "trailerStart":
                if (byte === CR) return "endLf";
                return kind & TOKEN ? this.#counted(TRAILER_BYTES_MAX, "trailerName") : undefined;
            case "trailerName":
                if (byte === COLON) return "trailerValue";
                return kind & TOKEN ? this.#counted(TRAILER_BYTES_MAX, "trailerName") : undefined;
            case "trailerValue":
                if (byte === CR) return "trailerLf";
                return kind & TEXT ? this.#counted(TRAILER_BYTES_MAX, "trailerValue") : undefined;
            case "trailerLf":
                return byte === LF ? "trailerStart" : undefined;
            case "endLf":
                return byte === LF ? "done" : undefined;
        }
    }

    #extension(byte) {
        this.#extensionBytes += 1;
        this.#part = nextInExtension(this.#part, byte);
        const fits = this.#part !== undefined && this.#extensionBytes <= EXTENSION_BYTES_MAX;
        return fits ? "extension" : undefined;
    }

    #counted(max, state) {
        this.#count += 1;
        return this.#count <= max ? state : undefined;
    }
}
