r"""Where a value is picked: dotted steps and indexes, with heads; anything more is evaluated by JMESPath.

`order.lines[0].sku` takes one step after the other. A step is any run of characters but
`. [ ] | & ! ? * < > = ( ) { } , ' " \``, without the blanks at its ends: `first-name`, `cbc:ID`, `unit price`,
`@id`. A numeric step indexes a list (`lines.0`) and names a key of an object; `[-1]` counts from the end; a step in
double quotes (`a."b.c"`) holds any character and never indexes. `@` alone is the value that the path starts at.

A step into what is not there, into null, text or a number is missing, which is not null. A named step on a list
rejects the record: JMESPath would say null, in silence. JMESPath gives its own results on what it accepts, with
these differences: null is missing; a number and a text compared do not match; functions that convert types are
refused with what to use instead; inside `{key: path}` a colon ends the key.

A path, or a sub-expression in it, may start at a head:

| head | value |
|---|---|
| (none) | the record; inside `each` the item, inside `fields` with `source` that value |
| `$record`, `$root` | the record that enters this map; the record as parsed |
| `$parent` | the value one `each`, or one `fields` with `source`, further out; `$parent.$parent` goes on |
| `$item`, `$index` | inside `each`: the item, and its number from 0 in the input |
| `$out` | a field made above in the same object; `$out.$parent` is the object around it |
| `$vars` | variables |
| `$run` | `id`, `started_at` (of the first attempt at the unit), `pipeline` |
| `$unit` | `id name stem ext dir path size mtime date source`, and `record`: the record's number from 1 |
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.errors import OptionError
from engine.language.frames import CARRIED, HEADS, Frame
from engine.language.picking import PUBLIC_HEADS, QUOTED, STEP, Index, Name, Step, inner_head, known_head, take
from engine.language.queries import query_getter, translate
from engine.records import MISSING, Value

LONGEST: Final = 4096

_INDEX: Final = re.compile(r"\[\s*(-?[0-9]+)\s*\]")


@dataclass(frozen=True)
class Path:
    """Where a value is picked. `steps` where it is plain, `query` where JMESPath evaluates it.

    `head` and `up` say where it starts (`$parent.$parent.x` is head `$parent`, up 2), `spans` where each
    step stands in `text`. `heads` are those inside a query, each with the name behind it, at `place` in the text.
    """

    text: str
    head: str = ""
    up: int = 0
    steps: tuple[Step, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    query: str = ""
    heads: tuple[Path, ...] = ()
    place: tuple[int, int] | None = None

    kind = "path"
    schema = {"type": "string", "minLength": 1}  # noqa: RUF012 - read-only; an option type states its schema

    @classmethod
    def parse(cls, value: Any) -> Path:
        """The path that a text says; OptionError M201 to M203 where it says none."""
        text = str(value)
        if len(text) > LONGEST:
            raise OptionError("M201", f"the path is {len(text):,} characters long", f"at most {LONGEST:,} are read")
        if text.startswith("="):
            raise OptionError(
                "M208",
                "an expression stands where only a path is read",
                "write a path; make the value in a field before",
            )
        plain = _plain(text)
        if plain is not None:
            return plain
        query, heads = translate(text)
        return cls(text, query=query, heads=tuple(_inner(text, start, end) for start, end in heads))

    @property
    def starts(self) -> tuple[Path, ...]:
        """Every head that it reads: its own, or those inside a query."""
        return self.heads if self.query else (self,)

    @property
    def reads_made(self) -> bool:
        """Whether it reads fields made above."""
        return any(each.head in ("$out", "$work") for each in self.starts)

    @property
    def out_name(self) -> str:
        """The field made above that it reads (`$out.<name>`), empty where it reads none."""
        first = self.steps[0] if self.steps and self.head in ("$out", "$work") and self.up == 0 else None
        return first.text if isinstance(first, Name) else ""


def _plain(text: str) -> Path | None:
    """The path as steps, None where it is more than dotted steps and indexes."""
    steps: list[Step] = []
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(text):
        if match := _INDEX.match(text, at) if at else None:
            steps.append(Index(int(match[1])))
        elif steps and text[at] != ".":
            return None
        else:
            at += bool(steps)
            match = QUOTED.match(text, at) or STEP.match(text, at)
            if not match or not match[0].strip():
                return None
            steps.append(_step(match[0]))
        spans.append(match.span())
        at = match.end()
    return _headed(text, steps, spans) if steps else None


def _inner(text: str, start: int, end: int) -> Path:
    """A head inside a query and the name behind it, as a path whose places are those of the whole text."""
    part = _plain(text[start:end])
    assert part  # noqa: S101 - translated, so both are known to be there
    spans = tuple((start + first, start + last) for first, last in part.spans)
    return replace(part, text=text, spans=spans, place=(start, end - start))


def _step(text: str) -> Name:
    if text.startswith('"'):
        return Name(_unquoted(text), quoted=True)
    bare = text.strip()
    return Name(bare, int(bare) if bare.isascii() and bare.isdigit() else None)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise OptionError("M201", f"{text} is not a quoted step", 'inside quotes, write `\\"` and `\\\\`') from error


def _headed(text: str, steps: list[Step], spans: list[tuple[int, int]]) -> Path:
    """Take the head and the `$parent` steps behind it off the front."""
    first = steps[0]
    if isinstance(first, Index) or text.startswith('"') or not (first.text == "@" or first.text.startswith("$")):
        _refuse_inner_heads(text, steps, spans)
        return Path(text, "", 0, tuple(steps), tuple(spans))
    head = "" if first.text == "@" else known_head(first.text, spans[0])
    _refuse_inner_heads(text, steps, spans, head)
    used = 1
    while head in ("$parent", "$out") and used < len(steps) and steps[used] == Name("$parent"):
        used += 1
    up = used if head == "$parent" else used - 1
    rest = steps[used:]
    if head == "$out" and rest and isinstance(rest[0], Name) and _is_working(text, rest[0], spans[used]):
        head = "$work"
    return Path(text, head, up, tuple(rest), tuple(spans[used:]))


def _refuse_inner_heads(text: str, steps: list[Step], spans: list[tuple[int, int]], head: str = "") -> None:
    """A head behind another step is no step; only `$parent` goes on from `$parent` and `$out`."""
    for step, (start, end) in zip(steps[1:], spans[1:], strict=True):
        bare = isinstance(step, Name) and step.text in PUBLIC_HEADS and text[start] != '"'
        if bare and not (head in ("$parent", "$out") and step == Name("$parent")):
            raise inner_head(text[start:end].strip(), start)


def _is_working(text: str, step: Name, span: tuple[int, int]) -> bool:
    """A bare `_x` is a working field; a quoted `"_x"` is a field like any other."""
    return step.text.startswith("_") and text[span[0]] != '"'


def getter(path: Path) -> Callable[[Frame], Value]:
    """The function that picks the path's value from a frame; compiled once, called for every record."""
    if path.query:
        return query_getter(path.query, path.text)
    if path.head == "$unit" and path.steps == (Name("record"),):
        return lambda frame: frame.number
    start = HEADS[path.head](path.up)
    if not path.steps:
        return start
    name = only_name(path)
    plain = _first(name) if name else _walk(start, path.steps)
    return _carried(path, plain) if working_name(path) else plain


