"""Tables whose records are known: the values of a spec, and records that were read once.

A key is compared as it is typed: the number 42 is not the text `42`, and of any type of number 42 is 42. The keys of a
table of `values` are read as the type of what is looked up, for a spec writes them all as text; `"1"` and `"1.0"` are
both the number 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from engine.errors import OptionError, RecordError
from engine.language.literals import read_as, written
from engine.language.numbers import exact
from engine.language.shapes import type_of
from engine.language.tables import STRICT, Key, Policy, Table
from engine.records import Value, bare
from engine.registry import NUMBERS


class ValueTable(Table):
    """A table written in a spec: texts to values."""

    def __init__(self, values: Mapping[str, Value], name: str = "", policy: Policy = STRICT) -> None:
        self.name, self.policy = name, policy
        self._values = values
        texts: dict[Hashable, Sequence[Value]] = {("text", key): [value] for key, value in values.items()}
        self._by_type: dict[str, Mapping[Hashable, Sequence[Value]]] = {"text": texts}

    def find(self, key: Key, args: Mapping[str, Value]) -> Sequence[Value]:
        """The values under the key, read as the type of what is looked up."""
        if len(key) != 1:
            return ()
        type = type_of(key[0])
        if type not in self._by_type:
            self._by_type[type] = self._typed(type)
        return self._by_type[type].get(part_of(key[0]), ())

    def _typed(self, type: str) -> Mapping[Hashable, Sequence[Value]]:
        made: dict[Hashable, list[Value]] = defaultdict(list)
        for key, value in self._values.items():
            try:
                made[part_of(read_as(written(key), type))].append(value)
            except (RecordError, OptionError, ValueError, ArithmeticError):
                continue  # a key that is no value of this type is none that could be looked up
        return made


class IndexedTable(Table):
    """Records by their key, read once; several of one key stay in the order in which they came."""

    def __init__(self, records: Iterable[tuple[Key, Value]], name: str = "", policy: Policy = STRICT) -> None:
        self.name, self.policy = name, policy
        self._index: dict[Hashable, list[Value]] = defaultdict(list)
        for key, record in records:
            self.add(key, record)

    def add(self, key: Key, record: Value) -> None:
        """One more record; RecordError where its key is none."""
        self._index[key_of(key)].append(record)

    def __len__(self) -> int:
        return len(self._index)

    def find(self, key: Key, args: Mapping[str, Value]) -> Sequence[Value]:
        """The records with that key."""
        return self._index.get(key_of(key), ())


def key_of(key: Key) -> Hashable:
    """A key as it is compared."""
    return part_of(key[0]) if len(key) == 1 else tuple(map(part_of, key))


def part_of(value: Any) -> Hashable:
    """One part of a key as it is compared: its type and its value, any number as a number."""
    value = bare(value)
    type = type_of(value)
    if type in ("list", "object"):
        raise RecordError("R274", f"a key is one value, found {type}: name what is looked up", value)
    return ("number", exact(value)) if type in NUMBERS else (type, value)
