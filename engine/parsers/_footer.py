"""The footer of a Parquet file: where its columns are and what they claim to hold.

https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift says what each number means.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final, NamedTuple

from engine.errors import UnitError
from engine.kinds import Limits
from engine.parsers._thrift import Fields, struct

MAGIC: Final = b"PAR1"
TYPES: Final = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
CODECS: Final = ("none", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw")
REPEATED: Final = 2


class Chunk(NamedTuple):
    """One column of one row group: the names on its path, where it is, what it claims to hold."""

    path: tuple[str, ...]
    type: str
    codec: str
    start: int
    size: int
    values: int
    repeated: bool

    @property
    def name(self) -> str:
        """Its path for people."""
        return ".".join(self.path)


class Group(NamedTuple):
    """A row group: its rows and its columns."""

    rows: int
    chunks: tuple[Chunk, ...]


class Footer(NamedTuple):
    """The row groups of a file, and the byte where its data ends."""

    groups: tuple[Group, ...]
    start: int


def damaged(what: str) -> UnitError:
    """What is wrong with a file that is no Parquet file, or no whole one."""
    return UnitError("R171", f"the Parquet file is damaged: {what}", "deliver the file again")


def too_large(what: str, size: int, limit: int) -> UnitError:
    """A part of a file that memory should not hold."""
    return UnitError(
        "R172", f"{what} has {size:,} bytes, the limit is {limit:,}", "if it is right, raise `limits.page`"
    )


def footer_of(stream: BinaryIO, limits: Limits) -> Footer:
    """The footer; UnitError where there is none, or one that is too large to be read or says what cannot be."""
    size = stream.seek(0, os.SEEK_END)
    if size < 12:
        raise damaged(f"it has {size} bytes")
    length = _length(stream, size)
    if length > limits.page:
        raise too_large("the footer", length, limits.page)
    start = size - 8 - length
    stream.seek(start)
    try:
        about, _ = struct(stream.read(length))
        leaves = list(_leaves(iter(about[2][1:]), about[2][0][5], ()))
        groups = tuple(_group(each, leaves) for each in about.get(4, ()))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise damaged("its footer is none") from error
    return Footer(groups, start)


def _length(stream: BinaryIO, size: int) -> int:
    """The bytes of the footer."""
    stream.seek(0)
    head = stream.read(4)
    stream.seek(size - 8)
    length, tail = int.from_bytes(stream.read(4), "little"), stream.read(4)
    if b"PARE" in (head, tail):
        raise damaged("it is encrypted")
    if head != MAGIC:
        raise damaged("it does not begin with PAR1")
    if tail != MAGIC:
        raise damaged("it does not end with PAR1: it was cut off, or is still being written")
    if length > size - 12:
        raise damaged(f"its footer of {length:,} bytes is larger than the file")
    return length


class _Leaf(NamedTuple):
    path: tuple[str, ...]
    repeated: bool


def _leaves(
    elements: Iterator[Fields], count: int, path: tuple[str, ...], *, repeated: bool = False
) -> Iterator[_Leaf]:
    """The columns below a group of the schema, which is stored as a list, each group before what it holds."""
    for _ in range(count):
        element = next(elements, {})
        here, many = (*path, element[4].decode()), repeated or element.get(3) == REPEATED
        if element.get(5):
            yield from _leaves(elements, element[5], here, repeated=many)
        else:
            yield _Leaf(here, many)


def _group(said: Fields, leaves: Sequence[_Leaf]) -> Group:
    chunks = (_chunk(each, leaf) for each, leaf in zip(said[1], leaves, strict=True))
    return Group(_count(said[3]), tuple(chunks))


def _chunk(said: Fields, leaf: _Leaf) -> Chunk:
    about = said[3]
    starts = [about[9], *([about[11]] if about.get(11) else [])]
    kind, codec = TYPES[_count(about[1])], CODECS[_count(about[4])]
    return Chunk(leaf.path, kind, codec, min(map(_count, starts)), _count(about[7]), _count(about[5]), leaf.repeated)


def _count(said: Any) -> int:
    """A number that is none below zero."""
    if not isinstance(said, int) or said < 0:
        raise ValueError(said)
    return said
