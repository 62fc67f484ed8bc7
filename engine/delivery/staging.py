"""Names of stagings, which are their attempts' own, and what is synced of them before an intent names them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from engine.kinds import Staging, Store

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


def staging_name(scope: str, unit: str, number: int, mark: str) -> str:
    """`.<unit>.<mark>.<attempt>.part`: readable, and one of its own for each pipeline, unit and attempt.

    The mark is the run's: two that share an output root and not their state count the same attempts.
    """
    return f".{unit_name(scope, unit)}.{mark}.{number}.part"


def unit_name(scope: str, unit: str) -> str:
    """A unit as a part of a file name."""
    return file_name(unit.rstrip("/").rsplit("/", 1)[-1], f"{scope} {unit}")


def file_name(readable: str, whole: str = "") -> str:
    """A short name for a file or folder, safe everywhere, and one of its own for each `whole`."""
    mark = hashlib.sha256((whole or readable).encode()).hexdigest()[:12]
    return f"{_UNSAFE.sub('-', readable)[:40]}-{mark}"


def sync_stagings(stagings: Sequence[Staging]) -> None:
    """Sync what an intent is going to name, each folder once."""
    stores = {id(staging.store): staging.store for staging in stagings}
    for store in stores.values():
        folders = [each.folders() for each in stagings if each.store is store]
        store.sync(sorted(set().union(*folders), reverse=True))


def address(store: Store, path: str) -> str:
    """A path of a store as one text, the same for every way of writing it."""
    return store.where(path)
