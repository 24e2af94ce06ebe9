// What this handler answers.

import { percentDecode, Request, serve } from "./http";
import { ErrorCode, File } from "./sockeye";

export { cabi_realloc } from "./sockeye";

/** Called for every connection with a request. */
export function handle(connection: i32): usize {
  return serve(connection, answer);
}

function answer(request: Request): void {
  if (request.path == "/") {
    if (request.allow("GET, HEAD")) request.respond("Hello, World!\n");
  } else if (request.path == "/echo") {
    if (request.allow("POST")) echo(request);
  } else if (request.path.startsWith("/files/")) {
    if (request.allow("GET, HEAD")) sendFile(request, request.path.substring("/files/".length));
  } else {
    request.respond("not found\n", 404);
  }
}

/** Sends a body back while it is received, however long it is. */
function echo(request: Request): void {
  request.stream(request.contentLength, 200, "application/octet-stream");
  let piece = request.read();
  while (piece && request.write(piece)) piece = request.read();
}

/** Sends a file of the directory that `sockeye serve --root` grants. */
function sendFile(request: Request, name: string): void {
  const path = percentDecode(name);
  if (!path) return request.respond("not found\n", 404);
  const file = File.open(path);
  switch (file.error) {
    case ErrorCode.None:
      request.respondFile(file.value, "application/octet-stream");
      return file.value.close();
    case ErrorCode.NotFound:
    case ErrorCode.AccessDenied:
    case ErrorCode.IsDirectory:
    case ErrorCode.NotRegularFile:
    case ErrorCode.NameTooLong:
    case ErrorCode.InvalidArgument:
      return request.respond("not found\n", 404);
    default:
      request.respond("the file cannot be opened\n", 500);
  }
}
