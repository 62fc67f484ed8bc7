"""What `check` knows of the input: a sample's header (closed), sample records or a golden's input (open)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from engine.kinds import Limits, Needs, Parser, Source, Store, Tree, Unit
from engine.language.elements import ANY_NAME, ITEMS
from engine.language.shapes import ANY, SAMPLE_RECORDS, Shape, of_names, of_records, of_texts
from engine.parsers._input import batches_of, names_in, shape_in
from engine.records import Damage, Value
from engine.storage.local import LocalStore

FIXTURES = "fixtures"


def shape_of(parser: Parser, needs: Needs, sample: str, golden: str, limits: Limits) -> Shape:
    """The shape of the records; a sample says more than a golden, without both only the parser's promise stands.

    What is there and not read is evidence too: the parser is bound to the lists of `needs` alone.
    """
    plain, parser = parser, parser.bound(Needs(lists=needs.lists))  # it gives lists also where the input has none
    path = sample or golden
    if not path:
        return of_texts() if parser.text_values else ANY
    with open(path, "rb") as raw:
        promised: Shape | None = shape_in(parser, raw, path, limits)
    if promised:
        return promised if sample else promised.opened
    if names := _names(parser, path, limits):
        return of_names(names, closed=bool(sample))
    found = of_records(islice(records_of(plain, path, limits), SAMPLE_RECORDS), texts=parser.text_values)
    return found if parser == plain else _with_lists(found, needs.lists)


def _with_lists(shape: Shape, lists: Tree) -> Shape:
    """The shape as a bound parser gives it: what the steps use as a list is one, where the input has it at all."""
    fields = dict(shape.fields)
    for name, below in lists.items():
        for each in list(fields) if name == ANY_NAME else [name] if name in fields else []:
            fields[each] = _used(fields[each], below)
    return replace(shape, fields=fields)


def _used(shape: Shape, below: Tree) -> Shape:
    inside = {**below, **below.get(ITEMS, {})}
    if shape.type == "list":
        return replace(shape, item=shape.item and _with_lists(shape.item, inside))
    made = _with_lists(shape, inside)
    return made if below and ITEMS not in below else Shape("list", item=made, seen=shape.seen)


def _names(parser: Parser, path: str, limits: Limits) -> list[str] | None:
    with open(path, "rb") as raw:
        found = names_in(parser, raw, path, limits)
    return list(found) if found else None


def records_of(parser: Parser, path: str, limits: Limits) -> Iterator[Value]:
    """The records of a file that can be parsed."""
    with open(path, "rb") as raw:
        yield from _decoded(parser, raw, path, limits)


def _decoded(parser: Parser, raw: Any, path: str, limits: Limits) -> Iterator[Value]:
    for batch in batches_of(parser, raw, path, limits):
        yield from (value for value in batch.values if not isinstance(value, Damage))


def records_in(source: Source, store: Store, parser: Parser, limits: Limits) -> Iterator[Value] | None:
    """The records of the first file of a source that names no variables; None where there is no file."""
    unit = next(iter(source.units(store, {}, datetime.now(UTC))), None)
    return _records_of_unit(unit, store, parser, limits) if unit else None


def _records_of_unit(unit: Unit, store: Store, parser: Parser, limits: Limits) -> Iterator[Value]:
    with closing(store.open(unit.stat.path)) as raw:
        yield from _decoded(parser, raw, unit.stat.path, limits)


def golden_input(name: str, folder: str, pattern: str) -> str:
    """The first input file of the pipeline's golden, where there is one in `fixtures/` here or above."""
    while True:
        fixture = os.path.join(folder, FIXTURES, name)
        if os.path.isdir(fixture):
            return _first_input(fixture, pattern)
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above


def _first_input(fixture: str, pattern: str) -> str:
    """In the fixture itself, or in the first of its cases that has a file."""
    for case in ("", *sorted(os.listdir(fixture))):
        store = LocalStore(os.path.join(fixture, case, "input"))
        for stat in store.glob(pattern):
            return store.full(stat.path)
    return ""
