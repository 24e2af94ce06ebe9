// `console`, which the host makes log lines of, and random numbers.

import { getStderr } from "wasi:cli/stderr@0.2.12";
import { getStdout } from "wasi:cli/stdout@0.2.12";
import { getRandomBytes } from "wasi:random/random@0.2.12";

import { encode } from "./text.js";

/** What one write takes, by the definition of WASI. */
const WRITE_BYTES_MAX = 4096;

/** The most bytes of one message; the rest of a longer one is dropped. */
const MESSAGE_BYTES_MAX = 64 * 1024;

/** The most lines of a stack that are shown; the host bounds how many lines are logged. */
const STACK_LINES_MAX = 3;

export const console = {
    debug: (...values) => write(getStdout, values),
    info: (...values) => write(getStdout, values),
    log: (...values) => write(getStdout, values),
    warn: (...values) => write(getStderr, values),
    error: (...values) => write(getStderr, values),
};

export const crypto = {
    getRandomValues(array) {
        const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
        bytes.set(getRandomBytes(bytes.length));
        return array;
    },

    randomUUID() {
        const bytes = getRandomBytes(16);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
        return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    },
};

/**
 * Returns a number from 0 up to 1. The engine's own generator is seeded when the component is
 * built: it would return the same numbers in every instance.
 */
export function random() {
    const bytes = new DataView(getRandomBytes(8).buffer);
    return (bytes.getUint32(0) * 2 ** 21 + (bytes.getUint32(4) >>> 11)) / 2 ** 53;
}

function write(stream, values) {
    // Taken anew each time: a handle that is taken while the component is built is none later.
    const output = stream();
    try {
        const line = encode(`${values.map(show).join(" ")}\n`).subarray(0, MESSAGE_BYTES_MAX);
        for (let at = 0; at < line.length; at += WRITE_BYTES_MAX) {
            output.blockingWriteAndFlush(line.subarray(at, at + WRITE_BYTES_MAX));
        }
    } catch {
        // Neither who does not read the log nor a value that cannot be shown ends the handler.
    } finally {
        output[Symbol.dispose]();
    }
}

function show(value) {
    if (value instanceof Error) {
        const stack = (value.stack ?? "").split("\n").filter((line) => line.trim() !== "");
        return [String(value), ...stack.slice(0, STACK_LINES_MAX)].join("\n");
    }
    if (typeof value === "object" && value !== null) {
        try {
            return JSON.stringify(value);
        } catch {
            return Object.prototype.toString.call(value);
        }
    }
    return String(value);
}
