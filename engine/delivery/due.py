"""Which units are to be done now: new ones, changed ones, those whose last try failed; all as one where asked."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

from engine.delivery.journal import Journal, Known
from engine.delivery.ownership import RUN, as_one, is_as_one
from engine.errors import EngineError, StoreError, UnitError
from engine.kinds import Stat, Store, Unit
from engine.plan import Plan
from engine.sources.files import Files, unit_of
from engine.storage.stores import at

MOST_CHANGES: Final = 3
"""How often one run reads a file that changes under it before the unit fails."""
EVERY: Final = "every"
"""What all files as one are called where each run does all of them anew, under one name: one unit, done again."""

Passed = Callable[[str, str, EngineError], None]


class Holder(Protocol):
    """What this asks of a claim."""

    plan: Plan
    journal: Journal
    known: dict[str, Known]
    held: dict[str, StoreError]
    lost: dict[str, Mapping[str, Any]]
    outdated: int
    nothing_at: str
    retired: dict[str, Sequence[Unit]]
    places: Any


class Wish(NamedTuple):
    """What is asked for: the run, its clock, and whether all is done again."""

    run: str
    now: datetime
    full_refresh: bool = False


def due(held: Holder, wish: Wish, passed: Passed) -> Iterator[Unit]:
    """The units to do now, in the source's order: new ones, changed ones, and those whose last try failed.

    `passed` is told of those that are not tried: refused ones, which wait for another spec, variable or
    version, and files whose name no state can hold.
    """
    if held.plan.per_run:
        yield from _as_one(held, wish, passed)
        return
    for unit, waits in _standing(held, wish, passed):
        if waits:
            passed(unit.id, "refused", waiting())
        else:
            yield unit


def _as_one(held: Holder, wish: Wish, passed: Passed) -> Iterator[Unit]:
    """All units that are due as one; what was refused before is tried again with whatever is new.

    One that an earlier run began comes first and has the members that it had then, unless one of them changed. Where
    every run does every file, what was begun is forgotten instead: this run does it anyway.
    """
    if held.held:  # what is to follow another output waits for it
        return
    found = list(_standing(held, wish, passed))
    stored = {} if wish.full_refresh else held.journal.gathered(RUN)
    every_run = held.plan.source.every_run
    for name, members in stored.items():
        here = {unit.id: unit for unit, _ in found}
        units = [here[id] for id, version in members if id in here and here[id].stat.version == version]
        if len(units) == len(members) and not every_run:
            taken = {unit.id for unit in units}
            found = [each for each in found if each[0].id not in taken]
            yield composite(name, units)
        else:
            held.journal.forget(name)
    if all(waits for _, waits in found):
        for unit, _ in found:
            passed(unit.id, "refused", waiting())
    else:
        is_one = every_run and not held.plan.names_run
        name = as_one(EVERY) if is_one else _free(wish.run, held.known, stored)
        yield composite(name, [unit for unit, _ in found])


def _free(run: str, *taken: Mapping[str, Any]) -> str:
    """A name that no unit has: a run's id is one of its own, unless somebody made it so."""
    names = (as_one(run if count == 1 else f"{run}-{count}") for count in range(1, 1 << 30))
    return next(each for each in names if not any(each in held for held in taken))


def composite(name: str, members: Sequence[Unit]) -> Unit:
    """Several units as one, whose version is that of all of them."""
    said = "\n".join(f"{unit.id} {unit.stat.version}" for unit in members)
    mark = hashlib.sha256(said.encode()).hexdigest()[:32]
    stat = Stat(name, sum(unit.stat.size for unit in members), 0, mark)
    return Unit(name, stat, {"id": name, "name": name[len(RUN) : -1]}, members=tuple(members))


