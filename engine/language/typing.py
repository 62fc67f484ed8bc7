"""The types of a mapping, found before the run: each chain, default and check against what is known of the input.

`check_map` gives the same map with its types filled in, so that rows need not look at a value whose type is
certain; every problem goes to the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from engine.errors import OptionError, RecordError
from engine.language.fields import Checks, Field, FieldMap, Use
from engine.language.frames import RUN_KEYS, UNIT_KEYS
from engine.language.paths import Name, Path
from engine.language.shapes import ANY, Lost, Shape, follow, scalar, type_of
from engine.language.times import TimeFormat
from engine.options import Pointer, Report
from engine.records import is_blank, plain
from engine.registry import NUMBERS, SCALARS
from engine.spelling import a, describe, suggest

UNIT_SHAPE: Final = Shape(
    "object",
    {**dict.fromkeys(UNIT_KEYS, scalar("text")), "size": scalar("int"), "record": scalar("int"),
     "mtime": scalar("instant"), "date": scalar("date")},
    closed=True,
)  # fmt: skip
RUN_SHAPE: Final = Shape(
    "object", {**dict.fromkeys(RUN_KEYS, scalar("text")), "started_at": scalar("instant")}, closed=True
)
TIMES: Final = ("date", "instant", "local")

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([Ee][+-]?[0-9]{1,6})?")
GIVEN: Final = ("$unit", "$run", "$vars")
"""The heads whose members the engine and the spec name, not the input."""
EXAMPLES: Final = {
    "text": '`"none"`',
    "int": "`0`",
    "decimal": "`0.0`",
    "float": "`0.0`",
    "bool": "`false`",
    "date": "`2026-01-31`",
    "instant": "`2026-01-31T12:00:00Z`",
    "local": "`2026-01-31T12:00:00`",
    "list": "`[]`",
    "object": "`{}`",
}
"""A literal of each type, for messages."""


@dataclass
class Scope:
    """What a path may start at, as shapes: the static twin of a Frame."""

    node: Shape
    vars: Shape
    record: Shape | None = None
    root: Shape | None = None
    parent: Scope | None = None
    around: Scope | None = None
    item: Shape | None = None
    out: dict[str, Shape] = field(default_factory=dict)
    coming: frozenset[str] = frozenset()

    def inner(self, node: Shape, item: Shape | None = None) -> Scope:
        """Inside an object with a source, or an item."""
        return Scope(node, self.vars, self.record, self.root, self, self, item or self.item)

    def beside(self) -> Scope:
        """Inside an object without a source."""
        return Scope(self.node, self.vars, self.record, self.root, self.parent, self, self.item)


def check_map(mapping: FieldMap, shape: Shape, vars: Shape, report: Report) -> FieldMap:
    """The map with its types; `shape` is the record that enters, `vars` the variables."""
    scope = Scope(shape, vars, shape, shape)
    if mapping.source:
        scope = scope.inner(_path_shape(mapping.source, (), scope, report))
    return replace(mapping, fields=_check_fields(mapping.fields, scope, report))


def _check_fields(fields: Sequence[Field], scope: Scope, report: Report) -> tuple[Field, ...]:
    scope.coming = frozenset(made.target[0] for made in fields)
    checked = []
    for made in fields:
        typed, shape = _check_field(made, scope, report)
        checked.append(typed)
        if len(made.target) == 1:
            scope.out[made.name] = shape
        elif made.target:
            scope.out.setdefault(made.target[0], Shape("object"))
    return tuple(checked)


def _check_field(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    typed, shape = MAKERS[made.maker](made, scope, report)
    typed = replace(typed, type=shape.type if shape.sure else "any")  # what a sample suggests is no promise
    if made.on_error == "drop_item" and scope.item is None:
        at = (*made.pointer, "on_error")
        report("M205", at, "`drop_item` stands outside `each`", "write `blank`: there is no item to drop")
    if not is_blank(typed.default):
        typed = replace(typed, default=_default(typed, report))
    if typed.checks:
        typed = replace(typed, checks=_typed_checks(typed, report))
    return typed, shape


# --- each way of making a value -----------------------------------------------------------------------------


def _source(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    shapes = _source_shapes(made, scope, report)
    shape = shapes[0] if shapes and all(each.type == shapes[0].type for each in shapes) else ANY
    if not all(each.sure for each in shapes):
        shape = replace(shape, sure=False)
    chain, shape = _check_chain(made.chain, shape, made, report)
    return replace(made, chain=chain), shape


def _source_shapes(made: Field, scope: Scope, report: Report) -> list[Shape]:
    return [_path_shape(path, at, scope, report) for path, at in zip(made.sources, made.places, strict=True)]


def _value(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    chain, shape = _check_chain(made.chain, scalar(type_of(made.value)), made, report)
    return replace(made, chain=chain), shape


def _object(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    inside = scope.beside()
    if made.sources:
        shapes = _source_shapes(made, scope, report)
        inside = scope.inner(shapes[0] if len(shapes) == 1 else ANY)
    fields = _check_fields(made.fields or (), inside, report)
    return replace(made, fields=fields), Shape("object", dict(inside.out), sure=True)


def _each(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    shapes = _source_shapes(made, scope, report)
    listed = shapes[0] if len(shapes) == 1 else ANY
    item = (listed.item or ANY) if listed.type == "list" else listed if listed.type == "object" else ANY
    if listed.type in SCALARS:
        report(
            "M302",
            made.places[0],
            f"`each` takes a list, here it gets {listed.type}",
            "use `source`",
        )
    inside = scope.inner(item, item)
    if made.fields is None:
        chain, one = _check_chain(made.chain, item, made, report)
        return replace(made, chain=chain), Shape("list", item=one, sure=True)
    fields = _check_fields(made.fields, inside, report)
    return replace(made, fields=fields), Shape("list", item=Shape("object", dict(inside.out)), sure=True)


def _pairs(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    fields = tuple(_check_field(entry, scope, report)[0] for entry in made.fields or ())
    return replace(made, fields=fields), Shape("list", sure=True)


def _pairs_from(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    _source_shapes(made, scope, report)
    return made, Shape("list", sure=True)


MAKERS: Final = {
    "source": _source,
    "value": _value,
    "fields": _object,
    "each": _each,
    "pairs": _pairs,
    "list": _pairs,
    "pairs_from": _pairs_from,
}


# --- paths against the evidence -----------------------------------------------------------------------------


def _path_shape(path: Path, pointer: Pointer, scope: Scope, report: Report) -> Shape:
    """What the path leads to; an error or a warning where the evidence does not have it."""
    if path.query:
        _warn_of_projection(path, pointer, report)
        return ANY
    start = _start(path, pointer, scope, report)
    if start is None:
        return ANY
    found = follow(start, path.steps)
    if not isinstance(found, Lost):
        return found
    _report_lost(path, found, pointer, start, report)
    return ANY


def _start(path: Path, pointer: Pointer, scope: Scope, report: Report) -> Shape | None:
    """The shape of the path's head, None where a problem was reported."""
    if path.head in ("$out", "$work"):
        return _out(path, pointer, scope, report)
    if path.head in ("$item", "$index"):
        if scope.item is None:
            report("M205", pointer, f"`{path.head}` stands outside `each`", "it is known inside `each` only")
            return None
        return scope.item if path.head == "$item" else scalar("int")
    if path.head == "$parent":
        return _parent(path, pointer, scope, report)
    fixed = {"": scope.node, "$record": scope.record, "$root": scope.root, "$vars": scope.vars,
             "$unit": UNIT_SHAPE, "$run": RUN_SHAPE}  # fmt: skip
    return fixed[path.head]


