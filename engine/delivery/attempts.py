"""One try at one unit: its stagings, its writers, its books, and the intent that it ends in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from engine.delivery.books import Books
from engine.delivery.journal import Begun, Known, taken
from engine.delivery.rejects import FOLDER, RejectWriter
from engine.delivery.staging import address, file_name, staging_name, unit_name
from engine.errors import EngineError, UnitError
from engine.kinds import Facts, Output, Roots, Staged, Staging, Store, Unit, Writer
from engine.language.frames import Context
from engine.language.jsontext import decode, encode
from engine.language.tables import Tables
from engine.language.templates import path_of
from engine.plan import Plan
from engine.records import Batch, FieldError, Instant, Mapped, Reject
from engine.rows.flow import read_first
from engine.spec.validate import keeps
from engine.spelling import counted, listed

EARLY: Final = 1000
SHOWN: Final = 5
LEDGERS: Final = "stagings"
"""The folder of the state in which stores note what they began, where they have no folder for it."""


class Places:
    """The stores that a run writes to and reads from, opened once; which unit owns which output path."""

    def __init__(self, plan: Plan, state: Store, owner: Callable[[str], str | None]) -> None:
        self.source = plan.source_end.store()
        self.sink = plan.sink_end.store()
        self.state = state
        self.rejects = f"{FOLDER}/{file_name(plan.scope)}"
        self._mark = os.urandom(6).hex()
        self._plan = plan
        self._owner = owner
        self._owners: dict[str, str] = {}

    def reserve(self, path: str, unit: str) -> None:
        """An output path belongs to the unit that opened it first; another that would meet it there fails."""
        where, me = address(self.sink, path), f"{self._plan.scope} {unit}"
        owner = self._owners.setdefault(where, self._owner(where) or me)
        if owner != me:
            raise taken(self.sink.show(path), owner, self._plan.scope)

    def stagings(self, unit: Unit, number: int) -> list[dict[str, Any]]:
        """The addresses of an attempt's stagings, known before they are made."""
        return [staging.address() for staging in self.open_stagings(unit, number)]

    def open_stagings(self, unit: Unit, number: int) -> tuple[Staging, Staging]:
        """The stagings of its outputs and of its rejects."""
        name = staging_name(self._plan.scope, unit.id, number, self._mark)
        ledger = os.path.join(self._plan.state_folder, LEDGERS, name)
        return self.sink.staging(self._plan.sink.root, name, ledger), self.state.staging(self.rejects, name)


