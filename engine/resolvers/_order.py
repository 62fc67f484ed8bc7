"""Order and sameness of values: what `sort` and `unique` stand on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from engine.errors import OptionError, RecordError
from engine.language.numbers import exact
from engine.language.paths import Path
from engine.language.picking import Step, take
from engine.language.shapes import type_of
from engine.language.times import since_epoch
from engine.records import bare, is_blank
from engine.registry import NUMBERS, SCALARS
from engine.spelling import show


class Key(NamedTuple):
    """One of the keys that a list is sorted by: its text, its steps into an item, whether the greatest is first."""

    text: str
    steps: tuple[Step, ...] = ()
    down: bool = False

    def pick(self, item: Any) -> Any:
        """What an item is sorted by."""
        if self.steps and not is_blank(item) and not isinstance(item, dict | list):
            raise RecordError("R222", f"`by: {self.text}` is asked of {type_of(item)} {show(item)}: leave `by` out")
        for step in self.steps:
            item = take(item, step)
        return item


class By:
    """Paths into the items of a list; the first that differs decides, and a `-` before one puts the greatest first.

    A key whose own name begins with `-` stands in double quotes; `-@` is the item itself, greatest first.
    """

    kind = "path or list of paths, each with `-` for descending"
    schema: Final = {"type": ["string", "array"], "minLength": 1, "minItems": 1, "items": {"type": "string"}}
    __slots__ = ("keys",)

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self.keys = keys

    @classmethod
    def parse(cls, value: Any) -> By:
        """The keys, each a plain path without head."""
        texts = value if isinstance(value, list | tuple) else [value]
        return cls(tuple(_key(text) for text in texts or [""]))


def _key(text: Any) -> Key:
    bare = str(text).removeprefix("-")
    path = Path.parse(f"@{bare}" if bare.startswith("[") else bare) if isinstance(text, str) and bare else None
    if path is None or path.query or path.head:
        help = "write dotted names, such as `price` or `-price.net`; several keys are a list"
        raise OptionError("M201", f"{show(text)} is no path into an item", help)
    return Key(text, path.steps, text.startswith("-"))


def ordered(items: Sequence[Any], key: Key) -> list[Any]:
    """By one key; the order that was there stays among equals, which is what lets several keys follow."""
    found = [bare(key.pick(item)) for item in items]
    blank = [item for item, value in zip(items, found, strict=True) if is_blank(value)]
    there = [(item, value) for item, value in zip(items, found, strict=True) if not is_blank(value)]
    ranks = _comparable([value for _, value in there])
    order = sorted(range(len(there)), key=ranks.__getitem__, reverse=key.down)
    return [*(there[index][0] for index in order), *blank]


def _comparable(values: Sequence[Any]) -> Sequence[Any]:
    """The same values, or numbers of one type that compare as they do; refused where they have no order."""
    kinds = {_kind(value): value for value in values}
    if len(kinds) > 1:
        mixed = " and ".join(f"{kind} {show(value)}" for kind, value in kinds.items())
        raise RecordError("R222", f"{mixed} have no order: convert them first")
    if "number" not in kinds or all(type(value) is int for value in values):
        return values
    return [_counted(value) for value in values]


def _kind(value: Any) -> str:
    found = type_of(value)
    if found not in SCALARS:
        raise RecordError("R222", f"{found} {show(value)} has no order: say what to sort `by`")
    return "number" if found in NUMBERS else found


def _counted(value: Any) -> Decimal:
    """A number as the decimal that it counts as."""
    number = Decimal(exact(value))
    if number.is_nan():
        raise RecordError("R214", f"{show(value)} is not a number that can be counted with", value)
    return number


def same(value: Any) -> Hashable:
    """What equal values share and others do not.

    Numbers become text: Python's hash of a number can be aimed at, which would make this quadratic.
    """
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, dict):
        return frozenset([(key, same(item)) for key, item in value.items()])
    if isinstance(value, list):
        return "list", tuple([same(item) for item in value])
    kind = type_of(value)
    return kind, _SAME[kind](value) if kind in _SAME else repr(value)


def _same_decimal(value: Decimal) -> str:
    """The number without zeros that say nothing; no context rounds it."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return str(value)
    kept = bytes(digits).rstrip(b"\0")
    return f"{sign}{kept.hex()}E{exponent + len(digits) - len(kept)}" if kept else "0"


_SAME: Final[Mapping[str, Callable[[Any], Hashable]]] = {
    "int": hex,
    "decimal": _same_decimal,
    "float": lambda value: repr(value + 0.0),
    "local": lambda value: value.isoformat(),
    "instant": lambda value: since_epoch(value, "us"),
}
"""What stands for the value where it is not what Python would show."""
