"""Values through resolvers and checks: what stands behind a made value, one function of a value each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from engine.errors import RecordError
from engine.language.fields import Checks, Use
from engine.language.frames import Frame
from engine.language.literals import read_as, written
from engine.language.shapes import type_of
from engine.language.typing import conversion
from engine.records import MISSING, Instant, Value
from engine.registry import NUMBERS
from engine.spelling import describe

Make = Callable[[Frame], Value]
Step = Callable[[Value], Value]

PYTHON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "int": (int,),
    "decimal": (Decimal,),
    "float": (float,),
    "bool": (bool,),
    "date": (date,),
    "instant": (Instant,),
    "local": (datetime,),
    "list": (list,),
    "object": (dict,),
}


def chained(make: Make, chain: Sequence[Use]) -> Make:
    """The resolvers behind a value, left to right; blank passes through untouched."""
    steps = [(compile_use(use), use.resolver.blank) for use in chain]
    if not steps:
        return make
    if len(steps) == 1 and not steps[0][1]:
        return _one_step(make, steps[0][0])

    def through(frame: Frame) -> Value:
        value = make(frame)
        for step, sees_blank in steps:
            if value or sees_blank or (value is not MISSING and value is not None and value != ""):
                value = step(value)
        return value

    return through


def _one_step(make: Make, step: Step) -> Make:
    def one_step(frame: Frame) -> Value:
        value = make(frame)
        if value or (value is not MISSING and value is not None and value != ""):
            return step(value)
        return value

    return one_step


def compile_use(use: Use) -> Step:
    """A resolver with its options; guarded where the type that arrives is not certain."""
    function = use.resolver.step(use.options)
    return _guarded(function, use) if use.guarded and "any" not in use.resolver.takes else function


def _guarded(function: Step, use: Use) -> Step:
    """A value of a type the resolver does not take is a reject that names the one which would convert."""
    takes = use.resolver.takes
    accepted = {python for name in takes for python in PYTHON_TYPES[name]}

    def guarded(value: Value) -> Value:
        if type(value) not in accepted and not (isinstance(value, Decimal) and Decimal in accepted):
            found = type_of(value)
            message = f"`{use.resolver.name}` takes {' or '.join(takes)}, found {found} `{describe(value)}`: "
            raise RecordError("R202", message + conversion(takes, found), value)
        return function(value)

    return guarded


def compile_checks(checks: Checks, type: str) -> Step:
    """The function that gives a value back when it keeps its checks, and fails when it does not."""
    tests: list[Step] = []
    if checks.one_of:
        tests.append(_one_of(checks.one_of, type))
    if checks.pattern:
        tests.append(partial(_pattern, checks.pattern))
    if checks.min is not None or checks.max is not None:
        tests.append(partial(_bounds, checks.min, checks.max))
    if checks.min_length is not None or checks.max_length is not None:
        tests.append(partial(_length, checks.min_length or 0, checks.max_length))

    def check(value: Value) -> Value:
        for test in tests:
            test(value)
        return value

    return check


def _one_of(members: Sequence[Value], type: str) -> Step:
    allowed = ", ".join(f"`{written(member)}`" for member in members)

    def one_of(value: Value) -> None:
        found = [_as_found(member, value) for member in members] if type == "any" else members
        if value not in found:
            raise RecordError("R231", f"`{describe(value)}` is not one of {allowed}", value)

    return one_of


def _as_found(member: Value, value: Value) -> Value:
    """A member of a field whose type JSON leaves open is compared as the type of the value."""
    try:
        return read_as(written(member), type_of(value))
    except (RecordError, ArithmeticError, ValueError):
        return MISSING


def _pattern(pattern: Any, value: Value) -> None:
    if type(value) is not str:
        raise RecordError(
            "R232", f"`pattern` checks text, found {type_of(value)} `{describe(value)}`: write `text`", value
        )
    if not pattern.fullmatch(value):
        raise RecordError("R232", f"`{describe(value)}` does not match `{pattern.text}`", value)


def _bounds(low: Value, high: Value, value: Value) -> None:
    found = type_of(value)
    if found in ("text", "bool", "list", "object"):
        raise RecordError("R233", f"`min` and `max` bound numbers and times, found {found} `{describe(value)}`", value)
    if low is not None and value < _as_bound(low, found, value):
        raise RecordError("R233", f"`{describe(value)}` is below the least, `{describe(low)}`", value)
    if high is not None and value > _as_bound(high, found, value):
        raise RecordError("R233", f"`{describe(value)}` is above the greatest, `{describe(high)}`", value)


def _as_bound(bound: Value, found: str, value: Value) -> Value:
    if found in NUMBERS or type_of(bound) == found:
        return bound
    try:
        return read_as(written(bound), found)
    except (RecordError, ArithmeticError, ValueError) as error:
        raise RecordError("R233", f"`{describe(value)}` is {found}, the bound is `{describe(bound)}`", value) from error


def _length(least: int, most: int | None, value: Value) -> None:
    if not isinstance(value, str | list):
        raise RecordError("R234", f"a length is of text or a list, found {type_of(value)} `{describe(value)}`", value)
    if len(value) < least:
        raise RecordError("R234", f"`{describe(value)}` has {len(value)}, at least {least} are needed", value)
    if most is not None and len(value) > most:
        raise RecordError("R234", f"`{describe(value)}` has {len(value)}, at most {most} are allowed", value)
