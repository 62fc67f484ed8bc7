"""Files on this machine: the `local` connection and its store."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, BinaryIO, Final

from engine.errors import StoreError
from engine.kinds import Connection, Staged, Stat, Store
from engine.registry import Doc, component
from engine.storage import globs
from engine.storage.refusals import store_error
from engine.storage.staging import FolderPublishing

STAGING_SUFFIX: Final = ".part"
NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)
"""What a hard link is refused with where none can be made."""
GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What an entry of a listing is looked at with when it is not there, or not there any more."""


@contextmanager
def _refusals(store: LocalStore, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise store_error(error, store.show(path)) from error


@component("local", "connection", examples=[{"type": "local", "base": "./data"}])
class Local(Connection):
    """A folder on this machine; paths that use the connection start there and cannot leave it."""

    base: Annotated[str, Doc("The folder; a relative one starts at the file that says it.", min=1)] = "."

    def store(self, folder: str) -> Store:
        """Its files."""
        return LocalStore(os.path.normpath(os.path.join(folder, self.base)))


class LocalFile:
    """A new file being written."""

    def __init__(self, full: str) -> None:
        self._full = full
        self._file: BinaryIO | None = open(full, "xb")  # noqa: SIM115 - closed by `close`

    def write(self, data: bytes) -> object:
        """Take bytes."""
        if self._file is None:
            self._file = open(self._full, "ab")  # noqa: SIM115 - as above
        return self._file.write(data)

    def park(self) -> None:
        """Close it for now: so many files may be open at once."""
        if self._file:
            self._file.close()
            self._file = None

    def close(self) -> None:
        """End it, synced."""
        with self._file or open(self._full, "ab") as file:
            file.flush()
            os.fsync(file.fileno())

    def abandon(self) -> None:
        """Let go of it."""
        if self._file:
            with suppress(OSError):  # what a full disk did not take is not wanted any more
                self._file.close()


class LocalStore(FolderPublishing):
    """Files below one folder of this machine; paths are relative to it, with `/` between folders."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._holders: set[str] = set()

    @property
    def address(self) -> Mapping[str, str]:
        """Its folder."""
        return {"type": "local", "base": self.base}

    def full(self, path: str) -> str:
        """The path on this machine."""
        return os.path.normpath(os.path.join(self.base, path))

    def where(self, path: str) -> str:
        """The one place of a path, the links of its folders followed; one at its end would be replaced itself."""
        folder, name = os.path.split(self.full(path))
        return os.path.join(os.path.realpath(folder), name)

    def show(self, path: str) -> str:
        """Relative to where the user stands, where that is shorter."""
        full = self.full(path)
        near = os.path.relpath(full)
        return full if near.startswith("../..") else near

    # --- reading

    def glob(self, pattern: str, exclude: Sequence[str] = ()) -> Iterator[Stat]:
        """The files that match, in the order of their paths; a file that two spellings name comes once."""
        yield from globs.found(pattern, exclude, os.path.normpath, self._find, lambda file: self.full(file.path))

    def _find(self, pattern: str) -> Iterator[Stat]:
        if not globs.is_glob(pattern):
            file = self.stat(pattern)
            if file:
                yield file
            return
        folders = [globs.static_head(pattern)]
        while folders:  # no recursion: folders nest as deep as a path can be long
            folder = folders.pop()
            for entry in self._entries(folder):
                path = os.path.join(folder, entry.name)
                with _refusals(self, path):
                    if _is_folder(entry):
                        if self._is_entered(folder, path, entry, pattern):
                            folders.append(path)
                    elif globs.matches(path, pattern) and (found := _listed(path, entry)):
                        yield found

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What is in a folder; nothing where it went away since it was listed."""
        with _refusals(self, folder):
            try:
                return list(os.scandir(self.full(folder)))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def _is_entered(self, folder: str, path: str, entry: os.DirEntry[str], pattern: str) -> bool:
        """Whether the pattern reaches into a folder; not into stagings, nor where it would find itself again."""
        if is_staging(entry.name):
            return False
        linked = entry.is_symlink()
        return globs.enters(path, pattern, linked=linked) and not (linked and self._leads_up(folder, path))

    def _leads_up(self, folder: str, link: str) -> bool:
        """Whether a link shows a folder that it stands in: what is there would be found over and over."""
        inner, outer = os.path.realpath(self.full(folder)), os.path.realpath(self.full(link))
        return os.path.commonpath([inner, outer]) == outer

    def stagings(self, root: str) -> Iterator[tuple[str, float]]:
        """The stagings that stand in an output root, each with the time of its last change, in seconds."""
        for entry in self._entries(root):
            if is_staging(entry.name) and _is_folder(entry):
                yield (f"{root}/{entry.name}" if root else entry.name), entry.stat().st_mtime

    def stat(self, path: str) -> Stat | None:
        """The file as it is now."""
        with _refusals(self, path):
            try:
                found = os.stat(self.full(path))
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _stat(path, found) if stat.S_ISREG(found.st_mode) else None

    def open(self, path: str, stat: Stat | None = None) -> BinaryIO:
        """The file for reading."""
        with _refusals(self, path):
            return open(self.full(path), "rb")

    def exists(self, path: str) -> bool:
        """Whether something of that name is there."""
        return os.path.lexists(self.full(path))

    # --- the steps of publishing

    def make(self, path: str, *, new: bool = False) -> None:
        """A folder and those above it; with `new`, one that was not there."""
        full = self.full(path)
        with _refusals(self, path):
            self._make(os.path.dirname(full) if new else full)
            if new:
                os.mkdir(full)
                self._holders.add(os.path.dirname(full))

    def _make(self, full: str) -> None:
        try:
            self._holders.update(_make_folders(full))
        except (FileExistsError, NotADirectoryError):
            if error := self._no_folder(full):
                raise error from None
            raise

    def _no_folder(self, full: str) -> StoreError | None:
        """What stands where a folder, or one above it, is to be made, and is none."""
        while not os.path.lexists(full) and os.path.dirname(full) != full:
            full = os.path.dirname(full)
        if os.path.isdir(full):
            return None
        what = "a file" if os.path.exists(full) else "a link that leads nowhere"
        return StoreError("C104", f"`{self.show(full)}` is {what}, a folder is needed", "choose another path")

    def create(self, path: str) -> Staged:
        """A new file; its folders are made."""
        full = self.full(path)
        with _refusals(self, path):
            self._make(os.path.dirname(full))
            return LocalFile(full)

    def sync(self, paths: Sequence[str]) -> None:
        """Make the entries of these folders survive a power loss, and those of every folder made since the last time.

        For a folder that somebody removed its parent is synced: that it is gone is all there is to keep.
        """
        folders = [*map(self.full, paths), *sorted(self._holders)]
        for full in dict.fromkeys(map(_there, folders)):
            with _refusals(self, full):
                _sync_folder(full)
        self._holders.clear()

    def rename(self, staged: str, final: str) -> None:
        """Put a staged file in its place; a reader sees the old one or the new one, never a part."""
        full = self.full(final)
        with _refusals(self, final):
            self._make(os.path.dirname(full))
            os.replace(self.full(staged), full)

    def move(self, path: str, target: str) -> None:
        """Move a file; a target that is there is never replaced."""
        source, goal = self.full(path), self.full(target)
        with _refusals(self, target):
            self._make(os.path.dirname(goal))
            if os.path.islink(source) and os.path.dirname(source) != os.path.dirname(goal):
                # What it shows is kept: a relative one would lead nowhere.
                _copy_over(source, goal)
                return
            try:
                _take_name(source, goal)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _copy_over(source, goal)

    def remove(self, path: str, seen: Stat | None = None) -> None:
        """Remove a file, or a folder with all that is in it; nothing there is fine."""
        full = self.full(path)
        with _refusals(self, path):
            try:
                os.unlink(full)
            except FileNotFoundError:
                return
            except (IsADirectoryError, PermissionError):
                if not os.path.isdir(full):
                    raise
                shutil.rmtree(full)


def _take_name(source: str, goal: str) -> None:
    """Give a file another name, never one that is taken."""
    try:
        os.link(source, goal)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(goal):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        os.rename(source, goal)
    else:
        os.unlink(source)


def _copy_over(source: str, goal: str) -> None:
    """To another file system: visible when it is whole; the original goes when the copy is there for good."""
    folder, name = os.path.split(goal)
    part = os.path.join(folder, f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}{STAGING_SUFFIX}")
    shutil.copy2(source, part)
    with open(part, "rb+") as copy:
        os.fsync(copy.fileno())
    _take_name(part, goal)
    _sync_folder(folder)
    os.unlink(source)


def make_private(full: str) -> None:
    """A folder that only this user may enter, there for good."""
    for holder in _make_folders(full, 0o700):
        _sync_folder(holder)


def _make_folders(full: str, mode: int = 0o777) -> list[str]:
    """Make a folder and those above it; gives the folders that hold a new one and are to be synced."""
    holders, folder = [], full
    while not os.path.exists(folder):
        folder = os.path.dirname(folder) or "."
        holders.append(folder)
    os.makedirs(full, mode, exist_ok=True)
    return holders


def _there(full: str) -> str:
    """A folder, or the nearest one above it that is still there."""
    while not os.path.isdir(full) and os.path.dirname(full) != full:
        full = os.path.dirname(full) or "."
    return full


def _sync_folder(full: str) -> None:
    try:
        handle = os.open(full, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        os.sync()  # a folder that may be written and not listed cannot be opened alone
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; a link that leads nowhere, or to itself, is none."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno in GONE:
            return False
        raise


def _listed(path: str, entry: os.DirEntry[str]) -> Stat | None:
    """The file of an entry; None where it is no file, or went away since its folder was listed."""
    try:
        return _stat(path, entry.stat()) if entry.is_file() else None
    except OSError as error:
        if error.errno in GONE:
            return None
        raise


def is_staging(name: str) -> bool:
    """Whether a folder of that name holds what nobody is to see yet."""
    return name.startswith(".") and name.endswith(STAGING_SUFFIX)


def _stat(path: str, found: os.stat_result) -> Stat:
    return Stat(path, found.st_size, found.st_mtime_ns)
