/**
 * Handlers for sockeye in JavaScript and TypeScript.
 *
 * A handler is plain code that serves one connection: its calls block, the host runs other
 * instances meanwhile. `serve` makes one of a function from `Request` to `Response`, and
 * `serveConnection` one of a function that receives and sends bytes itself. `await`, `setTimeout`
 * and generators work; two calls of one instance never run at once.
 *
 * ```js
 * import { serve } from "../sockeye/sockeye.js";
 *
 * export const httpHandler = serve(async (request) => new Response(`${await request.text()}!`));
 * ```
 */

/** Why a call failed, in the words of the contract (`sockeye wit`). */
export type ErrorCode =
    /** The time was over before the call could complete. */
    | "timeout"
    /** The peer reset the connection. */
    | "connection-reset"
    /** The peer or this side has closed the connection. */
    | "connection-broken"
    /** The network gave up. */
    | "connection-aborted"
    /** The connection is no longer open, or the file is closed. */
    | "invalid-state"
    /** A value that the call cannot take, such as an empty delimiter. */
    | "invalid-argument"
    /** The host does not offer this, or a request asks for what is not spoken. */
    | "not-supported"
    /** The path leads out of the granted directory, or no directory was granted. */
    | "access-denied"
    /** Nothing exists at the path. */
    | "not-found"
    /** A directory exists at the path. */
    | "is-directory"
    /** Something exists at the path that is neither a file nor a directory. */
    | "not-regular-file"
    /** The path is longer than the platform allows. */
    | "name-too-long"
    /** More came before the delimiter, or in a body, than may. */
    | "too-large"
    /** The instance holds as many open files as the operator allows. */
    | "too-many-files"
    /** The host is short of memory, buffers or descriptors. */
    | "insufficient-resources"
    /** The device under the file failed. */
    | "io"
    /** The body of a request is malformed (`RequestError`). */
    | "malformed"
    /** Anything else; `message` is for people. */
    | "other";

/** A call on a connection or a file has failed. */
export class SocketError extends Error {
    constructor(code: ErrorCode, sent?: number, message?: string);
    readonly code: ErrorCode;
    /** How many bytes of the call are gone; zero where the call sends nothing. */
    readonly sent: number;
}

/**
 * The client is at fault: its body came too slowly (`timeout`), is too large (`too-large`), or is
 * no body (`malformed`). A handler that does not catch it answers with its status and closes.
 */
export class RequestError extends SocketError {
    /** The status that the fault deserves, such as 408. */
    readonly status: number;
}

/** Bytes, or a string, which stands for its UTF-8. */
export type Data = string | Uint8Array | ArrayBuffer;

export interface CallOptions {
    /**
     * How long the whole call may take, in milliseconds, however often it waits meanwhile.
     *
     * Zero does what can be done at once. None, or more than the operator allows for one call
     * (`--call-timeout`, a minute), means as long as that.
     */
    readonly timeout?: number | undefined;
}

export interface SendOptions extends CallOptions {
    /** More bytes follow soon: the host may hold these back to fill a packet. (MSG_MORE) */
    readonly more?: boolean | undefined;
    /** The bytes are many, and copying them may be avoided: a hint. (MSG_ZEROCOPY) */
    readonly zeroCopy?: boolean | undefined;
}

export interface SendfileOptions extends CallOptions {
    /** Where in the file to begin; 0. */
    readonly offset?: number | undefined;
    /** How many bytes; all that follow. */
    readonly length?: number | undefined;
}

export type Address =
    | { readonly family: "ipv4" | "ipv6"; readonly address: string; readonly port: number }
    | { readonly family: "unix"; readonly path?: string | undefined };

/**
 * One accepted connection.
 *
 * Every call throws a `SocketError`, besides the codes that it names with `connection-reset`,
 * `connection-aborted`, and `invalid-state` once the handler has returned. A number that is none
 * of the kind throws a `RangeError`.
 */
export class Connection {
    private constructor();

    /**
     * Receives at least one byte and at most `max` (64 KiB); an empty array is the end of the
     * stream. Codes: `timeout`, after which nothing is lost; `invalid-argument` for a `max` of 0.
     */
    recv(max?: number, options?: CallOptions): Uint8Array;

    /**
     * Receives up to and including `delimiter`, at most `max` bytes (64 KiB). Where the peer ends
     * the stream first, returns what came before that.
     *
     * After `timeout` and `too-large` the bytes stay with the host for the next call.
     * `invalid-argument`: the delimiter is empty or longer than `max`.
     */
    recvUntil(delimiter: Data, max?: number, options?: CallOptions): Uint8Array;

    /**
     * Sends all of `data`, in one call. Codes: `timeout`, with `sent` bytes gone;
     * `connection-broken`; `insufficient-resources`.
     */
    send(data: Data, options?: SendOptions): void;

