"""The pages of a Parquet file, looked at before the library reads them: what a header claims is held against limits.

A reader makes room for what a header says, so one that lies could fill the memory; here no page is unpacked but
dictionaries, whose longest entry may stand in every row. What stands in a header:
https://parquet.apache.org/docs/file-format/data-pages/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Any, BinaryIO, Final, NamedTuple

from engine.errors import UnitError
from engine.kinds import Limits
from engine.language.arrow.files import Damaged, inflated
from engine.parsers._footer import Chunk, damaged, too_large
from engine.parsers._thrift import struct
from engine.spelling import counted

FIRST: Final = 512
"""Bytes in which most headers end."""
ROOM: Final = 64 * 2**20
"""Bytes that a column may unpack to before `Limits.ratio` is asked."""
WIDTHS: Final[Mapping[str, float]] = {"INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12, "BYTE_ARRAY": 4}
"""The least bytes that an entry of a dictionary takes."""
VALUE: Final = 8
"""What a value in memory takes at least, such as the pointer to it."""
DICTIONARY: Final = 2
_LENGTH: Final = Struct("<I").unpack_from
DATA: Final = (0, 3)


class Page(NamedTuple):
    """A page by its header: kind, bytes packed and unpacked, values, where its bytes begin."""

    kind: int
    packed: int
    unpacked: int
    values: int
    start: int


def widest(file: BinaryIO, chunk: Chunk, end: int, limits: Limits) -> int:
    """The most bytes that a value of the column takes; UnitError where a page lies or is over a limit.

    `end` is where the footer begins: no page reaches beyond it.
    """
    if not 4 <= chunk.start <= chunk.start + chunk.size <= end:
        raise damaged(f"the column `{chunk.name}` lies outside the file")
    width, values = VALUE, 0
    for page in _pages(file, chunk, limits):
        if page.kind == DICTIONARY:
            width = max(width, _longest(file, chunk, page))
        elif page.kind in DATA:
            values += page.values
    if values != chunk.values:
        raise damaged(f"the column `{chunk.name}` says it has {counted(chunk.values, 'value')}, its pages {values:,}")
    if chunk.repeated and values * width > max(ROOM, limits.ratio * chunk.size):
        raise UnitError("R172", f"the lists of `{chunk.name}` unpack to more than {limits.ratio} times their bytes",
                        "if it is right, raise `limits.ratio`")  # fmt: skip
    return width


def _pages(file: BinaryIO, chunk: Chunk, limits: Limits) -> Iterator[Page]:
    """The headers of a column's pages, one after the other."""
    at, end = chunk.start, chunk.start + chunk.size
    while at < end:
        page = _page(file, at, end, chunk.name)
        if not (0 <= page.packed <= end - page.start and page.unpacked >= 0 and page.values >= 0):
            raise damaged(f"a page of `{chunk.name}` at byte {at:,} lies about its size")
        if max(page.packed, page.unpacked) > limits.page:
            raise too_large(f"a page of `{chunk.name}`", max(page.packed, page.unpacked), limits.page)
        yield page
        at = page.start + page.packed


def _page(file: BinaryIO, at: int, end: int, name: str) -> Page:
    """The page at a byte; its header is read in growing pieces, since it may hold long statistics."""
    size = FIRST
    while True:
        file.seek(at)
        data = file.read(min(size, end - at))
        try:
            header, length = struct(data)
        except IndexError:
            if size >= end - at:
                raise damaged(f"a page header of `{name}` at byte {at:,} has no end") from None
            size *= 8
            continue
        except ValueError as error:
            raise damaged(f"byte {at:,} is no page header of `{name}`") from error
        about: dict[int, Any] = next((header[key] for key in (5, 7, 8) if isinstance(header.get(key), dict)), {})
        kind, unpacked, packed, values = header.get(1), header.get(2), header.get(3), about.get(1, 0)
        if not all(isinstance(each, int) for each in (kind, unpacked, packed, values)):
            raise damaged(f"byte {at:,} is no page header of `{name}`")
        return Page(kind, packed, unpacked, values, at + length)  # type: ignore[arg-type]


def _longest(file: BinaryIO, chunk: Chunk, page: Page) -> int:
    """The bytes of a dictionary's longest entry; it has room for as many as it says."""
    if page.values * WIDTHS.get(chunk.type, 1 / 8) > page.unpacked:
        raise damaged(f"the dictionary of `{chunk.name}` says it has {counted(page.values, 'value')}")
    if chunk.type != "BYTE_ARRAY":
        return page.unpacked // page.values if page.values else 0
    file.seek(page.start)
    try:
        data = inflated(file.read(page.packed), chunk.codec, page.unpacked)
    except Damaged as error:
        raise damaged(f"the dictionary of `{chunk.name}`: {error}") from error
    return page.unpacked if data is None else _longest_text(data)


def _longest_text(data: bytes) -> int:
    """Of byte arrays as they are stored plainly, each behind its length."""
    longest = at = 0
    while at + 4 <= len(data):
        (length,) = _LENGTH(data, at)
        if length > longest:  # noqa: PLR1730 - twice as fast as a call
            longest = length
        at += 4 + length
    return min(longest, len(data))