def _parent(path: Path, pointer: Pointer, scope: Scope, report: Report) -> Shape | None:
    found: Scope | None = scope
    for _ in range(path.up):
        found = found.parent if found else None
    if found is None:
        message = f"`{path.text}` leaves the record"
        report("M207", pointer, message, "`$parent` stands inside `each`, or `fields` with `source`")
    return found.node if found else None


def _out(path: Path, pointer: Pointer, scope: Scope, report: Report) -> Shape | None:
    around: Scope | None = scope
    for _ in range(path.up):
        around = around.around if around else None
    if around is None:
        report("M207", pointer, f"`{path.text}` leaves the output", "there is no object around this one")
        return None
    name = path.steps[0].text if path.steps and isinstance(path.steps[0], Name) else None
    if name is not None and name not in around.out:
        later = "is made further down" if name in around.coming else "is not a field here"
        near = suggest(name, around.out)
        above = f"`$out` holds the fields above: {', '.join(around.out) or 'none'}"
        help = f"did you mean `{near}`?" if near and name not in around.coming else above
        report("M203", pointer, f"`{name}` {later}", help, span=path.spans[0])
        return None
    return Shape("object", dict(around.out))


def _report_lost(path: Path, lost: Lost, pointer: Pointer, start: Shape, report: Report) -> None:
    shape, step = lost.shape, path.steps[lost.step]
    span = (path.spans[lost.step][0], path.spans[lost.step][1] - path.spans[lost.step][0])
    if shape.type != "object" or not isinstance(step, Name):
        inside = path.text[: path.spans[lost.step][0]].rstrip(".[")
        what = f"`{inside}`" if inside else "the record"
        report("M209", pointer, f"{what} is {a(shape.type)} here", _inside_help(shape, what), span=span)
        return
    names = list(shape.fields)
    near = suggest(step.text, names)
    level = "error" if shape.closed or near else "warning"
    where = "does not exist in the input" if level == "error" else "is in no record of the sample"
    message = f"`{path.text}` {where}" if path.head not in GIVEN else f"`{path.head}` has no `{step.text}`"
    help = f"did you mean `{_mended(path, lost.step, near)}`?" if near else _literal_help(path, step.text)
    report("M204", pointer, message, help, span=span, seen=_seen(names, start.total), level=level)


