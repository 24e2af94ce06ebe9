// Request heads: a pure function from a text to what it says, and everything that makes a request
// malformed or ambiguous (RFC 9112).
//
// A head is Latin-1 here, a character for each byte. Where the RFC leaves a choice between
// tolerating and refusing, a head is refused: two readers that tolerate differently are how
// requests are smuggled.

import { isToken, isValue, trim } from "./headers.js";
import { bad, tooLarge, unsupported } from "./refusal.js";
import { strict } from "./text.js";

/** The largest head that is received; the host's own default. */
export const HEAD_BYTES_MAX = 16 * 1024;

const HEADER_LINES_MAX = 100;

/** RFC 9112 section 3 asks for request lines of at least 8,000 bytes. */
const TARGET_BYTES_MAX = 8000;

const LENGTH_END = 2n ** 64n;

/** Characters of a registered name; a comma, which RFC 3986 allows, is what joins two lines. */
const HOST = /^(?:[-._~!$&'()*+;=0-9A-Za-z]|%[0-9A-Fa-f]{2})*(?::[0-9]*)?$/;
const HOST_IN_BRACKETS = /^\[([^\]]*)\](?::[0-9]*)?$/;
const ADDRESS_TO_COME = /^v[0-9a-f]+\.[-._~!$&'()*+;=:0-9a-z]+$/i;
const ABSOLUTE = /^https?:\/\/([^/?]*)(.*)$/is;

/** What there is to know of a list in Connection, and what there may be in one of Expect. */
const OPTIONS = /(?<![^,])[ \t]*(close|keep-alive|content-length|transfer-encoding)[ \t]*(?![^,])/g;
const EXPECTATIONS = /^(?:[ \t,]|(?<![^ \t,])100-continue(?=[ \t]*(?:,|$)))*$/i;

/** Returns what the head `text` says; throws why it is refused. */
export function parseHead(text) {
    const { method, target, version, fields } = readLines(text);
    const old = version === "1.0";
    const rules = applyRules(fields, old);
    if (rules.isChunked && rules.length !== undefined) {
        throw bad("a request has no Content-Length with a Transfer-Encoding");
    }
    if (rules.host === undefined && !old) {
        throw bad("a request has exactly one Host line");
    }
    // Answered like another method, it would begin a tunnel (RFC 9110 section 9.3.6): what the
    // client sends into it must never be taken for requests.
    if (method === "CONNECT") {
        throw unsupported(501, "CONNECT is not implemented");
    }
    const absolute = ABSOLUTE.exec(target);
    const path = absolute === null ? target : absolute[2].replace(/^(?!\/)/, "/");
    const length = rules.isChunked ? undefined : (rules.length ?? 0);
    return {
        method,
        target,
        version,
        fields,
        length,
        host: absolute?.[1] ?? rules.host ?? "",
        path: path === "*" ? "/" : path,
        keepAlive: !rules.options.has("close") && (!old || rules.options.has("keep-alive")),
        // A client of HTTP/1.0 is never asked, nor one that has no body (RFC 9110 section 10.1.1).
        expectsContinue: rules.expects && !old && length !== 0,
    };
}

/** Returns the method that a head begins with, where it is one, however bad the rest is. */
export function methodOf(text) {
    const [method] = firstLine(text).split(" ", 1);
    return isToken(method) ? method : "";
}

/** Says why a head is refused that goes on after `text`, which is as much as a head may have. */
export function headTooLarge(text) {
    const target = firstLine(text).split(" ")[1] ?? "";
    return target.length > TARGET_BYTES_MAX
        ? tooLarge(414, "request target is longer than", TARGET_BYTES_MAX)
        : tooLarge(431, "request head is larger than", HEAD_BYTES_MAX);
}

function firstLine(text) {
    return text.trimStart().split("\n", 1)[0];
}

function readLines(text) {
    if (text.length > HEAD_BYTES_MAX) {
        throw headTooLarge(text);
    }
    // Empty lines in front of a request are ignored (RFC 9112 section 2.2).
    const lines = text.replace(/^(?:\r\n)+/, "").split("\r\n");
    const [requestLine] = lines;
    if (lines.some((line) => /[\r\n]/.test(line))) {
        throw bad("a line of the request head does not end in CR LF");
    }
    const words = requestLine.split(" ");
    const [method, target, version] = words;
    const visible = /^[^\x00-\x20\x7f]+$/;
    if (words.length !== 3 || !isToken(method) || !visible.test(target)) {
        throw bad("request line is not a method, a target and a version with single spaces");
    }
    if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
        throw /^HTTP\/\d\.\d$/.test(version)
            ? unsupported(505, "no versions but 1.0 and 1.1 are spoken")
            : bad("request line does not end in a version of HTTP");
    }
    if (lines.length < 3 || lines.pop() !== "" || lines.pop() !== "") {
        throw bad("request head has no end");
    }
    if (lines.length - 1 > HEADER_LINES_MAX) {
        throw tooLarge(431, "request has more than", HEADER_LINES_MAX, "header lines");
    }
    if (target.length > TARGET_BYTES_MAX) {
        throw tooLarge(414, "request target is longer than", TARGET_BYTES_MAX);
    }
    const decoded = strict(target);
    if (decoded === undefined || !isTarget(method, decoded)) {
        throw bad("request target has no form that fits the method");
    }
    return {
        method,
        target: decoded,
        version: version.slice(-3),
        fields: lines.slice(1).map(readField),
    };
}

function readField(line) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1);
    // A folded line begins with a blank, which no name has (RFC 9112 section 5.2).
    if (!isToken(name)) {
        throw bad("a header line does not begin with a name and a colon");
    }
    if (!isValue(value)) {
        throw bad("a header value contains what it cannot");
    }
    return [name, trim(value)];
}

