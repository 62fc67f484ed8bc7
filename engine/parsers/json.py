"""`json`: the records of one JSON document, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, BinaryIO, ClassVar, Final

from engine.errors import OptionError, UnitError
from engine.kinds import Limits
from engine.language.paths import Path
from engine.language.picking import Name
from engine.parsers._input import Encoded
from engine.parsers._items import items, one, skip
from engine.parsers._window import END, Window
from engine.records import Batch
from engine.registry import Doc, component
from engine.spelling import listed

LIST, OBJECT, NULL = b"[{n"
MOST_KEYS: Final = 10
NAMES: Final = {0x22: "text", 0x74: "true", 0x66: "false"}


@component(
    "json",
    "parser",
    examples=[{"type": "json"}, {"type": "json", "record_path": "data.items"}],
)
class Json(Encoded):
    """One JSON document: the items of a list are its records, an object is one record.

    With `record_path` the records are further in, and what stands around them is held against the grammar and left
    away. Where nothing is at the path there are no records; where the document never has it, the unit fails.

    The document is read from left to right and never held whole: memory is that of the largest record, and of a
    block. Integers keep any size, fractions their digits. Of repeated keys in one record the last counts; a key on the
    record path that is repeated fails the unit, since its records are gone by then.

    A record that is not UTF-8, nested too deeply or over the limit in bytes, or that holds half a surrogate or a number
    out of range, is a reject, if its end can be found. All else that is no JSON (`NaN`, comments, trailing commas, text
    behind the end, an end too early) fails the unit with its line and byte, since what follows cannot be trusted.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    record_path: Annotated[
        Path | None, Doc("Where the records are: names, such as `data.items`. Lists on the way are entered.")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        path = self.record_path
        if path and (path.head or path.query or not all(isinstance(step, Name) for step in path.steps)):
            help = "write the names that lead to them: `data.items`; lists on the way are entered by themselves"
            raise OptionError("S209", f"`{path.text}` is no path of names", help)

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream."""
        path = self.record_path
        steps = [step.text for step in path.steps if isinstance(step, Name)] if path else []
        walk = _Walk(Window(stream, limits), steps)
        number = 1
        for batch in walk.records():
            batch.number = number
            yield batch
            number += len(batch)


class _Walk:
    """The way through a document to its records, and behind them to its end."""

    def __init__(self, window: Window, steps: Sequence[str]) -> None:
        self._window = window
        self._steps = steps
        self._found = False
        self._missed: dict[int, list[str]] = {}

    def records(self) -> Iterator[Batch]:
        """All of them; UnitError R126 where the path leads nowhere."""
        window = self._window
        yield from self._value(0)
        if window.next() != END:
            help = "one document stands in one file; values one a line are read by the parser `jsonl`"
            place = window.place
            raise UnitError("R127", f"text stands behind the end of the document ({place})", help)
        if self._missed and not self._found:
            raise self._absent()

    def _value(self, depth: int) -> Iterator[Batch]:
        """The records of the value at which it stands, so many steps down the path."""
        kind = self._window.next()
        if depth == len(self._steps):
            self._found = True
            yield from self._records(kind)
        elif kind == LIST:
            yield from self._entered(depth)
        elif kind == OBJECT:
            yield from self._members(depth)
        else:
            if kind != NULL:
                self._refuse(kind, depth)
            skip(self._window)

    def _records(self, kind: int) -> Iterator[Batch]:
        """What stands at the end of the path."""
        if kind == LIST:
            yield from items(self._window)
        elif kind == OBJECT or not self._steps:
            yield one(self._window)
        else:
            if kind != NULL:
                self._refuse(kind, len(self._steps))
            skip(self._window)

    def _entered(self, depth: int) -> Iterator[Batch]:
        """The records of each item of a list on the way."""
        window = self._window
        window.take(b"[")
        if window.next() == 0x5D:
            window.take(b"]")
            return
        while True:
            yield from self._value(depth)
            if window.take(b",]") == 0x5D:
                return

    def _members(self, depth: int) -> Iterator[Batch]:
        """The records of the member that the path names; the others are skipped."""
        window, step, keys = self._window, self._steps[depth], list[str]()
        window.take(b"{")
        if window.next() == 0x7D:
            window.take(b"}")
            self._missed.setdefault(depth, keys)
            return
        found = False
        while True:
            key = window.text()
            if key == step and found:
                self._repeated(depth)
            window.take(b":")
            if key == step:
                found = True
                yield from self._value(depth + 1)
            else:
                if len(keys) < MOST_KEYS:
                    keys.append(key)
                skip(window)
            if window.take(b",}") == 0x7D:
                break
        if not found:
            self._missed.setdefault(depth, keys)

    def _refuse(self, kind: int, depth: int) -> None:
        window = self._window
        if kind == END:
            window.refuse("it ends too early")
        what = NAMES.get(kind, "a number")
        place = window.place
        where = f"`{'.'.join(self._steps[:depth])}`" if depth else "the document"
        message = f"`record_path`: {where} is {what} ({place}), not an object or a list"
        raise UnitError("R126", message, "lead the path to the list that holds the records")

    def _repeated(self, depth: int) -> None:
        where = f"`{'.'.join(self._steps[: depth + 1])}`"
        message = f"`record_path`: {where} is there twice ({self._window.place})"
        raise UnitError("R126", message, "the first was read already: have the sender write one of them")

    def _absent(self) -> UnitError:
        depth = max(self._missed)
        keys = self._missed[depth]
        where = f"`{'.'.join(self._steps[:depth])}`" if depth else "the document"
        more = ", .." if len(keys) == MOST_KEYS else ""
        holds = f"it has {listed(keys)}{more}" if keys else "it is empty"
        return UnitError("R126", f"`record_path`: {where} has no `{self._steps[depth]}`", f"{holds}; mend the path")
