"""Paths against the evidence: where a path may start, what it leads to, and what is said where it leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from engine.language.frames import RUN_KEYS, UNIT_KEYS
from engine.language.paths import Path
from engine.language.picking import Name
from engine.language.shapes import ANY, Lost, Shape, follow, of_values, scalar
from engine.language.tables import STRICT, Policy
from engine.options import Pointer, Report
from engine.records import Value
from engine.spelling import a, akin, suggest

UNIT_SHAPE: Final = Shape(
    "object",
    {**dict.fromkeys(UNIT_KEYS, scalar("text")), "size": scalar("int"), "record": scalar("int"),
     "mtime": scalar("instant"), "date": scalar("date")},
    closed=True,
)  # fmt: skip
RUN_SHAPE: Final = Shape(
    "object", {**dict.fromkeys(RUN_KEYS, scalar("text")), "started_at": scalar("instant")}, closed=True
)

_COMPUTES: Final = re.compile(r"[\w.$\[\]]+(?: [-+/%] [\w.$\[\]]+)+")
"""A path that is plain to us, and reads like an expression without its `=`."""

GIVEN: Final = ("$unit", "$run", "$vars")
"""The heads whose members the engine and the spec name, not the input."""


@dataclass
class Known:
    """What `check` knows of a lookup: what its records look like, the types of its keys, and whether one is used."""

    keys: Sequence[Shape]
    found: Shape
    index: Sequence[str] = ("the keys of `values`",)
    policy: Policy = STRICT
    asks: bool = False
    used: bool = False

    @classmethod
    def of_values(cls, values: Mapping[str, Value], policy: Policy = STRICT) -> Known:
        """A table whose values are written in the spec: all are known, their keys are read as any type."""
        return cls([ANY], of_values(list(values.values())), policy=policy)


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
    lookups: Mapping[str, Known] = field(default_factory=dict)

    def inner(self, node: Shape, item: Shape | None = None) -> Scope:
        """Inside an object with a source, or an item."""
        return replace(self.beside(), node=node, parent=self, item=item or self.item)

    def beside(self) -> Scope:
        """Inside an object without a source."""
        return replace(self, around=self, out={}, coming=frozenset())

    def entering(self, record: Shape, parent: Scope | None) -> Scope:
        """In the next step: its record, which working fields go on with, and what is around that."""
        record = record.carrying(self.record) if self.record else record
        return replace(self, node=record, record=record, parent=parent, around=None, item=None, out={},
                       coming=frozenset())  # fmt: skip


def path_shape(path: Path, pointer: Pointer, scope: Scope, report: Report) -> Shape:
    """What the path leads to; an error or a warning where the evidence does not have it."""
    if path.query:
        _warn_of_projection(path, pointer, report)
        for head in path.heads:
            _check_head(head, pointer, scope, report)
        return ANY
    start = _start(path, pointer, scope, report)
    if start is None:
        return ANY
    found = follow(start, path.steps)
    if not isinstance(found, Lost):
        return found
    if not found.shape.unseen:
        _report_lost(path, found, pointer, start, scope, report)
    return (found.shape.rest or ANY) if found.shape.unseen and found.step + 1 == len(path.steps) else ANY


def _check_head(head: Path, pointer: Pointer, scope: Scope, report: Report) -> None:
    """A head inside a query; of names, those that the engine and the spec give: a query may do without the others."""
    start = _start(head, pointer, scope, report)
    if start and head.head in GIVEN and isinstance(lost := follow(start, head.steps), Lost):
        _report_lost(head, lost, pointer, start, scope, report)


def _start(path: Path, pointer: Pointer, scope: Scope, report: Report) -> Shape | None:
    """The shape of the path's head, None where a problem was reported."""
    if path.head in ("$out", "$work"):
        return _out(path, pointer, scope, report)
    if path.head in ("$item", "$index"):
        if scope.item is None:
            message = f"`{path.head}` stands outside `each`"
            report("M205", pointer, message, _number_help(path, scope), span=path.place)
            return None
        return scope.item if path.head == "$item" else scalar("int")
    if path.head == "$parent":
        return _parent(path, pointer, scope, report)
    fixed = {"": scope.node, "$record": scope.record, "$root": scope.root, "$vars": scope.vars,
             "$unit": UNIT_SHAPE, "$run": RUN_SHAPE}  # fmt: skip
    return fixed[path.head]


