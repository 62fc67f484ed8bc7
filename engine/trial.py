"""Records through a plan's steps without delivering them: what `preview`, `map` and `explain` show."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from engine.errors import UsageError
from engine.kinds import Limits, Parser, Stat
from engine.language.frames import Context
from engine.language.tables import Tables
from engine.lookups import opened
from engine.plan import Plan
from engine.records import Batch, Damage, Instant, Place, Reject, Table, Value
from engine.rows.flow import Flow
from engine.sources.files import Files, unit_of
from engine.spec.evidence import golden_input
from engine.storage.packing import unpacked


class Tried(NamedTuple):
    """One record: where it came from, what it was, the records that it became, and the rejects of it.

    Neither output nor reject: it was filtered. `filtered` counts by rule, where records are tried one by one.
    """

    place: Place
    record: Value
    outputs: Sequence[dict[str, Value]]
    rejects: Sequence[Reject]
    filtered: Mapping[str, int] = {}


def tried(
    stream: BinaryIO,
    parser: Parser,
    flow: Flow,
    limits: Limits,
    *,
    one_by_one: bool = False,
) -> Iterator[Tried]:
    """Each record of a stream in order: what became of it, or that it was filtered; `flow` keeps the counts."""
    for batch in parser.batches(stream, limits):
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
    """Records that show what comes in: the file as the user finds it, its stream, and what the steps see."""

    path: str
    stream: BinaryIO
    context: Context


@contextmanager
def sample_of(plan: Plan) -> Iterator[Sample]:
    """The plan's sample, opened; else the first file that its source matches, else the first input of its golden."""
    path = plan.sample or _first_file(plan) or _golden(plan)
    if not path:
        message = f"`{plan.name}` has no sample, and no file matches its source"
        raise UsageError("U107", message, "add `sample:` with a file that shows what comes in")
    tables = opened(plan, datetime.now(UTC), Context(plan.vars, {}, {}))
    name, size = os.path.relpath(path, plan.folder), os.path.getsize(path)
    with open(path, "rb") as raw:
        stream = unpacked(raw, path, getattr(plan.parser, "compression", "none"))
        yield Sample(os.path.relpath(path), stream, context_of(name, size, dict(plan.vars), plan.name, tables))


def _first_file(plan: Plan) -> str:
    """The first file that the source matches, empty for none."""
    store = plan.source_end.store()
    unit = next(iter(plan.source.units(store, {"vars": plan.vars}, datetime.now(UTC))), None)
    return os.path.join(store.address["base"], unit.stat.path) if unit else ""


def _golden(plan: Plan) -> str:
    pattern = plan.source.pattern({"vars": plan.vars}) if isinstance(plan.source, Files) else ""
    return golden_input(plan.name, plan.folder, pattern) if pattern else ""


def context_of(path: str, size: int, vars: dict[str, Any], pipeline: str, tables: Tables | None = None) -> Context:
    """What the heads see in a trial: the file as a unit, a run of its own."""
    now = Instant.now(UTC)
    stat = Stat(path.removeprefix("./"), size, int(datetime.now(UTC).timestamp() * 1e9))
    run = {"id": "trial", "started_at": now, "pipeline": pipeline}
    return Context(vars, run, unit_of(stat, stat.path).values, tables)
