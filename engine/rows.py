"""The reference mapper, one record at a time: it defines every result and every error text.

A map becomes closures once; each takes a Frame and gives a value, MISSING where nothing is written. The order
inside a field is fixed (LANGUAGE §4): source, resolvers, `default`, `required`, checks, emit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from engine.errors import RecordError
from engine.language.fields import Checks, Field, FieldMap, Use
from engine.language.frames import Context, Frame
from engine.language.paths import Path, getter, only_name
from engine.language.shapes import type_of
from engine.language.typing import conversion, read_as, written
from engine.records import MISSING, Batch, Damage, FieldError, Instant, Mapped, Reject, Value, is_blank
from engine.registry import NUMBERS
from engine.spelling import describe

Make = Callable[[Frame], Value]
Step = Callable[[Value], Value]
Maker = Callable[[Field, "Notes"], Make]
Planned = tuple[str, object, Sequence[Step], Make, frozenset[str]]
"""A field as an object makes it: its name, key and resolvers of its shortcut, whole way, what it reads."""

PYTHON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "int": (int,),
    "decimal": (Decimal,),
    "float": (float,),
    "bool": (bool,),
    "date": (date,),
    "instant": (Instant,),
    "local": (datetime,),
    "list": (list,),
    "object": (dict,),
}
INDEXES: Final = re.compile(r"\[[0-9]+\]")
PAIR_TYPE_OF: Final = {"bool": "BOOLEAN", "int": "INTEGER", "decimal": "FLOAT", "float": "FLOAT",
                       "list": "JSON", "object": "JSON"}  # fmt: skip


class Failures(Exception):
    """What was wrong with the fields of one object, all of it."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(len(errors))
        self.errors = errors


class DroppedItem(Exception):
    """A field with `on_error: drop_item` failed: the item it stands in is left out."""


class Notes:
    """What the books show beside the fates: errors that `on_error` answered, items that were dropped."""

    __slots__ = ("items_dropped", "recovered")

    def __init__(self) -> None:
        self.recovered: Counter[str] = Counter()
        self.items_dropped = 0

    def recover(self, path: str, errors: Sequence[FieldError]) -> None:
        """Count errors that did not reject their record, by field and code; all items count as one field."""
        for error in errors:
            inner = INDEXES.sub("", error.field).lstrip(".")
            self.recovered[".".join(part for part in (path, inner, error.code) if part)] += 1


class RowMapper:
    """Maps batches by one map, for one unit's context."""

    def __init__(self, mapping: FieldMap, context: Context) -> None:
        self.notes = Notes()
        self._frame = Frame(None, context)
        self._make = compile_map(mapping, self.notes)

    def __call__(self, batch: Batch) -> Mapped:
        """The batch's records mapped, in order, and the rejects; the records that came in are not changed."""
        records: list[dict[str, Value]] = []
        rejects: list[Reject] = []
        indexes: list[int] = []
        frame, make, first = self._frame, self._make, batch.number
        for index, value in enumerate(batch.values):
            if type(value) is Damage:  # it fails here, before any field sees it
                rejects.append(_reject(index, value, ()))
                continue
            frame.node = frame.record = frame.root = value
            frame.number = first + index
            frame.out = {}
            if frame.work:
                frame.work = {}
            try:
                records.append(make(frame))
                indexes.append(index)
            except Failures as failed:
                rejects.append(_reject(index, value, failed.errors))
        return Mapped(records, indexes, rejects)


def _reject(index: int, value: Value, errors: Sequence[FieldError]) -> Reject:
    if isinstance(value, Damage):
        return Reject(index, "parse", None, (FieldError("", value.code, value.message, value.value),))
    return Reject(index, "map", value, tuple(errors))


# --- a map --------------------------------------------------------------------------------------------------


def compile_map(mapping: FieldMap, notes: Notes) -> Callable[[Frame], dict[str, Value]]:
    """The function that makes one record's output from its frame."""
    make = compile_object(mapping.fields, notes)
    if mapping.pass_through:
        named = {made.target[0] for made in mapping.fields if not made.working}
        make = _passing(make, named.union(mapping.except_names))
    if mapping.source:
        make = _from_source(make, mapping.source)
    return make


def _passing(make: Callable[[Frame], dict[str, Value]], taken: set[str]) -> Callable[[Frame], dict[str, Value]]:
    """The input's fields first, but never one that the map names."""

    def passing(frame: Frame) -> dict[str, Value]:
        node = frame.node
        if type(node) is not dict:
            message = f"`pass_through` needs an object, the record is {type_of(node)}"
            raise Failures((FieldError("", "R203", message, node),))
        frame.out = {key: value for key, value in node.items() if key not in taken}
        return make(frame)

    return passing


