"""The lookups of a run: read once, before the first unit, and indexed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from engine.delivery.reading import Reading
from engine.errors import UnitError
from engine.kinds import Limits, Store, Unit
from engine.language.frames import Context, Frame
from engine.language.indexes import IndexedTable, ValueTable
from engine.language.tables import Key, Table, Tables
from engine.language.values import picker
from engine.plan import Lookup, Plan
from engine.records import Damage, Value, is_blank
from engine.storage.packing import unpacked

HELP: Final = "mend the file, or leave the record out of it"


def opened(plan: Plan, now: datetime, context: Context) -> Tables:
    """Every lookup of the plan as a table; an error where one cannot be read to its end."""
    return Tables({name: _table(name, lookup, plan, now, context) for name, lookup in plan.lookups.items()})


def _table(name: str, lookup: Lookup, plan: Plan, now: datetime, context: Context) -> Table:
    if lookup.values is not None:
        return ValueTable(lookup.values, name, lookup.policy)
    return IndexedTable(_records(name, lookup, plan, now, context), name, lookup.policy)


def _records(name: str, lookup: Lookup, plan: Plan, now: datetime, context: Context) -> Iterator[tuple[Key, Value]]:
    """The records of all its files with their keys; one without a key cannot be found, and is left out."""
    assert lookup.source  # noqa: S101 - a lookup has values or a source
    assert lookup.end  # noqa: S101
    store, frame = lookup.end.store(), Frame(None, context)
    keys, left = [picker(path) for path in lookup.index], plan.max_lookup
    units = list(lookup.source.units(store, {"vars": plan.vars}, now))
    if not units:
        where = store.show(lookup.source.where({"vars": plan.vars}))
        raise UnitError("D311", f"the lookup `{name}` has no file", f"put one where it looks: `{where}`")
    for unit in units:
        left -= unit.stat.size
        if left < 0:
            message = f"the lookup `{name}` has more than {plan.max_lookup:,} bytes, and is held in memory"
            raise UnitError("D312", message, "raise `limits.lookup`, or let the file hold less")
        for record in _read(name, lookup, store, unit, plan.limits):
            frame.node = frame.record = frame.root = record
            key = tuple([pick(frame) for pick in keys])
            if not any(is_blank(part) for part in key):
                yield key, record


def _read(name: str, lookup: Lookup, store: Store, unit: Unit, limits: Limits) -> Iterator[Value]:
    """The records of one file; a damaged one fails the lookup, for its key would be missed in silence."""
    assert lookup.parser  # noqa: S101 - as above
    with Reading(store, unit.stat) as reading:
        stream = unpacked(reading, unit.stat.path, getattr(lookup.parser, "compression", "none"))
        for batch in lookup.parser.batches(stream, limits):
            for at, value in enumerate(batch.values):
                if type(value) is Damage:
                    place = batch.place(at)
                    where = f"record {place.number} of `{store.show(unit.stat.path)}`, line {place.line}"
                    raise UnitError("D313", f"the lookup `{name}` is damaged: {where}: {value.message}", HELP)
                yield value
        reading.verify()
