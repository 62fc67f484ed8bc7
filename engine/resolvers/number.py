"""The family of numbers: exact, of any size up to 1,000 digits; a binary float only on request.

Nothing depends on the thread's decimal context, which would round at 28 digits without a word. No decimal is
a negative zero. A float counts as the shortest decimal that reads back to it.
"""

from __future__ import annotations

import decimal as decimals
import functools
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, get_args

from engine.errors import OptionError, RecordError
from engine.language.numbers import (
    DECIMAL,
    INTEGER,
    LIMIT,
    MAX_DIGITS,
    clean,
    exact,
    read_decimal,
    too_long,
    ungrouped,
    within_cap,
)
from engine.language.shapes import Shape
from engine.records import MISSING
from engine.registry import NUMBERS, Doc, Example, resolver
from engine.spelling import show

Rounding = Literal["half_even", "half_up", "half_down", "up", "down", "ceiling", "floor", "05up"]
ROUNDINGS: Final = {name: f"ROUND_{name.upper()}" for name in get_args(Rounding)}

SHORT: Final = 9
"""A text of fewer signs has no decimal that Python would write with an exponent."""

_EXACT: Final = decimals.Context(
    prec=3 * MAX_DIGITS, Emax=decimals.MAX_EMAX, Emin=decimals.MIN_EMIN, traps=[decimals.InvalidOperation]
)


