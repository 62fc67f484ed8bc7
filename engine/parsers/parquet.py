"""`parquet`: columns in row groups, each row a record with the types of its schema."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from functools import partial
from typing import Annotated, Any, BinaryIO, ClassVar, Final, Literal

from engine.errors import UnitError
from engine.kinds import Limits, Needs, Parser
from engine.language.arrow.files import Damaged, batches_of, damage, opened
from engine.language.arrow.kinds import Unheld, shape_of_schema
from engine.language.arrow.reading import Odd, Reader, rows_of
from engine.language.shapes import Shape
from engine.parsers._pages import Chunk, damaged, widest
from engine.records import Batch, Damage, Span, Value
from engine.registry import Doc, component
from engine.spelling import listed

MAGIC: Final = b"PAR1"
ROWS: Final = 1024
"""Records of a batch at most: few enough to stay in the processor's cache."""
BYTES: Final = 4 * 2**20
"""Bytes of a batch, by the average of its row group."""
WORST: Final = 64 * 2**20
"""Bytes of a batch whose every value is the longest of its column."""


@component("parquet", "parser", examples=[{"type": "parquet"}, {"type": "parquet", "binary": "base64"}])
class Parquet(Parser):
    """Apache Parquet: each row a record, its fields of the types that the file's schema says.

    | column | is |
    |---|---|
    | integers of any width, durations (their count) | int |
    | decimals | decimal, with the digits of its scale |
    | float, double | float; NaN and infinity are rejects |
    | timestamps, INT96 | instant (UTC) where they are adjusted to UTC, else local; INT96 to the microsecond |
    | date | date |
    | time | text, `10:30:00.500000` |
    | strings, JSON, enums, UUIDs | text |
    | binary | text, a reject where it is not UTF-8; or its base64 |
    | lists | list |
    | groups | object |
    | maps | object where the keys are texts (of repeated keys the last counts), else a list of `{key, value}` |

    Null is null: a field that the schema has is never missing. A time finer than microseconds, or beyond the years 1 to
    9999, is a reject. A reject has the number of its record, and neither line nor bytes.

    Only the columns that the steps read are read, a page of each at a time; a file that is not on this machine, or
    packed as a whole, is copied first. Every page header is looked at before its page is read: one over `limits.page`
    or one that lies fails the unit, as does a file that is cut, encrypted or damaged. `check` takes the schema of
    `sample` as what there is.
    """

    seeks: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    binary: Annotated[Literal["text", "base64"], Doc("What bytes become: the UTF-8 text that they are, or base64.")] = (
        "text"
    )
    reads: tuple[str, ...] | None = field(default=None, metadata={"made": True})

    def bound(self, needs: Needs) -> Parquet:
        """The same for steps that read no more than these columns."""
        every = needs.reads is None or "*" in needs.reads
        return replace(self, reads=None if every else tuple(needs.reads or ()))

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a file."""
        file = _File(stream, limits)
        columns = file.columns(self.reads)
        wanted = columns if self.reads is None else [name for name in columns if name in self.reads]
        number = 1
        for group in range(file.groups):
            for rows in file.rows(group, columns):
                decode = partial(_records, rows, wanted, Reader(self.binary))
                yield Batch(b"", 0, number, decode, partial(_nowhere, rows.num_rows))
                number += rows.num_rows

    def shape_of(self, stream: BinaryIO, limits: Limits) -> Shape:
        """The records that the file's schema promises."""
        return _File(stream, limits).shape


