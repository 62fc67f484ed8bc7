"""Operators over two values: exact, bounded, and never across types without a word.

Numbers mix exactly: an int stays an int under `+ - * // %`, `/` gives a decimal of 34 digits, two floats give a float,
and a float beside an exact number counts as the shortest decimal that reads back to it. Nothing depends on the thread's
decimal context. What does not go together raises R242; the one who calls knows how the operands are written.
"""

from __future__ import annotations

import decimal as decimals
import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from engine.errors import RecordError
from engine.language.numbers import MAX_DIGITS, clean, exact, too_long, within_cap
from engine.language.patterns import joined
from engine.language.shapes import type_of
from engine.language.zones import in_range
from engine.records import Digits, Instant, Leaf, Value, bare, is_blank, plain
from engine.spelling import a as with_article
from engine.spelling import show

QUOTIENT_DIGITS: Final = 34
EPOCH: Final = Instant(1970, 1, 1, tzinfo=UTC)

_TRAPS: Final = [decimals.InvalidOperation, decimals.DivisionByZero, decimals.Overflow]
_EXACT: Final = decimals.Context(
    prec=3 * MAX_DIGITS, Emax=3 * MAX_DIGITS, Emin=-3 * MAX_DIGITS, traps=[*_TRAPS, decimals.Inexact]
)
_QUOTIENT: Final = decimals.Context(
    prec=QUOTIENT_DIGITS,
    Emax=3 * MAX_DIGITS,
    Emin=-3 * MAX_DIGITS,
    rounding=decimals.ROUND_HALF_EVEN,
    traps=[*_TRAPS, decimals.Underflow],
)
_CAP_BITS: Final = (10**MAX_DIGITS).bit_length()
_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)

NUMBER_TYPES: Final = frozenset((int, float, Decimal, Digits))
TIMES: Final = ("date", "instant", "local")
ORDERED: Final = frozenset(("number", "text", "date", "instant", "local"))
"""What is greater or less; truth values are only the same or not, and lists and objects are not compared."""


def kind_of(value: Value) -> str:
    """The type as operators see it: all numbers are one."""
    found = type_of(value)
    if found in ("int", "decimal", "float"):
        return "number"
    return "duration" if isinstance(value, timedelta) else found


def unfit(left: Value, right: Value, sign: str) -> RecordError:
    """What an operator is refused with; the message says the types, what is written there comes before."""
    kinds = [with_article(_word(value)) for value in (left, right)]
    return RecordError("R242", f"`{sign}` stands between {kinds[0]} and {kinds[1]}", left)


def _word(value: Value) -> str:
    return "duration" if isinstance(value, timedelta) else type_of(value)


# ── arithmetic ───────────────────────────────────────────────────────────────────────────────────────────


def add(left: Value, right: Value) -> Value:
    """Numbers added, texts joined, a time moved later."""
    if type(left) is int and type(right) is int:
        return within_cap(left + right)
    if type(left) is str and type(right) is str:
        return joined("", (left, right))
    if isinstance(right, timedelta) and isinstance(left, date):
        return _moved(left, right)
    if isinstance(left, timedelta) and isinstance(right, date):
        return _moved(right, left)
    return _computed(left, right, "+", operator.add, _EXACT.add)


def subtract(left: Value, right: Value) -> Value:
    """Numbers; the days between two dates, the seconds between two instants; a time moved earlier."""
    if type(left) is int and type(right) is int:
        return within_cap(left - right)
    if isinstance(left, date):
        if isinstance(right, timedelta):
            return _moved(left, -right)
        return _between(left, right)
    return _computed(left, right, "-", operator.sub, _EXACT.subtract)


def multiply(left: Value, right: Value) -> Value:
    """Numbers; a product that would be too long is not made."""
    if type(left) is int and type(right) is int:
        if left.bit_length() + right.bit_length() > _CAP_BITS + 1:
            raise too_long(left)
        return within_cap(left * right)
    return _computed(left, right, "*", operator.mul, _EXACT.multiply)


def divide(left: Value, right: Value) -> Value:
    """A decimal of 34 digits, half even; one that is exact has no more digits than it needs."""
    return _computed(left, right, "/", operator.truediv, _quotient, whole=False)


def floor_divide(left: Value, right: Value) -> Value:
    """The greatest whole number that is not above the quotient."""
    return _computed(left, right, "//", operator.floordiv, lambda a, b: _floored(a, b)[0])


def modulo(left: Value, right: Value) -> Value:
    """What is left of it, with the sign of the divisor."""
    return _computed(left, right, "%", operator.mod, lambda a, b: _floored(a, b)[1])


