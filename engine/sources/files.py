"""`files`: each file that matches is a unit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal

from engine.kinds import Roots, Source, Stat, Store, Unit
from engine.language.quantities import Duration
from engine.language.templates import Template, path_of
from engine.records import Instant
from engine.registry import Doc, component
from engine.storage.globs import expand, static_head

COMPRESSIONS: Final = (".gz",)

_SUFFIX: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}\Z")
_EPOCH: Final = Instant(1970, 1, 1, tzinfo=UTC)


@component("files", "source", examples=[{"type": "files", "path": "incoming/*.csv"}])
class Files(Source):
    """Each file that matches the path is a unit; a file that was done is not read again.

    The path is a glob: `*` and `?` inside a name, `**` over folders, `[a-z]`, `{a,b}`; names that begin with
    a dot match only where the pattern says the dot. A link to a folder is followed where a segment of its own
    names it (`in/*/*.csv`), not below `**`; one that leads back to a folder it stands in is left alone.
    """

    path: Annotated[Template, Doc("Which files: a glob, relative to the connection or to this file.")]
    connection: Annotated[str, Doc("The connection the files are behind; none: this machine.")] = ""
    exclude: Annotated[list[str], Doc("Globs of files that are left alone.")] = ()  # type: ignore[assignment]
    order: Annotated[Literal["name", "mtime"], Doc("By path, or the oldest first.")] = "name"
    min_age: Annotated[
        Duration, Doc("A file is taken when it has not changed for so long, such as `30s` (ms s m h d).")
    ] = Duration(0)

    def __post_init__(self) -> None:
        for pattern in (self.path.text, *self.exclude):
            expand(pattern)

    def inside(self) -> Files:
        """The same files below the folder that paths are relative to."""
        return replace(self, path=self.path.inside)

    def pattern(self, roots: Roots) -> str:
        """The glob with its variables filled in; what they hold is no part of the pattern."""
        return path_of(self.path, roots)

    def where(self, roots: Roots) -> str:
        """The pattern of its files."""
        return self.pattern(roots)

    def units(self, store: Store, roots: Roots, now: datetime) -> Iterator[Unit]:
        """The files that are there now, in order."""
        pattern = self.pattern(roots)
        found = list(store.glob(pattern, self.exclude))
        if self.order == "mtime":
            found.sort(key=lambda stat: (stat.mtime_ns, stat.path))
        newest = (now.timestamp() - self.min_age) * 1e9
        for stat in found:
            if not self.min_age or stat.mtime_ns <= newest:
                yield unit_of(stat, pattern)


def unit_of(stat: Stat, pattern: str) -> Unit:
    """The unit of one file; `dir` is relative to the folders that the pattern names outright."""
    name = stat.path.rsplit("/", 1)[-1]
    stem, ext = split_name(name)
    mtime = _EPOCH + timedelta(microseconds=stat.mtime_ns // 1000)
    folder = os.path.relpath(os.path.dirname(stat.path) or ".", static_head(pattern) or ".")
    values = {
        "id": stat.path,
        "name": name,
        "stem": stem,
        "ext": ext,
        "dir": "" if folder == "." else folder,
        "path": stat.path,
        "size": stat.size,
        "mtime": mtime,
        "date": date(mtime.year, mtime.month, mtime.day),
        "source": "",
    }
    return Unit(stat.path, stat, values)


def strip_compression(name: str) -> str:
    """A file's name without its compression suffix."""
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix) if name != suffix else name
    return name


def split_name(name: str) -> tuple[str, str]:
    """A file's name without its format and compression suffixes, and these: `a` and `.csv.gz`."""
    stem = strip_compression(name)
    match = _SUFFIX.search(stem)
    if match and match.start() > 0:
        stem = stem[: match.start()]
    return stem, name[len(stem) :]
