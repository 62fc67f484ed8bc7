"""What becomes of elements of XML: which of them are read, which are lists, what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engine.kinds import Needs, Tree
from engine.records import Leaf, Value

BLANK: Final = " \t\r\n"
"""White space as XML has it; a no-break space is text."""
ITEMS: Final = "[]"
ANY_NAME: Final = "*"
NOTHING: Final[Tree] = {}


Known = tuple[str, "Plan | None", bool, bool]
"""What is known of a child: its name, what is read of it, whether it is a list, whether only its text is wanted."""


class Plan:
    """What is read of an element: its attributes and children by name, and which children are lists.

    `listed`: the element itself is a list where it stands. `always` are children that are lists also where there is
    none. `text`: nothing but its text is wanted. `tags` and `keys` are for whoever reads many like it, to keep what was
    found out of names.
    """

    __slots__ = ("_children", "_lists", "_reads", "_texts", "always", "keys", "listed", "tags", "text")

    def __init__(
        self,
        reads: Tree | None,
        lists: Sequence[Tree],
        texts: Tree = NOTHING,
        *,
        listed: bool = False,
        text: bool = False,
    ) -> None:
        self._reads = reads
        self._texts = texts
        self.text = text
        self._lists = [*lists, *(tree[ITEMS] for tree in lists if ITEMS in tree)]
        self._children: dict[str, Plan | None] = {}
        self.listed = listed
        names = (name for tree in self._lists for name, below in tree.items() if _is_list(below))
        self.always = tuple(dict.fromkeys(name for name in names if name not in (ITEMS, ANY_NAME)))
        self.tags: dict[str, Known] = {}
        self.keys: dict[str, str] = {}

    @classmethod
    def of(cls, needs: Needs) -> Plan:
        """The plan of a record that is read by these needs."""
        return cls(needs.reads, [needs.lists], needs.texts)

    def child(self, name: str) -> Plan | None:
        """What is read of the children of that name; None where nothing is."""
        if name not in self._children:
            self._children[name] = self._below(name)
        return self._children[name]

    def _below(self, name: str) -> Plan | None:
        lists = [tree[key] for tree in self._lists for key in (name, ANY_NAME) if key in tree]
        reads: Tree | None = None
        if self._reads is not None:
            found = [self._reads[key] for key in (name, ANY_NAME) if key in self._reads]
            if not found and not lists:
                return None
            reads = None if None in found else _merged(found)
        texts = self._texts.get(name, NOTHING)
        return Plan(reads, lists, texts, listed=any(map(_is_list, lists)), text=name in self._texts and not texts)

    def reads(self, name: str) -> bool:
        """Whether an attribute is read."""
        return self._reads is None or name in self._reads or ANY_NAME in self._reads


def _is_list(below: Tree) -> bool:
    return not below or ITEMS in below


def _merged(trees: Sequence[Tree]) -> Tree:
    """What all of several readers read."""
    names = dict.fromkeys(name for tree in trees for name in tree)
    below = {name: [tree[name] for tree in trees if name in tree] for name in names}
    return {name: None if None in found else _merged(found) for name, found in below.items()}


Scope = Mapping[str, str]
"""Prefixes and the namespaces that they stand for; the empty one is for elements without prefix."""


SCOPE: Final[Scope] = {"xml": "http://www.w3.org/XML/1998/namespace"}


class Names:
    """Names of elements and attributes as records have them, from those that are written."""

    def __init__(self, namespaces: str | Mapping[str, str]) -> None:
        self.kept = namespaces == "keep"
        self._prefixes = None if isinstance(namespaces, str) else {uri: prefix for prefix, uri in namespaces.items()}

    def element(self, written: str, scope: Scope) -> str:
        """The name of an element."""
        return written if self.kept else self._renamed(written, scope, scope.get("", ""))

    def attribute(self, written: str, scope: Scope) -> str:
        """The name of an attribute: without a prefix it is in no namespace."""
        return written if self.kept or ":" not in written else self._renamed(written, scope, "")

    def _renamed(self, written: str, scope: Scope, default: str) -> str:
        prefix, colon, local = written.rpartition(":")
        if self._prefixes is None:
            return local
        uri = scope.get(prefix, prefix) if colon else default
        if uri in self._prefixes:
            return f"{self._prefixes[uri]}:{local}" if self._prefixes[uri] else local
        return f"{{{uri}}}{local}" if prefix in self._prefixes.values() else written

    @staticmethod
    def meaning(written: str, scope: Scope, *, attribute: bool = False) -> tuple[str, str]:
        """A name as namespaces tell it from others."""
        prefix, colon, local = written.rpartition(":")
        return (scope.get(prefix, prefix) if colon or not attribute else ""), local


def declared(attributes: Sequence[str]) -> dict[str, str]:
    """The namespaces that a start tag declares."""
    found = zip(attributes[::2], attributes[1::2], strict=True)
    return {name[6:]: uri for name, uri in found if is_declaration(name)}


def is_declaration(name: str) -> bool:
    """Whether an attribute declares a namespace, and is no part of a record."""
    return name == "xmlns" or name.startswith("xmlns:")


def without_children(plan: Plan, attributes: dict[str, Value] | None, text: str) -> Value:
    """An element that holds no others: its text, unless it has attributes, or the mapping looks for a list in it."""
    if plan.always:
        text = text.strip(BLANK) and text
        attributes = {**(attributes or {}), **{name: [] for name in plan.always}}
    if attributes is None:
        return text
    if text:
        attributes["#text"] = text
    return Leaf(attributes)
