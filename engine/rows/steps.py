"""Values through resolvers and checks: what stands behind a made value, one function of a value each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from engine.errors import RecordError
from engine.language.calls import guarded
from engine.language.fields import Checks, Field, Use
from engine.language.frames import Frame
from engine.language.literals import read_as, written
from engine.language.shapes import type_of
from engine.records import MISSING, Leaf, Value, is_blank
from engine.registry import NUMBERS
from engine.spelling import describe

Make = Callable[[Frame], Value]
Step = Callable[[Value], Value]


def chained(make: Make, chain: Sequence[Use]) -> Make:
    """The resolvers behind a value, left to right; blank passes through untouched."""
    if not chain:
        return make
    if len(chain) == 1 and not chain[0].resolver.blank and not chain[0].resolver.contextual:
        return _one_step(make, compile_use(chain[0]))
    steps = [(_with_frame(use), use.resolver.blank) for use in chain]

    def through(frame: Frame) -> Value:
        value = make(frame)
        for step, sees_blank in steps:
            if value or sees_blank or (value is not MISSING and value is not None and value != ""):
                value = step(value, frame)
        return value

    return through


def _with_frame(use: Use) -> Callable[[Value, Frame], Value]:
    """Its function of a value and a frame, which only a contextual resolver looks at."""
    step: Callable[..., Value] = compile_use(use)
    return step if use.resolver.contextual else lambda value, frame: step(value)


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
    return guarded(function, use.resolver) if use.guarded and "any" not in use.resolver.takes else function


def on_blank(made: Field) -> Step:
    """What a blank result becomes: the default, a reject, or a blank as the field writes it."""
    default, blank, typed = made.default, made.blank, made.type not in ("text", "any")

    def on_blank(value: Value) -> Value:
        if default is not MISSING:
            value = default
        if not is_blank(value):
            return value
        if made.required:
            raise RecordError("R201", _required_message(made, value))
        if blank == "omit":
            return MISSING
        return None if blank == "null" or (value == "" and typed) else value

    return on_blank


def _required_message(made: Field, value: Value) -> str:
    found = "missing" if value is MISSING else "null" if value is None else "empty"
    paths = ", ".join(f"`{path.text}`" for path in made.sources)
    return f"required, but {paths or 'the value'} is {found}"


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
            test(value.text if isinstance(value, Leaf) else value)
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
    if type_of(bound) == found or (found in NUMBERS and found != "float"):
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
