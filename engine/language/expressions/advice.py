"""What to write where `check` refuses an operand: the resolver to call, around the words that stand there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from engine.language.expressions.operators import TIMES
from engine.language.expressions.refusals import quoted
from engine.registry import NUMBERS

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_SPECIAL: Final = re.compile(r"[][\\.+*?(){}|^$]")
_ESCAPED: Final = r"\\\g<0>"
"""What a pattern does not take as it is written, and how it stands there."""


def decided(said: str, type: str) -> str:
    if type == "text":
        return f'write `present({said})`, `bool({said})`, or compare it: `{said} == ".."`'
    if type in NUMBERS:
        return f"compare it: `{said} != 0`"
    return f"write `count({said}) > 0`" if type == "list" else f"write `present({said})`"


def calculated(sign: str, said: str, type: str, kinds: tuple[str, str]) -> str:
    """What to write where an operand is none to calculate with."""
    if type == "text":
        return _text_calculated(sign, said, next(kind for kind in (*kinds, "") if kind != "text"))
    if type in TIMES or set(kinds) & set(TIMES):
        if "number" in kinds:
            return 'a time moves by `duration("7d")`, or with `shift(x, days=n)`'
        return 'write `date(x, zone="..")` or `instant(x, zone="..")` around one of them'
    if type in ("list", "object"):
        return "take one value of it, or `sum`"
    return "write `1 if x else 0`" if type == "bool" else "write another operator"


def _text_calculated(sign: str, said: str, other: str) -> str:
    """A text is made what the other operand is, or that a text where `+` would join."""
    if other == "duration":
        return f"write `instant({said})` or `date({said})`"
    if other in TIMES:
        return "write `text(..)` around the time to join" if sign == "+" else f"write `{other}({said})`"
    joins = ", or `text(..)` around the number to join" if sign == "+" and other == "number" else ""
    return f"write `int({said})` or `decimal({said})`{joins}"


def summed(said: str, type: str, *, listed: bool) -> str:
    """What to write where `sum` gets no numbers; those of a list are made numbers one by one."""
    if type == "bool":
        return f"write `sum(1 for i in {said} if i)`" if listed else f"write `1 if {said} else 0`"
    if type != "text":
        return "take one number of each: `sum(i.qty for i in items)`"
    if listed:
        return f"write `sum(int(i) for i in {said})` or `sum(decimal(i) for i in {said})`"
    return f"write `int({said})` or `decimal({said})`"


def incomparable(said: str, kind: str) -> str:
    if kind == "bool":
        return f"write `{said}` or `not {said}`"
    return f"compare a part of it, or `count({said})`"


def converted(left: tuple[str, str, bool], right: tuple[str, str, bool]) -> tuple[str, int]:
    """What to write around which operand: each is its words, its type, and whether it is written down."""
    sides = (left, right)
    if "text" in (left[1], right[1]):
        return _text_converted(sides, 0 if left[1] == "text" else 1)
    for wanted, found in (("date", "instant"), ("instant", "local"), ("date", "local")):
        if {left[1], right[1]} == {wanted, found}:
            wrong = 0 if left[1] == found else 1
            zone = "" if (wanted, found) == ("date", "local") else ', zone=".."'
            return f"write `{wanted}({sides[wrong][0]}{zone})`", wrong
    return "they are never the same", 1


def _text_converted(sides: Sequence[tuple[str, str, bool]], text: int) -> tuple[str, int]:
    """The text is made what the other one is; a number or truth value that is written down may be meant as a text."""
    said, _, written = sides[text]
    other, wanted, other_written = sides[1 - text]
    if other_written and wanted in (*NUMBERS, "bool"):
        return f'write `{wanted}({said})`, or `"{other}"` for the text', text
    if written and wanted in (*NUMBERS, "bool"):
        return f"write `text({other})`{_unquoted(said[1:-1], wanted)}", 1 - text
    if wanted in ("local", "list", "object"):
        return 'write `instant(.., zone="..")` around both', text
    return f"write `{wanted}({said})`", text


def _unquoted(text: str, wanted: str) -> str:
    """A text that says a number, or true or false, may be meant as that."""
    if wanted == "bool":
        return f", or `{text}` for the truth value" if text in ("true", "false") else ""
    return f", or `{text}` for the number" if _NUMBER.fullmatch(text) else ""


def searched(said: str, type: str, sought: object) -> str:
    """What to write where `in` looks into no list; `sought` is a text where it is written down."""
    if type != "text":
        return "write a list: `[a, b]`"
    if not isinstance(sought, str):
        return f'write `present(extract({said}, ".."))` with a pattern'
    return f"write `present(extract({said}, {quoted(_SPECIAL.sub(_ESCAPED, sought))}))`"


def chosen(operands: Sequence[str], *, written: bool) -> str:
    """What to write where `or` stands between values; `written` where the last is written down."""
    first = f"the first that is not blank is `coalesce({', '.join(operands)})`"
    return first if written else f"{first}; to ask, write `{' or '.join(f'present({each})' for each in operands)}`"
