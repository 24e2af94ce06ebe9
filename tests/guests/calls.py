"""The twin of `calls.rs` in Python: makes any single call of the layer on request.

The client sends lines of commands, `recv 10 50ms | next`. Each is answered with one line, which
also goes to stdout; a `-` before a command leaves it at that.
"""

import errno

import sockeye

LINE_BYTES_MAX = 4096

# What a test has to be told: the names of the contract.
NAMES = {
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "connection-reset",
    errno.EPIPE: "connection-broken",
    errno.ECONNABORTED: "connection-aborted",
    errno.EBADF: "invalid-state",
    errno.EINVAL: "invalid-argument",
    errno.EACCES: "access-denied",
    errno.ENOENT: "not-found",
    errno.EISDIR: "is-directory",
    errno.ENXIO: "not-regular-file",
    errno.ENAMETOOLONG: "name-too-long",
    errno.EMSGSIZE: "too-large",
}


def serve(connection):
    while True:
        try:
            line = connection.readline(LINE_BYTES_MAX)
        except TimeoutError:
            # Only the test decides how long this guest waits for commands.
            continue
        if not line.endswith(b"\n"):
            return None
        for command in line.decode().rstrip().split(" | "):
            words = command.split(" ")
            match words:
                case ["hand-back"]:
                    return connection
                case ["let-go"]:
                    return None
            run(connection, words)


def run(connection, words):
    verb = words[0].removeprefix("-")
    try:
        answer = f"{verb} ok {call(connection, verb, words[1:])}\n"
    except OSError as error:
        sent = f" sent={error.sent}" if hasattr(error, "sent") else ""
        answer = f"{verb} error={NAMES.get(error.errno, error.strerror)}{sent}\n"
    print(answer, end="")
    if words[0] == verb:
        try:
            connection.send(answer.encode())
        # After a call that shut the connection down nobody receives this; stdout has it.
        except OSError:
            pass


def call(connection, verb, words):
    match verb, words:
        case "recv", [size, timeout]:
            return received(connection.recv(int(size), timeout=time(timeout)))
        case "recv-until", [delimiter, size, timeout]:
            delimiter = text(delimiter)
            return received(connection.recv_until(delimiter, int(size), timeout=time(timeout)))
        case "send", [word, timeout]:
            connection.send(text(word), timeout=time(timeout))
            return ""
        case "send-more", [word]:
            connection.send(text(word), more=True)
            return ""
        case "send-filler", [size, timeout]:
            connection.send(b"x" * int(size), timeout=time(timeout))
            return ""
        case "sendfile", [path, offset, count, timeout]:
            with sockeye.open(path) as file:
                sent = connection.sendfile(file, int(offset), int(count), timeout=time(timeout))
            return f"sent={sent}"
        case "send-with-file", [word, path, offset, count, timeout]:
            timeout = time(timeout)
            with sockeye.open(path) as file:
                sent = connection.send_with_file(
                    text(word), file, int(offset), int(count), timeout=timeout
                )
            return f"sent={sent}"
        case "next", []:
            return f"value={truth(connection.next())}"
        case "next-until", [delimiter, size, timeout]:
            delimiter = text(delimiter)
            data = connection.next_until(delimiter, int(size), timeout=time(timeout))
            return "value=false" if data is None else received(data)
        case "closing", []:
            return f"value={truth(connection.closing())}"
        case "no-delay", [value]:
            connection.set_no_delay(value == "on")
            return ""
        case "shutdown", [how]:
            names = {"receive": sockeye.SHUT_RD, "send": sockeye.SHUT_WR}
            connection.shutdown(names.get(how, sockeye.SHUT_RDWR))
            return ""
        case "peer", []:
            return "addr={}:{}".format(*connection.getpeername())
        case "local", []:
            return "addr={}:{}".format(*connection.getsockname())
        case "list", [path]:
            entries = sorted(f"{entry.name}:{entry.kind}" for entry in sockeye.scandir(path))
            return f"count={len(entries)} text={' '.join(entries)}"
        case "open", [path]:
            sockeye.open(path).close()
            return ""
        case "stat", [path]:
            with sockeye.open(path) as file:
                stat = file.stat()
            return f"size={stat.st_size} identity={stat.st_ino}"
        case "read", [path, offset, size]:
            with sockeye.open(path) as file:
                return received(file.pread(int(size), int(offset)))
    raise OSError(errno.ENOSYS, "unknown command")


def received(data):
    shown = data.replace(b"\r", b"\\r").replace(b"\n", b"\\n").decode("latin-1")
    return f"bytes={len(data)} text={shown}"


def truth(value):
    return "true" if value else "false"


def text(word):
    return b"" if word == "''" else word.encode()


def time(word):
    """Returns the seconds that `100ms` or `1h` stands for, or None for `none`."""
    if word == "none":
        return None
    if word.endswith("h"):
        return 3600 * int(word[:-1])
    return int(word.removesuffix("ms")) / 1000


Handler = sockeye.handler(serve)
