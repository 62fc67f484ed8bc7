"""Claiming a pipeline and scope: one run at a time, older attempts rolled forward or destroyed first."""

from __future__ import annotations

import os
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from engine.delivery import archive
from engine.delivery.attempts import Places
from engine.delivery.journal import Journal, Known
from engine.delivery.publish import publish, tidy_stagings
from engine.delivery.staging import file_name
from engine.delivery.syncing import Folders
from engine.errors import EngineError, StoreError, UnitError
from engine.kinds import Unit
from engine.plan import Archive, End, Plan
from engine.sources.files import Files, unit_of
from engine.state.kv import KV
from engine.state.locks import Flock
from engine.storage.local import Local, LocalStore, make_private
from engine.storage.refusals import store_error
from engine.storage.stores import at

TRIAL: Final = "trial"
MOST_CHANGES: Final = 3
"""How often one run reads a file that changes under it before the unit fails."""


class Claim:
    """A held pipeline and scope: its journal, its places, and what is known of its units.

    `held` and `untidy` are the units that a store keeps from being published, or archived, for now; the next
    run goes on with them.
    """

    def __init__(self, plan: Plan, kv: KV, known: dict[str, Known] | None = None) -> None:
        self.plan = plan
        self.journal = Journal(kv, plan.scope)
        self.places = Places(plan, LocalStore(plan.state_folder), self.journal.owner)
        self.known = self.journal.known() if known is None else known
        self.held: dict[str, StoreError] = {}
        self.untidy: dict[str, StoreError] = {}
        self.outdated = 0


@contextmanager
def claim(plan: Plan, now: str, wait: float, *, trial: bool) -> Iterator[Claim]:
    """Hold the pipeline and scope; LockedError where another run does. A trial keeps nothing."""
    _make_folder(plan.state_folder)
    if trial:
        with _trial(plan, now, wait) as held:
            yield held
        return
    with _lock(plan, plan.state_folder, now, wait), KV.open(plan.state_folder) as kv:
        held = Claim(plan, kv)
        held.journal.bind(plan.name, os.path.abspath(plan.file), os.path.exists)
        yield held


def _lock(plan: Plan, folder: str, now: str, wait: float) -> Flock:
    path = os.path.join(folder, f"{file_name(plan.scope)}.lock")
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "started_at": now, "scope": plan.scope}
    return Flock.acquire(path, owner, wait)


@contextmanager
def _trial(plan: Plan, now: str, wait: float) -> Iterator[Claim]:
    """The same run over a throw-away state that knows what the real one knows; outputs go beside it."""
    trials = os.path.join(plan.state_folder, TRIAL)
    folder = os.path.join(trials, file_name(plan.scope))
    known: dict[str, Known] = {}
    if os.path.exists(os.path.join(plan.state_folder, "cache.db")):
        with KV.open(plan.state_folder) as kv:
            known = Journal.peek(kv, plan.scope)
    _make_folder(trials)
    with _lock(plan, trials, now, wait):
        shutil.rmtree(folder, ignore_errors=True)
        _make_folder(folder)
        tried = trial_plan(plan, folder)
        with KV.open(tried.state_folder) as kv:
            yield Claim(tried, kv, known)


def _make_folder(folder: str) -> None:
    try:
        make_private(folder)
    except OSError as error:
        raise store_error(error, folder) from error


def trial_plan(plan: Plan, folder: str) -> Plan:
    """The plan with its outputs and state below a folder, wherever its sink points, and nothing archived."""
    sink_end = End(Local(base=os.path.join(folder, "out")), folder)
    inside = replace(plan.inside(), source=plan.source)
    return replace(inside, sink_end=sink_end, archive=Archive(), state_folder=folder)


def recover(held: Claim) -> int:
    """Finish what older runs began: intents are rolled forward, stagings without one destroyed.

    Gives the number of units that were finished.
    """
    journal = held.journal
    done, lost, held.held = publish(journal.intents())
    for intent in lost:
        journal.redo(intent)
    journal.commit(done)
    _destroy(journal, [attempt for attempt in journal.attempts() if attempt["unit"] not in held.held])
    pending = journal.pending()
    tidy(held, pending)
    if done or pending:
        held.known = journal.known()
    return len(done)


def _destroy(journal: Journal, attempts: list[dict[str, Any]]) -> None:
    for attempt in attempts:
        for staging in attempt["stagings"]:
            at(staging["store"]).discard(staging)
    journal.destroyed(attempts)