def _from_source(make: Callable[[Frame], dict[str, Value]], path: Path) -> Callable[[Frame], dict[str, Value]]:
    get = getter(path)

    def relative(frame: Frame) -> dict[str, Value]:
        try:
            return make(frame.inner(get(frame)))
        except RecordError as error:
            raise Failures((_field_error("", error),)) from error

    return relative


def compile_object(fields: Sequence[Field], notes: Notes) -> Callable[[Frame], dict[str, Value]]:
    """The function that makes all fields of one object, in the order written, into the frame's `out`.

    The one hot loop: it is written out, and what happens after a failure stands elsewhere.
    """
    plan = [(made.name, *_shortcut(made), _placed(made, compile_field(made, notes)), _reads(made)) for made in fields]

    def make_object(frame: Frame) -> dict[str, Value]:
        out, node, rest = frame.out, frame.node, iter(plan)
        look = node.get if type(node) is dict else _nothing
        try:
            for name, key, steps, make, _ in rest:
                value = look(key)
                if value:
                    for step in steps:
                        value = step(value)
                        if not value:
                            break
                if not value:  # not the common case, or perhaps a blank: the whole way
                    value = make(frame)
                if value is not MISSING:
                    out[name] = value
        except (RecordError, Failures) as error:
            raise Failures(_with_the_rest(frame, rest, _errors(name, error))) from error
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
            errors.extend(_errors(name, error))
        else:
            if value is not MISSING:
                frame.out[name] = value
    return errors


def _errors(name: str, error: RecordError | Failures) -> list[FieldError]:
    """What was wrong with one field, each error with its name."""
    if isinstance(error, Failures):
        return [_inside(name, inner) for inner in error.errors]
    return [_field_error(name, error)]


def _nothing(key: object) -> None:
    """What a value that is no object has under any key."""


def _shortcut(made: Field) -> tuple[object, Sequence[Step]]:
    """The key and the resolvers of the commonest field: one name of the value itself, no checks.

    Any other field has a key that no value has. What the shortcut makes is what the field would make: it is
    left where a value or a result might be blank, and resolvers called again give the same again.
    """
    name = only_name(made.sources[0]) if made.maker == "source" and len(made.sources) == 1 else None
    if not name or made.checks or made.on_error != "reject" or not _is_plain(made):
        return MISSING, ()
    return name.text, tuple(compile_use(use) for use in made.chain)


def _is_plain(made: Field) -> bool:
    """Whether the target is a name in `out`."""
    return not made.working and len(made.target) == 1


def _top(error: FieldError) -> str:
    return error.field.split(".", 1)[0].split("[", 1)[0]


def _field_error(name: str, error: RecordError) -> FieldError:
    return FieldError(name, error.code, error.message, error.value)


def _inside(name: str, error: FieldError) -> FieldError:
    """The error of a part, named from further out: `lines` and `[1].sku` make `lines[1].sku`."""
    return error._replace(field=name + (error.field if error.field.startswith("[") else f".{error.field}"))


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


# --- a field ------------------------------------------------------------------------------------------------


def compile_field(made: Field, notes: Notes) -> Make:
    """The function that makes one field's value: MISSING where it is left out."""
    make = MAKERS[made.maker](made, notes)
    checks = compile_checks(made.checks, made.type) if made.checks else None
    if made.on_error != "reject":
        return _recovering(make, checks, made, notes)
    return _finished(make, checks, made)


def _finished(make: Make, check: Step | None, made: Field) -> Make:
    """Default, required, checks and emission behind the made value, as few calls as the field needs."""
    if made.maker == "value" and not made.chain and not check and not is_blank(made.value):
        return make
    on_blank = _on_blank(made)

    def finished(frame: Frame) -> Value:
        value = make(frame)
        if value or (value is not MISSING and value is not None and value != ""):
            return value
        return on_blank(value)

    def checked(frame: Frame) -> Value:
        value = make(frame)
        if is_blank(value):
            value = on_blank(value)
        if is_blank(value):
            return value
        return check(value) if check else value

    return checked if check else finished


def _on_blank(made: Field) -> Step:
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
    on_blank = _on_blank(made)
    path, drop = made.path, made.on_error == "drop_item"

    def recover(errors: Sequence[FieldError]) -> Value:
        notes.recover(path, errors)
        if drop:
            raise DroppedItem
        return on_blank(MISSING)

    def recovering(frame: Frame) -> Value:
        try:
            value = make(frame)
            if not is_blank(value):
                return check(value) if check else value
        except RecordError as error:
            return recover((_field_error("", error),))
        except Failures as failed:
            return recover(failed.errors)
        value = on_blank(value)
        return value if check is None or is_blank(value) else check(value)

    return recovering


# --- how a value is made ------------------------------------------------------------------------------------


def _source(made: Field, notes: Notes) -> Make:
    return _chained(_picked(made.sources), made.chain)


