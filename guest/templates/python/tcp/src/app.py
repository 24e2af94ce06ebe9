"""my-handler: sends every line back, until one says `quit`."""

from sockeye import Connection, handler

# The longest line that is sent back whole, its LF included.
LINE_BYTES_MAX = 4096

# How long a line may take, in seconds.
LINE_TIMEOUT = 30.0


def echo(connection: Connection) -> Connection | None:
    connection.timeout = LINE_TIMEOUT
    while True:
        try:
            line = connection.readline(LINE_BYTES_MAX)
        except TimeoutError:
            if is_idle(connection):
                # The host keeps it, and calls `echo` again when bytes arrive.
                return connection
            connection.send(b"timeout\n")
            return None
        # At the end of the stream, `line` is what came before that, or nothing.
        if line.rstrip(b"\r\n") == b"quit" or not line:
            return None
        connection.send(line)
        # A host that wants the instance for another connection says so here.
        if not connection.next():
            return connection


def is_idle(connection: Connection) -> bool:
    """Says whether nothing came, rather than the start of a line that is never finished."""
    try:
        connection.recv(1, timeout=0)
    except TimeoutError:
        return True
    return False


# What the host calls for every connection.
Handler = handler(echo)
