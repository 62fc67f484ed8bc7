"""`files`: each file that matches is a unit."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal

from engine.errors import OptionError
from engine.kinds import Part, Roots, Source, Stat, Store, Unit
from engine.language.templates import Template, path_of
from engine.quantities import Duration, Size
from engine.records import Instant
from engine.registry import Doc, component
from engine.storage.globs import expand, static_head
from engine.storage.packing import strip_compression

LEAST: Final = Size(64 * 1024)
"""A part is a few blocks at least: a file is cut between them."""
CONTRADICTS: Final = {
    "every_run": "leave one out: content that was done is not done again, or every file is",
    "split": "leave one out: parts of one file may have the same content, and all of them are wanted",
}
_SUFFIX: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}\Z")
_EPOCH: Final = Instant(1970, 1, 1, tzinfo=UTC)


@component("files", "source", examples=[{"type": "files", "path": "incoming/*.csv"}])
class Files(Source):
    """Each file that matches the path is a unit; a file that was done is not read again.

    The path is a glob: `*` and `?` inside a name, `**` over folders, `[a-z]`, `{a,b}`; names that begin with
    a dot match only where the pattern says the dot. A link to a folder is followed where a segment of its own
    names it (`in/*/*.csv`), not below `**`; one that leads back to a folder it stands in is left alone.

    A file is another one when its size or time (on S3 its mark) changed; touched and otherwise the same, it is read
    and ends `unchanged`. With `identity: hash` it ends so, too, when its content stands as done under another name; the
    content is known when it was read, so each unit is committed by itself. When the file that it was done as gets
    another content, it is done again.

    `done_marker` names a file that the sender puts beside a whole one: `{unit.name}.done`, or `_DONE` for a folder.
    One of a file's own is removed once its file is archived.

    With `split` a file is read in parts, each a unit `<path>#<part>` that is committed, refused and retried by itself;
    `{unit.part}` in the sink's path tells their outputs apart (`0001`). A part ends with a record, and rejects tell
    places in the file. The file is read once more to find the places, before its first part. A changed file makes all
    parts due, and may be cut at other places. Each part replaces its output when it is done, so until all are (one may
    be refused, or fail) the outputs are of both versions: a record may stand in two of them, or in none. Outputs of
    parts that it has no more are removed behind that. It is archived when all its parts are done.

    With `per: run` at a sink all files that are due are one unit. One among them that was done as another version is
    read twice, first to see whether it was only touched: then it is left out, and ends `unchanged`.
    """

    path: Annotated[Template, Doc("Which files: a glob, relative to the connection or to this file.")]
    connection: Annotated[str, Doc("The connection the files are behind; none: this machine.")] = ""
    exclude: Annotated[list[str], Doc("Globs of files that are left alone.")] = ()  # type: ignore[assignment]
    order: Annotated[Literal["name", "mtime"], Doc("By path, or the oldest first.")] = "name"
    min_age: Annotated[
        Duration, Doc("A file is taken when it has not changed for so long, such as `30s` (ms s m h d).")
    ] = Duration(0)
    done_marker: Annotated[
        Template | None, Doc("A file is taken when this one stands in its folder, such as `{unit.name}.done`.")
    ] = None
    identity: Annotated[
        Literal["version", "hash"], Doc("By what a file was done before: its version, or its content under any name.")
    ] = "version"
    every_run: Annotated[bool, Doc("Do each file in every run, whether it changed or not; its output is replaced.")] = (
        False
    )
    split: Annotated[
        Size, Doc("Read a file in parts of about this size, each a unit of its own (formats of lines, not compressed).")
    ] = Size(0)

    def __post_init__(self) -> None:
        for pattern in (self.path.text, *self.exclude):
            expand(pattern)
        if self.done_marker and "/" in self.done_marker.text:
            help = "it stands beside the file that it is for: write its name, such as `{unit.name}.done`"
            raise OptionError("S209", "`done_marker` names a file in another folder", help)
        if 0 < self.split < LEAST:
            raise OptionError("S209", f"`split: {self.split}` is less than {LEAST}", "leave it out, or write `64MiB`")
        other = "every_run" if self.every_run else "split" if self.split else ""
        if self.identity == "hash" and other:
            message = f"`identity: hash` and `{other}` contradict each other"
            raise OptionError("S209", message, CONTRADICTS[other])

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

    def parts(self, unit: Unit) -> Sequence[Unit]:
        """The pieces that a file is read in; their number follows from its size alone."""
        if not self.split:
            return (unit,)
        is_packed = strip_compression(unit.values["name"]) != unit.values["name"]
        count = 1 if is_packed else max(1, -(-unit.stat.size // self.split))
        return tuple(part_of(unit, Part(number, count, self.split)) for number in range(1, count + 1))

    def is_ready(self, store: Store, unit: Unit, roots: Roots) -> bool:
        """Whether its marker is there."""
        return not self.done_marker or store.stat(self._marker(self.done_marker, unit, roots)) is not None

    def marker(self, unit: Unit, roots: Roots) -> str:
        """Its marker, where that is for it alone."""
        own = self.done_marker and any(slot.root == "unit" for slot in self.done_marker.slots)
        return self._marker(self.done_marker, unit, roots) if own and self.done_marker else ""

    def _marker(self, marker: Template, unit: Unit, roots: Roots) -> str:
        name = marker.render({**roots, "unit": unit.values}, lambda text, slot: text)
        return posixpath.join(posixpath.dirname(unit.stat.path), name)


def part_of(unit: Unit, part: Part) -> Unit:
    """One piece of a file as a unit of its own."""
    name = part_name(unit.id, part.number)
    return unit._replace(id=name, values={**unit.values, "id": name, "part": f"{part.number:04}"}, part=part)


def part_name(file: str, number: int) -> str:
    """The id of one piece of a file."""
    return f"{file}#{number:04}"


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


def split_name(name: str) -> tuple[str, str]:
    """A file's name without its format and compression suffixes, and these: `a` and `.csv.gz`."""
    stem = strip_compression(name)
    match = _SUFFIX.search(stem)
    if match and match.start() > 0:
        stem = stem[: match.start()]
    return stem, name[len(stem) :]
