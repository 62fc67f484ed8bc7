"""Where outputs stand until their unit is published: one hidden folder in each output root, per attempt."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

from engine.errors import StoreError
from engine.kinds import Store

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


def staging_name(scope: str, unit: str, number: int, mark: str) -> str:
    """`.<unit>.<mark>.<attempt>.part`: readable, and one of its own for each pipeline, unit and attempt.

    The mark is the run's: two that share an output root and not their state count the same attempts.
    """
    return f".{unit_name(scope, unit)}.{mark}.{number}.part"


def unit_name(scope: str, unit: str) -> str:
    """A unit as a part of a file name."""
    return file_name(unit.rsplit("/", 1)[-1], f"{scope} {unit}")


def file_name(readable: str, whole: str = "") -> str:
    """A short name for a file or folder, safe everywhere, and one of its own for each `whole`."""
    mark = hashlib.sha256((whole or readable).encode()).hexdigest()[:12]
    return f"{_UNSAFE.sub('-', readable)[:40]}-{mark}"


class Staging:
    """One folder of one attempt, with the final relative names inside; made when the first file is opened."""

    def __init__(self, store: Store, root: str, name: str) -> None:
        self.store = store
        self.root = root
        self.folder = posixpath.join(root, name)
        self.files: list[str] = []
        self._made = False

    def open(self, path: str) -> BinaryIO:
        """A file that will stand at `path` once it is published."""
        if self.store.exists(path) and self.store.stat(path) is None:
            raise StoreError("C104", f"`{self.store.show(path)}` is a folder, a file is needed", "choose another path")
        if not self._made:
            self.store.make(self.folder, new=True)
            self._made = True
        self.files.append(path)
        return self.store.create(self.staged(path))

    def staged(self, path: str) -> str:
        """Where a file stands until then."""
        return posixpath.join(self.folder, posixpath.relpath(path, self.root or "."))

    def folders(self) -> set[str]:
        """The folders whose entries must be synced before an intent may name the files."""
        if not self.files:
            return set()
        inside = {posixpath.dirname(self.staged(path)) for path in self.files}
        between = {parent for folder in inside for parent in _between(folder, self.folder)}
        return inside | between | {self.folder, self.root or "."}

    def destroy(self) -> None:
        """Remove it: a late rename of something gone fails, so this is the fence."""
        if self._made:  # one of that name that somebody else made is his
            self.store.remove(self.folder)
        self.files.clear()

    def address(self) -> dict[str, Any]:
        """What finds this folder again."""
        return {"store": dict(self.store.address), "folder": self.folder}


def _between(folder: str, top: str) -> list[str]:
    """The folders from `folder` up to `top`."""
    found = []
    while len(folder) > len(top):
        found.append(folder)
        folder = posixpath.dirname(folder)
    return found


def sync_stagings(stagings: Sequence[Staging]) -> None:
    """Sync what an intent is going to name, each folder once."""
    stores = {id(staging.store): staging.store for staging in stagings}
    for store in stores.values():
        folders = [each.folders() for each in stagings if each.store is store]
        store.sync(sorted(set().union(*folders), reverse=True))


def address(store: Store, path: str) -> str:
    """A path of a store as one text, the same for every way of writing it."""
    return store.where(path)
