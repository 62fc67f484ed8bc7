"""How many values one value may hold: what names a value again and again makes a huge one of a small one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, TypeVar

from engine.errors import RecordError
from engine.records import Value

V = TypeVar("V")

MOST_VALUES: Final = 1_000_000
TEXT_VALUE: Final = 256
"""Characters of a text that weigh as one value more: a long one that is named often grows as a list does."""


def bounded(value: V, what: str) -> V:
    """The same value, refused where it would be written as too many: `[@,@]|[@,@]` names one again and again."""
    left, waiting = MOST_VALUES, list[Value]([value])
    while waiting:
        node = waiting.pop()
        left -= 1 + (len(node) // TEXT_VALUE if type(node) is str else 0)
        inside: Collection[Value] = node.values() if isinstance(node, dict) else node if type(node) is list else ()
        if left < len(waiting) + len(inside):
            raise too_many(what)
        waiting.extend(inside)
    return value


def put_together(values: list[Value], what: str) -> list[Value]:
    """A list of values that were there before; one of single values is as long as the spec says, and not counted."""
    return bounded(values, what) if any(isinstance(each, list | dict) for each in values) else values


def too_many(what: str) -> RecordError:
    """What is refused, by what gives it."""
    return RecordError("R208", f"{what} gives more than {MOST_VALUES:,} values")
