/* The canonical ABI of `sockeye:net@0.1.0` behind the functions of sockeye.h.
 *
 * A call that returns more than a number writes to an area of the caller's. A result begins with a
 * byte that is 1 for an error; what follows is aligned as its largest part, so the offsets differ.
 * Lists are allocated by `cabi_realloc`, which the host calls during the call: where the caller has
 * a buffer for the list, that is what it gets. */
#include "sockeye.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define IMPORT(interface, name)                                                                  \
    __attribute__((import_module("sockeye:net/" interface "@0.1.0"), import_name(name)))
#define CONNECTION(name) IMPORT("connections", "[method]connection." name)
#define FILES(name) IMPORT("files", name)

CONNECTION("recv")
void host_recv(int32_t self, uint32_t max, int32_t has_timeout, int64_t timeout, void *result);
CONNECTION("recv-until")
void host_recv_until(int32_t self, const void *delimiter, size_t length, uint32_t max,
                     int32_t has_timeout, int64_t timeout, void *result);
CONNECTION("send")
void host_send(int32_t self, const void *bytes, size_t length, int32_t flags, int32_t has_timeout,
               int64_t timeout, void *result);
CONNECTION("sendfile")
void host_sendfile(int32_t self, int32_t file, uint64_t offset, uint64_t length,
                   int32_t has_timeout, int64_t timeout, void *result);
CONNECTION("send-with-file")
void host_send_with_file(int32_t self, const void *bytes, size_t size, int32_t file,
                         uint64_t offset, uint64_t length, int32_t has_timeout, int64_t timeout,
                         void *result);
CONNECTION("next-until")
void host_next_until(int32_t self, const void *delimiter, size_t length, uint32_t max,
                     int32_t has_timeout, int64_t timeout, void *result);
CONNECTION("set-no-delay") void host_set_no_delay(int32_t self, int32_t enabled, void *result);
CONNECTION("next") int32_t host_next(int32_t self);
CONNECTION("closing") int32_t host_closing(int32_t self);
CONNECTION("peer-address") void host_peer_address(int32_t self, void *result);
CONNECTION("local-address") void host_local_address(int32_t self, void *result);
CONNECTION("shutdown") void host_shutdown(int32_t self, int32_t how, void *result);
FILES("[static]file.open") void host_open(const void *path, size_t length, void *result);
FILES("[method]file.stat") void host_stat(int32_t self, void *result);
FILES("[method]file.read")
void host_read(int32_t self, uint64_t offset, uint32_t length, void *result);
FILES("[resource-drop]file") void host_drop_file(int32_t self);
IMPORT("connections", "[resource-drop]connection") void host_drop(int32_t self);

/* `error-code`: the case, and a text for the last of them. */
struct error_code {
    uint8_t code;
    struct {
        uint8_t is_some;
        char *bytes;
        size_t length;
    } text;
};

/* `result<list<u8>, error-code>`, and with other first members those that are no larger. */
struct list_result {
    uint8_t is_error;
    union {
        struct {
            void *bytes;
            size_t length;
        } list;
        int32_t handle;
        struct error_code error;
    };
};

/* `result<option<list<u8>>, error-code>`. */
struct option_result {
    uint8_t is_error;
    union {
        struct {
            uint8_t is_some;
            void *bytes;
            size_t length;
        } list;
        struct error_code error;
    };
};

/* `result<u64, send-error>`, and `result<_, send-error>`. */
struct send_result {
    uint8_t is_error;
    union {
        uint64_t count;
        struct {
            struct error_code code;
            uint64_t sent;
        } error;
    };
};

/* `result<file-stat, error-code>`. */
struct stat_result {
    uint8_t is_error;
    union {
        struct sockeye_stat stat;
        struct error_code error;
    };
};

/* `result<address, error-code>`. */
struct address_result {
    uint8_t is_error;
    union {
        struct {
            uint8_t kind;
            union {
                struct {
                    uint8_t octets[4];
                    uint16_t port;
                } ipv4;
                struct {
                    uint16_t segments[8];
                    uint16_t port;
                    uint32_t flow_info, scope_id;
                } ipv6;
                struct {
                    uint8_t is_some;
                    char *bytes;
                    size_t length;
                } unix_socket;
            };
        } address;
        struct error_code error;
    };
};

_Static_assert(sizeof(struct error_code) == 16, "as the canonical ABI has it");
_Static_assert(sizeof(struct list_result) == 20, "as the canonical ABI has it");
_Static_assert(offsetof(struct option_result, list.length) == 12, "as the canonical ABI has it");
_Static_assert(sizeof(struct send_result) == 32, "as the canonical ABI has it");
_Static_assert(offsetof(struct send_result, error.sent) == 24, "as the canonical ABI has it");
_Static_assert(sizeof(struct address_result) == 36, "as the canonical ABI has it");
_Static_assert(offsetof(struct stat_result, stat.identity) == 32, "as the canonical ABI has it");

