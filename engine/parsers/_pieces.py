"""A shortcut: whole records read from a text that expat has found well-formed, tag by tag, without an event for each.

It knows start tags, end tags and text. What else it meets (an odd way of writing attributes, text beside elements, deep
nesting) is Odd, and the records are read from expat's events, which give the same. Without this file nothing changes
but the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from engine.language.elements import BLANK, Head, Names, Plan, Scope, Shape, is_declaration, without_children
from engine.language.walks import Opened
from engine.records import Leaf, Value

DEEPEST: Final = 200
MOST: Final = 5000
"""Levels that are read by calls that nest; tags that are remembered."""
ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
"""The five of XML, the sign of all of them last."""

Tag = tuple[str, Plan | None, bool, dict[str, Value] | None]

_REFERENCE: Final = re.compile(r"&(?:#x([0-9a-fA-F]+)|#([0-9]+)|([a-z]+));")
_TAG: Final = re.compile(r"""([^\s/"'=]+)(?:\s+[^\s/"'=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(/?)""")
_BEFORE_VALUE: Final = re.compile(r"""([^\s/"'=]+)?\s+([^\s/"'=]+)\s*=\s*""")


class Odd(Exception):
    """A text that this way does not read."""


class Pieces:
    """Reads records of one document; what it has seen of its tags is kept for those that come."""

    def __init__(self, path: Sequence[str], plan: Plan, names: Names, depth: int) -> None:
        self._path = tuple(path)
        self._plan = plan
        self._names = names
        self._depth = min(depth, DEEPEST)
        self._ends: set[str] = set()
        self._outside = Plan(None, ())
        self.scope: Scope = {}
        """What prefixes stand for in the document."""
        self._escapes = False

    def read(self, text: str, open_: Sequence[Opened]) -> tuple[list[Value], list[Opened]]:
        """The records of a text that begins and ends outside of one, and the elements that are open behind it.

        `open_` are those before it; Odd where it has to be read otherwise.
        """
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._escapes = "&" in text
        pieces = iter(text.split("<"))
        next(pieces)
        around, values, last = list(open_), list[Value](), self._path[-1]
        above = self.is_above(around)
        for piece in pieces:
            if piece[0] == "/":
                around.pop()
                above = self.is_above(around)
                continue
            head, _, behind = piece.partition(">")
            name, _, ends, attributes = self._tag(self._outside, head, self._plan)
            if above and name == last:
                values.append(self._record(ends, attributes, behind, pieces))
            elif not ends:
                around.append((name, _written_in(head)))
                above = self.is_above(around)
        return values, around

    def one(self, text: str, *, escapes: bool) -> Value:
        """The record that is all of a text; Odd where it is none, or has to be read otherwise."""
        self._escapes = escapes
        pieces = iter(text.split("<"))
        blank = next(pieces)
        head, _, behind = next(pieces).partition(">")
        name, _, ends, attributes = self._tag(self._outside, head, self._plan)
        if name != self._path[-1] or blank.strip(BLANK):
            raise Odd
        value = self._record(ends, attributes, behind, pieces)
        if next(pieces, None) is not None:
            raise Odd
        return value

    def is_above(self, around: Sequence[Opened]) -> bool:
        """Whether records may stand here."""
        return tuple([name for name, _ in around]) == self._path[:-1]

    def _record(self, ends: bool, attributes: dict[str, Value] | None, text: str, pieces: Iterator[str]) -> Value:
        """A record from behind its start tag."""
        if ends:
            return _plain(without_children(self._plan, attributes, ""))
        piece = next(pieces)
        if piece[0] == "/":
            text = self.unescaped(text) if self._escapes else text
            return _plain(without_children(self._plan, attributes, text))
        value = attributes or {}
        self._content(self._plan, value, text, piece, pieces, 1)
        return value

    def _content(  # noqa: C901, PLR0912, PLR0915 - the hot loop: every call in it would be paid by each element
        self, plan: Plan, value: dict[str, Value], text: str, piece: str, pieces: Iterator[str], level: int
    ) -> str:
        """The children of an element that is open into its value, from the first of them; gives its end tag."""
        if level > self._depth or text.strip(BLANK):
            raise Odd
        heads, known = plan.heads, self._ends
        while piece[0] != "/":
            head, _, text = piece.partition(">")
            tag = heads.get(head)
            if tag:
                name, below, ends = tag
                attributes = None
            else:
                name, below, ends, attributes = self._tag(plan, head, None)
            if below is None:
                piece = self._skip(ends, piece, pieces)
                continue
            if ends:
                if text.strip(BLANK):
                    raise Odd
                made: Value = "" if attributes is None and not below.always else without_children(below, attributes, "")
            else:
                piece = next(pieces)
                if piece[0] != "/":
                    made = attributes or {}
                    piece = self._content(below, made, text, piece, pieces, level + 1)
                else:
                    made = self.unescaped(text) if self._escapes and "&" in text else text
                    if attributes is not None or below.always:
                        made = without_children(below, attributes, made)
                if piece not in known:
                    self._know_end(piece)
            if name not in value:
                value[name] = [made] if below.listed else made
            elif type(found := value[name]) is list:
                found.append(made)
            else:
                value[name] = [found, made]
            piece = next(pieces)
        for name in plan.always:
            value.setdefault(name, [])
        return piece

    def _know_end(self, piece: str) -> None:
        """An end tag, behind which nothing but white space may stand."""
        if piece.partition(">")[2].strip(BLANK):
            raise Odd
        if len(self._ends) < MOST:
            self._ends.add(piece)

    def _skip(self, ends: bool, piece: str, pieces: Iterator[str]) -> str:
        """Past an element that is not read; gives what comes behind it."""
        level = 0 if ends else 1
        while level:
            piece = next(pieces)
            if piece[0] == "/":
                level -= 1
            elif not _tag_of(piece.partition(">")[0])[1]:
                level += 1
        if piece.partition(">")[2].strip(BLANK):
            raise Odd
        return next(pieces)

    # --- tags

    def _tag(self, plan: Plan, head: str, record: Plan | None) -> Tag:
        """A start tag: its name, what is read of its element, whether that ends there, its attributes.

        `record` is the plan of records, where one may stand.
        """
        quote = '"' if '"' in head else "'"
        parts = head.split(quote)
        if len(parts) == 1:
            return (*self._plain_tag(plan, head), None)
        between = tuple(parts[::2])
        name, below, ends, keys, whole, bare = plan.shapes.get(between) or self._shape(plan, between, record)
        if bare:
            return name, below, ends, None
        values = parts[1::2]
        if "\n" in head or "\t" in head:
            _refuse_folded(values)
        if self._escapes and "&" in head:
            values = [self.unescaped(value) for value in values]
        attributes = dict(zip(keys, values))  # noqa: B905 - as many as there are keys
        if not whole:
            attributes.pop(None, None)
        return name, below, ends, attributes  # type: ignore[return-value]

    def _shape(self, plan: Plan, between: tuple[str, ...], record: Plan | None) -> Shape:
        """A start tag, from what stands between the values of its attributes."""
        *befores, last = between
        matches = [_BEFORE_VALUE.fullmatch(before) for before in befores]
        first = matches[0] if matches else None
        if not first or not first[1] or not all(matches) or last.strip(BLANK) not in ("", "/"):
            raise Odd
        name, below, _ = self._plain_tag(plan, first[1])
        below = record or below
        keys = tuple(self._key(below, match[2]) for match in matches if match)
        read = [key for key in keys if key]
        if len(set(read)) < len(read):
            raise Odd
        bare = below is None or below.text or all(is_declaration(match[2]) for match in matches if match)
        shape = Shape(name, below, last.strip(BLANK) == "/", keys, len(read) == len(keys), bare)
        if len(plan.shapes) < MOST:
            plan.shapes[between] = shape
        return shape

    def _key(self, plan: Plan | None, written: str) -> str | None:
        """The name of an attribute; None where it is not read."""
        name = "@" + self._names.attribute(written, self.scope)
        return name if plan and plan.reads(name) and not is_declaration(written) else None

    def _plain_tag(self, plan: Plan, head: str) -> Head:
        """A start tag without attributes; two namespaces under one name are told apart elsewhere."""
        written, ends = _tag_of(head)
        name = self._names.element(written, self.scope)
        tag = Head(name, plan.child(name), ends)
        if not self._names.kept and plan.written.setdefault(name, written) != written:
            raise Odd
        if len(plan.heads) < MOST:
            plan.heads[head] = tag
        return tag

    def unescaped(self, text: str) -> str:
        """A text with what its references stand for."""
        if "&#" in text:
            return _REFERENCE.sub(_character, text)
        for name, sign in ENTITIES:
            if name in text:
                text = text.replace(name, sign)
        return text


def _plain(value: Value) -> Value:
    """A record is an object, whatever it is elsewhere."""
    return dict(value) if type(value) is Leaf else value


def _tag_of(head: str) -> tuple[str, bool]:
    """The name of a start tag, and whether its element ends there."""
    match = _TAG.fullmatch(head)
    if not match:
        raise Odd
    return match[1], bool(match[2])


def _written_in(head: str) -> str:
    return head.split(None, 1)[0]


def _refuse_folded(values: Sequence[str]) -> None:
    """A line end in the value of an attribute is a blank to XML."""
    if any("\n" in value or "\t" in value for value in values):
        raise Odd


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return dict(ENTITIES)[match[0]]
    return chr(int(match[1], 16) if match[1] else int(match[2]))
