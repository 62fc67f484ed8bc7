"""The step `explode`: each record becomes one record an item of a list in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Final

from engine.language.frames import Context, Frame
from engine.language.scopes import Scope
from engine.language.shapes import ANY, Shape
from engine.language.values import Pick, Picked, pick_shape, picker
from engine.options import Pointer, Report
from engine.records import Value, is_blank
from engine.registry import SCALARS, Doc, component
from engine.rows.failures import EMPTY, Notes
from engine.rows.flow import Outer, Row, Step, Worker, fill
from engine.rows.makers import as_list
from engine.rows.tracing import Standing
from engine.rows.uses import Made

HELP: Final = "name a list; a text becomes one in a map before, with `split`"


@component("explode", kind="step", examples=[{"type": "explode", "each": "lines", "as": "line"}])
class Explode(Step):
    """Makes one record an item; the record around it is `$parent`. One object counts as a list of one.

    A record with nothing to explode is counted as filtered under `empty`, unless it is kept.
    """

    each: Annotated[Picked, Doc("Path or `=expression` to the list.", type=Pick)]
    as_: Annotated[str, Doc("Keep the record, with the item under this name.", min=1)] = ""
    keep_empty: Annotated[bool, Doc("A record without items goes on: with `as` without that name, else empty.")] = False

    def check(self, scope: Scope, pointer: Pointer, report: Report) -> tuple[Explode, Scope]:
        """Its list typed; the next step sees an item, or the record with it."""
        listed = pick_shape(self.each, (*pointer, "each"), scope, report)
        if listed.type in SCALARS:
            report("M302", (*pointer, "each"), f"`each` takes a list, here it gets {listed.type}", HELP)
        if self.as_ in scope.node.fields and self.as_ != self.each.text:
            message = f"the record has `{self.as_}`, which the item replaces"
            help = "take another name, unless that is meant"
            report("M502", (*pointer, "as"), message, help, level="warning")
        item = (listed.item or ANY) if listed.type == "list" else listed if listed.type == "object" else ANY
        return self, scope.entering(self._with(scope.node, item) if self.as_ else item, scope)

    def picks(self, pointer: Pointer) -> Iterator[tuple[Picked, Pointer]]:
        """Its list."""
        yield self.each, (*pointer, "each")

    def trace(self, standing: Standing) -> Standing:
        """Its list; behind it stands an item, or the record with it."""
        item = standing.uses.as_list(standing.pick(self.each))
        node = Made({self.as_: item}, standing.node) if self.as_ else item
        return standing.entering(node, standing)

    def _with(self, outer: Shape, item: Shape) -> Shape:
        """The record with the item under its name."""
        if outer.type != "object":
            return ANY
        return replace(outer.with_names({self.as_: item}), working=outer.working - {self.as_})

    def worker(self, context: Context, notes: Notes) -> Worker:
        """One row in, one out for each item."""
        pick, frame = picker(self.each), Frame(None, context)

        def explode_row(row: Row) -> Iterable[Row]:
            value = pick(fill(frame, row))
            items = () if is_blank(value) else as_list(value)
            outer = Outer(row.value, row.outer, row.work)
            row = row._replace(work=_without(row.work, self.as_)) if self.as_ in row.work else row
            notes.created += max(len(items) - 1, 0)
            if not items:
                return self._without(row, outer, notes)
            return (
                row._replace(value=self._item(row.value, item), outer=outer, child=(*row.child, at))
                for at, item in enumerate(items)
            )

        return explode_row

    def _item(self, record: Value, item: Value) -> Value:
        return {**record, self.as_: item} if self.as_ and isinstance(record, dict) else item

    def _without(self, row: Row, outer: Outer, notes: Notes) -> Sequence[Row]:
        if not self.keep_empty:
            notes.filtered[EMPTY] += 1
            return ()
        value = _without(row.value, self.as_) if self.as_ else {}
        return (row._replace(value=value, outer=outer, child=(*row.child, 0)),)


def _without(record: Value, name: str) -> Value:
    """The record without a name that is an item's: what stood there before is none."""
    return {key: each for key, each in record.items() if key != name} if isinstance(record, dict) else record
