"""Literals of a spec as values of a field's type: defaults, members of `one_of`, bounds."""

from __future__ import annotations

import sys
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from engine.errors import OptionError, RecordError
from engine.language.fields import Checks, Field
from engine.language.numbers import read_decimal
from engine.language.shapes import type_of
from engine.language.times import TimeFormat
from engine.options import Report
from engine.records import plain
from engine.registry import NUMBERS
from engine.spelling import a, describe

TIMES: Final = ("date", "instant", "local")

LARGEST: Final = Decimal(sys.float_info.max)
EXAMPLES: Final = {
    "text": '`"none"`',
    "int": "`0`",
    "decimal": "`0.0`",
    "float": "`0.0`",
    "bool": "`false`",
    "date": "`2026-01-31`",
    "instant": "`2026-01-31T12:00:00Z`",
    "local": "`2026-01-31T12:00:00`",
    "list": "`[]`",
    "object": "`{}`",
}
"""A literal of each type, for messages."""


def typed_default(made: Field, report: Report) -> Any:
    """The default as a value of the field's type; it is not resolved again, so it must fit as it stands."""
    found = type_of(made.default)
    if made.type in ("any", found):
        return made.default
    try:
        return as_type(made.default, made.type)
    except (RecordError, OptionError):
        quoted = made.type in NUMBERS and isinstance(made.default, str) and _fits(made.default, made.type)
        help = f"write {a(made.type)}, such as {EXAMPLES[made.type]}"
        help = f'write `"{written(made.default)}"`' if made.type == "text" else help
        help = f"write `{made.default}` without quotes" if quoted else help
        report("M303", (*made.pointer, "default"), f"the default is {found}, the field is {made.type}", help)
        return made.default


def _fits(text: str, type: str) -> bool:
    """Whether a text would be a literal of the type without its quotes."""
    try:
        return type_of(read_as(text, type)) == type
    except (RecordError, OptionError, ValueError, ArithmeticError):
        return False


def as_type(literal: Any, type: str) -> Any:
    """A literal of a spec as a value of a type: numbers mix, times are read from their text."""
    if type in NUMBERS and type_of(literal) in NUMBERS and (type != "int" or isinstance(literal, int)):
        exact = plain(Decimal(str(literal)))
        return float(literal) if type == "float" else literal if type == "int" else exact
    if type in TIMES and isinstance(literal, str):
        value = TimeFormat.parse("iso8601").read(literal)
        if type_of(value) == type:
            return value
    if type_of(literal) == type:
        return literal
    raise RecordError("M303", f"`{describe(literal)}` is not {type}")


def typed_checks(made: Field, report: Report) -> Checks:
    checks, at = made.checks, made.pointer
    if checks.pattern and made.type not in ("text", "any"):
        report(
            "M312",
            (*at, "pattern"),
            f"`pattern` checks text, the field is {made.type}",
            "write `text` last in the chain, or use `one_of`",
        )
    if (checks.min_length is not None or checks.max_length is not None) and made.type not in (
        "text",
        "list",
        "any",
    ):
        key = "min_length" if checks.min_length is not None else "max_length"
        report(
            "M312",
            (*at, key),
            f"`{key}` measures text or a list, the field is {made.type}",
            "use `min` and `max`" if made.type in (*NUMBERS, *TIMES) else "leave it out",
        )
    return replace(
        checks,
        one_of=tuple(_member(member, made, i, report) for i, member in enumerate(checks.one_of)),
        min=_bound(checks.min, "min", made, report),
        max=_bound(checks.max, "max", made, report),
    )


def written(literal: Any) -> str:
    """A literal as the text written, whatever YAML made of it."""
    return describe(literal) if literal is None or isinstance(literal, bool | list | dict) else str(literal)


def _member(member: Any, made: Field, index: int, report: Report) -> Any:
    """A member is read as the text written and compared as the type of the field."""
    try:
        return read_as(written(member), made.type)
    except (RecordError, OptionError, ValueError, ArithmeticError):
        help = f"the field is {made.type}: write members of that type, such as {EXAMPLES[made.type]}"
        report("M305", (*made.pointer, "one_of", index), f"`{written(member)}` is not {a(made.type)}", help)
        return member


def read_as(text: str, type: str) -> Any:
    """A text read as a value of a type, for members and bounds of checks."""
    if type == "bool":
        return {"true": True, "false": False}[text] if text in ("true", "false") else _refuse(text, type)
    if type in ("int", "decimal", "float"):
        number = read_decimal(text, text, exponent=True)
        if type == "float":
            return float(number) if abs(number) <= LARGEST else _refuse(text, type)
        return int(number) if type == "int" and number == number.to_integral_value() else number
    if type in TIMES:
        return as_type(text, type)
    return text


def _refuse(text: str, type: str) -> Any:
    raise RecordError("M305", f"`{text}` is not {type}")


def _bound(bound: Any, key: str, made: Field, report: Report) -> Any:
    if bound is None or made.type == "any":
        return bound
    if made.type not in (*NUMBERS, *TIMES):
        report("M308", (*made.pointer, key), f"`{key}` bounds numbers and times, the field is {made.type}",
               f"use `{key}_length`" if made.type in ("text", "list") else "leave it out")  # fmt: skip
        return None
    try:
        return read_as(written(bound), made.type)
    except (RecordError, OptionError, ValueError, ArithmeticError):
        help = f"write {a(made.type)}, such as {EXAMPLES[made.type]}"
        report("M308", (*made.pointer, key), f"`{written(bound)}` is not {a(made.type)}", help)
        return None
