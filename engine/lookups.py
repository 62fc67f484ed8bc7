"""The lookups of a run: read once, before the first unit, and indexed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import BinaryIO, Final, cast

from engine.delivery.reading import Reading
from engine.errors import RecordError, UnitError
from engine.kinds import Limits, Store, Unit
from engine.language.frames import Context, Frame
from engine.language.indexes import IndexedTable, ValueTable
from engine.language.tables import Key, Table, Tables
from engine.language.values import picker
from engine.parsers._input import batches_of
from engine.plan import Lookup, Plan
from engine.records import Batch, Damage, Value, is_blank

HELP: Final = "mend the file, or leave the record out of it"


def opened(plan: Plan, now: datetime, context: Context) -> Tables:
    """Every lookup of the plan as a table; an error where one cannot be read to its end."""
    return Tables({name: _table(name, lookup, plan, now, context) for name, lookup in plan.lookups.items()})


def _table(name: str, lookup: Lookup, plan: Plan, now: datetime, context: Context) -> Table:
    if lookup.values is not None:
        return ValueTable(lookup.values, name, lookup.policy)
    assert lookup.source  # noqa: S101 - a lookup has values or a source
    assert lookup.end  # noqa: S101
    store, left = lookup.end.store(), _Left(name, plan.max_lookup)
    units = list(lookup.source.units(store, {"vars": plan.vars}, now))
    if not units:
        where = store.show(lookup.source.where({"vars": plan.vars}))
        raise UnitError("D311", f"the lookup `{name}` has no file", f"put one where it looks: `{where}`")
    table, key_in = IndexedTable((), name, lookup.policy), _keys(lookup, context)
    for unit in units:
        for batch in _read(lookup, store, unit, plan.limits, left):
            _index(table, batch, key_in, store.show(unit.stat.path))
    return table


def _keys(lookup: Lookup, context: Context) -> Callable[[Value], Key]:
    """The function that gives a record's key: empty where a part is blank, a failure where the record is damaged."""
    frame, picks = Frame(None, context), [picker(path) for path in lookup.index]

    def key_in(record: Value) -> Key:
        if type(record) is Damage:
            raise RecordError(record.code, record.message)
        frame.node = frame.record = frame.root = record
        key = tuple([pick(frame) for pick in picks])
        return () if any(is_blank(part) for part in key) else key

    return key_in


def _read(lookup: Lookup, store: Store, unit: Unit, limits: Limits, left: _Left) -> Iterator[Batch]:
    """The records of one file."""
    assert lookup.parser  # noqa: S101 - as above
    with Reading(store, unit.stat) as reading:
        yield from batches_of(lookup.parser, reading, unit.stat.path, limits, left.counted)
        reading.verify()


def _index(table: IndexedTable, batch: Batch, key_in: Callable[[Value], Key], file: str) -> None:
    """Records under their keys, those without one left out; the key of a damaged one would be missed in silence."""
    for at, record in enumerate(batch.values):
        try:
            if key := key_in(record):
                table.add(key, record)
        except RecordError as error:
            place = batch.place(at)
            where = f"record {place.number} of `{file}`" + (f", line {place.line}" if place.line else "")
            raise UnitError("D313", f"the lookup `{table.name}` is damaged: {where}: {error.message}", HELP) from error


class _Left:
    """How many bytes a lookup may still read, over all of its files."""

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most, self._left = name, most, most

    def counted(self, stream: BinaryIO) -> BinaryIO:
        """The stream, whose bytes count as they are read, unpacked: a small file may hold much."""
        return cast("BinaryIO", _Counted(stream, self))

    def spend(self, count: int) -> None:
        """So many bytes more."""
        self._left -= count
        if self._left < 0:
            message = f"the lookup `{self._name}` has more than {self._most:,} bytes, and is held in memory"
            raise UnitError("D312", message, "raise `limits.lookup`, or let the file hold less")


class _Counted:
    """A stream whose bytes count as they are read."""

    def __init__(self, stream: BinaryIO, left: _Left) -> None:
        self._stream, self._left = stream, left

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._left.spend(len(data))
        return data