def _number_help(path: Path, scope: Scope) -> str:
    """Where `$index` or `$item` is known; behind `explode` the number has to be in the item already."""
    exploded = scope.parent is not None and scope.parent.record is not scope.record
    known = "it is known inside `each` only"
    made = ": make it before `explode`, in a field of that `each`, as `line: =$index + 1`"
    return known + made if exploded and path.head == "$index" else known


def _parent(path: Path, pointer: Pointer, scope: Scope, report: Report) -> Shape | None:
    found: Scope | None = scope
    for _ in range(path.up):
        found = found.parent if found else None
    if found is None:
        message = f"`{path.text}` leaves the record"
        help = "`$parent` stands inside `each`, `fields` with `source`, and behind `explode`"
        report("M207", pointer, message, help, span=path.place)
    return found.node if found else None


def _out(path: Path, pointer: Pointer, scope: Scope, report: Report) -> Shape | None:
    around: Scope | None = scope
    for _ in range(path.up):
        around = around.around if around else None
    if around is None:
        message = f"`{path.text}` leaves the output"
        report("M207", pointer, message, "there is no object around this one", span=path.place)
        return None
    name = path.steps[0].text if path.steps and isinstance(path.steps[0], Name) else None
    if name is not None and name not in around.out:
        later = "is made further down" if name in around.coming else "is not a field here"
        near = suggest(name, around.out)
        above = f"`$out` holds the fields above: {', '.join(around.out) or 'none'}"
        help = f"did you mean `{near}`?" if near and name not in around.coming else above
        start, end = path.spans[0]
        report("M203", pointer, f"`{name}` {later}", help, span=(start, end - start))
        return None
    return Shape("object", dict(around.out))


def _report_lost(path: Path, lost: Lost, pointer: Pointer, start: Shape, scope: Scope, report: Report) -> None:
    shape, step = lost.shape, path.steps[lost.step]
    span = (path.spans[lost.step][0], path.spans[lost.step][1] - path.spans[lost.step][0])
    if not isinstance(step, Name) or (shape.type != "object" and not shape.fields):
        inside = path.text[: path.spans[lost.step][0]].rstrip(".[")
        what = f"`{inside}`" if inside else "the record"
        report("M209", pointer, f"{what} is {a(shape.type)} here", _inside_help(shape, what), span=span)
        return
    names = list(shape.fields)
    near = suggest(step.text, names)
    near = near or (akin(step.text, names) if shape.closed and not _COMPUTES.fullmatch(path.text) else "")
    level = "error" if shape.closed or near else "warning"
    made = shape.closed and scope.record is not scope.root and path.head != "$root"
    where = "does not come out of the step before" if made else "does not exist in the input"
    where = where if level == "error" else "is in no record of the sample"
    message = f"`{path.text}` {where}" if path.head not in GIVEN else f"`{path.head}` has no `{step.text}`"
    other = _elsewhere(step.text, shape, scope) if path.head == "" and lost.step == 0 else ""
    near_help = f"did you mean `{_mended(path, 0, other) if other else _mended(path, lost.step, near)}`?"
    help = near_help if near or other else _literal_help(path, step.text)
    if made and not near and not other and scope.root and step.text in scope.root.fields:
        help = f"make it there too, or write `$root.{step.text}`"
    report("M204", pointer, message, help, span=span, seen=_seen(names, start.total), level=level)


def _elsewhere(name: str, here: Shape, scope: Scope) -> str:
    """The path to what has this very name: an object that is here, or a record around."""
    inside = [each for each, shape in here.fields.items() if shape.type == "object" and name in shape.fields]
    if inside:
        return f"{inside[0]}.{name}" if len(inside) == 1 else ""
    around, head = scope.parent, "$parent"
    while around and name not in around.node.fields:
        around, head = around.parent, f"{head}.$parent"
    return f"{head}.{name}" if around else ""


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
    if _COMPUTES.fullmatch(path.text):
        return f"an expression begins with `=`: write `={path.text}`"
    if len(path.steps) == 1 and path.head == "":
        return f"a literal is `{{value: {path.text}}}`"
    return "" if path.head in GIVEN else "see what comes in with `engine preview`"


def _warn_of_projection(path: Path, pointer: Pointer, report: Report) -> None:
    if "[*]." in path.text:
        message = f"`{path.text}` drops the items that lack what follows `[*]`"
        report("M210", pointer, message, "use `each` to keep every item", level="warning")


def vars_shape(types: Mapping[str, str]) -> Shape:
    """The variables as a closed object of certain types."""
    return Shape("object", {name: scalar(type) for name, type in types.items()}, closed=True)
