"""The store of files behind an SFTP login: listing, reading, and how it publishes by renaming."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final, cast

from engine.errors import StoreError
from engine.kinds import Staged, Stat, Store
from engine.storage import globs
from engine.storage.local import is_staging
from engine.storage.sftp_files import SftpFile, SftpReader
from engine.storage.sftp_login import SSH_PORT
from engine.storage.sftp_session import FailedError, MissingError, Session, UnsupportedError
from engine.storage.staging import FolderPublishing
from engine.storage.stores import content_hash

PAGE: Final = 1000
"""Entries of a folder that are waited for together."""
NANO: Final = 10**9


class SftpStore(FolderPublishing):
    """Files of one login; paths begin at the server's root or at the login's folder."""

    def __init__(self, session: Session, *, allow_gap: bool = False) -> None:
        self._session = session
        self._allow_gap = allow_gap

    @property
    def address(self) -> Mapping[str, str]:
        """The server and the login."""
        login = self._session.login
        return {"type": "sftp", "host": login.host, "port": str(login.port), "user": login.user}

    def where(self, path: str) -> str:
        """The place of a path, by its text alone: a check without the server names the same."""
        login, clean = self._session.login, _clean(path)
        return f"sftp://{login.place}{clean if clean.startswith('/') else f'/~{login.user}/{clean}'}"

    def show(self, path: str) -> str:
        """As a URL; `~` is the login's folder."""
        login, clean = self._session.login, _clean(path)
        place = login.host if login.port == SSH_PORT else login.place
        return f"sftp://{place}{clean if clean.startswith('/') else f'/~/{clean}'}"

    # --- reading

    def glob(self, pattern: str, exclude: Sequence[str] = ()) -> Iterator[Stat]:
        """The files that match, in the order of their paths; folders that the pattern cannot reach are not listed."""
        yield from globs.found(pattern, exclude, _clean, self._find)

    def _find(self, pattern: str) -> Iterator[Stat]:
        if not globs.is_glob(pattern):
            if file := self.stat(pattern):
                yield file
            return
        folders = [globs.static_head(pattern)]
        while folders:
            folder = folders.pop()
            for name, attrs in self._entries(folder):
                path, linked = posixpath.join(folder, name), _is_link(attrs)
                enters = globs.enters(path, pattern, linked=linked) and not is_staging(name)
                if not (enters or globs.matches(path, pattern)):
                    continue
                now = self._followed(path) if linked else attrs
                if _is_folder(now):
                    if enters and not (linked and self._leads_up(folder, path)):
                        folders.append(path)
                elif _is_file(now) and globs.matches(path, pattern):
                    yield _stat(path, now)

    def _entries(self, folder: str) -> list[tuple[str, Any]]:
        """What is in a folder, all of it; nothing where it went away since it was listed."""
        shown = self.show(folder)

        def listed() -> list[tuple[str, Any]]:
            entries, pages = [], self._session.once(_listing(folder or "."), shown)
            while page := self._session.once(lambda _: _page(pages), shown):
                entries.extend(page)
            return entries

        try:
            return self._session.retry.run(listed, self._session.login.place)
        except MissingError:
            return []

    def _followed(self, path: str) -> Any:
        """What a link shows, None where it leads nowhere."""
        try:
            return self._ask(path, lambda client: client.stat(path))
        except (MissingError, FailedError):
            return None

    def _leads_up(self, folder: str, link: str) -> bool:
        """Whether a link shows a folder that it stands in: what is there would be found over and over."""
        inner = self._ask(folder, lambda client: client.realpath(folder or "."))
        outer = self._ask(link, lambda client: client.realpath(link))
        return bool(posixpath.commonpath([inner, outer]) == outer)

    def stat(self, path: str) -> Stat | None:
        """The file as it is now."""
        try:
            found = self._ask(path, lambda client: client.stat(_clean(path)))
        except MissingError:
            return None
        return _stat(path, found) if _is_file(found) else None

    def open(self, path: str, stat: Stat | None = None) -> BinaryIO:
        """The file for reading, some megabytes of it asked for at once."""
        reader = SftpReader(self._session, _clean(path), self.show(path), lambda found: _stat(path, found), stat)
        return cast("BinaryIO", reader)

    def exists(self, path: str) -> bool:
        """Whether something of that name is there."""
        return self._kind(path) is not None

    def _kind(self, path: str) -> int | None:
        """The mode of what is there, links not followed."""
        try:
            return int(self._ask(path, lambda client: client.lstat(_clean(path))).permissions or 0)
        except MissingError:
            return None

    def _ask(self, path: str, work: Any) -> Any:
        return self._session.call(work, self.show(path))

    # --- the steps of publishing

    def make(self, path: str, *, new: bool = False) -> None:
        """A folder and those above it; with `new`, one that was not there."""
        if new and self.exists(path):  # asked before: some servers make it without a word
            raise StoreError("C104", f"`{self.show(path)}` is there already", "choose another path")
        folder, missing = _clean(path), list[str]()
        while not stat.S_ISDIR(kind := self._target_kind(folder)):
            if kind:
                message = f"`{self.show(folder)}` is a file, a folder is needed"
                raise StoreError("C104", message, "choose another path")
            missing.append(folder)
            if folder in ("/", "."):
                break
            folder = posixpath.dirname(folder) or "."
        for each in reversed(missing):
            self._make_one(each)

    def _make_one(self, folder: str) -> None:
        try:
            self._ask(folder, lambda client: client.mkdir(folder))
        except FailedError:
            if not stat.S_ISDIR(self._target_kind(folder)):  # else another run made it
                raise

    def _target_kind(self, path: str) -> int:
        """The mode of what a path leads to, 0 where that is nothing."""
        try:
            return int(self._ask(path, lambda client: client.stat(path)).permissions or 0)
        except (MissingError, FailedError):
            return 0

    def create(self, path: str) -> Staged:
        """A new file; its folders are made."""
        self.make(posixpath.dirname(_clean(path)) or ".")
        return SftpFile(self._session, _clean(path), self.show(path))

    def sync(self, paths: Sequence[str]) -> None:
        """Nothing to do: the protocol has no way to sync a folder."""

    def rename(self, staged: str, final: str) -> None:
        """Put a staged file in its place; a reader sees the old one or the new one, never a part."""
        source, target = _clean(staged), _clean(final)
        self.make(posixpath.dirname(target) or ".")
        try:
            self._rename(source, target, lambda client: client.posix_rename(source, target))
        except UnsupportedError:
            self._clear(final)
            self._rename(source, target, lambda client: client.rename(source, target))

    def _clear(self, final: str) -> None:
        """Take away what a plain rename would not replace, where that is allowed."""
        if not self.exists(final):
            return
        if not self._allow_gap:
            message = f"the server cannot replace `{self.show(final)}` in one step"
            raise StoreError("C207", message, "set `allow_gap: true` to have it removed first, or write to new names")
        self.remove(final)

    def _rename(self, source: str, target: str, work: Any) -> None:
        """A rename that may have been done before the connection was lost."""
        tries = 0

        def once() -> None:
            nonlocal tries
            tries += 1
            try:
                self._session.once(work, self.show(target))
            except MissingError:
                if tries == 1 or not self.exists(target):
                    raise
            except FailedError:
                if stat.S_ISDIR(self._kind(target) or 0):
                    message = f"`{self.show(target)}` is a folder, a file is needed"
                    raise StoreError("C104", message, "choose another path") from None
                raise

        self._session.retry.run(once, self._session.login.place)

    def move(self, path: str, target: str) -> None:
        """Move a file; a target that is there is never replaced (on a server that renames over, if it came first)."""
        if self.exists(target):
            raise StoreError("C104", f"`{self.show(target)}` is there already", "choose another path")
        source, goal = _clean(path), _clean(target)
        self.make(posixpath.dirname(goal) or ".")
        self._rename(source, goal, lambda client: client.rename(source, goal))

    def remove(self, path: str, seen: Stat | None = None) -> None:
        """Remove a file, or a folder with all that is in it; nothing there is fine."""
        kind, clean = self._kind(path), _clean(path)
        if kind is None:
            return
        try:
            if stat.S_ISDIR(kind):
                self._ask(path, lambda client: client.rmtree(clean))
            else:
                self._ask(path, lambda client: client.remove(clean))
        except MissingError:
            return

    def is_lost(self, output: Mapping[str, Any]) -> bool:
        """As where stagings are folders, but one that is gone is not taken for never published while its target is.

        A server's owner may tidy hidden folders away, and its readers take what they read: doing the unit again could
        deliver it twice.
        """
        if not FolderPublishing.is_lost(self, output):
            return False
        if self.exists(output["folder"]):
            return True
        found = self.stat(output["path"])
        if found is None:
            folder, final = self.show(output["folder"]), self.show(output["path"])
            message = f"`{final}` is not there, and its staging `{folder}` is gone: whether it arrived is not known"
            help = f"if a reader took it, make the folder `{folder}`; if not, put any file in its place; then run again"
            raise StoreError("C206", message, help)
        return (
            bool(found.size != output["bytes"]) or content_hash(cast("Store", self), output["path"]) != output["sha256"]
        )


def _clean(path: str) -> str:
    """One way of writing a path; `//` at its front is no other root."""
    clean = posixpath.normpath(path or ".")
    return clean[1:] if clean.startswith("//") else clean


def _listing(folder: str) -> Any:
    async def begun(client: Any) -> AsyncIterator[Any]:
        return client.scandir(folder)  # type: ignore[no-any-return]

    return begun


async def _page(entries: AsyncIterator[Any]) -> list[tuple[str, Any]]:
    """The next entries of a folder, so many that the wait for them is short."""
    page = []
    async for entry in entries:
        if entry.filename not in (".", ".."):
            page.append((entry.filename, entry.attrs))
            if len(page) == PAGE:
                break
    return page


def _is_link(attrs: Any) -> bool:
    return stat.S_ISLNK(attrs.permissions or 0)


def _is_folder(attrs: Any) -> bool:
    return attrs is not None and stat.S_ISDIR(attrs.permissions or 0)


def _is_file(attrs: Any) -> bool:
    return attrs is not None and stat.S_ISREG(attrs.permissions or 0)


def _stat(path: str, attrs: Any) -> Stat:
    return Stat(path, attrs.size or 0, (attrs.mtime or 0) * NANO + (attrs.mtime_ns or 0))
