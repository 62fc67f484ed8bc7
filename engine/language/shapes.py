"""What is known of the input before a run: shapes, from a header, from sample records, from a parser's promise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from engine.language.picking import Index, Name, Step
from engine.records import Instant, Leaf, Value

SAMPLE_RECORDS: Final = 200

TYPE_OF: Final[Mapping[type, str]] = {
    str: "text",
    bool: "bool",
    int: "int",
    float: "float",
    Instant: "instant",
    datetime: "local",
    date: "date",
    list: "list",
    dict: "object",
    Leaf: "object",
}


def type_of(value: Value) -> str:
    """The language's type of a value; "any" for null and missing."""
    found = TYPE_OF.get(type(value))
    return found or ("decimal" if isinstance(value, Decimal) else "any")


def type_word(value: Value) -> str:
    """The type of a value for people, who know null by its name."""
    return "null" if value is None else type_of(value)


@dataclass(frozen=True)
class Shape:
    """The type at a place of the input and what is below it.

    `closed`: no name but those in `fields` exists. `rest` is the shape of names that are not listed. `sure`:
    the type holds for every record, not only for those of a sample. `total` counts the sample's records. `working`
    are the names that only steps see. `mixed`: samples differ in type, so that nothing is known of it, but for the
    `fields` of one that is an object or a text, as is wanted (an element of XML with attributes). `unseen`:
    beside the names in `fields`, which steps made, there are those of an input that nobody has seen. `places`: a
    decimal has no more than these. `blank`: every text of the sample was empty, as what has no children is in XML.
    """

    type: str = "any"
    fields: Mapping[str, Shape] = field(default_factory=dict)
    rest: Shape | None = None
    item: Shape | None = None
    closed: bool = False
    sure: bool = False
    seen: int = 0
    total: int = 0
    working: frozenset[str] = frozenset()
    mixed: bool = False
    unseen: bool = False
    places: int | None = None
    blank: bool = False

    @property
    def is_declared(self) -> bool:
        """Whether a resolver or a schema says the type, and not a sample alone."""
        return self.type != "any" and (self.sure or not self.seen)

    @property
    def opened(self) -> Shape:
        """The same, of which the next file may have more."""
        fields = {name: each.opened for name, each in self.fields.items()}
        return replace(self, fields=fields, item=self.item and self.item.opened, closed=False)

    def with_names(self, made: Mapping[str, Shape]) -> Shape:
        """The record with names that a step made, which come in place of its own."""
        unseen = self.unseen or not (self.fields or self.closed)
        return replace(self, type="object", fields={**self.fields, **made}, unseen=unseen)

    def carrying(self, before: Shape) -> Shape:
        """The record with the working fields of the one before it, where it has no names of its own for them."""
        kept = {name: before.fields[name] for name in before.working if name not in self.fields}
        if not kept or self.type != "object":
            return self
        return replace(self.with_names(kept), working=self.working.union(kept))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that are written, in order; empty where not all of them are known."""
        return tuple(name for name in self.fields if name not in self.working) if self.closed else ()


ANY: Final = Shape()
TEXT: Final = Shape("text", sure=True)


def scalar(type: str) -> Shape:
    """The shape of a value whose type is certain."""
    return Shape(type, sure=True)


def of_names(names: Sequence[str], closed: bool = True) -> Shape:
    """A record of texts with just these names: a CSV header."""
    return Shape("object", dict.fromkeys(names, TEXT), rest=TEXT, closed=closed, sure=True)


def of_texts() -> Shape:
    """A record of texts whose names are not known."""
    return Shape("object", rest=TEXT, sure=True)


def of_records(records: Iterable[Value], *, texts: bool = False) -> Shape:
    """What sample records show: open, since the next record may have more."""
    found: Shape | None = None
    total = 0
    for record in records:
        shape = _of_value(record)
        differs = found is not None and {found.type, shape.type} == {"list", "object"}  # a record is never one of many
        found = shape if found is None else Shape(mixed=True) if differs else _merge(found, shape)
        total += 1
    made = found or ANY
    return replace(made, total=total, rest=TEXT if texts else None)


def of_values(values: Sequence[Value]) -> Shape:
    """What all of these values are: known, and of one certain type where they share one."""
    found = of_records(values)
    return replace(found, sure=found.type != "any" and all(type_of(value) == found.type for value in values), total=0)


def _of_value(value: Value) -> Shape:
    if type(value) is Leaf:  # an object, and a text where one is wanted
        return Shape(
            fields={name: _of_value(each) for name, each in {**value, "#text": ""}.items()}, seen=1, mixed=True
        )
    if isinstance(value, dict):
        return Shape("object", {key: _of_value(item) for key, item in value.items()}, seen=1)
    if isinstance(value, list):
        item: Shape | None = None
        for each in value:
            item = _of_value(each) if item is None else _merge(item, _of_value(each))
        return Shape("list", item=item, seen=1)
    return Shape(type_of(value), seen=1, blank=value == "")


def _merge(a: Shape, b: Shape) -> Shape:
    """What two samples show together; where their types differ, nothing is said of the type."""
    seen = a.seen + b.seen
    if a.mixed or b.mixed:
        return Shape(fields=_leaf_fields(a, b), seen=seen, mixed=True)
    if {a.type, b.type} == {"list", "object"}:  # one object is a list of one
        a, b = (Shape("list", item=each, seen=each.seen) if each.type == "object" else each for each in (a, b))
    if (a.blank or b.blank) and {a.type, b.type} & {"list", "object"}:
        return replace(b if a.blank else a, seen=seen)
    if a.type != b.type:
        known = {a.type, b.type} - {"any"}
        kept = a if a.type != "any" else b
        return replace(kept, seen=seen) if len(known) == 1 else Shape(seen=seen, mixed=True)
    names = dict.fromkeys((*a.fields, *b.fields))
    fields = {
        n: _merge(a.fields[n], b.fields[n]) if n in a.fields and n in b.fields else a.fields.get(n) or b.fields[n]
        for n in names
    }
    item = _merge(a.item, b.item) if a.item and b.item else a.item or b.item
    return Shape(a.type, fields, item=item, seen=seen, blank=a.blank and b.blank)


def _leaf_fields(a: Shape, b: Shape) -> dict[str, Shape]:
    """What is known of elements that all have attributes or are texts; of others nothing."""
    leaves = [each for each in (a, b) if each.mixed and each.fields]
    plain = [each for each in (a, b) if not each.mixed and each.type in ("text", "any")]
    if len(leaves) + len(plain) < 2:
        return {}
    return {name: shape for each in leaves for name, shape in each.fields.items()}


@dataclass(frozen=True)
class Lost:
    """A step that leads nowhere: which one, and the shape it was asked of."""

    step: int
    shape: Shape


def follow(shape: Shape, steps: Sequence[Step]) -> Shape | Lost:
    """The shape at the end of a path, or the step where the evidence has nothing."""
    for position, step in enumerate(steps):
        found = _one(shape, step)
        if found is None:
            return Lost(position, shape)
        shape = found
    return shape


def _one(shape: Shape, step: Step) -> Shape | None:
    if shape.type == "any":
        return shape.fields.get(step.text) if shape.fields and isinstance(step, Name) else ANY
    if shape.type == "list" and (isinstance(step, Index) or step.position is not None):
        return shape.item or ANY
    if shape.type == "object" and isinstance(step, Name):
        known = shape.fields.get(step.text)
        return known or (None if shape.fields or shape.closed else shape.rest or ANY)
    return None
