"""One try at one unit: its stagings, its sinks, its books, and the outcome that it ends in."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple

from engine.delivery.books import Books
from engine.delivery.journal import Begun, Known
from engine.delivery.judging import Holding, absent_of, is_over_limit, judge
from engine.delivery.manifests import write_manifest
from engine.delivery.places import Places
from engine.delivery.reject_reports import write_report
from engine.delivery.rejects import RejectWriter
from engine.delivery.routing import OpenOutlet, Router
from engine.delivery.staging import unit_name
from engine.errors import EngineError, StoreError
from engine.kinds import Facts, Output, Roots, Stage, Staged, Staging, Store, Unit
from engine.language.frames import Context
from engine.language.tables import Tables
from engine.language.templates import path_of
from engine.plan import Outlet, Plan
from engine.records import Batch, Instant, Mapped
from engine.rows.failures import Notes
from engine.rows.flow import Flow


class Read(NamedTuple):
    """A file, or a part of one, that was read to its end, and what became of its records.

    `sha256` is of what was read, `file` of the whole file where that is more. One that is `unchanged` was left out.
    """

    unit: Unit
    sha256: str
    file: str
    books: Mapping[str, int]
    unchanged: bool = False


class Attempt:
    """One try at one unit. It ends committed, unchanged, refused or failed.

    `bytes` were read so far. `same_as` is the unit that stands for this one, as it had the same content before.
    """

    bytes = 0
    same_as = ""

    def __init__(
        self, plan: Plan, places: Places, begun: Begun, known: Known | None, tables: Tables | None = None
    ) -> None:
        self.plan = plan
        self.unit = begun.unit
        self.number = begun.number
        self.run = begun.run
        self.started = begun.started_at
        self.known = known
        self.started_at = Instant.fromisoformat(begun.started_at)
        self.roots = roots_of(plan, begun)
        self.context = Context(self.roots["vars"], self.roots["run"], self.roots["unit"], tables)
        self.books = Books()
        self.absent: dict[str, Sequence[str]] = {}  # columns that the mapping reads and a file has not got
        self.header: dict[str, None] = {}  # the names of columns that were read
        self._header_seen = False
        self.status = "streaming"
        self.error: EngineError | None = None
        self.sha256 = ""
        self.reads: list[Read] = []
        self.outputs: list[tuple[Staging, Output]] = []
        self.kept: list[tuple[Staging, Output]] = []
        """What a refused unit publishes too: its rejects, and the report of them."""
        self._clock = time.monotonic()
        self.seconds = 0.0
        self.places = places
        self.stagings = places.open_stagings(begun.unit, begun.number)
        self.archive_targets: dict[str, dict[str, str]] = {}
        self.rejects = RejectWriter(
            self.stagings.rejects.open, self._rejects_path(places), self.run, self.unit.id, self.books, plan.redact
        )
        self._holding = Holding(plan)
        self._notes = Notes()
        self._outlets: list[OpenOutlet] = []
        self._router = Router(self._outlets, self.books, self._notes)

    def _rejects_path(self, places: Places) -> str:
        return f"{places.rejects}/{unit_name(self.plan.scope, self.unit.id)}.{self.number}.jsonl"

    def _stage(self, outlet: Outlet, store: Store, staging: Staging) -> Stage:
        """Opens files of one sink in its staging, each path reserved first."""

        def stage(path: str, facts: Facts) -> Staged:
            self.places.reserve(store, path, self.unit.id, outlet.sink.overwrite)
            return staging.open(path, facts)

        return stage

    # --- the steps of the protocol

    def open(self) -> None:
        """Make all names of the unit before it is read: one that cannot be made fails it here, not later."""
        self.archive_targets = {unit.id: self._targets(unit) for unit in self.files}
        for outlet, store, staging in zip(self.plan.sinks, self.places.sinks, self.stagings.outputs, strict=False):
            stage = self._stage(outlet, store, staging)
            writer = outlet.sink.writer(self.roots, outlet.columns, stage, self.plan.limits)
            self._outlets.append(OpenOutlet(outlet, writer))
        self.enter(self.context)

    @property
    def files(self) -> Sequence[Unit]:
        """The units that are files: itself, or its members."""
        return self.unit.members or (self.unit,)

    def _targets(self, unit: Unit) -> dict[str, str]:
        """Where the file of a unit goes, by outcome."""
        templates = {key: getattr(self.plan.archive, key) for key in ("success", "partial", "error")}
        roots = {**self.roots, "unit": unit.values}
        return {key: path_of(each, roots) for key, each in templates.items() if each}

    def begin_file(self, unit: Unit) -> None:
        """What comes from now on is read from this file."""
        self._before = Counter(self.books.as_dict())
        if unit is not self.unit:
            self._header_seen = False
            self.rejects.unit = unit.id
            self.context.unit = unit.values
            self.enter(self.context)

    def end_file(self, unit: Unit, sha256: str, file: str) -> None:
        """It was read to its end."""
        books = Counter(self.books.as_dict())
        books.subtract(self._before)
        self.end_read(Read(unit, sha256, file, dict(books)))

    def end_read(self, read: Read) -> None:
        """A file is done with: it was read, or left out as it holds what it held."""
        self.reads.append(read)
        self.sha256 = read.sha256 if read.unit is self.unit else hash_of(each.sha256 for each in self.reads)

    def status_of(self, read: Read) -> str:
        """What becomes of one file of it."""
        return "unchanged" if read.unchanged else self.status

    def enter(self, context: Context) -> None:
        """What comes from now on is of this context: of the unit, or of one of its members."""
        self._flow = Flow(self.plan.steps, context, self._notes, rows=self.plan.routes)
        for outlet in self._outlets:
            outlet.enter(context)

    def take(self, batch: Batch) -> None:
        """The fates of one batch, counted: each record is written, rejected or filtered."""
        self.books.count_read(len(batch))
        if batch.names and not self._header_seen:
            self._see_header(batch.names)
        for mapped in self._flow.parts(batch):
            self._deliver(batch, mapped)
        self.books.count_steps(self._notes, *(outlet.notes for outlet in self._outlets))

    def _see_header(self, names: Sequence[str]) -> None:
        """What a file has for columns, told by its first rows."""
        self._header_seen = True
        self.header.update(dict.fromkeys(name for name in names if name))
        if absent := absent_of(self.plan, names):
            self.absent[self.rejects.unit] = absent

    def _deliver(self, batch: Batch, mapped: Mapped) -> None:
        self._holding.look(batch, mapped)
        rejects = self._router.take(mapped)
        for reject in sorted(rejects, key=lambda reject: (reject.position, reject.child)):
            self.rejects.write(batch, reject)

    def close(self) -> None:
        """End the outputs and the rejects, synced; count what the outputs hold."""
        self._router.close()
        for at, outlet in enumerate(self._outlets):
            self._end_outputs(at, outlet)
        if rejects := self.rejects.close():
            self.kept.append((self.stagings.rejects, rejects))
            if self.plan.rejects:
                self._report_rejects(rejects)

    def _end_outputs(self, at: int, outlet: OpenOutlet) -> None:
        """The outputs of one sink; several are listed by a manifest behind them."""
        staging, sink = self.stagings.outputs[at], outlet.plan.sink
        self.outputs += [(staging, output) for output in outlet.outputs]
        if sink.several and outlet.outputs:
            stage = self._stage(outlet.plan, self.places.sinks[at], staging)
            self.outputs.append(
                (staging, write_manifest(sink, self.plan.scope, self.unit.id, outlet.plan.name, outlet.outputs, stage))
            )

    def _report_rejects(self, rejects: Output) -> None:
        """The rejects once more, for people."""
        report, staging = self.plan.rejects, self.stagings.report
        assert report  # noqa: S101 - asked for
        assert staging  # noqa: S101
        stage = self._stage(report.outlet, self.places.sinks[-1], staging)
        where = self.stagings.rejects.details(rejects.path)["staged"]
        opened = partial(self.places.state.open, where)
        made = write_report(report, self.roots, opened, tuple(self.header), stage, self.plan.limits)
        self.kept += [(staging, output) for output in made]

    def balance(self) -> None:
        """Raise BooksError where records have no fate, here or in one of the sinks."""
        for outlet in self._outlets:
            outlet.balance()
        self.books.balance()

    def judge(self) -> None:
        """Raise UnitError where the unit may not be published as it is."""
        judge(self.plan, self.books)
        self._holding.judge()

    @property
    def is_over_limit(self) -> bool:
        """Whether it need not be read to its end: it is refused."""
        return is_over_limit(self.plan, self.books)

    def end(self, status: str, error: EngineError | None = None) -> None:
        """The unit's outcome. One that is not committed leaves no output; a failed one no rejects either."""
        self.status, self.error = status, error
        self.seconds = self.elapsed
        if status != "committed":
            for outlet in self._outlets:
                outlet.writer.abandon()
            self._destroy(self.stagings.outputs)
            self.outputs.clear()
        if status in ("failed", "unchanged"):
            self.rejects.abandon()
            self._destroy(each for each in (self.stagings.report, self.stagings.rejects) if each)
            self.kept.clear()

    def _destroy(self, stagings: Iterable[Staging]) -> None:
        """Give them up; where a store cannot be reached now they keep their files, and the intent asks for it again."""
        for staging in stagings:
            with suppress(StoreError):
                staging.destroy()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._clock

    @property
    def exit_code(self) -> int:
        """What this unit asks the command line to return."""
        return self.error.exit_code if self.error else 0

    @property
    def sinks(self) -> Mapping[str, Books]:
        """The books of each sink, by its name."""
        return {outlet.plan.name: outlet.books for outlet in self._outlets}


def hash_of(hashes: Iterable[str]) -> str:
    """The hash of several contents, in order."""
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def roots_of(plan: Plan, begun: Begun) -> Roots:
    """What the templates and heads of one unit see."""
    started = Instant.fromisoformat(begun.started_at)
    run = {"id": begun.run, "started_at": started, "pipeline": plan.name}
    return {"unit": begun.unit.values, "run": run, "vars": plan.vars}


def stamp(moment: datetime) -> str:
    """A moment as the state stores it."""
    return moment.isoformat()


def merge(values: Mapping[str, int]) -> dict[str, int]:
    """Counts in a fixed order, so that reports are the same every time."""
    return dict(sorted(values.items()))
