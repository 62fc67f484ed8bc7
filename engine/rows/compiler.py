"""A map as closures: all fields of an object in the order written, each field in its fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Final

from engine.errors import RecordError
from engine.language.expressions import Condition, decider
from engine.language.fields import Field, FieldMap, picks_of
from engine.language.frames import Frame
from engine.language.shapes import type_word
from engine.language.values import Picked, paths_in, picker
from engine.records import MISSING, FieldError, Value, is_blank
from engine.rows.failures import DroppedItem, Failures, Notes, errors_of, field_error
from engine.rows.makers import CHAINING, MAKERS
from engine.rows.quick import FAILED, Get, quick_cell
from engine.rows.steps import Make, Step, chained, compile_checks, on_blank

MakeObject = Callable[[Frame], dict[str, Value]]
Planned = tuple[str, str | None, Get | None, Step | None, Step | None, Make, frozenset[str]]
"""A field as an object makes it: its quick cell, where it is one, its whole way, and what it reads of `$out`."""

NOT_QUICK: Final = (None, None, None, None, None, None)


class RowCompiler:
    """Compiles one map; everything it makes counts into the same notes."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    def map(self, mapping: FieldMap) -> MakeObject:
        """The function that makes one record's output from its frame."""
        make = self.object(mapping.fields)
        if mapping.pass_through:
            named = {made.target[0] for made in mapping.fields if not made.working}
            make = _passing(make, named.union(mapping.except_names))
        if mapping.source:
            make = _from_source(make, mapping.source)
        return make

    def object(self, fields: Sequence[Field]) -> MakeObject:
        """The function that makes all fields of one object, in the order written, into the frame's `out`."""
        return _make_object([self._planned(made) for made in fields])

    def _planned(self, made: Field) -> Planned:
        _, key, get, step, blank, _ = quick_cell(made) or NOT_QUICK
        return made.name, key, get, step, blank, _placed(made, self.field(made)), _reads(made)

    def field(self, made: Field) -> Make:
        """The function that makes one field's value: MISSING where it is left out."""
        make = MAKERS[made.maker](made, self)
        if made.maker not in CHAINING:
            make = chained(make, made.chain)
        check = compile_checks(made.checks, made.type) if made.checks else None
        plain = made.on_error == "reject"
        make = _finished(make, check, made) if plain else _recovering(make, check, made, self.notes)
        return _when(make, made.when) if made.when else make


def _when(make: Make, condition: Condition) -> Make:
    """The field where its condition holds; left out, whatever else is said, where it does not."""
    holds = decider(condition)

    def conditional(frame: Frame) -> Value:
        return make(frame) if holds(frame) else MISSING

    return conditional


def _passing(make: MakeObject, taken: set[str]) -> MakeObject:
    """The input's fields first, but never one that the map names."""

    def passing(frame: Frame) -> dict[str, Value]:
        node = frame.node
        if not isinstance(node, dict):
            message = f"`pass_through` needs an object, the record is {type_word(node)}"
            raise Failures((FieldError("", "R203", message, node),))
        frame.out = {key: value for key, value in node.items() if key not in taken}
        return make(frame)

    return passing


def _from_source(make: MakeObject, source: Picked) -> MakeObject:
    get = picker(source)

    def relative(frame: Frame) -> dict[str, Value]:
        try:
            inside = frame.inner(get(frame))
        except RecordError as error:
            raise Failures((field_error("", error),)) from error
        made = make(inside)
        frame.work = inside.work
        return made

    return relative


def _make_object(plan: Sequence[Planned]) -> MakeObject:  # noqa: C901 - every call in it would be paid by each field
    """The one hot loop: it is written out, and what happens after a failure stands elsewhere."""

    def make_object(frame: Frame) -> dict[str, Value]:
        out, node, rest = frame.out, frame.node, iter(plan)
        if type(node) is not dict:
            return _whole(frame, rest, [])
        look = node.get
        try:
            for name, key, get, step, blank, make, _ in rest:
                if blank is None:  # no quick field
                    value = make(frame)
                else:
                    value = get(node) if get else look(key, MISSING)
                    if step and (value or not is_blank(value)):
                        value = step(value)
                    if not value and is_blank(value):
                        value = blank(value)
                if value is not MISSING:
                    out[name] = value
        except (*FAILED, Failures) as error:
            if blank is None:
                return _whole(frame, rest, errors_of(name, _known(error)))
            return _whole(frame, chain([(name, None, None, None, None, make, _)], rest), [])
        return out

    return make_object


