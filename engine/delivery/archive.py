"""Where a unit's file goes when it is done: moved by identity, not by name, and retried until it is there."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from engine.delivery.attempts import Attempt, Read
from engine.delivery.journal import Journal
from engine.delivery.places import LEDGERS
from engine.delivery.staging import file_name
from engine.errors import StoreError
from engine.kinds import Staging, Store, Unit
from engine.plan import Archive
from engine.sources.files import part_name, split_name
from engine.storage.refusals import store_error
from engine.storage.stores import at, content, content_hash

MOST_SUFFIXES: Final = 10_000

Move = Mapping[str, Any]


def archive_of(attempt: Attempt, read: Read, record: Mapping[str, Any] | None, now: str) -> dict[str, Any] | None:
    """The move of one file that this outcome asks for, fixed in the intent; None where the file stays.

    Content that was sent before goes where it would have gone then: its file may have been touched too early. Of a
    file that is read in parts the outcome is that of all of them: it is known at the commit of the last.
    """
    unit, targets = read.unit, attempt.archive_targets.get(read.unit.id, {})
    outcome = _outcome(attempt, read, record)
    target = targets.get(outcome)
    if not outcome or not targets or not (target or unit.part):
        return None
    said: dict[str, Any] = {
        "store": dict(unit.place or attempt.places.source.address),
        "path": unit.stat.path,
        "target": target,
        "version": unit.stat.version,
        "bytes": unit.stat.size,
        "sha256": read.file or read.sha256,
        "waits": outcome == "error",
    }
    said |= _to(attempt, said) | _beside(attempt, unit, now)
    if unit.part:
        file = unit.id.rpartition("#")[0]
        return said | {"parts": [part_name(file, number + 1) for number in range(unit.part.of)], "targets": targets}
    return None if target == unit.stat.path and "to" not in said else said


def _outcome(attempt: Attempt, read: Read, record: Mapping[str, Any] | None) -> str:
    """By which of its templates a file is archived; none where it is to be tried again."""
    sent_before = record and attempt.status == "unchanged" and not (attempt.same_as or read.unit is not attempt.unit)
    books = record["books"] if record and sent_before else read.books
    done = "partial" if books["rejected"] else "success"
    return {"committed": done, "unchanged": done, "refused": "error"}.get(attempt.status_of(read), "")


def _to(attempt: Attempt, said: Mapping[str, Any]) -> dict[str, Any]:
    """Where the archive is another store than that of the file: its address, and a staging there."""
    end = attempt.plan.archive.end
    to = dict((end.store() if end else attempt.places.source).address)
    if to == said["store"]:
        return {}
    ledger = os.path.join(attempt.plan.state_folder, LEDGERS, posixpath.basename(_held(said)))
    return {"to": to, "ledger": ledger}


def _beside(attempt: Attempt, unit: Unit, now: str) -> dict[str, Any]:
    """The file's marker, which goes with it, and whether it goes itself one day."""
    plan = attempt.plan
    marker = "" if unit.place else plan.source.marker(unit, {"vars": plan.vars})
    return ({"marker": marker} if marker else {}) | ({"keep": True, "at": now} if plan.archive.keep else {})


def move(archive: Move) -> str | None:
    """Do the move and say where the file is now; None where there is no such file any more. Its marker goes with it."""
    place = _move(archive)
    if place and "marker" in archive:
        at(archive["store"]).remove(archive["marker"])
    return place


def _move(archive: Move) -> str | None:
    """The move itself, each step of which may have been done before.

    What stands at the path now may be a newer version: it stays. The file is first taken aside under a name
    that nobody else uses, in one step, so that a writer who replaces it meanwhile cannot lose his version.
    Where the target's folder cannot be made nothing is taken, and what fails later is put back.
    """
    store, to, held = at(archive["store"]), _goal(archive), _held(archive)
    found = store.stat(archive["path"])
    if found and found.version == archive["version"]:
        to.make(posixpath.dirname(archive["target"]) or ".")
        to.sync(())  # new folders only
        store.remove(held)  # a second name of the file, where putting it back was cut off
        store.rename(archive["path"], held)
    elif not store.exists(held):
        return _moved_before(to, archive)
    try:
        return _from_aside(store, to, held, archive)
    except StoreError:
        _put_back(store, held, archive["path"])
        raise


def _goal(archive: Move) -> Store:
    """The store of the archive."""
    return at(archive["to"] if "to" in archive else archive["store"])


def _from_aside(store: Store, to: Store, held: str, archive: Move) -> str | None:
    if not _is_same(store, held, archive):  # replaced between the look and the move
        if store.exists(archive["path"]):  # and replaced again: what was taken is older than what stands there
            store.remove(held)
        else:
            store.move(held, archive["path"])
        return None
    target = _target(to, archive)
    if to.exists(target):  # the same content: a move that was cut off, or the same file again
        if "to" in archive:
            to.discard(_staging(to, held, target, archive).address())
        store.remove(held)
    elif "to" in archive:
        _copy(store, to, held, target, archive)
        store.remove(held)
    else:
        store.move(held, target)
    return target


