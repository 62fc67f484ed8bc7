"""Where a unit's file goes when it is done: moved by identity, not by name, and retried until it is there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.delivery.attempts import Attempt
from engine.delivery.staging import file_name
from engine.kinds import Store
from engine.storage.local import at, content_hash

MOST_SUFFIXES: Final = 10_000

Move = Mapping[str, Any]


def archive_of(attempt: Attempt) -> dict[str, Any] | None:
    """The move that this outcome asks for, fixed in the intent; None where the file stays."""
    done = "partial" if attempt.books.counts["rejected"] else "success"
    outcome = {"committed": done, "refused": "error"}.get(attempt.status, "")
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
    """
    store, held = at(archive["store"]), _held(archive)
    if not store.exists(held):
        found = store.stat(archive["path"])
        if found is None or found.version != archive["version"]:
            return _moved_before(store, archive)
        store.rename(archive["path"], held)
    if not _is_same(store, held, archive):  # replaced between the look and the move
        store.move(held, archive["path"])
        return None
    target = _target(store, archive)
    if store.exists(target):  # the same content: a move that was cut off, or the same file again
        store.remove(held)
    else:
        store.move(held, target)
    return target


def sync(moved: Sequence[tuple[Move, str]]) -> None:
    """Make moves survive a power loss: the folders that files left, and those where they are now."""
    left: dict[str, tuple[Store, set[str]]] = {}
    for archive, place in moved:
        _, folders = left.setdefault(str(archive["store"]), (at(archive["store"]), set()))
        folders.update(posixpath.dirname(path) or "." for path in (archive["path"], place))
    for store, folders in left.values():
        store.sync(sorted(folders))


def _held(archive: Move) -> str:
    folder, name = posixpath.split(archive["path"])
    return posixpath.join(folder, f".{file_name(name, archive['path'])}.archive.part")


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