def _known(error: Exception) -> RecordError | Failures:
    """What a field is rejected with; anything else is a fault of the engine."""
    if isinstance(error, RecordError | Failures):
        return error
    raise error


def _whole(frame: Frame, rest: Iterable[Planned], errors: list[FieldError]) -> dict[str, Value]:
    """The rest of an object the whole way; all errors together, but none of a field that stands on one that failed."""
    failed = set(map(_top, errors))
    for name, _, _, _, _, make, reads in rest:
        if not reads.isdisjoint(failed):
            failed.add(name.split(".", 1)[0])
            continue  # one mistake, one message
        try:
            value = make(frame)
        except (RecordError, Failures) as error:
            errors.extend(errors_of(name, error))
            failed.add(name.split(".", 1)[0])
        else:
            if value is not MISSING:
                frame.out[name] = value
    if errors:
        raise Failures(errors)
    return frame.out


def _is_plain(made: Field) -> bool:
    """Whether the target is a name in `out`."""
    return not made.working and len(made.target) == 1


def _reads(made: Field) -> frozenset[str]:
    """The fields above that this one picks from."""
    starts = (start for each, _ in picks_of(made) for path in paths_in(each) for start in path.starts)
    return frozenset(start.out_name for start in starts if start.out_name)


def _placed(made: Field, make: Make) -> Make:
    """The same where the target is a name in `out`; else it puts the value there itself and gives nothing."""
    if _is_plain(made):
        return make
    place = partial(_place_working if made.working else _place_below, made.target)

    def placed(frame: Frame) -> Value:
        value = make(frame)
        if value is not MISSING:
            place(frame, value)
        return MISSING

    return placed


def _place_working(target: tuple[str, ...], frame: Frame, value: Value) -> None:
    _put(frame.work, target, value)


def _place_below(target: tuple[str, ...], frame: Frame, value: Value) -> None:
    _put(frame.out, target, value)


def _put(node: dict[str, Value], target: tuple[str, ...], value: Value) -> None:
    """A dotted target makes its parents when it has a value."""
    for part in target[:-1]:
        node = node.setdefault(part, {})
    node[target[-1]] = value


def _top(error: FieldError) -> str:
    return error.field.split(".", 1)[0].split("[", 1)[0]


def _finished(make: Make, check: Step | None, made: Field) -> Make:
    """Default, required, checks and emission behind the made value, as few calls as the field needs."""
    if made.maker == "value" and not made.chain and not check and not is_blank(made.value):
        return make
    blank = on_blank(made)

    def finished(frame: Frame) -> Value:
        value = make(frame)
        return blank(value) if not value and is_blank(value) else value

    def checked(frame: Frame) -> Value:
        value = make(frame)
        if is_blank(value):
            value = blank(value)
        if is_blank(value):
            return value
        return check(value) if check else value

    return checked if check else finished


def _recovering(make: Make, check: Step | None, made: Field, notes: Notes) -> Make:
    """`on_error: blank` goes on as blank, once; `drop_item` leaves out the item around it. Both are counted."""
    blank = on_blank(made)
    path, drop = made.path, made.on_error == "drop_item"

    def recover(errors: Sequence[FieldError]) -> Value:
        notes.recover(path, errors)
        if drop:
            raise DroppedItem
        return blank(MISSING)

    def recovering(frame: Frame) -> Value:
        try:
            value = make(frame)
            if not is_blank(value):
                return check(value) if check else value
        except RecordError as error:
            return recover((field_error("", error),))
        except Failures as failed:
            return recover(failed.errors)
        value = blank(value)
        return value if check is None or is_blank(value) else check(value)

    return recovering