class Attempt:
    """One try at one unit. It ends committed, unchanged, refused or failed."""

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
        self.broken = ""
        self._keeps = keeps(plan.contract.schema) if plan.contract else None
        self.books = Books()
        self.absent: Sequence[str] = ()
        self._header_seen = False
        self.status = "streaming"
        self.error: EngineError | None = None
        self.sha256 = ""
        self.bytes = 0
        self.outputs: Sequence[Output] = ()
        self.rejects_output: Output | None = None
        self._clock = time.monotonic()
        self.seconds = 0.0
        self.staging, self.reject_staging = places.open_stagings(begun.unit, begun.number)
        self._places = places
        self.writer: Writer | None = None
        self.archive_targets: dict[str, str] = {}
        self.rejects = RejectWriter(
            self.reject_staging.open, self._rejects_path(places), self.run, self.unit.id, self.books
        )

    def _rejects_path(self, places: Places) -> str:
        return f"{places.rejects}/{unit_name(self.plan.scope, self.unit.id)}.{self.number}.jsonl"

    def _stage(self, path: str, facts: Facts) -> Staged:
        self._places.reserve(path, self.unit.id)
        return self.staging.open(path, facts)

    def open(self) -> None:
        """Make all names of the unit before it is read: one that cannot be made fails it here, not later."""
        templates = {key: getattr(self.plan.archive, key) for key in ("success", "partial", "error")}
        self.archive_targets = {key: path_of(each, self.roots) for key, each in templates.items() if each}
        self.writer = self.plan.sink.writer(self.roots, self.plan.columns, self._stage)

    def take(self, batch: Batch, mapped: Mapped) -> None:
        """The fates of one batch: each record is written or rejected."""
        assert self.writer  # noqa: S101 - opened before the first batch is read
        if batch.table and not self._header_seen:
            self._see_header(batch.table.names)
        if self._keeps and not self.broken:
            self._hold(batch, mapped)
        rejects = list(mapped.rejects)
        for index, error in self.writer.write(mapped.records):
            field_error = FieldError("", error.code, error.message, error.value)
            child = mapped.children[index] if mapped.children else ()
            rejects.append(Reject(mapped.indexes[index], "write", mapped.records[index], (field_error,), child))
        for reject in sorted(rejects, key=lambda reject: (reject.position, reject.child)):
            self.rejects.write(batch, reject)

    def _hold(self, batch: Batch, mapped: Mapped) -> None:
        """Remember the first record that breaks the contract: it is held against what is written."""
        assert self._keeps  # noqa: S101 - asked for only with a contract
        for index, record in zip(mapped.indexes, mapped.records, strict=True):
            if wrong := self._keeps(decode(encode(record))):
                number = batch.number + index
                self.broken = f"record {number:,} breaks `{self.plan.contract.file}`: {wrong}"  # type: ignore[union-attr]
                return

    def _see_header(self, names: Sequence[str]) -> None:
        """A header without any column that the mapping reads is another file, or another delimiter."""
        self._header_seen = True
        wanted = read_first(self.plan.steps)
        if wanted is None:
            return
        if wanted and not wanted.keys() & set(names):
            mark = next((each for each in (";", "\t", "|", ",") if len(names) == 1 and each in names[0]), "")
            help = f"it looks separated by {mark!r}: set `delimiter`" if mark else "mend the header, or the mapping"
            message = f"the header {listed(names[:SHOWN])} has no column that the mapping reads"
            raise UnitError("R124", message, help)
        known = {*names, *self.plan.parser.optional_names}
        self.absent = [name for name, alone in wanted.items() if alone and name not in known]

    def close(self) -> None:
        """End the outputs and the rejects, synced; count what the outputs hold."""
        assert self.writer  # noqa: S101 - opened before the first batch is read
        self.outputs = self.writer.close()
        self.books.count_written(sum(output.records for output in self.outputs))
        self.rejects_output = self.rejects.close()

    def end(self, status: str, error: EngineError | None = None) -> None:
        """The unit's outcome. One that is not committed leaves no output; a failed one no rejects either."""
        self.status, self.error = status, error
        self.seconds = self.elapsed
        if status != "committed":
            if self.writer:
                self.writer.abandon()
            self.staging.destroy()
            self.outputs = ()
        if status in ("failed", "unchanged"):
            self.rejects.abandon()
            self.reject_staging.destroy()
            self.rejects_output = None

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._clock

    @property
    def exit_code(self) -> int:
        """What this unit asks the command line to return."""
        return self.error.exit_code if self.error else 0

    def judge(self) -> None:
        """Raise UnitError where the rejects are over the limit, or nothing but rejects came out."""
        counts = self.books.counts
        self._judge_limit(counts["rejected"])
        if self.plan.max_rejects is None and counts["rejected"] and counts["rejected"] == self.books.went_in:
            count = counts["rejected"]
            message = f"all {count:,} records were rejected" if count > 1 else "the one record was rejected"
            raise UnitError("D202", message, "mend the spec or the file; see the rejects")
        self._judge_recovered(counts["read"])
        if self.broken:
            raise UnitError("D204", self.broken, "mend the mapping, or the contract; nothing was published")

    @property
    def is_over_limit(self) -> bool:
        """From 1,000 records on, what is over the limit need not be mapped to its end."""
        records, limit = self.books.went_in, self.plan.max_rejects
        return bool(records >= EARLY and limit and limit.exceeded(self.books.counts["rejected"], records))

    def _judge_recovered(self, read: int) -> None:
        limit, recovered = self.plan.max_recovered, self.books.recovered.total()
        if limit and limit.exceeded(recovered, read):
            counts = f"{counted(recovered, 'error')} in {counted(read, 'record')}"
            message = f"`on_error` answered {counts}, `max_recovered` allows {limit}"
            raise UnitError("D205", message, "mend the spec or the file; the report counts them by field and code")

    def _judge_limit(self, rejected: int) -> None:
        records, limit = self.books.went_in, self.plan.max_rejects
        if limit and limit.exceeded(rejected, records):
            message = f"{rejected:,} of {counted(records, 'record')} {'was' if rejected == 1 else 'were'} rejected"
            help = "mend the spec or the file; see the rejects"
            raise UnitError("D201", f"{message}, `max_rejects` allows {limit}", help)


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
