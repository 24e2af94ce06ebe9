/* What the parts of the HTTP layer have from each other. Not for handlers. */
#ifndef SOCKEYE_HTTP_PARTS_H
#define SOCKEYE_HTTP_PARTS_H

#include "sockeye_http.h"

/* Why a request is refused: the status, and a line for the person with curl. */
struct sockeye_refusal_ {
    int status;
    const char *reason;
};
typedef const struct sockeye_refusal_ *sockeye_refusal_;

/* Classes of characters. */
enum {
    SOCKEYE_VALUE_ = 1, /* of a field value: all but controls (RFC 9110 section 5.5) */
    SOCKEYE_VISIBLE_ = 2, /* of a target, before its form is looked at */
    SOCKEYE_TOKEN_ = 4, /* of a method or a field name (RFC 9110 section 5.6.2) */
    SOCKEYE_NAME_ = 8, /* of a host, for itself (RFC 3986 section 3.2.2) */
    SOCKEYE_HEX_ = 16, /* hexadecimal digits */
};
extern const uint8_t sockeye_classes_[256];

static inline bool sockeye_is_(int class_, char character) {
    return sockeye_classes_[(unsigned char)character] & class_;
}

/* Returns the value of a hexadecimal digit. */
static inline unsigned sockeye_digit_(char digit) {
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* Returns how many characters from `text` on are of the class. A NUL is in none; behind it, or
 * whatever else ends the text, SOCKEYE_SLACK_ more bytes must be readable. */
#define SOCKEYE_SLACK_ 8
size_t sockeye_span_(const char *text, int class_);

/* Checks `uri-host [ ":" port ]`, which may be empty: what a Host line consists of. */
bool sockeye_is_host_(const char *host);

/* Takes the target of `request` apart, and says whether its form goes with the method. The host
 * becomes NULL where the target names none. */
bool sockeye_split_target_(struct sockeye_request *request, bool is_connect);

/* Makes `request` what the `size` bytes say, which become its strings, or says why it is refused;
 * only the method can be relied on then, and is empty where it is unknown. */
sockeye_refusal_ sockeye_parse_head_(struct sockeye_request *request, char *bytes, size_t size);

/* Does so where nothing but the start of a head is there; returns why one that goes on is too
 * large. */
sockeye_refusal_ sockeye_parse_start_(struct sockeye_request *request, char *bytes, size_t size);

/* Starts with the body of `request`. */
void sockeye_begin_body_(const struct sockeye_request *request);

/* Sends `100 Continue` where the client waits for it. */
int sockeye_send_continue_(struct sockeye_request *request);

/* Gives up on a body for which the client still waits to be asked: it gets the final answer. */
void sockeye_forgo_continue_(void);

/* Says whether the body is, or is going to be, larger than it may be. */
bool sockeye_is_over_limit_(void);

/* Says whether draining the body is certain to fail. */
bool sockeye_is_undrainable_(void);

/* Reads what is left of the body by way of `buffer`, and says whether that came to its end. */
bool sockeye_drain_(struct sockeye_request *request, char *buffer, size_t size);

/* Says whether the client or the connection has failed while the body was read; `refusal` is what
 * the client deserves, or NULL. */
bool sockeye_body_failed_(sockeye_refusal_ *refusal);

/* Begins with the answers on another connection, and with the answer to another request. */
void sockeye_begin_answers_(void);
void sockeye_begin_answer_(void);

/* Says whether something of the answer was given to the connection, and whether that has failed. */
bool sockeye_has_answered_(void);
bool sockeye_answer_failed_(void);

#endif
