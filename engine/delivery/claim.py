"""Claiming a pipeline and scope: one run at a time, older attempts rolled forward or destroyed first."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from engine.delivery import archive
from engine.delivery.journal import DONE, JUDGED, Journal, Known, Moved
from engine.delivery.parts import Cutter
from engine.delivery.places import Places
from engine.delivery.publish import publish, tidy_stagings, uploads_of
from engine.delivery.staging import file_name
from engine.delivery.syncing import Folders
from engine.errors import StoreError
from engine.kinds import Store, Unit
from engine.plan import Archive, End, Plan
from engine.state.kv import KV
from engine.state.locks import Flock
from engine.storage.local import Local, LocalStore, make_private
from engine.storage.refusals import store_error
from engine.storage.stores import at

TRIAL: Final = "trial"


class Claim:
    """A held pipeline and scope: its journal, its places, and what is known of its units.

    `held` and `untidy` are the units that a store keeps from being published, or archived, for now; the next
    run goes on with them.
    """

    def __init__(self, plan: Plan, kv: KV, known: dict[str, Known] | None = None) -> None:
        self.plan = plan
        self.journal = Journal(kv, plan.scope, every_run=plan.source.every_run)
        self.places = Places(plan, LocalStore(plan.state_folder), self.journal.owner)
        self.known = self.journal.known() if known is None else known
        self.held: dict[str, StoreError] = {}
        self.untidy: dict[str, StoreError] = {}
        self.outdated = 0
        self.archived = 0
        """Files of earlier runs that were still to be archived, and are now."""
        self.nothing_at = ""
        self.retired: dict[str, Sequence[Unit]] = {}
        self.lost: dict[str, Mapping[str, Any]] = {}
        """Intents whose staging is gone, of units that were not done again yet."""
        self.cutter = Cutter(plan.parser, plan.limits)
        self._contents: dict[str, str] | None = None

    def store_of(self, unit: Unit) -> Store:
        """The store that its file is in."""
        return at(unit.place) if unit.place else self.places.source

    @property
    def contents(self) -> dict[str, str]:
        """Which unit stands for a content, by its hash."""
        if self._contents is None:
            owners = self.known.items()
            self._contents = {each.sha256: name for name, each in owners if each.status in DONE and not each.same_as}
        return self._contents

    def redo(self, units: Sequence[Unit]) -> None:
        """These are done again, alone or as members: what is left of the intents that were lost goes."""
        begun = {each.id for unit in units for each in (unit, *unit.members)}
        for name, intent in list(self.lost.items()):
            members = {member["unit"] for member in intent.get("members", ())}
            if name not in begun and not (members and members <= begun):
                continue
            with suppress(StoreError):  # what is left of it then is for `state gc`
                for staging in intent["stagings"]:
                    at(staging["store"]).discard(staging)
            self.journal.redo(intent)
            del self.lost[name]

    def miss(self) -> None:
        """What was lost and cannot be done again is held for a person: it must not be forgotten without a word."""
        self.held.update({name: _gone(intent) for name, intent in self.lost.items()})

    def begin_anew(self) -> None:
        """No content counts as done."""
        self._contents = {}

    def note(self, intents: Sequence[Mapping[str, Any]]) -> None:
        """These were committed: their contents count from now on, and what they held before no longer."""
        if self.plan.source.identity != "hash":
            return
        for intent in intents:
            name, record = intent["unit"], Known.of(intent["record"])
            before = self.known.get(name)
            if before and self.contents.get(before.sha256) == name and record.status in DONE:
                del self.contents[before.sha256]
            if record.status in DONE and not record.same_as:
                self.contents[record.sha256] = name
            self.known[name] = record


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


def trial_lock(plan: Plan, now: str) -> Flock:
    """Hold the trials of a pipeline and scope; LockedError where one is going on."""
    return _lock(plan, os.path.join(plan.state_folder, TRIAL), now, 0.0)


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

    def apart(end: End) -> End:
        """Two ends may have files of one path."""
        return End(Local(base=os.path.join(folder, "out", end.name)), folder, end.name)

    inside = replace(plan.inside(), source=plan.source)
    return replace(inside.with_ends(apart), archive=Archive(), state_folder=folder)


def recover(held: Claim) -> int:
    """Finish what older runs began: intents are rolled forward, stagings without one destroyed.

    Gives the number of units that were finished. A unit whose intent is lost is done again, where its source can be
    read again.
    """
    journal = held.journal
    done, lost, held.held = publish(journal.intents())
    held.lost = {intent["unit"]: intent for intent in lost}
    if not held.plan.source.repeats:
        held.miss()
    journal.commit(done)
    waiting = held.held.keys() | held.lost.keys()
    held.held.update(_destroy(held, [attempt for attempt in journal.attempts() if attempt["unit"] not in waiting]))
    pending = journal.pending()
    tidy(held, pending)
    late = [left["unit"] for left in pending if left["archive"] and left["unit"] not in held.untidy]
    held.archived = len(set(late) - {intent["unit"] for intent in done})
    if done or pending:
        held.known = journal.known()
    return len(done)


def _destroy(held: Claim, attempts: Sequence[Mapping[str, Any]]) -> dict[str, StoreError]:
    """Destroy the stagings of attempts; gives the units of those that cannot be reached now, which wait for that."""
    refused = dict[str, StoreError]()
    for attempt in attempts:
        try:
            for staging in attempt["stagings"]:
                at(staging["store"]).discard(staging)
        except StoreError as error:
            refused[attempt["unit"]] = error
    held.journal.destroyed([attempt for attempt in attempts if attempt["unit"] not in refused])
    return refused


def _gone(intent: Mapping[str, Any]) -> StoreError:
    """What was read and neither arrived nor can be read again."""
    lost = intent["lost"]
    store = at(lost["store"])
    message = f"`{store.show(lost['path'])}` was not published: its staging is gone, and its unit cannot be read again"
    mark = (
        f"make the folder `{store.show(lost['folder'])}`"
        if "folder" in lost
        else f"put an empty object there with `engine-attempt: {lost['attempt']}` in its metadata"
    )
    return StoreError("D309", message, f"put the source file back and run; or, to give the output up, {mark}")


def tidy(held: Claim, pending: Sequence[Mapping[str, Any]]) -> None:
    """What is left after a commit: files to their archive, empty stagings away; where it fails, next time."""
    done: list[tuple[Mapping[str, Any], Moved | None]] = []
    changed, refused = Folders(), dict[str, StoreError]()
    keep = uploads_of(held.journal.intents()) if held.held else set()
    for left in pending:
        try:
            done.append((left, _tidy_one(left, changed, keep)))
        except StoreError as error:
            refused[left["unit"]] = error
    refused |= (unsynced := changed.sync())
    held.untidy.update(refused)
    held.journal.tidied([(left, moved) for left, moved in done if left["unit"] not in unsynced])


def _tidy_one(left: Mapping[str, Any], changed: Folders, keep: Collection[str]) -> Moved | None:
    """Archive the file of one unit, where that is asked for, and say where it is now."""
    wanted = left["archive"]
    place = archive.move(wanted) if wanted else None
    if place:
        for store, folder in archive.folders(wanted, place):
            changed.add(store, [folder], left["unit"])
    tidy_stagings(left, keep)
    return Moved(place, archive.version_at(wanted, place)) if place else None


def retire(held: Claim) -> None:
    """Take away what units made that others stand for now: of files cut anew, once all their parts are done."""
    journal = held.journal
    intents = [
        _retraction(name, record)
        for name, others in held.retired.items()
        if all(_is_judged(journal.record(unit.id), unit) for unit in others) and (record := journal.record(name))
    ]
    if intents:
        journal.intend(intents)
        published = publish(intents)
        journal.commit(published.done)
        held.held.update(published.held)


def _is_judged(record: Mapping[str, Any] | None, unit: Unit) -> bool:
    return bool(record and record["status"] in JUDGED and record["version"] == unit.stat.version)


def _retraction(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The intent of a unit that is no more: all it has is removed. Should it come back, it is due."""
    left = {**record, "outputs": [], "rejects": [], "gone": True, "version": ""}
    remove = [*record["outputs"], *record["rejects"]]
    said = {"unit": name, "attempt": record["attempt"], "outputs": [], "remove": remove, "archive": None}
    return {**said, "stagings": [], "record": left}


def expire(held: Claim, now: datetime) -> int:
    """Remove archived files that have been kept long enough; what cannot be removed waits for the next run."""
    gone, refused = archive.expire(held.journal, held.plan.archive, now)
    held.untidy.update(refused)
    return gone
