"""What a mapping says, parsed: fields as frozen data, in the order written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.language.expressions import Condition, Expression
from engine.language.paths import Path
from engine.language.patterns import Pattern
from engine.language.picking import Name
from engine.language.shapes import ANY, Shape
from engine.language.values import Picked, paths_in
from engine.options import Pointer
from engine.records import MISSING
from engine.registry import Resolver


@dataclass(frozen=True)
class Use:
    """A resolver as a field uses it; `guarded` where the type that arrives is not known before the run."""

    resolver: Resolver
    options: Mapping[str, Any]
    pointer: Pointer
    guarded: bool = True


@dataclass(frozen=True)
class Checks:
    """What a value that is not blank must keep."""

    one_of: tuple[Any, ...] = ()
    pattern: Pattern | None = None
    min: Any = None
    max: Any = None
    min_length: int | None = None
    max_length: int | None = None

    def __bool__(self) -> bool:
        return self != Checks()


@dataclass(frozen=True)
class Field:
    """One field: how its value is made (`maker`), resolved, checked and written; `places` are its sources'."""

    target: tuple[str, ...]
    pointer: Pointer
    maker: str
    working: bool = False
    sources: tuple[Picked, ...] = ()
    places: tuple[Pointer, ...] = ()
    value: Any = None
    chain: tuple[Use, ...] = ()
    when: Condition | None = None
    default: Any = MISSING
    required: bool = False
    checks: Checks = Checks()
    on_error: str = "reject"
    blank: str = "keep"
    fields: tuple[Field, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    except_keys: tuple[str, ...] = ()
    key_types: Mapping[str, str] = field(default_factory=dict)
    type: str = "any"

    @property
    def name(self) -> str:
        """Its target as the spec writes it."""
        return ".".join(self.target)

    @property
    def path(self) -> str:
        """Its name with those of the fields around it: `customer.email`, `lines.sku`."""
        parts = self.pointer[self.pointer.index("fields") :] if "fields" in self.pointer else ()
        return ".".join(str(name) for name in parts[1::2])


@dataclass(frozen=True)
class FieldMap:
    """A whole map: what it starts from, what passes through, the fields in the order written."""

    fields: tuple[Field, ...] = ()
    pass_through: bool = False
    except_names: tuple[str, ...] = ()
    source: Picked | None = None
    gives: Shape = ANY

    @property
    def columns(self) -> tuple[str, ...]:
        """The top-level keys it writes, in order (without those that pass through)."""
        return tuple(dict.fromkeys(made.target[0] for made in self.fields if not made.working))


def picks_of(made: Field) -> Iterator[tuple[Picked, Pointer]]:
    """What one field picks, decides by and looks up, each with its place."""
    if made.when:
        yield made.when, (*made.pointer, "when")
    yield from zip(made.sources, made.places, strict=True)
    for use in made.chain:
        for name, option in use.options.items():
            yield from ((each, (*use.pointer, name)) for each in picked_in([option]))


def picked_in(options: Sequence[Any]) -> Iterator[Picked]:
    """The values that options of a resolver pick from the record."""
    for option in options:
        if isinstance(option, Expression | Path):
            yield option
        elif isinstance(option, Mapping | list | tuple):
            yield from picked_in(list(option.values() if isinstance(option, Mapping) else option))


def walk(fields: Sequence[Field]) -> Iterator[Field]:
    """All fields, nested ones after the one that holds them."""
    for made in fields:
        yield made
        yield from walk(made.fields or ())


def columns_read(fields: Sequence[Field], *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """The record's own names that fields pick, each with whether no other source stands in for it.

    `inside` an item, or an object with a source, a name without head is not the record's.
    """
    for made in fields:
        for name, _ in columns_of((made.when,) if made.when else (), inside=inside):
            yield name, False
        for name, alone in columns_of(made.sources, inside=inside):
            yield name, alone and not made.when
        yield from columns_read(made.fields or (), inside=inside or bool(made.sources))


def columns_of(picks: Sequence[Picked], *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """The same of single values: an expression may do without what it names, a lone path may not."""
    for pick in picks:
        for path in paths_in(pick):
            own = path.head in ("$record", "$root") or (path.head == "" and not inside)
            if own and path.steps and isinstance(path.steps[0], Name):
                yield path.steps[0].text, len(picks) == 1 and path is pick
