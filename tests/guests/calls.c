/* The twin of `calls.rs`: makes any single call of the layer for C on request and answers with what
 * it returned, in the same words but for the time. */
#include "sockeye.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WORDS_MAX 8

static char answer[1 << 16];

static const char *name_of_error(void) {
    switch (errno) {
    case ETIMEDOUT: return "timeout";
    case ECONNRESET: return "connection-reset";
    case EPIPE: return "connection-broken";
    case ECONNABORTED: return "connection-aborted";
    case EBADF: return "invalid-state";
    case EINVAL: return "invalid-argument";
    case EACCES: return "access-denied";
    case ENOENT: return "not-found";
    case EISDIR: return "is-directory";
    case ENXIO: return "not-regular-file";
    case ENAMETOOLONG: return "name-too-long";
    case EMSGSIZE: return "too-large";
    default: return strerror(errno);
    }
}

static int64_t timeout_of(const char *word) {
    if (strcmp(word, "none") == 0) {
        return SOCKEYE_NO_TIMEOUT;
    }
    char *unit;
    int64_t number = strtoll(word, &unit, 10);
    return strcmp(unit, "h") == 0 ? number * 3600 * SOCKEYE_SECOND : number * SOCKEYE_SECOND / 1000;
}

static uint64_t number_of(const char *word) { return strtoull(word, NULL, 10); }

/* `''` is empty. */
static const char *text_of(const char *word) { return strcmp(word, "''") == 0 ? "" : word; }

static void failed(const char *verb) {
    snprintf(answer, sizeof answer, "%s error=%s\n", verb, name_of_error());
}

static void not_sent(const char *verb) {
    snprintf(answer, sizeof answer, "%s error=%s sent=%llu\n", verb, name_of_error(),
             (unsigned long long)sockeye_sent());
}

static void received(const char *verb, const char *bytes, ssize_t count) {
    if (count < 0) {
        failed(verb);
        return;
    }
    int length = snprintf(answer, sizeof answer, "%s ok bytes=%zd text=", verb, count);
    for (ssize_t i = 0; i < count; i++) {
        const char *form = bytes[i] == '\n' ? "\\n" : bytes[i] == '\r' ? "\\r" : NULL;
        length += form != NULL ? snprintf(answer + length, 3, "%s", form)
                               : snprintf(answer + length, 2, "%c", bytes[i]);
    }
    snprintf(answer + length, 2, "\n");
}

static void done(const char *verb, bool ok, const char *fields) {
    if (!ok) {
        failed(verb);
        return;
    }
    snprintf(answer, sizeof answer, "%s ok %s\n", verb, fields);
}

static void sent_of_file(const char *verb, int64_t sent) {
    char fields[32];
    snprintf(fields, sizeof fields, "sent=%lld", (long long)sent);
    if (sent < 0) {
        not_sent(verb);
    } else {
        done(verb, true, fields);
    }
}

static void call_file(char **words, sockeye_connection connection) {
    static char bytes[4096];
    char fields[128] = "";
    bool has_head = strcmp(words[0], "send-with-file") == 0;
    sockeye_file file = sockeye_open(text_of(words[has_head ? 2 : 1]));
    if (file < 0) {
        failed(words[0]);
        return;
    }
    struct sockeye_stat stat;
    if (strcmp(words[0], "open") == 0) {
        done(words[0], true, fields);
    } else if (strcmp(words[0], "stat") == 0) {
        bool ok = sockeye_stat(file, &stat) == 0;
        snprintf(fields, sizeof fields, "size=%llu identity=%llu", (unsigned long long)stat.size,
                 (unsigned long long)stat.identity);
        done(words[0], ok, fields);
    } else if (strcmp(words[0], "read") == 0) {
        uint64_t offset = number_of(words[2]);
        size_t size = number_of(words[3]);
        received(words[0], bytes, sockeye_pread(file, bytes, size, offset));
    } else if (has_head) {
        const char *head = text_of(words[1]);
        uint64_t offset = number_of(words[3]);
        uint64_t length = number_of(words[4]);
        sent_of_file(words[0], sockeye_send_with_file(connection, head, strlen(head), file, offset,
                                                      length, timeout_of(words[5])));
    } else {
        uint64_t offset = number_of(words[2]);
        uint64_t length = number_of(words[3]);
        sent_of_file(words[0],
                     sockeye_sendfile(connection, file, offset, length, timeout_of(words[4])));
    }
    sockeye_close(file);
}

