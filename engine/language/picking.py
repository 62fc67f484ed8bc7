"""Steps and heads: what a path is made of, and how one step is taken into a value."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from engine.errors import OptionError, RecordError
from engine.language.frames import HEADS
from engine.records import MISSING, Value
from engine.spelling import listed, suggest

TEXT: Final = "#text"
"""The text of an element of XML; of one that is nothing else, it is the value itself."""
PUBLIC_HEADS: Final = tuple(head for head in HEADS if head not in ("", "$work"))
STEP: Final = re.compile(r"[^.\[\]|&!?*<>=(){},'\"`]+")
QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


class Name(NamedTuple):
    """A named step; a bare `0` also indexes a list, and a bare `_x` may be a working field, a quoted one never."""

    text: str
    position: int | None = None
    quoted: bool = False

    @property
    def may_work(self) -> bool:
        """Whether it may name a working field."""
        return not self.quoted and self.text.startswith("_")


class Index(NamedTuple):
    """`[n]`: an item of a list, from the end where negative."""

    number: int


Step = Name | Index


def take(value: Value, step: Step) -> Value:
    """One step into a value: missing where there is nothing, a failure for a name on a list."""
    if isinstance(step, Index):
        return _item(value, step.number)
    if isinstance(value, dict):
        return value.get(step.text, MISSING)
    if isinstance(value, list):
        if step.position is not None:
            return _item(value, step.position)
        raise RecordError("R205", f"`{step.text}` is asked of a list of {len(value)}: use `[0]` or `each`")
    return value if step.text == TEXT and isinstance(value, str) else MISSING


def _item(value: Value, number: int) -> Value:
    if isinstance(value, list) and -len(value) <= number < len(value):
        return value[number]
    return MISSING


def known_head(text: str, span: tuple[int, int]) -> str:
    if text not in PUBLIC_HEADS:
        near = suggest(text, PUBLIC_HEADS)
        help = f"did you mean `{near}`?" if near else f"a path may start at {listed(PUBLIC_HEADS)}"
        raise OptionError("M202", f"`{text}` is not a head", help, (span[0], len(text)))
    return text


def inner_head(head: str, at: int) -> OptionError:
    return OptionError("M202", f"`{head}` stands inside a path", "a head starts a path", (at, len(head)))
