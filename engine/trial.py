"""Records through a plan's steps without delivering them: what `preview`, `map` and `explain` show."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from engine.errors import UsageError
from engine.kinds import Stat, Store
from engine.language.frames import Context
from engine.language.tables import Tables
from engine.lookups import opened
from engine.parsers._input import batches_of
from engine.plan import Plan
from engine.records import Batch, Damage, Instant, Place, Reject, Table, Value
from engine.rows.flow import Flow
from engine.sources.files import Files, unit_of
from engine.spec.evidence import golden_input
from engine.storage.local import LocalStore


class Tried(NamedTuple):
    """One record: where it came from, what it was, the records that it became, and the rejects of it.

    Neither output nor reject: it was filtered. `filtered` counts by rule, where records are tried one by one.
    """

    place: Place
    record: Value
    outputs: Sequence[dict[str, Value]]
    rejects: Sequence[Reject]
    filtered: Mapping[str, int] = {}


def tried(batches: Iterable[Batch], flow: Flow, *, one_by_one: bool = False) -> Iterator[Tried]:
    """Each record in order: what became of it, or that it was filtered; `flow` keeps the counts."""
    for batch in batches:
        for part in singles(batch) if one_by_one else (batch,):
            before = flow.notes.filtered.copy()
            for made in _fates(flow, part):
                yield made._replace(filtered=flow.notes.filtered - before) if one_by_one else made


def _fates(flow: Flow, batch: Batch) -> Iterator[Tried]:
    mapped = flow(batch)
    outputs, rejects = defaultdict[int, list[Any]](list), defaultdict[int, list[Reject]](list)
    for position, record in zip(mapped.indexes, mapped.records, strict=True):
        outputs[position].append(record)
    for reject in mapped.rejects:
        rejects[reject.position].append(reject)
    for at, value in enumerate(batch.values):
        shown = None if isinstance(value, Damage) else value
        yield Tried(batch.place(at), shown, outputs.get(at, ()), rejects.get(at, ()))


def singles(batch: Batch) -> Iterator[Batch]:
    """The records of a batch as batches of one."""
    for at, value in enumerate(batch.values):
        table = batch.table and Table(batch.table.names, batch.table.rows[at : at + 1])
        yield _Single(batch, at, value, table)


class _Single(Batch):
    """One record of a batch, at its place."""

    __slots__ = ("_at", "_of")

    def __init__(self, of: Batch, at: int, value: Value, table: Table | None) -> None:
        super().__init__(of.block, of.offset, of.number + at, lambda: (value,), tuple, table)
        self._of = of
        self._at = at

    def place(self, index: int) -> Place:
        """Where it came from."""
        return self._of.place(self._at)


class Sample(NamedTuple):
    """Records that show what comes in: the file as the user finds it, its records, and what the steps see."""

    path: str
    batches: Iterator[Batch]
    context: Context


@contextmanager
def sample_of(plan: Plan) -> Iterator[Sample]:
    """The plan's sample, opened; else the first file that its source matches, else the first input of its golden."""
    found = _on_disk(plan.sample) or _first_file(plan) or _on_disk(_golden(plan))
    if not found:
        message = f"`{plan.name}` has no sample, and no file matches its source"
        raise UsageError("U107", message, "add `sample:` with a file that shows what comes in")
    store, stat = found
    tables = opened(plan, datetime.now(UTC), Context(plan.vars, {}, {}))
    full = store.show(stat.path)
    name = os.path.relpath(full, plan.folder) if isinstance(store, LocalStore) else stat.path
    with closing(store.open(stat.path)) as raw:
        batches = batches_of(plan.parser, raw, stat.path, plan.limits)
        yield Sample(full, batches, context_of(name, stat.size, dict(plan.vars), plan.name, tables))


Found = tuple[Store, Stat]


def _on_disk(path: str) -> Found | None:
    """A file of this machine."""
    store = LocalStore(os.path.dirname(os.path.abspath(path)))
    stat = store.stat(os.path.basename(path)) if path else None
    return (store, stat) if stat else None


def _first_file(plan: Plan) -> Found | None:
    """The first file that the source matches; what can be read once is left to the run."""
    if not isinstance(plan.source, Files):
        return None
    store = plan.source_end.store()
    unit = next(iter(plan.source.units(store, {"vars": plan.vars}, datetime.now(UTC))), None)
    return (store, unit.stat) if unit else None


def _golden(plan: Plan) -> str:
    pattern = plan.source.pattern({"vars": plan.vars}) if isinstance(plan.source, Files) else ""
    return golden_input(plan.name, plan.folder, pattern) if pattern else ""


def context_of(path: str, size: int, vars: dict[str, Any], pipeline: str, tables: Tables | None = None) -> Context:
    """What the heads see in a trial: the file as a unit, a run of its own."""
    now = Instant.now(UTC)
    stat = Stat(path.removeprefix("./"), size, int(datetime.now(UTC).timestamp() * 1e9))
    run = {"id": "trial", "started_at": now, "pipeline": pipeline}
    return Context(vars, run, unit_of(stat, stat.path).values, tables)
