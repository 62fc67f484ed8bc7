"""What happens to single files of a file system of fsspec: written in whole, moved, removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO, Protocol, cast

from engine.errors import StoreError
from engine.hidden import shown
from engine.kinds import Staged
from engine.storage.refusals import store_error
from engine.storage.spool import Spool, spools
from engine.storage.staging import Folders, FolderStaging


class Sending(Folders, Protocol):
    """What a file needs of its store."""

    def send(self, path: str, file: BinaryIO, size: int) -> None: ...


class FsStaging(FolderStaging):
    """A staging whose files wait on this machine, beside its ledger, until each is closed."""

    def __init__(self, store: Sending, root: str, name: str, ledger: str = "") -> None:
        super().__init__(store, root, name)
        self._store = store
        self._ledger = os.path.abspath(ledger) if ledger else os.path.join(tempfile.mkdtemp(prefix="engine-"), name)

    def _create(self, path: str) -> Staged:
        return FsFile(self._store, path, Spool(os.path.join(spools(self._ledger), str(len(self.files)))))

    def destroy(self) -> None:
        """Remove it, and what still waits."""
        super().destroy()
        forget(self._ledger)

    def address(self) -> dict[str, Any]:
        """What finds it again, here and there."""
        return {**super().address(), "ledger": self._ledger}


def forget(ledger: str) -> None:
    """Remove what waits beside a ledger."""
    shutil.rmtree(spools(ledger), ignore_errors=True)


class FsFile:
    """A file being written: it waits on this machine, and is sent when it is closed."""

    def __init__(self, store: Sending, path: str, spool: Spool) -> None:
        self._store = store
        self._path = path
        self._spool = spool

    def write(self, data: bytes) -> object:
        """Take bytes."""
        try:
            self._spool.write(data)
        except OSError as error:
            raise store_error(error, self._spool.path) from error
        return len(data)

    def park(self) -> None:
        """Let go of memory and of the handle."""
        self._spool.park()

    def close(self) -> None:
        """Send it."""
        with self._spool.whole() as file:
            self._store.send(self._path, file, self._spool.size)
        self._spool.drop()

    def abandon(self) -> None:
        """Let go of it."""
        self._spool.drop()


def filesystem(protocol: str, options: Mapping[str, Any]) -> Any:
    """The file system of a protocol; StoreError where its library is missing."""
    import fsspec
    from fsspec.registry import known_implementations

    try:
        return fsspec.filesystem(protocol, **shown(options))
    except ImportError:
        said = known_implementations.get(protocol, {}).get("err", "its library cannot be imported")
        message = f"the protocol `{protocol}` needs a library that is not installed"
        raise StoreError("C214", message, f"fsspec says: {said}") from None
    except ValueError as error:
        if "Protocol not known" not in str(error):
            raise
        message = f"fsspec knows no protocol `{protocol}`"
        raise StoreError("C214", message, "see https://filesystem-spec.readthedocs.io") from None


def files_below(fs: Any, full: str) -> Mapping[str, Mapping[str, Any]]:
    """The files below a folder; none where there is no such folder."""
    try:
        return cast("Mapping[str, Mapping[str, Any]]", fs.find(full, detail=True))
    except FileNotFoundError:
        return {}


def move(fs: Any, path: str, target: str) -> None:
    """By the protocol's own rename; where it has none, a copy and then a removal. No name is read as a glob."""
    from fsspec import AbstractFileSystem

    if type(fs).mv is not AbstractFileSystem.mv:
        fs.mv(path, target)
        return
    fs.cp_file(path, target)
    fs.rm_file(path)


def removed(fs: Any, full: str) -> None:
    """Remove a file, where it is there."""
    with suppress(FileNotFoundError):
        fs.rm_file(full)
