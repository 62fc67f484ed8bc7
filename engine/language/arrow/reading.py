"""Arrow's arrays to values, a column at a time: exact, and faster than the library's own loop over its scalars."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise, repeat
from typing import Any, Final

from engine.language.arrow.kinds import has_text_keys, kind_of
from engine.records import Instant, Value, plain

_DAY_ZERO: Final = date(1970, 1, 1).toordinal()
_DAY_MS: Final = 86_400_000
_UNITS: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
PLAIN_PLACES: Final = 6
"""A decimal of no more places is never written with an exponent."""


class Odd(Exception):
    """A value of a column that is none of the language; the message says why."""


class Reader:
    """Arrays to lists of values. `binary` says what bytes become: the `text` that they are, or its `base64`."""

    def __init__(self, binary: str = "text") -> None:
        self._binary = binary
        self._readers: dict[str, Callable[[Any], list[Value]]] = {
            "text": _as_they_are,
            "int": _whole,
            "bool": _as_they_are,
            "float": _floats,
            "decimal": _decimals,
            "timestamp": _timestamps,
            "date": _dates,
            "time": _times,
            "null": _as_they_are,
            "binary": self._bytes,
            "struct": self._structs,
            "list": self._lists,
            "map": self._maps,
            "dictionary": self._dictionary,
            "extension": self._extension,
        }

    def values(self, array: Any) -> list[Value]:
        """The values of an array, null as None; Odd where one of them is none of the language."""
        try:
            return self._readers[kind_of(array.type)](array)
        except UnicodeDecodeError as error:
            hint = ": set `binary: base64`" if kind_of(array.type) == "binary" else ""
            raise Odd(f"bytes that are not UTF-8 (0x{error.object[error.start]:02x}){hint}") from error

    def one_by_one(self, array: Any) -> list[Value | Odd]:
        """The same where one of them is odd: that one is the exception itself."""
        return [self._one(array.slice(at, 1)) for at in range(len(array))]

    def _one(self, array: Any) -> Value | Odd:
        try:
            return self.values(array)[0]
        except Odd as odd:
            return odd

    def _bytes(self, array: Any) -> list[Value]:
        if self._binary == "base64":
            return [each and base64.b64encode(each).decode() for each in array.to_pylist()]
        return [None if each is None else each.decode() for each in array.to_pylist()]

    def _structs(self, array: Any) -> list[Value]:
        names = [each.name for each in array.type.fields]
        columns = [self.values(array.field(at)) for at in range(len(names))]
        made = rows_of(names, columns, len(array))
        return _where_valid(made, array)

    def _lists(self, array: Any) -> list[Value]:
        import pyarrow as pa

        if not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type)):
            array = array.cast(pa.large_list(array.type.value_type))
        starts, (items,) = self._items(array, array.values)
        return _where_valid([items[a:b] for a, b in pairwise(starts)], array)

    def _maps(self, array: Any) -> list[Value]:
        starts, (keys, items) = self._items(array, array.keys, array.items)
        spans = pairwise(starts)
        made: list[Value]
        if has_text_keys(array.type):
            made = [dict(zip(keys[a:b], items[a:b], strict=True)) for a, b in spans]
        else:
            pairs = rows_of(("key", "value"), (keys, items), len(keys))
            made = [pairs[a:b] for a, b in spans]
        return _where_valid(made, array)

    def _items(self, array: Any, *below: Any) -> tuple[list[int], list[list[Value]]]:
        """Where each list begins and ends among the items, and these: those of other rows are not looked at."""
        starts = array.offsets.to_pylist()
        first, last = starts[0], starts[-1]
        items = [self.values(each.slice(first, last - first)) for each in below]
        return [start - first for start in starts], items

    def _dictionary(self, array: Any) -> list[Value]:
        """Each value is made once, however often it stands in the column."""
        values = self.values(array.dictionary)
        return [None if at is None else values[at] for at in array.indices.to_pylist()]

    def _extension(self, array: Any) -> list[Value]:
        if array.type.extension_name != "arrow.uuid":
            return self.values(array.storage)
        return [None if each is None else str(uuid.UUID(bytes=each)) for each in array.storage.to_pylist()]


def rows_of(names: Sequence[str], columns: Sequence[Sequence[Value]], count: int) -> list[Value]:
    """Columns as objects."""
    if not columns:
        return [{} for _ in range(count)]
    return [dict(zip(names, row)) for row in zip(*columns)]  # noqa: B905 - columns of one table, in a hot loop


def _where_valid(made: list[Value], array: Any) -> list[Value]:
    """None where the array is null."""
    if not array.null_count:
        return made
    return [each if valid else None for each, valid in zip(made, array.is_valid().to_pylist(), strict=True)]


def _as_they_are(array: Any) -> list[Value]:
    found: list[Value] = array.to_pylist()
    return found


def _integers(array: Any) -> list[Any]:
    """The integers that an array of times is stored as."""
    import pyarrow as pa

    found: list[Any] = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64()).to_pylist()
    return found


def _whole(array: Any) -> list[Value]:
    import pyarrow as pa

    return _integers(array) if pa.types.is_duration(array.type) else _as_they_are(array)


def _floats(array: Any) -> list[Value]:
    import pyarrow.compute as pc

    if not pc.all(pc.is_finite(array)).as_py() and len(array) > array.null_count:
        raise Odd("not a number that can be counted with: NaN or infinite")
    return _as_they_are(array)


def _decimals(array: Any) -> list[Value]:
    import pyarrow as pa

    texts = array.cast(pa.string()).to_pylist()
    if array.type.scale <= PLAIN_PLACES:
        return [text and Decimal(text) for text in texts]
    return [text and plain(Decimal(text)) for text in texts]


def _timestamps(array: Any) -> list[Value]:
    import pyarrow as pa

    zoned = array.type.tz is not None
    try:
        clock = array.cast(pa.timestamp("us", tz=array.type.tz)).view(pa.timestamp("us"))
    except pa.ArrowInvalid as error:
        fine = array.type.unit == "ns"
        raise Odd("a time finer than microseconds" if fine else "a time beyond the years 1 to 9999") from error
    parts = _clock_parts(clock.fill_null(0) if clock.null_count else clock)
    try:
        made: list[Value] = list(map(Instant, *parts, repeat(UTC)) if zoned else map(datetime, *parts))
    except ValueError as error:
        raise Odd("a time beyond the years 1 to 9999") from error
    return _where_valid(made, array)


def _clock_parts(clock: Any) -> list[list[int]]:
    """Years, months, days, hours, minutes, seconds and microseconds: faster than adding to an epoch."""
    import pyarrow.compute as pc

    micros = pc.add(pc.multiply(pc.millisecond(clock), 1000), pc.microsecond(clock))
    parts = (pc.year, pc.month, pc.day, pc.hour, pc.minute, pc.second)
    return [*(part(clock).to_pylist() for part in parts), micros.to_pylist()]


def _dates(array: Any) -> list[Value]:
    counts = _integers(array)
    if array.type.bit_width == 64:
        counts = [None if n is None else n // _DAY_MS for n in counts]
    try:
        return [None if n is None else date.fromordinal(_DAY_ZERO + n) for n in counts]
    except (ValueError, OverflowError) as error:
        raise Odd("a day beyond the years 1 to 9999") from error


def _times(array: Any) -> list[Value]:
    unit = _UNITS[array.type.unit]
    return [None if n is None else _clock(n, unit) for n in _integers(array)]


def _clock(count: int, unit: int) -> str:
    """A time of day as text, its fraction only where it is not zero, in six digits or nine."""
    seconds, rest = divmod(count, unit)
    if not 0 <= seconds < 86_400:
        raise Odd("a time of day beyond 24 hours")
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    nanos = rest * (10**9 // unit)
    if not nanos:
        return clock
    return f"{clock}.{nanos:09d}" if nanos % 1000 else f"{clock}.{nanos // 1000:06d}"
