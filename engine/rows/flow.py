"""Records through steps: one in; none, one or many out; in order, each with its origin and what was around it.

A step is compiled for one unit into a worker of one row. What stands between steps is a Row: the record, its number
in the unit, the record as parsed (`$root`), what it was taken from (`$parent`), and the working fields, which later
steps see and nothing writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final, NamedTuple

from engine.errors import RecordError
from engine.language.fields import FieldMap
from engine.language.frames import NOTHING, Context, Frame
from engine.language.scopes import Scope
from engine.language.shapes import ANY, type_word
from engine.language.tables import Unanswered
from engine.language.templates import Template
from engine.language.values import Picked
from engine.options import Pointer, Report
from engine.records import Batch, Damage, FieldError, Mapped, Reject, Value
from engine.rows.failures import Failures, Notes, field_error
from engine.rows.mapper import RowMapper, damaged
from engine.rows.tracing import Standing


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


MOST: Final = 4096
"""Records and rejects that are handed on at once."""

Worker = Callable[[Row], Iterable[Row]]


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

    def trace(self, standing: Standing) -> Standing:
        """What it reads of the record as parsed, and where that is behind it; all of it, unless a step knows better."""
        standing.uses.read(standing.node)
        for picked, _ in self.picks(()):
            standing.read(picked)
        return standing.entering(standing.node, standing.parent)

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


Refuse = Callable[[Row, str, tuple[FieldError, ...]], None]
"""Takes a row that did not make it, with the stage at which it failed and why."""


class Workers:
    """The workers of some steps, one behind the other."""

    def __init__(self, steps: Sequence[Step], context: Context, notes: Notes) -> None:
        self._context = context
        self._notes = notes
        self.stages = [(step.type, step.worker(context, notes)) for step in steps]

    def down(self, row: Row, refuse: Refuse, at: int = 0) -> Iterator[Row]:
        """One row through the steps from one on: no more of its children are held than one a step."""
        if at == len(self.stages):
            yield row
            return
        stage, worker = self.stages[at]
        try:
            children = self._answered(worker, row)
        except (RecordError, Failures) as error:
            refuse(row, stage, _errors(error))
            return
        for child in children:
            yield from self.down(child, refuse, at + 1)

    def _answered(self, worker: Worker, row: Row) -> Iterable[Row]:
        """What a worker makes of a row; where a lookup has to ask, it is asked at once."""
        if not self._context.tables.ask:
            return worker(row)
        while True:
            mark = self._notes.mark()
            try:
                return worker(row)
            except Unanswered:
                self._notes.undo(mark)
                self._context.tables.answer()


class Flow:
    """All steps of a plan, for one unit's context. `rows`: what comes out says how it stands, not only what it is."""

    def __init__(
        self, steps: Sequence[Step], context: Context, notes: Notes | None = None, *, rows: bool = False
    ) -> None:
        self.notes = notes or Notes()
        self._context = context
        self._rows = rows
        self._direct = None if rows else self._only_map(steps)
        self._workers = Workers(() if self._direct else steps, context, self.notes)

    def _only_map(self, steps: Sequence[Step]) -> RowMapper | None:
        """The one map as its own, faster way, where no lookup has to ask."""
        mapping = steps[0].maps if len(steps) == 1 and not self._context.tables.ask else None
        return RowMapper(mapping, self._context, self.notes) if mapping else None

    def __call__(self, batch: Batch) -> Mapped:
        """All that the batch becomes, in order; what came in is not changed."""
        parts = list(self.parts(batch))
        children = [child for part in parts for child in part.children or [()] * len(part.records)]
        return Mapped(
            [record for part in parts for record in part.records],
            [index for part in parts for index in part.indexes],
            [reject for part in parts for reject in part.rejects],
            children if any(children) else (),
        )

    def parts(self, batch: Batch) -> Iterator[Mapped]:
        """The same, some records at a time: a record that explodes is never held as a whole."""
        if self._direct:
            yield self._direct(batch)
            return
        made = Made(batch, rows=self._rows)
        for row in self._all(batch, made):
            if made.take(row):
                yield made.mapped()
        yield made.mapped()

    def _all(self, batch: Batch, made: Made) -> Iterator[Row]:
        """The rows behind the last step. Each record goes the whole way before the next, unless it may wait."""
        rows = made.start()
        if not self._context.tables.ask:
            for row in rows:
                yield from self._workers.down(row, made.refuse)
            return
        waited = list(rows)
        for stage, worker in self._workers.stages:
            waited = self._through(stage, worker, waited, made)
        yield from waited

    def _through(self, stage: str, worker: Worker, rows: Sequence[Row], made: Made) -> list[Row]:
        """The rows behind one step. One whose lookup has to ask is set aside, and done anew when all have asked."""
        done: list[Sequence[Row]] = [()] * len(rows)
        waiting: Sequence[int] = range(len(rows))
        while waiting:
            later = []
            for at in waiting:
                row, mark = rows[at], self.notes.mark()
                try:
                    done[at] = tuple(worker(row))
                except Unanswered:
                    self.notes.undo(mark)
                    later.append(at)
                except (RecordError, Failures) as error:
                    made.refuse(row, stage, _errors(error))
            if later:
                self._context.tables.answer()
            waiting = later
        return [row for several in done for row in several]


class Made:
    """What the steps have made of a batch since it was last asked for."""

    def __init__(self, batch: Batch, *, rows: bool = False) -> None:
        self._batch = batch
        self._keeps_rows = rows
        self._rows: list[Row] = []
        self._rejects: list[Reject] = []

    def start(self) -> Iterator[Row]:
        """The records of the batch as rows; one that could not be decoded fails here."""
        for at, value in enumerate(self._batch.values):
            if type(value) is Damage:
                self._rejects.append(damaged(at, value))
            else:
                yield Row(value, self._batch.number + at, value)

    def take(self, row: Row) -> bool:
        """Keep what comes to the sink; True where it is time to hand on what there is."""
        if isinstance(row.value, dict):
            self._rows.append(row)
        else:
            error = FieldError("", "R203", f"a sink takes objects, the record is {type_word(row.value)}", row.value)
            self.refuse(row, "write", (error,))
        return len(self._rows) + len(self._rejects) >= MOST

    def refuse(self, row: Row, stage: str, errors: tuple[FieldError, ...]) -> None:
        """A row that did not make it."""
        self._rejects.append(Reject(row.number - self._batch.number, stage, row.value, errors, row.child))

    def mapped(self) -> Mapped:
        """What there is; it is kept no longer."""
        rows, rejects = self._rows, self._rejects
        self._rows, self._rejects = [], []
        children = [row.child for row in rows] if any(row.child for row in rows) else ()
        positions = [row.number - self._batch.number for row in rows]
        kept = rows if self._keeps_rows else ()
        return Mapped([row.value for row in rows], positions, rejects, children, kept)


def _errors(error: RecordError | Failures) -> tuple[FieldError, ...]:
    return tuple(error.errors) if isinstance(error, Failures) else (field_error("", error),)


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