def _standing(held: Holder, wish: Wish, passed: Passed) -> Iterator[tuple[Unit, bool]]:
    """The units that are not done as they are now, each with whether it waits, as it was refused."""
    source, roots = held.plan.source, {"vars": held.plan.vars}
    store = held.places.source
    files = list(source.units(store, roots, wish.now))
    if not files:
        held.nothing_at = store.show(source.where(roots))
    listed = [part for unit in files for part in source.parts(unit)]
    present = {unit.id for unit in listed}
    _look_for_lost(held, store, {unit.id: unit for unit in files}, present)
    for unit in (*_elsewhere(held, present), *listed):
        last = held.known.get(unit.id)
        if unit.id in held.held:
            continue
        if not is_text(unit.id):
            passed(shown_name(unit.id), "failed", unnamed(unit.id))
        elif wish.full_refresh or source.every_run or last is None or unit.id in held.lost or _is_due(held, unit, last):
            if unit.place or source.is_ready(store, unit, roots):
                yield unit, False
        elif last.status == "refused":
            yield unit, True
        else:
            held.outdated += last.spec != held.plan.spec_hash


def _look_for_lost(held: Holder, store: Store, files: Mapping[str, Unit], present: set[str]) -> None:
    """Remember units whose file is gone, and those of which the file is cut anew: others stand for them now."""
    gone = []
    for name, last in held.known.items():
        if name in present or last.gone or last.archived or is_as_one(name):
            continue
        file = file_of(name, last)
        if file in files:
            held.retired[name] = held.plan.source.parts(files[file])
        elif not store.stat(file):  # one that is only too young or left out is not gone
            gone.append(name)
    held.journal.mark_gone(gone)


def file_of(name: str, last: Known) -> str:
    """The file that a unit is read from, or a part of."""
    return name.rpartition("#")[0] if last.part else name


def waiting() -> UnitError:
    """What a refused unit is passed by with."""
    return UnitError("D203", "refused before, and nothing changed since: not tried again", "mend the spec or the file")


def _is_due(held: Holder, unit: Unit, last: Known) -> bool:
    if last.version != unit.stat.version or last.status == "failed":
        return True
    if last.status == "refused":
        return last.spec != held.plan.spec_hash
    if last.same_as:  # what was done for it has another content now
        other = held.known.get(last.same_as)
        return other is None or other.sha256 != last.sha256
    return last.archived  # it was moved away, and is here again


def _elsewhere(held: Holder, present: set[str]) -> Iterator[Unit]:
    """Refused units whose file was archived: they wait at their new place, and are taken from it."""
    for name, last in list(held.known.items()):
        if last.status in ("refused", "failed") and last.place and name not in present:
            try:
                unit = unit_now(held, name, last.place, last.store, last.part)
            except StoreError as error:  # no connection leads there any more
                held.held[name] = error
                continue
            if unit:
                yield unit


def unit_now(held: Holder, name: str, path: str, place: Mapping[str, Any] | None, part: int) -> Unit | None:
    """A unit with its file as it stands at a path now; None where there is none any more."""
    source = held.plan.source
    store: Store = at(place) if place else held.places.source
    stat = store.stat(path)
    if stat is None or not isinstance(source, Files):
        return None
    file = name.rpartition("#")[0] if part else name
    unit = unit_of(stat._replace(path=file), source.pattern({"vars": held.plan.vars}))
    unit = next((each for each in source.parts(unit) if each.id == name), unit)
    return unit._replace(stat=stat, place=place) if unit.id == name else None


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

    def __init__(self, held: Holder, units: Iterator[Unit]) -> None:
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
        if self._changes[unit.id] >= MOST_CHANGES:
            return False
        now = self._now(unit)
        if now is None:
            return False
        self._again.append(now)
        return True

    def _now(self, unit: Unit) -> Unit | None:
        """Of several as one, those that are still there."""
        if unit.members:
            members = [now for member in unit.members if (now := self._now(member))]
            return composite(unit.id, members) if members else None
        return unit_now(self._held, unit.id, unit.stat.path, unit.place, unit.part.number if unit.part else 0)
