"""What happens to single files of a file system of fsspec: written in whole, moved, removed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO, Protocol, cast

from engine.errors import StoreError
from engine.hidden import Secret


class Sending(Protocol):
    """What a file needs of its store."""

    def send(self, path: str, file: BinaryIO, size: int) -> None: ...


class FsFile:
    """A file being written: it waits in a temporary file of this machine, and is sent when it is closed."""

    def __init__(self, store: Sending, path: str) -> None:
        self._store = store
        self._path = path
        self._file: Any = tempfile.SpooledTemporaryFile(1 << 16)  # noqa: SIM115 - closed by `close` and `abandon`

    def write(self, data: bytes) -> object:
        """Take bytes."""
        return self._file.write(data)

    def park(self) -> None:
        """Let go of memory; the temporary file stays open, as it has no name."""
        self._file.rollover()

    def close(self) -> None:
        """Send it."""
        with self._file as file:
            size = file.seek(0, os.SEEK_END)
            self._store.send(self._path, file, size)

    def abandon(self) -> None:
        """Let go of it."""
        self._file.close()


def filesystem(protocol: str, options: Mapping[str, Any]) -> Any:
    """The file system of a protocol; StoreError where its library is missing."""
    import fsspec
    from fsspec.registry import known_implementations

    told = {name: value.reveal() if isinstance(value, Secret) else value for name, value in options.items()}
    try:
        return fsspec.filesystem(protocol, **told)
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
