"""Expressions and conditions as options of a spec: their text, parsed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from engine.errors import OptionError
from engine.language.expressions.nodes import Area, Call, Function, Node, Pick, walk
from engine.language.expressions.parsing import parse
from engine.language.paths import Path


@dataclass(frozen=True)
class Expression:
    """What makes a value, written behind `=`."""

    text: str
    node: Node = field(compare=False, repr=False)

    kind = "expression"
    schema = {"type": "string", "minLength": 1}  # noqa: RUF012 - read-only; an option type states its schema

    @classmethod
    def parse(cls, value: Any) -> Self:
        """The expression that a text says; OptionError E1xx where it says none."""
        text = str(value)
        if not text.startswith("="):
            raise OptionError("E101", "an expression begins with `=`", "write the `=` before it", (0, len(text)))
        return cls(text, parse(text, 1))

    @cached_property
    def paths(self) -> tuple[tuple[Path, Area], ...]:
        """Every path that it picks from the record, each with its place in the text."""
        picks = (node for node in walk(self.node) if isinstance(node, Pick) and not node.looped)
        return tuple((pick.path, pick.area) for pick in picks)

    @cached_property
    def uses(self) -> tuple[Call, ...]:
        """Every resolver that it calls, with its options."""
        return tuple(node for node in walk(self.node) if isinstance(node, Call))

    @cached_property
    def calls(self) -> tuple[str, ...]:
        """The names of the resolvers and functions that it calls."""
        nodes = walk(self.node)
        names = (n.resolver.name if isinstance(n, Call) else n.name for n in nodes if isinstance(n, Call | Function))
        return tuple(dict.fromkeys(names))

    def __reduce__(self) -> Any:
        return type(self).parse, (self.text,)

    def __str__(self) -> str:
        return self.text


class Condition(Expression):
    """What decides: an expression without `=` that gives true or false."""

    kind = "condition"

    @classmethod
    def parse(cls, value: Any) -> Self:
        """The condition that a text says; OptionError E1xx where it says none."""
        text = str(value)
        if text.startswith("="):
            raise OptionError("E112", "a condition is written without `=`", f"write `{text[1:].strip()}`", (0, 1))
        return cls(text, parse(text, 0))
