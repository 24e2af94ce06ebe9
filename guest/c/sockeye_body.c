/* The body of a request: received as it is read, decoded in the reader's own buffer, never held.
 *
 * The host gives bytes once and takes none back, so no call may receive more than the body: every
 * state knows how much is certain to belong to it. In the steady state that is a chunk and nearly
 * all of the next one's size line, one call for each chunk. */
#include "sockeye_http_parts.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* The most digits of a chunk size, leading zeros included. */
#define SIZE_DIGITS_MAX 16

/* The most bytes that the extensions of all chunks of a body together may have, with the blanks
 * around them. RFC 9112 section 7.1.1 asks for a limit on their total: nothing else bounds how much
 * a client sends for one byte of data. */
#define EXTENSION_BYTES_MAX (16 * 1024)

/* The most bytes that all trailer lines together may have. */
#define TRAILER_BYTES_MAX 4096

static const struct sockeye_refusal_ BAD_CHUNK[] = {{400, "request body is malformed as chunks\n"}};
static const struct sockeye_refusal_ CUT[] = {{400, "request body ended before its end\n"}};
static const struct sockeye_refusal_ TOO_SLOW[] = {{408, "request body came too slowly\n"}};
static char too_large[64];
static const struct sockeye_refusal_ TOO_LARGE[] = {{413, too_large}};

/* What comes next in a chunked body. In an extension it is what the last byte was a part of. */
enum state {
    SIZE,
    EXTENSION_BLANK, /* in front of a semicolon */
    EXTENSION_SEMICOLON,
    EXTENSION_NAME,
    EXTENSION_NAME_BLANK, /* behind a name: another extension or a value may follow */
    EXTENSION_EQUALS,
    EXTENSION_VALUE,
    EXTENSION_QUOTED,
    EXTENSION_BACKSLASH,
    EXTENSION_UNQUOTED, /* the end of a quotation */
    SIZE_LF,
    DATA, /* up to here, there is `size` */
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    DONE,
    MALFORMED,
};

/* How many bytes there are at least before the data of the chunk, and behind it before the end. */
static const uint8_t NEEDED[] = {
    [SIZE] = 2, /* behind a digit */
    [EXTENSION_BLANK] = 4,
    [EXTENSION_SEMICOLON] = 3,
    [EXTENSION_NAME] = 2,
    [EXTENSION_NAME_BLANK] = 4,
    [EXTENSION_EQUALS] = 3,
    [EXTENSION_VALUE] = 2,
    [EXTENSION_QUOTED] = 3,
    [EXTENSION_BACKSLASH] = 4,
    [EXTENSION_UNQUOTED] = 2,
    [SIZE_LF] = 1,
    [DATA] = 0,
    [DATA_CR] = 7,
    [DATA_LF] = 6,
    [TRAILER_START] = 2,
    [TRAILER_NAME] = 5,
    [TRAILER_VALUE] = 4,
    [TRAILER_LF] = 3,
    [END_LF] = 1,
    [DONE] = 0,
    /* Where it ends is unknown. A handler may go on after that, but the connection must not: it is
     * never at the end of the body. */
    [MALFORMED] = 1,
};

/* `0 CR LF CR LF`, the shortest end of a body. */
#define END_BYTES 5

static struct {
    bool is_chunked;
    enum state state;
    /* What is left of the chunk, or its size as far as it is known; or what is left of the body. */
    uint64_t size;
    /* How many digits of this size, or bytes of trailers, there were. */
    unsigned count;
    unsigned extension_bytes;
    /* The client waits to be asked for the body. */
    bool owes_continue;
    /* How many bytes were handed out, and how many may be. */
    uint64_t given, given_max;
    /* Why no more can be read, as errno has it, or 0; and what the client deserves for it. */
    int error;
    sockeye_refusal_ refusal;
    /* It was this side that has ended the reading. */
    bool is_forgone;
} body;