def working_name(path: Path) -> str:
    """The working field of a step before that a path may read: `_x` of a record; empty where it reads none."""
    first = path.steps[0] if path.steps and path.head in ("", "$record", "$parent") else None
    return first.text if isinstance(first, Name) and first.may_work else ""


def _carried(path: Path, plain: Callable[[Frame], Value]) -> Callable[[Frame], Value]:
    """A working field where steps before made one, whatever the record has under its name; else what it has."""
    name, rest, carried = working_name(path), path.steps[1:], CARRIED[path.head](path.up)

    def get(frame: Frame) -> Value:
        value = carried(frame).get(name, MISSING)
        if value is MISSING:
            return plain(frame)
        for step in rest:
            value = take(value, step)
        return value

    return get


def only_name(path: Path) -> Name | None:
    """The step of a path that is one name of the record itself; None for any other."""
    alone = path.steps[0] if path.head == "" and len(path.steps) == 1 else None
    return alone if isinstance(alone, Name) else None


def _first(step: Name) -> Callable[[Frame], Value]:
    """The common case: one name of the record itself."""
    name = step.text

    def get(frame: Frame) -> Value:
        node = frame.node
        return node.get(name, MISSING) if type(node) is dict else take(node, step)

    return get


def _walk(start: Callable[[Frame], Value], steps: tuple[Step, ...]) -> Callable[[Frame], Value]:
    def get(frame: Frame) -> Value:
        value = start(frame)
        for step in steps:
            if type(value) is dict and type(step) is Name:  # noqa: SIM108 - the common case, without a call
                value = value.get(step.text, MISSING)
            else:
                value = take(value, step)
        return value

    return get
