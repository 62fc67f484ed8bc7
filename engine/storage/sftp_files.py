"""Files on an SFTP server, read ahead and written behind: many requests are in flight, a few megabytes at most.

Both go on after a lost connection. A file that is read must be the version that was opened; one that is written is
sent again from the first byte that was not acknowledged, and read back in the end: a server that was restarted may
have lost what it had acknowledged.
"""

from __future__ import annotations

import errno
import io
import os
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from engine.errors import StoreError
from engine.kinds import Stat
from engine.storage.refusals import not_whole, store_error
from engine.storage.sftp_session import Asked, FailedError, Session, UnsupportedError

CHUNK: Final = 256 * 2**10
IN_FLIGHT: Final = 16
"""Chunks that were asked for, or sent, and are not answered yet: 4 MiB."""


Seen = Callable[[Any], Stat]
"""Makes a Stat of what the server says of a file."""


class _Handle:
    """A file that is open at the server as long as the session is the one in which it was opened."""

    def __init__(self, session: Session, path: str, shown: str) -> None:
        self.session = session
        self.path = path
        self.shown = shown
        self.file: Any = None
        self.number = 0

    @property
    def is_open(self) -> bool:
        return self.file is not None and self.number == self.session.number and self.session.is_open

    def open(self, mode: str) -> None:
        """Open it; TransientError where the connection is lost meanwhile."""
        self.session.open()
        number = self.session.number
        self.file = self.ask(lambda client: client.open(self.path, mode, encoding=None))
        self.number = number

    def ask(self, work: Any) -> Any:
        return self.session.wait(self.session.submit(work), self.shown)

    @property
    def chunk(self) -> int:
        """A whole number of the requests that the server takes at once."""
        return int(self.file.read_len * max(1, CHUNK // self.file.read_len)) if self.file.read_len else CHUNK

    def let_go(self) -> None:
        """Close it without waiting; what is lost with the connection is closed by the server."""
        file, self.file = self.file, None
        if file and self.number == self.session.number and self.session.is_open:
            self.session.submit(lambda _: file.close())


class SftpReader(io.RawIOBase):
    """A file being read, ahead where that is in order. OSError ESTALE where it is not the version that `stat` saw."""

    def __init__(self, session: Session, path: str, shown: str, seen: Seen, stat: Stat | None) -> None:
        super().__init__()
        self._handle = _Handle(session, path, shown)
        self._seen = seen
        self._version = stat.version if stat else ""
        self._ahead: deque[tuple[int, Asked[bytes]]] = deque()
        self._asked = self._given = self._size = 0
        self._rest = b""
        self._depth = 1
        session.retry.run(self._ready, session.login.place)

    def _ready(self) -> None:
        """Have it open, and some of it asked for."""
        handle = self._handle
        if not handle.is_open:
            self._ahead.clear()
            handle.open("rb")
            self._check(handle.ask(lambda _: handle.file.stat()))
            self._asked = self._given
        while self._asked < self._size and len(self._ahead) < self._depth:
            size = min(handle.chunk, self._size - self._asked)
            self._ahead.append((size, self._ask(self._asked, size)))
            self._asked += size

    def _ask(self, at: int, size: int) -> Asked[bytes]:
        file = self._handle.file
        return self._handle.session.submit(lambda _: file.read(size, at))

    def _check(self, found: Any) -> None:
        now = self._seen(found)
        self._version = self._version or now.version
        self._size = now.size
        if now.version != self._version:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def _next(self) -> bytes:
        """The next chunk, empty at the end; one that came short is the end of a file that was cut meanwhile."""
        self._depth = min(self._depth * 2, IN_FLIGHT)  # whoever reads on is given more ahead
        self._ready()
        if not self._ahead:
            return b""
        size, asked = self._ahead[0]
        data = self._handle.session.wait(asked, self._handle.shown)
        self._ahead.popleft()
        self._given += len(data)
        if len(data) < size:
            self._asked = self._size = self._given
            self._ahead.clear()
        return data

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes: as many as were asked for, fewer only at the end."""
        wanted = max(0, self._size - self.tell()) if size is None or size < 0 else size
        parts, have = [self._rest], len(self._rest)
        while have < wanted:
            data = self._handle.session.retry.run(self._next)
            if not data:
                break
            parts.append(data)
            have += len(data)
        whole = b"".join(parts) if len(parts) > 1 else self._rest
        self._rest = whole[wanted:]
        return whole[:wanted] if self._rest else whole

    def readinto(self, buffer: Any) -> int:
        """The next bytes, into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: what is read from elsewhere is asked for anew."""
        return True

    def tell(self) -> int:
        """The byte that is read next."""
        return self._given - len(self._rest)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on at another byte."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size}[whence]
        at = max(0, start + offset)
        if at != self.tell():
            self._forget()
            self._given = self._asked = at
            self._depth = 1
        return at

    def _forget(self) -> None:
        for _, asked in self._ahead:
            asked.answer.cancel()
        self._ahead.clear()
        self._rest = b""

    def close(self) -> None:
        """Let go of it."""
        if not self.closed:
            self._forget()
            self._handle.let_go()
        super().close()


class _Sent(NamedTuple):
    """Bytes that the server has not acknowledged yet."""

    at: int
    data: bytes
    asked: Asked[int]


class SftpFile:
    """A new file being written."""

    def __init__(self, session: Session, path: str, shown: str) -> None:
        self._handle = _Handle(session, path, shown)
        self._sent: deque[_Sent] = deque()
        self._buffer: list[bytes] = []
        self._buffered = self._end = self._sum = 0
        self._resumed = False
        session.retry.run(self._ready, session.login.place)

    def _ready(self) -> None:
        """Have it open, and everything sent again that a lost connection took with it."""
        if self._handle.is_open:
            return
        before, at = self._handle.number, self._sent[0].at if self._sent else self._end
        self._handle.open("r+b" if at else "wb")
        self._resumed = self._resumed or before not in (0, self._handle.number)
        self._sent = deque(self._send(each.at, each.data) for each in self._sent)

    def _send(self, at: int, data: bytes) -> _Sent:
        file = self._handle.file
        return _Sent(at, data, self._handle.session.submit(lambda _: file.write(data, at)))

    def write(self, data: bytes) -> object:
        """Take bytes."""
        self._buffer.append(bytes(data))
        self._buffered += len(data)
        if self._buffered >= CHUNK:
            self._flush()
        return len(data)

    def _flush(self) -> None:
        whole = memoryview(b"".join(self._buffer))
        self._buffer, self._buffered = [], 0
        for start in range(0, len(whole), CHUNK):
            self._settle(IN_FLIGHT - 1)
            self._push(bytes(whole[start : start + CHUNK]))

    def _push(self, data: bytes) -> None:
        self._handle.session.retry.run(self._ready)
        self._sent.append(self._send(self._end, data))
        self._end += len(data)
        self._sum = zlib.crc32(data, self._sum)

    def _settle(self, most: int) -> None:
        """Wait until no more than so many chunks are without an answer."""
        while len(self._sent) > most:
            self._handle.session.retry.run(self._answered)

    def _answered(self) -> None:
        self._ready()
        try:
            self._handle.session.wait(self._sent[0].asked, self._handle.shown)
        except FailedError as error:
            raise self._why(error) from None
        self._sent.popleft()

    def _why(self, error: FailedError) -> StoreError:
        """A server without words may still say how much room it has."""
        with suppress(StoreError):
            room = self._handle.ask(lambda _: self._handle.file.statvfs())
            if room.bavail * room.frsize < CHUNK:
                return store_error(OSError(errno.ENOSPC, ""), self._handle.shown)
        return error

    def park(self) -> None:
        """Send what is here and close it; it is opened again for what comes next."""
        self._flush()
        self._settle(0)
        self._handle.let_go()

    def close(self) -> None:
        """End it: synced where the server can, of the size that was written."""
        self._flush()
        self._settle(0)
        self._handle.session.retry.run(self._finish)

    def _finish(self) -> None:
        self._ready()
        self._settle(0)
        file = self._handle.file
        with suppress(UnsupportedError):
            self._handle.ask(lambda _: file.fsync())
        self._handle.ask(lambda _: file.close())
        self._handle.file = None
        size = self._handle.ask(lambda client: client.stat(self._handle.path)).size
        if size != self._end or (self._resumed and self._read_back() != self._sum):
            error = not_whole(self._handle.shown, size, self._end)
            raise StoreError(error.code, error.message, error.help)

    def _read_back(self) -> int:
        """The checksum of what the server has."""
        self._handle.open("rb")
        found = 0
        for at in range(0, self._end, CHUNK * IN_FLIGHT):
            data = self._handle.ask(lambda _, at=at: self._handle.file.read(CHUNK * IN_FLIGHT, at))
            found = zlib.crc32(data, found)
        self._handle.let_go()
        return found

    def abandon(self) -> None:
        """Let go of it."""
        for each in self._sent:
            each.asked.answer.cancel()
        self._sent.clear()
        self._handle.let_go()
