"""`stdout`: the records of a unit on standard output, when the unit is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from engine.kinds import Formatter, Limits, Roots, Sink, Stage, Writer
from engine.language.templates import Template
from engine.registry import Doc, component
from engine.sinks.files import Files
from engine.storage.streams import Stdout

FILE: Template = Template.parse("unit")


@component("stdout", "sink", examples=[{"type": "stdout", "formatter": "jsonl"}])
class StandardOutput(Sink):
    """The records of each unit on standard output, unit by unit, each when it is done; talk goes to standard error.

    Nothing of a unit that is refused or fails is written. What was written cannot be taken back: a run that is killed
    between writing a unit and noting it writes that unit again.
    """

    end: ClassVar[Stdout] = Stdout()
    connection: ClassVar[str] = ""  # type: ignore[misc]
    overwrite: ClassVar[str] = "replace"  # type: ignore[misc]
    per: ClassVar[str] = "unit"  # type: ignore[misc]

    formatter: Annotated[Formatter, Doc("How records are written.")]

    @property
    def root(self) -> str:
        """The one place there is."""
        return ""

    def inside(self) -> Sink:
        """A trial, or a golden, gives a file `stdout` for each unit."""
        return Files(path=Template.parse("stdout/{unit.name}"), formatter=self.formatter)

    def writer(
        self,
        roots: Roots,
        columns: Sequence[str],
        stage: Stage,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> Writer:
        """The bytes of one unit."""
        file = Files(path=replace(FILE), formatter=self.formatter)
        return file.writer(roots, columns, stage, limits)
