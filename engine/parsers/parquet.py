"""`parquet`: columns in row groups, each row a record with the types of its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from functools import partial
from typing import Annotated, Any, BinaryIO, ClassVar, Final, Literal

from engine.errors import UnitError
from engine.kinds import Limits, Needs, Parser
from engine.language.arrow.files import Damaged, batches_of, library, opened
from engine.language.arrow.kinds import Unheld, shape_of_schema
from engine.language.arrow.reading import Odd, Reader, rows_of
from engine.language.shapes import Shape
from engine.parsers._footer import Chunk, damaged, footer_of
from engine.parsers._pages import widest
from engine.records import Batch, Damage, Span, Table, Value
from engine.registry import Doc, component
from engine.spelling import listed

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
        number, reader = 1, Reader(self.binary)
        for group in range(file.groups):
            for rows in file.rows(group, columns):
                yield _batch(rows, wanted, reader, number)
                number += rows.num_rows

    def shape_of(self, stream: BinaryIO, limits: Limits) -> Shape:
        """The records that the file's schema promises."""
        return _File(stream, limits).shape


class _File:
    """A Parquet file whose footer has been read, and nothing else."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._footer = footer_of(stream, limits)
        self.groups = len(self._footer.groups)
        with _reading():
            self._file = opened(stream)
            self._names: list[str] = self._file.schema_arrow.names
            self.shape = shape_of_schema(self._file.schema_arrow)
        if twice := [name for name in dict.fromkeys(self._names) if self._names.count(name) > 1]:
            raise UnitError("R173", f"the schema names {listed(twice)} twice", "give each column a name of its own")

    def columns(self, reads: Sequence[str] | None) -> list[str]:
        """The columns to read; one at least, since something has to say how many rows there are."""
        found = self._names if reads is None else [name for name in self._names if name in reads]
        return found or self._names[:1]

    def rows(self, number: int, columns: Sequence[str]) -> Iterator[Any]:
        """The rows of a row group as tables of a size that memory holds; what it claims is checked before and after."""
        group = self._footer.groups[number]
        if not group.rows:
            return
        chunks = [chunk for chunk in group.chunks if chunk.path[0] in columns]
        widths = [widest(self._stream, chunk, self._footer.start, self._limits) for chunk in chunks]
        batches = batches_of(self._file, number, columns, _batch_size(group.rows, chunks, widths))
        left = group.rows
        while True:
            with _reading():
                rows = next(batches, None)
            left -= rows.num_rows if rows else 0
            if left < 0 or rows is None:
                break
            yield rows
        if left:
            raise damaged(f"row group {number + 1} says it has {group.rows:,} rows, and has not")


@contextmanager
def _reading() -> Iterator[None]:
    """What the library cannot read is damage of the file; a type that is none of ours is said so."""
    try:
        with library():
            yield
    except Unheld as error:
        raise UnitError("R173", f"a column is of type `{error}`", "write another type in its place") from error
    except Damaged as error:
        raise damaged(str(error)) from error


def _batch_size(rows: int, chunks: Sequence[Chunk], widths: Sequence[int]) -> int:
    """Rows that fit into memory: by what they take on average, and at the worst."""
    average = sum(chunk.values * width if chunk.repeated else chunk.size
                  for chunk, width in zip(chunks, widths, strict=True)) / max(rows, 1)  # fmt: skip
    worst = sum(width for chunk, width in zip(chunks, widths, strict=True) if not chunk.repeated)
    return max(1, min(ROWS, int(BYTES / max(average, 1)), WORST // max(worst, 1)))


def _batch(rows: Any, names: Sequence[str], reader: Reader, number: int) -> Batch:
    """Some rows as a batch; one with a value that is none of ours is damaged."""
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
    whole = Table(names, list(zip(*columns, strict=True))) if names and not odd else None
    decode = partial(_records, names, columns, rows.num_rows, odd)
    return Batch(b"", 0, number, decode, partial(_nowhere, rows.num_rows), whole, names)


def _records(
    names: Sequence[str], columns: Sequence[Sequence[Value]], count: int, odd: Mapping[int, Damage]
) -> Sequence[Value]:
    records = rows_of(names, columns, count)
    for at, damage in odd.items():
        records[at] = damage
    return records


def _nowhere(count: int) -> Sequence[Span]:
    """Rows of columns stand in no line."""
    return [Span(0, 0, 0)] * count