def _picked(paths: Sequence[Path]) -> Make:
    """The first path's value that is not blank; missing where all are."""
    if len(paths) == 1:
        return getter(paths[0])
    getters = [getter(path) for path in paths]

    def first(frame: Frame) -> Value:
        for get in getters:
            value = get(frame)
            if not is_blank(value):
                return value
        return MISSING

    return first


def _value(made: Field, notes: Notes) -> Make:
    value = made.value
    return _chained(lambda frame: value, made.chain)


def _object(made: Field, notes: Notes) -> Make:
    make = compile_object(made.fields or (), notes)
    if not made.sources:
        return lambda frame: make(frame.beside())
    get = _picked(made.sources)

    def relative(frame: Frame) -> Value:
        value = get(frame)
        return MISSING if is_blank(value) else make(frame.inner(value))

    return relative


def _each(made: Field, notes: Notes) -> Make:
    get = _picked(made.sources)
    one = _each_object(made, notes) if made.fields is not None else _each_value(made)

    def each(frame: Frame) -> Value:
        value = get(frame)
        if is_blank(value):
            return MISSING
        return _items(as_list(value), frame, one, notes)

    return each


def as_list(value: Value) -> Sequence[Value]:
    """The items of a list; one object is a list of one."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return (value,)
    raise RecordError("R207", f"expected a list, found {type_of(value)} `{describe(value)}`", value)


def _items(items: Sequence[Value], frame: Frame, one: Make, notes: Notes) -> list[Value]:
    made: list[Value] = []
    errors: list[FieldError] = []
    for index, item in enumerate(items):
        inside = frame.inner(item)
        inside.item, inside.index = item, index
        try:
            value = one(inside)
        except DroppedItem:
            notes.items_dropped += 1
        except RecordError as error:
            errors.append(_field_error(f"[{index}]", error))
        except Failures as failed:
            errors.extend(_inside(f"[{index}]", error) for error in failed.errors)
        else:
            if value is not MISSING:
                made.append(value)
    if errors:
        raise Failures(errors)
    return made


def _each_object(made: Field, notes: Notes) -> Make:
    return compile_object(made.fields or (), notes)


def _each_value(made: Field) -> Make:
    return _chained(lambda frame: frame.node, made.chain)


def _list(made: Field, notes: Notes) -> Make:
    entries = [(i, compile_field(entry, notes)) for i, entry in enumerate(made.fields or ())]

    def listed(frame: Frame) -> Value:
        values = [_entry(f"[{i}]", make, frame) for i, make in entries]
        return [value for value in values if not is_blank(value)]

    return listed


def _entry(name: str, make: Make, frame: Frame) -> Value:
    """One entry of a list or of pairs; its errors say which one."""
    try:
        return make(frame)
    except RecordError as error:
        raise Failures((_field_error(name, error),)) from error
    except Failures as failed:
        raise Failures([_inside(name, error) for error in failed.errors]) from failed


def _pairs(made: Field, notes: Notes) -> Make:
    entries = [(entry.name, entry.says or _static_pair_type(entry), compile_field(entry, notes)) for entry in made.fields or ()]  # fmt: skip
    pair = _pair(made.names)

    def pairs(frame: Frame) -> Value:
        values = [(name, says, _entry(name, make, frame)) for name, says, make in entries]
        return [pair(name, says, value) for name, says, value in values if not is_blank(value)]

    return pairs


def _static_pair_type(entry: Field) -> str:
    """The type a pair says where the field's type is known before the run; empty: from each value."""
    return "" if entry.type == "any" else PAIR_TYPE_OF.get(entry.type, "STRING")


def _pair(names: Mapping[str, str]) -> Callable[[str, str, Value], dict[str, Value]]:
    name_key, type_key, value_key = (names.get(key, key) for key in ("name", "type", "value"))

    def pair(name: str, says: str, value: Value) -> dict[str, Value]:
        return {
            name_key: name,
            type_key: says or PAIR_TYPE_OF.get(type_of(value), "STRING"),
            value_key: value,
        }

    return pair


def _pairs_from(made: Field, notes: Notes) -> Make:
    get = _picked(made.sources)
    pair, left_out, types = _pair(made.names), set(made.except_keys), made.key_types

    def pairs_from(frame: Frame) -> Value:
        value = get(frame)
        if is_blank(value):
            return MISSING
        if not isinstance(value, dict):
            raise RecordError("R207", f"expected an object, found {type_of(value)} `{describe(value)}`", value)
        kept = ((key, item) for key, item in value.items() if key not in left_out and not is_blank(item))
        return [pair(key, types.get(key, ""), item) for key, item in kept]

    return pairs_from


MAKERS: Final[Mapping[str, Maker]] = {
    "source": _source,
    "value": _value,
    "fields": _object,
    "each": _each,
    "list": _list,
    "pairs": _pairs,
    "pairs_from": _pairs_from,
}