    /** Sends all of `data` for as long as the peer takes at least one byte within each timeout. */
    sendAll(data: Data, options?: SendOptions): void;

    /**
     * Sends a part of `file`, which never enters the memory of the instance, and returns how many
     * bytes were sent: fewer than asked for only where the file ends first or has changed. Codes:
     * those of `send`, and `io`.
     */
    sendfile(file: SockeyeFile, options?: SendfileOptions): number;

    /** Sends `data` and a part of `file` behind it, by one call. */
    sendWithFile(data: Data, file: SockeyeFile, options?: SendfileOptions): number;

    /**
     * Says whether to go on with the connection now, and waits a little for that; where not, return
     * the connection from the handler. Ask after something was served: the answer can be no every
     * time. Pushes out what was held back.
     */
    next(): boolean;

    /** Does what `next` and then `recvUntil` do, in one call; undefined where `next` is false. */
    nextUntil(delimiter: Data, max?: number, options?: CallOptions): Uint8Array | undefined;

    /** Says whether the host will close the connection instead of taking it back. */
    closing(): boolean;

    /** Closes one or both directions. Code: `connection-broken`. */
    shutdown(how: "receive" | "send" | "both"): void;

    /** The address of the peer. Code: `connection-broken`. */
    peerAddress(): Address;

    /** The address at which the connection was accepted. */
    localAddress(): Address;

    /** Chooses between small delay, as connections begin, and few packets. (TCP_NODELAY) */
    setNoDelay(enabled: boolean): void;
}

export interface FileStat {
    /** In bytes. */
    readonly size: number;
    readonly modified: Date;
    /**
     * Differs between two files that were at one path one after the other; with size and time it
     * makes an entity tag. Not all digits of the host's: numbers here have 53 bits.
     */
    readonly identity: string;
}

/**
 * An open regular file beneath the directory that the operator granted (`--root`).
 *
 * An instance may hold 64 of them: close each, or declare it by `using`. What is still open when
 * a request has been answered, or a connection is given back, is closed then. As the body of a
 * `Response` it is sent without entering the memory of the instance, and closed by that.
 */
export class SockeyeFile implements Disposable {
    private constructor();

    /**
     * Opens the file at `path`, which is relative to the granted directory and is taken as it is:
     * no escape is read. Codes: `not-found`, `access-denied`, `is-directory`, `not-regular-file`,
     * `name-too-long`, `too-many-files`, `invalid-argument`.
     */
    static open(path: string): SockeyeFile;

    stat(): FileStat;

    /** Reads up to `length` bytes (64 KiB) from `offset`; an empty array is the end. */
    read(offset?: number, length?: number): Uint8Array;

    close(): void;
    [Symbol.dispose](): void;
}

export interface DirectoryEntry {
    readonly name: string;
    readonly kind: "regular-file" | "directory" | "symbolic-link" | "other";
}

/** Goes through the entries of a directory; `.` is the granted one. Codes as for a file. */
export function readDirectory(path: string): Generator<DirectoryEntry, void>;

/** Header lines, as the Fetch Standard has them. Values consist of bytes: U+0000 to U+00FF. */
export class Headers {
    constructor(init?: Iterable<readonly [string, string]> | Readonly<Record<string, string>>);
    append(name: string, value: string): void;
    delete(name: string): void;
    get(name: string): string | null;
    getSetCookie(): string[];
    has(name: string): boolean;
    set(name: string, value: string): void;
    forEach(callback: (value: string, name: string, headers: Headers) => void): void;
    entries(): IterableIterator<[string, string]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
}

/**
 * One request.
 *
 * Its body is received as it is read. Reading throws a `RequestError` where the client pauses for
 * more than 30 seconds, or sends what is no body; a body can be read once.
 */
export class Request {
    private constructor();
    /** In the letters of the client. */
    readonly method: string;
    /** The whole URL, normalized: dots are resolved, characters escaped. */
    readonly url: string;
    readonly headers: Headers;
    /** The body, piece by piece, whether or not there is one: `for await (const piece of body)`. */
    readonly body: AsyncIterable<Uint8Array>;
    readonly bodyUsed: boolean;
    /** The target as it was sent: path and query, or a whole URL, or `*`. */
    readonly target: string;
    /** The host and port that the request is for; empty where the client named none. */
    readonly host: string;
    readonly httpVersion: "1.0" | "1.1";
    /** Whether the client wants to keep the connection. */
    readonly keepAlive: boolean;
    /** For its addresses; what is received or sent here is missing or additional in the answer. */
    readonly connection: Connection;
    /**
     * Refuses a body of more than `bytes`, with status 413. Without this a body that is read as a
     * whole has at most 4 MiB, and one that is read piece by piece has no limit.
     */
    limitBody(bytes: number): void;
    arrayBuffer(): Promise<ArrayBuffer>;
    bytes(): Promise<Uint8Array>;
    /** Throws a `RequestError` where the body is no JSON, or nested deeper than 128. */
    json(): Promise<any>;
    text(): Promise<string>;
}

