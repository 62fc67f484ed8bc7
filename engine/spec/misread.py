"""What YAML reads otherwise than it was meant: a text that ends at a comment, or at a comma of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from engine.spec.document import Document, Mark, Pointer
from engine.spec.scalars import shortened
from engine.spec.syntax import COMMENTED, quoted_line

_COMMENT: Final = re.compile(r"[ \t]+(#[^\r\n]*)")
_NUMBER: Final = re.compile(r"(-?[0-9]+), *([0-9]+)")


class Misread(NamedTuple):
    """Where it stands, and what to say of it."""

    mark: Mark
    code: str
    message: str
    help: str


def cut_short(document: Document, pointer: Pointer) -> Misread | None:
    """A text without quotes that goes on behind a ` #`; None where no comment follows it."""
    line, column, length = document.value_mark(pointer)
    start = document.offset(line) + column - 1
    found = _COMMENT.match(document.text, start + length)
    if not found or document.text[start] in "\"'|>":
        return None
    help = f"write `{quoted_line(document, start, found.end())}`"
    return Misread(document.mark(*found.span(1)), "S106", COMMENTED.format(shortened(found[1])), help)


def taken_apart(document: Document, pointer: Pointer, said: Mapping[str, Any]) -> Misread | None:
    """A text in `{..}` with a comma in it, behind which YAML sees keys without values; None where it is none."""
    names = list(said)
    first = last = names.index(str(pointer[-1]))
    while first and said[names[first]] is None:
        first -= 1
    while last + 1 < len(names) and said[names[last + 1]] is None:
        last += 1
    if said[names[last]] is not None or isinstance(said[names[first]], dict | list | None):
        return None
    start = _offset(document, document.value_mark((*pointer[:-1], names[first])))
    mark = document.key_mark((*pointer[:-1], names[last]))
    end = _offset(document, mark) + mark.length
    text = document.text[start:end]
    if "," not in text or "\n" in text:
        return None
    number = _NUMBER.fullmatch(text)
    point = f"; a number has a point: `{'.'.join(number.groups())}`" if number else ""
    help = f"write `{quoted_line(document, start, end)}`{point}"
    return Misread(document.mark(start, end), "S105", f"YAML takes `{shortened(text)}` apart at its commas", help)


def _offset(document: Document, mark: Mark) -> int:
    return document.offset(mark.line) + mark.column - 1