def _copy(store: Store, to: Store, held: str, target: str, archive: Move) -> None:
    """To another store: staged, verified, published and synced there before the original may go."""
    staging = _staging(to, held, target, archive)
    to.discard(staging.address())  # of a copy that was cut off
    try:
        file = staging.open(target)
        try:
            for data in content(store, held):
                file.write(data)
            file.close()
        except (OSError, StoreError) as error:
            file.abandon()
            raise (store_error(error, to.show(target)) if isinstance(error, OSError) else error) from error
        to.sync(sorted(staging.folders(), reverse=True))
        to.publish({"path": target, **_identity(archive), **staging.details(target)})
        to.sync([posixpath.dirname(target) or "."])
    finally:
        to.discard(staging.address())
    if not _is_same(to, target, archive):
        raise StoreError("D308", f"the copy at `{to.show(target)}` is not what was archived",
                         "the file stays where it was; see what else writes there, and run again")  # fmt: skip


def _staging(to: Store, held: str, target: str, archive: Move) -> Staging:
    """Of the copy at a target; its name is that of the file that was taken aside, the same in every try."""
    return to.staging(posixpath.dirname(target), posixpath.basename(held), archive["ledger"])


def _identity(archive: Move) -> dict[str, Any]:
    return {key: archive[key] for key in ("bytes", "sha256")}


def version_at(archive: Move, place: str) -> str:
    """The version of an archived file whose unit will be taken from there; another store gives another one."""
    stat = _goal(archive).stat(place) if archive.get("waits") else None
    return stat.version if stat else ""


def expire(journal: Journal, archive: Archive, now: datetime) -> tuple[int, dict[str, StoreError]]:
    """Remove what was archived by this pipeline longer ago than it is kept, while it is what was put there.

    Gives the number of files, and what could not be removed.
    """
    gone, done, refused = 0, list[str](), dict[str, StoreError]()
    if not archive.keep:
        return 0, {}
    heads = [posixpath.dirname(each.head) for each in (archive.success, archive.partial, archive.error) if each]
    for key, kept in journal.archived():
        if (now - datetime.fromisoformat(kept["at"])).total_seconds() <= archive.keep:
            break
        try:
            store = at(kept["store"])
            if _is_below(kept["path"], heads) and _is_same(store, kept["path"], kept):
                store.remove(kept["path"])
                gone += 1
            done.append(key)
        except StoreError as error:
            refused[kept["path"]] = error
    if done:
        journal.expired(done)
    return gone, refused


def _is_below(path: str, heads: Sequence[str]) -> bool:
    return any(posixpath.normpath(path).startswith(f"{posixpath.normpath(head)}/" if head else "") for head in heads)


def _put_back(store: Store, held: str, path: str) -> None:
    """Back to where a reader looks for it, unless a newer version stands there: then it waits aside."""
    with suppress(StoreError):
        if store.exists(held) and not store.exists(path):
            store.move(held, path)


def folders(archive: Move, place: str) -> list[tuple[Mapping[str, Any], str]]:
    """The folder that a file left, and that where it is now, each with its store: both are to be synced."""
    left, found = (posixpath.dirname(path) or "." for path in (archive["path"], place))
    return [(archive["store"], left), (archive["to"] if "to" in archive else archive["store"], found)]


def _held(archive: Move) -> str:
    """A name of this version alone: one that waits is never taken for another."""
    folder, name = posixpath.split(archive["path"])
    whole = f"{archive['path']} {archive['version']} {archive['sha256']}"
    return posixpath.join(folder, f".{file_name(name, whole)}.archive.part")


def _moved_before(store: Store, archive: Move) -> str | None:
    target = _target(store, archive)
    return target if store.exists(target) else None


def _target(store: Store, archive: Move) -> str:
    """The target, or the first `name-2.csv.gz`, `name-3.csv.gz` .. that is free or holds this content."""
    for target in _names(archive["target"]):
        if not store.exists(target) or _is_same(store, target, archive):
            return target
    return _other_name(archive["target"], archive["sha256"][:16])


def _names(target: str) -> Iterator[str]:
    yield target
    yield from (_other_name(target, count) for count in range(2, MOST_SUFFIXES))


def _other_name(target: str, mark: str | int) -> str:
    """A target with a mark before its suffixes, as `stock-2.csv.gz`."""
    folder, name = posixpath.split(target)
    stem, ext = split_name(name)
    return posixpath.join(folder, f"{stem}-{mark}{ext}")


def _is_same(store: Store, path: str, archive: Move) -> bool:
    """Whether a file has the content that was read."""
    stat = store.stat(path)
    return stat is not None and stat.size == archive["bytes"] and content_hash(store, path) == archive["sha256"]
