"""Paths of the SDK's five dialects as ours: read into steps by one grammar, written as a plain path where they are one.

`a.b`, `a[1]`, `a.1`, `a[*].b`, `a.*.b`, `a['k']`, `e@attr`, `e.@attr`, `e[attr=v]`, `e[attr=v]@b`. What its mapper of
the style at hand would not resolve is noted in `strange`, and is read all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from engine.language.picking import STEP

PROTOTYPE: Final = ("__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty")
"""Names that every object of JavaScript has without holding them."""


class Key(NamedTuple):
    """A step by name, which also indexes a list where it is a number."""

    name: str


class At(NamedTuple):
    """`[n]`: one item."""

    number: int


class Every(NamedTuple):
    """`[*]` or `.*`: all items; `written` is how."""

    written: str


class Match(NamedTuple):
    """`[attr=v]`: the first item whose attribute has that value."""

    attribute: str
    value: str


Step = Key | At | Every | Match

_PART: Final = re.compile(r"((?:[^.\[]|\[(?=[^\]]*$))*)((?:\[[^\]]*\])*)([^.\[]*)")
_BRACKET: Final = re.compile(r"\[([^\]]*)\]")
_NUMBER: Final = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class Said:
    """A path in steps, and the first form in it that the SDK's mapper does not resolve."""

    steps: tuple[Step, ...]
    strange: str = ""

    @property
    def every(self) -> int:
        """How often it says all items."""
        return sum(isinstance(step, Every) for step in self.steps)


def parse(text: str, style: str, *, xml: bool = False) -> Said:
    """The steps that a path of the SDK says."""
    steps: list[Step] = []
    strange = ""
    at = 0
    while at <= len(text):
        match = _PART.match(text, at)
        assert match  # noqa: S101 - every part of it may be empty
        steps += _names(match[1] if match[2] else match[1] + match[3], xml=xml)
        for content in _BRACKET.findall(match[2]):
            step, odd = _bracket(content, style, steps)
            steps.append(step)
            strange = strange or odd
        steps += _names(match[3], xml=xml) if match[2] else ()
        at = match.end() + 1
    strange = strange or _strange_names(steps, style)
    return Said(tuple(steps), strange)


def _names(text: str, *, xml: bool) -> Iterator[Step]:
    """The names of one part: `e@attr` in XML is an element and its attribute."""
    if text == "*":
        yield Every(".*")
    elif xml and "@" in text:
        element, _, attribute = text.partition("@")
        yield from (Key(name) for name in (element, f"@{attribute.partition('@')[0]}") if name)
    elif text:
        yield Key(text)


def _bracket(content: str, style: str, before: Sequence[Step]) -> tuple[Step, str]:
    """A step in brackets, and how it is written where this mapper finds nothing by it."""
    written = f"[{content}]"
    if content in ("*", ""):
        return Every(written), written if content == "" else ""
    if quoted := re.fullmatch(r"'([^']*)'|\"([^\"]*)\"", content):
        return Key(quoted[1] or quoted[2] or ""), written if style == "universal" else ""
    if "=" in content:
        attribute, _, value = content.partition("=")
        return Match(attribute, value), written if style == "universal" else ""
    number = _NUMBER.match(content)
    if number is None:
        return Key(content), written
    twice = bool(before) and isinstance(before[-1], At)
    odd = number[0] != content or number[0].startswith("-") or twice
    return At(int(number[0])), written if odd else ""


def _strange_names(steps: Sequence[Step], style: str) -> str:
    wild = [step.written for step in steps if isinstance(step, Every)]
    if style == "universal" and (".*" in wild or len(wild) > 1):
        return ".*" if ".*" in wild else "[*]"
    return ""


def prototype_name(steps: Sequence[Step]) -> str:
    """The first step that JavaScript would find on every object."""
    return next((step.name for step in steps if isinstance(step, Key) and step.name in PROTOTYPE), "")


def written(steps: Sequence[Step], head: str = "", *, flat: bool = False) -> str:
    """The steps as a path of ours; `flat`: what `[*]` leads to is one list."""
    text = head
    for step in steps:
        if isinstance(step, Key):
            text += ("." if text else "") + name(step.name, first=not text)
        elif isinstance(step, At):
            text += f"[{step.number}]"
        elif isinstance(step, Every):
            text += "[]" if flat else "[*]"
        else:
            value = step.value.replace("\\", "\\\\").replace("'", "\\'")
            text = f"[{text}][] | [?{json.dumps('@' + step.attribute)} == '{value}'] | [0]"
    return text or "@"


def name(text: str, *, first: bool = False) -> str:
    """One name as a step: in quotes where it holds signs of paths, or would be a head."""
    bare = STEP.fullmatch(text) and text.strip() == text and not text.startswith("$") and not (first and text == "@")
    return text if bare else json.dumps(text, ensure_ascii=False)
