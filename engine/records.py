"""What flows: values, the batches they come in, the places they came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Self

Value = Any
"""A JSON value, `Decimal`, `Digits`, `float`, `date`, `Instant`, `datetime` (a local time), or MISSING."""


class _Missing:
    """The key is not there; `None` means that it is there and null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


def is_blank(value: Value) -> bool:
    """Blank is one word: missing, null or empty text."""
    return not value and (value is MISSING or value is None or value == "")


class Digits(Decimal):
    """A decimal that remembers the digits it was written with: `1.10`, `1E400`, `0.0000001`."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> Any:
        return Digits, (self.text,)


def plain(number: Decimal) -> Decimal:
    """The same number, written as plain digits: every decimal that a resolver makes passes here."""
    text = str(number)
    return Digits(format(number, "f")) if "E" in text else number


class Instant(datetime):
    """A moment: always with an offset. A plain `datetime` is a local time without zone."""


class Leaf(dict[str, Value]):
    """An element of XML with attributes and without child elements: its text wherever text is wanted, else an object.

    It equals its text, and is never blank: its attributes are there.
    """

    __slots__ = ()
    __hash__ = None

    @property
    def text(self) -> str:
        """Its text, empty where it has none."""
        text: str = self.get("#text", "")
        return text

    def __eq__(self, other: object) -> bool:
        return self.text == other if isinstance(other, str) else dict.__eq__(self, other)

    def __bool__(self) -> bool:
        return True


def bare(value: Value) -> Value:
    """The value where a text may be wanted: an element without children is its text."""
    return value.text if type(value) is Leaf else value


class Place(NamedTuple):
    """Where a record came from: its number and first line from 1, its first byte from 0, its raw bytes.

    `size` counts all its bytes; `raw` may hold fewer, where the record was over the limit. A record that is no piece of
    the input (a row of columns) has line 0, and no bytes. `text` is its text as UTF-8, where its bytes are of another
    encoding.
    """

    number: int
    line: int
    offset: int
    raw: bytes
    size: int
    text: bytes | None = None


class Damage:
    """Stands in a batch for a record that could not be decoded: the reject is already known."""

    __slots__ = ("code", "message", "value")

    def __init__(self, code: str, message: str, value: Value = None) -> None:
        self.code = code
        self.message = message
        self.value = value


class Span(NamedTuple):
    """One record inside its block: first line of the input (from 1), first and last byte of the block."""

    line: int
    start: int
    stop: int


class Table(NamedTuple):
    """Records that are rows of values under the same names: the rows, before they become records."""

    names: Sequence[str]
    rows: Sequence[Sequence[str]]


class Batch:
    """A raw block of input, from which records are decoded when asked.

    `offset` is the block's first byte in the unit, `number` its first record's number, from 1. `decode`
    gives the records (or `Damage`) in order; `locate` gives their spans, and is called only when a record
    is rejected, so positions cost nothing until then. `table` is there where all of them are rows. `names` are the
    columns that the input has, whatever its rows are; empty where it has none.
    """

    __slots__ = ("_decode", "_locate", "_spans", "_values", "block", "names", "number", "offset", "table")

    def __init__(
        self,
        block: bytes,
        offset: int,
        number: int,
        decode: Callable[[], Sequence[Value]],
        locate: Callable[[], Sequence[Span]],
        table: Table | None = None,
        names: Sequence[str] = (),
    ) -> None:
        self.block = block
        self.offset = offset
        self.number = number
        self.table = table
        self.names = names or (table.names if table else ())
        self._decode = decode
        self._locate = locate
        self._values: Sequence[Value] | None = None
        self._spans: Sequence[Span] | None = None

    @property
    def values(self) -> Sequence[Value]:
        """The records, decoded once."""
        if self._values is None:
            self._values = self._decode()
        return self._values

    def __len__(self) -> int:
        return len(self.table.rows) if self.table else len(self.values)

    def place(self, index: int) -> Place:
        """Where record `index` of this batch came from."""
        if self._spans is None:
            self._spans = self._locate()
        line, start, stop = self._spans[index]
        return Place(self.number + index, line, self.offset + start, self.block[start:stop], stop - start)

    def head(self, count: int) -> Batch:
        """The first `count` records as a batch of their own (for trials and previews)."""
        table = self.table and Table(self.table.names, self.table.rows[:count])
        return Batch(self.block, self.offset, self.number, lambda: self.values[:count], self._locate, table, self.names)


class FieldError(NamedTuple):
    """What was wrong with one field of one record; `field` is a dotted path, empty for the whole record."""

    field: str
    code: str
    message: str
    value: Value


class Reject(NamedTuple):
    """One record that did not make it: its position in its batch, at which stage, what it was, and why.

    `child` says which of the records it is that steps made of the one that was read; empty for that one itself. `sink`
    names the sink that refused it, `delivered` those that took it.
    """

    position: int
    stage: str
    record: Value
    errors: tuple[FieldError, ...]
    child: tuple[int, ...] = ()
    sink: str = ""
    delivered: tuple[str, ...] = ()


class Mapped(NamedTuple):
    """What the steps made of a batch: records with their index in the batch, and the rejects.

    `children` is there where steps made several records of one: which of them each record is. `rows` is there where
    it was asked for: each record as `engine.rows.flow.Row`, with its origin and its working fields.
    """

    records: list[dict[str, Value]]
    indexes: Sequence[int]
    rejects: list[Reject]
    children: Sequence[tuple[int, ...]] = ()
    rows: Sequence[Any] = ()
