"""What stands around the records of a JSON document: a tree with one `$records`, counts, and texts with slots."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.errors import OptionError
from engine.kinds import Roots
from engine.language.jsontext import encode
from engine.language.templates import Template
from engine.spelling import show

RECORDS: Final = "$records"
COUNT: Final = "$count"
_HEAD: Final = re.compile(r"\$[a-z]+(?:[.\[].*)?").fullmatch
Part = bytes | str
"""Bytes as they are, or one of the two marks, in whose place something comes."""


class Wrap:
    """The tree of `wrap`, every text in it read as a template once."""

    kind = "a tree with one `$records`"
    schema: Final[Mapping[str, Any]] = {}
    __slots__ = ("templates", "tree")

    def __init__(self, tree: Any, templates: Mapping[tuple[str | int, ...], Template]) -> None:
        self.tree = tree
        self.templates = templates

    @classmethod
    def parse(cls, value: Any) -> Wrap:
        """The tree that a spec says; OptionError S210 where the records have no place in it, or two."""
        texts = dict(_texts(value, ()))
        count = sum(text == RECORDS for text in texts.values())
        if count != 1:
            what = "has no place for the records" if not count else f"has {count} places for the records"
            raise OptionError("S210", f"`wrap` {what}", "write `$records` once, as in `{orders: $records}`")
        for text in texts.values():
            if _HEAD(text) and text not in (RECORDS, COUNT):
                help = f"`{RECORDS}`, `{COUNT}`, or a text with slots: `{{run.id}}`, `{{vars.x}}`"
                raise OptionError("S210", f"{show(text)} is not known in `wrap`", help)
        return cls(value, {at: Template.parse(text) for at, text in texts.items() if text not in (RECORDS, COUNT)
                           and text})  # fmt: skip

    @property
    def counts_first(self) -> bool:
        """Whether a count stands before the records."""
        marks = [text for _, text in _texts(self.tree, ()) if text in (RECORDS, COUNT)]
        return marks[0] == COUNT

    def parts(self, roots: Roots, indent: int) -> Iterator[Part]:
        """The document in pieces, compact or with so many blanks a level."""
        yield from self._written(self.tree, (), roots, indent)

    @property
    def depth(self) -> int:
        """How many levels are around the records."""
        return next(len(at) for at, text in _texts(self.tree, ()) if text == RECORDS)

    def _written(self, value: Any, at: tuple[str | int, ...], roots: Roots, indent: int) -> Iterator[Part]:
        if isinstance(value, str):
            template = self.templates.get(at)
            yield encode(template.filled(roots)) if template else value or b'""'
        elif isinstance(value, dict | list) and value:
            yield from self._inside(value, at, roots, indent)
        else:
            yield encode(value)

    def _inside(self, value: Any, at: tuple[str | int, ...], roots: Roots, indent: int) -> Iterator[Part]:
        """The members of an object or a list, between brackets."""
        opening, closing = (b"{", b"}") if isinstance(value, dict) else (b"[", b"]")
        line = b"\n" + b" " * (indent * (len(at) + 1)) if indent else b""
        yield opening
        for number, (key, item) in enumerate(_members(value)):
            yield (b"," if number else b"") + line
            if isinstance(key, str):
                yield encode(key) + (b": " if indent else b":")
            yield from self._written(item, (*at, key), roots, indent)
        yield (b"\n" + b" " * (indent * len(at)) if indent else b"") + closing


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value)


def _texts(value: Any, at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The texts of a tree by their places, in order."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict | list):
        for key, item in _members(value):
            yield from _texts(item, (*at, key))