def _seen(names: Sequence[str], total: int) -> str:
    """What the evidence has where the path looks for more."""
    more = ", …" if len(names) > 12 else ""
    records = f" ({total} sample record{'s' if total != 1 else ''})" if total else ""
    return f"seen: {', '.join(names[:12]) or 'nothing'}{more}{records}"


def _mended(path: Path, step: int, near: str) -> str:
    """The path with one step replaced."""
    start, end = path.spans[step]
    return f"{path.text[:start]}{near}{path.text[end:]}"


def _inside_help(shape: Shape, what: str) -> str:
    if shape.type == "list":
        return "use `[0]` for one item, `each` for all"
    return "its members have names, not numbers" if shape.type == "object" else f"{what} has no parts"


def _literal_help(path: Path, name: str) -> str:
    if path.head == "$vars":
        return f"declare it: `vars: {{{name}: ..}}`"
    if len(path.steps) == 1 and path.head == "":
        return f"a literal is `{{value: {path.text}}}`"
    return "" if path.head in GIVEN else "see what comes in with `engine preview`"


def _warn_of_projection(path: Path, pointer: Pointer, report: Report) -> None:
    if "[*]." in path.text:
        message = f"`{path.text}` drops the items that lack what follows `[*]`"
        report("M210", pointer, message, "use `each` to keep every item", level="warning")


# --- chains, defaults, checks -------------------------------------------------------------------------------


def _check_chain(chain: Sequence[Use], shape: Shape, made: Field, report: Report) -> tuple[tuple[Use, ...], Shape]:
    checked = []
    for use in chain:
        takes = use.resolver.takes
        if shape.type != "any" and "any" not in takes and shape.type not in takes:
            _report_type(use, shape.type, report)
            return tuple(chain), ANY
        certain = shape.sure and shape.type != "any"
        checked.append(replace(use, guarded=not certain))
        shape = Shape(use.resolver.result(use.options, shape.type), sure=True)
    return tuple(checked), shape


def _report_type(use: Use, found: str, report: Report) -> None:
    takes = " or ".join(use.resolver.takes)
    report(
        "M302",
        use.pointer,
        f"`{use.resolver.name}` takes {takes}, here it gets {found}",
        conversion(use.resolver.takes, found),
    )


def conversion(takes: Sequence[str], found: str) -> str:
    """The sentence that names the resolver which would convert."""
    if found in ("list", "object"):
        return "pick one value of it, or use `each`"
    for wanted in takes:
        if wanted in (*SCALARS, "list") and wanted != found:
            name = {"list": "split", "local": "instant"}.get(wanted, wanted)
            return f"write `{name}` before it"
    return "take another resolver"


def _default(made: Field, report: Report) -> Any:
    """The default as a value of the field's type; it is not resolved again, so it must fit as it stands."""
    found = type_of(made.default)
    if made.type in ("any", found):
        return made.default
    try:
        return as_type(made.default, made.type)
    except (RecordError, OptionError):
        quoted = made.type in NUMBERS and isinstance(made.default, str) and _fits(made.default, made.type)
        help = f"write {a(made.type)}, such as {EXAMPLES[made.type]}"
        help = f'write `"{written(made.default)}"`' if made.type == "text" else help
        help = f"write `{made.default}` without quotes" if quoted else help
        report("M303", (*made.pointer, "default"), f"the default is {found}, the field is {made.type}", help)
        return made.default


