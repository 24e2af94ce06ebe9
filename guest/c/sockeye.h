/* Handlers for sockeye in C: the calls of `sockeye:net@0.1.0` in the manner of POSIX.
 *
 * A handler is a function that serves one connection. Its calls block; the host suspends the
 * instance meanwhile. A call that fails returns -1 and sets errno; the end of a stream is 0, as in
 * recv(2).
 *
 *     #include "sockeye.h"
 *
 *     static bool echo(sockeye_connection connection) {
 *         char bytes[4096];
 *         for (;;) {
 *             ssize_t count = sockeye_recv(connection, bytes, sizeof bytes, SOCKEYE_NO_TIMEOUT);
 *             if (count <= 0 || sockeye_send(connection, bytes, count, 0, 5 * SOCKEYE_SECOND) < 0)
 *                 return false;
 *         }
 *     }
 *     SOCKEYE_HANDLER(echo)
 *
 * Any C compiler for WebAssembly builds it, here that of Zig:
 *
 *     zig cc -target wasm32-wasi -mexec-model=reactor -Os -s -Wl,-z,stack-size=65536 \
 *         echo.c sockeye.c -o core.wasm
 *     sockeye component core.wasm -o handler.wasm
 *     sockeye serve handler.wasm
 */
#ifndef SOCKEYE_H
#define SOCKEYE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The connection that a handler serves; valid until the handler returns. */
typedef int32_t sockeye_connection;

/* An open file beneath the directory that the operator granted. */
typedef int32_t sockeye_file;

/* Timeouts are in nanoseconds and cover the whole call. Zero: what can be done at once. Less than
 * zero: as long as the operator allows. A call whose timeout passed fails with ETIMEDOUT. */
#define SOCKEYE_SECOND INT64_C(1000000000)
#define SOCKEYE_NO_TIMEOUT INT64_C(-1)

/* More bytes follow soon, or the end of the connection: the host may hold these back to fill a
 * packet. (MSG_MORE) */
#define SOCKEYE_MORE 1

/* Makes `function` the handler of connections whose client speaks HTTP/1 first: it is called when
 * a whole request head has arrived.
 *
 * It returns true to hand the connection back, to be called again for it when bytes arrive, perhaps
 * in another instance; and false to let the connection go, which closes it in an orderly way. */
#define SOCKEYE_HTTP_HANDLER(function) SOCKEYE_EXPORT_(function, "http-handler")

/* Makes `function` the handler of connections of any other protocol: it is called when a connection
 * is accepted. */
#define SOCKEYE_HANDLER(function) SOCKEYE_EXPORT_(function, "handler")

/* Receives at least one byte and at most `size`. Returns 0 at the end of the stream. */
ssize_t sockeye_recv(sockeye_connection connection, void *buffer, size_t size, int64_t timeout);

/* Receives up to and including `delimiter`, a string, and at most `size` bytes; EMSGSIZE where they
 * do not contain it. After EMSGSIZE and ETIMEDOUT the bytes stay with the host for the next call.
 * Where the peer ends the stream first, returns what came before that. */
ssize_t sockeye_recv_until(sockeye_connection connection, const char *delimiter, void *buffer,
                           size_t size, int64_t timeout);

/* Sends all of `bytes` and returns their number. Where that fails, `sockeye_sent` says how many of
 * them are gone. */
ssize_t sockeye_send(sockeye_connection connection, const void *bytes, size_t size, int flags,
                     int64_t timeout);

/* Sends `length` bytes of `file` from `offset`, and returns how many there were: fewer only where
 * the file ends first or has changed. They never enter the memory of the handler. */
int64_t sockeye_sendfile(sockeye_connection connection, sockeye_file file, uint64_t offset,
                         uint64_t length, int64_t timeout);

/* Sends all of `bytes` and behind them a part of `file`, as a head and its body, with one call and
 * one timeout. Returns how many bytes of the file were sent. */
int64_t sockeye_send_with_file(sockeye_connection connection, const void *bytes, size_t size,
                               sockeye_file file, uint64_t offset, uint64_t length,
                               int64_t timeout);

/* How many bytes the last call that sends and failed had sent before. */
uint64_t sockeye_sent(void);

/* Says whether the handler should go on with the connection now, and waits a little for that. Where
 * it should not, return true from the handler. Pushes out what was held back. */
bool sockeye_next(sockeye_connection connection);

/* Does what `sockeye_next` does and then, where that is true, what `sockeye_recv_until` does.
 * Returns 0 where the handler should not go on: return true from it then. */
ssize_t sockeye_next_until(sockeye_connection connection, const char *delimiter, void *buffer,
                           size_t size, int64_t timeout);

/* Says whether the host will close the connection instead of taking it back; announce that to the
 * peer, and return false after the answer. */
bool sockeye_closing(sockeye_connection connection);

/* Writes the address of the peer, or the one at which the connection was accepted, as a string:
 * `192.0.2.1:80`, `[2001:db8::1]:80`, or the path of a socket; empty where that has none. ENOBUFS
 * where it has more than `size` bytes; those of the network have at most SOCKEYE_ADDRESS_BYTES. */
#define SOCKEYE_ADDRESS_BYTES 48
int sockeye_peer_address(sockeye_connection connection, char *buffer, size_t size);
int sockeye_local_address(sockeye_connection connection, char *buffer, size_t size);

/* Closes one or both directions; `how` is as for shutdown(2). */
int sockeye_shutdown(sockeye_connection connection, int how);

/* Chooses between small delay, as connections begin, and few packets. (TCP_NODELAY) */
int sockeye_set_no_delay(sockeye_connection connection, bool enabled);

/* What is known of an open file. */
struct sockeye_stat {
    uint64_t size;
    int64_t modified_seconds; /* since 1970 */
    uint32_t modified_nanoseconds;
    uint64_t identity; /* another one for another file at the same path */
};

/* Opens the regular file at `path` beneath the granted directory. No file is at a path that is not
 * UTF-8 (ENOENT). */
sockeye_file sockeye_open(const char *path);

/* Looks at an open file. */
int sockeye_stat(sockeye_file file, struct sockeye_stat *stat);

/* Reads up to `size` bytes from `offset`; 0 at the end of the file. */
ssize_t sockeye_pread(sockeye_file file, void *buffer, size_t size, uint64_t offset);

/* Closes an open file. */
void sockeye_close(sockeye_file file);

/* Says whether a string is UTF-8. */
bool sockeye_is_utf8(const char *text);

/* What the macros above expand to. */
const void *sockeye_verdict_(sockeye_connection connection, bool hand_back);
#define SOCKEYE_EXPORT_(function, interface)                                                     \
    __attribute__((export_name("sockeye:net/" interface "@0.1.0#handle"))) const void           \
        *sockeye_handle_(sockeye_connection connection);                                         \
    const void *sockeye_handle_(sockeye_connection connection) {                                 \
        return sockeye_verdict_(connection, function(connection));                               \
    }

/* Writes a number without leading zeros, and returns where it ends. */
char *sockeye_write_number_(char *to, uint64_t number, unsigned base);

#ifdef __cplusplus
}
#endif

#endif
