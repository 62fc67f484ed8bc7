"""What a path may start at while one record is mapped: the frame, and the heads that read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from engine.language.tables import Tables
from engine.records import MISSING, Value


class Context:
    """What a run gives to every record of a unit: the roots `vars`, `run` and `unit`, and the lookups."""

    __slots__ = ("run", "tables", "unit", "vars")

    def __init__(
        self, vars: Mapping[str, Any], run: Mapping[str, Any], unit: Mapping[str, Any], tables: Tables | None = None
    ) -> None:
        self.vars = vars
        self.run = run
        self.unit = unit
        self.tables = tables if tables is not None else Tables()


NOTHING: Final[Mapping[str, Value]] = {}


class Around(Protocol):
    """What stands around a value: `$parent`, and what is around that."""

    @property
    def node(self) -> Value:
        """The value."""

    @property
    def parent(self) -> Around | None:
        """What is around it."""

    @property
    def carried(self) -> Mapping[str, Value]:
        """The working fields of steps before that are seen as names of it."""


def with_work(node: Value, work: Mapping[str, Value]) -> Value:
    """A record with the working fields of steps before under their names."""
    return {**node, **work} if work and isinstance(node, dict) else node


class Frame:
    """Where the mapper stands: the value that paths start at, what is around it, and what was made so far.

    One frame serves a map and is refilled for each record; nested objects and items get their own.
    """

    __slots__ = (
        "around",
        "base",
        "carried",
        "context",
        "index",
        "item",
        "loop",
        "node",
        "number",
        "out",
        "parent",
        "record",
        "root",
        "work",
    )

    def __init__(self, node: Value, context: Context) -> None:
        self.node = node
        self.record = node
        self.root = node
        self.parent: Around | None = None
        self.item: Value = MISSING
        self.index: Value = MISSING
        self.loop: Value = MISSING
        self.out: dict[str, Value] = {}
        self.work: dict[str, Value] = {}
        self.around: Frame | None = None
        self.context = context
        self.carried: Mapping[str, Value] = NOTHING
        self.base = self
        self.number = 0

    def inner(self, node: Value) -> Frame:
        """The frame of a nested object that has a source, or of one item: this one is its parent."""
        frame = self.beside()
        frame.node = node
        frame.parent = self
        frame.carried = NOTHING
        return frame

    def beside(self) -> Frame:
        """The frame of a nested object without a source: the same value, an object of its own."""
        frame = Frame.__new__(Frame)
        frame.node = self.node
        frame.record = self.record
        frame.root = self.root
        frame.parent = self.parent
        frame.item = self.item
        frame.index = self.index
        frame.out = {}
        frame.work = {}
        frame.around = self
        frame.carried = self.carried
        frame.base = self.base
        frame.context = self.context
        frame.number = self.number
        return frame


Head = Callable[[Frame], Value]
Carried = Callable[[Frame], Mapping[str, Value]]


def _parent(up: int) -> Head:
    def parent(frame: Frame) -> Value:
        found: Around | None = frame
        for _ in range(up):
            found = found.parent if found else None
        return found.node if found else MISSING

    return parent


def _out(up: int) -> Head:
    def out(frame: Frame) -> Value:
        return _around(frame, up).out

    return out


def _work(up: int) -> Head:
    def work(frame: Frame) -> Value:
        return _around(frame, up).work

    return work


def _around(frame: Frame, up: int) -> Frame:
    for _ in range(up):
        frame = frame.around or frame
    return frame


def _unit(frame: Frame) -> Value:
    return {**frame.context.unit, "record": frame.number}


HEADS: Final[Mapping[str, Callable[[int], Head]]] = {
    "": lambda up: lambda frame: frame.node,
    "$record": lambda up: lambda frame: frame.record,
    "$root": lambda up: lambda frame: frame.root,
    "$parent": _parent,
    "$item": lambda up: lambda frame: frame.item,
    "$index": lambda up: lambda frame: frame.index,
    "$out": _out,
    "$work": _work,
    "$vars": lambda up: lambda frame: frame.context.vars,
    "$run": lambda up: lambda frame: frame.context.run,
    "$unit": lambda up: _unit,
}
"""Each head by name; `up` counts the `$parent` steps behind it. `$work` holds the working fields of `$out`."""


def _carried_by_parent(up: int) -> Carried:
    def carried(frame: Frame) -> Mapping[str, Value]:
        found: Around | None = frame
        for _ in range(up):
            found = found.parent if found else None
        return found.carried if found else NOTHING

    return carried


CARRIED: Final[Mapping[str, Callable[[int], Carried]]] = {
    "": lambda up: lambda frame: frame.carried,
    "$record": lambda up: lambda frame: frame.base.carried,
    "$parent": _carried_by_parent,
}
"""The working fields of steps before that are seen as names behind a head."""

UNIT_KEYS: Final = ("id", "name", "stem", "ext", "dir", "path", "size", "mtime", "date", "source", "record", "part")
RUN_KEYS: Final = ("id", "started_at", "pipeline")