def _fits(text: str, type: str) -> bool:
    """Whether a text would be a literal of the type without its quotes."""
    try:
        return type_of(read_as(text, type)) == type
    except (RecordError, OptionError, ValueError, ArithmeticError):
        return False


def as_type(literal: Any, type: str) -> Any:
    """A literal of a spec as a value of a type: numbers mix, times are read from their text."""
    if type in NUMBERS and type_of(literal) in NUMBERS and (type != "int" or isinstance(literal, int)):
        exact = plain(Decimal(str(literal)))
        return float(literal) if type == "float" else literal if type == "int" else exact
    if type in TIMES and isinstance(literal, str):
        value = TimeFormat.parse("iso8601").read(literal)
        if type_of(value) == type:
            return value
    if type_of(literal) == type:
        return literal
    raise RecordError("M303", f"`{describe(literal)}` is not {type}")


def _typed_checks(made: Field, report: Report) -> Checks:
    checks, at = made.checks, made.pointer
    if checks.pattern and made.type not in ("text", "any"):
        report("M312", (*at, "pattern"), f"`pattern` checks text, the field is {made.type}", "write `text` last in the chain, or use `one_of`")  # fmt: skip
    if (checks.min_length is not None or checks.max_length is not None) and made.type not in (
        "text",
        "list",
        "any",
    ):
        key = "min_length" if checks.min_length is not None else "max_length"
        report(
            "M312",
            (*at, key),
            f"`{key}` measures text or a list, the field is {made.type}",
            "use `min` and `max`" if made.type in (*NUMBERS, *TIMES) else "leave it out",
        )
    return replace(
        checks,
        one_of=tuple(_member(member, made, i, report) for i, member in enumerate(checks.one_of)),
        min=_bound(checks.min, "min", made, report),
        max=_bound(checks.max, "max", made, report),
    )


def written(literal: Any) -> str:
    """A literal as the text written, whatever YAML made of it."""
    return {True: "true", False: "false"}.get(literal, str(literal)) if isinstance(literal, bool) else str(literal)


def _member(member: Any, made: Field, index: int, report: Report) -> Any:
    """A member is read as the text written and compared as the type of the field."""
    try:
        return read_as(written(member), made.type)
    except (RecordError, OptionError, ValueError, ArithmeticError):
        help = f"the field is {made.type}: write members of that type, such as {EXAMPLES[made.type]}"
        report("M305", (*made.pointer, "one_of", index), f"`{written(member)}` is not {a(made.type)}", help)
        return member


def read_as(text: str, type: str) -> Any:
    """A text read as a value of a type, for members and bounds of checks."""
    if type == "bool":
        return {"true": True, "false": False}[text] if text in ("true", "false") else _refuse(text, type)
    if type in ("int", "decimal", "float"):
        number = Decimal(text) if _NUMBER.fullmatch(text) else _refuse(text, type)
        return int(number) if type == "int" and number == number.to_integral_value() else number
    if type in TIMES:
        return as_type(text, type)
    return text


def _refuse(text: str, type: str) -> Any:
    raise RecordError("M305", f"`{text}` is not {type}")


def _bound(bound: Any, key: str, made: Field, report: Report) -> Any:
    if bound is None or made.type == "any":
        return bound
    if made.type not in (*NUMBERS, *TIMES):
        report("M308", (*made.pointer, key), f"`{key}` bounds numbers and times, the field is {made.type}",
               f"use `{key}_length`" if made.type in ("text", "list") else "leave it out")  # fmt: skip
        return None
    try:
        return read_as(written(bound), made.type)
    except (RecordError, OptionError, ValueError, ArithmeticError):
        help = f"write {a(made.type)}, such as {EXAMPLES[made.type]}"
        report("M308", (*made.pointer, key), f"`{written(bound)}` is not {a(made.type)}", help)
        return None


def vars_shape(types: Mapping[str, str]) -> Shape:
    """The variables as a closed object of certain types."""
    return Shape("object", {name: scalar(type) for name, type in types.items()}, closed=True)