static void call(char **words, sockeye_connection connection) {
    static char bytes[1 << 20];
    const char *verb = words[0];
    if (strcmp(verb, "recv") == 0) {
        size_t size = number_of(words[1]);
        received(verb, bytes, sockeye_recv(connection, bytes, size, timeout_of(words[2])));
    } else if (strcmp(verb, "recv-until") == 0) {
        size_t size = number_of(words[2]);
        received(verb, bytes, sockeye_recv_until(connection, text_of(words[1]), bytes, size,
                                                 timeout_of(words[3])));
    } else if (strcmp(verb, "send") == 0 || strcmp(verb, "send-filler") == 0) {
        size_t size = number_of(words[1]);
        bool filler = strcmp(verb, "send-filler") == 0;
        memset(bytes, 'x', sizeof bytes);
        const char *sent = filler ? bytes : text_of(words[1]);
        ssize_t count = sockeye_send(connection, sent, filler ? size : strlen(sent), 0,
                                     timeout_of(words[2]));
        if (count < 0) {
            not_sent(verb);
        } else {
            done(verb, true, "");
        }
    } else if (strcmp(verb, "send-more") == 0) {
        const char *sent = text_of(words[1]);
        done(verb, sockeye_send(connection, sent, strlen(sent), SOCKEYE_MORE, -1) >= 0, "");
    } else if (strcmp(verb, "next") == 0) {
        done(verb, true, sockeye_next(connection) ? "value=true" : "value=false");
    } else if (strcmp(verb, "next-until") == 0) {
        size_t size = number_of(words[2]);
        ssize_t count = sockeye_next_until(connection, text_of(words[1]), bytes, size,
                                           timeout_of(words[3]));
        if (count == 0) {
            done(verb, true, "value=false");
        } else {
            received(verb, bytes, count);
        }
    } else if (strcmp(verb, "no-delay") == 0) {
        done(verb, sockeye_set_no_delay(connection, strcmp(words[1], "on") == 0) == 0, "");
    } else if (strcmp(verb, "closing") == 0) {
        done(verb, true, sockeye_closing(connection) ? "value=true" : "value=false");
    } else if (strcmp(verb, "shutdown") == 0) {
        int how = strcmp(words[1], "receive") == 0 ? SHUT_RD
                  : strcmp(words[1], "send") == 0  ? SHUT_WR
                                                   : SHUT_RDWR;
        done(verb, sockeye_shutdown(connection, how) == 0, "");
    } else {
        call_file(words, connection);
    }
}

static bool serve(sockeye_connection connection) {
    static char line[4096];
    for (;;) {
        ssize_t count = sockeye_recv_until(connection, "\n", line, sizeof line - 1, -1);
        if (count <= 0 || line[count - 1] != '\n') {
            return false;
        }
        line[count - 1] = 0;
        for (char *rest = line; rest != NULL;) {
            char *words[WORDS_MAX] = {0};
            char *next = strstr(rest, " | ");
            if (next != NULL) {
                *next = 0;
                next += 3;
            }
            char *place;
            char *word = strtok_r(rest, " ", &place);
            for (int i = 0; i < WORDS_MAX && word != NULL; i++) {
                words[i] = word;
                word = strtok_r(NULL, " ", &place);
            }
            if (strcmp(words[0], "hand-back") == 0 || strcmp(words[0], "let-go") == 0) {
                return words[0][0] == 'h';
            }
            bool quiet = words[0][0] == '-';
            words[0] += quiet;
            call(words, connection);
            fputs(answer, stdout);
            fflush(stdout);
            if (!quiet) {
                sockeye_send(connection, answer, strlen(answer), 0, SOCKEYE_NO_TIMEOUT);
            }
            rest = next;
        }
    }
}

SOCKEYE_HANDLER(serve)
