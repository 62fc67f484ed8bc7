"""The one loop: claim, stream, close, intent, publish, commit, archive. Read this first.

A unit is a file version. Until its intent is stored nothing of it can be seen and the next run starts it
again; from then on it only rolls forward. Stages take and give batches, and no stage calls another.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from engine.delivery.attempts import Attempt, Read, stamp
from engine.delivery.claim import Claim, claim, expire, recover, retire, tidy
from engine.delivery.due import Queue, Wish, due
from engine.delivery.journal import DONE, Known
from engine.delivery.publish import intent_of, publish
from engine.delivery.reading import Reading, settle
from engine.delivery.report import Report
from engine.delivery.staging import sync_stagings
from engine.errors import ChangedError, EngineError, Interrupted, StoreError, internal
from engine.kinds import Unit
from engine.language.frames import Context
from engine.lookups import opened
from engine.parsers._input import batches_of
from engine.parsers._places import Moved
from engine.plan import Plan
from engine.records import Batch
from engine.storage.refusals import store_error
from engine.storage.retries import forget_unreachable

GROUP_UNITS: Final = 64
GROUP_SECONDS: Final = 0.05
REFUSALS: Final = ("D201", "D202", "D204", "D205")
"""What is judged of a unit that was read to its end: it waits for another version of itself or of the spec."""


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


def run(plan: Plan, session: Session, report: Report | None = None) -> Report:
    """Do every unit that is due, in the source's order, and say what became of each record."""
    report = report or begin_report(plan, session)
    forget_unreachable()
    with claim(plan, report.started_at, session.wait, trial=session.trial) as held:  # 1. claim
        report.recovered_units = recover(held)
        report.archived = held.archived
        if session.full_refresh:
            held.begin_anew()
        wish = Wish(session.run_id, session.clock(), session.full_refresh)
        queue = Queue(held, due(held, wish, report.passed))
        for slate in slates(queue, session, report):
            closed, since = list[Attempt](), time.monotonic()
            for attempt in begin(held, session, report, slate):
                if attempted(held, session, report, attempt, queue):  # 2. stream, 3. close
                    closed.append(attempt)
                if time.monotonic() - since >= GROUP_SECONDS or plan.source.identity == "hash":
                    deliver(held, session, report, closed)  # 4. intent, 5. publish, 6. commit, 7. archive
                    closed, since = [], time.monotonic()
            deliver(held, session, report, closed)
        retire(held)
        held.miss()
        report.outdated, report.expired = held.outdated, expire(held, session.clock())
        report.nothing_at = held.nothing_at
        report.end(held.held, held.untidy)
        held.journal.ended(report.as_dict())
    return report


def begin_report(plan: Plan, session: Session) -> Report:
    """What the run will fill; whoever makes it has it also where the run is stopped."""
    return Report(plan, session.run_id, stamp(session.clock()), session.trial, full_refresh=session.full_refresh)


def slates(queue: Queue, session: Session, report: Report) -> Iterator[list[Unit]]:
    """The units that are due, as many at a time as share their transactions; one by one up to a limit."""
    while slate := queue.take(GROUP_UNITS if session.limit is None else 1):
        yield slate
        if session.limit is not None and report.books.counts["read"] >= session.limit:
            return


def begin(held: Claim, session: Session, report: Report, slate: Sequence[Unit]) -> Iterator[Attempt]:
    """Register an attempt at each unit before its staging is made, so that the next run can find it."""
    now = stamp(session.clock())
    if report.tables is None:  # read once a run, and only by one that has something to do
        report.tables = opened(held.plan, session.clock(), Context(held.plan.vars, {}, {}))
    held.redo(slate)
    for begun in held.journal.begin(slate, session.run_id, now, held.places.stagings):
        yield Attempt(held.plan, held.places, begun, held.known.get(begun.unit.id), report.tables)


def attempted(held: Claim, session: Session, report: Report, attempt: Attempt, queue: Queue) -> bool:
    """Stream and close one unit, whatever its outcome; False where its file changed: it is queued again."""
    try:
        stream(held, session, report, attempt)
        close(held, session, attempt)
    except (Interrupted, KeyboardInterrupt):
        attempt.end("failed")
        raise
    except Exception as error:  # noqa: BLE001 - whatever a component does with one file, the others go on
        refuse(attempt, error)
        return not (isinstance(error, ChangedError) and queue.again(attempt.unit))
    return True


def stream(held: Claim, session: Session, report: Report, attempt: Attempt) -> None:
    """Read the unit's file, or those of all its members, one after the other; an unchanged member is left out."""
    attempt.open()
    done = report.books.counts["read"]
    for unit in attempt.files:
        left = None if session.limit is None else session.limit - done - attempt.books.counts["read"]
        if left is not None and left <= 0:
            return
        if unit is not attempt.unit and (same := left_out(held, session, unit)):
            attempt.end_read(same)
        else:
            attempt.begin_file(unit)
            read(held, session, attempt, unit, left)