/** What an answer may consist of; pieces are sent as they come, each in a chunk of its own. */
export type Body =
    | Data
    | SockeyeFile
    | URLSearchParams
    | Iterable<Data>
    | AsyncIterable<Data>
    | null;

export interface ResponseOptions {
    /** Within 200 to 999; 200. */
    readonly status?: number | undefined;
    readonly statusText?: string | undefined;
    /**
     * `Content-Length`, `Transfer-Encoding` and `Date` are the layer's and not sent from here;
     * `Connection: close` closes the connection.
     */
    readonly headers?: ConstructorParameters<typeof Headers>[0];
}

/**
 * One answer. A body that the status or the method does not allow is dropped.
 *
 * A handler that throws answers with status 500, or 400, 408 or 413 where the client's body was at
 * fault. Where the answer has begun, the connection ends without the end of the answer, so that the
 * client can tell.
 */
export class Response {
    constructor(body?: Body, options?: ResponseOptions);
    readonly body: Body;
    readonly headers: Headers;
    readonly ok: boolean;
    readonly status: number;
    readonly statusText: string;
    static json(data: unknown, options?: ResponseOptions): Response;
    static redirect(url: string | URL, status?: number): Response;
}

/** What answers a request. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

/** What the host calls; only an export of a module makes use of it. */
export interface Exported {
    handle(connection: unknown): unknown;
}

/**
 * Makes the export `httpHandler`: a handler that answers requests, one after the other. Requests
 * that are malformed or ambiguous, too large or too slow are answered here.
 *
 * A module that exports an object with `fetch` by default, as for other servers, needs no `serve`.
 */
export function serve(handler: FetchHandler | { fetch: FetchHandler }): Exported;

/**
 * Makes the export `handler`, for any protocol but HTTP. Return the connection to hand it back: the
 * host calls again when bytes arrive, perhaps in another instance. Anything else lets it go.
 */
export function serveConnection(
    handle: (connection: Connection) => Connection | void | Promise<Connection | void>,
): Exported;

type Layer = typeof import("./sockeye.js");

declare global {
    /** Log lines of the host: `error` and `warn` on stderr, the others on stdout. */
    const console: Readonly<
        Record<"debug" | "error" | "info" | "log" | "warn", (...values: unknown[]) => void>
    >;
    const crypto: {
        getRandomValues<T extends ArrayBufferView>(array: T): T;
        randomUUID(): string;
    };

    const Headers: Layer["Headers"];
    type Headers = import("./sockeye.js").Headers;
    const Request: Layer["Request"];
    type Request = import("./sockeye.js").Request;
    const Response: Layer["Response"];
    type Response = import("./sockeye.js").Response;

    function queueMicrotask(callback: () => void): void;
    /** Waits while the handler awaits; what is due after its end never runs. */
    function setTimeout(
        callback: (...args: any[]) => void,
        milliseconds?: number,
        ...args: any[]
    ): number;
    function clearTimeout(timer: number | undefined): void;

    class TextEncoder {
        readonly encoding: string;
        encode(text?: string): Uint8Array;
    }
    /** For UTF-8 only, and whole texts. */
    class TextDecoder {
        constructor(label?: string, options?: { readonly fatal?: boolean });
        readonly encoding: string;
        decode(bytes?: ArrayBuffer | ArrayBufferView): string;
    }

    /** URLs of http and https. */
    class URL {
        constructor(url: string | URL, base?: string | URL);
        static canParse(url: string | URL, base?: string | URL): boolean;
        static parse(url: string | URL, base?: string | URL): URL | null;
        readonly protocol: string;
        readonly username: string;
        readonly password: string;
        readonly host: string;
        readonly hostname: string;
        readonly port: string;
        readonly origin: string;
        readonly href: string;
        pathname: string;
        search: string;
        hash: string;
        readonly searchParams: URLSearchParams;
        toJSON(): string;
        toString(): string;
    }
    class URLSearchParams {
        constructor(
            init?: string | Iterable<readonly [string, string]> | Readonly<Record<string, string>>,
        );
        readonly size: number;
        append(name: string, value: string): void;
        delete(name: string): void;
        get(name: string): string | null;
        getAll(name: string): string[];
        has(name: string): boolean;
        set(name: string, value: string): void;
        sort(): void;
        forEach(callback: (value: string, name: string, params: URLSearchParams) => void): void;
        entries(): IterableIterator<[string, string]>;
        keys(): IterableIterator<string>;
        values(): IterableIterator<string>;
        toString(): string;
        [Symbol.iterator](): IterableIterator<[string, string]>;
    }
}
