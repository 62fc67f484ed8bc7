"""Compressed streams: which ones are, and their bytes unpacked; damage of the packing fails the unit."""

from __future__ import annotations

import gzip
import zlib
from typing import Any, BinaryIO, cast

from engine.errors import UnitError


def unpacked(raw: Any, path: str, compression: str) -> BinaryIO:
    """The stream as the parser wants it; damage of the packing fails the unit."""
    if compression == "gzip" or (compression == "infer" and path.endswith(".gz")):
        return cast("BinaryIO", _Gunzip(raw))
    return cast("BinaryIO", raw)


class _Gunzip:
    """A gzip stream whose damage is an error of the unit."""

    def __init__(self, raw: Any) -> None:
        self._file = gzip.GzipFile("", "rb", fileobj=raw)  # no buffer of ours, which would close it unasked

    def read(self, size: int = -1) -> bytes:
        """The next unpacked bytes."""
        try:
            return self._file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            reason = "ends in the middle" if isinstance(error, EOFError) else f"is damaged: {error}"
            raise UnitError("R131", f"the gzip stream {reason}", "deliver the file again") from error