def _given(value: Any, code: str) -> Any:
    """The value where it is a number that can be counted with: no truth value, no NaN, no infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise RecordError(code, f"{show(value)} is not a number", value)
    if isinstance(value, int):
        return within_cap(value)
    if not (math.isfinite(value) if isinstance(value, float) else value.is_finite()):
        raise RecordError(code, f"{show(value)} is not a number that can be counted with", value)
    return value


def _decimal(value: Any, code: str) -> Decimal:
    number = exact(_given(value, code))
    return number if isinstance(number, Decimal) else Decimal(number)


def _with_places(options: Mapping[str, Any], *rest: Any) -> Shape:
    """How many places it has, where the options say so."""
    return Shape("decimal", sure=True, places=options.get("places"))


def _rounded(options: Mapping[str, Any], *rest: Any) -> Shape:
    """A rounded number has the places that are asked for, none unless said."""
    return _with_places({"places": 0, **options})


# ── int, decimal, float ──────────────────────────────────────────────────────────────────────────────────


@resolver(
    takes=("text", *NUMBERS),
    gives="int",
    examples=[Example("0042", 42), Example(Decimal("7.00"), 7), Example("1.0", error="R211")],
    guards=True,
)
def int_(value: Any) -> int:
    """The whole number that a text says in ASCII digits, `+` or `-` before them, and nothing around it.

    A number becomes one where nothing is lost: `7.00` does, `1.5` is refused. Refuses blanks, separators,
    exponents, other scripts' digits.
    """
    if type(value) is str:
        if value.isdigit() and value.isascii() and len(value) <= MAX_DIGITS:
            return int(value)
        return _signed(value)
    if type(value) is int and -LIMIT < value < LIMIT:
        return value
    number = _given(value, "R211")
    if isinstance(number, int):
        return number
    whole = int(within_cap(number) if isinstance(number, Decimal) else number)
    if whole != number:
        raise RecordError("R211", f"{show(value)} has a fraction: round it first, or use decimal", value)
    return whole


def _signed(text: str) -> int:
    if not INTEGER(text):
        hint = ": round it first, or use decimal" if DECIMAL(text) else ""
        raise RecordError("R211", f"{show(text)} is not a whole number{hint}", text)
    if len(text) > MAX_DIGITS + (text[0] in "+-"):
        raise too_long(text)
    return int(text)


def _prepared_decimal(**options: Any) -> Callable[[Any], Decimal]:
    """Without options, a short text of the commonest shape is read at once."""
    full: Callable[[Any], Decimal] = functools.partial(decimal, **options)

    def short(value: Any) -> Decimal:
        if type(value) is str and len(value) < SHORT and value.isascii() and value.replace(".", "", 1).isdigit():
            return Decimal(value) if value[0] != "." != value[-1] else full(value)
        return full(value)

    return full if options else short


@resolver(
    takes=("text", *NUMBERS),
    gives="decimal",
    prepare=_prepared_decimal,
    examples=[
        Example("1.10", Decimal("1.10")),
        Example("1.230", Decimal("1.23"), options={"places": 2}),
        Example("1.234,5", Decimal("1234.5"), options={"decimal_separator": ",", "group_separator": "."}),
        Example("1e3", error="R212"),
    ],
    guards=True,
    check=_with_places,
)
def decimal(
    value: Any,
    *,
    places: Annotated[int | None, Doc("Exactly so many places.", min=0, max=MAX_DIGITS)] = None,
    rounding: Annotated[Rounding | None, Doc("How digits beyond `places` are rounded; refused unless said.")] = None,
    decimal_separator: Annotated[str, Doc("What stands before the fraction.", min=1, max=1)] = ".",
    group_separator: Annotated[str, Doc("What may stand between groups of three digits.", max=1)] = "",
    exponent: Annotated[bool, Doc("Whether `1.5e3` is a number.")] = False,
) -> Decimal:
    """The exact number that a text says: digits, then perhaps a separator and digits; every digit is kept.

    With `places` it has exactly that many, and other digits are refused unless `rounding` is said. Refuses
    `.5`, `5.`, blanks, exponents unless told, NaN and Infinity always. Groups are of three digits or not
    there at all.
    """
    if isinstance(value, str):
        usual = decimal_separator == "." and not group_separator
        text = value if usual else ungrouped(value, decimal_separator, group_separator)
        number = read_decimal(value, text, exponent=exponent)
    else:
        number = clean(_decimal(value, "R212"))
    return number if places is None else _at(number, places, rounding, value)


@functools.cache
def _unit(places: int) -> Decimal:
    return Decimal((0, (1,), -places))


def _at(number: Decimal, places: int, rounding: str | None, value: Any) -> Decimal:
    """The number with exactly so many places; without a rounding it must have no more digits than that."""
    if abs(places) > MAX_DIGITS or number.adjusted() + 1 + places > MAX_DIGITS:
        raise too_long(value)
    cut = number.quantize(_unit(places), ROUNDINGS[rounding or "half_even"], _EXACT)
    if rounding is None and cut != number:
        raise RecordError("R212", f"{show(value)} has more than {places} places: say `rounding`", value)
    return clean(cut)


@resolver(
    takes=("text", *NUMBERS),
    gives="float",
    examples=[Example("1e3", 1000.0), Example("0.1", 0.1), Example("1e400", error="R213")],
    guards=True,
)
def float_(value: Any) -> float:
    """The IEEE double nearest to the number; takes texts as `decimal(exponent: true)` does.

    Refuses what is too large for a double, NaN and Infinity.
    """
    if isinstance(value, str):
        whole, dot, fraction = value.partition(".")
        if whole.isdigit() and (fraction.isdigit() or not dot) and value.isascii() and len(value) < 300:
            return float(value)  # the commonest shape, and too short to be too large
        if not DECIMAL(value):
            raise RecordError("R213", f"{show(value)} is not a number", value)
        if len(value) > MAX_DIGITS:
            raise too_long(value)
        number = float(value)
    else:
        number = _nearest(_given(value, "R213"))
    if not -math.inf < number < math.inf:
        raise RecordError("R213", f"{show(value)} is too large for a float: use decimal", value)
    return number


def _nearest(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


# ── arithmetic ───────────────────────────────────────────────────────────────────────────────────────────


@resolver(
    takes=NUMBERS,
    gives="decimal",
    examples=[
        Example(Decimal("2.675"), Decimal("2.68"), options={"places": 2}),
        Example(Decimal("2.5"), Decimal(2)),
        Example(7, Decimal("7.00"), options={"places": 2}),
    ],
    check=_rounded,
)
def round_(
    value: Any,
    *,
    places: Annotated[int, Doc("Exactly so many places.", min=0, max=MAX_DIGITS)] = 0,
    rounding: Annotated[Rounding, Doc("Where the number lies between two.")] = "half_even",
) -> Decimal:
    """The number as a decimal with exactly so many places: `7` to two is `7.00`."""
    return _at(_decimal(value, "R214"), places, rounding, value)


def _same(options: Any, given: str) -> str:
    return given


@resolver(takes=NUMBERS, gives=_same, examples=[Example(-7, 7), Example(Decimal("1.5"), Decimal("1.5"))])
def abs_(value: Any) -> Any:
    """The number without its sign."""
    number = _given(value, "R214")
    return clean(number.copy_abs()) if isinstance(number, Decimal) else abs(number)


@resolver(takes=NUMBERS, gives="int", examples=[Example(Decimal("-1.5"), -2), Example(3, 3)])
def floor(value: Any) -> int:
    """The greatest whole number that is not above it: `-1.5` gives `-2`."""
    return math.floor(within_cap(_decimal(value, "R214")))


@resolver(takes=NUMBERS, gives="int", examples=[Example(Decimal("-1.5"), -1), Example(3, 3)])
def ceil(value: Any) -> int:
    """The least whole number that is not below it: `-1.5` gives `-1`."""
    return math.ceil(within_cap(_decimal(value, "R214")))


@resolver(
    takes=NUMBERS,
    gives=_same,
    examples=[
        Example(-3, 0, options={"min": 0}),
        Example(Decimal("9.5"), Decimal(5), options={"max": 5}),
        Example(3, 3, options={"min": 0, "max": 5}),
    ],
)
def clamp(
    value: Any,
    *,
    min: Annotated[int | Decimal | None, Doc("The least it may be.")] = None,
    max: Annotated[int | Decimal | None, Doc("The most it may be.")] = None,
) -> Any:
    """The number, or the bound that it lies beyond; the type stays, so an int stays among whole numbers.

    Refuses bounds with nothing between them.
    """
    number = _given(value, "R214")
    whole = isinstance(number, int)
    low = math.ceil(min) if whole and min is not None else min
    high = math.floor(max) if whole and max is not None else max
    if low is not None and high is not None and low > high:
        raise RecordError("R214", f"nothing lies between `min: {min}` and `max: {max}`", value)
    if low is not None and number < low:
        return _like(number, low)
    return _like(number, high) if high is not None and number > high else number


def _like(number: Any, bound: int | Decimal) -> Any:
    if isinstance(number, float):
        return float_(bound)
    return clean(Decimal(bound)) if isinstance(number, Decimal) else bound


class Limits:
    """The limits of `band`, each with the name of what lies below it."""

    kind = "limits"
    schema: Final = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
    __slots__ = ("limits", "names")

    def __init__(self, below: dict[str, str]) -> None:
        pairs = sorted((read_decimal(limit, limit, exponent=False), name) for limit, name in below.items())
        self.limits = [limit for limit, _ in pairs]
        self.names = [name for _, name in pairs]

    @classmethod
    def parse(cls, value: Any) -> Limits:
        """The limits as exact numbers, in their order."""
        try:
            limits = cls({str(limit): name for limit, name in value.items()})
        except (RecordError, AttributeError) as error:
            raise OptionError(
                "M309", f"`below` is no table of limits: {error}", "as in `{10: LOW, 99.5: HIGH}`"
            ) from error
        if len(set(limits.limits)) < len(limits.limits):
            raise OptionError("M309", "`below` names one limit twice", "leave one of them out")
        return limits


@resolver(
    takes=NUMBERS,
    gives="text",
    examples=[
        Example(5, "LOW", options={"below": {"10": "LOW", "100": "MEDIUM"}, "above": "HIGH"}),
        Example(10, "MEDIUM", options={"below": {"10": "LOW", "100": "MEDIUM"}, "above": "HIGH"}),
        Example(100, MISSING, options={"below": {"10": "LOW", "100": "MEDIUM"}}),
    ],
)
def band(
    value: Any,
    *,
    below: Annotated[Limits, Doc("The name for numbers below each limit; the lowest that fits is taken.")],
    above: Annotated[str | None, Doc("The name for numbers at or above the last limit; missing unless said.")] = None,
) -> Any:
    """The name of the band that the number lies in; a number on a limit lies above it."""
    index = bisect_right(below.limits, exact(_given(value, "R214")))
    return below.names[index] if index < len(below.names) else MISSING if above is None else above
