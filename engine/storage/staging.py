"""How stores that can rename publish: outputs stand in one hidden folder in each output root, then take their names.

A late rename of something gone fails, so destroying the folder is the fence against an attempt that was given up.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from engine.errors import StoreError
from engine.kinds import NO_FACTS, Facts, Staged, Stat
from engine.storage.refusals import in_the_way


class Folders(Protocol):
    """What a store has to be able to do for that."""

    @property
    def address(self) -> Mapping[str, str]: ...

    def show(self, path: str) -> str: ...

    def stat(self, path: str) -> Stat | None: ...

    def exists(self, path: str) -> bool: ...

    def make(self, path: str, *, new: bool = False) -> None: ...

    def create(self, path: str) -> Staged: ...

    def rename(self, staged: str, final: str) -> None: ...

    def move(self, path: str, target: str) -> None: ...

    def remove(self, path: str) -> None: ...


class FolderStaging:
    """One folder of one attempt, with the final relative names inside; made when the first file is opened."""

    def __init__(self, store: Folders, root: str, name: str) -> None:
        self.store = store
        self.root = root
        self.folder = posixpath.join(root, name)
        self.files: list[str] = []
        self._made = False

    def open(self, path: str, facts: Facts = NO_FACTS) -> Staged:
        """A file that will stand at `path` once it is published; folders keep no facts beside a file."""
        if self.store.exists(path) and self.store.stat(path) is None:
            raise StoreError("C104", f"`{self.store.show(path)}` is a folder, a file is needed", "choose another path")
        if not self._made:
            self.store.make(self.folder, new=True)
            self._made = True
        self.files.append(path)
        return self._create(self._staged(path))

    def _create(self, path: str) -> Staged:
        return self.store.create(path)

    def _staged(self, path: str) -> str:
        return posixpath.join(self.folder, posixpath.relpath(path, self.root or "."))

    def details(self, path: str) -> dict[str, Any]:
        """Where the file stands until it is published."""
        return {"folder": self.folder, "staged": self._staged(path)}

    def folders(self) -> set[str]:
        """The folders whose entries must be synced before an intent may name the files."""
        if not self.files:
            return set()
        inside = {posixpath.dirname(self._staged(path)) for path in self.files}
        between = {parent for folder in inside for parent in _between(folder, self.folder)}
        return inside | between | {self.folder, self.root or "."}

    def destroy(self) -> None:
        """Remove it, where this attempt made it: one of that name that somebody else made is his."""
        if self._made:
            self.store.remove(self.folder)
        self.files.clear()

    def address(self) -> dict[str, Any]:
        """What finds this folder again."""
        return {"store": dict(self.store.address), "folder": self.folder}


class FolderPublishing:
    """The steps of publishing for a store whose stagings are folders; each may have been done before."""

    def staging(self: Folders, root: str, name: str, ledger: str = "") -> FolderStaging:
        """A staging of that name below an output root."""
        return FolderStaging(self, root, name)

    def is_lost(self: Folders, output: Mapping[str, Any]) -> bool:
        """Whether its unit must be done again: the staging is gone, or holds anything but what the intent names.

        A staged file missing from an intact folder was published.
        """
        staged = self.stat(output["staged"])
        return staged.size != output["bytes"] if staged else not self.exists(output["folder"])

    def publish(self: Folders, output: Mapping[str, Any]) -> None:
        """Put an output in its place, where that was not done yet; a `new` one replaces nothing."""
        staged, path = output["staged"], output["path"]
        if not self.exists(staged):
            return
        if not output.get("new"):
            self.rename(staged, path)
        elif not self.exists(path):
            self.move(staged, path)
        elif _has_both_names(self, output):
            self.remove(staged)
        else:
            raise in_the_way(self.show(path))

    def discard(self: Folders, staging: Mapping[str, Any], keep: Collection[str] = ()) -> None:
        """Remove a staging with all that is in it; nothing there is fine. It is one attempt's: none of it is kept."""
        self.remove(staging["folder"])


def _has_both_names(store: Folders, output: Mapping[str, Any]) -> bool:
    """Whether what stands at the target is the staged file, whose move was cut off between its two steps."""
    found, staged = store.stat(output["path"]), store.stat(output["staged"])
    return bool(found and staged and found[1:] == staged[1:])


def _between(folder: str, top: str) -> list[str]:
    """The folders from `folder` up to `top`."""
    found = []
    while len(folder) > len(top):
        found.append(folder)
        folder = posixpath.dirname(folder)
    return found