/* In the order of the cases in errors.wit; what is beyond has a text. */
static const int ERRNO[] = {
    ETIMEDOUT, ECONNRESET, EPIPE,  ECONNABORTED, EBADF,        EINVAL,   EOPNOTSUPP, EACCES,
    ENOENT,    EISDIR,     ENXIO,  ENAMETOOLONG, EMSGSIZE,     EMFILE,   ENOBUFS,    EIO,
};

/* Where the list that the running call returns goes. */
static struct {
    void *buffer;
    size_t size;
} landing;

static uint64_t sent_before_failing;

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size,
                                                                size_t align, size_t size) {
    if (old == NULL && align == 1 && landing.buffer != NULL && size <= landing.size) {
        return landing.buffer;
    }
    (void)old_size;
    void *new = realloc(old, size);
    if (new == NULL && size > 0) {
        __builtin_trap();
    }
    return new;
}

static int failed(const struct error_code *error) {
    bool has_text = error->code >= sizeof ERRNO / sizeof *ERRNO;
    if (has_text && error->text.is_some && error->text.bytes != landing.buffer) {
        free(error->text.bytes);
    }
    landing.buffer = NULL;
    errno = has_text ? EIO : ERRNO[error->code];
    return -1;
}

static int send_failed(const struct send_result *result) {
    sent_before_failing = result->error.sent;
    return failed(&result->error.code);
}

/* Begins a call whose list goes to `buffer`. */
static uint32_t land(void *buffer, size_t size) {
    landing.buffer = buffer;
    landing.size = size;
    return size;
}

static ssize_t landed(const struct list_result *result) {
    if (result->is_error) {
        return failed(&result->error);
    }
    landing.buffer = NULL;
    return (ssize_t)result->list.length;
}

ssize_t sockeye_recv(sockeye_connection connection, void *buffer, size_t size, int64_t timeout) {
    struct list_result result;
    host_recv(connection, land(buffer, size), timeout >= 0, timeout, &result);
    return landed(&result);
}

ssize_t sockeye_recv_until(sockeye_connection connection, const char *delimiter, void *buffer,
                           size_t size, int64_t timeout) {
    struct list_result result;
    host_recv_until(connection, delimiter, strlen(delimiter), land(buffer, size), timeout >= 0,
                    timeout, &result);
    return landed(&result);
}

ssize_t sockeye_send(sockeye_connection connection, const void *bytes, size_t size, int flags,
                     int64_t timeout) {
    struct send_result result;
    host_send(connection, bytes, size, flags, timeout >= 0, timeout, &result);
    return result.is_error ? send_failed(&result) : (ssize_t)size;
}

int64_t sockeye_sendfile(sockeye_connection connection, sockeye_file file, uint64_t offset,
                         uint64_t length, int64_t timeout) {
    struct send_result result;
    host_sendfile(connection, file, offset, length, timeout >= 0, timeout, &result);
    return result.is_error ? send_failed(&result) : (int64_t)result.count;
}

int64_t sockeye_send_with_file(sockeye_connection connection, const void *bytes, size_t size,
                               sockeye_file file, uint64_t offset, uint64_t length,
                               int64_t timeout) {
    struct send_result result;
    host_send_with_file(connection, bytes, size, file, offset, length, timeout >= 0, timeout,
                        &result);
    return result.is_error ? send_failed(&result) : (int64_t)result.count;
}

uint64_t sockeye_sent(void) { return sent_before_failing; }

bool sockeye_next(sockeye_connection connection) { return host_next(connection); }

ssize_t sockeye_next_until(sockeye_connection connection, const char *delimiter, void *buffer,
                           size_t size, int64_t timeout) {
    struct option_result result;
    host_next_until(connection, delimiter, strlen(delimiter), land(buffer, size), timeout >= 0,
                    timeout, &result);
    if (result.is_error) {
        return failed(&result.error);
    }
    landing.buffer = NULL;
    return result.list.is_some ? (ssize_t)result.list.length : 0;
}

bool sockeye_closing(sockeye_connection connection) { return host_closing(connection); }

int sockeye_shutdown(sockeye_connection connection, int how) {
    struct list_result result;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
        errno = EINVAL;
        return -1;
    }
    host_shutdown(connection, how == SHUT_RD ? 0 : how == SHUT_WR ? 1 : 2, &result);
    return result.is_error ? failed(&result.error) : 0;
}

int sockeye_set_no_delay(sockeye_connection connection, bool enabled) {
    struct list_result result;
    host_set_no_delay(connection, enabled, &result);
    return result.is_error ? failed(&result.error) : 0;
}

