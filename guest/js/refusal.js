// Why a request is refused: the status of the answer, and one line for the person with curl.

import { SocketError } from "./connection.js";

/** A request that is malformed or ambiguous, too large or too slow. */
export class RequestError extends SocketError {
    constructor(status, code, text) {
        super(code, 0, text);
        this.name = "RequestError";
        this.status = status;
    }
}

/** A request that is malformed or ambiguous. */
export function bad(text) {
    return new RequestError(400, "malformed", text);
}

/** A request that is right and asks for what is not spoken here. */
export function unsupported(status, text) {
    return new RequestError(status, "not-supported", text);
}

export function tooLarge(status, what, max, unit = "bytes") {
    return new RequestError(status, "too-large", `${what} ${max} ${unit}`);
}

export function tooSlow(what) {
    return new RequestError(408, "timeout", `${what} came too slowly`);
}
