"""Where a unit's file goes when it is done: moved by identity, not by name, and retried until it is there."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from engine.delivery.attempts import Attempt
from engine.kinds import Store
from engine.language.templates import file_part
from engine.storage.local import at, content_hash

MOST_SUFFIXES: Final = 10_000


def archive_of(attempt: Attempt) -> dict[str, Any] | None:
    """The move that this outcome asks for, fixed in the intent; None where the file stays."""
    template = {
        "committed": attempt.plan.archive.partial
        if attempt.books.counts["rejected"]
        else attempt.plan.archive.success,
        "refused": attempt.plan.archive.error,
    }.get(attempt.status)
    if template is None:
        return None
    target = posixpath.normpath(template.render(attempt.roots, file_part))
    if target == attempt.unit.stat.path:
        return None
    return {
        "store": dict(attempt.plan.source_end.store().address),
        "path": attempt.unit.stat.path,
        "target": target,
        "version": attempt.unit.stat.version,
        "sha256": attempt.sha256,
    }


def move(archive: Mapping[str, Any]) -> str | None:
    """Do the move and say where the file is now; None where there is no such file any more.

    What stands at the path now may be a newer version: it stays. What stands at the target with the same
    content is the file itself, moved before; other content gets a suffix.
    """
    store = at(archive["store"])
    found = store.stat(archive["path"])
    if found is None or found.version != archive["version"]:
        return _moved_before(store, archive)
    target = _free_target(store, archive)
    if store.stat(target) is not None:  # the same content: a move that was cut off, or the same file again
        store.remove(archive["path"])
        return target
    store.move(archive["path"], target)
    moved = store.stat(target)
    if moved is None or moved.version != archive["version"]:  # replaced between the look and the move
        if moved is not None and not store.exists(archive["path"]):
            store.move(target, archive["path"])
        return None
    store.sync(sorted({posixpath.dirname(target) or ".", posixpath.dirname(archive["path"]) or "."}))
    return target


def _moved_before(store: Store, archive: Mapping[str, Any]) -> str | None:
    target: str = archive["target"]
    return target if store.stat(target) and _same(store, target, archive) else None


def _free_target(store: Store, archive: Mapping[str, Any]) -> str:
    """The target, or the first `name-2`, `name-3` .. that is free or holds this content."""
    head, dot, tail = archive["target"].rpartition(".")
    if not dot or "/" in tail:
        head, dot, tail = archive["target"], "", ""
    for count in range(1, MOST_SUFFIXES):
        target: str = archive["target"] if count == 1 else f"{head}-{count}{dot}{tail}"
        if not store.exists(target) or _same(store, target, archive):
            return target
    return f"{archive['target']}-{archive['sha256'][:16]}"


def _same(store: Store, path: str, archive: Mapping[str, Any]) -> bool:
    if store.stat(path) is None:
        return False
    return content_hash(store, path) == archive["sha256"]
