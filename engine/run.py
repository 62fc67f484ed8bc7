"""The one loop: claim, stream, close, intent, publish, commit, archive (DELIVERY §2). Read this first.

A unit is a file version. Until its intent is stored nothing of it can be seen and the next run starts it
again; from then on it only rolls forward. Stages take and give batches, and no stage calls another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from engine.delivery.attempts import Attempt, stamp
from engine.delivery.claim import Claim, claim, due, recover, tidy
from engine.delivery.publish import intent_of, publish
from engine.delivery.reading import Reading, settle
from engine.delivery.report import Report
from engine.errors import EngineError, StoreError, UnitError
from engine.kinds import Unit
from engine.plan import Plan
from engine.records import Batch
from engine.rows import RowMapper
from engine.storage.local import store_error
from engine.storage.packing import unpacked

GROUP_UNITS: Final = 64
GROUP_SECONDS: Final = 0.05
MOST_CHANGES: Final = 3
"""How often a file may change under the reader in one run before the unit fails."""


@dataclass
class Session:
    """What varies from run to run: identity, clock, and what the command line asked for."""

    run_id: str
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: float = 0.0
    full_refresh: bool = False
    trial: bool = False
    limit: int | None = None
    progress: Callable[[Attempt], None] = lambda attempt: None


def run(plan: Plan, session: Session) -> Report:
    """Do every unit that is due, in the source's order, and say what became of each record."""
    started = time.monotonic()
    now = stamp(session.clock())
    report = Report(plan, session.run_id, now, session.trial)
    with claim(plan, now, session.wait, trial=session.trial) as held:  # 1. claim
        report.recovered_units = recover(held)
        for slate in slates(held, session, report):
            closed: list[Attempt] = []
            since = time.monotonic()
            for attempt in begin(held, session, slate):
                try:
                    stream(held, session, attempt)  # 2. stream
                    close(attempt)  # 3. close
                except (EngineError, OSError) as error:
                    refuse(attempt, error)
                closed.append(attempt)
                if time.monotonic() - since >= GROUP_SECONDS:
                    deliver(held, session, report, closed)
                    closed, since = [], time.monotonic()
            deliver(held, session, report, closed)
        report.duration = time.monotonic() - started
        held.journal.tidied([], {}, report.as_dict())
    return report


def slates(held: Claim, session: Session, report: Report) -> Iterator[list[Unit]]:
    """The units that are due, as many at a time as share their transactions; changed ones once more."""
    units = due(
        held, session.clock(), full_refresh=session.full_refresh, waiting=lambda unit, _: report.wait(unit)
    )
    while slate := list(islice(units, GROUP_UNITS)):
        if session.limit is None or report.books.counts["read"] < session.limit:
            yield slate


def begin(held: Claim, session: Session, slate: Sequence[Unit]) -> Iterator[Attempt]:
    """Register an attempt at each unit before its staging is made, so that the next run can find it."""
    now = stamp(session.clock())
    for begun in held.journal.begin(slate, session.run_id, now, held.places.stagings):
        yield Attempt(held.plan, held.places, begun, held.known.get(begun.unit.id))


def stream(held: Claim, session: Session, attempt: Attempt) -> None:
    """Parse, map and stage the unit batch by batch; its hash and its identity are known at the end."""
    plan, mapper = held.plan, RowMapper(held.plan.mapping, attempt.context)
    settle(attempt.unit.stat)
    with Reading(held.places.source, attempt.unit.stat) as reading:
        unpacking = unpacked(reading, attempt.unit.stat.path, getattr(plan.parser, "compression", "none"))
        for batch in limited(plan.parser.batches(unpacking, plan.limits), session.limit):
            attempt.books.count_read(len(batch))
            attempt.take(batch, mapper(batch))
            attempt.bytes = reading.bytes
            attempt.judge_early()
            session.progress(attempt)
        if session.limit is None:
            attempt.sha256 = reading.verify()
    attempt.books.recovered.update(mapper.notes.recovered)
    attempt.books.items_dropped += mapper.notes.items_dropped


def limited(batches: Iterator[Batch], limit: int | None) -> Iterator[Batch]:
    """The first `limit` records, all of them without one."""
    for batch in batches:
        if limit is not None and len(batch) >= limit:
            yield batch.head(limit)
            return
        yield batch
        limit = limit - len(batch) if limit is not None else None


def close(attempt: Attempt) -> None:
    """End the outputs, judge the limits, balance the books. Content that was delivered before is not sent again."""
    attempt.close()
    attempt.judge()
    attempt.books.balance()
    attempt.end("unchanged" if is_unchanged(attempt) else "committed")


def is_unchanged(attempt: Attempt) -> bool:
    """Another version of the same content, of a file that was neither archived nor ever missing."""
    last = attempt.known
    return bool(
        last
        and last.status in ("committed", "unchanged")
        and last.sha256 == attempt.sha256
        and last.version != attempt.unit.stat.version
        and not (last.archived or last.gone)
    )


def refuse(attempt: Attempt, error: EngineError | OSError) -> None:
    """The unit ends here and the others go on: refused by a limit it keeps its rejects, failed it keeps nothing."""
    if isinstance(error, OSError):
        error = store_error(error, attempt.unit.stat.path)
    refused = isinstance(error, UnitError) and error.code in ("D201", "D202")
    if refused and attempt.rejects_output is None:
        attempt.rejects_output = attempt.rejects.close()
    attempt.end("refused" if refused else "failed", error)


def deliver(held: Claim, session: Session, report: Report, attempts: Sequence[Attempt]) -> None:
    """Intent, publish, commit, archive: the units of a group share transactions and syncs of folders."""
    journal = held.journal
    intents = [intent_of(a, journal.record(a.unit.id), stamp(session.clock())) for a in attempts]
    for attempt in attempts:
        attempt.staging.store.sync(attempt.staging.folders())
        attempt.reject_staging.store.sync(attempt.reject_staging.folders())
    journal.intend(intents)  # 4. intent
    lost = publish(intents)  # 5. publish
    if lost:
        raise StoreError("D304", f"the staging of `{lost[0]['unit']}` was removed while the run went on",
                         "leave `.part` folders alone; run again: the unit is done again")  # fmt: skip
    journal.commit(intents)  # 6. commit
    tidy(held, [intent for intent in intents if intent["archive"] or intent["stagings"]])  # 7. archive
    for attempt, intent in zip(attempts, intents, strict=True):
        report.deliver(attempt, intent, held.places)
