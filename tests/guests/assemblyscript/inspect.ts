// The twin of inspect.rs: answers with what the template for AssemblyScript made of a request.

import { Request, serve } from "./http";

export { cabi_realloc } from "./sockeye";

/** What `/limit` and `/early` read. */
const BODY_BYTES_MAX = 10;

export function handle(connection: i32): usize {
  return serve(connection, answer);
}

function answer(request: Request): void {
  const path = request.path;
  if (path == "/limit" || path == "/early") request.bodyBytesMax = BODY_BYTES_MAX;
  if (path == "/early") {
    request.stream(-1, 200, "text/plain");
    let piece = request.read();
    while (piece && request.write(piece)) piece = request.read();
    return;
  }
  const head = request.head;
  const version = head.isOld ? "1.0" : "1.1";
  const keep = head.keepAlive ? "true" : "false";
  const seen = `host=${hostOf(request)} version=${version} keep=${keep} body=`;
  const text = String.UTF8.encode(`${request.method} ${head.target} ${seen}`);
  const body = joined(Uint8Array.wrap(text), path == "/unread" ? null : request);
  if (path == "/stream") {
    request.stream(-1, 200, "text/plain");
    for (let at = 0; at < body.length; at++) {
      // Every byte is a chunk of its own.
      request.write(body.subarray(at, at + 1));
      request.flush();
    }
    return;
  }
  const status = path.startsWith("/status/") ? I32.parseInt(path.substring(8)) : 200;
  request.respondBytes(status == 205 ? new Uint8Array(0) : body, status, "text/plain");
}

/** The host that the target names, or else the header line. */
function hostOf(request: Request): string {
  const target = request.head.target;
  const at = target.indexOf("://");
  if (target.startsWith("/") || at < 0) {
    const host = request.head.header("host");
    return host ? host : "";
  }
  const rest = target.substring(at + 3);
  let end = 0;
  while (end < rest.length && rest.charAt(end) != "/" && rest.charAt(end) != "?") end++;
  return rest.substring(0, end);
}

/** What comes first, and behind it the body of a request. */
function joined(first: Uint8Array, request: Request | null): Uint8Array {
  const pieces = [first];
  let length = first.length;
  let piece = request ? request.read() : null;
  while (piece && request) {
    pieces.push(piece);
    length += piece.length;
    piece = request.read();
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (let number = 0; number < pieces.length; number++) {
    all.set(pieces[number], at);
    at += pieces[number].length;
  }
  return all;
}
