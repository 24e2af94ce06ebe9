// Handlers for sockeye in JavaScript and TypeScript: what a handler imports, and the globals that
// it expects. `sockeye.d.ts` says what everything does.

import { console, crypto, random } from "./console.js";
import { Headers } from "./headers.js";
import { clearTimeout, queueMicrotask, setTimeout } from "./jobs.js";
import { Request, Response } from "./messages.js";
import { BlockingPromise } from "./promise.js";
import { TextDecoder, TextEncoder } from "./text.js";
import { URL, URLSearchParams } from "./url.js";

export { Connection, SockeyeFile, SocketError, readDirectory } from "./connection.js";
export { RequestError } from "./refusal.js";
export { serve, serveConnection } from "./serve.js";
export { Headers, Request, Response };

// These are the layer's in every engine: an engine's own would wait for jobs that nobody runs, and
// send what nobody receives.
Object.assign(globalThis, {
    Promise: BlockingPromise,
    clearTimeout,
    queueMicrotask,
    setTimeout,
    console,
    Headers,
    Request,
    Response,
});
Math.random = random;

// These are as good or better where the engine has them.
for (const [name, value] of Object.entries({
    TextDecoder,
    TextEncoder,
    URL,
    URLSearchParams,
    crypto,
})) {
    globalThis[name] ??= value;
}
