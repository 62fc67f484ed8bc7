"""`files`: the records of a unit as one file."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from engine.errors import RecordError
from engine.kinds import NO_FACTS, Formatter, Output, Roots, Sink, Stage, Staged, Writer
from engine.language.templates import Template, path_of
from engine.records import Value
from engine.registry import Doc, component

COMPRESSED: Final = ".gz"


@component("files", "sink", examples=[{"type": "files", "path": "out/{unit.stem}.jsonl"}])
class Files(Sink):
    """One file a unit, under a name made from the unit, so that doing a unit again replaces and never adds.

    The file appears whole or not at all. A path that ends in `.gz` is compressed, without time and name.
    """

    path: Annotated[Template, Doc("The file's path; a slot never leaves the folder that the literal text names.")]
    formatter: Annotated[Formatter | None, Doc("How records are written; by the extension unless given.")] = None
    connection: Annotated[str, Doc("The connection the file goes to; none: this machine.")] = ""
    when_empty: Annotated[Literal["skip", "write"], Doc("A unit without records: no file, or one without records.")] = (
        "skip"
    )

    @property
    def root(self) -> str:
        """The folder that the path's literal head names: no output leaves it, its stagings stand in it."""
        return os.path.dirname(self.path.head)

    def target(self, roots: Roots) -> str:
        """The path of a unit's file."""
        return path_of(self.path, roots)

    def inside(self) -> Files:
        """The same files below the folder that paths are relative to."""
        return replace(self, path=self.path.inside)

    def writer(self, roots: Roots, columns: Sequence[str], stage: Stage) -> Writer:
        """The file of one unit."""
        return _FileWriter(self, self.target(roots), columns, stage)


class _FileWriter:
    """A file being written: opened at the first record, hashed as it goes."""

    def __init__(self, sink: Files, path: str, columns: Sequence[str], stage: Stage) -> None:
        assert sink.formatter  # noqa: S101 - the compiler infers it or refuses the spec
        self._encoder = sink.formatter.encoder(columns)
        self._write_empty = sink.when_empty == "write"
        self._path = path
        self._stage = stage
        self._file: Staged | None = None
        self._packed: gzip.GzipFile | None = None
        self._digest = hashlib.sha256()
        self._records = self._bytes = 0

    def write(self, records: Sequence[dict[str, Value]]) -> Sequence[tuple[int, RecordError]]:
        """Take records; give back those that cannot be written, by index."""
        refused: list[tuple[int, RecordError]] = []
        try:
            data = self._encoder.body(records)
            taken = len(records)
        except RecordError:
            data, refused = self._one_by_one(records)
            taken = len(records) - len(refused)
        if taken:
            self._put(data)
            self._records += taken
        return refused

    def _one_by_one(self, records: Sequence[dict[str, Value]]) -> tuple[bytes, list[tuple[int, RecordError]]]:
        parts: list[bytes] = []
        refused: list[tuple[int, RecordError]] = []
        for index, record in enumerate(records):
            try:
                parts.append(self._encoder.body([record]))
            except RecordError as error:
                refused.append((index, error))
        return b"".join(parts), refused

    def _put(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._stage(self._path, NO_FACTS)
            if self._path.endswith(COMPRESSED):
                raw: Any = _Tee(self)
                self._packed = gzip.GzipFile("", "wb", 6, raw, mtime=0)
            self._put(self._encoder.head())
        if self._packed:
            self._packed.write(data)
        else:
            self.take(data)

    def take(self, data: bytes) -> int:
        """Bytes as they go to the file."""
        assert self._file  # noqa: S101 - opened by _put
        self._digest.update(data)
        self._bytes += len(data)
        self._file.write(data)
        return len(data)

    def close(self) -> Sequence[Output]:
        """End the file: its tail, flushed and synced; no file where there were no records."""
        if self._file is None and not self._write_empty:
            return ()
        self._put(self._encoder.tail())
        if self._packed:
            self._packed.close()
        assert self._file  # noqa: S101 - _put opened it
        self._file.close()
        return (Output(self._path, self._records, self._bytes, self._digest.hexdigest()),)

    def abandon(self) -> None:
        """Let go of the file; its staging is destroyed by whoever made it."""
        if self._file:
            self._file.abandon()


class _Tee:
    """What a gzip stream writes to: the bytes that the hash counts."""

    def __init__(self, writer: _FileWriter) -> None:
        self._writer = writer

    def write(self, data: Any) -> int:
        return self._writer.take(bytes(data))

    def flush(self) -> None:
        """Nothing is held back here."""
