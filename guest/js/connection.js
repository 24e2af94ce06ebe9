// The calls of `sockeye:net@0.1.0` with values that JavaScript has: milliseconds, exceptions.

import { Directory as HostDirectory, File as HostFile } from "sockeye:net/files@0.1.0";

import { toBytes } from "./text.js";

/** The most that one call can be asked for: engines pass the number as 32 bits with a sign. */
const U32_MAX = 0x7fff_ffff;

/** What one `recv` asks for where the caller does not say: the host returns no more either. */
const RECV_BYTES = 64 * 1024;

/** A century in nanoseconds, so a longer timeout means the same. */
const TIMEOUT_MAX = 100 * 366 * 86_400 * 1e9;

/** More than any file has; the host says so. */
const OFFSET_MAX = 2 ** 63;

/** Why a call on a connection or a file failed. */
export class SocketError extends Error {
    constructor(code, sent = 0, text = code) {
        super(text);
        this.name = "SocketError";
        this.code = code;
        this.sent = sent;
    }
}

/** Makes a call of the host; what it throws becomes a `SocketError`. */
function call(make) {
    try {
        return make();
    } catch (error) {
        const payload = error?.payload;
        if (payload === undefined) {
            throw error;
        }
        const { tag, val } = payload.code ?? payload;
        throw new SocketError(tag, Number(payload.sent ?? 0), val ?? tag);
    }
}

/** Checks a number that is to be an integer from 0 up; engines trap where the host gets another. */
function integer(name, value, max = Number.MAX_SAFE_INTEGER) {
    if (typeof value !== "number" || !(value >= 0)) {
        throw new RangeError(`\`${name}\` is not a number from 0 up: ${value}`);
    }
    return Math.min(Math.trunc(value), max);
}

/** Converts the milliseconds of `options` to the host's nanoseconds. */
function nanoseconds({ timeout } = {}) {
    return timeout === undefined ? undefined : integer("timeout", timeout * 1e6, TIMEOUT_MAX);
}

/** Says where in `file` to begin, and how many bytes to send. */
function part(file, { offset = 0, length } = {}) {
    const start = integer("offset", offset, OFFSET_MAX);
    const rest = () => Math.max(0, file.stat().size - start);
    return [handleOf(file), start, integer("length", length ?? rest())];
}

function showAddress({ tag, val }) {
    switch (tag) {
        case "ipv4":
            return { family: "ipv4", address: Array.from(val.octets).join("."), port: val.port };
        case "ipv6": {
            const groups = Array.from(val.segments, (group) => group.toString(16));
            // Zeros are left out once, the longest row of them (RFC 5952).
            const text = groups.join(":");
            const rows = text.match(/\b0(?::0)+\b/g) ?? [];
            const longest = rows.reduce((best, row) => (row.length > best.length ? row : best), "");
            const short = longest === "" ? text : text.replace(longest, ":").replace(/:{3,}/, "::");
            return { family: "ipv6", address: short === ":" ? "::" : short, port: val.port };
        }
        default:
            return { family: "unix", path: val ?? undefined };
    }
}

/** Takes the handle out of a connection, which is of no use any more. */
export let release;

/** Returns the handle of an open file. */
let handleOf;

/** One accepted stream connection. */
export class Connection {
    #host;

    static {
        release = (connection) => {
            const host = connection.#host;
            connection.#host = undefined;
            return host;
        };
    }

    constructor(host) {
        this.#host = host;
    }

    recv(max = RECV_BYTES, options = undefined) {
        const count = integer("max", max, U32_MAX);
        return this.#call((host) => host.recv(count, nanoseconds(options)));
    }

    recvUntil(delimiter, max = RECV_BYTES, options = undefined) {
        const count = integer("max", max, U32_MAX);
        const bytes = toBytes(delimiter);
        return this.#call((host) => host.recvUntil(bytes, count, nanoseconds(options)));
    }

    send(data, options = {}) {
        const bytes = toBytes(data);
        const flags = { more: options.more === true, zeroCopy: options.zeroCopy === true };
        this.#call((host) => host.send(bytes, flags, nanoseconds(options)));
    }

