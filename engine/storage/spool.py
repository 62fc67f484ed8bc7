"""Bytes that wait to be sent: a few in memory, more in a private file, so that thousands of open outputs stay cheap."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import BinaryIO, Final

IN_MEMORY: Final = 64 * 2**10


def spools(ledger: str) -> str:
    """The folder beside a staging's ledger where its files wait."""
    return f"{ledger}.spools"


class Spool:
    """Bytes taken in and given out in whole; the file is made when memory would hold too many."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._held = bytearray()
        self._file: BinaryIO | None = None
        self._filed = 0

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._filed + len(self._held)

    def write(self, data: bytes | memoryview) -> None:
        """Take bytes."""
        if not self._filed and len(self._held) + len(data) <= IN_MEMORY:
            self._held += data
            return
        self._spill()
        assert self._file  # noqa: S101 - opened by _spill
        self._file.write(data)
        self._filed += len(data)

    def _spill(self) -> None:
        if self._file is None:
            os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | (0 if self._filed else os.O_TRUNC), 0o600)
            self._file = os.fdopen(handle, "r+b", buffering=0)
            self._file.seek(self._filed)
        if self._held:
            self._file.write(self._held)
            self._filed += len(self._held)
            self._held = bytearray()

    def take(self) -> bytes:
        """All that waits; nothing waits after it."""
        if not self._filed:
            data, self._held = bytes(self._held), bytearray()
            return data
        self._spill()
        assert self._file  # noqa: S101 - opened by _spill
        self._file.seek(0)
        data = self._file.read(self._filed)
        self._file.seek(0)
        self._file.truncate()
        self._filed = 0
        return data

    def whole(self) -> BinaryIO:
        """All that waits, as a file that is read from its start; the spool keeps it."""
        if not self._filed:
            return io.BytesIO(self._held)
        self.park()
        return open(self.path, "rb")

    def park(self) -> None:
        """Hold neither memory nor an open file until more comes."""
        if self._held:
            self._spill()
        if self._file:
            self._file.close()
            self._file = None

    def drop(self) -> None:
        """Forget all of it."""
        if self._file:
            self._file.close()
            self._file = None
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        self._held, self._filed = bytearray(), 0
