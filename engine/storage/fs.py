"""Files behind any other protocol that fsspec speaks: the `fs` connection and its store."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Annotated, Any, BinaryIO, Final, TypeVar, cast
from urllib.parse import quote

from engine.errors import EngineError, OptionError, StoreError
from engine.hidden import revealed
from engine.kinds import Staged, Stat, Store
from engine.registry import Doc, component
from engine.storage import globs
from engine.storage.fs_facts import etag_of, mtime_of
from engine.storage.fs_files import FsFile, FsStaging, files_below, filesystem, forget, move, removed
from engine.storage.fs_options import NAMING, secrets_in, without_login
from engine.storage.ranges import RangedFile
from engine.storage.refusals import lost, not_there, not_whole, refused, silent, store_error
from engine.storage.retries import Network, Retry
from engine.storage.spool import Spool
from engine.storage.staging import FolderPublishing

T = TypeVar("T")

OURS: Final = {"file": "local", "local": "local", "s3": "s3", "s3a": "s3", "sftp": "sftp", "ssh": "sftp",
               "http": "http", "https": "http"}  # fmt: skip
"""Protocols that have a connection of their own."""
INWARD: Final = frozenset({
    "async_wrapper", "asynclocal", "asyncwrapper", "blockcache", "cached", "dask", "data", "dir", "dvc", "filecache",
    "generic", "git", "jlab", "jupyter", "libarchive", "pyscript", "reference", "simplecache", "tar", "zip",
})  # fmt: skip
"""Protocols that lead to this machine, to whatever their options name, or run code."""
CHAINS: Final = ("fo", "fs", "target_protocol", "target_options", "remote_protocol", "remote_options")
MARK: Final = ".staging"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_GONE: Final = (errno.ENOENT, errno.ENOTDIR)


@component(
    "fs",
    "connection",
    examples=[
        {"type": "fs", "protocol": "gcs", "base": "acme-drop", "options": {"token": "${env:GCS_TOKEN}"}},
        {"type": "fs", "protocol": "ftp", "options": {"host": "ftp.example.com", "username": "feeds"}},
    ],
)
class Fs(Network):
    """Files behind any other protocol that fsspec speaks, such as `gcs`, `abfs`, `ftp`, `smb`, `webdav`.

    The protocol's library has to be installed. `memory` is a store inside the process, for tests.

    `options` go to fsspec as they are (https://filesystem-spec.readthedocs.io); no protocol is allowed that leads to
    this machine, to another protocol, or runs code. Paths start at `base` and do not leave it.

    **Reading** takes ranges of 8 MiB, one ahead, and is taken up where it broke; that a file is replaced meanwhile is
    noticed where the store tells an ETag or a time of change. **Writing** keeps an output in the state's folder and
    sends it when it is closed. **Publishing** moves the file to its place as the protocol can: `ftp`, `smb`
    and `webdav` rename it; object stores (`gcs`, `abfs`) copy it, and their readers see the whole object or none. On
    another protocol a reader may see a copy that is not yet whole: use `s3`, `sftp` or `local` where that matters. No
    version of a file is told from another by more than size and time where the store knows no ETag.
    """

    protocol: Annotated[str, Doc("The name of the protocol, such as `gcs`.")]
    base: Annotated[str, Doc("The bucket or folder that paths are relative to.")] = ""
    options: Annotated[dict[str, Any], Doc("What the protocol needs to log in, as fsspec names it.", secret=True)] = (
        field(default_factory=dict, repr=False)
    )

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.protocol):
            raise OptionError("S337", f"`{self.protocol}` is not a protocol", "write one name, such as `gcs`")
        if own := OURS.get(self.protocol):
            message = f"`{self.protocol}` has a connection of its own"
            raise OptionError("S337", message, f"write `{{type: {own}, ..}}`")
        chained = sorted(set(CHAINS) & self.options.keys())
        if self.protocol in INWARD or chained:
            what = f"the option `{chained[0]}`" if chained else f"`{self.protocol}`"
            message = f"{what} leads to this machine, or to another protocol"
            raise OptionError("S337", message, "name the protocol of the place itself")

    def store(self, folder: str) -> Store:
        """Its files."""
        return FsStore(self)


class FsStore(FolderPublishing):
    """Files below one folder of a file system of fsspec."""

    def __init__(self, connection: Fs) -> None:
        self._connection = connection
        self._retry: Retry = connection.retry
        self.base = connection.base.strip("/")
        self._opened: Any = None

    @property
    def address(self) -> Mapping[str, str]:
        """Its protocol, its folder, and the options that say where it is."""
        return {"type": "fs", "protocol": self._connection.protocol, "base": self.base, **self._named}

    @property
    def _named(self) -> dict[str, str]:
        """The options that say where it is, without a login."""
        options = self._connection.options
        return {name: without_login(revealed(options[name])) for name in NAMING if name in options}

    def where(self, path: str) -> str:
        """The protocol, all that says where it is, and the path."""
        return f"{self._connection.protocol}://{':'.join(self._named.values())}/{self._full(path).lstrip('/')}"

    def show(self, path: str) -> str:
        """As fsspec writes it."""
        return f"{self._connection.protocol}://{self._full(path).lstrip('/')}"

    def _full(self, path: str) -> str:
        """The path on the file system; one that leaves the base is nobody's."""
        clean = posixpath.normpath(path)
        if clean.startswith(("../", "/")) or clean == "..":
            message = f"`{path}` leaves the folder of its connection"
            raise StoreError("C104", message, "write it relative to `base`")
        return posixpath.join(self.base, "" if clean == "." else clean)

    def _ask(self, path: str, call: Callable[[Any], T]) -> T:
        """What a call of the file system gives, tried again where that may help, refused in our words."""
        return self._retry.run(lambda: self._once(path, call), self.show(""))

    def _once(self, path: str, call: Callable[[Any], T]) -> T:
        try:
            if self._opened is None:
                self._opened = filesystem(self._connection.protocol, self._connection.options)
            self._opened.invalidate_cache()
            return call(self._opened)
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - each protocol has errors of its own, which may quote what was sent
            raise self._refusal(path, error) from None

    def _refusal(self, path: str, error: Exception) -> BaseException:
        place = self.show("")
        if isinstance(error, TimeoutError):  # asyncio's and fsspec's too
            return silent(place, self._connection.timeout)
        if isinstance(error, (ConnectionError, EOFError)):
            return lost(place)
        if isinstance(error, OSError) and error.errno == errno.ESTALE:
            return error
        if isinstance(error, FileNotFoundError):
            return not_there(self.show(path))
        if isinstance(error, OSError) and error.errno:
            return store_error(error, self.show(path))
        return refused(self.show(path), self._masked(f"{type(error).__name__}: {error}"))

    def _masked(self, text: str) -> str:
        """A text without what the options hide, as it is or as a URL holds it, and short."""
        secrets = {
            form for each in secrets_in(self._connection.options) for form in (each, quote(each, ""), quote(each))
        }
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return " ".join(text.split())[:200]

    # --- reading

    def glob(self, pattern: str, exclude: Sequence[str] = ()) -> Iterator[Stat]:
        """The files that match, in the order of their paths."""
        yield from globs.found(pattern, exclude, posixpath.normpath, self._find)

    def _find(self, pattern: str) -> Iterator[Stat]:
        if not globs.is_glob(pattern):
            found = self.stat(pattern)
            if found:
                yield found
            return
        head = globs.static_head(pattern)
        listed = self._ask(head, lambda fs: files_below(fs, self._full(head)))
        start = len(self.base) + 1 if self.base else 0
        for full, info in listed.items():
            path = full.lstrip("/")[start:]
            if info.get("type") == "file" and globs.matches(path, pattern):
                yield Stat(path, info["size"], mtime_of(info), etag_of(info))

    def stat(self, path: str) -> Stat | None:
        """The file as it is now."""
        info = self._info(path)
        if info is None or info.get("type") != "file":
            return None
        return Stat(path, info["size"], mtime_of(info), etag_of(info))

    def _info(self, path: str) -> Mapping[str, Any] | None:
        def ask(fs: Any) -> Mapping[str, Any] | None:
            try:
                return cast("Mapping[str, Any]", fs.info(self._full(path)))
            except OSError as error:
                if isinstance(error, FileNotFoundError) or error.errno in _GONE:
                    return None
                raise

        return self._ask(path, ask)

    def open(self, path: str, stat: Stat | None = None) -> BinaryIO:
        """The file for reading, in any order."""
        found = stat or self.stat(path)
        if found is None:
            raise not_there(self.show(path))
        seen = found

        def fetch(start: int, end: int, into: bytearray) -> None:
            into.extend(self._once(path, lambda fs: fs.cat_file(self._full(path), start=start, end=end)))
            now = self.stat(path)
            if now is None or now.version != seen.version:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

        file: Any = RangedFile(seen.size, fetch, self._retry)
        return cast("BinaryIO", file)

    def exists(self, path: str) -> bool:
        """Whether a file or folder of that path is there."""
        return self._info(path) is not None

    # --- the steps of publishing, as FolderPublishing needs them

    def make(self, path: str, *, new: bool = False) -> None:
        """A folder and those above it; a new one gets a file, as object stores have no empty ones."""
        if new:
            if self.exists(path):
                raise StoreError("C104", f"`{self.show(path)}` is there already", "choose another path")
            self._parents(posixpath.join(path, MARK))
            mark = self._full(posixpath.join(path, MARK))
            self._ask(path, lambda fs: fs.pipe_file(mark, b""))
        else:
            self._ask(path, lambda fs: fs.makedirs(self._full(path), exist_ok=True))

    def _parents(self, path: str) -> None:
        folder = posixpath.dirname(self._full(path))
        if folder:
            self._ask(path, lambda fs: fs.makedirs(folder, exist_ok=True))

    def sync(self, paths: Sequence[str]) -> None:
        """Nothing: what the other side took is its own to keep."""

    def staging(self, root: str, name: str, ledger: str = "") -> FsStaging:
        """A staging of that name below an output root; its files wait beside the ledger."""
        return FsStaging(self, root, name, ledger)

    def discard(self, staging: Mapping[str, Any], keep: Collection[str] = ()) -> None:
        """Remove a staging with all that is in it, and what still waits to be sent."""
        super().discard(staging, keep)
        if ledger := staging.get("ledger"):
            forget(ledger)

    def create(self, path: str) -> Staged:
        """A new file; its folders are made when it is sent."""
        return FsFile(self, path, Spool(os.path.join(tempfile.mkdtemp(prefix="engine-"), "spool")))

    def send(self, path: str, file: BinaryIO, size: int) -> None:
        """Write a whole file and compare its size."""
        self._parents(path)

        def put(fs: Any) -> None:
            file.seek(0)
            with fs.open(self._full(path), "wb") as sent:
                while data := file.read(1 << 20):
                    sent.write(data)

        self._ask(path, put)
        found = self.stat(path)
        if found is None or found.size != size:
            raise not_whole(self.show(path), found.size if found else 0, size)

    def rename(self, staged: str, final: str) -> None:
        """Put a file in its place, as the protocol can."""
        self._parents(final)
        self._ask(final, lambda fs: move(fs, self._full(staged), self._full(final)))

    def move(self, path: str, target: str) -> None:
        """The same onto a path that is free."""
        if self.exists(target):
            raise StoreError("C104", f"`{self.show(target)}` is there already", "choose another path")
        self.rename(path, target)

    def remove(self, path: str, seen: Stat | None = None) -> None:
        """Remove a file, or a folder with all that is in it; nothing there is fine."""
        full = self._full(path)
        info = self._info(path)
        if info is not None and info.get("type") == "file":
            self._ask(path, lambda fs: removed(fs, full))
        elif info is not None:
            for each in self._ask(path, lambda fs: list(fs.find(full))):
                self._ask(path, lambda fs, each=each: removed(fs, each))  # type: ignore[misc]
            with suppress(StoreError):  # where folders are real
                self._ask(path, lambda fs: fs.rm(full, recursive=True) if fs.isdir(full) else None)
