"""Values that cross into code which is not ours, and what comes back: what `python` stands on."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from engine.errors import RecordError
from engine.language.numbers import clean, within_cap
from engine.language.zones import fixed, in_range
from engine.records import MISSING, Digits, Instant, Value
from engine.spelling import describe

MOST_VALUES: Final = 1_000_000
DEEPEST: Final = 256


def copied(value: Value) -> Value:
    """The same value; whatever is done to it is not done to the record."""
    try:
        return _copied(value)
    except RecursionError as error:
        raise RecordError("R105", "nested too deeply") from error


def _copied(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def taken(value: Any, function: str) -> Value:
    """What a function gave, as a value of the language; refused where it is none."""
    try:
        return _Taking(function).take(value, 0)
    except RecordError:
        raise
    except Exception as error:  # a class of its own may do anything when it is looked at
        message = f"`{function}` gave {type(value).__name__} that cannot be read: {type(error).__name__}"
        raise RecordError("R262", message) from error


class _Taking:
    """One walk over a result: lists and dicts are made anew, and what holds itself comes to an end."""

    def __init__(self, function: str) -> None:
        self.function = function
        self.left = MOST_VALUES

    def take(self, value: Any, depth: int) -> Value:
        """One value, and all inside it."""
        self.left -= 1
        if depth > DEEPEST or self.left < 0:
            raise self._refused(f"more than {DEEPEST} levels or {MOST_VALUES:,} values")
        if isinstance(value, dict):
            return {self._key(key): self.take(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.take(item, depth + 1) for item in value]
        return self._scalar(value)

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise self._refused(f"a dict whose key `{describe(key)}` is no text")
        return self._text(key)

    def _scalar(self, value: Any) -> Value:
        if value is None or value is MISSING or isinstance(value, bool | Digits):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            return within_cap(int(value))
        if isinstance(value, float | Decimal):
            return self._number(value)
        if isinstance(value, date):
            return _time(value)
        raise self._refused(f"{type(value).__name__} `{describe(value)}`, which is no value of the language")

    def _text(self, value: str) -> str:
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise self._refused("a text with half a character") from error
        return str.__str__(value)

    def _number(self, value: float | Decimal) -> Value:
        if not (value.is_finite() if isinstance(value, Decimal) else isfinite(value)):
            raise self._refused(f"`{value}`, which is no number that can be counted with")
        return clean(Decimal(value)) if isinstance(value, Decimal) else float(value)

    def _refused(self, what: str) -> RecordError:
        return RecordError("R262", f"`{self.function}` gave {what}")


def _time(value: date) -> date:
    """A day, a local time, or a moment where it has a zone."""
    if not isinstance(value, datetime):
        return date(value.year, value.month, value.day)
    offset = value.utcoffset()
    if offset is None:
        return datetime.combine(value.date(), value.time())
    return in_range(Instant.combine(value.date(), value.time(), fixed(offset)))
