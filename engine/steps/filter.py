"""The step `filter`: records that do not keep a rule go no further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

from engine.errors import RecordError
from engine.language.expressions import Condition, condition_shape, decider
from engine.language.fields import columns_of
from engine.language.frames import Context, Frame, with_work
from engine.language.paths import Path
from engine.language.scopes import Scope, path_shape
from engine.language.templates import Slot, Template
from engine.language.values import Picked
from engine.options import Pointer, Report
from engine.registry import Doc, component
from engine.rows.failures import Notes
from engine.rows.flow import Row, Step, Worker, fill
from engine.rows.tracing import Standing


@component("filter", kind="step", examples=[{"type": "filter", "where": "int(qty) > 0", "name": "in_stock"}])
class Filter(Step):
    """Lets the records through for which a condition holds; counts the others under its name, or rejects them.

    A condition that cannot be decided (a missing operand, a text that is no number) rejects the record.
    """

    where: Annotated[Condition, Doc("What holds for the records that go on, as in `int(qty) > 0`.")]
    name: Annotated[str, Doc("The rule in the books: `filtered` counts by it.", min=1)] = "filter"
    else_: Annotated[Literal["filter", "reject"], Doc("What becomes of the others.")] = "filter"
    message: Annotated[Template | None, Doc("What a reject says; slots as in `{record.sku}`.")] = None

    def check(self, scope: Scope, pointer: Pointer, report: Report) -> tuple[Filter, Scope]:
        """Its condition typed; records stay what they are."""
        condition_shape(self.where, (*pointer, "where"), scope, report)
        if self.message and self.else_ == "filter":
            report("M501", (*pointer, "message"), "a message is said of rejects", "write `else: reject` beside it")
        for slot in self.message.slots if self.message else ():
            check_record_slot(slot, (*pointer, "message"), scope, report)
        return self, scope.entering(scope.node, scope.parent)

    def worker(self, context: Context, notes: Notes) -> Worker:
        """One row in, the same or none out."""
        holds, frame = decider(self.where), Frame(None, context)

        def filter_row(row: Row) -> Sequence[Row]:
            if holds(fill(frame, row)):
                return (row,)
            if self.else_ == "reject":
                raise RecordError("R281", self._said(row, context), row.value)
            notes.filtered[self.name] += 1
            return ()

        return filter_row

    def _said(self, row: Row, context: Context) -> str:
        if self.message is None:
            return f"`{self.name}` does not hold: {self.where.text}"
        record = with_work(row.value, row.work)
        roots = {"unit": context.unit, "run": context.run, "vars": context.vars, "record": record}
        return self.message.say(roots)

    def picks(self, pointer: Pointer) -> Iterator[tuple[Picked, Pointer]]:
        """Its condition."""
        yield self.where, (*pointer, "where")

    def templates(self, pointer: Pointer) -> Iterator[tuple[Template, Pointer]]:
        """Its message."""
        if self.message:
            yield self.message, (*pointer, "message")

    def trace(self, standing: Standing) -> Standing:
        """What its condition and its message read; records stay what they are."""
        standing.read(self.where)
        for slot in self.message.slots if self.message else ():
            if slot.root == "record":
                standing.read(Path.parse(slot.key))
        return standing.entering(standing.node, standing.parent)

    def reads(self) -> Iterator[tuple[str, bool]]:
        """What its condition picks."""
        return columns_of((self.where,))


def check_record_slot(slot: Slot, pointer: Pointer, scope: Scope, report: Report) -> None:
    """A slot of the record leads somewhere, as a path does."""
    if slot.root != "record":
        return
    before = slot.span[0] + len("{record.")

    def in_message(code: str, pointer: Pointer, message: str, help: str = "", **more: Any) -> None:
        start, length = more.pop("span", (0, len(slot.key)))
        report(code, pointer, message, help, span=(before + start, length), **more)

    path_shape(replace(Path.parse(slot.key), head="$record"), pointer, scope, cast("Report", in_message))
