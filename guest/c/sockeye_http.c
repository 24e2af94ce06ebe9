/* The loop that receives requests, has them answered, and says what becomes of the connection. */
#include "sockeye_http_parts.h"

#include <errno.h>
#include <string.h>

/* The end of a request head. */
#define HEAD_END "\r\n\r\n"

static const struct sockeye_refusal_ HEAD_TOO_SLOW[] = {{408, "request head came too slowly\n"}};
static const struct sockeye_refusal_ FAILED[] = {{500, "the handler failed\n"}};

/* The head that was received last; the strings of the request are in it. */
static char head[SOCKEYE_HEAD_BYTES_MAX + SOCKEYE_SLACK_];

/* Receives what is there up to `end`, or waits for that. */
static ssize_t receive_until(sockeye_connection connection, const char *end, int64_t timeout) {
    return sockeye_recv_until(connection, end, head, SOCKEYE_HEAD_BYTES_MAX, timeout);
}

/* Receives a head that is not here and whole, where receiving it at once has failed; 0 where there
 * is nothing to answer. `refusal` becomes why the start of one is all that was received. */
static ssize_t receive_unusual(struct sockeye_request *request, sockeye_refusal_ *refusal) {
    sockeye_connection connection = request->connection;
    ssize_t size = -1;
    if (errno == ETIMEDOUT) {
        /* Or it is whole but its lines end in bare line feeds, and is refused for that where it is
         * parsed. First what a good head has at its end, too: the rest of one may have come since,
         * and a body behind it may have two line feeds. */
        if ((size = receive_until(connection, "\n\r\n", 0)) >= 0 ||
            (size = receive_until(connection, "\n\n", 0)) >= 0) {
            return size;
        }
        /* Nothing of a head is taken before all of it is there: as long as that is so, the host can
         * give the instance to another connection. */
        size = receive_until(connection, HEAD_END, SOCKEYE_HEAD_TIMEOUT);
    }
    if (size >= 0 || (errno != EMSGSIZE && errno != ETIMEDOUT)) {
        return size >= 0 ? size : 0;
    }
    bool is_slow = errno == ETIMEDOUT;
    size = sockeye_recv(connection, head, SOCKEYE_HEAD_BYTES_MAX, 0);
    if (size <= 0) {
        return 0;
    }
    *refusal = sockeye_parse_start_(request, head, size);
    if (is_slow) {
        *refusal = HEAD_TOO_SLOW;
    }
    return size;
}

/* Answers with what was wrong, and closes the connection. */
static void refuse(struct sockeye_request *request, sockeye_refusal_ refusal) {
    sockeye_begin_answer_();
    request->close = true;
    /* A client that does not take the answer gets the end of the connection all the same. */
    (void)sockeye_respond_text(request, refusal->status, refusal->reason);
}

/* Has a request answered, and says whether the connection can take another. */
static bool answer(struct sockeye_request *request, sockeye_request_handler *handler) {
    sockeye_begin_body_(request);
    sockeye_begin_answer_();
    if (handler(request) < 0 || sockeye_end(request) < 0) {
        sockeye_refusal_ refusal;
        bool is_clients = sockeye_body_failed_(&refusal) || sockeye_answer_failed_();
        if (!is_clients && sockeye_failed != NULL) {
            sockeye_failed(request);
        }
        if (!sockeye_has_answered_()) {
            refuse(request, refusal != NULL ? refusal : FAILED);
        }
        request->close = true;
    }
    return !request->close && sockeye_drain_(request, head, SOCKEYE_HEAD_BYTES_MAX);
}

/* Says whether what was received are the empty lines that RFC 9112 section 2.2 ignores. */
static bool is_empty(size_t size) {
    return (size == 2 || size == 4) && memcmp(head, HEAD_END, size) == 0;
}

bool sockeye_serve_requests(sockeye_connection connection, sockeye_request_handler *handler) {
    static struct sockeye_request request;
    request.connection = connection;
    sockeye_begin_answers_();
    /* The host usually has all of it. */
    ssize_t size = receive_until(connection, HEAD_END, 0);
    for (;;) {
        sockeye_refusal_ refusal = NULL;
        if (size < 0) {
            size = receive_unusual(&request, &refusal);
        }
        if (size == 0) {
            return false;
        }
        /* A client that sends nothing but empty lines must not hold the instance for long. */
        if (!is_empty(size)) {
            if (refusal == NULL) {
                refusal = sockeye_parse_head_(&request, head, size);
            }
            if (refusal != NULL) {
                sockeye_begin_body_(&request);
                refuse(&request, refusal);
                return false;
            }
            if (!answer(&request, handler)) {
                return false;
            }
        }
        size = sockeye_next_until(connection, HEAD_END, head, SOCKEYE_HEAD_BYTES_MAX, 0);
        if (size == 0) {
            return true;
        }
    }
}

/* Decodes the escapes of a part of a path and returns how many characters it takes and has; 0 where
 * it is none that a file has. */
static size_t decode_part(const char *from, char *to, size_t *length) {
    const char *at = from;
    char *end = to;
    for (; *at != 0 && *at != '/'; at++) {
        char character = *at;
        if (character == '%') {
            if (!sockeye_is_(SOCKEYE_HEX_, at[1]) || !sockeye_is_(SOCKEYE_HEX_, at[2])) {
                return 0;
            }
            character = (char)(sockeye_digit_(at[1]) << 4 | sockeye_digit_(at[2]));
            at += 2;
            if (character == 0 || character == '/') {
                return 0;
            }
        }
        *end++ = character;
    }
    *length = end - to;
    bool is_dots = to[0] == '.' && (*length == 1 || (*length == 2 && to[1] == '.'));
    return is_dots ? 0 : at - from;
}

sockeye_file sockeye_open_url(const char *path) {
    static char decoded[SOCKEYE_TARGET_BYTES_MAX + 1];
    char *to = decoded;
    if (strlen(path) < sizeof decoded) {
        for (size_t taken, length; (taken = decode_part(path, to, &length)) > 0;) {
            path += taken;
            to += length;
            if (*path == 0) {
                *to = 0;
                sockeye_file file = sockeye_open(decoded);
                if (file < 0 && (errno == EISDIR || errno == ENXIO || errno == ENAMETOOLONG)) {
                    errno = ENOENT;
                }
                return file;
            }
            *to++ = *path++;
        }
    }
    errno = ENOENT;
    return -1;
}
