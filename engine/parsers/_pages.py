"""The pages of a Parquet file, looked at before the library reads them: what a header claims is held against limits.

A page header is a struct of Thrift's compact protocol (https://parquet.apache.org/docs/file-format/data-pages/). A
reader makes room for what it says, so one that lies could fill the memory; here no page is unpacked but dictionaries,
whose longest entry may stand in every row.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final, NamedTuple

from engine.errors import UnitError
from engine.kinds import Limits
from engine.language.arrow.files import Damaged, inflated
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
_LENGTH: Final = struct.Struct("<I").unpack_from
DATA: Final = (0, 3)


class Chunk(NamedTuple):
    """One column of one row group, as the footer describes it: where it is, what it claims to hold."""

    name: str
    type: str
    codec: str
    start: int
    size: int
    values: int
    repeated: bool


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


def damaged(what: str) -> UnitError:
    """What is wrong with a file that is no Parquet file, or no whole one."""
    return UnitError("R171", f"the Parquet file is damaged: {what}", "deliver the file again")


def _pages(file: BinaryIO, chunk: Chunk, limits: Limits) -> Iterator[Page]:
    """The headers of a column's pages, one after the other."""
    at, end = chunk.start, chunk.start + chunk.size
    while at < end:
        page = _page(file, at, end, chunk.name)
        if not (0 <= page.packed <= end - page.start and page.unpacked >= 0 and page.values >= 0):
            raise damaged(f"a page of `{chunk.name}` at byte {at:,} lies about its size")
        if max(page.packed, page.unpacked) > limits.page:
            message = f"a page of `{chunk.name}` has {max(page.packed, page.unpacked):,} bytes unpacked"
            raise UnitError("R172", f"{message}, the limit is {limits.page:,}", "if it is right, raise `limits.page`")
        yield page
        at = page.start + page.packed


def _page(file: BinaryIO, at: int, end: int, name: str) -> Page:
    """The page at a byte; its header is read in growing pieces, since it may hold long statistics."""
    size = FIRST
    while True:
        file.seek(at)
        data = file.read(min(size, end - at))
        try:
            header, length = _struct(data, 0)
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
        longest = max(longest, length)
        at += 4 + length
    return min(longest, len(data))


# --- Thrift's compact protocol, as far as page headers use it


def _struct(data: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The fields of a struct by their numbers, and where it ends; IndexError where there is more of it."""
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _signed(data, at)
        fields[number], at = _value(data, at, head & 15, depth)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        return _signed(data, at)
    if kind == 7:
        return None, at + 8
    if kind == 8:
        length, at = _varint(data, at)
        return None, at + length
    if kind == 12 and depth < 8:
        return _struct(data, at, depth + 1)
    raise ValueError(kind)


def _signed(data: bytes, at: int) -> tuple[int, int]:
    number, at = _varint(data, at)
    return (number >> 1) ^ -(number & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError(number)
