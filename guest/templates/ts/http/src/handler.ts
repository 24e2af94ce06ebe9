// Answers requests. `request` and the answer are those of the Fetch Standard.

import { SocketError, SockeyeFile, serve } from "../sockeye/sockeye.js";

interface Route {
    path: RegExp;
    methods: string[];
    answer(request: Request, ...parts: string[]): Response;
}

/** Why there is no file at a path; a client need not know which. */
const ABSENT = new Set<string>([
    "access-denied",
    "invalid-argument",
    "is-directory",
    "name-too-long",
    "not-found",
    "not-regular-file",
]);

const routes: Route[] = [
    { path: /^\/$/, methods: ["GET", "HEAD"], answer: () => text("Hello, World!\n") },
    { path: /^\/echo$/, methods: ["POST"], answer: echo },
    { path: /^\/files\/(.+)$/, methods: ["GET", "HEAD"], answer: file },
];

export const httpHandler = serve((request) => {
    const { pathname } = new URL(request.url);
    for (const { path, methods, answer } of routes) {
        const match = path.exec(pathname);
        if (match !== null) {
            return methods.includes(request.method)
                ? answer(request, ...match.slice(1))
                : text("method not allowed\n", 405, { allow: methods.join(", ") });
        }
    }
    return text("not found\n", 404);
});

function text(body: string, status = 200, headers: Record<string, string> = {}): Response {
    return new Response(body, { status, headers: { "content-type": "text/plain", ...headers } });
}

/** Sends the body back while it is received, so it may have any size. */
function echo(request: Request): Response {
    return new Response(request.body, { headers: { "content-type": "application/octet-stream" } });
}

/** Sends a file of the directory that `root` in `sockeye.toml` grants. */
function file(_request: Request, name = ""): Response {
    try {
        const headers = { "content-type": "application/octet-stream" };
        return new Response(SockeyeFile.open(decodeURIComponent(name)), { headers });
    } catch (error) {
        if (error instanceof URIError || (error instanceof SocketError && ABSENT.has(error.code))) {
            return text("not found\n", 404);
        }
        // What is thrown is logged, and answered with status 500.
        throw error;
    }
}
