"""What nobody needs any more: stagings that no attempt names, their ledgers, old rejects, what trials made.

Only what is ours is looked for: by the names of the units that the state knows or the source has now. The pipeline is
held meanwhile, so that nothing of a run that is going on is taken for left behind. Uploads that no state knows, below
the folders that the outputs go to, may be somebody else's: they are named, and aborted only where that is asked for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from engine.delivery.claim import TRIAL, Claim, trial_lock
from engine.delivery.places import LEDGERS
from engine.delivery.publish import uploads_of
from engine.delivery.rejects import FOLDER
from engine.delivery.staging import file_name, unit_name
from engine.errors import EngineError, LockedError
from engine.kinds import Store
from engine.plan import Plan
from engine.storage.local import LocalStore
from engine.storage.refusals import store_error

REJECTS_KEPT: Final = 30 * 86400.0
"""Seconds that rejects stay which do not stand for their unit any more."""
SPOOLS: Final = ".spools"


class Waste(NamedTuple):
    """Something to remove: what it is, where a user finds it, its age in seconds, and how to.

    `asks`: it may be somebody else's.
    """

    kind: str
    path: str
    age: float
    remove: Callable[[], object]
    asks: bool = False


def waste_of(held: Claim, now: datetime, older: float) -> Iterator[Waste]:
    """What is left behind of a pipeline and scope, older than so many seconds."""
    seconds = now.timestamp()
    found = [*_stagings(held, seconds), *_ledgers(held, seconds), *_rejects(held, seconds), *_trials(held, seconds)]
    for each in found:
        if each.age >= (max(older, REJECTS_KEPT) if each.kind == "rejects" else older):
            yield each


def _stagings(held: Claim, now: float) -> Iterator[Waste]:
    """Stagings below output roots, and in the reject store; those that recovery still needs stay."""
    live, names = {_key(each) for each in _live(held)}, _names(held)
    places = {(repr(store.address), root): (store, root) for store, root in _roots(held)}
    for store, root in places.values():
        for folder, changed in getattr(store, "stagings", _nothing)(root):
            address = {"store": dict(store.address), "folder": folder}
            if _is_named(folder, names) and _key(address) not in live:
                yield Waste("staging", store.show(folder), now - changed, partial(store.discard, address))
        yield from _uploads(held, store, f"{root}/" if root else "", now)


def _nothing(*_: Any) -> Iterator[Any]:
    """What a store finds that leaves nothing of its kind behind."""
    return iter(())


def _uploads(held: Claim, store: Any, prefix: str, now: float) -> Iterator[Waste]:
    """Open uploads of objects that belong to this pipeline, and of those that belong to none."""
    known = {str(each.get("upload", "")) for each in _live(held)}
    for found in getattr(store, "orphans", _nothing)(prefix, known):
        owner = held.journal.owner(store.where(found.path))
        if owner is None:
            yield _upload("stray", store, found, now)
        elif owner.startswith(f"{held.plan.scope} "):
            yield _upload("upload", store, found, now)


def _upload(kind: str, store: Any, found: Any, now: float) -> Waste:
    age, abort = now - found.began_ns / 1e9, partial(store.abort, found.path, found.upload)
    return Waste(kind, store.show(found.path), age, abort, asks=kind == "stray")


def strays_of(plan: Plan, now: datetime, older: float) -> Iterator[Waste]:
    """Open uploads below the outputs of a pipeline without a state: it never ran here, or its state is lost."""
    stores = [(outlet.end.store(), outlet.sink.root) for outlet in plan.outlets]
    places = {(repr(store.address), root): (store, root) for store, root in stores}
    for store, root in places.values():
        for found in getattr(store, "orphans", _nothing)(f"{root}/" if root else ""):
            if (waste := _upload("stray", store, found, now.timestamp())).age >= older:
                yield waste


def _roots(held: Claim) -> Iterator[tuple[Store, str]]:
    for outlet, store in zip(held.plan.outlets, held.places.sinks, strict=True):
        yield store, outlet.sink.root
    yield held.places.state, held.places.rejects


def _live(held: Claim) -> Iterator[Mapping[str, Any]]:
    """The stagings that attempts, intents and what is left to tidy name."""
    journal = held.journal
    for each in (*journal.attempts(), *journal.pending(), *journal.intents()):
        yield from each["stagings"]
        yield from each.get("outputs", ())


def _key(staging: Mapping[str, Any]) -> tuple[str, str]:
    where = staging.get("folder") or staging.get("ledger") or ""
    return repr(sorted(staging["store"].items())), where


def _names(held: Claim) -> Sequence[str]:
    """How the stagings of this pipeline's units begin."""
    units = {*held.known, *held.journal.tried(), *_listed(held)}
    return tuple(f".{unit_name(held.plan.scope, unit)}." for unit in units)


def _listed(held: Claim) -> Iterator[str]:
    """The units that are there now: the state may have forgotten them. A source that cannot be listed has none."""
    with suppress(EngineError):
        for unit in held.plan.source.units(held.places.source, {"vars": held.plan.vars}, datetime.now(UTC)):
            yield from (part.id for part in held.plan.source.parts(unit))


def _is_named(folder: str, names: Sequence[str]) -> bool:
    return os.path.basename(folder).startswith(tuple(names))


def _ledgers(held: Claim, now: float) -> Iterator[Waste]:
    """Notes of stores about uploads that nobody names: what is left of these is aborted with them."""
    folder = os.path.join(held.plan.state_folder, LEDGERS)
    live, names = {os.path.basename(where) for _, where in map(_key, _live(held))}, _names(held)
    for entry in _entries(folder):
        name = entry.name.removesuffix(SPOOLS)
        if name not in live and _is_named(name, names):
            yield Waste(
                "ledger", entry.path, now - entry.stat().st_mtime, partial(_end, held, os.path.join(folder, name))
            )


def _end(held: Claim, ledger: str) -> None:
    """Abort what a ledger notes, but for what a newer attempt is going to complete, and forget it."""
    keep = uploads_of(held.journal.intents())
    for outlet, store in zip(held.plan.outlets, held.places.sinks, strict=True):
        address = store.staging(outlet.sink.root, os.path.basename(ledger), ledger).address()
        if "ledger" in address:
            store.discard(address, keep)
    _remove(ledger)
    _remove(ledger + SPOOLS)


def _rejects(held: Claim, now: float) -> Iterator[Waste]:
    """Rejects that stand for no unit any more."""
    folder = os.path.join(held.plan.state_folder, FOLDER, file_name(held.plan.scope))
    stand = {os.path.basename(path) for path in held.journal.reject_paths()}
    for entry in _entries(folder):
        if entry.is_file() and entry.name not in stand:
            yield Waste("rejects", entry.path, now - entry.stat().st_mtime, partial(_remove, entry.path))


def _trials(held: Claim, now: float) -> Iterator[Waste]:
    """What the last trial made, unless one is going on."""
    folder = os.path.join(held.plan.state_folder, TRIAL, file_name(held.plan.scope))
    if os.path.isdir(folder):
        with suppress(LockedError), trial_lock(held.plan, ""):
            yield Waste("trial", folder, now - os.stat(folder).st_mtime, partial(_remove, folder))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise store_error(error, LocalStore("").show(folder)) from error


def _remove(path: str) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)
