"""Records through a plan's mapping without delivering them: what `preview` and `map` show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from engine.kinds import Limits, Parser, Stat
from engine.language.fields import FieldMap
from engine.language.frames import Context
from engine.records import Instant, Place, Reject, Value
from engine.rows import RowMapper
from engine.sources.files import unit_of


class Tried(NamedTuple):
    """One record: where it came from, what it was, and what became of it."""

    place: Place
    record: Value
    output: dict[str, Value] | None
    reject: Reject | None


def tried(stream: BinaryIO, parser: Parser, mapping: FieldMap, context: Context, limits: Limits) -> Iterator[Tried]:
    """Each record of a stream in order, mapped or rejected."""
    mapper = RowMapper(mapping, context)
    for batch in parser.batches(stream, limits):
        mapped = mapper(batch)
        outputs = dict(zip(mapped.indexes, mapped.records, strict=True))
        rejects = {reject.position: reject for reject in mapped.rejects}
        for position, value in enumerate(batch.values):
            reject = rejects.get(position)
            record = reject.record if reject else value
            yield Tried(batch.place(position), record, outputs.get(position), reject)


def context_of(path: str, size: int, vars: dict[str, Any], pipeline: str) -> Context:
    """What the heads see in a trial: the file as a unit, a run of its own."""
    now = Instant.now(UTC)
    stat = Stat(path.removeprefix("./"), size, int(datetime.now(UTC).timestamp() * 1e9))
    run = {"id": "trial", "started_at": now, "pipeline": pipeline}
    return Context(vars, run, unit_of(stat, stat.path).values)
