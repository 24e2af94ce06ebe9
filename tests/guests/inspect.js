// The twin of `inspect.rs`: answers with what the layer for JavaScript made of a request.

import { serve } from "../sockeye/sockeye.js";

/** What `/limit` and `/early` read. */
const BODY_BYTES_MAX = 10;

const headers = { "content-type": "text/plain" };

function concat(...parts) {
    const blob = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        blob.set(part, at);
        at += part.length;
    }
    return blob;
}

function* singly(bytes) {
    for (let at = 0; at < bytes.length; at += 1) {
        yield bytes.subarray(at, at + 1);
    }
}

export const httpHandler = serve(async (request) => {
    const path = request.target.replace(/^https?:\/\/[^/?]*/i, "").split("?")[0];
    request.limitBody(path === "/limit" || path === "/early" ? BODY_BYTES_MAX : Infinity);
    if (path === "/early") {
        return new Response(request.body, { headers });
    }
    const body = path === "/unread" ? new Uint8Array(0) : await request.bytes();
    const { method, target, host, httpVersion, keepAlive } = request;
    const line = `${method} ${target} host=${host} version=${httpVersion} keep=${keepAlive} body=`;
    const text = concat(new TextEncoder().encode(line), body);
    if (path === "/stream") {
        return new Response(singly(text), { headers });
    }
    const status = Number(/^\/status\/(\d+)$/.exec(path)?.[1] ?? 200);
    return new Response(text, { status, headers });
});
