// `URL` and `URLSearchParams` where the engine has none: the URL Standard for http and https, and
// nothing else, because a handler is asked for nothing else.

import { decode, encode, fromLatin1, latin1 } from "./text.js";

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
const PORTS = { "http:": "80", "https:": "443" };
/** Names above ASCII would have to be written in ASCII first; a client does that. */
const HOST_FORBIDDEN = /[^!-"$&-.0-9;=A-Z_`a-z{}~]/;

/** What is not escaped, but for `%`, which may be one already. */
const IN_PATH = /[^!$-;=@-_a-z|~]/gu;
const IN_QUERY = /[^!$-&(-;=?-~]/gu;
const IN_FRAGMENT = /[^!#-;=?-_a-~]/gu;
const IN_USER = /[^!$-.0-9A-Z_a-z~%]/gu;

/** What most URLs are: nothing to resolve or to escape, no port that could be the usual one. */
const SIMPLE = new RegExp(
    "^(http:)//([a-z0-9-]+(?:\\.[a-z0-9-]+)*)(?::([1-9]\\d{2,3}))?" +
        "((?:/(?:(?![.%])[!$-.0-9:;=@-Z_a-z~]+)?)+)(\\?[!$-&(-;=?-~]+)?$",
);

export class URL {
    #protocol;
    #username = "";
    #password = "";
    #hostname;
    #port;
    #path = "/";
    #search = "";
    #hash = "";
    #params;

    constructor(url, base) {
        const simple = base === undefined ? SIMPLE.exec(url) : null;
        if (simple !== null) {
            [, this.#protocol, this.#hostname, this.#port = "", this.#path] = simple;
            this.#search = simple[5] ?? "";
            return;
        }
        const trimmed = String(url).replace(/^[\x00-\x20]+|[\x00-\x20]+$/g, "");
        const text = trimmed.replace(/[\t\n\r]/g, "");
        const scheme = SCHEME.exec(text);
        if (scheme === null && base === undefined) {
            throw invalid(url);
        }
        let from = scheme === null ? new URL(base) : undefined;
        this.#protocol = scheme === null ? from.protocol : scheme[0].toLowerCase();
        if (!(this.#protocol in PORTS)) {
            throw invalid(url);
        }
        let rest = scheme === null ? text : text.slice(scheme[0].length);
        if (scheme !== null || /^[/\\]{2}/.test(rest)) {
            const authority = /^[/\\]*([^/\\?#]*)/.exec(rest);
            this.#readAuthority(authority[1], url);
            rest = rest.slice(authority[0].length);
            from = undefined;
        } else {
            this.#username = from.#username;
            this.#password = from.#password;
            this.#hostname = from.#hostname;
            this.#port = from.#port;
        }
        const [, path, query, fragment] = /^([^?#]*)(\?[^#]*)?(#.*)?$/su.exec(rest);
        if (from !== undefined && path === "") {
            this.#path = from.#path;
            this.#search = query === undefined ? from.#search : "";
        } else {
            const isRelative = from !== undefined && !/^[/\\]/.test(path);
            const folder = isRelative ? from.#path.slice(0, from.#path.lastIndexOf("/") + 1) : "";
            this.pathname = folder + path;
        }
        if (query !== undefined) {
            this.search = query;
        }
        this.hash = fragment ?? "";
    }

    static canParse(url, base) {
        return URL.parse(url, base) !== null;
    }

    static parse(url, base) {
        try {
            return new URL(url, base);
        } catch {
            return null;
        }
    }

    get protocol() {
        return this.#protocol;
    }

    get username() {
        return this.#username;
    }

    get password() {
        return this.#password;
    }

    get hostname() {
        return this.#hostname;
    }

    get port() {
        return this.#port;
    }

    get host() {
        return this.#port === "" ? this.#hostname : `${this.#hostname}:${this.#port}`;
    }

    get origin() {
        return `${this.#protocol}//${this.host}`;
    }

    get pathname() {
        return this.#path;
    }

    set pathname(path) {
        // At once, because a path may have thousands of parts.
        const text = String(path).replace(/\\/g, "/").replace(/^\//, "");
        const escaped = escapeAll(text, IN_PATH);
        const dotted = escaped.replace(/%2e/gi, ".");
        if (!/(?:^|\/)\.\.?(?:\/|$)/.test(dotted)) {
            this.#path = `/${escaped}`;
            return;
        }
        const parts = escaped.split("/");
        const kept = [];
        dotted.split("/").forEach((dots, at) => {
            if (dots === "..") {
                kept.pop();
            }
            if (dots !== "." && dots !== "..") {
                kept.push(parts[at]);
            } else if (at === parts.length - 1) {
                kept.push("");
            }
        });
        this.#path = `/${kept.join("/")}`;
    }

    get search() {
        return this.#search;
    }

    set search(query) {
        const text = String(query).replace(/^\?/, "");
        this.#search = text === "" ? "" : `?${escapeAll(text, IN_QUERY)}`;
        this.#params?.replace(text);
    }

    get searchParams() {
        const changed = (text) => (this.#search = text === "" ? "" : `?${text}`);
        this.#params ??= new URLSearchParams(this.#search, changed);
        return this.#params;
    }

    get hash() {
        return this.#hash;
    }

    set hash(fragment) {
        const text = String(fragment).replace(/^#/, "");
        this.#hash = text === "" ? "" : `#${escapeAll(text, IN_FRAGMENT)}`;
    }

    get href() {
        const password = this.#password === "" ? "" : `:${this.#password}`;
        const user = this.#username + password === "" ? "" : `${this.#username}${password}@`;
        const place = this.#path + this.#search + this.#hash;
        return `${this.#protocol}//${user}${this.host}${place}`;
    }

    toString() {
        return this.href;
    }

    toJSON() {
        return this.href;
    }

    #readAuthority(authority, url) {
        const at = authority.lastIndexOf("@");
        const user = authority.slice(0, Math.max(at, 0));
        const [, username, password = ""] = /^([^:]*)(?::(.*))?$/su.exec(user);
        this.#username = escapeAll(username, IN_USER);
        this.#password = escapeAll(password, IN_USER);
        const host = /^(\[[0-9A-Fa-f:.]+\]|[^:]+)(?::(\d*))?$/.exec(authority.slice(at + 1));
        const name = host === null ? "" : unescapeAll(host[1].replace(/\+/g, "%2B")).toLowerCase();
        if (name === "" || (!name.startsWith("[") && HOST_FORBIDDEN.test(name))) {
            throw invalid(url);
        }
        const port = String(Number(host[2] ?? ""));
        if (Number(port) > 0xffff) {
            throw invalid(url);
        }
        this.#hostname = name;
        this.#port = !host[2] || port === PORTS[this.#protocol] ? "" : port;
    }
}

export class URLSearchParams {
    #pairs = [];
    #changed;

    constructor(init = "", changed = () => {}) {
        if (typeof init === "object" && init !== null) {
            const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
            this.#pairs = Array.from(pairs, ([name, value]) => [String(name), String(value)]);
        } else {
            this.replace(String(init).replace(/^\?/, ""));
        }
        this.#changed = changed;
    }

    /** Takes another query in place of this one. Not in the standard: `URL` calls it. */
    replace(query) {
        const parts = query.split("&").filter((part) => part !== "");
        this.#pairs = parts.map((part) => {
            const [, name, value = ""] = /^([^=]*)=?(.*)$/su.exec(part);
            return [unescapeAll(name), unescapeAll(value)];
        });
    }

    get size() {
        return this.#pairs.length;
    }

    append(name, value) {
        this.#update([...this.#pairs, [String(name), String(value)]]);
    }

    delete(name) {
        this.#update(this.#pairs.filter(([other]) => other !== String(name)));
    }

    get(name) {
        return this.getAll(name)[0] ?? null;
    }

    getAll(name) {
        const pairs = this.#pairs.filter(([other]) => other === String(name));
        return pairs.map(([, value]) => value);
    }

    has(name) {
        return this.getAll(name).length > 0;
    }

    set(name, value) {
        const at = this.#pairs.findIndex(([other]) => other === String(name));
        const others = this.#pairs.filter(([other]) => other !== String(name));
        others.splice(at < 0 ? others.length : at, 0, [String(name), String(value)]);
        this.#update(others);
    }

    sort() {
        this.#update(this.#pairs.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))));
    }

    forEach(callback, thisArg) {
        for (const [name, value] of this) {
            callback.call(thisArg, value, name, this);
        }
    }

    *entries() {
        for (const [name, value] of this.#pairs) {
            yield [name, value];
        }
    }

    *keys() {
        for (const [name] of this) {
            yield name;
        }
    }

    *values() {
        for (const [, value] of this) {
            yield value;
        }
    }

    [Symbol.iterator]() {
        return this.entries();
    }

    toString() {
        const form = (text) => escapeAll(text, /[^*\-.0-9A-Z_a-z ]/gu).replaceAll(" ", "+");
        return this.#pairs.map(([name, value]) => `${form(name)}=${form(value)}`).join("&");
    }

    #update(pairs) {
        this.#pairs = pairs;
        this.#changed(this.toString());
    }
}

/** Escapes the bytes of every character in `text` that matches. */
function escapeAll(text, characters) {
    return text.toWellFormed().replace(characters, (character) => {
        const escaped = encodeURIComponent(character);
        // That leaves some alone which are escaped here.
        const code = () => character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
        return escaped.length > 1 ? escaped : `%${code()}`;
    });
}

/** Reads escapes and `+`; what is no UTF-8 becomes U+FFFD, and what is no escape stays. */
function unescapeAll(text) {
    const bytes = latin1(encode(text.replaceAll("+", " ")));
    const byte = (_, digits) => String.fromCharCode(parseInt(digits, 16));
    const read = bytes.replace(/%([0-9A-Fa-f]{2})/g, byte);
    return decode(fromLatin1(read));
}

function invalid(url) {
    return new TypeError(`not a URL of http or https: \`${url}\``);
}
