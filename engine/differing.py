"""What differs between two files of a golden, for people: lines of text, rows of Parquet, else how long they are."""

from __future__ import annotations

import difflib
import io
from collections.abc import Sequence
from typing import Any, Final

from engine.errors import EngineError
from engine.kinds import Limits
from engine.language.jsontext import encode
from engine.parsers._input import batches_of
from engine.records import Damage
from engine.spec.suffixes import by_suffix
from engine.storage.packing import compression_of, strip_compression, unpacked

MOST: Final = 40
"""Lines of a difference that are shown."""


def difference(path: str, wanted: bytes, found: bytes) -> str:
    """Two contents of one path that are not the same."""
    sizes = f"{len(found):,} bytes, golden {len(wanted):,} bytes"
    shown = [_lines(path, wanted), _lines(path, found)]
    if shown[0] is None or shown[1] is None:
        return f"{path}: differs: {sizes}"
    lines = list(difflib.unified_diff(shown[0], shown[1], f"golden/{path}", f"made/{path}", lineterm=""))
    if not lines:
        return f"{path}: {_beside_lines(path)}: {sizes}"
    more = [f"... {len(lines) - MOST} more lines"] if len(lines) > MOST else []
    return "\n".join([*lines[:MOST], *more])


def _beside_lines(path: str) -> str:
    """What differs where all that can be shown is the same."""
    if _is_parquet(path):
        return "differs in its schema or layout, its rows are the same"
    packed = strip_compression(path) != path
    return "differs in how it is compressed, or in line ends only" if packed else "differs in line ends only"


def _lines(path: str, data: bytes) -> Sequence[str] | None:
    """A file as lines, unpacked; each row of Parquet is one. None where it is no text."""
    try:
        if _is_parquet(path):
            return _rows(path, data)
        text = unpacked(io.BytesIO(data), compression_of(path), Limits()).read() if _is_packed(path) else data
        return None if b"\0" in text else text.decode().splitlines()
    except (EngineError, OSError, UnicodeDecodeError):
        return None


def _is_parquet(path: str) -> bool:
    return path.lower().endswith(".parquet")


def _is_packed(path: str) -> bool:
    return strip_compression(path) != path and not path.lower().endswith(".zip")


def _rows(path: str, data: bytes) -> list[str]:
    parser: Any = by_suffix("parser", path)
    batches = batches_of(parser, io.BytesIO(data), path, Limits())
    return [_shown(value) for batch in batches for value in batch.values]


def _shown(value: Any) -> str:
    return "a row that cannot be read" if isinstance(value, Damage) else encode(value).decode()
