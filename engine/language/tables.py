"""Lookups while records are mapped: tables by name, and how a record waits for one that has to ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from engine.records import MISSING, Value

Key = tuple[Value, ...]
Miss = Literal["reject", "keep", "blank"]
Many = Literal["reject", "first", "list"]


class Unanswered(Exception):
    """The answer for a key is not known yet: the record is set aside until its table has asked."""


class Policy(NamedTuple):
    """What becomes of a key that nothing, or more than one record, has; None where a use does not say."""

    miss: str | None = None
    many: str | None = None
    default: Value = MISSING

    def over(self, table: Policy) -> Policy:
        """What a use says, and what its table says where the use does not."""
        says = self.miss is not None
        default = self.default if self.default is not MISSING or says else table.default
        return Policy(self.miss or table.miss, self.many or table.many, default)


STRICT: Final = Policy("reject", "reject")


class Table(ABC):
    """One lookup. `asks`: it learns its records by asking, so that a record may have to wait."""

    asks: bool = False
    name: str = ""
    policy: Policy = STRICT

    @abstractmethod
    def find(self, key: Key, args: Mapping[str, Value]) -> Sequence[Value]:
        """The records with that key; Unanswered, having noted the key, where they are not known yet."""

    def answer(self) -> int:
        """Ask for all keys noted since the last time, and know them from now on, also those without a record.

        How many it learned.
        """
        return 0


class Tables(dict[str, Table]):
    """The lookups of a run by name."""

    @property
    def ask(self) -> bool:
        """Whether a record may have to wait for one."""
        return any(table.asks for table in self.values())

    def answer(self) -> None:
        """Let every table ask for what records wait for; they would wait for ever where none learned a thing."""
        if not sum(table.answer() for table in self.values() if table.asks):
            raise RuntimeError("records wait for a lookup, and none learned a key")  # X001: a fault of a component
