"""The reference mapper, one record at a time: it defines every result and every error text.

A map becomes closures once; each takes a Frame and gives a value, MISSING where nothing is written. The order
inside a field is fixed: source, resolvers, `default`, `required`, checks, emit. `compiler.py` puts fields
together, `makers.py` makes values, `steps.py` resolves and checks them, `failures.py` names what went wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.language.fields import FieldMap
from engine.language.frames import Context, Frame
from engine.records import Batch, Damage, FieldError, Mapped, Reject, Value
from engine.rows.compiler import RowCompiler
from engine.rows.failures import Failures, Notes

__all__ = ["RowMapper"]


class RowMapper:
    """Maps batches by one map, for one unit's context."""

    def __init__(self, mapping: FieldMap, context: Context) -> None:
        self.notes = Notes()
        self._frame = Frame(None, context)
        self._make = RowCompiler(self.notes).map(mapping)

    def __call__(self, batch: Batch) -> Mapped:
        """The batch's records mapped, in order, and the rejects; the records that came in are not changed."""
        records: list[dict[str, Value]] = []
        rejects: list[Reject] = []
        frame, make, first = self._frame, self._make, batch.number
        for index, value in enumerate(batch.values):
            if type(value) is Damage:  # it fails here, before any field sees it
                rejects.append(_reject(index, value, ()))
                continue
            frame.node = frame.record = frame.root = value
            frame.number = first + index
            frame.out = {}
            if frame.work:
                frame.work = {}
            try:
                records.append(make(frame))
            except Failures as failed:
                rejects.append(_reject(index, value, failed.errors))
        return Mapped(records, _kept(len(batch), rejects), rejects)


def _kept(count: int, rejects: Sequence[Reject]) -> Sequence[int]:
    """The positions of the records that were mapped."""
    if not rejects:
        return range(count)
    refused = {reject.position for reject in rejects}
    return [position for position in range(count) if position not in refused]


def _reject(index: int, value: Value, errors: Sequence[FieldError]) -> Reject:
    if isinstance(value, Damage):
        return Reject(index, "parse", None, (FieldError("", value.code, value.message, value.value),))
    return Reject(index, "map", value, tuple(errors))
