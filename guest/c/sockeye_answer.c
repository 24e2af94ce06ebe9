/* Answers: the head, the framing of the body, and as few calls of the host as gathering can make.
 *
 * What waits to be sent is in one buffer. Header lines go there before the status is known, so the
 * status line has its room in front of them and ends where they begin. */
#include "sockeye_http_parts.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* The longest status line, and the most bytes of all lines together that are set here. */
#define STATUS_LINE_BYTES_MAX 64
#define OWN_LINES_BYTES_MAX 192

/* What a gathered chunk has around it: a line end that is owed, its size, a line end, the end. */
#define CHUNK_BYTES 16
_Static_assert(SOCKEYE_ANSWER_BYTES_MAX <= 0xffff, "its size line has four digits");

/* What the body of the answer is, where there is an answer. */
enum state {
    UNSTARTED,
    LENGTH, /* `rest` more bytes */
    CHUNKED,
    UNTIL_CLOSE, /* ended by the end of the connection */
    BODILESS, /* dropped: to HEAD, and with 204, 205 and 304 */
    FINISHED,
    CUT, /* ended before its length by the handler */
    BROKEN, /* ended before its length by the connection */
};

static struct {
    enum state state;
    uint64_t rest;
    /* Something of the answer was given to the connection. */
    bool is_sent;
    /* The line end behind a chunk that was sent; it goes out with what follows. */
    bool owes_line_end;
    /* What waits to be sent, and where in it the chunk is that is being gathered; 0 for none. */
    size_t start, end, chunk;
    char bytes[SOCKEYE_ANSWER_BYTES_MAX];
    /* The `Date` line, the second that it stands for, and what the host said of the connection when
     * the line was made. */
    char date[38];
    time_t second;
    bool is_closing;
} answer;

static const char *reason_of(int status) {
    static const struct {
        short status;
        const char *reason;
    } REASONS[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++) {
        if (REASONS[i].status == status) {
            return REASONS[i].reason;
        }
    }
    return "";
}

static int fail(int error) {
    errno = error;
    return -1;
}

/* Adds what is known to fit. */
static void add(const void *bytes, size_t size) {
    memcpy(answer.bytes + answer.end, bytes, size);
    answer.end += size;
}

/* Not inlined, because there are a dozen of them and each would be a copy. */
__attribute__((noinline)) static void add_text(const char *text) { add(text, strlen(text)); }

/* Writes as many digits of `number`, the last ones. */
static void write_digits(char *to, size_t number, int digits, unsigned base) {
    while (digits-- > 0) {
        to[digits] = "0123456789abcdef"[number % base];
        number /= base;
    }
}

/* Adds a header line that comes from the handler. */
static int add_line(const char *name, const char *value) {
    size_t name_length = strlen(name), value_length = strlen(value);
    if (answer.end + name_length + value_length + 4 >
        SOCKEYE_ANSWER_BYTES_MAX - OWN_LINES_BYTES_MAX) {
        return fail(EMSGSIZE);
    }
    /* No spans: behind the handler's strings there may be nothing that can be read. */
    for (const char *at = name; *at != 0; at++) {
        if (!sockeye_is_(SOCKEYE_TOKEN_, *at)) {
            return fail(EINVAL);
        }
    }
    for (const char *at = value; *at != 0; at++) {
        if (!sockeye_is_(SOCKEYE_VALUE_, *at)) {
            return fail(EINVAL);
        }
    }
    add(name, name_length);
    add_text(": ");
    add(value, value_length);
    add_text("\r\n");
    return 0;
}

/* Makes the `Date` line one for this moment (RFC 9110 section 5.6.7), and asks the host whether the
 * connection ends: once a second. Where that begins meanwhile, the host takes the connection back
 * after this answer, and the next one says so. */