    sendAll(data, options = {}) {
        let bytes = toBytes(data);
        for (;;) {
            try {
                this.send(bytes, options);
                return;
            } catch (error) {
                bytes = bytes.subarray(progress(error));
            }
        }
    }

    sendfile(file, options = undefined) {
        const what = [...part(file, options), nanoseconds(options)];
        return Number(this.#call((host) => host.sendfile(...what)));
    }

    sendWithFile(data, file, options = undefined) {
        const what = [toBytes(data), ...part(file, options), nanoseconds(options)];
        return Number(this.#call((host) => host.sendWithFile(...what)));
    }

    next() {
        return this.#call((host) => host.next());
    }

    nextUntil(delimiter, max = RECV_BYTES, options = undefined) {
        const count = integer("max", max, U32_MAX);
        const bytes = toBytes(delimiter);
        const receive = (host) => host.nextUntil(bytes, count, nanoseconds(options));
        return this.#call(receive) ?? undefined;
    }

    closing() {
        return this.#call((host) => host.closing());
    }

    shutdown(how) {
        if (how !== "receive" && how !== "send" && how !== "both") {
            throw new TypeError(`not a direction of a connection: \`${how}\``);
        }
        this.#call((host) => host.shutdown(how));
    }

    peerAddress() {
        return showAddress(this.#call((host) => host.peerAddress()));
    }

    localAddress() {
        return showAddress(this.#call((host) => host.localAddress()));
    }

    setNoDelay(enabled) {
        this.#call((host) => host.setNoDelay(Boolean(enabled)));
    }

    #call(make) {
        if (this.#host === undefined) {
            // The engine would trap: the handle has left the instance.
            throw new SocketError("invalid-state");
        }
        return call(() => make(this.#host));
    }
}

/** Returns how many bytes a timeout left gone; throws what is no timeout, or one without any. */
export function progress(error) {
    if (!(error instanceof SocketError) || error.code !== "timeout" || error.sent === 0) {
        throw error;
    }
    return error.sent;
}

/** What of the host's is open besides connections; engines do not give up handles by themselves. */
const held = new Set();

function hold(host) {
    held.add(host);
    return host;
}

function giveUp(host) {
    if (held.delete(host)) {
        host[Symbol.dispose]();
    }
}

/** Closes what a handler has left open. */
export function closeAll() {
    held.forEach(giveUp);
}

/** Only `SockeyeFile.open` makes files. */
const OPEN = Symbol("open");

/** An open regular file beneath the directory that the operator granted. */
export class SockeyeFile {
    #host;

    constructor(key, host) {
        if (key !== OPEN) {
            throw new TypeError("files are opened by `SockeyeFile.open`");
        }
        this.#host = host;
    }

    static open(path) {
        // Half a surrogate pair has no UTF-8, and the engine would trap.
        const host = call(() => HostFile.open(String(path).toWellFormed()));
        return new SockeyeFile(OPEN, hold(host));
    }

    stat() {
        const { size, modified, identity } = call(() => handleOf(this).stat());
        const milliseconds = Number(modified.seconds) * 1000 + modified.nanoseconds / 1e6;
        return {
            size: Number(size),
            modified: new Date(milliseconds),
            identity: identity.toString(),
        };
    }

    read(offset = 0, length = RECV_BYTES) {
        const start = integer("offset", offset, OFFSET_MAX);
        const count = integer("length", length, U32_MAX);
        return call(() => handleOf(this).read(start, count));
    }

    close() {
        giveUp(this.#host);
    }

    [Symbol.dispose]() {
        this.close();
    }

    static {
        handleOf = (file) => {
            if (!(file instanceof SockeyeFile) || !held.has(file.#host)) {
                throw new SocketError("invalid-state", 0, "the file is closed, or no file");
            }
            return file.#host;
        };
    }
}

/** Returns the entries of the directory at `path`, as the host hands them out. */
export function* readDirectory(path) {
    const host = hold(call(() => HostDirectory.open(String(path).toWellFormed())));
    try {
        for (;;) {
            const entries = call(() => host.read());
            if (entries.length === 0) {
                return;
            }
            yield* entries;
        }
    } finally {
        giveUp(host);
    }
}
