"""Regular files and directories beneath the one directory that the operator granted (`--root`).

Python's own `open` finds nothing here: a handler sees no other file system.
"""

import io
import weakref
from collections.abc import Iterator
from typing import NamedTuple

from componentize_py_types import Err
from wit_world.imports import files as host

from .errors import exception

# What one read returns at most, whatever a caller asks for: a u32 is what the contract takes.
_READ_BYTES_MAX = 1 << 20

_open_files: weakref.WeakSet["File"] = weakref.WeakSet()


class FileStat(NamedTuple):
    """What is known of an open file, all from one moment, by the names that `os.stat` uses."""

    st_size: int
    st_mtime_ns: int
    # Differs between two files that existed at one path one after the other; nothing else.
    st_ino: int

    @property
    def st_mtime(self) -> float:
        """When the content was last modified, in seconds since 1970."""
        return self.st_mtime_ns / 1e9


class File(io.RawIOBase):
    """An open regular file: a raw, seekable stream of bytes that `io.BufferedReader` can wrap.

    It stands for the content that was opened, whatever becomes of its path. `Connection.sendfile`
    sends it without the bytes entering the memory of the handler. Close it, or use `with`; what a
    handler leaves open is closed when it returns.
    """

    def __init__(self, path: str):
        # Other text than UTF-8 can carry (lone surrogates) would end the instance in the call.
        path.encode()
        try:
            self._raw = host.File.open(path)
        except Err as error:
            raise exception(error, path) from None
        self.name = path
        self._position = 0
        _open_files.add(self)

    def stat(self) -> FileStat:
        """Returns size, time of modification and identity.

        Raises OSError (EIO) where the device failed.
        """
        try:
            found = self._host().stat()
        except Err as error:
            raise exception(error, self.name) from None
        modified = found.modified
        time_ns = modified.seconds * 1_000_000_000 + modified.nanoseconds
        return FileStat(found.size, time_ns, found.identity)

    def pread(self, size: int, offset: int) -> bytes:
        """Reads up to `size` bytes that start at `offset`, wherever the position is.

        Returns fewer at the end of the file, none behind it, and never more than the host reads
        in one call (at least 64 KiB). Raises OSError: EIO where the device failed, EINVAL where
        `offset` is beyond what the platform can express.
        """
        if size < 0 or offset < 0:
            raise ValueError("size and offset are not negative")
        try:
            return self._host().read(min(offset, 2**64 - 1), min(size, _READ_BYTES_MAX))
        except Err as error:
            raise exception(error, self.name) from None

    def readinto(self, buffer) -> int:
        """Reads bytes into `buffer` from the position on, and says how many; 0 at the end."""
        data = self.pread(len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves the position, as for any file of Python, and returns it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        if start is None:
            start = self.stat().st_size
        if start + offset < 0:
            raise ValueError("the position is not negative")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Returns the position."""
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Closes the file; a second time, this does nothing."""
        super().close()
        # Where opening failed, there is none.
        raw = self.__dict__.pop("_raw", None)
        if raw is not None:
            raw.__exit__(None, None, None)

    def _host(self) -> host.File:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._raw


class Entry(NamedTuple):
    """One entry of a directory. A symbolic link is one whatever it leads to."""

    name: str
    # "regular-file", "directory", "symbolic-link" or "other".
    kind: str


def open(path: str) -> File:
    """Opens the regular file at `path` for reading bytes.

    `path` is relative to the granted directory, with `/` between its parts, and is looked up as it
    is: decode what came in a URL (`urllib.parse.unquote`). Links and `..` are followed as long as
    every step stays beneath the granted directory.

    Raises FileNotFoundError, IsADirectoryError; PermissionError where `path` is absolute or leads
    out of the directory, or none was granted; OSError otherwise: ENXIO for what is no regular
    file, ENAMETOOLONG, EINVAL for a path that is empty or contains a NUL, EMFILE where the handler
    has as many open files as the operator allows; ValueError where `path` has lone surrogates.
    """
    return File(path)


def scandir(path: str = ".") -> Iterator[Entry]:
    """Yields the entries of the directory at `path`, in no order, without `.` and `..`.

    Raises what `open` raises, FileNotFoundError also where `path` is no directory.
    """
    path.encode()
    try:
        with host.Directory.open(path) as directory:
            while entries := directory.read():
                for entry in entries:
                    yield Entry(entry.name, entry.kind.name.lower().replace("_", "-"))
    except Err as error:
        raise exception(error, path) from None


def close_all() -> None:
    """Closes what an activation has left open: an instance that keeps a file serves no other."""
    for file in list(_open_files):
        file.close()
