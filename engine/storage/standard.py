"""Standard input as a store of one file: whatever reads units reads it too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final, cast

from engine.errors import UsageError
from engine.kinds import Connection, Stat, Store
from engine.storage.local import LocalStore

NAME: Final = "stdin"


class StandardInput(Connection):
    """Leads to standard input; no spec names it."""

    def store(self, folder: str) -> Store:
        """Its one file."""
        return InputStore(folder)


class InputStore(LocalStore):
    """One file of unknown size that can be read once; nothing is ever written here.

    Each run's is a version of its own: what an older one began over other input lends it neither id nor clock.
    """

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self._mark = os.urandom(8).hex()

    @property
    def address(self) -> Mapping[str, str]:
        """It."""
        return {"type": NAME}

    def show(self, path: str) -> str:
        """As messages name it."""
        return path

    def glob(self, pattern: str, exclude: Sequence[str] = ()) -> Iterator[Stat]:
        """There are no files to find."""
        return iter(())

    def stat(self, path: str) -> Stat | None:
        """The same all through a run; UsageError where a person would have to type it."""
        if path != NAME:
            return None
        if sys.stdin is None or sys.stdin.isatty():
            help = "pipe it in: `engine run SPEC < FILE`"
            raise UsageError("U116", "the source is standard input, which is a terminal", help)
        return Stat(NAME, -1, 0, self._mark)

    def open(self, path: str, stat: Stat | None = None) -> BinaryIO:
        """Its bytes; closing them leaves it open for whoever started us."""
        return cast("BinaryIO", _Unclosed(sys.stdin.buffer))


class _Unclosed:
    """A stream that is not ours to close."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        return self._stream.read(size)

    def close(self) -> None:
        """It stays open."""
