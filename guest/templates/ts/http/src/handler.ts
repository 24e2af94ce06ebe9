// Answers requests. `request` and the answer are those of the Fetch Standard.

import { SocketError, SockeyeFile, serve } from "../sockeye/sockeye.js";

interface Route {
    path: RegExp;
    methods: string[];
    answer(request: Request, ...parts: string[]): Response | Promise<Response>;
}

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

/** Sends the body back. `request.body` in its place would be sent while it arrives. */
async function echo(request: Request): Promise<Response> {
    const headers = { "content-type": "application/octet-stream" };
    return new Response(await request.bytes(), { headers });
}

/** Sends a file of the directory that `root` in `sockeye.toml` grants. */
function file(_request: Request, name = ""): Response {
    try {
        return new Response(SockeyeFile.open(decodeURIComponent(name)));
    } catch (error) {
        // Not there, not allowed or not a file: a client need not know which.
        if (error instanceof SocketError || error instanceof URIError) {
            return text("not found\n", 404);
        }
        throw error;
    }
}
