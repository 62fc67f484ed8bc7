"""Puts the nodes of one file together as a reader meets them; refuses what is twice, too deep or too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn

from engine.errors import OptionError, SpecError
from engine.spec.document import Document, Member, Node, Source
from engine.spec.problems import Problem, at_mark
from engine.spec.scalars import meaning, shortened

__all__ = ["Builder", "Frame"]

DEPTH: Final = 100
TOO_DEEP: Final = f"values may nest {DEPTH} deep"
DEEP_HELP: Final = "no part of a spec nests so deep; is a bracket too many?"
NODES: Final = 100_000
PROBLEMS: Final = 100
"""After so many problems a reader stops: nobody reads on, and a hostile file must not fill the memory."""


@dataclass(slots=True)
class Frame:
    """A collection that is not closed yet, and the key that waits for its value."""

    node: Node
    flow: bool
    count: int
    key: Node | None = None

    @property
    def awaits_key(self) -> bool:
        return self.node.members is not None and self.key is None

    @property
    def is_new(self) -> bool:
        """Whether nothing stands in it yet."""
        return not (self.node.members or self.node.items or self.key)


class Builder:
    """The document in the making. A reader calls it in the order of the text, and `finish` at the end.

    Problems are collected: only what makes reading on pointless raises at once.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.stack: list[Frame] = []
        self.root: Node | None = None
        self.count = 0

    def finish(self) -> Document:
        """The document; raises SpecError with every problem that was noted."""
        if self.problems or self.root is None:
            self.stop()
        return Document(self.source.path, self.source.text, self.root)

    def note(self, start: int, end: int, code: str, message: str, **more: Any) -> None:
        """Remember a problem with the text from `start` to `end`."""
        self.problems.append(at_mark(self.source, self.source.mark(start, end), code, message, **more))
        if len(self.problems) >= PROBLEMS:
            self.stop()

    def fail(self, start: int, end: int, code: str, message: str, **more: Any) -> NoReturn:
        """End here with a problem after which nothing more can be read."""
        self.note(start, end, code, message, **more)
        self.stop()

    def refuse_sign(self, at: int) -> NoReturn:
        """End with a character that no file may hold as it is."""
        code = ord(self.source.text[at])
        help = f"remove it; in a text in double quotes it is written `\\u{code:04x}`"
        self.fail(at, at + 1, "S108", f"the file holds the control character U+{code:04X}", help=help)

    def stop(self) -> NoReturn:
        """End with what was noted."""
        raise SpecError(sorted(self.problems, key=lambda problem: problem.order))

    @property
    def awaits_key(self) -> bool:
        """Whether the next node is a key."""
        return bool(self.stack) and self.stack[-1].awaits_key

    def word(self, start: int, end: int, text: str) -> Node:
        """The node of a plain word: a key is the text written, a value what the word means."""
        node = Node(start, end, value=text)
        if not self.awaits_key:
            try:
                node.value = meaning(text)
            except OptionError as error:
                self.note(start, end, error.code, error.message, help=error.help)
        return node

    def add(self, node: Node) -> None:
        """Put a scalar, or what an alias stands for, where the text has come to."""
        self._count(node, len(self.stack) + node.height)
        self._place(node)

    def open(self, node: Node, *, flow: bool) -> None:
        """Begin a collection; what is added until `close` belongs to it."""
        self._count(node, len(self.stack) + 1)
        self.stack.append(Frame(node, flow, self.count - 1))

    def close(self, end: int) -> Frame:
        """End the collection that was opened last. `end` is known only where brackets close it."""
        frame = self.stack.pop()
        node = frame.node
        if frame.flow:
            node.end = end
        elif node.members:
            node.end = next(iter(node.members.values())).key.end
        node.size = self.count - frame.count
        node.height = 1 + max((below.height for below in _below(node)), default=0)
        self._place(node)
        return frame

    def _count(self, node: Node, depth: int) -> None:
        self.count += node.size
        if self.count > NODES:
            help = "move tables and lists of this size into files of their own"
            self.fail(node.start, node.end, "S107", f"a file may hold {NODES:,} values and keys", help=help)
        if depth > DEPTH:
            self.fail(node.start, node.end, "S107", TOO_DEEP, help=DEEP_HELP)

    def _place(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if frame.node.items is not None:
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = node
            self._refuse_twice(frame, node)
        else:
            self._keep(frame, frame.key, node)

    def _keep(self, frame: Frame, key: Node, value: Node) -> None:
        frame.key = None
        # A key that is no text was refused by the reader already; the first of two keys stays.
        if frame.node.members is not None and isinstance(key.value, str):
            frame.node.members.setdefault(key.value, Member(key, value))

    def _refuse_twice(self, frame: Frame, key: Node) -> None:
        first = frame.node.child(key.value) if isinstance(key.value, str) else None
        if first is not None:
            line = self.source.mark(first.key.start, first.key.end).line
            message = f"`{shortened(key.value)}` is here twice: the first is on line {line}"
            self.note(key.start, key.end, "S102", message, help="keep one of the two, or rename one")


def _below(node: Node) -> list[Node]:
    if node.members is not None:
        return [member.value for member in node.members.values()]
    return node.items or []
