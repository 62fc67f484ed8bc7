"""Records through a plan's mapping without delivering them: what `preview` and `map` show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from engine.kinds import Limits, Parser, Stat
from engine.language.fields import FieldMap
from engine.language.frames import Context
from engine.records import FieldError, Instant, Place, Value
from engine.rows import RowMapper
from engine.sources.files import unit_of


class Tried(NamedTuple):
    """One record: where it came from, what it was, and what became of it or what was wrong."""

    place: Place
    stage: str
    record: Value
    output: dict[str, Value] | None
    errors: tuple[FieldError, ...]


def tried(stream: BinaryIO, parser: Parser, mapping: FieldMap, context: Context, limits: Limits) -> Iterator[Tried]:
    """Each record of a stream in order, mapped or rejected."""
    mapper = RowMapper(mapping, context)
    for batch in parser.batches(stream, limits):
        mapped = mapper(batch)
        outputs = dict(zip(mapped.indexes, mapped.records, strict=True))
        rejects = {reject.position: reject for reject in mapped.rejects}
        for index, value in enumerate(batch.values):
            if index in outputs:
                yield Tried(batch.place(index), "", value, outputs[index], ())
            else:
                reject = rejects[index]
                yield Tried(batch.place(index), reject.stage, reject.record, None, reject.errors)


def context_of(path: str, size: int, vars: dict[str, Any], pipeline: str) -> Context:
    """What the heads see in a trial: the file as a unit, a run of its own."""
    now = Instant.now(UTC)
    stat = Stat(path.removeprefix("./"), size, int(datetime.now(UTC).timestamp() * 1e9))
    run = {"id": "trial", "started_at": now, "pipeline": pipeline}
    return Context(vars, run, unit_of(stat, stat.path).values)
