"""Many values to one: `sum min max any all`. They take a value when they need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from engine.errors import RecordError
from engine.language.expressions.operators import COMPARISONS, add, kind_of
from engine.records import MISSING, Value, is_blank


class Unfit(Exception):
    """One of several values that an aggregate cannot take: which one, and what it should be."""

    def __init__(self, number: int, value: Value, message: str, code: str = "") -> None:
        super().__init__(message)
        self.number, self.value, self.message, self.code = number, value, message, code


def _sum(values: Iterable[Value]) -> Value:
    total: Value = None
    for number, value in enumerate(values):
        if kind_of(value) != "number":
            raise Unfit(number, value, "a number")
        try:
            total = value if total is None and type(value) is float else add(0 if total is None else total, value)
        except RecordError as error:
            raise Unfit(number, value, error.message, error.code) from error
    return 0 if total is None else total


def _extreme(sign: str) -> Callable[[Iterable[Value]], Value]:
    compare = COMPARISONS[sign]

    def extreme(values: Iterable[Value]) -> Value:
        found: Value = MISSING
        for number, value in enumerate(values):
            if is_blank(value):
                raise Unfit(number, value, "")
            try:
                if compare(value, value if found is MISSING else found) or found is MISSING:
                    found = value
            except RecordError as error:
                raise Unfit(number, value, error.message, error.code) from error
        return found

    return extreme


def _quantified(stop: bool) -> Callable[[Iterable[Value]], Value]:
    """`any` stops at the first that is true, `all` at the first that is false."""

    def quantified(values: Iterable[Value]) -> Value:
        for number, value in enumerate(values):
            if value is not True and value is not False:
                raise Unfit(number, value, "true or false")
            if value is stop:
                return stop
        return not stop

    return quantified


FOLDS: Final[Mapping[str, Callable[[Iterable[Value]], Value]]] = {
    "sum": _sum,
    "min": _extreme("<"),
    "max": _extreme(">"),
    "any": _quantified(True),
    "all": _quantified(False),
}
