// How an answer is sent: its head, the framing of its body, and as few calls of the host as that
// takes.

import { RequestBody } from "./body.js";
import { SockeyeFile, progress } from "./connection.js";
import { Headers } from "./headers.js";
import { run } from "./jobs.js";
import { concat, fromLatin1, toBytes } from "./text.js";

/** The largest body that is copied behind its head to be sent by one call. */
const COPY_BYTES_MAX = 64 * 1024;

const NOTHING = new Uint8Array(0);
const LINE_END = fromLatin1("\r\n");

/** What the layer says itself. */
const RESERVED = new Set(["connection", "content-length", "date", "transfer-encoding"]);

/** The lines that hold for a second. */
let second = 0;
let dateLine = "";

export class Answer {
    #connection;
    #head;
    #body;
    /** Something of it has been given to the connection. */
    isSent = false;
    /** The connection ends with it. */
    closes;

    constructor(connection, head, body) {
        this.#connection = connection;
        this.#head = head;
        this.#body = body;
        this.closes = !head.keepAlive;
    }

    /** Sends `response`; what it throws is the handler's fault, or that of the connection. */
    send(response) {
        const { status, body } = response;
        // RFC 9110 section 15.3.6: 205 has an empty body, which its head says.
        const isBare = status === 204 || status === 304;
        const isSilent = isBare || status === 205 || this.#head.method === "HEAD";
        if (body instanceof SockeyeFile) {
            try {
                this.#sendFile(response, isBare, isSilent);
            } finally {
                body.close();
            }
        } else if (body === null || typeof body === "string" || isBytes(body)) {
            const bytes = toBytes(body ?? "");
            const lines = isBare ? "" : contentLength(status === 205 ? 0 : bytes.length);
            this.#sendWhole(this.#headBytes(response, lines), isSilent ? "" : bytes);
        } else {
            this.#sendPieces(response, isBare, isSilent);
        }
    }

    #sendFile(response, isBare, isSilent) {
        const { size } = response.body.stat();
        const lines = isBare ? "" : contentLength(response.status === 205 ? 0 : size);
        const head = this.#headBytes(response, lines);
        if (isSilent || size === 0) {
            this.#sendWhole(head, "");
            return;
        }
        this.isSent = true;
        if (this.#sendWithFile(head, response.body, size) < size) {
            throw new Error("the file has changed while it was sent");
        }
    }

    /** Sends for as long as the peer takes something within each call. */
    #sendWithFile(head, file, size) {
        let sent;
        try {
            return this.#connection.sendWithFile(head, file, { length: size });
        } catch (error) {
            sent = progress(error);
        }
        if (sent < head.length) {
            this.#connection.sendAll(head.subarray(sent), { more: true });
        }
        let offset = Math.max(0, sent - head.length);
        for (;;) {
            try {
                const length = size - offset;
                return offset + this.#connection.sendfile(file, { offset, length });
            } catch (error) {
                offset += progress(error);
            }
        }
    }

    #sendWhole(head, body) {
        const bytes = toBytes(body);
        this.isSent = true;
        // Where the connection ends with it, that follows at once and can share its packet.
        const last = { more: this.closes };
        if (head.length + bytes.length <= COPY_BYTES_MAX) {
            this.#connection.sendAll(concat([head, bytes]), last);
        } else {
            this.#connection.sendAll(head, { more: true });
            this.#connection.sendAll(bytes, last);
        }
    }

    /** Sends a body piece by piece, each as soon as it is there; the head goes with the first. */
    #sendPieces(response, isBare, isSilent) {
        const isChunked = this.#head.version !== "1.0";
        const coding = isChunked ? "Transfer-Encoding: chunked\r\n" : "";
        const lines = response.status === 205 ? contentLength(0) : isBare ? "" : coding;
        // Nothing else ends a body of HTTP/1.0.
        this.closes ||= !isChunked && !isBare;
        if (isSilent) {
            this.#sendWhole(this.#headBytes(response, lines), "");
            return;
        }
        // The head is made when there is something to send behind it: what fails before that has an
        // answer of its own.
        const ahead = () => (this.isSent ? NOTHING : this.#headBytes(response, lines));
        for (const piece of pieces(response.body)) {
            const bytes = toBytes(piece);
            if (bytes.length > 0) {
                const size = isChunked ? fromLatin1(`${bytes.length.toString(16)}\r\n`) : NOTHING;
                const whole = concat([ahead(), size, bytes, isChunked ? LINE_END : NOTHING]);
                this.isSent = true;
                this.#connection.sendAll(whole);
            }
        }
        this.#sendWhole(ahead(), isChunked ? "0\r\n\r\n" : "");
    }

    /** Decides whether the connection goes on, and returns the head. */
    #headBytes({ status, statusText, headers }, lines) {
        // A client that is not asked for its body may never send it.
        this.closes ||= this.#body.isUndrainable;
        this.#body.forgoContinue();
        const now = Math.floor(Date.now() / 1000);
        if (now !== second) {
            second = now;
            dateLine = `Date: ${new Date(now * 1000).toUTCString()}\r\n`;
        }
        const options = headers.get("connection")?.toLowerCase().split(/[ \t]*,[ \t]*/);
        this.closes ||= (options?.includes("close") ?? false) || this.#connection.closing();
        let text = `HTTP/1.1 ${status} ${statusText}\r\n`;
        for (const [name, value] of Headers.lines(headers)) {
            if (!RESERVED.has(name.toLowerCase())) {
                text += `${name}: ${value}\r\n`;
            }
        }
        text += lines + dateLine;
        if (this.closes) {
            text += "Connection: close\r\n";
        } else if (this.#head.version === "1.0") {
            text += "Connection: keep-alive\r\n";
        }
        return fromLatin1(`${text}\r\n`);
    }
}

function contentLength(length) {
    return `Content-Length: ${length}\r\n`;
}

function isBytes(body) {
    return body instanceof ArrayBuffer || ArrayBuffer.isView(body);
}

/** Goes through a body, whichever kind of iterable it is, and ends it where the sending ends. */
function* pieces(body) {
    if (body instanceof RequestBody || Symbol.iterator in body) {
        // Not `yield*`: what `npm run build` makes of that would rather take it for asynchronous.
        for (const piece of body instanceof RequestBody ? body.pieces() : body) {
            yield piece;
        }
        return;
    }
    const iterator = body[Symbol.asyncIterator]();
    let isDone = false;
    try {
        for (;;) {
            const result = run(iterator.next());
            isDone = result.done === true;
            if (isDone) {
                return;
            }
            yield result.value;
        }
    } finally {
        if (!isDone) {
            run(iterator.return?.());
        }
    }
}