static void renew(sockeye_connection connection) {
    static const char WEEKDAYS[] = "SunMonTueWedThuFriSat";
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t second = time(NULL);
    struct tm tm;
    if (second == answer.second || gmtime_r(&second, &tm) == NULL) {
        return;
    }
    answer.second = second;
    strcpy(answer.date, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
    memcpy(answer.date + 6, &WEEKDAYS[3 * tm.tm_wday], 3);
    write_digits(answer.date + 11, tm.tm_mday, 2, 10);
    memcpy(answer.date + 14, &MONTHS[3 * tm.tm_mon], 3);
    write_digits(answer.date + 18, tm.tm_year + 1900, 4, 10);
    write_digits(answer.date + 23, tm.tm_hour, 2, 10);
    write_digits(answer.date + 26, tm.tm_min, 2, 10);
    write_digits(answer.date + 29, tm.tm_sec, 2, 10);
    answer.is_closing = sockeye_closing(connection);
}

/* Writes the status line and the lines that are set here, and decides how the body is delimited. */
static int begin(struct sockeye_request *request, int status, const char *content_type,
                 uint64_t length) {
    if (answer.state != UNSTARTED || status < 200 || status > 999) {
        return fail(EINVAL);
    }
    if (content_type != NULL && add_line("Content-Type", content_type) < 0) {
        return -1;
    }
    sockeye_forgo_continue_();
    renew(request->connection);
    bool is_old = request->minor_version == 0;
    bool is_bodiless = status == 204 || status == 304;
    if (status == 205) {
        length = 0; /* RFC 9110 section 15.3.6: which its head says */
    }
    answer.state = length != SOCKEYE_CHUNKED ? LENGTH : is_old ? UNTIL_CLOSE : CHUNKED;
    answer.rest = length;
    request->close |= answer.is_closing || (answer.state == UNTIL_CLOSE && !is_bodiless);
    if (!is_bodiless && answer.state == LENGTH) {
        add_text("Content-Length: ");
        char *end = sockeye_write_number_(answer.bytes + answer.end, length, 10);
        answer.end = end - answer.bytes;
        add_text("\r\n");
    } else if (!is_bodiless && answer.state == CHUNKED) {
        add_text("Transfer-Encoding: chunked\r\n");
    }
    add_text(answer.date);
    if (request->close) {
        add_text("Connection: close\r\n");
    } else if (is_old) {
        add_text("Connection: keep-alive\r\n");
    }
    add_text("\r\n");
    if (is_bodiless || status == 205 || strcmp(request->method, "HEAD") == 0) {
        answer.state = BODILESS;
    }
    const char *reason = reason_of(status);
    size_t reason_length = strlen(reason);
    char *line = answer.bytes + answer.start - reason_length - 15;
    memcpy(line, "HTTP/1.1 ", 9);
    write_digits(line + 9, status, 3, 10);
    line[12] = ' ';
    memcpy(line + 13, reason, reason_length);
    memcpy(line + 13 + reason_length, "\r\n", 2);
    answer.start = line - answer.bytes;
    return 0;
}

/* How the last of the answer is sent: where the connection ends with it, that follows at once and
 * can share its packet. */
static int last(const struct sockeye_request *request) {
    return request->close ? SOCKEYE_MORE : 0;
}

static int broken(void) {
    answer.state = BROKEN;
    return -1;
}

/* Returns how much a call that failed has sent, where another can go on behind that; 0 where not.
 * An answer is sent for as long as the client takes something of it within each timeout of the
 * operator's: a large one may well take a slow client longer than that. */
static uint64_t sent_in_time(void) { return errno == ETIMEDOUT ? sockeye_sent() : 0; }

static int send_bytes(struct sockeye_request *request, const char *bytes, size_t size, int flags) {
    while (sockeye_send(request->connection, bytes, size, flags, SOCKEYE_NO_TIMEOUT) < 0) {
        size_t sent = sent_in_time();
        if (sent == 0) {
            return broken();
        }
        bytes += sent;
        size -= sent;
    }
    return 0;
}

/* Sends what was gathered. */
static int send_gathered(struct sockeye_request *request, int flags) {
    size_t start = answer.start, size = answer.end - start;
    answer.start = answer.end = answer.chunk = 0;
    if (size == 0) {
        return 0;
    }
    answer.is_sent = true;
    return send_bytes(request, answer.bytes + start, size, flags);
}

static int finish(struct sockeye_request *request) {
    if (send_gathered(request, last(request)) < 0) {
        return -1;
    }
    answer.state = FINISHED;
    return 0;
}

/* Ends the chunk that is being gathered, by a size of four digits in front of it. */
static void end_chunk(void) {
    if (answer.chunk != 0) {
        size_t size = answer.end - answer.chunk;
        write_digits(answer.bytes + answer.chunk - 6, size, 4, 16);
        add_text("\r\n");
        answer.chunk = 0;
    }
}

static void pay_line_end(void) {
    if (answer.owes_line_end) {
        add_text("\r\n");
        answer.owes_line_end = false;
    }
}

/* Adds to the body, by way of the buffer where there is room in it. */
static int gather(struct sockeye_request *request, const void *bytes, size_t size) {
    bool is_chunked = answer.state == CHUNKED;
    if (answer.end + size + CHUNK_BYTES > SOCKEYE_ANSWER_BYTES_MAX) {
        end_chunk();
        if (send_gathered(request, SOCKEYE_MORE) < 0) {
            return -1;
        }
    }
    bool is_large = size + CHUNK_BYTES > SOCKEYE_ANSWER_BYTES_MAX;
    if (is_chunked && answer.chunk == 0) {
        pay_line_end();
        add_text(is_large ? "01234567\r\n" : "0123\r\n");
        answer.chunk = answer.end;
    }
    if (!is_large) {
        add(bytes, size);
        return 0;
    }
    if (is_chunked) {
        write_digits(answer.bytes + answer.chunk - 10, size, 8, 16);
        answer.owes_line_end = true;
        if (send_gathered(request, SOCKEYE_MORE) < 0) {
            return -1;
        }
    }
    return send_bytes(request, bytes, size, 0);
}

int sockeye_add_header(struct sockeye_request *request, const char *name, const char *value) {
    static const char *const OWN[] = {"Content-Length", "Transfer-Encoding", "Connection", "Date"};
    (void)request;
    bool is_own = *name == 0;
    for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++) {
        is_own |= strcasecmp(name, OWN[i]) == 0;
    }
    return answer.state != UNSTARTED || is_own ? fail(EINVAL) : add_line(name, value);
}

