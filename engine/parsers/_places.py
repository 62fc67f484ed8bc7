"""Batches whose records stood elsewhere than where their parser read them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.records import Batch, Place, Table, Value


class Placed(Batch):
    """A batch like another one; what it says of places is for its kinds to say."""

    __slots__ = ("inner",)

    def __init__(self, inner: Batch, number: int | None = None) -> None:
        self.inner = inner
        at = inner.number if number is None else number
        super().__init__(inner.block, inner.offset, at, self.decoded, lambda: (), inner.table, inner.names)

    def decoded(self) -> Sequence[Value]:
        """The records."""
        return self.inner.values

    def place(self, index: int) -> Place:
        """Where record `index` came from."""
        return self.inner.place(index)

    def head(self, count: int) -> Batch:
        """The first `count` records as a batch of their own."""
        return _Head(self, count)


class _Head(Placed):
    """The first records of a batch."""

    __slots__ = ("_count",)

    def __init__(self, inner: Batch, count: int) -> None:
        super().__init__(inner)
        self._count = count
        self.table = inner.table and Table(inner.table.names, inner.table.rows[:count])

    def decoded(self) -> Sequence[Value]:
        """The records."""
        return self.inner.values[: self._count]


class Moved(Placed):
    """A batch that stands behind others: so many records, lines and bytes."""

    __slots__ = ("_bytes", "_lines")

    def __init__(self, inner: Batch, records: int, lines: int, bytes: int) -> None:
        super().__init__(inner, inner.number + records)
        self._lines = lines
        self._bytes = bytes

    def place(self, index: int) -> Place:
        """Where it stands behind them."""
        place = self.inner.place(index)
        line = place.line + self._lines if place.line else 0
        return place._replace(number=self.number + index, line=line, offset=place.offset + self._bytes)
