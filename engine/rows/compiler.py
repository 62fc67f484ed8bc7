"""A map as closures: all fields of an object in the order written, each field in its fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from engine.errors import RecordError
from engine.language.fields import Field, FieldMap
from engine.language.frames import Frame
from engine.language.paths import Path, getter, only_name
from engine.language.shapes import type_of
from engine.records import MISSING, FieldError, Value, is_blank
from engine.rows.failures import DroppedItem, Failures, Notes, errors_of, field_error
from engine.rows.makers import MAKERS
from engine.rows.steps import Make, Step, compile_checks, compile_use

MakeObject = Callable[[Frame], dict[str, Value]]
Planned = tuple[str, object, Step | None, Make, frozenset[str]]
"""A field as an object makes it: its name, key and resolvers of its shortcut, whole way, what it reads."""


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
        return _make_object(
            [(made.name, *shortcut(made), _placed(made, self.field(made)), _reads(made)) for made in fields]
        )

    def field(self, made: Field) -> Make:
        """The function that makes one field's value: MISSING where it is left out."""
        make = MAKERS[made.maker](made, self)
        check = compile_checks(made.checks, made.type) if made.checks else None
        if made.on_error != "reject":
            return _recovering(make, check, made, self.notes)
        return _finished(make, check, made)


def _passing(make: MakeObject, taken: set[str]) -> MakeObject:
    """The input's fields first, but never one that the map names."""

    def passing(frame: Frame) -> dict[str, Value]:
        node = frame.node
        if type(node) is not dict:
            message = f"`pass_through` needs an object, the record is {type_of(node)}"
            raise Failures((FieldError("", "R203", message, node),))
        frame.out = {key: value for key, value in node.items() if key not in taken}
        return make(frame)

    return passing


def _from_source(make: MakeObject, path: Path) -> MakeObject:
    get = getter(path)

    def relative(frame: Frame) -> dict[str, Value]:
        try:
            return make(frame.inner(get(frame)))
        except RecordError as error:
            raise Failures((field_error("", error),)) from error

    return relative


def _make_object(plan: Sequence[Planned]) -> MakeObject:
    """The one hot loop: it is written out, and what happens after a failure stands elsewhere."""

    def make_object(frame: Frame) -> dict[str, Value]:
        out, node, rest = frame.out, frame.node, iter(plan)
        look = node.get if type(node) is dict else _nothing
        try:
            for name, key, step, make, _ in rest:
                value = look(key)
                if value and step:
                    value = step(value)
                if not value:  # not the common case, or perhaps a blank: the whole way
                    value = make(frame)
                if value is not MISSING:
                    out[name] = value
        except (RecordError, Failures) as error:
            raise Failures(_with_the_rest(frame, rest, errors_of(name, error))) from error
        return out

    return make_object


def _with_the_rest(frame: Frame, rest: Iterator[Planned], errors: list[FieldError]) -> list[FieldError]:
    """The errors of a field, and of those after it; not of one that stands on a field that failed."""
    for name, _, _, make, reads in rest:
        if not reads.isdisjoint(map(_top, errors)):
            continue  # one mistake, one message
        try:
            value = make(frame)
        except (RecordError, Failures) as error:
            errors.extend(errors_of(name, error))
        else:
            if value is not MISSING:
                frame.out[name] = value
    return errors


def _nothing(key: object) -> None:
    """What a value that is no object has under any key."""


def shortcut(made: Field) -> tuple[object, Step | None]:
    """The key and the resolvers of the commonest field: one name of the value itself, no checks.

    Any other field has a key that no value has. What the shortcut makes is what the field would make: it is
    left where a value or a result might be blank, and resolvers called again give the same again.
    """
    name = only_name(made.sources[0]) if made.maker == "source" and len(made.sources) == 1 else None
    sees_blank = any(use.resolver.blank for use in made.chain)
    if not name or made.checks or made.on_error != "reject" or sees_blank or not _is_plain(made):
        return MISSING, None
    return name.text, _together([compile_use(use) for use in made.chain])


def _together(steps: Sequence[Step]) -> Step | None:
    """Resolvers as one call, which ends where a result might be blank; None for none."""
    if len(steps) < 2:
        return steps[0] if steps else None
    first, rest = steps[0], _together(steps[1:])

    def together(value: Value) -> Value:
        value = first(value)
        return rest(value) if value and rest else value

    return together


def _is_plain(made: Field) -> bool:
    """Whether the target is a name in `out`."""
    return not made.working and len(made.target) == 1


def _reads(made: Field) -> frozenset[str]:
    """The fields above that this one picks from."""
    return frozenset(path.out_name for path in made.sources if path.out_name)


def _placed(made: Field, make: Make) -> Make:
    """The same where the target is a name in `out`; else it puts the value there itself and gives nothing."""
    if _is_plain(made):
        return make
    place = partial(_place_working, made.target[0]) if made.working else partial(_place_below, made.target)

    def placed(frame: Frame) -> Value:
        value = make(frame)
        if value is not MISSING:
            place(frame, value)
        return MISSING

    return placed


def _place_working(name: str, frame: Frame, value: Value) -> None:
    frame.work[name] = value


def _place_below(target: tuple[str, ...], frame: Frame, value: Value) -> None:
    """A dotted target makes its parents when it has a value."""
    node = frame.out
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
        if value or (value is not MISSING and value is not None and value != ""):
            return value
        return blank(value)

    def checked(frame: Frame) -> Value:
        value = make(frame)
        if is_blank(value):
            value = blank(value)
        if is_blank(value):
            return value
        return check(value) if check else value

    return checked if check else finished


def on_blank(made: Field) -> Step:
    """What a blank result becomes: the default, a reject, or a blank as the field writes it."""
    default, blank, typed = made.default, made.blank, made.type not in ("text", "any")

    def on_blank(value: Value) -> Value:
        if default is not MISSING:
            value = default
        if not is_blank(value):
            return value
        if made.required:
            raise RecordError("R201", _required_message(made, value))
        if blank == "omit":
            return MISSING
        return None if blank == "null" or (value == "" and typed) else value

    return on_blank


def _required_message(made: Field, value: Value) -> str:
    found = "missing" if value is MISSING else "null" if value is None else "empty"
    paths = ", ".join(f"`{path.text}`" for path in made.sources)
    return f"required, but {paths or 'the value'} is {found}"


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
