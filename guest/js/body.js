// The body of a request, received as it is read and never held.

import { Decoder } from "./chunked.js";
import { SocketError } from "./connection.js";
import { bad, tooLarge, tooSlow } from "./refusal.js";
import { append } from "./text.js";

/** How long a client may pause within a body. */
const BODY_TIMEOUT = 30_000;

/** The most that a body may have which is read as a whole, unless the handler says otherwise. */
const WHOLE_BYTES_MAX = 4 * 1024 * 1024;

/** How much of a body that the handler did not read is received and dropped to keep a connection,
 * and how long that may take. */
const DRAIN_BYTES_MAX = 64 * 1024;
const DRAIN_TIMEOUT = 1000;

const PIECE_BYTES_MAX = 64 * 1024;

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

export class RequestBody {
    #connection;
    /** How many bytes are still to come where a length says so, or what decodes chunks. */
    #left;
    #decoder;
    /** Received and not decoded yet. */
    #received = new Uint8Array(0);
    #given = 0;
    #limit;
    #isContinueOwed;
    #isTaken = false;
    /** Why no more of it can be read. */
    #fault;

    constructor(connection, { length, expectsContinue }) {
        this.#connection = connection;
        this.#left = length ?? 0;
        this.#decoder = length === undefined ? new Decoder() : undefined;
        this.#isContinueOwed = expectsContinue;
    }

    /** Says whether somebody has begun to read it. */
    get isTaken() {
        return this.#isTaken;
    }

    /** What the client did wrong, where it did. */
    get fault() {
        return this.#fault;
    }

    /** Says whether `drain` is certain to fail. */
    get isUndrainable() {
        const isLong = this.#left > DRAIN_BYTES_MAX;
        return isLong || this.#isContinueOwed || this.#fault !== undefined;
    }

    limit(bytes) {
        this.#limit = bytes;
    }

    /** Returns the next piece, or an empty one at the end. */
    read() {
        this.#isTaken = true;
        this.#checkLimit(this.#left);
        if (this.#isContinueOwed) {
            this.#isContinueOwed = false;
            this.#try(() => this.#connection.sendAll(CONTINUE));
        }
        const piece = this.#advance(() => BODY_TIMEOUT);
        this.#given += piece.length;
        this.#checkLimit(this.#left);
        return piece;
    }

    /** Returns all of it; fails where somebody has begun to read it. */
    readAll() {
        if (this.#isTaken) {
            throw new TypeError("the body has been read already");
        }
        this.#limit ??= WHOLE_BYTES_MAX;
        const pieces = this.pieces();
        // Usually all of it: most bodies are one piece.
        const first = pieces.next().value ?? new Uint8Array(0);
        return append(first, pieces);
    }

    *pieces() {
        for (let piece = this.read(); piece.length > 0; piece = this.read()) {
            yield piece;
        }
    }

    async *[Symbol.asyncIterator]() {
        yield* this.pieces();
    }

    /**
     * Gives up on a body for which the client still waits for `100 Continue`, because it is about
     * to get the final answer: it may never send the body then, and the line would be taken for a
     * part of the answer.
     */
    forgoContinue() {
        if (this.#isContinueOwed) {
            this.#isContinueOwed = false;
            const text = "the answer began before the client was asked for the body";
            this.#fault ??= new SocketError("invalid-state", 0, text);
        }
    }

    /** Receives what is left, so that the next request can come, and says whether it could. */
    drain() {
        if (this.isUndrainable) {
            return false;
        }
        const deadline = Date.now() + DRAIN_TIMEOUT;
        let drained = 0;
        try {
            while (drained <= DRAIN_BYTES_MAX) {
                const piece = this.#advance(() => Math.max(0, deadline - Date.now()));
                if (piece.length === 0) {
                    return true;
                }
                drained += piece.length;
            }
        } catch {
            // Whatever it was, the connection ends.
        }
        return false;
    }

    #checkLimit(announced) {
        if (this.#fault === undefined && this.#given + announced > this.#limit) {
            this.#fault = tooLarge(413, "request body is larger than", this.#limit);
        }
        if (this.#fault !== undefined) {
            throw this.#fault;
        }
    }

    /**
     * Receives and decodes until there is data, or the end of the body, which is empty. Each
     * receiving may take as many milliseconds as `wait` returns then.
     */
    #advance(wait) {
        for (;;) {
            if (this.#received.length === 0) {
                const needed = this.#decoder === undefined ? this.#left : this.#decoder.needed();
                if (needed === 0) {
                    return this.#received;
                }
                // No more than what is certain to be the body's: what follows is a request.
                const max = Math.min(needed, PIECE_BYTES_MAX);
                // Asked each time: framing may come byte by byte and hold no data.
                const timeout = wait();
                this.#received = this.#try(() => this.#connection.recv(max, { timeout }));
                if (this.#received.length === 0) {
                    throw (this.#fault = bad("request body ended before its end"));
                }
            }
            const piece = this.#decode();
            if (piece.length > 0) {
                return piece;
            }
        }
    }

    #decode() {
        const input = this.#received;
        if (this.#decoder === undefined) {
            this.#left -= input.length;
            this.#received = input.subarray(input.length);
            return input;
        }
        const step = this.#decoder.step(input);
        if (step === undefined) {
            throw (this.#fault = bad("request body is malformed as chunks"));
        }
        this.#received = input.subarray(step.consumed);
        return step.data;
    }

    #try(make) {
        try {
            return make();
        } catch (error) {
            this.#fault = error.code === "timeout" ? tooSlow("request body") : error;
            throw this.#fault;
        }
    }
}
