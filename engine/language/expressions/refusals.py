"""What is refused by name, and what to write instead."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping
from typing import Final

SIGNS: Final[Mapping[str, str]] = {
    "**": "multiply: `x * x`",
    ":=": "make the value in a field above and read it as `$out.name`",
    "===": "write `==`",
    "!==": "write `!=`",
    "<>": "write `!=`",
    "&&": "write `and`",
    "||": "write `or`; the first value that is not blank is `coalesce(a, b)`",
    "!": "write `not`",
    "??": "write `coalesce(a, b)`",
    "?": "write `a if c else b`",
    "=>": "write `>=`",
    "=<": "write `<=`",
    "->": "there are no functions of one's own",
    "&": "write `and`",
    "|": "write `or`; resolvers are called: `trim(name)`",
    "^": "multiply: `x * x`",
    "~": "write `not`",
    "<<": "multiply: `x * 2`",
    ">>": "divide: `x // 2`",
    ";": "one expression makes one value: write two fields",
    "`": 'a text stands in quotes: `".."`',
    "@": 'a name that holds such a sign stands in `get`: `get("@id")`',
    "#": 'a name that holds such a sign stands in `get`: `get("#text")`; a note is `comment:`',
    "\\": "an expression needs no sign at the end of a line",
}
"""Signs of other languages."""

WORDS: Final[Mapping[str, str]] = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "write `null`; to ask for a value write `present(x)`",
    "is": "write `==`; to ask for a value write `present(x)`",
    "lambda": "there are no functions of one's own",
    "await": "a lookup waits by itself",
    "yield": "an expression gives one value",
}
"""Words of Python that the language does not have; its other keywords may be names of fields, behind `get`."""

_DURATION: Final = re.compile(r"[0-9]+(?:ms|s|m|h|d)")
_BASE: Final = re.compile(r"0[xXoObB][0-9a-fA-F]{1,12}")
_EXPONENT: Final = re.compile(r"([0-9]+)[eE]\+?([0-9])")


def number_help(word: str) -> str:
    """How a number is written that stands there in a way of another language."""
    if _BASE.fullmatch(word):
        try:
            return f"write `{int(word, 0)}`"
        except ValueError:
            return "write it in decimal digits"
    if _DURATION.fullmatch(word):
        return f'a length of time is `duration("{word}")`'
    if match := _EXPONENT.fullmatch(word):
        return f"write `{match[1] + '0' * int(match[2])}`"
    digits = word.replace("_", "")
    if digits.isascii() and digits.isdigit() and len(digits) <= 40:
        return f'write `{int(digits)}`, or `"{word}"` for the text'
    if word.endswith("."):
        return "write a digit behind the point: `5.0`"
    return f"numbers are `7`, `-7`, `7.50`; a text is `{quoted(shown(word))}`, a field `get({quoted(shown(word))})`"


_MEMBER: Final = re.compile(r"""\[\s*(?P<quote>["'])(?P<name>[^"'\\]+)(?P=quote)\s*\]""")
_SLICE: Final = re.compile(r"\[\s*(-?[0-9]*)\s*:\s*(-?[0-9]*)\s*\]")
_GET: Final = re.compile(
    r"""\s*\(\s*(?P<quote>["'])(?P<name>[^"'\\]+)(?P=quote)\s*(?:,\s*(?P<default>[^(),]+?)\s*)?\)"""
)
_NAME: Final = re.compile(r"[^\W\d]\w*")
_STEP: Final = re.compile(r"[\w @:$-]+")


def called_help(whole: str, rest: str) -> str:
    """What to write where a value's method is called: of `get` the part that it takes, else the function around it."""
    value, name = whole.rsplit(".", 1)
    found = _GET.match(rest) if name == "get" else None
    if found is None:
        return f"a function comes first: `{name}({value})`"
    part = _part(value, found["name"])
    return f"write `coalesce({part}, {found['default']})`" if found["default"] else f"write `{part}`"


def index_help(value: str, rest: str) -> str:
    """What to write where brackets behind a value hold no whole number."""
    if found := _MEMBER.match(rest):
        return f"write `{_part(value, found['name'])}`"
    if found := _SLICE.match(rest):
        limits = ", ".join([found[1] or "0", *filter(None, [found[2]])])
        return f"of a text write `slice({value}, {limits})`, of a list `get({quoted(value + found[0])})`"
    return 'an index is a whole number: `lines[0]`, `lines[-1]`; for more write `get("..")`'


def _part(value: str, name: str) -> str:
    """A part of a value, by a name in quotes."""
    if _NAME.fullmatch(name) and not keyword.iskeyword(name) and name not in ("true", "false", "null"):
        return f"{value}.{name}"
    step = name if _STEP.fullmatch(name) else quoted(name)
    return f"get({quoted(f'{value}.{step}')})"


def quoted(text: str) -> str:
    """The text as a literal of an expression."""
    return json.dumps(text, ensure_ascii=False)


def shown(word: str) -> str:
    """A word for a message: cut short, and what cannot be seen named."""
    if len(word) == 1 and not (word.isprintable() and word != " "):
        return f"U+{ord(word):04X}"
    safe = "".join(sign if sign.isprintable() else f"U+{ord(sign):04X}" for sign in word[:41])
    return safe if len(word) <= 40 else f"{safe[:40]}…"


CALLS: Final[Mapping[str, str]] = {
    "len": "write `length(x)` for a text or a list, `count(x)` where there may be none",
    "str": "write `text(x)`",
    "string": "write `text(x)`",
    "concat": 'texts are joined with `+`, lists with `join(list, ",")`',
    "nvl": "write `coalesce(a, b)`",
    "ifnull": "write `coalesce(a, b)`",
    "isnull": "write `not present(x)`",
    "exists": "write `present(x)`",
    "has": "write `present(x)`",
    "iif": "write `a if c else b`",
    "substr": "write `slice(x, 0, 3)`",
    "substring": "write `slice(x, 0, 3)`",
    "now": "the run's time is `$run.started_at`",
    "today": 'the run\'s day is `date($run.started_at, zone="UTC")`',
    "contains": 'write `x in list`; in a text, `present(extract(x, ".."))`',
    "avg": "write `sum(list) / count(list)`",
    "number": "write `int(x)` or `decimal(x)`",
    "sorted": "write `sort(list)`",
    "datetime": "write `instant(x)`",
}
"""Functions of other languages, and what does the same."""