def left_out(held: Claim, session: Session, unit: Unit) -> Read | None:
    """One of several files that was touched and holds what it held when it was done: it is not sent again."""
    last = held.known.get(unit.id)
    if last is None or session.full_refresh or held.plan.source.every_run or not may_be_same(last, unit):
        return None
    settle(unit.stat)
    with Reading(held.store_of(unit), unit.stat) as reading:
        sha256 = reading.verify()
    record = held.journal.record(unit.id)
    same = Read(unit, sha256, "", Counter(record["books"] if record else ()), unchanged=True)
    return same if is_same(last, same) else None


def read(held: Claim, session: Session, attempt: Attempt, unit: Unit, left: int | None) -> None:
    """Parse one file, lead its records through the steps and stage them, batch by batch; its hash comes last."""
    plan, store, before = held.plan, held.store_of(unit), attempt.bytes
    settle(unit.stat)
    piece = held.cutter.piece(store, unit.stat, unit.part) if unit.part else None
    with Reading(store, unit.stat, piece) as reading:
        for batch in limited(batches_of(plan.parser, reading, unit.stat.path, plan.limits), left):
            if attempt.is_over_limit:
                break  # `close` refuses it
            attempt.take(Moved(batch, *piece.moved) if piece else batch)
            attempt.bytes = before + reading.bytes
            session.progress(attempt)
        if left is None:
            attempt.end_file(unit, reading.verify(), piece.file if piece else "")


def limited(batches: Iterator[Batch], limit: int | None) -> Iterator[Batch]:
    """The first `limit` records, all of them without one."""
    for batch in batches:
        if limit is not None and len(batch) >= limit:
            yield batch.head(limit)
            return
        yield batch
        limit = limit - len(batch) if limit is not None else None


def close(held: Claim, session: Session, attempt: Attempt) -> None:
    """End the outputs, balance the books, judge the limits. Content that was delivered is not sent again."""
    attempt.close()
    attempt.balance()
    attempt.judge()
    again = session.full_refresh or held.plan.source.every_run
    is_done = is_elsewhere(held, attempt) or (not again and is_unchanged(held, attempt))
    attempt.end("unchanged" if is_done else "committed")


def is_unchanged(held: Claim, attempt: Attempt) -> bool:
    """Another version of the same content, of files that were neither archived nor ever missing."""
    whole = len(attempt.reads) == len(attempt.files)
    return whole and all(is_same(held.known.get(read.unit.id), read) for read in attempt.reads)


def is_same(last: Known | None, read: Read) -> bool:
    """Whether a file holds what it held when it was done."""
    return bool(last and may_be_same(last, read.unit) and last.sha256 == read.sha256)


def may_be_same(last: Known, unit: Unit) -> bool:
    """Whether only what a file holds can tell if it is as it was when it was done."""
    return last.status in DONE and last.version != unit.stat.version and not (last.archived or last.gone)


def is_elsewhere(held: Claim, attempt: Attempt) -> bool:
    """Whether the content stands as done, under whatever name; the attempt learns under which other one."""
    if held.plan.source.identity != "hash":
        return False
    owner = held.contents.get(attempt.sha256)
    attempt.same_as = owner if owner and owner != attempt.unit.id else ""
    return owner is not None


def refuse(attempt: Attempt, error: Exception) -> None:
    """The unit ends here, the others go on: refused by a limit it keeps its rejects, failed nothing."""
    if isinstance(error, OSError):  # stores and readers name their files; what is left is a write
        staging = attempt.stagings.all[0]
        error = store_error(error, staging.store.show(staging.root))
    if not isinstance(error, EngineError):
        if os.environ.get("ENGINE_TRACEBACK"):
            raise error
        error = internal(error)
    attempt.end("refused" if error.code in REFUSALS else "failed", error)


def deliver(held: Claim, session: Session, report: Report, attempts: Sequence[Attempt]) -> None:
    """Intent, publish, commit, archive: the units of a group share transactions and syncs of folders."""
    journal = held.journal
    intents = intend(held, session, attempts)  # 4. intent
    done, lost, blocked = publish(intents)  # 5. publish
    held.held.update(blocked)
    tidy(held, journal.commit(done))  # 6. commit, 7. archive
    held.note(done)
    for attempt, intent in zip(attempts, intents, strict=True):
        if intent in done:
            report.deliver(attempt, intent, held.places)
    if lost:
        raise StoreError("D304", f"the staging of `{lost[0]['unit']}` was removed or changed while the run went on",
                         "leave `.part` folders alone; run again: the unit is done again")  # fmt: skip


def intend(held: Claim, session: Session, attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """Store the intents; a unit whose output another run took since it was opened fails, the others go on."""
    journal, now = held.journal, stamp(session.clock())
    intents = [_intent(a, journal.record(a.unit.id), now) for a in attempts]
    sync_stagings([staging for a in attempts for staging in a.stagings.all])
    if taken := journal.intend(intents):
        for index, attempt in enumerate(attempts):
            if error := taken.get(attempt.unit.id):
                attempt.end("failed", error)
                intents[index] = intent_of(attempt, journal.record(attempt.unit.id), now)
        journal.intend([intent for intent in intents if intent["unit"] in taken])
    return intents


def _intent(attempt: Attempt, record: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    """The intent of a unit; one that replaces what cannot be reached fails, and is tried again when it can."""
    try:
        return intent_of(attempt, record, now)
    except StoreError as error:
        attempt.end("failed", error)
        return intent_of(attempt, record, now)
