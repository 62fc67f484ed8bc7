"""A JSON file in house style: brackets stay on one line where they fit and their author wrote them so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.spec.document import Document, Node
from engine.spec.formatting.yaml_layout import WIDTH

__all__ = ["json_lines"]

STEP: Final = 2


def json_lines(document: Document) -> str:
    """The text of a JSON document, with every word as it is written."""
    return _laid_out(document.text, document.root, 0, 0) + "\n"


def _laid_out(text: str, node: Node, indent: int, column: int) -> str:
    """A value that begins in `column`, on one line or with one entry a line."""
    whole = _inline(text, node)
    entries = list(_entries(node))
    broken = entries and "\n" in text[node.start : (entries[0][0] or entries[0][1]).start]
    if not entries or not (broken or column + len(whole) > WIDTH):
        return whole
    inner = " " * (indent + STEP)
    lines = []
    for at, (key, value) in enumerate(entries):
        first = key or value
        head = f"{inner}{_word(text, key)}: " if key else inner
        comma = "," if at < len(entries) - 1 else ""
        blank = "\n" if at and _below_blank(text, first.start) else ""
        lines.append(f"{blank}{head}{_laid_out(text, value, indent + STEP, len(head) + len(comma))}{comma}")
    opening, closing = "{}" if node.members is not None else "[]"
    return "\n".join((opening, *lines, f"{' ' * indent}{closing}"))


def _entries(node: Node) -> Iterator[tuple[Node | None, Node]]:
    """Keys and values of an object, or no keys and the items of a list."""
    yield from (node.members or {}).values()
    yield from ((None, item) for item in node.items or ())


def _inline(text: str, node: Node) -> str:
    if node.members is not None:
        pairs = (f"{_word(text, key)}: {_inline(text, value)}" for key, value in node.members.values())
        return f"{{{', '.join(pairs)}}}"
    if node.items is not None:
        return f"[{', '.join(_inline(text, item) for item in node.items)}]"
    return _word(text, node)


def _word(text: str, node: Node) -> str:
    return text[node.start : node.end]


def _below_blank(text: str, at: int) -> bool:
    above = text.rfind("\n", 0, max(text.rfind("\n", 0, at), 0))
    return above >= 0 and not text[above:at].strip()
