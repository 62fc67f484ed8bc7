"""The stream of a unit: hashed as it is read, verified after its last byte."""

from __future__ import annotations

import errno
import hashlib
import io
import time
from typing import Any, BinaryIO, Final, Protocol

from engine.errors import ChangedError, EngineError
from engine.kinds import Stat, Store
from engine.storage.refusals import store_error

SECOND: Final = 10**9
FRESH: Final = 10**7
"""Nanoseconds below which two changes of a file may carry one time, on file systems with fine clocks."""


class Extent(Protocol):
    """The part of a file that is read, and what its parser reads before it."""

    @property
    def start(self) -> int: ...

    @property
    def stop(self) -> int: ...

    @property
    def front(self) -> bytes: ...


class Reading(io.RawIOBase):
    """The raw bytes of one file, or of one part of it; knows how many there were and their hash.

    The hash of a part is that of the header too: a column that has another name makes another content of all parts.
    """

    def __init__(self, store: Store, stat: Stat, piece: Extent | None = None) -> None:
        super().__init__()
        self._store = store
        self._stat = stat
        self._file = self._opened()
        self._others: list[BinaryIO] = []
        self._digest = hashlib.sha256()
        self._front = piece.front if piece else b""
        self._size = piece.stop - piece.start if piece else stat.size
        self._ends = piece is not None
        self.bytes = 0
        if piece and piece.start:
            self._file.seek(piece.start)

    def _opened(self) -> BinaryIO:
        try:
            return self._store.open(self._stat.path, self._stat)
        except OSError as error:
            raise self._refusal(error) from error

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if self._front:
            return self._before(size)
        data = self._next(self._most(size))
        self._digest.update(data)
        self.bytes += len(data)
        if 0 <= self._size < self.bytes:  # one that grows as fast as it is read would never end
            raise self._changed()
        return data

    def _before(self, size: int) -> bytes:
        """What a part is read behind."""
        size = len(self._front) if size < 0 else size
        data, self._front = self._front[:size], self._front[size:]
        self._digest.update(data)
        return data

    def _most(self, size: int) -> int:
        """No more than the part has left."""
        left = self._size - self.bytes
        return size if not self._ends else left if size < 0 else min(size, left)

    def _next(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> EngineError:
        """What a store refused while it was asked for the file or its bytes."""
        if error.errno == errno.ESTALE:
            return self._changed()
        return store_error(error, self._store.show(self._stat.path))

    def readinto(self, buffer: Any) -> int:
        """The next bytes, into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Let go of the file."""
        for each in (self._file, *self._others):
            each.close()
        super().close()

    def verify(self) -> str:
        """Read what is left and give the hash of all; ChangedError where the file is not what was claimed."""
        while self.read(1 << 20):
            pass
        if self._now() != self._stat.version or self.bytes != self._size >= 0:
            raise self._changed()
        return self._digest.hexdigest()

    def beside(self) -> BinaryIO | None:
        """The file once more, to be read in any order while this one's place stays; None where it is not at hand."""
        if not isinstance(self._file, io.BufferedReader):
            return None
        other = self._opened()
        self._others.append(other)
        return other

    def _now(self) -> str:
        """The version that stands at the path now, empty where there is none."""
        found = self._store.stat(self._stat.path)
        return found.version if found else ""

    def _changed(self) -> ChangedError:
        return ChangedError(
            "D305",
            f"`{self._store.show(self._stat.path)}` changed while it was read",
            "it is read again; to wait for slow writers, set `min_age` on the source",
        )


def settle(stat: Stat) -> None:
    """Wait until a change of the file could no longer hide behind the same time; a store's own mark hides none."""
    if stat.etag:
        return
    grain = SECOND if stat.mtime_ns % SECOND == 0 else FRESH
    age = time.time_ns() - stat.mtime_ns
    if 0 <= age < grain:
        time.sleep((grain - age) / SECOND)
