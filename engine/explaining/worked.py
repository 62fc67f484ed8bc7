"""A worked example: one field of a sample record, from what it reads to what it gives, by the interpreter itself.

A probe stands in the map before the field. When the interpreter comes to it, the field is made there, from the same
frame, with a probe behind each of its resolvers; so nothing here knows how a field is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, cast

from engine.errors import RecordError
from engine.explaining.saying import called
from engine.language.expressions import decider
from engine.language.fields import Field, Use
from engine.language.frames import Context, Frame
from engine.language.shapes import SAMPLE_RECORDS
from engine.language.tables import Unanswered
from engine.language.values import picker
from engine.plan import Plan
from engine.records import MISSING, Batch, Damage, FieldError, Place, Value, is_blank
from engine.registry import Resolver
from engine.rows.compiler import RowCompiler
from engine.rows.failures import DroppedItem, Failures, Notes, field_error
from engine.rows.flow import Row, Worker
from engine.steps.map import Map
from engine.trial import sample_of

PROBE: Final = "probe"
MOST: Final = 3


class Seen(NamedTuple):
    """A value on its way, and what it is the value of: a source, or a resolver; a source may fail instead."""

    what: str
    value: Value
    error: FieldError | None = None


@dataclass
class Made:
    """One making of the field: what it read, its value behind each resolver, and what came of it.

    `index` is the item's number inside `each`; `skipped` where its `when` did not hold; `recovered` what `on_error`
    answered, as the books count it.
    """

    index: int | None = None
    reads: list[Seen] = field(default_factory=list)
    resolved: list[Seen] = field(default_factory=list)
    value: Value = MISSING
    errors: Sequence[FieldError] = ()
    recovered: Sequence[str] = ()
    skipped: bool = False
    dropped: bool = False


class Worked(NamedTuple):
    """The record that was taken, and each making of the field in it; there may be more than are kept."""

    path: str
    place: Place
    made: Sequence[Made]
    more: int


def worked(plan: Plan, step: int, wanted: Field, number: int | None = None) -> Worked | None:
    """The first record of the sample, or that of a number, that comes to a field of a step; None where none does."""
    with sample_of(plan) as sample:
        probe = _Probe(wanted)
        through = _through(plan, step, probe, sample.context)
        for place, value in _records(sample.batches, number):
            _lead(Row(value, place.number, value), through, sample.context)
            if probe.made:
                return Worked(sample.path, place, probe.made[:MOST], len(probe.made) - MOST)
    return None


def _records(batches: Iterator[Batch], number: int | None) -> Iterator[tuple[Place, Value]]:
    """The first records of the sample that are whole, or the one of a number."""
    for batch in batches:
        for at, value in enumerate(batch.values):
            if batch.number + at > (number or SAMPLE_RECORDS):
                return
            if not isinstance(value, Damage) and number in (None, batch.number + at):
                yield batch.place(at), value


def _through(plan: Plan, step: int, probe: _Probe, context: Context) -> list[Worker]:
    """The workers of the steps up to the map that holds the field, with the probe in it."""
    *before, last = plan.steps[:step]
    mapping = cast("Map", last).mapping
    probed = replace(cast("Map", last), mapping=replace(mapping, fields=probe.before_field(mapping.fields)))
    return [each.worker(context, Notes()) for each in (*before, probed)]


def _lead(row: Row, workers: Sequence[Worker], context: Context) -> None:
    """A record as far as it comes."""
    rows: Sequence[Row] = (row,)
    for worker in workers:
        rows = [made for each in rows for made in _one(each, worker, context)]


def _one(row: Row, worker: Worker, context: Context) -> Sequence[Row]:
    while True:
        try:
            return tuple(worker(row))
        except Unanswered:
            context.tables.answer()
        except (RecordError, Failures):
            return ()


class _Probe:
    """Stands before a field, and makes it where the interpreter comes to it."""

    def __init__(self, wanted: Field) -> None:
        self._wanted = wanted
        self._holds = decider(wanted.when) if wanted.when else None
        self.made: list[Made] = []

    def before_field(self, fields: Sequence[Field]) -> tuple[Field, ...]:
        """The fields, with the probe before the one that is wanted."""
        placed: list[Field] = []
        for made in fields:
            if made is self._wanted:
                use = _probing(self._make, made)
                placed.append(Field((PROBE,), made.pointer, "value", working=True, chain=(use,)))
            placed.append(replace(made, fields=self.before_field(made.fields)) if made.fields else made)
        return tuple(placed)

    def _make(self, value: Value, frame: Frame) -> Value:
        made, notes = Made(index=None if frame.index is MISSING else frame.index), Notes()
        try:
            made.skipped = self._holds is not None and not self._holds(frame)
            if not made.skipped:
                self._read(made, frame)
                made.value = RowCompiler(notes).field(self._watched(made))(frame)
        except RecordError as error:
            made.errors = (field_error("", error),)
        except Failures as failed:
            made.errors = failed.errors
        except DroppedItem:
            made.dropped = True
        made.recovered = list(notes.recovered)
        self.made.append(made)
        return MISSING

    def _read(self, made: Made, frame: Frame) -> None:
        """The sources, up to the first that is not blank."""
        for pick in self._wanted.sources:
            try:
                value = picker(pick)(frame)
            except RecordError as error:
                made.reads.append(Seen(pick.text, MISSING, field_error("", error)))
                return
            made.reads.append(Seen(pick.text, value))
            if not is_blank(value):
                return

    def _watched(self, made: Made) -> Field:
        """The field with a probe behind each resolver; of the items of an `each` the first is watched."""
        most, chain = len(self._wanted.chain), list[Use]()
        for use in self._wanted.chain:
            chain += (use, _probing(_watch(called(use), made.resolved, most), self._wanted))
        return replace(self._wanted, chain=tuple(chain), when=None)


def _watch(what: str, seen: list[Seen], most: int) -> Callable[[Value, Frame], Value]:
    def watch(value: Value, frame: Frame) -> Value:
        if len(seen) < most:
            seen.append(Seen(what, value))
        return value

    return watch


def _probing(function: Callable[[Value, Frame], Value], made: Field) -> Use:
    """A resolver that sees whatever passes, blank or not, with the frame around it."""
    return Use(Resolver(PROBE, PROBE, function, ("any",), "any", (), (), blank=True, contextual=True), {}, made.pointer)
