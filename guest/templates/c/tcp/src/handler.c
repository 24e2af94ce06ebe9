/* Sends every line back, and ends on `quit`. All calls are in sockeye/sockeye.h. */
#include "sockeye.h"

#include <errno.h>
#include <string.h>

/* The longest line that is sent back, its end included. */
#define LINE_BYTES_MAX 4096

/* How long a line may take; a client that sends nothing for as long is handed back. */
#define LINE_TIMEOUT (30 * SOCKEYE_SECOND)

/* Sends a string before the connection is let go. */
static bool let_go(sockeye_connection connection, const char *text) {
    (void)sockeye_send(connection, text, strlen(text), SOCKEYE_MORE, SOCKEYE_NO_TIMEOUT);
    return false;
}

/* Says whether nothing came, rather than the start of a line that is never finished. */
static bool is_idle(sockeye_connection connection) {
    char byte;
    return sockeye_recv(connection, &byte, 1, 0) < 0 && errno == ETIMEDOUT;
}

/* Returns true to hand the connection back until bytes arrive, and false to let it go. */
static bool serve(sockeye_connection connection) {
    static char line[LINE_BYTES_MAX];
    do {
        ssize_t size = sockeye_recv_until(connection, "\n", line, sizeof line, LINE_TIMEOUT);
        if (size < 0 && errno == ETIMEDOUT) {
            return is_idle(connection) || let_go(connection, "timeout\n");
        }
        if (size < 0) {
            return errno == EMSGSIZE && let_go(connection, "line too long\n");
        }
        bool is_quit = (size == 5 && memcmp(line, "quit\n", 5) == 0) ||
                       (size == 6 && memcmp(line, "quit\r\n", 6) == 0);
        /* Without its end, this is what came before the client closed its side, or nothing. */
        if (size == 0 || is_quit || sockeye_send(connection, line, size, 0, LINE_TIMEOUT) < 0) {
            return false;
        }
    } while (sockeye_next(connection));
    return true;
}

SOCKEYE_HANDLER(serve)
