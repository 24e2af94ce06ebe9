// `Headers`, as the Fetch Standard has it: names in any letters, values of bytes.

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Every character that is a byte, but controls (RFC 9110 section 5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export function isToken(text) {
    return TOKEN.test(text);
}

export function isValue(text) {
    return VALUE.test(text);
}

/** Takes the blanks off both ends of a value. */
export function trim(value) {
    // Neither a pattern, whose time would be the square of many blanks within a value, nor the
    // method of strings, which takes U+00A0 for a blank.
    let [start, end] = [0, value.length];
    while (start < end && isBlank(value.charCodeAt(start))) {
        start += 1;
    }
    while (start < end && isBlank(value.charCodeAt(end - 1))) {
        end -= 1;
    }
    return value.slice(start, end);
}

function isBlank(code) {
    return code === 0x20 || code === 0x09;
}

export class Headers {
    /** Pairs of a name, in the letters that it was given in, and a value. */
    #lines = [];

    constructor(init = []) {
        const lines = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
        for (const [name, value] of lines) {
            this.append(name, value);
        }
    }

    /** Makes headers of lines that were checked when they were received. */
    static received(lines) {
        const headers = new Headers();
        headers.#lines = lines;
        return headers;
    }

    /** Returns the lines as they were given. */
    static lines(headers) {
        return headers.#lines;
    }

    append(name, value) {
        this.#lines.push([checkName(name), checkValue(value)]);
    }

    set(name, value) {
        const line = [checkName(name), checkValue(value)];
        this.delete(name);
        this.#lines.push(line);
    }

    delete(name) {
        const key = checkName(name).toLowerCase();
        this.#lines = this.#lines.filter(([other]) => other.toLowerCase() !== key);
    }

    get(name) {
        const values = this.#values(name);
        return values.length === 0 ? null : values.join(", ");
    }

    has(name) {
        return this.#values(name).length > 0;
    }

    getSetCookie() {
        return this.#values("set-cookie");
    }

    forEach(callback, thisArg) {
        for (const [name, value] of this) {
            callback.call(thisArg, value, name, this);
        }
    }

    *entries() {
        const names = new Set(this.#lines.map(([name]) => name.toLowerCase()));
        for (const name of [...names].sort()) {
            // Cookies have commas in them, so these lines cannot be joined.
            const values = name === "set-cookie" ? this.getSetCookie() : [this.get(name)];
            yield* values.map((value) => [name, value]);
        }
    }

    *keys() {
        for (const [name] of this) {
            yield name;
        }
    }

    *values() {
        for (const [, value] of this) {
            yield value;
        }
    }

    [Symbol.iterator]() {
        return this.entries();
    }

    #values(name) {
        const key = checkName(name).toLowerCase();
        const lines = this.#lines.filter(([other]) => other.toLowerCase() === key);
        return lines.map(([, value]) => value);
    }
}

function checkName(name) {
    const text = String(name);
    if (!isToken(text)) {
        throw new TypeError(`not the name of a header: \`${text}\``);
    }
    return text;
}

function checkValue(value) {
    const text = trim(String(value));
    if (!isValue(text)) {
        throw new TypeError("the value of a header has a character that it cannot have");
    }
    return text;
}
