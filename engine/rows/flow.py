"""Records through steps: one in; none, one or many out; in order, each with its origin and what was around it.

A step is compiled for one unit into a worker of one row. What stands between steps is a Row: the record, its number
in the unit, the record as parsed (`$root`), what it was taken from (`$parent`), and the working fields, which later
steps see and nothing writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

from engine.errors import RecordError
from engine.language.fields import FieldMap
from engine.language.frames import NOTHING, Context, Frame
from engine.language.scopes import Scope
from engine.language.shapes import ANY, type_of
from engine.language.tables import Unanswered
from engine.language.templates import Template
from engine.language.values import Picked
from engine.options import Pointer, Report
from engine.records import Batch, Damage, FieldError, Mapped, Reject, Value
from engine.rows.failures import Failures, Notes, field_error
from engine.rows.mapper import RowMapper, damaged


class Outer(NamedTuple):
    """What a record was taken from, and what that was taken from: `$parent`, `$parent.$parent`."""

    node: Value
    parent: Outer | None
    carried: Mapping[str, Value]


class Row(NamedTuple):
    """A record between two steps; `child` says which of the records made of one it is."""

    value: Value
    number: int
    root: Value
    outer: Outer | None = None
    work: Mapping[str, Value] = NOTHING
    child: tuple[int, ...] = ()


Worker = Callable[[Row], Sequence[Row]]


class Step(ABC):
    """One step of a pipeline, as the spec says it; knows its types before the run and makes its worker in it."""

    component_kind: ClassVar[str] = "step"
    type: ClassVar[str]

    @abstractmethod
    def check(self, scope: Scope, pointer: Pointer, report: Report) -> tuple[Step, Scope]:
        """The same with its types filled in, and the scope of the step behind it."""

    @abstractmethod
    def worker(self, context: Context, notes: Notes) -> Worker:
        """The function of one row; it raises RecordError or Failures where the record is rejected."""

    @property
    def maps(self) -> FieldMap | None:
        """The map that it is, where it is nothing else."""
        return None

    def picks(self, pointer: Pointer) -> Iterator[tuple[Picked, Pointer]]:
        """Every value that it picks, with its place in the spec."""
        yield from ()

    def templates(self, pointer: Pointer) -> Iterator[tuple[Template, Pointer]]:
        """Every text with slots, with its place in the spec."""
        yield from ()

    def reads(self) -> Iterator[tuple[str, bool]] | None:
        """The record's own names that it picks, each with whether nothing stands in for it; None where it takes all."""
        return None


class UnknownStep(Step):
    """Stands for a step that has a problem: what comes out of it may be anything."""

    type = "?"

    def check(self, scope: Scope, pointer: Pointer, report: Report) -> tuple[Step, Scope]:
        """Nothing is known behind it."""
        anything = replace(scope.entering(ANY, None), root=ANY)
        return self, replace(anything, parent=replace(anything, parent=anything))

    def worker(self, context: Context, notes: Notes) -> Worker:
        """A plan that has one never runs."""
        raise AssertionError


def fill(frame: Frame, row: Row) -> Frame:
    """The frame of a worker, standing at a row."""
    frame.node = frame.record = row.value
    frame.carried = row.work
    frame.root = row.root
    frame.parent = row.outer
    frame.number = row.number
    frame.out = {}
    frame.work = {}
    return frame


class Flow:
    """All steps of a plan, for one unit's context."""

    def __init__(self, steps: Sequence[Step], context: Context) -> None:
        self.notes = Notes()
        self._context = context
        self._direct = self._only_map(steps)
        self._stages = [] if self._direct else [(step.type, step.worker(context, self.notes)) for step in steps]

    def _only_map(self, steps: Sequence[Step]) -> RowMapper | None:
        """The one map as its own, faster way, where no lookup has to ask."""
        mapping = steps[0].maps if len(steps) == 1 and not self._context.tables.ask else None
        return RowMapper(mapping, self._context, self.notes) if mapping else None

    def __call__(self, batch: Batch) -> Mapped:
        """The records that the batch becomes, in order, and the rejects; what came in is not changed."""
        if self._direct:
            return self._direct(batch)
        rejects = [damaged(at, value) for at, value in enumerate(batch.values) if type(value) is Damage]
        rows = [Row(v, batch.number + at, v) for at, v in enumerate(batch.values) if type(v) is not Damage]
        for stage, worker in self._stages:
            rows = self._through(stage, worker, rows, batch.number, rejects)
        kept = [row for row in rows if type(row.value) is dict or _refuse(row, batch.number, rejects)]
        return Mapped(
            [row.value for row in kept],
            [row.number - batch.number for row in kept],
            rejects,
            [row.child for row in kept] if any(row.child for row in kept) else (),
        )

    def _through(self, stage: str, worker: Worker, rows: Sequence[Row], first: int, rejects: list[Reject]) -> list[Row]:
        """The rows behind one step. One whose lookup has to ask is set aside, and done anew when all have asked."""
        made: list[Sequence[Row]] = [()] * len(rows)
        waiting: Sequence[int] = range(len(rows))
        while waiting:
            later = []
            for at in waiting:
                row, mark = rows[at], self.notes.mark()
                try:
                    made[at] = worker(row)
                except Unanswered:
                    self.notes.undo(mark)
                    later.append(at)
                except (RecordError, Failures) as error:
                    rejects.append(Reject(row.number - first, stage, row.value, _errors(error), row.child))
            if later:
                self._context.tables.answer()
            waiting = later
        return [row for several in made for row in several]


def _errors(error: RecordError | Failures) -> tuple[FieldError, ...]:
    return tuple(error.errors) if isinstance(error, Failures) else (field_error("", error),)


def _refuse(row: Row, first: int, rejects: list[Reject]) -> bool:
    """A record that is no object when it comes to the sink."""
    found = "null" if row.value is None else type_of(row.value)
    error = FieldError("", "R203", f"a sink takes objects, the record is {found}", row.value)
    rejects.append(Reject(row.number - first, "write", row.value, (error,), row.child))
    return False


def read_first(steps: Sequence[Step]) -> dict[str, bool] | None:
    """The names of the record as parsed that the steps pick, and whether nothing stands in for each; None: all."""
    found: dict[str, bool] = {}
    for step in steps:
        names = step.reads()
        if names is None:
            return None
        for name, alone in names:
            found[name] = found.get(name, False) or alone
        if step.maps:
            return found
    return None