static uint64_t add_saturating(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Returns how many more bytes the body has at least: 0 only at its end. */
static uint64_t needed(void) {
    if (!body.is_chunked) {
        return body.size;
    }
    if (body.state > DATA) {
        return NEEDED[body.state];
    }
    if (body.state == SIZE && body.count == 0) {
        return END_BYTES;
    }
    /* Behind a size of 0 comes an empty line, and behind data its line end and the last chunk. */
    uint64_t behind = body.size == 0 ? 2 : 2 + END_BYTES;
    return add_saturating(body.size, behind + NEEDED[body.state]);
}

/* Counts one more of what there may be `max` of. */
static enum state counted(unsigned max, enum state state) {
    return ++body.count > max ? MALFORMED : state;
}

/* Takes one byte of `*( BWS ";" BWS name [ BWS "=" BWS value ] )`, where a name is a token, and a
 * value a token or a quoted string (RFC 9112 section 7.1.1), behind one in the state `from`.
 *
 * They are dropped, but not whatever they are: a reader that knows quotations goes on behind the
 * end of a line that leaves one open, and the next chunk is its text. */
static enum state extension(enum state from, char byte) {
    bool is_blank = byte == ' ' || byte == '\t';
    if (++body.extension_bytes > EXTENSION_BYTES_MAX) {
        return MALFORMED;
    }
    switch (from) {
    case EXTENSION_QUOTED:
        if (byte == '"' || byte == '\\') {
            return byte == '"' ? EXTENSION_UNQUOTED : EXTENSION_BACKSLASH;
        }
        __attribute__((fallthrough));
    case EXTENSION_BACKSLASH:
        return sockeye_is_(SOCKEYE_VALUE_, byte) ? EXTENSION_QUOTED : MALFORMED;
    case EXTENSION_SEMICOLON:
        return is_blank ? from : sockeye_is_(SOCKEYE_TOKEN_, byte) ? EXTENSION_NAME : MALFORMED;
    case EXTENSION_EQUALS:
        if (is_blank || byte == '"') {
            return is_blank ? from : EXTENSION_QUOTED;
        }
        return sockeye_is_(SOCKEYE_TOKEN_, byte) ? EXTENSION_VALUE : MALFORMED;
    case EXTENSION_NAME:
    case EXTENSION_VALUE:
        if (sockeye_is_(SOCKEYE_TOKEN_, byte)) {
            return from;
        }
        __attribute__((fallthrough));
    default: {
        bool is_named = from == EXTENSION_NAME || from == EXTENSION_NAME_BLANK;
        if (is_blank) {
            return is_named ? EXTENSION_NAME_BLANK : EXTENSION_BLANK;
        }
        return byte == ';' ? EXTENSION_SEMICOLON : byte == '=' && is_named ? EXTENSION_EQUALS
                                                                           : MALFORMED;
    }
    }
}

/* Takes one byte that is not data and returns what comes next. */
static enum state frame(char byte) {
    switch (body.state) {
    case SIZE:
        if (sockeye_is_(SOCKEYE_HEX_, byte)) {
            /* 16 digits fit exactly, so the shift loses nothing. */
            body.size = body.size << 4 | sockeye_digit_(byte);
            return counted(SIZE_DIGITS_MAX, SIZE);
        }
        if (body.count == 0) {
            return MALFORMED;
        }
        return byte == '\r' ? SIZE_LF : extension(EXTENSION_BLANK, byte);
    case SIZE_LF:
        body.count = 0;
        return byte != '\n' ? MALFORMED : body.size == 0 ? TRAILER_START : DATA;
    case DATA_CR:
        return byte == '\r' ? DATA_LF : MALFORMED;
    case DATA_LF:
        return byte == '\n' ? SIZE : MALFORMED;
    case TRAILER_NAME:
        if (byte == ':') {
            return TRAILER_VALUE;
        }
        __attribute__((fallthrough));
    case TRAILER_START:
        if (byte == '\r' && body.state == TRAILER_START) {
            return END_LF;
        }
        return sockeye_is_(SOCKEYE_TOKEN_, byte) ? counted(TRAILER_BYTES_MAX, TRAILER_NAME)
                                                 : MALFORMED;
    case TRAILER_VALUE:
        if (byte == '\r') {
            return TRAILER_LF;
        }
        return sockeye_is_(SOCKEYE_VALUE_, byte) ? counted(TRAILER_BYTES_MAX, TRAILER_VALUE)
                                                 : MALFORMED;
    case TRAILER_LF:
        return byte == '\n' ? TRAILER_START : MALFORMED;
    case END_LF:
        return byte == '\n' ? DONE : MALFORMED;
    default:
        /* An extension; where it is complete, the line may end. */
        return byte == '\r' && NEEDED[body.state] == 2 ? SIZE_LF : extension(body.state, byte);
    }
}

/* Decodes chunks in place and returns how many bytes of data there are, or -1. */
static ssize_t decode(char *bytes, size_t size) {
    size_t data = 0;
    for (size_t at = 0; at < size;) {
        if (body.state != DATA) {
            body.state = frame(bytes[at++]);
            if (body.state == MALFORMED) {
                return -1;
            }
            continue;
        }
        size_t length = body.size < size - at ? body.size : size - at;
        memmove(bytes + data, bytes + at, length);
        data += length;
        at += length;
        body.size -= length;
        if (body.size == 0) {
            body.state = DATA_CR;
        }
    }
    return (ssize_t)data;
}

/* Ends the reading of this body. */
static int fail(int error, sockeye_refusal_ refusal) {
    body.error = errno = error;
    body.refusal = refusal;
    return -1;
}

/* Fails where nothing more can be read, or the body is over its limit. */
static int check(void) {
    if (body.error == 0 && sockeye_is_over_limit_()) {
        return fail(EFBIG, TOO_LARGE);
    }
    return body.error == 0 ? 0 : fail(body.error, body.refusal);
}

/* Receives once, decodes that, and returns how many bytes of data were in it. */
static ssize_t receive(sockeye_connection connection, char *buffer, size_t size, int64_t timeout) {
    uint64_t rest = needed();
    ssize_t count = sockeye_recv(connection, buffer, rest < size ? rest : size, timeout);
    if (count < 0) {
        return fail(errno, errno == ETIMEDOUT ? TOO_SLOW : NULL);
    }
    if (count == 0) {
        return fail(EBADMSG, CUT);
    }
    if (!body.is_chunked) {
        body.size -= count;
        return count;
    }
    count = decode(buffer, count);
    return count < 0 ? fail(EBADMSG, BAD_CHUNK) : count;
}

ssize_t sockeye_read_body(struct sockeye_request *request, void *buffer, size_t size) {
    if (size == 0) {
        errno = EINVAL;
        return -1;
    }
    if (check() < 0 || sockeye_send_continue_(request) < 0) {
        return -1;
    }
    ssize_t count = 0;
    while (count == 0 && needed() > 0) {
        count = receive(request->connection, buffer, size, SOCKEYE_BODY_TIMEOUT);
    }
    if (count > 0) {
        body.given = add_saturating(body.given, count);
    }
    return count < 0 || check() < 0 ? -1 : count;
}

void sockeye_limit_body(struct sockeye_request *request, uint64_t size) {
    (void)request;
    body.given_max = size;
    strcpy(too_large, "request body is larger than ");
    strcpy(sockeye_write_number_(too_large + strlen(too_large), size, 10), " bytes\n");
}

void sockeye_begin_body_(const struct sockeye_request *request) {
    memset(&body, 0, sizeof body);
    body.is_chunked = request->is_chunked;
    body.size = request->is_chunked ? 0 : request->content_length;
    body.owes_continue = request->expects_continue;
    body.given_max = UINT64_MAX;
}

int sockeye_send_continue_(struct sockeye_request *request) {
    static const char LINE[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!body.owes_continue) {
        return 0;
    }
    body.owes_continue = false;
    ssize_t sent = sockeye_send(request->connection, LINE, sizeof LINE - 1, 0, SOCKEYE_NO_TIMEOUT);
    return sent < 0 ? fail(errno, NULL) : 0;
}

void sockeye_forgo_continue_(void) {
    if (body.owes_continue) {
        body.owes_continue = false;
        /* It may never send the body then (RFC 9110 section 10.1.1), and `100 Continue` would be
         * taken for a part of the answer. */
        body.is_forgone = !sockeye_is_over_limit_();
        fail(body.is_forgone ? EPIPE : EFBIG, body.is_forgone ? NULL : TOO_LARGE);
    }
}

bool sockeye_is_over_limit_(void) {
    return add_saturating(body.given, body.is_chunked ? 0 : body.size) > body.given_max;
}

bool sockeye_is_undrainable_(void) {
    bool is_long = !body.is_chunked && body.size > SOCKEYE_DRAIN_BYTES_MAX;
    return is_long || body.owes_continue || body.error != 0;
}

/* Returns the time since some moment in nanoseconds. */
static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SOCKEYE_SECOND + time.tv_nsec;
}

bool sockeye_drain_(struct sockeye_request *request, char *buffer, size_t size) {
    if (needed() == 0) {
        return true;
    }
    if (sockeye_is_undrainable_()) {
        return false;
    }
    /* For all of it: of a chunk's extensions and of trailers, each call may bring a byte. */
    int64_t deadline = now() + SOCKEYE_DRAIN_TIMEOUT;
    for (ssize_t drained = 0; needed() > 0 && drained <= SOCKEYE_DRAIN_BYTES_MAX;) {
        int64_t left = deadline - now();
        ssize_t count = receive(request->connection, buffer, size, left > 0 ? left : 0);
        if (count < 0) {
            return false;
        }
        drained += count;
    }
    return needed() == 0;
}

bool sockeye_body_failed_(sockeye_refusal_ *refusal) {
    *refusal = body.refusal;
    return body.error != 0 && !body.is_forgone;
}
