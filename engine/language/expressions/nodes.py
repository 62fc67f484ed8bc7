"""What an expression is made of, parsed: frozen data. Every node says where it stands in the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.language.paths import Path
from engine.records import Value
from engine.registry import Option, Resolver

Area = tuple[int, int]
"""The first character of the text that belongs to it, and how many there are."""


@dataclass(frozen=True)
class Node:
    """Anything that has a value."""

    area: Area

    @property
    def parts(self) -> Sequence[Node]:
        """The nodes directly inside."""
        return ()


@dataclass(frozen=True)
class Literal(Node):
    """A value that is written down; a duration is one too."""

    value: Value


@dataclass(frozen=True)
class Pick(Node):
    """A path; with `looped`, its first step is the loop's variable. `offset` leads from its text to the whole one."""

    path: Path
    looped: bool = False
    offset: int | None = None


@dataclass(frozen=True)
class Listing(Node):
    """`[a, b]`."""

    entries: tuple[Node, ...]

    @property
    def parts(self) -> Sequence[Node]:
        return self.entries


@dataclass(frozen=True)
class Chain(Node):
    """`a + b - c`, or `a < b <= c`: operators of one rank, left to right."""

    first: Node
    rest: tuple[tuple[str, Node], ...]

    @property
    def parts(self) -> Sequence[Node]:
        return (self.first, *(node for _, node in self.rest))


class Arithmetic(Chain):
    """A chain of `+ -`, or of `* / // %`."""


class Comparison(Chain):
    """A chain of comparisons, each of two neighbours; `in` and `not in` are among them."""


@dataclass(frozen=True)
class Negative(Node):
    """`-a`."""

    operand: Node

    @property
    def parts(self) -> Sequence[Node]:
        return (self.operand,)


@dataclass(frozen=True)
class Not(Node):
    """`not a`."""

    operand: Node

    @property
    def parts(self) -> Sequence[Node]:
        return (self.operand,)


@dataclass(frozen=True)
class Logic(Node):
    """`a and b and c`, or the same with `or`: no further than needed."""

    word: str
    operands: tuple[Node, ...]

    @property
    def parts(self) -> Sequence[Node]:
        return self.operands


@dataclass(frozen=True)
class Choice(Node):
    """`a if c else b if d else e`: each condition with its value, and what holds otherwise."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node

    @property
    def parts(self) -> Sequence[Node]:
        return (*(node for branch in self.branches for node in branch), self.otherwise)


@dataclass(frozen=True)
class Call(Node):
    """A resolver: the value, options built before the run, and those that are computed for every record."""

    resolver: Resolver
    value: Node
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    computed: tuple[tuple[Option, Node], ...] = ()

    @property
    def parts(self) -> Sequence[Node]:
        return (self.value, *(node for _, node in self.computed))


@dataclass(frozen=True)
class Function(Node):
    """`present coalesce sum min max any all`, over its arguments."""

    name: str
    arguments: tuple[Node, ...]

    @property
    def parts(self) -> Sequence[Node]:
        return self.arguments


@dataclass(frozen=True)
class Loop(Node):
    """`body for variable in source if condition`: the one argument of an aggregate."""

    body: Node
    variable: str
    source: Node
    condition: Node | None

    @property
    def parts(self) -> Sequence[Node]:
        return (self.source, *([self.condition] if self.condition else []), self.body)


def walk(node: Node) -> Iterator[Node]:
    """The node and all inside it, in the order written."""
    yield node
    for part in node.parts:
        yield from walk(part)
