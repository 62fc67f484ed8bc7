"""A shortcut: whole records at once as trees of libxml2, checked by it in the place where they stand.

Prefixes are declared as themselves around them, so that names keep them as they are written. What a tree does not show
as expat's events do (text beside elements, names that clash, deep nesting, declarations inside, whatever libxml2
refuses) is Odd, and the records are read from the events. Without this file nothing changes but the time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from engine.language.elements import BLANK, Known, Names, Plan, Scope, without_children
from engine.language.walks import Opened
from engine.parsers._columns import Alike, Tags
from engine.records import Leaf, Value

DEEPEST: Final = 200
"""Levels that are read by calls that nest; libxml2 itself stops at 256."""
MOST: Final = 5000
"""Names that are remembered: of a document that has no end of them the rest is Odd."""
XML: Final = "{http://www.w3.org/XML/1998/namespace}"

_PREFIX: Final = re.compile(rb"[</\s]([A-Za-z_][\w.-]*):[A-Za-z_]")


class Odd(Exception):
    """Records that this way does not read."""


class Trees:
    """Reads records of one document; what it has seen of its names is kept for those that come."""

    def __init__(self, path: Sequence[str], plan: Plan, names: Names, depth: int) -> None:
        self._path = tuple(path)
        self._plan = plan
        self._names = names
        self._depth = min(depth, DEEPEST)
        self._scope: Scope = {}
        self._head = b"<_>"
        self._prefixes: frozenset[bytes] = frozenset()
        self._plans: list[Plan] = []
        self._parsers: dict[str, Any] = {}
        self._alike = Alike(plan, Tags(_as_written, self._name, self._attribute), self._depth)

    def read(self, data: bytes, encoding: str, around: Sequence[Opened], scope: Scope) -> list[Value]:
        """The records of bytes that hold a whole number of elements; Odd where they have to be read otherwise."""
        if tuple([name for name, _ in around]) != self._path[:-1] or b"xmlns" in data:
            raise Odd
        self._see(scope)
        last, values = self._path[-1], list[Value]()
        root = self._tree(data, encoding)
        plain = encoding in ("", "utf-8") and len(root) and self._name(root[0].tag) == last
        if plain and (alike := self._alike.read(root[0], data)):
            return alike
        for element in root:
            if self._name(element.tag) == last:
                values.append(self._record(element, self._plan))
        return values

    def _see(self, scope: Scope) -> None:
        """Names mean something else where prefixes do."""
        if scope is not self._scope and not self._names.kept:
            for plan in self._plans:
                plan.tags.clear()
                plan.keys.clear()
            self._plans.clear()
            self._alike.forget()
        self._scope = scope

    def _tree(self, data: bytes, encoding: str) -> Any:
        """The elements, under one that stands for what is around them."""
        from lxml import etree

        parser = self._parsers.get(encoding)
        if parser is None:
            parser = self._parsers[encoding] = etree.XMLParser(
                encoding=encoding or "utf-8", resolve_entities=False, no_network=True, remove_blank_text=True
            )
        try:
            return etree.fromstring(self._head + data + b"</_>", parser)
        except etree.XMLSyntaxError:
            if not self._learns(data):
                raise Odd from None
        return self._tree(data, encoding)

    def _learns(self, data: bytes) -> bool:
        """Whether there are prefixes that were not declared yet: they are from now on."""
        found = self._prefixes | set(_PREFIX.findall(data)) - {b"xml"}
        if found == self._prefixes or len(found) > MOST:
            return False
        self._prefixes = frozenset(found)
        self._head = b"<_" + b"".join(b' xmlns:%b="%b"' % (each, each) for each in sorted(found)) + b">"
        return True

    # --- names

    def _name(self, tag: str) -> str:
        return self._names.element(_as_written(tag), self._scope)

    def _attribute(self, tag: str) -> str:
        return "@" + self._names.attribute(_as_written(tag), self._scope)

    def _learn(self, plan: Plan, tag: str) -> Known:
        """A tag that was not met below this plan; Odd where another one has its name."""
        name = self._name(tag)
        if len(plan.tags) > MOST or any(known[0] == name for known in plan.tags.values()):
            raise Odd
        below = plan.child(name)
        self._plans.append(plan)
        bare = bool(below and below.text and not below.always)
        made = plan.tags[tag] = (name, below, bool(below and below.listed), bare)
        return made

    def _key(self, plan: Plan, tag: str) -> str:
        """The key of an attribute, empty where it is not read; Odd where another one has it."""
        name = self._attribute(tag)
        if len(plan.keys) > MOST or name in plan.keys.values():
            raise Odd
        self._plans.append(plan)
        made = plan.keys[tag] = name if plan.reads(name) else ""
        return made

    # --- values

    def _record(self, element: Any, plan: Plan) -> Value:
        if len(element):
            return self._object(element, plan, 1)
        value = self._leaf(element, plan, element.text or "")
        return dict(value) if type(value) is Leaf else value

    def _object(self, element: Any, plan: Plan, level: int) -> dict[str, Value]:
        """An element that holds others; the hot loop, in which every call is paid by each element."""
        if level > self._depth or ((text := element.text) and text.strip(BLANK)):
            raise Odd
        value: dict[str, Value] = {} if plan.text else self._attributes_of(element.items(), plan) or {}
        known = plan.tags
        for child in element:
            name, below, listed, bare = known.get(child.tag) or self._learn(plan, child.tag)
            if below is not None:
                if len(child):
                    made: Value = self._object(child, below, level + 1)
                else:
                    made = child.text or ""
                    if not bare and (below.always or child.items()):
                        made = self._leaf(child, below, made)
                if name not in value:
                    value[name] = [made] if listed else made
                else:
                    _put(value, name, made)
            if (text := child.tail) and text.strip(BLANK):
                raise Odd
        for name in plan.always:
            value.setdefault(name, [])
        return value

    def _leaf(self, element: Any, plan: Plan, text: str) -> Value:
        """An element that holds no others."""
        attributes = None if plan.text else self._attributes_of(element.items(), plan)
        return without_children(plan, attributes, text)

    def _attributes_of(self, items: Sequence[tuple[str, str]], plan: Plan) -> dict[str, Value] | None:
        """Those that are read; None where there is none at all."""
        if not items:
            return None
        known, value = plan.keys, dict[str, Value]()
        for tag, text in items:
            name = known[tag] if tag in known else self._key(plan, tag)
            if name:
                value[name] = text
        return value


def _as_written(tag: str) -> str:
    """A name with its prefix: namespaces stand for themselves here."""
    if tag[0] != "{":
        return tag
    uri, _, local = tag[1:].partition("}")
    return f"xml:{local}" if tag.startswith(XML) else f"{uri}:{local}"


def _put(value: dict[str, Value], name: str, made: Value) -> None:
    """Take another child of a name: they are a list."""
    if isinstance(found := value[name], list):
        found.append(made)
    else:
        value[name] = [found, made]