class _File:
    """A Parquet file whose footer has been read, and nothing else."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._end = _footer(stream, limits)
        with _reading():
            self._file = opened(stream)
            self._about = self._file.metadata
            self.groups: int = self._about.num_row_groups
            self._names: list[str] = self._file.schema_arrow.names
            self.shape = shape_of_schema(self._file.schema_arrow)
        if twice := [name for name in dict.fromkeys(self._names) if self._names.count(name) > 1]:
            raise UnitError("R173", f"the schema names {listed(twice)} twice", "give each column a name of its own")

    def columns(self, reads: Sequence[str] | None) -> list[str]:
        """The columns to read; one at least, since something has to say how many rows there are."""
        found = self._names if reads is None else [name for name in self._names if name in reads]
        return found or self._names[:1]

    def rows(self, group: int, columns: Sequence[str]) -> Iterator[Any]:
        """The rows of a row group as tables of a size that memory holds; what it claims is checked before and after."""
        with _reading():
            about = self._about.row_group(group)
            count = left = about.num_rows
            chunks = list(self._chunks(about, set(columns)))
        widths = [widest(self._stream, chunk, self._end, self._limits) for chunk in chunks]
        batches = batches_of(self._file, group, columns, _batch_size(count, chunks, widths))
        while True:
            with _reading():
                rows = next(batches, None)
            left -= rows.num_rows if rows else 0
            if left < 0 or rows is None:
                break
            yield rows
        if left:
            raise damaged(f"row group {group + 1} says it has {count:,} rows, and has not")

    def _chunks(self, about: Any, columns: set[str]) -> Iterator[Chunk]:
        """The parts of a row group that belong to some columns."""
        for at in range(about.num_columns):
            part, leaf = about.column(at), self._about.schema.column(at)
            if part.path_in_schema.split(".", 1)[0] not in columns and _top(part.path_in_schema, columns) is None:
                continue
            starts = [part.data_page_offset, *([part.dictionary_page_offset] if part.has_dictionary_page else [])]
            start = min(each for each in starts if each is not None)
            yield Chunk(part.path_in_schema, part.physical_type, part.compression, start, part.total_compressed_size,
                        part.num_values, leaf.max_repetition_level > 0)  # fmt: skip


def _top(path: str, columns: set[str]) -> str | None:
    """The column whose name, which may hold dots, a path begins with."""
    return next((name for name in columns if path == name or path.startswith(name + ".")), None)


@contextmanager
def _reading() -> Iterator[None]:
    """What the library cannot read is damage of the file; a type that is none of ours is said so."""
    try:
        with damage():
            yield
    except Unheld as error:
        raise UnitError("R173", f"a column is of type `{error}`", "write another type in its place") from error
    except Damaged as error:
        raise damaged(str(error)) from error


def _footer(stream: BinaryIO, limits: Limits) -> int:
    """Where the footer begins; UnitError where there is none, or one that is too large to be read."""
    size = stream.seek(0, os.SEEK_END)
    if size < 12:
        raise damaged(f"it has {size} bytes")
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
    if length > limits.page:
        raise UnitError("R172", f"the footer has {length:,} bytes, the limit is {limits.page:,}",
                        "if it is right, raise `limits.page`")  # fmt: skip
    return size - 8 - length


def _batch_size(rows: int, chunks: Sequence[Chunk], widths: Sequence[int]) -> int:
    """Rows that fit into memory: by what they take on average, and at the worst."""
    if rows <= 0:
        return 1
    average = sum(chunk.values * width if chunk.repeated else chunk.size
                  for chunk, width in zip(chunks, widths, strict=True)) / rows  # fmt: skip
    worst = sum(width for chunk, width in zip(chunks, widths, strict=True) if not chunk.repeated)
    return max(1, min(ROWS, int(BYTES / max(average, 1)), WORST // max(worst, 1)))


def _records(rows: Any, names: Sequence[str], reader: Reader) -> Sequence[Value]:
    """The rows as records; one with a value that is none of ours is damaged."""
    columns, odd = [], dict[int, Damage]()
    for name in names:
        with _reading():
            array = rows.column(name)
            try:
                columns.append(reader.values(array))
            except Odd:
                columns.append(reader.one_by_one(array))
                for at, value in enumerate(columns[-1]):
                    if isinstance(value, Odd):
                        odd.setdefault(at, Damage("R174", f"`{name}` is {value}"))
    records = rows_of(names, columns, rows.num_rows)
    for at, damage in odd.items():
        records[at] = damage
    return records


def _nowhere(count: int) -> Sequence[Span]:
    """Rows of columns stand in no line."""
    return [Span(0, 0, 0)] * count
