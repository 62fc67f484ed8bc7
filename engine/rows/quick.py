"""A shortcut: fields that look at nothing but their own value, without frames.

A field is quick that picks plain paths of the value itself (or is a literal, an object or a list of such), has no
condition and rejects where it fails. What a quick function makes is what the whole way makes; where it fails, or meets
what it does not know, the whole way is gone, which finds all that is wrong. Without this file nothing changes but the
time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from engine.errors import RecordError
from engine.language.fields import Field, Use
from engine.language.paths import Path
from engine.language.picking import Name, take
from engine.language.picking import Step as PathStep
from engine.language.values import Picked, first_of
from engine.records import MISSING, Value, is_blank
from engine.rows.makers import as_list
from engine.rows.steps import Step, compile_checks, compile_use, on_blank

Get = Callable[[Any], Value]


class Aside(Exception):
    """A value that quick functions do not know: the whole way is gone."""


class Cell(NamedTuple):
    """A quick field: its name, its key in the value or what gives its value, its resolvers, what blank becomes.

    One that stands for every record has neither key nor resolvers. `dive` is the first name of a longer path, and what
    goes down the rest of it.
    """

    name: str
    key: str | None
    get: Get | None
    step: Step | None
    blank: Step
    dive: tuple[str, Get] | None = None


def quick_cell(made: Field) -> Cell | None:
    """The field as a cell; None where it needs more than its own value."""
    if made.when or made.working or len(made.target) != 1 or made.on_error != "reject":
        return None
    if any(use.resolver.blank or use.resolver.contextual for use in made.chain):
        return None
    key, get, step = _made(made)
    if key is None and get is None:
        return None
    if made.checks:
        return Cell(made.name, "", _checked(made, _got(key, get), step), None, _same)
    return Cell(made.name, key, get, step, on_blank(made), _dive(made))


def _made(made: Field) -> tuple[str | None, Get | None, Step | None]:
    """How the value is made: by a name, or by a function of the value around; and its resolvers."""
    step = together([_unguarded(use) for use in made.chain])
    if made.maker == "value" and not step:
        return None, lambda node: made.value, None
    if made.maker not in ("source", "fields", "each") or (made.maker == "each" and made.fields is None):
        return None, None, None
    if made.maker == "fields" and not made.sources:
        inside = quick_object(made.fields or ())
        return ("", inside, step) if inside else (None, None, None)
    gets = [_quick_path(source) for source in made.sources]
    if any(get is None for get in gets):
        return None, None, None
    key, get = gets[0] if len(gets) == 1 else ("", first_of([_got(*each) for each in gets if each]))  # type: ignore[misc]
    if made.maker == "source":
        return key, get, step
    relative = _inside(made, _got(key, get))
    return ("", relative, step) if relative else (None, None, None)


def _unguarded(use: Use) -> Step:
    """A resolver without a guard, where it fails by itself: what it says then is found the whole way."""
    return use.resolver.step(use.options) if use.resolver.guards else compile_use(use)


def _inside(made: Field, get: Get) -> Get | None:
    """An object, or a list of them, relative to what is picked."""
    one = quick_object(made.fields or ())
    if one is None:
        return None

    def relative(node: Any) -> Value:
        value = get(node)
        return MISSING if is_blank(value) else one(value)

    def each(node: Any) -> Value:
        value = get(node)
        if type(value) is list:
            return [one(item) for item in value]
        return MISSING if is_blank(value) else [one(item) for item in as_list(value)]

    return relative if made.maker == "fields" else each


def _quick_path(source: Picked) -> tuple[str | None, Get | None] | None:
    """A plain path of the value itself: its one name, or the function that goes down several."""
    if not isinstance(source, Path) or source.query or source.head or not source.steps:
        return None
    first = source.steps[0]
    if isinstance(first, Name) and first.may_work:
        return None
    if len(source.steps) == 1 and isinstance(first, Name):
        return first.text, None
    return "", _down(source.steps)


def _dive(made: Field) -> tuple[str, Get] | None:
    """Of the one plain path of several names that a field is made of."""
    path = made.sources[0] if made.maker == "source" and len(made.sources) == 1 else None
    if not isinstance(path, Path) or path.query or path.head or len(path.steps) < 2:
        return None
    first, rest = path.steps[0], path.steps[1:]
    return (first.text, _down(rest)) if isinstance(first, Name) and not first.may_work else None


def _down(steps: Sequence[PathStep]) -> Get:
    """Names below names are looked up at once, where all are there; anything else is walked."""

    def walk(node: Any) -> Value:
        for step in steps:
            node = take(node, step)
        return node

    names = [step.text for step in steps if isinstance(step, Name)]
    if len(names) != len(steps) or not 0 < len(names) <= len(DIVES):
        return walk
    return DIVES[len(names) - 1](walk, *names)


def _one(walk: Get, name: str) -> Get:
    def one(node: Any) -> Value:
        try:
            return node[name]
        except (KeyError, TypeError, IndexError):
            return walk(node)

    return one


def _two(walk: Get, first: str, second: str) -> Get:
    def two(node: Any) -> Value:
        try:
            return node[first][second]
        except (KeyError, TypeError, IndexError):
            return walk(node)

    return two


def _three(walk: Get, first: str, second: str, third: str) -> Get:
    def three(node: Any) -> Value:
        try:
            return node[first][second][third]
        except (KeyError, TypeError, IndexError):
            return walk(node)

    return three


DIVES: Sequence[Callable[..., Get]] = (_one, _two, _three)


def _got(key: str | None, get: Get | None) -> Get:
    """The function that gives the value, whether by a name or not."""
    return get or (lambda node: node.get(key, MISSING))


def _checked(made: Field, get: Get, step: Step | None) -> Get:
    """A field with checks as one function: they come after the default."""
    check, blank = compile_checks(made.checks, made.type), on_blank(made)

    def checked(node: Any) -> Value:
        value = get(node)
        if step and not is_blank(value):
            value = step(value)
        if is_blank(value):
            value = blank(value)
        return value if is_blank(value) else check(value)

    return checked


def _same(value: Value) -> Value:
    return value


def together(steps: Sequence[Step]) -> Step | None:
    """Resolvers as one call, which ends where a result is blank; None for none."""
    if len(steps) < 2:
        return steps[0] if steps else None
    first, rest = steps[0], together(steps[1:])
    assert rest  # noqa: S101 - there are two at least

    def through(value: Value) -> Value:
        value = first(value)
        return rest(value) if value or not is_blank(value) else value

    return through


def quick_object(fields: Sequence[Field]) -> Get | None:
    """The function that makes an object of a value; None where a field needs more than that."""
    cells = [quick_cell(made) for made in fields]
    known = [cell for cell in cells if cell is not None]
    return _make(known) if len(known) == len(cells) else None


def _make(cells: Sequence[Cell]) -> Get:
    """The hot loop of nested records."""
    plain = [(cell.name, cell.key, cell.get, cell.step, cell.blank) for cell in cells]  # taken apart faster than cells
    missing = MISSING

    def make(node: Any) -> dict[str, Value]:
        if type(node) is not dict:
            raise Aside
        out: dict[str, Value] = {}
        look = node.get
        for name, key, get, step, blank in plain:
            value = get(node) if get else look(key, missing)
            if step and (value or not is_blank(value)):
                value = step(value)
            if not value:
                value = blank(value) if is_blank(value) else value
                if value is missing:
                    continue
            out[name] = value
        return out

    return make


def quick_row(cells: Sequence[Cell], names: Sequence[str]) -> Get | None:
    """The function that makes a record of a row of texts; None where a cell is no column of it."""
    places = {name: place for place, name in enumerate(names)}
    known = [_placed(cell, places) for cell in cells]
    placed = [each for each in known if each]
    return _make_row(placed) if len(placed) == len(cells) else None


Placed = tuple[str, int, Get | None, Step | None, Step]
"""A cell of a row: its name, its place or what gives its value of the row, its resolvers, what blank becomes."""


def _placed(cell: Cell, places: dict[str, int]) -> Placed | None:
    """The cell in a row; None where it is no column of it."""
    if cell.get is None:
        return (cell.name, places[cell.key], None, cell.step, cell.blank) if cell.key in places else None
    if cell.key is None and not cell.dive:
        return cell.name, 0, cell.get, cell.step, cell.blank
    if not cell.dive or cell.dive[0] not in places:
        return None
    place, down = places[cell.dive[0]], cell.dive[1]
    return cell.name, place, lambda row: down(row[place]), cell.step, cell.blank


def _make_row(cells: Sequence[Placed]) -> Get:
    """The hot loop of rows: no record that came in is made."""
    missing = MISSING

    def make_row(row: Sequence[str]) -> dict[str, Value]:
        out = {}
        for name, place, get, step, blank in cells:
            value: Value = get(row) if get else row[place]
            if step and (value or not is_blank(value)):
                value = step(value)
            if not value:
                value = blank(value) if is_blank(value) else value
                if value is missing:
                    continue
            out[name] = value
        return out

    return make_row


FAILED = (RecordError, TypeError, AttributeError, Aside)
"""What sends a record the whole way."""