function isTarget(method, target) {
    if (target.includes("#")) {
        return false;
    }
    if (method === "CONNECT") {
        return isNamedHost(target) && /:[0-9]+$/.test(target);
    }
    if (target.startsWith("/") || (target === "*" && method === "OPTIONS")) {
        return true;
    }
    const absolute = ABSOLUTE.exec(target);
    return absolute !== null && isNamedHost(absolute[1]);
}

/** Checks a host that names somebody (RFC 9110 section 4.2.1). */
function isNamedHost(text) {
    return text !== "" && !text.startsWith(":") && isHost(text);
}

/** Checks `uri-host [ ":" port ]`, which may be empty. */
function isHost(text) {
    const bracketed = HOST_IN_BRACKETS.exec(text)?.[1];
    if (bracketed === undefined) {
        return HOST.test(text);
    }
    return ADDRESS_TO_COME.test(bracketed) || isAddress(bracketed);
}

/** Checks an address of version 6 (RFC 3986 section 3.2.2). */
function isAddress(text) {
    const v4 = /(?:^|:)((?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4})$/.exec(text);
    // It stands for two groups.
    const groups = v4 === null ? text : `${text.slice(0, -v4[1].length)}0:0`;
    const halves = groups.split("::");
    const count = halves
        .flatMap((half) => (half === "" ? [] : half.split(":")))
        .reduce((sum, group) => (/^[0-9A-Fa-f]{1,4}$/.test(group) ? sum + 1 : NaN), 0);
    return halves.length === 1 ? count === 8 : halves.length === 2 && count < 8;
}

/** Says what the lines say about the message as a whole: where it ends, whose it is. */
function applyRules(fields, old) {
    const rules = {
        host: undefined,
        length: undefined,
        isChunked: false,
        expects: false,
        options: new Set(),
    };
    for (const [name, value] of fields) {
        switch (name.toLowerCase()) {
            case "host":
                if (rules.host !== undefined) {
                    throw bad("a request has exactly one Host line");
                }
                if (!isHost(value)) {
                    throw bad("Host is not a host and perhaps a port");
                }
                rules.host = value;
                break;
            case "content-length":
                if (rules.length !== undefined) {
                    throw bad("a request has at most one Content-Length line");
                }
                if (!/^[0-9]+$/.test(value) || BigInt(value) >= LENGTH_END) {
                    throw bad("Content-Length is not a number below 2^64");
                }
                rules.length = Number(value);
                break;
            case "transfer-encoding":
                checkCoding(value, old, rules.isChunked);
                rules.isChunked = true;
                break;
            case "connection":
                for (const [, option] of value.toLowerCase().matchAll(OPTIONS)) {
                    // A proxy would remove the line (RFC 9110 section 7.6.1): one reader has a body
                    // then and the other has none.
                    if (option === "content-length" || option === "transfer-encoding") {
                        throw bad("Connection names a line that frames the body");
                    }
                    rules.options.add(option);
                }
                break;
            case "expect":
                if (!EXPECTATIONS.test(value)) {
                    throw unsupported(417, "no expectation but 100-continue can be met");
                }
                rules.expects ||= /\d/.test(value);
                break;
        }
    }
    return rules;
}

/** Accepts `chunked` alone: nothing else is implemented, and chunked has to come last and once. */
function checkCoding(value, old, again) {
    if (old) {
        throw bad("version 1.0 has no Transfer-Encoding");
    }
    const codings = list(value);
    const chunked = codings.filter((coding) => coding === "chunked").length;
    const misplaced = chunked > 1 || (chunked === 1 && codings.at(-1) !== "chunked");
    if (again || misplaced || codings.includes("")) {
        throw bad("Transfer-Encoding is not a list with one chunked at its end");
    }
    if (codings.length !== 1 || chunked !== 1) {
        throw unsupported(501, "no Transfer-Encoding but chunked is implemented");
    }
}

/** Returns the elements of a comma-separated list in small letters. */
function list(value) {
    return value.split(",").map((element) => trim(element).toLowerCase());
}