int sockeye_respond(struct sockeye_request *request, int status, const char *content_type,
                    const void *body, size_t size) {
    request->close |= sockeye_is_undrainable_();
    if (begin(request, status, content_type, size) < 0) {
        return -1;
    }
    if (answer.state == BODILESS) {
        size = 0;
    }
    if (answer.end + size <= SOCKEYE_ANSWER_BYTES_MAX) {
        add(body, size);
        return finish(request);
    }
    if (send_gathered(request, SOCKEYE_MORE) < 0 ||
        send_bytes(request, body, size, last(request)) < 0) {
        return -1;
    }
    return finish(request);
}

int sockeye_respond_text(struct sockeye_request *request, int status, const char *text) {
    return sockeye_respond(request, status, "text/plain", text, strlen(text));
}

int sockeye_respond_file(struct sockeye_request *request, const char *content_type,
                         sockeye_file file) {
    struct sockeye_stat stat;
    if (sockeye_stat(file, &stat) < 0) {
        return -1;
    }
    return sockeye_respond_file_part(request, 200, content_type, file, 0, stat.size);
}

int sockeye_respond_file_part(struct sockeye_request *request, int status,
                              const char *content_type, sockeye_file file, uint64_t offset,
                              uint64_t length) {
    if (length == SOCKEYE_CHUNKED) {
        return fail(EINVAL); /* no file is that large, and this is not how to ask for all of one */
    }
    request->close |= sockeye_is_undrainable_();
    if (begin(request, status, content_type, length) < 0) {
        return -1;
    }
    if (answer.state == BODILESS || length == 0) {
        return finish(request);
    }
    answer.is_sent = true;
    const char *head = answer.bytes + answer.start;
    size_t ahead = answer.end - answer.start;
    answer.start = answer.end = 0;
    int64_t count;
    while ((count = sockeye_send_with_file(request->connection, head, ahead, file, offset, length,
                                           SOCKEYE_NO_TIMEOUT)) < 0) {
        uint64_t sent = sent_in_time();
        if (sent == 0) {
            return broken();
        }
        size_t of_head = sent < ahead ? sent : ahead;
        head += of_head;
        ahead -= of_head;
        offset += sent - of_head;
        length -= sent - of_head;
    }
    if ((uint64_t)count < length) {
        answer.state = CUT;
        return fail(ESTALE);
    }
    answer.state = FINISHED;
    return 0;
}

int sockeye_begin(struct sockeye_request *request, int status, const char *content_type,
                  uint64_t length) {
    /* Whoever waits to be asked for a body that may be read while the answer is written is asked
     * now, because an answer that has begun is too late for it. */
    if (answer.state == UNSTARTED && status < 300 && !sockeye_is_over_limit_()) {
        if (sockeye_send_continue_(request) < 0) {
            return -1;
        }
    } else {
        request->close |= sockeye_is_undrainable_();
    }
    return begin(request, status, content_type, length);
}

int sockeye_write(struct sockeye_request *request, const void *bytes, size_t size) {
    switch (answer.state) {
    case BODILESS:
        return 0;
    case LENGTH:
        if (size > answer.rest) {
            return fail(EINVAL);
        }
        answer.rest -= size;
        __attribute__((fallthrough));
    case CHUNKED:
    case UNTIL_CLOSE:
        return size == 0 ? 0 : gather(request, bytes, size);
    default:
        return fail(answer.state == BROKEN ? EPIPE : EINVAL);
    }
}

int sockeye_flush(struct sockeye_request *request) {
    if (answer.state == UNSTARTED) {
        return fail(EINVAL);
    }
    end_chunk();
    return send_gathered(request, 0);
}

int sockeye_end(struct sockeye_request *request) {
    switch (answer.state) {
    case FINISHED:
        return 0;
    case LENGTH:
        if (answer.rest > 0) {
            answer.state = CUT;
            return fail(EINVAL);
        }
        return finish(request);
    case CHUNKED:
        end_chunk();
        pay_line_end();
        add_text("0\r\n\r\n");
        return finish(request);
    case UNTIL_CLOSE:
    case BODILESS:
        return finish(request);
    default:
        return fail(answer.state == BROKEN ? EPIPE : EINVAL);
    }
}

void sockeye_begin_answers_(void) { answer.second = -1; }

void sockeye_begin_answer_(void) {
    answer.state = UNSTARTED;
    answer.is_sent = answer.owes_line_end = false;
    answer.start = answer.end = STATUS_LINE_BYTES_MAX;
    answer.chunk = 0;
}

bool sockeye_has_answered_(void) { return answer.is_sent; }

bool sockeye_answer_failed_(void) { return answer.state == BROKEN; }
