"""What has been read of the record as parsed, and where values come from.

A traced value is one of: places in that record (`Places`), a list made of such (`Items`), an object that steps made
(`Made`), one of several (`Several`). What comes from anywhere else is `ELSEWHERE`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.kinds import Needs
from engine.language.picking import Index, Step

ITEMS: Final = "[]"
ANY_NAME: Final = "*"


@dataclass(frozen=True)
class Places:
    """Trails from the record as parsed: names, and `[]` where an item is meant."""

    trails: tuple[tuple[str, ...], ...] = ()

    def then(self, name: str) -> Places:
        """One step further down."""
        return Places(tuple((*trail, name) for trail in self.trails))


@dataclass(frozen=True)
class Items:
    """A list that was made of values: what its items are."""

    item: Traced


@dataclass(frozen=True)
class Made:
    """An object that was made: its fields, and where the others come from."""

    fields: Mapping[str, Traced] = field(default_factory=dict)
    others: Traced | None = None


@dataclass(frozen=True)
class Several:
    """One of several values: whatever is done to it is done to all."""

    values: tuple[Traced, ...]


Traced = Places | Items | Made | Several
ELSEWHERE: Final = Places()
RECORD: Final = Places(((),))


@dataclass
class Uses:
    """What has been read so far, as trees."""

    reads: dict[str, Any] | None = field(default_factory=dict)
    lists: dict[str, Any] = field(default_factory=dict)
    _wholes: set[tuple[str, ...]] = field(default_factory=set)
    _texts: set[tuple[str, ...]] = field(default_factory=set)

    def needs(self) -> Needs:
        """What a parser may use of it."""
        return Needs(self.reads, self.lists, self._only_texts())

    def _only_texts(self) -> dict[str, Any]:
        """What is wanted as text, and nowhere else as more."""
        others = self._wholes | self._texts
        if any(ANY_NAME in trail for trail in others):
            return {}
        tree: dict[str, Any] = {}
        for trail in sorted(self._texts):
            if not any(_one_in_other(trail, other) for other in others - {trail} | (self._wholes & {trail})):
                below = tree
                for name in trail:
                    below = below.setdefault(name, {})
        return tree

    def read(self, value: Traced, *, text: bool = False) -> None:
        """All of a value is read; with `text` no more than what it is as a text."""
        if isinstance(value, Items):
            self.read(value.item, text=text)
        elif isinstance(value, Made):
            for each in (*value.fields.values(), *([value.others] if value.others else [])):
                self.read(each)
        elif isinstance(value, Several):
            for each in value.values:
                self.read(each, text=text)
        else:
            for trail in value.trails:
                names = _names(trail)
                (self._texts if text else self._wholes).add(names)
                self._read_trail(names)

    def touch(self, value: Traced) -> None:
        """It is read whether a value is there, and what kind of one."""
        if isinstance(value, Several):
            for each in value.values:
                self.touch(each)
        elif isinstance(value, Places):
            for trail in value.trails:
                self._wholes.add((*_names(trail), ITEMS))
                self._touch_trail(trail)

    def _touch_trail(self, trail: Sequence[str]) -> None:
        tree: dict[str, Any] | None = self.reads
        for name in _names(trail):
            tree = None if tree is None else tree.setdefault(name, {})

    def _read_trail(self, names: Sequence[str]) -> None:
        if self.reads is None or not names:
            self.reads = None
            return
        tree = self.reads
        for name in names[:-1]:
            below = tree.setdefault(name, {})
            if below is None:
                return  # all of it is read already
            tree = below
        tree[names[-1]] = None

    def as_list(self, value: Traced) -> Traced:
        """A value is used as a list: gives what its items are."""
        if isinstance(value, Items):
            return value.item
        if isinstance(value, Several):
            return Several(tuple(map(self.as_list, value.values)))
        if isinstance(value, Made):
            return value
        for trail in value.trails:
            if trail and trail[-1] != ITEMS:
                self._touch_trail(trail)
                self._list_trail(trail)
        return Places(tuple(trail if trail and trail[-1] == ITEMS else (*trail, ITEMS) for trail in value.trails))

    def _list_trail(self, trail: Sequence[str]) -> None:
        tree = self.lists
        for at, name in enumerate(trail):
            known = name in tree
            below = tree.setdefault(name, {})
            if known and not below and name != ITEMS and at + 1 < len(trail):
                below[ITEMS] = {}  # it is a list itself, and there is one in it
            tree = below
        if tree and ITEMS not in tree:
            tree[ITEMS] = {}


def _names(trail: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in trail if name != ITEMS)


def _one_in_other(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one trail goes on where the other ends, or both are the same."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def either(values: Sequence[Traced]) -> Traced:
    """One of several values, without those that come from elsewhere."""
    known = [value for value in values if value != ELSEWHERE]
    return Several(tuple(known)) if len(known) > 1 else known[0] if known else ELSEWHERE


def below(value: Traced, name: str) -> Traced:
    """What stands under a name."""
    if isinstance(value, Made):
        if name in value.fields:
            return value.fields[name]
        return below(value.others, name) if value.others else ELSEWHERE
    if isinstance(value, Several):
        return either([below(each, name) for each in value.values])
    return ELSEWHERE if isinstance(value, Items) else value.then(name)


def follow(value: Traced, steps: Sequence[Step], uses: Uses) -> Traced:
    """The end of some steps; an index takes a list."""
    for step in steps:
        indexes = isinstance(step, Index) or step.position is not None
        value = uses.as_list(value) if indexes else below(value, step.text)  # type: ignore[union-attr]
    return value
