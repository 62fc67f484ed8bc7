"""`files`: the records of a unit as one file, or as one for each value of what the path names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal

from engine.errors import OptionError, RecordError
from engine.kinds import Facts, Formatter, Limits, Output, Roots, Sink, Stage, Writer
from engine.language.templates import Slot, Template, held, path_of
from engine.quantities import Size
from engine.records import Value, is_blank
from engine.registry import Doc, component
from engine.sinks._outputs import OutputFile, Refused, Roll, Series, Shelf, hashable
from engine.spelling import WHITE_SPACE
from engine.storage.packing import packer

PART: Final = "part"
NOTHING: Final[Mapping[str, Value]] = {}


@dataclass(frozen=True, kw_only=True)
class RollOptions:
    """When a file is full and the next one begins; either, or whichever comes first."""

    records: Annotated[int, Doc("Records that a file holds.", min=1)] = 0
    bytes: Annotated[Size, Doc("Bytes from which a file is full, as they are written, looked at every 64 records.")] = (
        Size(0)
    )

    def __post_init__(self) -> None:
        if not (self.records or self.bytes):
            raise OptionError("S209", "`roll` says neither `records` nor `bytes`", "write `roll: {records: 100000}`")


@component("files", "sink", examples=[
    {"type": "files", "path": "out/{unit.stem}.jsonl"},
    {"type": "files", "path": "out/{record.region}/{unit.stem}.csv"},
])  # fmt: skip
class Files(Sink):
    """One file a unit, under a name made from the unit, so that doing a unit again replaces and never adds.

    The file appears whole or not at all. By its extension it is compressed (`.gz`, `.zst`, `.bz2`, `.xz`), without
    time and name. Slots of the record in the path part the records of a unit into a file each; a blank one rejects its
    record. With `roll` a file that is full is followed by the next, and `{unit.part}` in the path counts them.

    Where a unit has several files a manifest `.<unit>.manifest.json` stands beside them, published last: it lists each
    with its bytes, records and hash. Another version of the unit takes away what the old manifest lists and the new
    one does not. Atomic is each file and the manifest, not all of them together.

    With `per: run` at any sink of a pipeline all files that a run does are one unit, and each output is of all of them.
    What a run made no other run replaces, as its files are not read again: each path names the run, as `{run.id}` or as
    `{run.started_at}` with its seconds, and the manifests of all runs stand. Where the source says `every_run: true`
    each run makes all anew, and a path without the run is replaced by the next one; so is the manifest.

    `overwrite` is looked at when a file is begun and again when it is published; a unit in whose way something was put
    meanwhile is held until that is taken away. On this machine nothing is replaced then, however short the time; on
    other stores what is put there between that look and the rename, or the completed upload, is replaced.
    """

    path: Annotated[Template, Doc("The file's path; a slot never leaves the folder that the literal text names.")]
    formatter: Annotated[Formatter | None, Doc("How records are written; by the extension unless given.")] = None
    connection: Annotated[str, Doc("The connection the file goes to; none: this machine.")] = ""
    roll: Annotated[RollOptions | None, Doc("When a file is full; the path then holds `{unit.part}`.")] = None
    per: Annotated[
        Literal["unit", "run"],
        Doc("One output a unit, or one of all units of a run, which are then one; `path` names the run."),
    ] = "unit"
    when_empty: Annotated[Literal["skip", "write"], Doc("A unit without records: no file, or one without records.")] = (
        "skip"
    )
    overwrite: Annotated[
        Literal["replace", "own", "never"],
        Doc("What may stand at the path before: anything, what this pipeline published, nothing. Else the unit fails."),
    ] = "replace"
    metadata: Annotated[dict[str, Template], Doc("Texts that the store keeps beside the file, by name (S3).")] = field(
        default_factory=dict
    )
    content_type: Annotated[str, Doc("The media type that the store keeps (S3); by the formatter unless given.")] = ""

    def __post_init__(self) -> None:
        if self.path.text.lower().endswith(".zip"):
            raise OptionError("S209", "zip files are read, not written", "write `.gz`, or `.zst`")
        if self.path.text.endswith("/"):
            help = f"write the name too, such as `{self.path.text}{{unit.stem}}.jsonl`"
            raise OptionError("S209", f"`{self.path.text}` names a folder, and a file needs a name in it", help)
        names_part = any((slot.root, slot.key) == ("unit", PART) for slot in self.path.slots)
        if self.roll and not names_part:
            raise OptionError("S209", "`roll` makes several files, and `path` gives them one name",
                              "add `{unit.part}` to the path")  # fmt: skip

    @property
    def root(self) -> str:
        """The folder that the path's literal head names: no output leaves it, its stagings stand in it."""
        return os.path.dirname(self.path.head)

    @property
    def several(self) -> bool:
        """Whether a unit may have more than one file."""
        return bool(self.roll or self.partitions)

    @property
    def partitions(self) -> tuple[Slot, ...]:
        """The slots that part records."""
        return tuple(slot for slot in self.path.slots if slot.root == "record")

    def inside(self) -> Files:
        """The same files below the folder that paths are relative to."""
        return replace(self, path=self.path.inside)

    def writer(
        self,
        roots: Roots,
        columns: Sequence[str],
        stage: Stage,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> Writer:
        """The files of one unit; a name that cannot be made fails here, before anything is read."""
        return _FilesWriter(self, roots, columns, stage, limits)

    def facts(self, roots: Roots) -> Facts:
        """What the store keeps beside a file."""
        assert self.formatter  # noqa: S101 - the compiler infers it or refuses the spec
        texts = {name: text.say(roots) for name, text in self.metadata.items()}
        return Facts(self.content_type or self.formatter.content_type, texts)


class _FilesWriter:
    """The files of one unit: opened at their first record, hashed as they go."""

    def __init__(self, sink: Files, roots: Roots, columns: Sequence[str], stage: Stage, limits: Limits) -> None:
        self._sink = sink
        self._roots = roots
        self._columns = columns
        self._stage = stage
        self._slots = sink.partitions
        self._facts = sink.facts(roots)
        self._roll = Roll(sink.roll.records, sink.roll.bytes) if sink.roll else None
        self._shelf = Shelf(limits.partitions)
        self._paths: dict[tuple[Any, ...], str] = {}
        self._whole = "" if self._slots else self._path(NOTHING, 1)

    def write(
        self, records: Sequence[dict[str, Value]], work: Sequence[Mapping[str, Value]] = ()
    ) -> Sequence[tuple[int, RecordError]]:
        """Take records; give back those that cannot be written, by index."""
        refused: Refused = []
        if not self._slots:
            if records:
                self._put(self._whole, NOTHING, records, range(len(records)), refused)
            return refused
        for path, (example, indexes) in self._parted(records, work, refused).items():
            self._put(path, example, [records[index] for index in indexes], indexes, refused)
        return sorted(refused, key=lambda each: each[0])

    def _put(
        self, path: str, example: Mapping[str, Value], records: Sequence[Any], indexes: Sequence[int], refused: Refused
    ) -> None:
        self._shelf.series(path, lambda: Series(lambda part: self._open(example, part), self._roll))
        self._shelf.write(path, records, indexes, refused)

    def _parted(
        self, records: Sequence[dict[str, Value]], work: Sequence[Mapping[str, Value]], refused: Refused
    ) -> dict[str, tuple[Mapping[str, Value], list[int]]]:
        """The records of each path by index, behind one as its slots see it; one whose slot is blank has no path."""
        found: dict[str, tuple[Mapping[str, Value], list[int]]] = {}
        for index, record in enumerate(records):
            seen = {**record, **work[index]} if work and work[index] else record
            try:
                path = self._path_of(seen)
            except RecordError as error:
                refused.append((index, error))
            else:
                found.setdefault(path, (seen, []))[1].append(index)
        return found

    def _path_of(self, record: Mapping[str, Value]) -> str:
        values = [held(slot, record) for slot in self._slots]
        key = tuple(map(hashable, values))
        path = self._paths.get(key)
        if path is None:
            for slot, value in zip(self._slots, values, strict=True):
                _refuse_unnamed(slot, value)
            if len(self._paths) > 100_000:  # a shortcut for those that come again, not a list of all
                self._paths.clear()
            path = self._paths[key] = self._path(record, 1)
        return path

    def _path(self, record: Mapping[str, Value], part: int) -> str:
        unit = {**self._roots["unit"], PART: _numbered(self._roots["unit"].get(PART), part if self._roll else 0)}
        return path_of(self._sink.path, {**self._roots, "unit": unit, "record": record})

    def _open(self, record: Mapping[str, Value], part: int) -> OutputFile:
        assert self._sink.formatter  # noqa: S101 - the compiler infers it or refuses the spec
        path = self._path(record, part)
        encoder = self._sink.formatter.encoder(self._columns, self._roots)
        return OutputFile(path, self._stage(path, self._facts), encoder, packer(path))

    def close(self) -> Sequence[Output]:
        """End the files, synced; no file where there were no records, unless one is asked for."""
        if not len(self._shelf) and self._sink.when_empty == "write" and not self._slots:
            self._shelf.series(self._whole, lambda: Series(lambda part: self._open(NOTHING, part), self._roll)).begun()
        return tuple(self._shelf.close())

    def abandon(self) -> None:
        """Let go of the files; their staging is destroyed by whoever made it."""
        self._shelf.abandon()


def _numbered(given: Any, part: int) -> str:
    """The number of a file: the source's part, the sink's, or both."""
    said = [str(given)] if given else []
    return "-".join([*said, f"{part:04}"] if part else said)


def _refuse_unnamed(slot: Slot, value: Value) -> None:
    """What names no file: blank, a list, an object."""
    if is_blank(value.strip(WHITE_SPACE) if isinstance(value, str) else value):
        raise RecordError("R303", f"`{slot}` parts the output, and is blank in this record", value)
    if isinstance(value, list | dict):
        raise RecordError("R303", f"`{slot}` parts the output, and is no single value in this record", value)
