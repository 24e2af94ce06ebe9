// What the host calls: a connection becomes requests, and a handler's answers are sent.

import { Answer } from "./answer.js";
import { RequestBody } from "./body.js";
import { Connection, SocketError, closeAll, release } from "./connection.js";
import { console } from "./console.js";
import { HEAD_BYTES_MAX, headTooLarge, methodOf, parseHead } from "./head.js";
import { dropTimers, finishJobs, run } from "./jobs.js";
import { Request, Response } from "./messages.js";
import { RequestError, tooSlow } from "./refusal.js";
import { latin1 } from "./text.js";

/** How long a request head may take from its first bytes. */
const HEAD_TIMEOUT = 10_000;

const HEAD_END = "\r\n\r\n";

/** Makes `handle` the handler of requests. */
export function serve(handle) {
    const fetch = typeof handle === "function" ? handle : (request) => handle.fetch(request);
    return serveConnection((connection) => serveRequests(connection, fetch));
}

/** Makes `handle` the handler of connections. */
export function serveConnection(handle) {
    return {
        handle(host) {
            const connection = new Connection(host);
            let kept;
            try {
                kept = run(handle(connection));
            } catch (error) {
                report(error);
            }
            finishJobs(report);
            dropTimers();
            closeAll();
            const released = release(connection);
            if (kept === connection) {
                return released;
            }
            // Engines do not give up handles by themselves.
            released[Symbol.dispose]();
            return undefined;
        },
    };
}

/** Logs what a handler threw, but for what a client or the network did. */
function report(error) {
    if (!(error instanceof SocketError) || !isOfPeer(error)) {
        console.error("handler failed:", error);
    }
}

function isOfPeer({ code }) {
    return code === "timeout" || code.startsWith("connection-");
}

/** Answers one request after the other; returns the connection where it is to be handed back. */
function serveRequests(connection, fetch) {
    // The host usually has all of the first head.
    const first = () => connection.recvUntil(HEAD_END, HEAD_BYTES_MAX, { timeout: 0 });
    const next = () => connection.nextUntil(HEAD_END, HEAD_BYTES_MAX, { timeout: 0 });
    let received = receiveHead(connection, first);
    while (received !== undefined) {
        const { text } = received;
        if (text === "") {
            return undefined;
        }
        // A client that sends nothing but empty lines must not hold the instance.
        const isEmpty = text === HEAD_END || text === "\r\n";
        if (!isEmpty && !serveRequest(connection, received, fetch)) {
            return undefined;
        }
        received = receiveHead(connection, next);
    }
    return connection;
}

/**
 * Receives a head by `take`, which does what can be done at once; undefined where it has nothing.
 * An empty text means that there is nothing to answer. What is refused comes with its beginning.
 */
function receiveHead(connection, take) {
    const bytes = attempt(take);
    if (bytes instanceof SocketError) {
        return receiveUnusualHead(connection, bytes);
    }
    return bytes && { text: latin1(bytes) };
}

/** Receives a head that is not here and whole, where receiving it at once failed with `error`. */
function receiveUnusualHead(connection, error) {
    const until = (end, timeout) =>
        attempt(() => connection.recvUntil(end, HEAD_BYTES_MAX, { timeout }));
    let head = error;
    if (error.code === "timeout") {
        // Or it is whole but its lines end in bare line feeds, and is refused for that where it is
        // parsed. First what a good head has at its end, too: the rest of one may have come since,
        // and a body behind it may have two line feeds.
        for (const end of ["\n\r\n", "\n\n"]) {
            const bytes = until(end, 0);
            if (!(bytes instanceof SocketError)) {
                return { text: latin1(bytes) };
            }
        }
        // Nothing of a head is taken before all of it is there: as long as that is so, the host can
        // give the instance to another connection.
        head = until(HEAD_END, HEAD_TIMEOUT);
    }
    if (!(head instanceof SocketError)) {
        return { text: latin1(head) };
    }
    if (head.code !== "timeout" && head.code !== "too-large") {
        return { text: "" };
    }
    const start = attempt(() => connection.recv(HEAD_BYTES_MAX, { timeout: 0 }));
    const text = start instanceof SocketError ? "" : latin1(start);
    const refusal = head.code === "timeout" ? tooSlow("request head") : headTooLarge(text);
    return { text, refusal };
}

function attempt(make) {
    try {
        return make();
    } catch (error) {
        if (error instanceof SocketError) {
            return error;
        }
        throw error;
    }
}

/** Answers one request, and says whether the connection can take another. */
function serveRequest(connection, { text, refusal }, fetch) {
    let head;
    try {
        if (refusal !== undefined) {
            throw refusal;
        }
        head = parseHead(text);
    } catch (error) {
        // Nothing but the method can be relied on: a refused HEAD has no body in its answer, too.
        const nothing = { length: 0, expectsContinue: false };
        const unknown = { method: methodOf(text), version: "1.1", keepAlive: false };
        refuse(new Answer(connection, unknown, new RequestBody(connection, nothing)), error);
        return false;
    }
    const body = new RequestBody(connection, head);
    const answer = new Answer(connection, head, body);
    try {
        const response = run(fetch(Request.received(head, body, connection)));
        if (!(response instanceof Response)) {
            throw new TypeError("a handler of requests returns a Response");
        }
        answer.send(response);
    } catch (error) {
        fail(answer, head, body, error);
    }
    finishJobs(report);
    closeAll();
    return !answer.closes && body.drain();
}

/** Ends an answer that the handler cannot: with another where nothing of it has been sent. */
function fail(answer, head, body, error) {
    const refusal = [body.fault, error].find((fault) => fault instanceof RequestError);
    if (refusal === undefined && !(error instanceof SocketError && isOfPeer(error))) {
        console.error(`handler failed: ${head.method} \`${head.target}\`:`, error);
    }
    if (!answer.isSent) {
        refuse(answer, refusal ?? new RequestError(500, "other", "the handler failed"));
    }
    answer.closes = true;
}

function refuse(answer, { status, message }) {
    answer.closes = true;
    const headers = { "content-type": "text/plain" };
    // A client that does not take the answer gets the end of the connection all the same.
    attempt(() => answer.send(new Response(`${message}\n`, { status, headers })));
}
