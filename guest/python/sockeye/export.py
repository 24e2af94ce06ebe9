"""What makes a function the handler that the host calls."""

import codecs
import sys
import traceback
from collections.abc import Callable

from .connection import Connection
from .files import close_all

# Python imports a codec when it is first used, and at run time there is no file to import from.
# These are what a client's JSON can be in, and what else is common.
for name in ("ascii", "cp1252", "idna", "latin-1", "utf-8-sig"):
    codecs.lookup(name)
for name in ("utf-16", "utf-32"):
    for order in ("", "-be", "-le"):
        codecs.lookup(name + order)


def handler(handle: Callable[[Connection], Connection | None]) -> type:
    """Returns the class that has to stand in the module as `Handler` or as `HttpHandler`.

    As `Handler`, `handle` is called when a connection is accepted; as `HttpHandler`, when a whole
    request head has arrived. It returns the connection to hand it back: the host parks it and
    calls again when bytes arrive, perhaps in another instance. It returns None to let it go: the
    host sends what is left and closes it in an orderly way.

    An exception that leaves `handle` closes the connection, and the instance lives on. It goes to
    stderr, which the host logs, unless it is a ConnectionError or a TimeoutError: what a client
    does is no news for the operator.
    """

    class Handler:
        def handle(self, raw):
            connection = Connection(raw)
            handed_back = None
            try:
                handed_back = handle(connection)
                if handed_back is not None and handed_back is not connection:
                    raise TypeError("a handler returns its connection or None")
            # Whatever it is, SystemExit included: what leaves this method is a trap.
            except BaseException as error:
                handed_back = None
                if not isinstance(error, ConnectionError | TimeoutError):
                    log_exception("handler failed")
            close_all()
            return connection._release(handed_back is not None)

    # Lines are lines of the log: not kept until some buffer is full.
    sys.stdout.reconfigure(line_buffering=True)
    return Handler


def log_exception(what: str) -> None:
    """Writes the exception that is being handled to stderr."""
    try:
        print(what, file=sys.stderr)
        traceback.print_exc()
    # Out of memory, perhaps. There is nobody else to tell.
    except BaseException:
        pass
