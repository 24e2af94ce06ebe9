/* HTTP/1.1 for handlers in C, on the calls of sockeye.h.
 *
 *     #include "sockeye_http.h"
 *
 *     static int hello(struct sockeye_request *request) {
 *         return sockeye_respond_text(request, 200, "Hello, World!\n");
 *     }
 *     SOCKEYE_HTTP(hello)
 *
 * All sources here are compiled with it; what is not called is left out by the linker.
 *
 * The handler is called for one request after the other, pipelined ones too, and answers each once.
 * Requests that are malformed, ambiguous, too large or too slow are answered here and never reach
 * it; what it leaves of a body is received and dropped. All memory is fixed, and no request
 * allocates: the sizes below are what a handler takes, and the limits of what it gives.
 *
 * A call that fails returns -1 and sets errno, and a handler can return that: where nothing of an
 * answer was sent, the client gets 408, 413 or 400 if its body was the reason, and 500 otherwise.
 * Later the connection is closed without the end of the answer, so that the client can tell.
 */
#ifndef SOCKEYE_HTTP_H
#define SOCKEYE_HTTP_H

#include "sockeye.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The largest request head in bytes; a larger one is answered with 431. */
#define SOCKEYE_HEAD_BYTES_MAX 16384

/* The longest request target in bytes; a longer one is answered with 414. */
#define SOCKEYE_TARGET_BYTES_MAX 8000

/* The most header lines that a request may have; more are answered with 431. */
#define SOCKEYE_HEADERS_MAX 100

/* How many bytes of an answer are gathered before they are sent. Its head has to fit in. */
#define SOCKEYE_ANSWER_BYTES_MAX 16384

/* How long a head may take from its first bytes, and how long a client may pause within a body;
 * what is slower is answered with 408. */
#define SOCKEYE_HEAD_TIMEOUT (10 * SOCKEYE_SECOND)
#define SOCKEYE_BODY_TIMEOUT (30 * SOCKEYE_SECOND)

/* How much of a body that the handler leaves is received to keep the connection, and how long that
 * may take; where there is more, the connection is closed. */
#define SOCKEYE_DRAIN_BYTES_MAX 65536
#define SOCKEYE_DRAIN_TIMEOUT (1 * SOCKEYE_SECOND)

/* The length of a body that is only known at its end: it comes, or goes out, in chunks. */
#define SOCKEYE_CHUNKED UINT64_MAX

/* A header line as it was received. */
struct sockeye_field {
    const char *name; /* in the client's letters */
    const char *value; /* without the blanks around it */
};

/* A request, valid until the handler returns. All strings end in a NUL and contain none. */
struct sockeye_request {
    sockeye_connection connection;
    const char *method; /* in the client's letters */
    const char *target; /* as it was sent: path and query, or a whole URL, or `*`; always UTF-8 */
    const char *host; /* and port, of the target before that of the line Host; perhaps empty */
    const char *path; /* still percent-encoded; begins with a `/` unless it is the `*` of OPTIONS */
    const char *query; /* what follows the first `?`, or NULL */
    int minor_version; /* 1, or 0 for HTTP/1.0 */
    bool close; /* the connection ends with the answer; the handler may set it before that */
    bool expects_continue; /* the client waits to be asked for the body; the first read does it */
    bool is_chunked;
    uint64_t content_length; /* of the body; SOCKEYE_CHUNKED where it is chunked */
    size_t header_count;
    struct sockeye_field headers[SOCKEYE_HEADERS_MAX];
};

/* Answers one request, and returns 0 or -1. */
typedef int sockeye_request_handler(struct sockeye_request *request);

/* Makes `function`, a `sockeye_request_handler`, what answers the requests of every connection. */
#define SOCKEYE_HTTP(function)                                                                   \
    static bool sockeye_requests_(sockeye_connection connection) {                               \
        return sockeye_serve_requests(connection, function);                                     \
    }                                                                                            \
    SOCKEYE_HTTP_HANDLER(sockeye_requests_)

/* Answers the requests of one connection and returns what its handler has to return; for those that
 * do something else with the connection first. */
