"""Exact numbers: read from text by one grammar, 1,000 digits at most, written without exponent."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, TypeVar

from engine.errors import RecordError
from engine.records import plain
from engine.spelling import show

MAX_DIGITS: Final = 1_000
LIMIT: Final = 10**MAX_DIGITS

INTEGER: Final = re.compile(r"[+-]?[0-9]+").fullmatch
DECIMAL: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE]([+-]?[0-9]+))?").fullmatch

N = TypeVar("N", int, Decimal)


def too_long(value: Any) -> RecordError:
    """Every number has a limit, so that none takes a run with it."""
    return RecordError("R219", f"{show(value)} has more than {MAX_DIGITS:,} digits", value)


def within_cap(number: N) -> N:
    """The number, refused where it has over 1,000 digits when written without exponent."""
    if isinstance(number, int):
        if not -LIMIT < number < LIMIT:
            raise too_long(number)
        return number
    if not number.is_finite():
        raise RecordError("R214", f"{show(number)} is not a number that can be counted with", number)
    places = -int(number.as_tuple().exponent)
    if max(number.adjusted() + 1, 1) + max(places, 0) > MAX_DIGITS:
        raise too_long(number)
    return number


def exact(number: Any) -> Any:
    """A number as it counts everywhere: a float is the shortest decimal that reads back to it."""
    return Decimal(repr(number)) if isinstance(number, float) else number


def clean(number: Decimal) -> Decimal:
    """As every decimal leaves a resolver: within the cap, in plain digits, zero without sign."""
    if len(text := str(number)) > MAX_DIGITS or "E" in text:
        return plain(within_cap(number) or number.copy_abs())
    return number or number.copy_abs()


def read_decimal(given: str, text: str, *, exponent: bool = False) -> Decimal:
    """The number that `text` says; `given` is what messages show. Common shapes do without the pattern."""
    whole, dot, fraction = text.partition(".")
    if whole.isdigit() and (fraction.isdigit() or not dot) and text.isascii() and len(text) <= MAX_DIGITS:
        return Decimal(text) if len(fraction) < 7 else plain(Decimal(text))
    match = DECIMAL(text)
    if match is None:
        raise RecordError("R212", f"{show(given)} is not a decimal number", given)
    if match[1] and not exponent:
        raise RecordError("R212", f"{show(given)} has an exponent: say `exponent: true` to take it", given)
    return clean(_bounded(given, text, match[1] or ""))


def _bounded(given: str, text: str, exponent: str) -> Decimal:
    """No exponent is raised before it is known to be small."""
    if len(text) > MAX_DIGITS + 10 or len(exponent.lstrip("+-0")) > 4:
        raise too_long(given)
    return Decimal(text)


def ungrouped(text: str, separator: str, group: str) -> str:
    """The number with a point and without groups; a text that is grouped otherwise is refused."""
    if not separator or separator == group:
        raise RecordError("R212", "`decimal_separator` and `group_separator` have to differ", text)
    whole, found, fraction = text.partition(separator)
    head, *groups = whole.split(group) if group else [whole]
    bare = "".join((head, *groups))
    grouped = not groups or (1 <= len(head.lstrip("+-")) <= 3 and all(len(part) == 3 for part in groups))
    if not grouped or "." in bare + fraction:
        raise RecordError("R212", f"{show(text)} is not a decimal number with these separators", text)
    return f"{bare}.{fraction}" if found else bare
