"""Batches through one map: each record the whole way, rows of texts on a shorter one."""

from __future__ import annotations

from collections.abc import Sequence

from engine.language.fields import FieldMap
from engine.language.frames import Context, Frame
from engine.records import Batch, Damage, FieldError, Mapped, Reject, Table, Value
from engine.rows.compiler import RowCompiler
from engine.rows.failures import Failures, Notes
from engine.rows.quick import FAILED, Get, quick_cell, quick_object, quick_row


class RowMapper:
    """Maps batches by one map, for one unit's context."""

    def __init__(self, mapping: FieldMap, context: Context, notes: Notes | None = None) -> None:
        self.notes = notes or Notes()
        self._mapping = mapping
        self._frame = Frame(None, context)
        self._make = RowCompiler(self.notes).map(mapping)
        usual = not mapping.pass_through and not mapping.source
        self._quick = quick_object(mapping.fields) if usual else None
        self._row: Get | None = None
        self._names: Sequence[str] | None = None

    def __call__(self, batch: Batch) -> Mapped:
        """The batch's records mapped, in order, and the rejects; the records that came in are not changed."""
        records: list[dict[str, Value]] = []
        rejects: list[Reject] = []
        if batch.table and (quick := self._quick_row(batch.table.names)):
            self._map_rows(batch.table, quick, batch.number, records, rejects)
        elif self._quick:
            self._map_quick(self._quick, batch, records, rejects)
        else:
            for position, value in enumerate(batch.values):
                self._map(position, value, batch.number, records, rejects)
        return Mapped(records, _kept(len(batch), rejects), rejects)

    def _map(
        self, position: int, value: Value, first: int, records: list[dict[str, Value]], rejects: list[Reject]
    ) -> None:
        """One record, the whole way."""
        if type(value) is Damage:  # it fails here, before any field sees it
            rejects.append(damaged(position, value))
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

    def _map_quick(self, quick: Get, batch: Batch, records: list[dict[str, Value]], rejects: list[Reject]) -> None:
        """Records without a frame; where a field fails, the whole way finds all that is wrong."""
        for position, value in enumerate(batch.values):
            try:
                records.append(quick(value))
            except FAILED:
                self._map(position, value, batch.number, records, rejects)

    def _map_rows(
        self, table: Table, quick: Get, first: int, records: list[dict[str, Value]], rejects: list[Reject]
    ) -> None:
        """Rows that never become records."""
        for position, row in enumerate(table.rows):
            try:
                records.append(quick(row))
            except FAILED:
                self._map(position, dict(zip(table.names, row, strict=True)), first, records, rejects)

    def _quick_row(self, names: Sequence[str]) -> Get | None:
        if self._names is not names:
            cells = [quick_cell(made) for made in self._mapping.fields] if self._quick else []
            self._names, self._row = names, quick_row([cell for cell in cells if cell], names) if cells else None
        return self._row


def damaged(position: int, damage: Damage) -> Reject:
    """The reject of a record that could not be decoded."""
    return Reject(position, "parse", None, (FieldError("", damage.code, damage.message, damage.value),))


def _kept(count: int, rejects: Sequence[Reject]) -> Sequence[int]:
    """The positions of the records that were mapped."""
    if not rejects:
        return range(count)
    refused = {reject.position for reject in rejects}
    return [position for position in range(count) if position not in refused]
