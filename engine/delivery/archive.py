"""Where a unit's file goes when it is done: moved by identity, not by name, and retried until it is there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from engine.delivery.attempts import Attempt
from engine.delivery.staging import file_name
from engine.errors import StoreError
from engine.kinds import Store
from engine.storage.stores import at, content_hash

MOST_SUFFIXES: Final = 10_000

Move = Mapping[str, Any]


def archive_of(attempt: Attempt, record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The move that this outcome asks for, fixed in the intent; None where the file stays.

    Content that was sent before goes where it would have gone then: its file may have been touched too early.
    """
    books = record["books"] if record and attempt.status == "unchanged" else attempt.books.counts
    done = "partial" if books["rejected"] else "success"
    outcome = {"committed": done, "unchanged": done, "refused": "error"}.get(attempt.status, "")
    target = attempt.archive_targets.get(outcome)
    if target is None or target == attempt.unit.stat.path:
        return None
    return {
        "store": dict(attempt.plan.source_end.store().address),
        "path": attempt.unit.stat.path,
        "target": target,
        "version": attempt.unit.stat.version,
        "bytes": attempt.unit.stat.size,
        "sha256": attempt.sha256,
    }


def move(archive: Move) -> str | None:
    """Do the move and say where the file is now; None where there is no such file any more.

    What stands at the path now may be a newer version: it stays. The file is first taken aside under a name
    that nobody else uses, in one step, so that a writer who replaces it meanwhile cannot lose his version.
    Where the target's folder cannot be made nothing is taken, and what fails later is put back.
    """
    store, held = at(archive["store"]), _held(archive)
    found = store.stat(archive["path"])
    if found and found.version == archive["version"]:
        store.make(posixpath.dirname(archive["target"]) or ".")
        store.sync(())  # new folders only
        store.remove(held)  # a second name of the file, where putting it back was cut off
        store.rename(archive["path"], held)
    elif not store.exists(held):
        return _moved_before(store, archive)
    try:
        return _from_aside(store, held, archive)
    except StoreError:
        _put_back(store, held, archive["path"])
        raise


def _from_aside(store: Store, held: str, archive: Move) -> str | None:
    if not _is_same(store, held, archive):  # replaced between the look and the move
        if store.exists(archive["path"]):  # and replaced again: what was taken is older than what stands there
            store.remove(held)
        else:
            store.move(held, archive["path"])
        return None
    target = _target(store, archive)
    if store.exists(target):  # the same content: a move that was cut off, or the same file again
        store.remove(held)
    else:
        store.move(held, target)
    return target


def _put_back(store: Store, held: str, path: str) -> None:
    """Back to where a reader looks for it, unless a newer version stands there: then it waits aside."""
    with suppress(StoreError):
        if store.exists(held) and not store.exists(path):
            store.move(held, path)


def folders(archive: Move, place: str) -> list[str]:
    """The folder that a file left, and that where it is now: both are to be synced."""
    return [posixpath.dirname(path) or "." for path in (archive["path"], place)]


def _held(archive: Move) -> str:
    """A name of this version alone: one that waits is never taken for another."""
    folder, name = posixpath.split(archive["path"])
    whole = f"{archive['path']} {archive['version']} {archive['sha256']}"
    return posixpath.join(folder, f".{file_name(name, whole)}.archive.part")


def _moved_before(store: Store, archive: Move) -> str | None:
    target = _target(store, archive)
    return target if store.exists(target) else None


def _target(store: Store, archive: Move) -> str:
    """The target, or the first `name-2`, `name-3` .. that is free or holds this content."""
    for target in _names(archive["target"]):
        if not store.exists(target) or _is_same(store, target, archive):
            return target
    return f"{archive['target']}-{archive['sha256'][:16]}"


def _names(target: str) -> Iterator[str]:
    stem, ext = posixpath.splitext(target)
    yield target
    yield from (f"{stem}-{count}{ext}" for count in range(2, MOST_SUFFIXES))


def _is_same(store: Store, path: str, archive: Move) -> bool:
    """Whether a file has the content that was read."""
    stat = store.stat(path)
    return stat is not None and stat.size == archive["bytes"] and content_hash(store, path) == archive["sha256"]
