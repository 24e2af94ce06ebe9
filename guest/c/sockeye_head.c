/* Request heads: from bytes to strings, and everything that makes a request malformed or ambiguous.
 *
 * Where RFC 9112 leaves a choice between tolerating and refusing, a head is refused: two readers
 * that tolerate differently are how requests are smuggled. Nothing here does I/O. */
#include "sockeye_http_parts.h"

#include <string.h>
#include <strings.h>

#define REFUSAL(name, status, reason)                                                            \
    static const struct sockeye_refusal_ name[] = {{status, reason "\n"}}
#define DIGITS(number) DIGITS_(number)
#define DIGITS_(number) #number

REFUSAL(BAD_LINE, 400, "request line is not a method, a target and a version with single spaces");
REFUSAL(BAD_NAME, 400, "a header line does not begin with a name and a colon");
REFUSAL(BAD_VALUE, 400, "a header value contains what it cannot");
REFUSAL(BAD_LINE_END, 400, "a line of the request head does not end in CR LF");
REFUSAL(BAD_TARGET, 400, "request target has no form that fits the method");
REFUSAL(BAD_HOST, 400, "Host is not a host and perhaps a port");
REFUSAL(ONE_HOST, 400, "a request has exactly one Host line");
REFUSAL(BAD_LENGTH, 400, "Content-Length is not a number below 2^64");
REFUSAL(ONE_LENGTH, 400, "a request has at most one Content-Length line");
REFUSAL(BAD_CODING, 400, "Transfer-Encoding is not a list with one chunked at its end");
REFUSAL(OLD_CODING, 400, "version 1.0 has no Transfer-Encoding");
REFUSAL(TWO_FRAMINGS, 400, "a request has no Content-Length with a Transfer-Encoding");
REFUSAL(NAMED_FRAMING, 400, "Connection names a line that frames the body");
REFUSAL(TARGET_TOO_LONG, 414,
        "request target is longer than " DIGITS(SOCKEYE_TARGET_BYTES_MAX) " bytes");
REFUSAL(EXPECTATION_FAILED, 417, "no expectation but 100-continue can be met");
REFUSAL(HEAD_TOO_LARGE, 431,
        "request head is larger than " DIGITS(SOCKEYE_HEAD_BYTES_MAX) " bytes");
REFUSAL(TOO_MANY_HEADERS, 431,
        "request has more than " DIGITS(SOCKEYE_HEADERS_MAX) " header lines");
REFUSAL(UNKNOWN_CODING, 501, "no Transfer-Encoding but chunked is implemented");
REFUSAL(NO_TUNNELS, 501, "CONNECT is not implemented");
REFUSAL(UNKNOWN_VERSION, 505, "no versions but 1.0 and 1.1 are spoken");

/* What the header lines say about the message as a whole. */
struct rules {
    const char *host;
    bool has_length, is_chunked, closes, keeps_alive, expects_continue;
    uint64_t length;
};

static bool is_digit(char character) { return character >= '0' && character <= '9'; }

