"""The reference mapper, one record at a time: it defines every result and every error text.

A map becomes closures once; each takes a Frame and gives a value, MISSING where nothing is written. The order
inside a field is fixed: source, resolvers, `default`, `required`, checks, emit. `compiler.py` puts fields
together, `makers.py` makes values, `steps.py` resolves and checks them, `failures.py` names what went wrong,
`flat.py` is a shortcut.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import RecordError
from engine.language.fields import FieldMap
from engine.language.frames import Context, Frame
from engine.records import Batch, Damage, FieldError, Mapped, Reject, Table, Value
from engine.rows.compiler import RowCompiler
from engine.rows.failures import Failures, Notes
from engine.rows.flat import MakeFlat, compile_flat

__all__ = ["RowMapper"]


class RowMapper:
    """Maps batches by one map, for one unit's context."""

    def __init__(self, mapping: FieldMap, context: Context) -> None:
        self.notes = Notes()
        self._mapping = mapping
        self._frame = Frame(None, context)
        self._make = RowCompiler(self.notes).map(mapping)
        self._flat: MakeFlat | None = None
        self._names: Sequence[str] | None = None

    def __call__(self, batch: Batch) -> Mapped:
        """The batch's records mapped, in order, and the rejects; the records that came in are not changed."""
        records: list[dict[str, Value]] = []
        rejects: list[Reject] = []
        if batch.table and (flat := self._flat_over(batch.table.names)):
            self._map_rows(batch.table, flat, batch.number, records, rejects)
        else:
            for position, value in enumerate(batch.values):
                self._map(position, value, batch.number, records, rejects)
        return Mapped(records, _kept(len(batch), rejects), rejects)

    def _map(
        self, position: int, value: Value, first: int, records: list[dict[str, Value]], rejects: list[Reject]
    ) -> None:
        """One record, the whole way."""
        if type(value) is Damage:  # it fails here, before any field sees it
            rejects.append(_damaged(position, value))
            return
        frame = self._frame
        frame.node = frame.record = frame.root = value
        frame.number = first + position
        frame.out = {}
        if frame.work:
            frame.work = {}
        try:
            records.append(self._make(frame))
        except Failures as failed:
            rejects.append(Reject(position, "map", value, tuple(failed.errors)))

    def _map_rows(
        self, table: Table, flat: MakeFlat, first: int, records: list[dict[str, Value]], rejects: list[Reject]
    ) -> None:
        """Rows that never become records; where a field fails, the whole way finds all that is wrong."""
        for position, row in enumerate(table.rows):
            try:
                records.append(flat(row))
            except RecordError:
                self._map(position, dict(zip(table.names, row, strict=True)), first, records, rejects)

    def _flat_over(self, names: Sequence[str]) -> MakeFlat | None:
        if self._names is not names:
            self._names, self._flat = names, compile_flat(self._mapping, names)
        return self._flat


def _damaged(position: int, damage: Damage) -> Reject:
    return Reject(position, "parse", None, (FieldError("", damage.code, damage.message, damage.value),))


def _kept(count: int, rejects: Sequence[Reject]) -> Sequence[int]:
    """The positions of the records that were mapped."""
    if not rejects:
        return range(count)
    refused = {reject.position for reject in rejects}
    return [position for position in range(count) if position not in refused]