bool sockeye_serve_requests(sockeye_connection connection, sockeye_request_handler *handler);

/* Called where the handler has returned -1 and the client was not the reason, if a program defines
 * it; errno is as the handler left it. Nothing is logged otherwise, because stdio is as large as
 * all of this. What goes to stderr becomes log lines of the host:
 *
 *     void sockeye_failed(const struct sockeye_request *request) { perror(request->path); }
 */
void sockeye_failed(const struct sockeye_request *request) __attribute__((weak));

/* Returns the value of the first header line `name`, in letters of any case, or NULL. */
const char *sockeye_header(const struct sockeye_request *request, const char *name);

/* Receives at least one byte of the body, decoded, and at most `size`. Returns 0 at its end.
 *
 * Fails with ETIMEDOUT where the client pauses for longer than SOCKEYE_BODY_TIMEOUT, with EFBIG
 * above the limit, with EBADMSG where the body is malformed or ends early, with EINVAL where `size`
 * is 0, and with EPIPE where the client was told the outcome before it was asked for the body; and
 * then with the same again. The body can be read while the answer is written. */
ssize_t sockeye_read_body(struct sockeye_request *request, void *buffer, size_t size);

/* Refuses a body of more than `size` bytes, which is otherwise unlimited. Call it before the first
 * read: one that is announced longer fails that, before anything of it is asked for. */
void sockeye_limit_body(struct sockeye_request *request, uint64_t size);

/* Adds a header line to the answer that comes next; the same name may be added more than once.
 *
 * Content-Length, Transfer-Encoding, Connection and Date are set here and fail with EINVAL, as do
 * characters that would end the line; EMSGSIZE where the head has no room for it. */
int sockeye_add_header(struct sockeye_request *request, const char *name, const char *value);

/* Answers with a whole body, in one piece with its head if it fits. A body that cannot be, such as
 * one to HEAD or with 204, is dropped by this and everything below.
 *
 * `content_type` may be NULL. Fails with EINVAL where the status is not within 200 to 999 or there
 * is an answer already, with EMSGSIZE where the head is too large, and as `sockeye_send`. */
int sockeye_respond(struct sockeye_request *request, int status, const char *content_type,
                    const void *body, size_t size);

/* Answers with a string, as `text/plain`. */
int sockeye_respond_text(struct sockeye_request *request, int status, const char *text);

/* Answers with status 200 and all of `file`, which does not enter the handler's memory.
 *
 * ESTALE where the file was written to or has become shorter meanwhile: the client cannot be given
 * what was announced, and the connection is closed. */
int sockeye_respond_file(struct sockeye_request *request, const char *content_type,
                         sockeye_file file);

/* Answers with the `length` bytes of `file` that start at `offset`, for instance with status 206
 * and a header line Content-Range. EINVAL where `length` is SOCKEYE_CHUNKED. */
int sockeye_respond_file_part(struct sockeye_request *request, int status,
                              const char *content_type, sockeye_file file, uint64_t offset,
                              uint64_t length);

/* Begins an answer whose body is written piece by piece and has `length` bytes; SOCKEYE_CHUNKED
 * where that is not known. Nothing is sent yet, so that a failure can still be answered. */
int sockeye_begin(struct sockeye_request *request, int status, const char *content_type,
                  uint64_t length);

/* Adds to the body. Small pieces are gathered. EINVAL: no answer was begun, or it is complete. */
int sockeye_write(struct sockeye_request *request, const void *bytes, size_t size);

/* Sends what was gathered. */
int sockeye_flush(struct sockeye_request *request);

/* Ends the answer; EINVAL where less was written than announced. When the handler returns 0, this
 * is done for it. */
int sockeye_end(struct sockeye_request *request);

/* Opens the file at the path of a URL, or at what follows a prefix of it: percent-encoded, and
 * without a `/` in front. Whatever a client can ask for that is no file is ENOENT: a directory, a
 * device, empty parts and dots, escapes that are none or stand for `/` or NUL. What is left is the
 * operator's: EACCES where the file may not be read or no directory was granted. */
sockeye_file sockeye_open_url(const char *path);

#ifdef __cplusplus
}
#endif

#endif
