/* The twin of `inspect.rs`: answers with what the layer for C made of a request, in the same words.
 *
 *     METHOD target host=... version=1.1 keep=true body=BYTES
 *
 * `/unread` leaves the body where it is, `/limit` reads at most 10 bytes, `/early` does so after
 * its answer has begun, `/stream` answers in chunks, and `/status/NUMBER` answers with that
 * status. */
#include "sockeye_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What `/limit` and `/early` read. */
#define BODY_BYTES_MAX 10

/* The answer, for which the head and the body of a request have to fit in. */
static char text[1 << 20];

/* Sends back what there is of the body. */
static int early(struct sockeye_request *request) {
    if (sockeye_begin(request, 200, NULL, SOCKEYE_CHUNKED) < 0) {
        return -1;
    }
    ssize_t size;
    while ((size = sockeye_read_body(request, text, sizeof text)) > 0) {
        if (sockeye_write(request, text, size) < 0) {
            return -1;
        }
    }
    return (int)size;
}

/* Answers with a chunk for every byte. */
static int stream(struct sockeye_request *request, size_t size) {
    if (sockeye_begin(request, 200, "text/plain", SOCKEYE_CHUNKED) < 0) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        if (sockeye_write(request, &text[i], 1) < 0 || sockeye_flush(request) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Returns the status that a path asks for. */
static int status_of(const char *path) {
    char *end = "";
    long status = strncmp(path, "/status/", 8) == 0 ? strtol(path + 8, &end, 10) : 200;
    return *end == 0 ? (int)status : 200;
}

static int inspect(struct sockeye_request *request) {
    const char *path = request->path;
    if (strcmp(path, "/limit") == 0 || strcmp(path, "/early") == 0) {
        sockeye_limit_body(request, BODY_BYTES_MAX);
    }
    if (strcmp(path, "/early") == 0) {
        return early(request);
    }
    bool keeps = !request->close;
    size_t size = snprintf(text, sizeof text, "%s %s host=%s version=1.%d keep=%s body=",
                           request->method, request->target, request->host, request->minor_version,
                           keeps ? "true" : "false");
    ssize_t more = strcmp(path, "/unread") != 0;
    while (more > 0) {
        more = sockeye_read_body(request, text + size, sizeof text - size);
        size += more > 0 ? more : 0;
    }
    if (more < 0) {
        return -1;
    }
    if (strcmp(path, "/stream") == 0) {
        return stream(request, size);
    }
    return sockeye_respond(request, status_of(path), "text/plain", text, size);
}

SOCKEYE_HTTP(inspect)
