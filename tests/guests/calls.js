// The twin of `calls.rs`: makes any single call of the layer for JavaScript on request and answers
// with what it returned, in the same words but for the time.

import { SockeyeFile, SocketError, serveConnection } from "../sockeye/sockeye.js";

/** `''` is empty. */
function text(word) {
    return word === "''" ? "" : word;
}

function time(word) {
    if (word === "none") {
        return {};
    }
    return { timeout: word.endsWith("h") ? parseInt(word) * 3_600_000 : parseInt(word) };
}

/** Returns the fields of an answer to bytes that were received. */
function received(bytes) {
    if (bytes === undefined) {
        return "value=false";
    }
    const shown = new TextDecoder().decode(bytes).replaceAll("\r", "\\r").replaceAll("\n", "\\n");
    return `bytes=${bytes.length} text=${shown}`;
}

function withFile(path, use) {
    using file = open(path);
    return use(file);
}

/** Opens a file; where that fails, nothing was sent yet that the answer could count. */
function open(path) {
    try {
        return SockeyeFile.open(text(path));
    } catch (error) {
        throw Object.assign(error, { sent: undefined });
    }
}

/** Where in a file, from two words. */
function part(offset, length, timeout) {
    return { offset: Number(offset), length: Number(length), ...time(timeout) };
}

const COMMANDS = {
    recv: (connection, [max, timeout]) => received(connection.recv(Number(max), time(timeout))),
    "recv-until": (connection, [delimiter, max, timeout]) =>
        received(connection.recvUntil(text(delimiter), Number(max), time(timeout))),
    "next-until": (connection, [delimiter, max, timeout]) =>
        received(connection.nextUntil(text(delimiter), Number(max), time(timeout))),
    send: (connection, [bytes, timeout]) => connection.send(text(bytes), time(timeout)),
    "send-more": (connection, [bytes]) => connection.send(text(bytes), { more: true }),
    "send-filler": (connection, [count, timeout]) =>
        connection.send(new Uint8Array(Number(count)).fill(120), time(timeout)),
    sendfile: (connection, [path, ...rest]) =>
        withFile(path, (file) => `sent=${connection.sendfile(file, part(...rest))}`),
    "send-with-file": (connection, [head, path, ...rest]) =>
        withFile(path, (file) => {
            return `sent=${connection.sendWithFile(text(head), file, part(...rest))}`;
        }),
    next: (connection) => `value=${connection.next()}`,
    closing: (connection) => `value=${connection.closing()}`,
    shutdown: (connection, [how]) => connection.shutdown(how),
    "no-delay": (connection, [value]) => connection.setNoDelay(value === "on"),
    open: (_, [path]) => withFile(path, () => ""),
    stat: (_, [path]) =>
        withFile(path, (file) => {
            const { size, identity } = file.stat();
            return `size=${size} identity=${identity}`;
        }),
    read: (_, [path, offset, length]) =>
        withFile(path, (file) => received(file.read(Number(offset), Number(length)))),
};

/** Runs one command, and returns the line that answers it. */
function answer(connection, [verb, ...words]) {
    try {
        return `${verb} ok ${COMMANDS[verb](connection, words) ?? ""}\n`;
    } catch (error) {
        if (!(error instanceof SocketError)) {
            throw error;
        }
        const sends = verb.startsWith("send") && error.sent !== undefined;
        return `${verb} error=${error.code}${sends ? ` sent=${error.sent}` : ""}\n`;
    }
}

export const handler = serveConnection((connection) => {
    for (;;) {
        const line = new TextDecoder().decode(connection.recvUntil("\n", 4096));
        if (!line.endsWith("\n")) {
            return undefined;
        }
        for (const command of line.trimEnd().split(" | ")) {
            const isQuiet = command.startsWith("-");
            const words = command.slice(Number(isQuiet)).split(" ");
            if (words[0] === "hand-back" || words[0] === "let-go") {
                return words[0] === "hand-back" ? connection : undefined;
            }
            const line = answer(connection, words);
            console.log(line.trimEnd());
            if (!isQuiet) {
                connection.sendAll(line);
            }
        }
    }
});
