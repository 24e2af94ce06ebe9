// `Request` and `Response` as a handler sees them.

import { SockeyeFile } from "./connection.js";
import { Headers, isValue } from "./headers.js";
import { bad } from "./refusal.js";
import { decode } from "./text.js";

/** Only this module makes requests; a handler gets them. */
const RECEIVED = Symbol("received");

/** The deepest nesting of JSON from a client. */
const JSON_DEPTH_MAX = 128;

/** One request, as the Fetch Standard has it, and what HTTP says besides. */
export class Request {
    #head;
    #headers;
    #url;

    constructor(key, head, body, connection) {
        if (key !== RECEIVED) {
            throw new TypeError("requests are received, not made");
        }
        this.#head = head;
        this.body = body;
        this.connection = connection;
    }

    static received(head, body, connection) {
        return new Request(RECEIVED, head, body, connection);
    }

    get method() {
        return this.#head.method;
    }

    get url() {
        if (this.#url === undefined) {
            const { host, path } = this.#head;
            // A Host may be none, or what no URL has: a port of ten digits, for example.
            const here = host === "" ? null : URL.parse(`http://${host}${path}`);
            this.#url = (here ?? new URL(`http://invalid${path}`)).href;
        }
        return this.#url;
    }

    get headers() {
        this.#headers ??= Headers.received(this.#head.fields);
        return this.#headers;
    }

    get bodyUsed() {
        return this.body.isTaken;
    }

    get target() {
        return this.#head.target;
    }

    get host() {
        return this.#head.host;
    }

    get httpVersion() {
        return this.#head.version;
    }

    get keepAlive() {
        return this.#head.keepAlive;
    }

    limitBody(bytes) {
        this.body.limit(bytes);
    }

    async bytes() {
        return this.body.readAll();
    }

    async arrayBuffer() {
        const { buffer, byteOffset, byteLength } = this.body.readAll();
        return buffer.slice(byteOffset, byteOffset + byteLength);
    }

    async text() {
        return decode(this.body.readAll());
    }

    async json() {
        const text = decode(this.body.readAll());
        if (!isShallow(text)) {
            throw bad(`request body is not JSON, or is nested deeper than ${JSON_DEPTH_MAX}`);
        }
        try {
            return JSON.parse(text);
        } catch {
            throw bad("request body is not JSON");
        }
    }
}

/** Says whether a text of JSON is nested less deep than what would exhaust the stack: a trap. */
function isShallow(text) {
    const opened = text.length - text.replaceAll("[", "").replaceAll("{", "").length;
    if (opened <= JSON_DEPTH_MAX) {
        return true;
    }
    // What is left of it are quotes and brackets, then brackets without those in quotes; then the
    // innermost go, and again. A loop over the characters would take a hundred times as long.
    const unescaped = text.replaceAll("\\\\", "").replaceAll('\\"', "");
    // What repeats without a bound takes memory for each time.
    let rest = unescaped.replace(/[^[\]{}"]{1,500}/g, "").replace(/"[^"]*"/g, "");
    for (let depth = 0, length = -1; depth < JSON_DEPTH_MAX && rest.length !== length; depth += 1) {
        length = rest.length;
        rest = rest.replaceAll("[]", "").replaceAll("{}", "");
    }
    return rest === "";
}

const REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    205: "Reset Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
};

/** One answer. */
export class Response {
    /** Checked once, so nothing but the constructor sets them: they are the answer's first line. */
    #status;
    #statusText;

    constructor(body = null, { status = 200, statusText, headers = [] } = {}) {
        if (!Number.isInteger(status) || status < 200 || status > 999) {
            throw new RangeError(`a status is within 200 to 999: ${status}`);
        }
        this.#status = status;
        this.#statusText = String(statusText ?? REASONS[status] ?? "");
        if (!isValue(this.#statusText)) {
            throw new TypeError("`statusText` has a character that it cannot have");
        }
        this.headers = new Headers(headers);
        this.body = checkBody(body);
        const type = usualType(body);
        if (type !== undefined && !this.headers.has("content-type")) {
            this.headers.set("content-type", type);
        }
    }

    get status() {
        return this.#status;
    }

    get statusText() {
        return this.#statusText;
    }

    get ok() {
        return this.#status < 300;
    }

    static json(data, init = {}) {
        const response = new Response(JSON.stringify(data), init);
        if (!new Headers(init.headers ?? []).has("content-type")) {
            response.headers.set("content-type", "application/json");
        }
        return response;
    }

    static redirect(url, status = 302) {
        return new Response(null, { status, headers: { location: String(url) } });
    }
}

/** Returns a body that can be sent: nothing, text, bytes, a file, or what can be gone through. */
function checkBody(body) {
    if (body === undefined || body === null) {
        return null;
    }
    if (body instanceof URLSearchParams) {
        return body.toString();
    }
    const isBytes = body instanceof ArrayBuffer || ArrayBuffer.isView(body);
    const isWhole = typeof body === "string" || isBytes || body instanceof SockeyeFile;
    const isIterable = (object) => Symbol.iterator in object || Symbol.asyncIterator in object;
    if (isWhole || (typeof body === "object" && isIterable(body))) {
        return body;
    }
    throw new TypeError("a body is a string, bytes, a SockeyeFile, or an iterable of these two");
}

function usualType(body) {
    if (typeof body === "string") {
        return "text/plain;charset=UTF-8";
    }
    if (body instanceof URLSearchParams) {
        return "application/x-www-form-urlencoded;charset=UTF-8";
    }
    return undefined;
}