def _computed(
    left: Value,
    right: Value,
    sign: str,
    whole_or_float: Callable[[Any, Any], Any],
    exact: Callable[[Decimal, Decimal], Decimal],
    *,
    whole: bool = True,
) -> Value:
    """Two ints by the first function, where `whole`; two floats by the first too, all else by the exact one."""
    if type(left) not in NUMBER_TYPES or type(right) not in NUMBER_TYPES:
        if type(left) is Leaf or type(right) is Leaf:
            return ARITHMETIC[sign](bare(left), bare(right))
        raise unfit(left, right, sign)
    if sign in ("/", "//", "%") and not right:
        raise RecordError("R243", f"`{sign}` divides by zero", right)
    if whole and type(left) is int and type(right) is int:
        return within_cap(whole_or_float(left, right))
    if type(left) is float and type(right) is float:
        return _as_float(whole_or_float, left, right)
    try:
        return clean(exact(as_decimal(left), as_decimal(right)))
    except (decimals.DecimalException, OverflowError) as error:
        raise too_long(left) from error


def _as_float(function: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        made = function(left, right)
    except OverflowError:
        made = math.inf
    if not math.isfinite(made):
        raise RecordError("R244", "what comes out is too large for a float: use decimals", left)
    return made


def as_decimal(number: Value) -> Decimal:
    """The number as a decimal that can be counted with."""
    if type(number) is int:
        return Decimal(number)
    made: Decimal = exact(number)
    if not made.is_finite():
        raise RecordError("R214", f"{show(number)} is not a number that can be counted with", number)
    return made


def _quotient(left: Decimal, right: Decimal) -> Decimal:
    return plain(_QUOTIENT.divide(left, right).normalize(_QUOTIENT))


def _floored(left: Decimal, right: Decimal) -> tuple[Decimal, Decimal]:
    """Quotient and rest, floored: decimals of Python's are cut towards zero."""
    quotient, rest = _EXACT.divmod(left, right)
    if rest and (rest < 0) != (right < 0):
        return _EXACT.subtract(quotient, Decimal(1)), _EXACT.add(rest, right)
    return quotient, rest


def negative(value: Value) -> Value:
    """The number with the other sign."""
    if type(value) is int or type(value) is float:
        return -value
    if isinstance(value, Decimal):
        return clean(as_decimal(value).copy_negate())
    raise RecordError("R242", f"`-` stands before {with_article(_word(value))}", value)


def _moved(value: date, by: timedelta) -> date:
    if not isinstance(value, datetime) and by % _DAY:
        raise RecordError("R242", "a date moves by whole days: make it an `instant` first", value)
    try:
        moved = value + by
        return in_range(moved) if isinstance(moved, Instant) else moved
    except OverflowError as error:
        raise RecordError("R244", f"{show(value)} moved so far leaves the years 1 to 9999", value) from error


def _between(left: Value, right: Value) -> Value:
    if isinstance(left, Instant) and isinstance(right, Instant):
        microseconds = ((left - EPOCH) - (right - EPOCH)) // _MICROSECOND
        return plain(_EXACT.normalize(Decimal(microseconds).scaleb(-6, _EXACT)))
    if kind_of(left) == kind_of(right) == "date":
        return int((left - right).days)
    raise unfit(left, right, "-")


ARITHMETIC: Final[Mapping[str, Callable[[Value, Value], Value]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "//": floor_divide,
    "%": modulo,
}


# ── comparison ───────────────────────────────────────────────────────────────────────────────────────────


def _compared(sign: str, function: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    """The comparison of two values of one kind."""

    def compare(left: Value, right: Value) -> bool:
        kind = type(left)
        if kind is type(right) and (kind is str or kind is int):
            return function(left, right)
        return function(*_comparable(left, right, sign))

    return compare


def _comparable(left: Value, right: Value, sign: str) -> tuple[Any, Any]:
    """Two values as Python compares them rightly: moments by the time since 1970, numbers exactly."""
    left, right = bare(left), bare(right)
    kind = kind_of(left)
    allowed = kind in ORDERED or (kind == "bool" and sign in ("==", "!="))
    if kind != kind_of(right) or not allowed:
        raise unfit(left, right, sign)
    if kind == "instant":
        return left - EPOCH, right - EPOCH
    if kind == "number" and not type(left) is type(right) is int:
        return as_decimal(left), as_decimal(right)
    return left, right


COMPARISONS: Final[Mapping[str, Callable[[Value, Value], bool]]] = {
    "==": _compared("==", operator.eq),
    "!=": _compared("!=", operator.ne),
    "<": _compared("<", operator.lt),
    "<=": _compared("<=", operator.le),
    ">": _compared(">", operator.gt),
    ">=": _compared(">=", operator.ge),
}


def is_in(left: Value, right: Value, sign: str, texts: frozenset[str] | None) -> bool:
    """Whether one of the list is the same; what does not compare is a failure, as with `==`.

    `texts` are those of a list that is written down and holds nothing else.
    """
    if texts is not None and type(left) is str:
        return left in texts
    if is_blank(left) and left != "":
        raise RecordError("R242", "", left)
    if type(right) is not list:
        raise RecordError("R242", f"`{sign}` looks into a list, not into {type_of(right)}", right)
    equal = COMPARISONS["=="]
    for member in right:
        if member is None:
            raise RecordError("R241", "a member of the list is null", right)
        if equal(left, member):
            return True
    return False