/* Says whether the `length` characters at `text` are `word`, in letters of any case. */
static bool is_word(const char *text, size_t length, const char *word) {
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* Takes the next element off a comma-separated list and returns its length, without the blanks
 * around it; `rest` is NULL behind the last one.
 *
 * By hand, as with all that is looked at again and again: the strspn and strcspn of Zig measure the
 * rest of the text first, and a list of commas would take time with the square of its length. */
static size_t next_element(const char **rest, const char **element) {
    const char *at = *rest;
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    *element = at;
    while (*at != 0 && *at != ',') {
        at++;
    }
    *rest = *at == ',' ? at + 1 : NULL;
    while (at > *element && (at[-1] == ' ' || at[-1] == '\t')) {
        at--;
    }
    return at - *element;
}

/* Parses digits and nothing else: no sign, no list, no blank. */
static bool parse_length(const char *text, uint64_t *length) {
    *length = 0;
    bool fits = *text != 0;
    for (; fits && *text != 0; text++) {
        fits = is_digit(*text) && !__builtin_mul_overflow(*length, 10, length) &&
               !__builtin_add_overflow(*length, *text - '0', length);
    }
    return fits;
}

/* Accepts `chunked` alone: nothing else is implemented, and chunked has to come last and once. RFC
 * 9110 section 5.6.1 would have empty elements ignored; here two readers must not differ. */
static sockeye_refusal_ check_coding(const char *value) {
    const char *element;
    int chunked = 0;
    bool is_last = false, is_empty = false;
    for (const char *rest = value; rest != NULL;) {
        size_t length = next_element(&rest, &element);
        is_last = is_word(element, length, "chunked");
        is_empty |= length == 0;
        chunked += is_last;
    }
    if (strcasecmp(value, "chunked") == 0) {
        return NULL;
    }
    return chunked > 1 || (chunked == 1 && !is_last) || is_empty ? BAD_CODING : UNKNOWN_CODING;
}

/* Takes one header line into account. */
static sockeye_refusal_ apply(struct rules *rules, int minor_version, struct sockeye_field field) {
    const char *name = field.name, *rest = field.value, *element;
    switch (*name | 0x20) {
    case 'h':
        if (strcasecmp(name, "host") == 0) {
            if (rules->host != NULL) {
                return ONE_HOST;
            }
            rules->host = field.value;
            return sockeye_is_host_(field.value) ? NULL : BAD_HOST;
        }
        break;
    case 'e':
        while (strcasecmp(name, "expect") == 0 && rest != NULL) {
            size_t length = next_element(&rest, &element);
            if (length > 0 && !is_word(element, length, "100-continue")) {
                return EXPECTATION_FAILED;
            }
            rules->expects_continue |= length > 0;
        }
        break;
    case 't':
        if (strcasecmp(name, "transfer-encoding") == 0) {
            if (minor_version == 0) {
                return OLD_CODING;
            }
            if (rules->is_chunked) {
                return BAD_CODING;
            }
            rules->is_chunked = true;
            return check_coding(field.value);
        }
        break;
    case 'c':
        while (strcasecmp(name, "connection") == 0 && rest != NULL) {
            size_t length = next_element(&rest, &element);
            /* RFC 9110 section 7.6.1: a proxy would remove the line, and have no body then. */
            if (is_word(element, length, "content-length") ||
                is_word(element, length, "transfer-encoding")) {
                return NAMED_FRAMING;
            }
            rules->closes |= is_word(element, length, "close");
            rules->keeps_alive |= is_word(element, length, "keep-alive");
        }
        if (strcasecmp(name, "content-length") == 0) {
            if (rules->has_length) {
                return ONE_LENGTH;
            }
            rules->has_length = true;
            return parse_length(field.value, &rules->length) ? NULL : BAD_LENGTH;
        }
        break;
    }
    return NULL;
}

/* Says what is wrong at a character that should be another. */
static sockeye_refusal_ wrong(char character, sockeye_refusal_ refusal) {
    return character == '\n' ? BAD_LINE_END : refusal;
}

/* Parses the request line at `*at`, behind which it leaves it. */
static sockeye_refusal_ parse_request_line(struct sockeye_request *request, char **at) {
    char *method = *at;
    size_t length = sockeye_span_(method, SOCKEYE_TOKEN_);
    if (length == 0 || method[length] != ' ') {
        return wrong(method[length], BAD_LINE);
    }
    method[length] = 0;
    request->method = method;
    char *target = method + length + 1;
    length = sockeye_span_(target, SOCKEYE_VISIBLE_);
    if (length == 0 || target[length] != ' ') {
        return wrong(target[length], BAD_LINE);
    }
    target[length] = 0;
    request->target = target;
    char *version = target + length + 1;
    if (strncmp(version, "HTTP/", 5) != 0 || !is_digit(version[5]) || version[6] != '.' ||
        !is_digit(version[7])) {
        return BAD_LINE;
    }
    if (version[8] != '\r' || version[9] != '\n') {
        return wrong(version[8], BAD_LINE);
    }
    request->minor_version = version[7] - '0';
    *at = version + 10;
    if (version[5] != '1' || request->minor_version > 1) {
        return UNKNOWN_VERSION;
    }
    return sockeye_is_utf8(target) ? NULL : BAD_TARGET;
}

/* Parses the header lines at `*at`, behind which it leaves it. */
static sockeye_refusal_ parse_lines(struct sockeye_request *request, char **at) {
    char *name = *at;
    while (*name != '\r') {
        size_t length = sockeye_span_(name, SOCKEYE_TOKEN_);
        if (length == 0 || name[length] != ':') {
            return wrong(name[length], BAD_NAME);
        }
        char *value = name + length + 1;
        name[length] = 0;
        while (*value == ' ' || *value == '\t') {
            value++;
        }
        char *end = value + sockeye_span_(value, SOCKEYE_VALUE_);
        if (*end != '\r' || end[1] != '\n') {
            return *end == '\r' ? BAD_LINE_END : wrong(*end, BAD_VALUE);
        }
        if (request->header_count == SOCKEYE_HEADERS_MAX) {
            return TOO_MANY_HEADERS;
        }
        request->headers[request->header_count++] = (struct sockeye_field){name, value};
        name = end + 2;
        while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }
        *end = 0;
    }
    *at = name;
    return NULL;
}

