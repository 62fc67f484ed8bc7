"""Files that are read in ranges: one range ahead of the reader, and on where it broke off when a connection breaks."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.errors import TransientError
from engine.storage.retries import Retry

if TYPE_CHECKING:
    from concurrent.futures import Future  # which imports the logging of the standard library

T = TypeVar("T")

WIDTH: Final = 8 * 2**20
"""Bytes of one range; a reader holds two."""

Fetch = Callable[[int, int, bytearray], None]
"""Appends the bytes from a place to another as they come; TransientError where they stop coming."""


class RangedFile(io.RawIOBase):
    """A file of a known size behind a network. Breaks that bring something do not count against `retry`."""

    def __init__(self, size: int, fetch: Fetch, retry: Retry, width: int = WIDTH) -> None:
        super().__init__()
        self._size = size
        self._fetch = fetch
        self._retry = retry
        self._width = width
        self._at = 0
        self._start = -1
        self._piece = memoryview(b"")
        self._next: tuple[int, Future[bytearray]] | None = None

    def read(self, size: int = -1) -> bytes:
        """The next bytes: as many as asked for, fewer only at the end."""
        size = self._size - self._at if size < 0 else min(size, self._size - self._at)
        pieces = []
        while size > 0:
            start = self._at - self._at % self._width
            if start != self._start:
                self._piece, self._start = memoryview(self._take(start)), start
            pieces.append(bytes(self._piece[self._at - start : self._at - start + size]))
            self._at += len(pieces[-1])
            size -= len(pieces[-1])
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    def _take(self, start: int) -> bytearray:
        """One range; the one behind it is asked for before this one is used."""
        self._piece, self._start = memoryview(b""), -1
        ahead, self._next = self._next, None
        piece = ahead[1].result() if ahead and ahead[0] == start else self._whole(start)
        after = start + self._width
        if after < self._size:
            self._next = (after, in_background(lambda: self._whole(after)))
        return piece

    def _whole(self, start: int) -> bytearray:
        piece, failures = bytearray(), 0
        wanted = min(self._width, self._size - start)
        while len(piece) < wanted and not self.closed:
            had = len(piece)
            try:
                self._fetch(start + had, start + wanted, piece)
            except TransientError as error:
                failures = 1 if len(piece) > had else failures + 1
                self._retry.wait(failures, error)
        return piece

    def readinto(self, buffer: Any) -> int:
        """The next bytes, into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It can be read in any order; a jump costs a request."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def close(self) -> None:
        """Let go of what was read ahead."""
        self._next, self._piece = None, memoryview(b"")
        super().close()


def in_background(call: Callable[[], T]) -> Future[T]:
    """What a call will give, made by a thread of its own that nobody waits for when the process ends."""
    from concurrent.futures import Future

    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result is told
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
