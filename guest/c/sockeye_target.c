/* Request targets and hosts (RFC 9112 section 3.2): which forms there are, and what is no host; and
 * the classes of characters that this and the rest of the HTTP layer are made of. */
#include "sockeye_http_parts.h"

#include <string.h>
#include <strings.h>

#define V (SOCKEYE_VALUE_ | SOCKEYE_VISIBLE_)
#define T SOCKEYE_TOKEN_
#define N SOCKEYE_NAME_
#define X SOCKEYE_HEX_
const uint8_t sockeye_classes_[256] = {
    ['\t'] = SOCKEYE_VALUE_,
    [' '] = SOCKEYE_VALUE_,
    ['!'] = V | T | N,
    ['"'] = V,
    ['#'] = V | T,
    ['$'] = V | T | N,
    ['%'] = V | T,
    ['&' ... '\''] = V | T | N,
    ['(' ... ')'] = V | N,
    ['*' ... '+'] = V | T | N,
    [','] = V, /* RFC 3986 has it in names, but there it is two Host lines that somebody joined. */
    ['-' ... '.'] = V | T | N,
    ['/'] = V,
    ['0' ... '9'] = V | T | N | X,
    [':'] = V,
    [';'] = V | N,
    ['<'] = V,
    ['='] = V | N,
    ['>' ... '@'] = V,
    ['A' ... 'F'] = V | T | N | X,
    ['G' ... 'Z'] = V | T | N,
    ['[' ... ']'] = V,
    ['^'] = V | T,
    ['_'] = V | T | N,
    ['`'] = V | T,
    ['a' ... 'f'] = V | T | N | X,
    ['g' ... 'z'] = V | T | N,
    ['{'] = V,
    ['|'] = V | T,
    ['}'] = V,
    ['~'] = V | T | N,
    [0x80 ... 0xff] = V,
};

/* Host, path and query apart, for the target itself stays as it is: at most two NULs and a `/` are
 * added, and `http://` is gone where that is. */
static char parts[SOCKEYE_TARGET_BYTES_MAX + 4 + SOCKEYE_SLACK_];

size_t sockeye_span_(const char *text, int class_) {
    const char *at = text;
    /* By eights, because a loop in a handler looks at the clock in every turn. */
    while (sockeye_classes_[(uint8_t)at[0]] & sockeye_classes_[(uint8_t)at[1]] &
           sockeye_classes_[(uint8_t)at[2]] & sockeye_classes_[(uint8_t)at[3]] &
           sockeye_classes_[(uint8_t)at[4]] & sockeye_classes_[(uint8_t)at[5]] &
           sockeye_classes_[(uint8_t)at[6]] & sockeye_classes_[(uint8_t)at[7]] & class_) {
        at += 8;
    }
    while (sockeye_is_(class_, *at)) {
        at++;
    }
    return at - text;
}

/* Returns where the port of a host begins with its colon, or the end. */
static const char *port_of(const char *host) {
    const char *bracket = *host == '[' ? strchr(host, ']') : NULL;
    const char *from = bracket != NULL ? bracket : host;
    return from + strcspn(from, ":");
}

/* Checks four numbers below 256, without leading zeros and with dots between them. */
static bool is_ipv4(const char *at, const char *to) {
    for (int i = 0; i < 4; i++) {
        int number = 0;
        const char *from = at;
        while (*at >= '0' && *at <= '9' && number < 256) {
            number = 10 * number + *at++ - '0';
        }
        bool is_number = at > from && number < 256 && (*from != '0' || at == from + 1);
        if (!is_number || (i < 3 && *at++ != '.')) {
            return false;
        }
    }
    return at == to;
}

/* Checks an address of version 6 (RFC 4291 section 2.2). */
static bool is_ipv6(const char *at, const char *to) {
    int groups = 0;
    bool is_shortened = at[0] == ':' && at[1] == ':';
    if (is_shortened && (at += 2) == to) {
        return true;
    }
    for (;;) {
        size_t digits = sockeye_span_(at, SOCKEYE_HEX_);
        if (is_ipv4(at, to)) {
            groups += 2;
            break;
        }
        if (digits < 1 || digits > 4) {
            return false;
        }
        groups++;
        at += digits;
        if (at == to) {
            break;
        }
        if (*at++ != ':' || (is_shortened && *at == ':')) {
            return false;
        }
        if (*at == ':') {
            is_shortened = true;
            if (++at == to) {
                break;
            }
        }
    }
    return is_shortened ? groups < 8 : groups == 8;
}

/* Checks what is in brackets: an address of version 6, or one of a version to come (RFC 3986
 * section 3.2.2). */
static bool is_address(const char *from, const char *to) {
    if ((*from | 0x20) != 'v') {
        return is_ipv6(from, to);
    }
    const char *at = from + 1 + sockeye_span_(from + 1, SOCKEYE_HEX_);
    if (at == from + 1 || *at != '.' || at + 1 == to) {
        return false;
    }
    do {
        at++;
    } while (sockeye_is_(SOCKEYE_NAME_, *at) || *at == ':');
    return at == to;
}

/* Checks a registered name: characters that stand for themselves, and others escaped. */
static bool is_name(const char *from, const char *to) {
    for (;;) {
        from += sockeye_span_(from, SOCKEYE_NAME_);
        if (*from != '%') {
            return from == to;
        }
        if (!sockeye_is_(SOCKEYE_HEX_, from[1]) || !sockeye_is_(SOCKEYE_HEX_, from[2])) {
            return false;
        }
        from += 3;
    }
}

bool sockeye_is_host_(const char *host) {
    const char *port = port_of(host);
    bool is_bracketed = *host == '[' && port - host >= 2 && port[-1] == ']';
    bool is_named = is_bracketed ? is_address(host + 1, port - 1) : is_name(host, port);
    return is_named && (*port == 0 || port[1 + strspn(port + 1, "0123456789")] == 0);
}

/* Checks what `sockeye_is_host_` does, and that it names somebody (RFC 9110 section 4.2.1). */
static bool is_named_host(const char *host) {
    return port_of(host) > host && sockeye_is_host_(host);
}

/* Returns how long scheme and slashes of a target in absolute form are, as it is sent to proxies;
 * otherwise 0. */
static size_t scheme_length(const char *target) {
    return strncasecmp(target, "http://", 7) == 0 ? 7
           : strncasecmp(target, "https://", 8) == 0 ? 8
                                                      : 0;
}

bool sockeye_split_target_(struct sockeye_request *request, bool is_connect) {
    const char *target = request->target;
    if (strchr(target, '#') != NULL) {
        return false;
    }
    if (is_connect) {
        const char *port = port_of(target);
        return is_named_host(target) && port[0] == ':' && port[1] != 0;
    }
    char *at = parts;
    size_t scheme = scheme_length(target);
    request->host = NULL;
    if (scheme > 0) {
        size_t length = strcspn(target + scheme, "/?");
        memcpy(at, target + scheme, length);
        at[length] = 0;
        request->host = at;
        at += length + 1;
        target += scheme + length;
        if (!is_named_host(request->host)) {
            return false;
        }
    } else if (*target != '/' &&
               (strcmp(target, "*") != 0 || strcmp(request->method, "OPTIONS") != 0)) {
        return false;
    }
    request->path = at;
    if (scheme > 0 && *target != '/') {
        *at++ = '/';
    }
    strcpy(at, target);
    char *query = strchr(at, '?');
    if (query != NULL) {
        *query++ = 0;
    }
    request->query = query;
    return true;
}