/* Writes an address of version 6 as RFC 5952 has it, and returns where it ends. */
static char *write_segments(char *to, const uint16_t *segments) {
    /* The first of the longest runs of zeros, of two at least, is left out. */
    int from = 8, longest = 1;
    for (int i = 0, run = 0; i < 8; i++) {
        run = segments[i] == 0 ? run + 1 : 0;
        if (run > longest) {
            longest = run;
            from = i + 1 - run;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == from) {
            *to++ = ':';
            *to++ = ':';
            i += longest - 1;
            continue;
        }
        if (i > 0 && to[-1] != ':') {
            *to++ = ':';
        }
        to = sockeye_write_number_(to, segments[i], 16);
    }
    return to;
}

/* Writes an address as a string. */
static int addressed(const struct address_result *result, char *buffer, size_t size) {
    if (result->is_error) {
        return failed(&result->error);
    }
    char text[SOCKEYE_ADDRESS_BYTES], *end = text;
    unsigned port = 0;
    const char *bytes = text;
    size_t length;
    if (result->address.kind == 2) {
        bytes = result->address.unix_socket.bytes;
        length = result->address.unix_socket.is_some ? result->address.unix_socket.length : 0;
    } else {
        if (result->address.kind == 0) {
            for (int i = 0; i < 4; i++) {
                end = sockeye_write_number_(end, result->address.ipv4.octets[i], 10);
                *end++ = i < 3 ? '.' : ':';
            }
            port = result->address.ipv4.port;
        } else {
            *end++ = '[';
            end = write_segments(end, result->address.ipv6.segments);
            *end++ = ']';
            *end++ = ':';
            port = result->address.ipv6.port;
        }
        end = sockeye_write_number_(end, port, 10);
        length = end - text;
    }
    bool fits = length < size;
    if (fits) {
        memcpy(buffer, bytes, length);
        buffer[length] = 0;
    }
    if (result->address.kind == 2 && result->address.unix_socket.is_some) {
        free(result->address.unix_socket.bytes);
    }
    errno = fits ? errno : ENOBUFS;
    return fits ? 0 : -1;
}

int sockeye_peer_address(sockeye_connection connection, char *buffer, size_t size) {
    struct address_result result;
    host_peer_address(connection, &result);
    return addressed(&result, buffer, size);
}

int sockeye_local_address(sockeye_connection connection, char *buffer, size_t size) {
    struct address_result result;
    host_local_address(connection, &result);
    return addressed(&result, buffer, size);
}

bool sockeye_is_utf8(const char *text) {
    /* The smallest character that takes so many more bytes: what could be written with fewer is not
     * UTF-8. */
    static const uint32_t SMALLEST[] = {0, 0x80, 0x800, 0x10000};
    while (*text != 0) {
        unsigned char first = *text++;
        int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : 3;
        if (first >= 0x80 && (first < 0xc0 || first >= 0xf8)) {
            return false;
        }
        uint32_t character = more == 0 ? first : first & (0x3f >> more);
        for (int i = 0; i < more; i++, text++) {
            if ((*text & 0xc0) != 0x80) {
                return false;
            }
            character = character << 6 | (*text & 0x3f);
        }
        bool is_surrogate = character >> 11 == 0x1b;
        if (character < SMALLEST[more] || character > 0x10ffff || is_surrogate) {
            return false;
        }
    }
    return true;
}

sockeye_file sockeye_open(const char *path) {
    if (!sockeye_is_utf8(path)) {
        errno = ENOENT;
        return -1;
    }
    struct list_result result;
    host_open(path, strlen(path), &result);
    return result.is_error ? failed(&result.error) : result.handle;
}

int sockeye_stat(sockeye_file file, struct sockeye_stat *stat) {
    struct stat_result result;
    host_stat(file, &result);
    if (result.is_error) {
        return failed(&result.error);
    }
    *stat = result.stat;
    return 0;
}

ssize_t sockeye_pread(sockeye_file file, void *buffer, size_t size, uint64_t offset) {
    struct list_result result;
    host_read(file, offset, land(buffer, size), &result);
    return landed(&result);
}

void sockeye_close(sockeye_file file) { host_drop_file(file); }

const void *sockeye_verdict_(sockeye_connection connection, bool hand_back) {
    /* `option<connection>`. */
    static struct {
        uint8_t is_some;
        int32_t connection;
    } verdict;
    if (!hand_back) {
        /* An instance that keeps the handle is not used again. */
        host_drop(connection);
    }
    verdict.is_some = hand_back;
    verdict.connection = connection;
    return &verdict;
}

char *sockeye_write_number_(char *to, uint64_t number, unsigned base) {
    if (number >= base) {
        to = sockeye_write_number_(to, number / base, base);
    }
    *to = "0123456789abcdef"[number % base];
    return to + 1;
}
