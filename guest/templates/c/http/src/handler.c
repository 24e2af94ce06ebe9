/* Answers requests. What else can be done with one is in sockeye/sockeye_http.h. */
#include "sockeye_http.h"

#include <errno.h>
#include <string.h>

static int not_found(struct sockeye_request *request) {
    return sockeye_respond_text(request, 404, "not found\n");
}

static int wrong_method(struct sockeye_request *request, const char *allowed) {
    sockeye_add_header(request, "Allow", allowed);
    return sockeye_respond_text(request, 405, "method not allowed\n");
}

/* Sends the body back while it comes, so it may be of any size. */
static int echo(struct sockeye_request *request) {
    char bytes[8192];
    ssize_t size;
    if (sockeye_begin(request, 200, "application/octet-stream", request->content_length) < 0) {
        return -1;
    }
    while ((size = sockeye_read_body(request, bytes, sizeof bytes)) > 0) {
        if (sockeye_write(request, bytes, size) < 0) {
            return -1;
        }
    }
    /* A client that was too slow, or sent something else than a body, is answered with that. */
    return size < 0 ? -1 : 0;
}

/* Sends a file of the directory that `root` in sockeye.toml grants. */
static int send_file(struct sockeye_request *request, const char *name) {
    sockeye_file file = sockeye_open_url(name);
    if (file < 0) {
        /* What is left is the host's trouble: the client gets 500. */
        return errno == ENOENT || errno == EACCES ? not_found(request) : -1;
    }
    int result = sockeye_respond_file(request, "application/octet-stream", file);
    sockeye_close(file);
    return result;
}

static int handle(struct sockeye_request *request) {
    const char *path = request->path;
    bool is_get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    bool is_post = strcmp(request->method, "POST") == 0;
    if (strcmp(path, "/") == 0) {
        return is_get ? sockeye_respond_text(request, 200, "Hello, World!\n")
                      : wrong_method(request, "GET, HEAD");
    }
    if (strcmp(path, "/echo") == 0) {
        return is_post ? echo(request) : wrong_method(request, "POST");
    }
    if (strncmp(path, "/files/", 7) == 0) {
        return is_get ? send_file(request, path + 7) : wrong_method(request, "GET, HEAD");
    }
    return not_found(request);
}

SOCKEYE_HTTP(handle)
