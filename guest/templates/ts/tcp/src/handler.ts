// Sends every line back, and ends on `quit`.

import { SocketError, serveConnection, type Connection } from "../sockeye/sockeye.js";

/** The longest line, its LF included. */
const LINE_BYTES_MAX = 4096;

/** How long a line may take, in milliseconds. */
const LINE_TIMEOUT = 30_000;

export const handler = serveConnection((connection) => {
    try {
        do {
            const line = connection.recvUntil("\n", LINE_BYTES_MAX, { timeout: LINE_TIMEOUT });
            const text = new TextDecoder().decode(line);
            if (/^quit\r?\n$/.test(text)) {
                return undefined;
            }
            connection.sendAll(line);
            if (!text.endsWith("\n")) {
                return undefined; // The client has closed its side.
            }
        } while (connection.next());
        // Idle, it costs no instance; the next bytes call the handler again.
        return connection;
    } catch (error) {
        return end(connection, error);
    }
});

function end(connection: Connection, error: unknown): Connection | undefined {
    const code = error instanceof SocketError ? error.code : undefined;
    if (code === "timeout" && isIdle(connection)) {
        return connection;
    }
    if (code === "timeout" || code === "too-large") {
        connection.send(code === "timeout" ? "timeout\n" : "line too long\n");
        return undefined;
    }
    throw error;
}

/** Says whether nothing came, rather than the start of a line that is never finished. */
function isIdle(connection: Connection): boolean {
    try {
        connection.recv(1, { timeout: 0 });
        return false;
    } catch {
        return true;
    }
}
