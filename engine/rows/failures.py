"""What goes wrong with fields: errors with their place, items that are dropped, and what is counted of both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from engine.errors import RecordError
from engine.records import FieldError

INDEXES: Final = re.compile(r"\[[0-9]+\]")
EMPTY: Final = "empty"
"""Under what records are counted as filtered that have nothing to explode."""


class Failures(Exception):
    """What was wrong with the fields of one object, all of it."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(len(errors))
        self.errors = errors


class DroppedItem(Exception):
    """A field with `on_error: drop_item` failed: the item it stands in is left out."""


class Notes:
    """What the books count inside the steps: records that were filtered, by rule, and records that were made.

    Beside the fates: errors that `on_error` answered, by field and code, and items that were dropped.
    """

    __slots__ = ("created", "filtered", "items_dropped", "recovered")

    def __init__(self) -> None:
        self.recovered: Counter[str] = Counter()
        self.items_dropped = 0
        self.filtered: Counter[str] = Counter()
        self.created = 0

    def mark(self) -> tuple[Counter[str], int]:
        """What a record that is done anew leaves as it was."""
        return (self.recovered.copy() if self.recovered else Counter()), self.items_dropped

    def undo(self, mark: tuple[Counter[str], int]) -> None:
        """Go back to a mark."""
        self.recovered, self.items_dropped = mark

    def recover(self, path: str, errors: Sequence[FieldError]) -> None:
        """Count errors that did not reject their record, by field and code; all items count as one field."""
        for error in errors:
            inner = INDEXES.sub("", error.field).lstrip(".")
            self.recovered[".".join(part for part in (path, inner, error.code) if part)] += 1


def errors_of(name: str, error: RecordError | Failures) -> list[FieldError]:
    """What was wrong with one field, each error with its name."""
    if isinstance(error, Failures):
        return [inside(name, inner) for inner in error.errors]
    return [field_error(name, error)]


def field_error(name: str, error: RecordError) -> FieldError:
    return FieldError(name, error.code, error.message, error.value)


def inside(name: str, error: FieldError) -> FieldError:
    """The error of a part, named from further out: `lines` and `[1].sku` make `lines[1].sku`."""
    return error._replace(field=name + (error.field if error.field.startswith("[") else f".{error.field}"))