# --- resolvers and checks -----------------------------------------------------------------------------------


def _chained(make: Make, chain: Sequence[Use]) -> Make:
    """The resolvers behind a value, left to right; blank passes through untouched."""
    steps = [(compile_use(use), use.resolver.blank) for use in chain]
    if not steps:
        return make
    if len(steps) == 1 and not steps[0][1]:
        return _one_step(make, steps[0][0])

    def chained(frame: Frame) -> Value:
        value = make(frame)
        for step, sees_blank in steps:
            if value or sees_blank or (value is not MISSING and value is not None and value != ""):
                value = step(value)
        return value

    return chained


def _one_step(make: Make, step: Step) -> Make:
    def one_step(frame: Frame) -> Value:
        value = make(frame)
        if value or (value is not MISSING and value is not None and value != ""):
            return step(value)
        return value

    return one_step


def compile_use(use: Use) -> Step:
    """A resolver with its options; guarded where the type that arrives is not certain."""
    function = use.resolver.step(use.options)
    return _guarded(function, use) if use.guarded and "any" not in use.resolver.takes else function


def _guarded(function: Step, use: Use) -> Step:
    """A value of a type the resolver does not take is a reject that names the one which would convert."""
    takes = use.resolver.takes
    accepted = {python for name in takes for python in PYTHON_TYPES[name]}

    def guarded(value: Value) -> Value:
        if type(value) not in accepted and not (isinstance(value, Decimal) and Decimal in accepted):
            found = type_of(value)
            message = f"`{use.resolver.name}` takes {' or '.join(takes)}, found {found} `{describe(value)}`: "
            raise RecordError("R202", message + conversion(takes, found), value)
        return function(value)

    return guarded


def compile_checks(checks: Checks, type: str) -> Step:
    """The function that gives a value back when it keeps its checks, and fails when it does not."""
    tests: list[Step] = []
    if checks.one_of:
        tests.append(_one_of(checks.one_of, type))
    if checks.pattern:
        tests.append(partial(_pattern, checks.pattern))
    if checks.min is not None or checks.max is not None:
        tests.append(partial(_bounds, checks.min, checks.max))
    if checks.min_length is not None or checks.max_length is not None:
        tests.append(partial(_length, checks.min_length or 0, checks.max_length))

    def check(value: Value) -> Value:
        for test in tests:
            test(value)
        return value

    return check


def _one_of(members: Sequence[Value], type: str) -> Step:
    allowed = ", ".join(f"`{written(member)}`" for member in members)

    def one_of(value: Value) -> None:
        found = [_as_found(member, value) for member in members] if type == "any" else members
        if value not in found:
            raise RecordError("R231", f"`{describe(value)}` is not one of {allowed}", value)

    return one_of


def _as_found(member: Value, value: Value) -> Value:
    """A member of a field whose type JSON leaves open is compared as the type of the value."""
    try:
        return read_as(written(member), type_of(value))
    except (RecordError, ArithmeticError, ValueError):
        return MISSING


def _pattern(pattern: Any, value: Value) -> None:
    if type(value) is not str:
        raise RecordError(
            "R232", f"`pattern` checks text, found {type_of(value)} `{describe(value)}`: write `text`", value
        )
    if not pattern.fullmatch(value):
        raise RecordError("R232", f"`{describe(value)}` does not match `{pattern.text}`", value)


def _bounds(low: Value, high: Value, value: Value) -> None:
    found = type_of(value)
    if found in ("text", "bool", "list", "object"):
        raise RecordError("R233", f"`min` and `max` bound numbers and times, found {found} `{describe(value)}`", value)
    if low is not None and value < _as_bound(low, found, value):
        raise RecordError("R233", f"`{describe(value)}` is below the least, `{describe(low)}`", value)
    if high is not None and value > _as_bound(high, found, value):
        raise RecordError("R233", f"`{describe(value)}` is above the greatest, `{describe(high)}`", value)


def _as_bound(bound: Value, found: str, value: Value) -> Value:
    if found in NUMBERS or type_of(bound) == found:
        return bound
    try:
        return read_as(written(bound), found)
    except (RecordError, ArithmeticError, ValueError) as error:
        raise RecordError("R233", f"`{describe(value)}` is {found}, the bound is `{describe(bound)}`", value) from error


def _length(least: int, most: int | None, value: Value) -> None:
    if not isinstance(value, str | list):
        raise RecordError("R234", f"a length is of text or a list, found {type_of(value)} `{describe(value)}`", value)
    if len(value) < least:
        raise RecordError("R234", f"`{describe(value)}` has {len(value)}, at least {least} are needed", value)
    if most is not None and len(value) > most:
        raise RecordError("R234", f"`{describe(value)}` has {len(value)}, at most {most} are allowed", value)
