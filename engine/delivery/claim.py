"""Claiming a pipeline and scope: one run at a time, older attempts rolled forward or destroyed first."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from engine.delivery import archive
from engine.delivery.attempts import Places
from engine.delivery.journal import Journal, Known
from engine.delivery.publish import publish, tidy_stagings
from engine.delivery.staging import file_name
from engine.kinds import Unit
from engine.plan import Archive, End, Plan
from engine.sources.files import Files, unit_of
from engine.state.kv import KV
from engine.state.locks import Flock
from engine.storage.local import Local, LocalStore, at

TRIAL: Final = "trial"


class Claim:
    """A held pipeline and scope: its journal, its places, and what is known of its units."""

    def __init__(self, plan: Plan, kv: KV, known: dict[str, Known] | None = None) -> None:
        self.plan = plan
        self.journal = Journal(kv, plan.scope)
        self.places = Places(plan, LocalStore(plan.state_folder), self.journal.owner)
        self.known = self.journal.known() if known is None else known


@contextmanager
def claim(plan: Plan, now: str, wait: float, *, trial: bool) -> Iterator[Claim]:
    """Hold the pipeline and scope; LockedError where another run does. A trial holds nothing and keeps nothing."""
    if trial:
        with _trial(plan) as held:
            yield held
        return
    os.makedirs(plan.state_folder, mode=0o700, exist_ok=True)
    path = os.path.join(plan.state_folder, f"{file_name(plan.scope)}.lock")
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "started_at": now, "scope": plan.scope}
    with Flock.acquire(path, owner, wait), KV.open(plan.state_folder) as kv:
        held = Claim(plan, kv)
        held.journal.bind(plan.name, os.path.abspath(plan.file), os.path.exists)
        yield held


@contextmanager
def _trial(plan: Plan) -> Iterator[Claim]:
    """The same run over a throw-away state that knows what the real one knows; outputs go to the trial folder."""
    folder = os.path.join(plan.state_folder, TRIAL, file_name(plan.scope))
    shutil.rmtree(folder, ignore_errors=True)
    known: dict[str, Known] = {}
    if os.path.exists(os.path.join(plan.state_folder, "cache.db")):
        with KV.open(plan.state_folder) as kv:
            known = Journal.peek(kv, plan.scope)
    os.makedirs(folder, mode=0o700)
    tried = trial_plan(plan, folder)
    with KV.open(tried.state_folder) as kv:
        yield Claim(tried, kv, known)


def trial_plan(plan: Plan, folder: str) -> Plan:
    """The plan with its outputs and state below a folder, and nothing archived."""
    sink_end = End(Local(base=os.path.join(folder, "out")), folder)
    return replace(plan, sink_end=sink_end, archive=Archive(), state_folder=folder)


def recover(held: Claim) -> int:
    """Finish what older runs began: intents are rolled forward, stagings without one destroyed.

    Gives the number of units that were finished.
    """
    journal = held.journal
    intents = journal.intents()
    lost = publish(intents)
    for intent in lost:
        journal.redo(intent)
    finished = [intent for intent in intents if intent not in lost]
    journal.commit(finished)
    for attempt in journal.attempts():
        for staging in attempt["stagings"]:
            at(staging["store"]).remove(staging["folder"])
    journal.destroyed(journal.attempts())
    tidy(held, journal.pending())
    held.known = journal.known()
    return len(finished)


def tidy(held: Claim, pending: list[dict[str, Any]], run: Mapping[str, Any] | None = None) -> None:
    """What is left after a commit: files to their archive, empty stagings away."""
    places: dict[str, str] = {}
    for left in pending:
        if left["archive"] and (place := archive.move(left["archive"])):
            places[left["unit"]] = place
        tidy_stagings(left)
    held.journal.tidied([left["unit"] for left in pending], places, run)


def due(
    held: Claim, now: Any, *, full_refresh: bool, waiting: Callable[[Unit, Known], None]
) -> Iterator[Unit]:
    """The units to do now, in the source's order: new ones, changed ones, and those whose last try failed.

    A unit that was refused waits for another spec, variable or version: `waiting` is told of it.
    """
    source, known = held.plan.source, held.known
    roots = {"vars": held.plan.vars}
    listed = list(source.units(held.places.source, roots, now))
    present = {unit.id for unit in listed}
    held.journal.mark_gone([name for name, last in known.items() if _went(name, last, present)])
    for unit in (*_elsewhere(held, present), *listed):
        last = known.get(unit.id)
        if full_refresh or last is None or _is_due(unit, last, held.plan.spec_hash):
            yield unit
        elif last.status == "refused":
            waiting(unit, last)


def _went(name: str, last: Known, present: set[str]) -> bool:
    return name not in present and not last.gone and not last.archived


def _is_due(unit: Unit, last: Known, spec: str) -> bool:
    if last.version != unit.stat.version or last.status == "failed":
        return True
    if last.status == "refused":
        return last.spec != spec
    return last.archived  # it was moved away, and is here again


def _elsewhere(held: Claim, present: set[str]) -> Iterator[Unit]:
    """Refused units whose file was archived: a mended spec takes it from its new place."""
    source = held.plan.source
    if not isinstance(source, Files):
        return
    for name, last in held.known.items():
        if (
            last.status == "refused"
            and last.place
            and name not in present
            and last.spec != held.plan.spec_hash
        ):
            stat = held.places.source.stat(last.place)
            if stat and stat.version == last.version:
                unit = unit_of(stat._replace(path=name), source.pattern({"vars": held.plan.vars}))
                yield Unit(name, stat, unit.values)
