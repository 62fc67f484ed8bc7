"""Mapped records to the sinks that take them: each record gets one fate, whatever the sinks do with it.

Sinks are asked in the order written. A record is written when every sink whose `when` holds took it, the optional ones
aside; what an optional sink refuses goes on as if its `when` had not held, and is its reject where no other sink wanted
it. A record that no sink's `when` holds for is filtered as `unrouted`. Of the records that a sink's own steps make of
one none is written unless all pass these steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.delivery.books import Books
from engine.errors import RecordError
from engine.kinds import Output, Writer
from engine.language.expressions import decider
from engine.language.frames import Context, Frame
from engine.plan import Outlet
from engine.records import Mapped, Reject
from engine.rows.failures import Notes, field_error
from engine.rows.flow import Row, Workers, fill

UNROUTED: Final = "unrouted"
WHEN: Final = "when"
"""The stage of a record whose condition cannot be decided."""


@dataclass
class Fate:
    """What the sinks did with one record so far."""

    held: bool = False
    refused: bool = False
    """By the sink that was asked last."""
    written: bool = False
    """By a sink that took all of it."""
    delivered: list[str] = field(default_factory=list)
    """Who took it, or a part of it."""
    filtered: str = ""
    refusal: Reject | None = None
    waived: Reject | None = None
    """What optional sinks refused."""


class OpenOutlet:
    """A sink in one attempt: its writer, its own steps, and its own books, which balance by themselves."""

    def __init__(self, outlet: Outlet, writer: Writer) -> None:
        self.plan = outlet
        self.writer = writer
        self.notes = Notes()
        self.books = Books()
        self.outputs: Sequence[Output] = ()
        self._holds: Callable[[Frame], Any] | None = decider(outlet.when) if outlet.when else None

    def enter(self, context: Context) -> None:
        """The records that come from now on are of this context."""
        self._steps = Workers(self.plan.steps, context, self.notes)
        self._frame = Frame(None, context)

    def close(self) -> None:
        """End its outputs and count what they hold."""
        self.outputs = self.writer.close()
        self.books.count_written(sum(output.records for output in self.outputs))

    def balance(self) -> None:
        """Raise BooksError where its own counts do not balance."""
        self.books.count_steps(self.notes)
        self.books.balance()

    def write_all(self, mapped: Mapped) -> list[Reject]:
        """The way of a sink that takes every record as it is."""
        self.books.count_read(len(mapped.records))
        rejects = []
        for index, error in self.writer.write(mapped.records, [row.work for row in mapped.rows]):
            child = mapped.children[index] if mapped.children else ()
            self.books.count_rejected(error.code)
            rejects.append(self._refused(mapped.indexes[index], mapped.records[index], error, child))
        return rejects

    def lead(self, rows: Sequence[Row], positions: Sequence[int], fates: Sequence[Fate]) -> None:
        """The records that it takes, as far as they come: each fate learns what became of its record here."""
        for fate in fates:
            fate.refused = False
        chosen = [at for at, row in enumerate(rows) if self._takes(row, positions[at], fates[at])]
        self.books.count_read(len(chosen))
        made = [(at, row) for at in chosen for row in self._own(rows[at], positions[at], fates[at])]
        refused = self.writer.write([row.value for _, row in made], [row.work for _, row in made])
        errors = dict(refused)
        for index, (at, row) in enumerate(made):
            if error := errors.get(index):
                self._refuse(fates[at], self._refused(positions[at], row.value, error, row.child))
        children = Counter(at for at, _ in made)
        wrote = Counter(at for index, (at, _) in enumerate(made) if index not in errors)
        for at in chosen:
            self._settle(fates[at], wrote[at], children[at])

    def _takes(self, row: Row, position: int, fate: Fate) -> bool:
        if not set(self.plan.after) <= set(fate.delivered):
            return False
        if self.plan.otherwise:
            return not fate.held
        if self._holds is None:
            return True
        try:
            return bool(self._holds(fill(self._frame, row)))
        except RecordError as error:
            self.books.count_read(1)  # it is refused here, and so counted here
            self._refuse(
                fate, Reject(position, WHEN, row.value, (field_error(WHEN, error),), row.child, self.plan.name)
            )
            return False

    def _own(self, row: Row, position: int, fate: Fate) -> list[Row]:
        """What its own steps make of a record, a copy that no other sink sees; nothing where they refuse any of it."""
        notes, refused = self.notes, list[Reject]()
        mark, created, filtered = notes.mark(), notes.created, notes.filtered.copy()
        rows = list(self._steps.down(row, lambda row, stage, errors: refused.append(
            Reject(position, stage, row.value, errors, row.child, self.plan.name))))  # fmt: skip
        if not refused:
            fate.filtered = next(iter(notes.filtered - filtered), fate.filtered)
            return rows
        notes.undo(mark)
        notes.created, notes.filtered = created, filtered  # it counts as one record, which is rejected
        self._refuse(fate, *refused)
        return []

    def _refused(self, position: int, record: Any, error: RecordError, child: tuple[int, ...]) -> Reject:
        return Reject(position, "write", record, (field_error("", error),), child, self.plan.name)

    def _refuse(self, fate: Fate, *rejects: Reject) -> None:
        self.books.count_rejected(rejects[0].errors[0].code)
        fate.refused = True
        for reject in rejects:
            if self.plan.optional:
                fate.waived = _joined(fate.waived, reject)
            else:
                fate.refusal = _joined(fate.refusal, reject)

    def _settle(self, fate: Fate, wrote: int, made: int) -> None:
        fate.held = fate.held or not (self.plan.optional and fate.refused)
        if wrote and not fate.refused:
            fate.written = True
            fate.delivered.append(self.plan.name)
        elif wrote:
            fate.delivered.append(f"{self.plan.name} ({wrote} of {made})")


def _joined(known: Reject | None, reject: Reject) -> Reject:
    """One reject of all that was wrong with a record."""
    return known._replace(errors=known.errors + reject.errors) if known else reject


class Router:
    """The sinks of one attempt."""

    def __init__(self, outlets: Sequence[OpenOutlet], books: Books, notes: Notes) -> None:
        self.outlets = outlets
        self._books = books
        self._notes = notes

    @property
    def _only(self) -> OpenOutlet | None:
        """The one sink that takes everything."""
        return self.outlets[0] if len(self.outlets) == 1 and self.outlets[0].plan.is_plain else None

    def take(self, mapped: Mapped) -> list[Reject]:
        """Lead the records to their sinks; gives the rejects, those of the steps before too."""
        if only := self._only:
            return [*mapped.rejects, *only.write_all(mapped)]
        fates = [Fate() for _ in mapped.rows]
        for outlet in self.outlets:
            outlet.lead(mapped.rows, mapped.indexes, fates)
        return [*mapped.rejects, *filter(None, map(self._ended, fates))]

    def _ended(self, fate: Fate) -> Reject | None:
        """The one fate of a record; its reject where it has one."""
        reject = fate.refusal or (None if fate.held else fate.waived)
        if reject:
            return reject._replace(delivered=tuple(fate.delivered))
        if fate.written:
            self._books.count_written(1)
        else:
            self._notes.filtered[fate.filtered or UNROUTED] += 1
        return None

    def close(self) -> None:
        """End all outputs; what the one plain sink holds is what was written."""
        for outlet in self.outlets:
            outlet.close()
        if only := self._only:
            self._books.count_written(sum(output.records for output in only.outputs))

    def balance(self) -> None:
        """Each sink's own books."""
        for outlet in self.outlets:
            outlet.balance()