/* Forgets the last request. */
static void clear(struct sockeye_request *request) {
    request->method = request->target = request->host = request->path = "";
    request->query = NULL;
    request->minor_version = 1;
    request->close = true;
    request->is_chunked = request->expects_continue = false;
    request->content_length = 0;
    request->header_count = 0;
}

/* Skips the empty lines that RFC 9112 section 2.2 ignores. */
static char *first_line(char *bytes, size_t size) {
    /* No text goes on behind this, whatever there is of an earlier request. */
    bytes[size] = 0;
    while (bytes[0] == '\r' && bytes[1] == '\n') {
        bytes += 2;
    }
    return bytes;
}

sockeye_refusal_ sockeye_parse_head_(struct sockeye_request *request, char *bytes, size_t size) {
    clear(request);
    char *at = first_line(bytes, size);
    sockeye_refusal_ refusal = parse_request_line(request, &at);
    if (refusal == NULL) {
        refusal = parse_lines(request, &at);
    }
    if (refusal != NULL) {
        return refusal;
    }
    if (at[1] != '\n' || at + 2 != bytes + size) {
        return BAD_LINE_END;
    }
    if (strlen(request->target) > SOCKEYE_TARGET_BYTES_MAX) {
        return TARGET_TOO_LONG;
    }
    bool is_connect = strcmp(request->method, "CONNECT") == 0;
    if (!sockeye_split_target_(request, is_connect)) {
        return BAD_TARGET;
    }
    struct rules rules = {0};
    for (size_t i = 0; i < request->header_count && refusal == NULL; i++) {
        refusal = apply(&rules, request->minor_version, request->headers[i]);
    }
    bool is_old = request->minor_version == 0;
    if (refusal != NULL || (rules.is_chunked && rules.has_length)) {
        return refusal != NULL ? refusal : TWO_FRAMINGS;
    }
    if (rules.host == NULL && !is_old) {
        return ONE_HOST;
    }
    if (is_connect) {
        /* What the client sends into a tunnel must never be taken for requests (RFC 9110 section
         * 9.3.6). */
        return NO_TUNNELS;
    }
    if (request->host == NULL) {
        request->host = rules.host != NULL ? rules.host : "";
    }
    request->close = rules.closes || (is_old && !rules.keeps_alive);
    request->is_chunked = rules.is_chunked;
    /* A handler must not take a length for chunks; no body comes to where one byte less matters. */
    uint64_t length = rules.length == SOCKEYE_CHUNKED ? SOCKEYE_CHUNKED - 1 : rules.length;
    request->content_length = rules.is_chunked ? SOCKEYE_CHUNKED : length;
    /* Nobody is asked for a body that is empty, nor in HTTP/1.0 (RFC 9110 section 10.1.1). */
    request->expects_continue = rules.expects_continue && !is_old && request->content_length > 0;
    return NULL;
}

sockeye_refusal_ sockeye_parse_start_(struct sockeye_request *request, char *bytes, size_t size) {
    clear(request);
    char *method = first_line(bytes, size);
    size_t length = sockeye_span_(method, SOCKEYE_TOKEN_);
    if (method[length] != ' ') {
        return HEAD_TOO_LARGE;
    }
    method[length] = 0;
    request->method = method;
    bool is_long = strcspn(method + length + 1, " \n") > SOCKEYE_TARGET_BYTES_MAX;
    return is_long ? TARGET_TOO_LONG : HEAD_TOO_LARGE;
}

const char *sockeye_header(const struct sockeye_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}
