// A protocol of lines: sends every line back, and ends on `quit`.

import { Connection, ErrorCode, SECOND } from "./sockeye";

export { cabi_realloc } from "./sockeye";

/** The longest line, its line feed included. */
const LINE_BYTES_MAX = 4096;

/** How long a line may take. */
const LINE_TIMEOUT = 30 * SECOND;

const LINE_FEED: u8 = 10;

/** Called for every client that has connected. */
export function handle(number: i32): usize {
  const connection = new Connection(number);
  // Each call serves at least one line before it asks `next`, whether the host says yes or no.
  do {
    const line = connection.recvUntil("\n", LINE_BYTES_MAX, LINE_TIMEOUT);
    if (line.error == ErrorCode.Timeout) {
      // An idle client costs no instance: its next bytes call `handle` again.
      if (isIdle(connection)) return connection.handBack();
      connection.sendText("timeout\n");
    } else if (line.error == ErrorCode.TooLarge) {
      connection.sendText("line too long\n");
    }
    if (!line.isOk || !echo(connection, line.value)) return connection.letGo();
  } while (connection.next());
  return connection.handBack();
}

/** Sends one line back, and says whether there may be more. */
function echo(connection: Connection, line: Uint8Array): bool {
  const text = String.UTF8.decode(line.buffer);
  if (text == "quit\n" || text == "quit\r\n") return false;
  // Without a line feed, this is what came before the client closed its side.
  return connection.send(line).isOk && line.length > 0 && line[line.length - 1] == LINE_FEED;
}

/** Says whether nothing came, rather than the start of a line. */
function isIdle(connection: Connection): bool {
  return connection.recv(1, 0).error == ErrorCode.Timeout;
}
