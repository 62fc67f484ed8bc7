"""A parsed file and the place of every node in it; knows no rule and refuses nothing."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Document", "Mark", "Member", "Node", "Pointer", "Source"]

Pointer: TypeAlias = tuple[str | int, ...]

_BREAK = re.compile(r"\r\n|\r|\n")


class Mark(NamedTuple):
    """A place on one line: line and column from 1, and how many characters of the line it covers."""

    line: int
    column: int
    length: int


class Member(NamedTuple):
    """One key of a mapping with its value."""

    key: Node
    value: Node


@dataclass(slots=True, eq=False)
class Node:
    """One value, and where its text stands (offsets). Aliases share the node that they name.

    `style` is `{` or `[` for collections, for scalars the sign that opens them: `"`, `'`, `|`, `>`, or
    nothing for a plain word. A block collection ends, for our purpose, where its first word does: that is
    what carets should point at. `size` and `height` count what an alias to this node stands for.
    """

    start: int
    end: int
    style: str = ""
    value: Any = None
    members: dict[str, Member] | None = None
    items: list[Node] | None = None
    size: int = 1
    height: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is written here, which YAML reads as null."""
        return self.start == self.end

    def child(self, step: str | int) -> Member | None:
        """What `step` leads to. An item of a list is its own key."""
        if self.members is not None:
            return self.members.get(step) if isinstance(step, str) else None
        if self.items is None or isinstance(step, str) or not 0 <= step < len(self.items):
            return None
        return Member(self.items[step], self.items[step])

    def plain(self) -> Any:
        """The value as dicts, lists and scalars, fresh at each call, so that aliases share nothing."""
        if self.members is not None:
            return {key: member.value.plain() for key, member in self.members.items()}
        if self.items is not None:
            return [item.plain() for item in self.items]
        return self.value


class Source:
    """The text of a file under the name that the user knows it by."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._lines: dict[int, str] = {}

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _BREAK.finditer(self.text))]

    def line(self, n: int) -> str:
        """The text of line `n`, from 1, without its end; empty beyond the file."""
        # Kept, because a hundred problems on one line of megabytes must not be a hundred copies of it.
        if n not in self._lines:
            bounds = [*self._starts[max(n, 1) - 1 : n + 1], len(self.text)]
            self._lines[n] = self.text[bounds[0] : bounds[1]].rstrip("\r\n") if len(bounds) > 1 else ""
        return self._lines[n]

    def offset(self, line: int) -> int:
        """Where line `line` of the text begins; the end of the text beyond its last line."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.text)

    def mark(self, start: int, end: int) -> Mark:
        """The place of the text from `start` to `end`; what runs on to further lines is cut at the first."""
        line = bisect_right(self._starts, start)
        head = self._starts[line - 1]
        stop = min(end, head + len(self.line(line)))
        return Mark(line, start - head + 1, max(1, stop - start))


class Document(Source):
    """What a file says: `value` in plain dicts, lists and scalars, and where each part of it is written.

    A place is asked for by pointer, the keys and positions that lead to a value. A pointer that leads
    nowhere gets the place of the nearest value above it.
    """

    def __init__(self, path: str, text: str, root: Node) -> None:
        super().__init__(path, text)
        self.root = root
        self.value: Any = root.plain()

    def value_mark(self, pointer: Pointer) -> Mark:
        """The place of a value. For a value behind an alias this is the place of the anchored text."""
        node = self._find(pointer)[0].value
        return self.mark(node.start, node.end)

    def key_mark(self, pointer: Pointer) -> Mark:
        """The place of the key that holds a value; of an item of a list, the place of the item."""
        node = self._find(pointer)[0].key
        return self.mark(node.start, node.end)

    def inside(self, pointer: Pointer, start: int, length: int) -> Mark:
        """The place of part of a text; its start where escapes or folded lines hide the exact place."""
        found, known = self._find(pointer)
        offset = self._offset(found.value, start) if known else None
        if offset is None:
            return self.value_mark(pointer)
        return self.mark(offset, offset + length)

    def _find(self, pointer: Pointer) -> tuple[Member, bool]:
        found = Member(self.root, self.root)
        for step in pointer:
            below = found.value.child(step)
            if below is None:
                return found, False
            found = below
        return found, True

    def _offset(self, node: Node, start: int) -> int | None:
        """Where character `start` of a text stands in the file, if that can be said exactly."""
        if not isinstance(node.value, str) or not 0 <= start <= len(node.value):
            return None
        if node.style == "|":
            return self._in_literal(node, start)
        if node.style == ">":
            return None
        head = node.start + len(node.style)
        before = self.text[head : head + start]
        hidden = {"'": "'", '"': "\\"}.get(node.style, "\n") in before or before != node.value[:start]
        # The character itself may be written as an escape: that is still one place.
        here = self.text[head + start : head + start + 1]
        seen = start == len(node.value) or here in (node.value[start], "\\")
        return head + start if seen and not hidden else None

    def _in_literal(self, node: Node, start: int) -> int | None:
        """A line of a `|` text is one line of the file behind its indentation."""
        before = node.value[:start].split("\n")
        whole = node.value.split("\n")[len(before) - 1]
        line = bisect_right(self._starts, node.start) + len(before)
        written = self.line(line)
        if not written.endswith(whole):
            return None
        return self._starts[line - 1] + len(written) - len(whole) + len(before[-1])