def tidy(held: Claim, pending: Sequence[Mapping[str, Any]]) -> None:
    """What is left after a commit: files to their archive, empty stagings away; where it fails, next time."""
    done: list[tuple[Mapping[str, Any], str | None]] = []
    changed, refused = Folders(), dict[str, StoreError]()
    for left in pending:
        try:
            done.append((left, _tidy_one(left, changed)))
        except StoreError as error:
            refused[left["unit"]] = error
    refused |= (unsynced := changed.sync())
    held.untidy.update(refused)
    held.journal.tidied([(left, place) for left, place in done if left["unit"] not in unsynced])


def _tidy_one(left: Mapping[str, Any], changed: Folders) -> str | None:
    """Archive the file of one unit, where that is asked for, and say where it is now."""
    moved = left["archive"]
    place = archive.move(moved) if moved else None
    if place:
        changed.add(moved["store"], archive.folders(moved, place), left["unit"])
    tidy_stagings(left)
    return place


def due(
    held: Claim, now: datetime, passed: Callable[[str, str, EngineError], None], *, full_refresh: bool
) -> Iterator[Unit]:
    """The units to do now, in the source's order: new ones, changed ones, and those whose last try failed.

    `passed` is told of those that are not tried: refused ones, which wait for another spec, variable or
    version, and files whose name no state can hold.
    """
    listed = list(held.plan.source.units(held.places.source, {"vars": held.plan.vars}, now))
    present = {unit.id for unit in listed}
    held.journal.mark_gone([name for name, last in held.known.items() if _went(held, name, last, present)])
    for unit in (*_elsewhere(held, present), *listed):
        last = held.known.get(unit.id)
        if unit.id in held.held:
            continue
        if not is_text(unit.id):
            passed(shown_name(unit.id), "failed", unnamed(unit.id))
        elif full_refresh or last is None or _is_due(unit, last, held.plan.spec_hash):
            yield unit
        elif last.status == "refused":
            passed(unit.id, "refused", waiting())
        else:
            held.outdated += last.spec != held.plan.spec_hash


def waiting() -> UnitError:
    """What a refused unit is passed by with."""
    return UnitError("D203", "refused before, and nothing changed since: not tried again", "mend the spec or the file")


def _went(held: Claim, name: str, last: Known, present: set[str]) -> bool:
    """Whether a file that was there is missing now; one that is only too young or left out is not."""
    return name not in present and not (last.gone or last.archived or held.places.source.stat(name))


def _is_due(unit: Unit, last: Known, spec: str) -> bool:
    if last.version != unit.stat.version or last.status == "failed":
        return True
    if last.status == "refused":
        return last.spec != spec
    return last.archived  # it was moved away, and is here again


def _elsewhere(held: Claim, present: set[str]) -> Iterator[Unit]:
    """Refused units whose file was archived: they wait at their new place, and are taken from it."""
    for name, last in held.known.items():
        if last.status in ("refused", "failed") and last.place and name not in present:
            unit = unit_now(held, name, last.place)
            if unit:
                yield unit


def unit_now(held: Claim, name: str, path: str) -> Unit | None:
    """A unit with its file as it stands at a path now; None where there is none any more."""
    source, stat = held.plan.source, held.places.source.stat(path)
    if stat is None or not isinstance(source, Files):
        return None
    unit = unit_of(stat._replace(path=name), source.pattern({"vars": held.plan.vars}))
    return Unit(name, stat, unit.values)


def is_text(name: str) -> bool:
    """Whether a file's name is UTF-8; the system gives the bytes of any other as lone surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


def shown_name(name: str) -> str:
    """A name with the bytes that are not UTF-8 spelled out."""
    return os.fsencode(name).decode(errors="backslashreplace")


def unnamed(name: str) -> UnitError:
    """What a file is passed by with whose name is not UTF-8."""
    return UnitError("D306", f"the file name `{shown_name(name)}` is not UTF-8", "rename the file")


class Queue:
    """The units that are due; one that changed under its reader is queued again, a few times."""

    def __init__(self, held: Claim, units: Iterator[Unit]) -> None:
        self._held = held
        self._units = units
        self._again: list[Unit] = []
        self._changes: Counter[str] = Counter()

    def take(self, most: int) -> list[Unit]:
        """The next units, empty at the end."""
        slate = [*islice(self._units, most)] or self._again
        self._again = [] if slate is self._again else self._again
        return slate

    def again(self, unit: Unit) -> bool:
        """Queue a unit as its file is now, behind all others; False where it changes too often or is gone."""
        self._changes[unit.id] += 1
        now = unit_now(self._held, unit.id, unit.stat.path)
        if now is None or self._changes[unit.id] >= MOST_CHANGES:
            return False
        self._again.append(now)
        return True
