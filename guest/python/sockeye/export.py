"""What makes a function the handler that the host calls."""

import gc
import sys
import traceback
from collections.abc import Callable

from .connection import Connection
from .files import close_all


def handler(handle: Callable[[Connection], Connection | None]) -> type:
    """Returns the class that has to stand in the module as `Handler` or as `HttpHandler`.

    As `Handler`, `handle` is called when a connection is accepted; as `HttpHandler`, when a whole
    request head has arrived. It returns the connection to hand it back: the host parks it and
    calls again when bytes arrive, perhaps in another instance. It returns None to let it go: the
    host sends what is left and closes it in an orderly way.

    An exception that leaves `handle` goes to stderr, which the host logs, and closes the
    connection. The instance lives on.
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
            except BaseException:
                handed_back = None
                log_exception("handler failed")
            close_all()
            return connection._release(handed_back is not None)

    # Lines are lines of the log: not kept until some buffer is full.
    sys.stdout.reconfigure(line_buffering=True)
    # What exists now is a part of the component. The collector would look at all of it again and
    # again, and every instance would get a copy of the pages that it writes to.
    gc.collect()
    gc.freeze()
    return Handler


def log_exception(what: str) -> None:
    """Writes the exception that is being handled to stderr."""
    try:
        print(what, file=sys.stderr)
        traceback.print_exc()
    # Out of memory, perhaps. There is nobody else to tell.
    except BaseException:
        pass
