"""`stdin`: what is piped into a run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from engine.kinds import Connection, Roots, Source, Store, Unit
from engine.records import Instant
from engine.registry import component
from engine.storage.standard import NAME, StandardInput


@component("stdin", "source", examples=[{"type": "stdin"}])
class Stdin(Source):
    """What is piped into the run, as one unit named `stdin`: `engine run stock.yaml < stock.csv`.

    Every run reads what it is given and replaces what the last one published under the same name. Standard input cannot
    be read twice: a run that is killed before its intent needs the same input again, and nothing can be archived. It
    has no extension, so `parser` must be said, and `compression` where it is packed. A terminal is refused.

    In a golden it is the file `input/stdin`.
    """

    connection: ClassVar[str] = ""  # type: ignore[misc]
    every_run: ClassVar[bool] = True  # type: ignore[misc]
    repeats: ClassVar[bool] = False
    end: ClassVar[Connection] = StandardInput()

    def inside(self) -> Stdin:
        """The same."""
        return self

    def units(self, store: Store, roots: Roots, now: datetime) -> Iterator[Unit]:
        """The one unit."""
        if stat := store.stat(NAME):
            moment = Instant.fromtimestamp(now.timestamp(), now.tzinfo)
            values = dict.fromkeys(("id", "name", "stem", "path"), NAME) | {"ext": "", "dir": "", "source": ""}
            yield Unit(NAME, stat, {**values, "mtime": moment, "date": moment.date()})
