"""A shortcut of the shortcut: records that all look like the first of them are read by one pattern, value by value.

The pattern is made of the first record: its tags and attributes in their order, each value a group. It only serves
where libxml2 has said that the text is well-formed and where it takes all of it, record after record; then what it
finds is what the tree holds. Elements that the mapping does not read may hold anything. Else there is no answer, and
the records are made of the tree. Without this file nothing changes but the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, repeat
from typing import Any, Final, NamedTuple

from engine.language.elements import Plan
from engine.records import Leaf, Value

MISSES: Final = 3
"""Texts that are not alike, one after the other, until no more are tried."""
MOST: Final = 500
"""Parts of a pattern: it would take long to make a longer one."""
_BLANKS: Final = "[ \t\n]*+"
_ANY_ATTRIBUTES: Final = f'(?:[ \t\n]++[^ \t\n=<>"]++="[^"<]*+")*+{_BLANKS}'
_GROUP: Final = "\1("
"""Opens a group: one that counts, or none where only the end is looked for."""
_VALUE: Final = f'"{_GROUP}[^"<\t\n]*+)"'
_UNREAD: Final = '"[^"<]*+"'
_ESCAPED: Final = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))

Columns = Sequence[Sequence[str]]
"""What each group found, one value a record."""
Make = Callable[[Columns], Sequence[Value]]
"""From what was found to the values of one name, one a record."""


class Unlike(Exception):
    """Records that a pattern is not made for, or does not fit."""


class Tags(NamedTuple):
    """What is called how: a tag as it stands in the text, an element and an attribute as records have them."""

    written: Callable[[str], str]
    element: Callable[[str], str]
    attribute: Callable[[str], str]


class Alike:
    """Reads the texts of one document by the pattern of the latest record that one began with."""

    def __init__(self, plan: Plan, tags: Tags, depth: int) -> None:
        self._plan, self._tags, self._depth = plan, tags, depth
        self._shape: Shape | None = None
        self._misses = 0

    def forget(self) -> None:
        """Names mean something else from now on."""
        self._shape = None

    def read(self, first: Any, data: bytes) -> list[Value] | None:
        """The records of well-formed UTF-8 that begins with this element; None where they are not alike."""
        if self._misses >= MISSES or b"&#" in data:
            return None
        text = data.decode().strip(" \t\r\n")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        values = self._by_pattern(self._shape, text) or self._by_pattern(self._learn(first), text)
        self._misses = 0 if values else self._misses + 1
        return values

    def _learn(self, first: Any) -> Shape | None:
        try:
            self._shape = Shape(first, self._plan, self._tags, self._depth) if len(first) else None
        except Unlike:
            self._shape = None
        return self._shape

    def _by_pattern(self, shape: Shape | None, text: str) -> list[Value] | None:
        try:
            return list(shape.values(text)) if shape else None
        except Unlike:
            return None


class Shape:
    """Elements of one name that stand one after the other, each like the first; Unlike where it is not that plain."""

    def __init__(self, first: Any, plan: Plan, tags: Tags, depth: int) -> None:
        self._tags, self._groups = tags, 0
        self._parts: list[str] = []
        self._make = self._element(first, plan, depth)
        self.plain = "".join(self._parts)
        self._pattern = re.compile(f"{self.plain}{_BLANKS}|(.+)".replace(_GROUP, "("), re.DOTALL)

    def values(self, text: str) -> Sequence[Value]:
        """All of them; Unlike where the pattern leaves anything of the text."""
        *columns, rest = zip(*self._pattern.findall(text), strict=True)
        if rest[-1]:
            raise Unlike
        return self._make(columns)

    # --- the pattern, and what becomes of its groups

    def _element(self, element: Any, plan: Plan, depth: int) -> Make:
        """One that is read."""
        if not depth or len(self._parts) > MOST:
            raise Unlike
        written = re.escape(self._tags.written(element.tag))
        self._parts.append(f"<{written}")
        return self._object(element, plan, written, depth) if len(element) else self._leaf(element, plan, written)

    def _object(self, element: Any, plan: Plan, written: str, depth: int) -> Make:
        """An element that holds others."""
        if plan.text:
            raise Unlike
        makes = self._attributes(element, plan)
        self._parts.append(f"{_BLANKS}>{_BLANKS}")
        seen = set[str]()
        for run in _runs(element):
            name = self._tags.element(run[0].tag)
            if name in seen:
                raise Unlike
            seen.add(name)
            made = self._child(run, plan.child(name), depth - 1)
            if made:
                makes[name] = made
        self._parts.append(f"</{written}{_BLANKS}>")
        if not makes or not makes.keys() >= set(plan.always):
            raise Unlike
        return _objects(makes)

    def _attributes(self, element: Any, plan: Plan) -> dict[str, Make]:
        """Those that are read, where they stand between others; Unlike where two have one name."""
        makes: dict[str, Make] = {}
        names = {self._tags.attribute(tag) for tag in element.attrib}
        if len(names) < len(element.attrib) or len(names) > MOST:
            raise Unlike
        for tag in element.attrib:
            name = self._tags.attribute(tag)
            read = plan.reads(name)
            self._parts.append(f"[ \t\n]++{re.escape(self._tags.written(tag))}={_VALUE if read else _UNREAD}")
            if read:
                makes[name] = _texts(self._group())
        return makes

    def _child(self, run: Sequence[Any], plan: Plan | None, depth: int) -> Make | None:
        """Elements of one name that stand side by side; None where they are not read."""
        tag = self._tags.written(run[0].tag)
        written = re.escape(tag)
        if plan is None:
            self._parts.append(f"(?>(?:<{written}{_ANY_ATTRIBUTES}(?:/>|>.*?</{written}{_BLANKS}>){_BLANKS})+)")
            return None
        if plan.listed:
            shape = Shape(run[0], plan, self._tags, depth)
            self._parts.append(f"{_GROUP}(?:{shape.plain.replace(_GROUP, '(?:')}{_BLANKS})++)")
            return _lists(self._group(), shape, f"</{tag}>")
        if len(run) > 1:
            raise Unlike
        made = self._element(run[0], plan, depth)
        self._parts.append(_BLANKS)
        return made

    def _leaf(self, element: Any, plan: Plan, written: str) -> Make:
        """An element that holds no others; the same without text where it is empty."""
        if plan.always:
            raise Unlike
        makes = {} if plan.text else self._attributes(element, plan)
        inside = _ANY_ATTRIBUTES if plan.text else _BLANKS
        self._parts.append(f"{inside}(?:/>|>{_GROUP}[^<]*+)</{written}{_BLANKS}>)")
        text = _texts(self._group())
        return text if plan.text or not element.attrib else _leaves(makes, text)

    def _group(self) -> int:
        self._groups += 1
        return self._groups - 1


def _runs(element: Any) -> Iterable[list[Any]]:
    """Child elements, those of one name that stand side by side together."""
    run: list[Any] = []
    for child in element:
        if run and run[0].tag != child.tag:
            yield run
            run = []
        run.append(child)
    yield run


def _texts(at: int) -> Make:
    return lambda columns: _unescaped(columns[at])


def _unescaped(column: Sequence[str]) -> Sequence[str]:
    """The texts that are meant; no text of XML has a NUL."""
    text = "\0".join(column)
    if "&" not in text:
        return column
    for written, meant in _ESCAPED:
        text = text.replace(written, meant)
    return text.split("\0")


def _objects(makes: dict[str, Make]) -> Make:
    keys, all_of_them = repeat(tuple(makes)), tuple(makes.values())
    return lambda columns: list(map(dict, map(zip, keys, zip(*[make(columns) for make in all_of_them], strict=True))))


def _leaves(makes: dict[str, Make], text: Make) -> Make:
    """Elements with attributes and without children: text is the last that they hold, where there is any."""
    keys, all_of_them = (*makes, "#text"), (*makes.values(), text)

    def made(columns: Columns) -> list[Value]:
        rows = zip(*[make(columns) for make in all_of_them], strict=True)
        return [Leaf(zip(keys if row[-1] else keys[:-1], row, strict=False)) for row in rows]

    return made


def _lists(at: int, shape: Shape, end: str) -> Make:
    """Lists of as many as end in each piece of text; Unlike where one holds others of its name."""

    def made(columns: Columns) -> list[Value]:
        counts = [text.count(end) for text in columns[at]]
        found = shape.values("".join(columns[at]))
        if len(found) != sum(counts):
            raise Unlike
        values = iter(found)
        return [list(islice(values, count)) for count in counts]

    return made
