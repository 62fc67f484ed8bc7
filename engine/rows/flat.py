"""The commonest map over the commonest input: cells of a table's rows, resolved, into flat records.

No frame and no record that came in is made. It knows only fields that pick one column, and literals; a field that
fails sends its row the whole way. Without this file nothing changes but the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.language.fields import Field, FieldMap
from engine.records import MISSING, Value, is_blank
from engine.rows.compiler import on_blank, shortcut
from engine.rows.steps import Step

MakeFlat = Callable[[Sequence[str]], dict[str, Value]]
Cell = tuple[str, int | None, Step | None, Step, Value]
"""A field: its name, its column, its resolvers, what blank becomes; its value where it has no column."""


def compile_flat(mapping: FieldMap, names: Sequence[str]) -> MakeFlat | None:
    """The function that makes a record of one row; None where the map asks for more than this knows."""
    if mapping.pass_through or mapping.source:
        return None
    places = {name: place for place, name in enumerate(names)}
    cells = [_cell(made, places) for made in mapping.fields]
    known = [cell for cell in cells if cell is not None]
    return _make_flat(known) if len(known) == len(cells) else None


def _cell(made: Field, places: dict[str, int]) -> Cell | None:
    if _is_literal(made):
        return made.name, None, None, _same, made.value
    key, step = shortcut(made)
    place = places.get(key) if isinstance(key, str) else None
    return None if place is None else (made.name, place, step, on_blank(made), None)


def _is_literal(made: Field) -> bool:
    plain = made.maker == "value" and len(made.target) == 1 and not made.working
    return plain and not made.chain and not made.checks and not is_blank(made.value)


def _same(value: Value) -> Value:
    return value


def _make_flat(cells: Sequence[Cell]) -> MakeFlat:
    def make_flat(row: Sequence[str]) -> dict[str, Value]:
        out = {}
        for name, place, step, blank, value in cells:
            if place is not None:
                value = row[place]  # noqa: PLW2901 - the hot loop
                if value and step:
                    value = step(value)  # noqa: PLW2901
                if not value and is_blank(value):
                    value = blank(value)  # noqa: PLW2901
            if value is not MISSING:
                out[name] = value
        return out

    return make_flat
