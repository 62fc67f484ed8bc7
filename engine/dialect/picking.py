"""Where a path of the SDK starts: at the record, the item, a node, `$context`; written as one or two of ours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from engine.dialect import sources
from engine.dialect.hearing import Hearing, Inside
from engine.dialect.sources import Every, Key, Said, Step
from engine.options import Pointer


@dataclass(frozen=True)
class Picker:
    """Reads the paths of one file, with its nodes, its format and the variables of the pipeline."""

    hearing: Hearing
    nodes: Collection[str]
    variables: Collection[str]
    xml: bool

    def said(self, text: Any, inside: Inside, there: Pointer, *, scalar: bool = False) -> Said:
        """A path in steps; what the mapper at hand would not find by it is said."""
        said = sources.parse(str(text), inside.style, xml=self.xml and not inside.universal)
        strange = said.strange or ("[*]" if scalar and inside.universal and said.every else "")
        if strange:
            self.hearing.warn("M609", there, f"the SDK finds nothing by `{strange}` here", "it is read as it says")
        if found := sources.prototype_name(said.steps):
            help = "the SDK would find it on every object"
            self.hearing.warn("M611", there, f"`{found}` is a name like any other here", help)
        return said

    def source(self, text: Any, inside: Inside, there: Pointer, *, scalar: bool = False) -> Any:
        """A path as ours: one, or two where the first may not be there."""
        steps = self.said(text, inside, there, scalar=scalar).steps
        if scalar and len(steps) > 1 and steps[-1] == Key("length"):
            steps = steps[:-1]
        if steps and steps[-1] == Every("[]"):
            steps = steps[:-1]
        return self.path(steps, inside, there)

    def path(self, steps: Sequence[Step], inside: Inside, there: Pointer, *, flat: bool = False) -> Any:
        """The steps from where they start; `flat`: what `[*]` leads to is one list."""
        head = steps[0].name if steps and isinstance(steps[0], Key) else ""
        rest = steps[1:]
        if head == "$context":
            return self._context(rest, there)
        if head == "$record":
            self.hearing.warn("M609", there, "the SDK finds nothing by `$record` here", "it is the record")
            return sources.written(rest, "$record", flat=flat)
        if head == "$" and not inside.universal:
            if not inside.in_item or inside.style == "arguments":
                help = f"it is read as the {'item' if inside.in_item else 'record'}"
                self.hearing.warn("M609", there, "the SDK finds nothing by `$.` here", help)
            return sources.written(rest, flat=flat)
        if (found := self._node(head, rest, there)) is not None:
            return sources.written(found[1], f"$out{'.$parent' * inside.depth}._{found[0]}", flat=flat)
        if inside.item and head == inside.item and rest:
            self.hearing.warn("M618", there, f"no mapper of the SDK reads `{head}.` as the item", "here it is the item")
            return sources.written(rest, flat=flat)
        start = "$record" if inside.in_item and not inside.relative else ""
        return sources.written((*inside.prefix, *steps), start, flat=flat)

    def _node(self, head: str, rest: Sequence[Step], there: Pointer) -> tuple[str, Sequence[Step]] | None:
        """The node that a path starts at, and what follows."""
        if head == "nodes" and rest and isinstance(rest[0], Key) and rest[0].name in self.nodes:
            self.hearing.warn("M609", there, "the SDK finds nothing by `nodes.` here", f"write `${rest[0].name}`")
            return rest[0].name, rest[1:]
        name = head.removeprefix("$")
        return (name, rest) if name in self.nodes else None

    def _context(self, rest: Sequence[Step], there: Pointer) -> Any:
        """The record's own `$context`; behind it the variable, or all of them, where any is declared."""
        own = sources.written((Key("$context"), *rest), "$record") + " | @"
        if not rest and self.variables:
            return [own, "$vars"]
        name = rest[0].name if len(rest) == 1 and isinstance(rest[0], Key) else ""
        if name in self.variables:
            return [own, f"$vars.{name}"]
        help = f"declare it: `vars: {{{name or 'name'}: ..}}`"
        self.hearing.warn("M612", there, "`$context` is what each record holds under that name", help)
        return own
