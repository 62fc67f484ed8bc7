"""Paths: plain ones are compiled here, everything else goes through JMESPath after its steps are quoted.

A step is any run of characters but `. [ ] | & ! ? * < > = ( ) { } , ' " \\`` and blanks at its ends
(LANGUAGE §3). Missing is not null; a named step on a list fails the record instead of giving null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from engine.errors import OptionError, RecordError
from engine.language.frames import HEADS, Frame
from engine.records import MISSING, Digits, Value

LONGEST: Final = 4096
DEEPEST: Final = 64
SPECIAL: Final = ".[]|&!?*<>=(){},'\"`"
PUBLIC_HEADS: Final = tuple(head for head in HEADS if head not in ("", "$work"))

_STEP: Final = re.compile(r"[^.\[\]|&!?*<>=(){},'\"`]+")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL: Final = re.compile(r"`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'")
_INDEX: Final = re.compile(r"\[\s*(-?[0-9]+)\s*\]")
_HEAD: Final = re.compile(r"(\$[A-Za-z_]*)((?:\s*\.\s*\$parent\b)*)")
_SLICE_PART: Final = re.compile(r"-?[0-9]+(?=\s*[\]:])")

REFUSED: Final = {
    "to_number": "the resolver `int` or `decimal`",
    "to_string": "the resolver `text`",
    "sum": "an expression: `=sum(..)`",
    "avg": "an expression with `sum` and `count`",
    "max": "an expression: `=max(..)`",
    "min": "an expression: `=min(..)`",
    "max_by": "an expression: `=max(..)`",
    "min_by": "an expression: `=min(..)`",
}
"""JMESPath functions that convert or compare across types, and what does the same with types kept."""

FUNCTIONS: Final = (
    "abs", "ceil", "contains", "ends_with", "floor", "join", "keys", "length", "map", "merge", "not_null",
    "reverse", "sort", "sort_by", "starts_with", "to_array", "type", "values",
)  # fmt: skip


class Name(NamedTuple):
    """A named step; a bare `0` also indexes a list, a quoted one never does."""

    text: str
    position: int | None = None


class Index(NamedTuple):
    """`[n]`: an item of a list, from the end where negative."""

    number: int


Step = Name | Index


@dataclass(frozen=True)
class Path:
    """Where a value is picked. `steps` where it is plain, `query` where JMESPath evaluates it.

    `head` and `up` say where it starts (`$parent.$parent.x` is head `$parent`, up 2), `spans` where each
    step stands in `text`.
    """

    text: str
    head: str = ""
    up: int = 0
    steps: tuple[Step, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    query: str = ""

    kind = "path"
    schema = {"type": "string", "minLength": 1}  # noqa: RUF012 - read-only; an option type states its schema

    @classmethod
    def parse(cls, value: Any) -> Path:
        """The path that a text says; OptionError M201 to M203 where it says none."""
        text = str(value)
        if len(text) > LONGEST:
            raise OptionError("M201", f"the path is {len(text):,} characters long", f"at most {LONGEST:,}")
        if text.startswith("="):
            raise OptionError(
                "M208", "an expression stands where this version reads a path", "use a path and resolvers"
            )
        plain = _plain(text)
        return plain if plain is not None else cls(text, query=_translate(text))

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
            match = _QUOTED.match(text, at) or _STEP.match(text, at)
            if not match or not match[0].strip():
                return None
            steps.append(_step(match[0]))
        spans.append(match.span())
        at = match.end()
    return _headed(text, steps, spans) if steps else None


def _step(text: str) -> Name:
    if text.startswith('"'):
        return Name(_unquoted(text))
    bare = text.strip()
    return Name(bare, int(bare) if bare.isascii() and bare.isdigit() else None)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise OptionError(
            "M201", f"{text} is not a quoted step", 'inside quotes, write `\\"` and `\\\\`'
        ) from error


def _headed(text: str, steps: list[Step], spans: list[tuple[int, int]]) -> Path:
    """Take the head and the `$parent` steps behind it off the front."""
    first = steps[0]
    if (
        isinstance(first, Index)
        or text.startswith('"')
        or not (first.text == "@" or first.text.startswith("$"))
    ):
        return Path(text, "", 0, tuple(steps), tuple(spans))
    head = "" if first.text == "@" else _known_head(first.text, spans[0])
    used = 1
    while head in ("$parent", "$out") and used < len(steps) and steps[used] == Name("$parent"):
        used += 1
    up = used if head == "$parent" else used - 1
    rest = steps[used:]
    if head == "$out" and rest and isinstance(rest[0], Name) and _is_working(text, rest[0], spans[used]):
        head = "$work"
    return Path(text, head, up, tuple(rest), tuple(spans[used:]))


def _is_working(text: str, step: Name, span: tuple[int, int]) -> bool:
    """A bare `_x` is a working field; a quoted `"_x"` is a field like any other."""
    return step.text.startswith("_") and text[span[0]] != '"'


def _known_head(text: str, span: tuple[int, int]) -> str:
    if text not in PUBLIC_HEADS:
        known = ", ".join(f"`{head}`" for head in PUBLIC_HEADS)
        raise OptionError(
            "M202", f"`{text}` is not a head", f"a path may start at {known}", (span[0], len(text))
        )
    return text


# --- JMESPath ---------------------------------------------------------------------------------------------


def _translate(text: str) -> str:
    """The JMESPath expression: bare steps quoted, heads and numeric steps made into calls of ours."""
    if text.count("[") + text.count("(") + text.count("{") > DEEPEST:
        raise OptionError("M201", f"the path nests more than {DEEPEST} brackets", "make it in two fields")
    made: list[str] = []
    at = 0
    while at < len(text):
        token, end = _token(text, at)
        made.append(token)
        at = end
    query = "".join(made)
    _compiled(query, text)
    return query


def _token(text: str, at: int) -> tuple[str, int]:
    """The next token of the path as JMESPath writes it, and where it ends."""
    if match := _LITERAL.match(text, at) or _QUOTED.match(text, at):
        return match[0], match.end()
    if text[at - 1 : at] in ("[", ":") and (match := _SLICE_PART.match(text, at)):
        return match[0], match.end()
    if text[at] in SPECIAL or text[at].isspace() or text[at] == ":":
        return text[at], at + 1
    if text[at] == "$":
        return _head_call(text, at)
    match = _STEP.match(text, at)
    if not match:  # an unfinished quote: JMESPath says so
        return text[at:], len(text)
    return _bare(text, match[0], at), match.end()


def _head_call(text: str, at: int) -> tuple[str, int]:
    match = _HEAD.match(text, at)
    head = _known_head(match[1] if match else "$", (at, at + 1))
    if text[:at].rstrip().endswith("."):
        raise OptionError("M202", f"`{head}` stands inside a path", "a head starts a path", (at, len(head)))
    assert match  # noqa: S101 - `$` alone was refused above
    up = match[2].count("$parent") + (head == "$parent")
    return f"head('{head}', `{up}`)", match.end()


def _bare(text: str, run: str, at: int) -> str:
    bare = run.strip()
    if text[at + len(run) : at + len(run) + 1] == "(":
        return _function(bare, at)
    if bare == "@":
        return "@"
    if bare.isascii() and bare.isdigit():
        return f"step(@, '{bare}')"
    return json.dumps(bare)


def _function(name: str, at: int) -> str:
    span = (at, len(name))
    if name in REFUSED:
        raise OptionError("M206", f"`{name}` converts types unseen", f"use {REFUSED[name]}", span)
    if name not in FUNCTIONS:
        raise OptionError(
            "M206", f"`{name}` is not a function of paths", f"known: {', '.join(FUNCTIONS)}", span
        )
    return name


def _compiled(query: str, text: str) -> Any:
    import jmespath  # 20 ms; only where a path needs it
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(query)
    except (JMESPathError, RecursionError, ValueError) as error:
        reason = str(error).split("\n", 1)[0].rstrip(":")
        raise OptionError("M201", f"`{text}` is not a path: {reason}", "see `engine explain M201`") from error


def _functions() -> Any:
    """Our functions inside JMESPath: heads and numeric steps; decimals are numbers there too."""
    from jmespath import functions

    class Functions(functions.Functions):  # type: ignore[misc]
        frame: Frame

        @functions.signature({"types": ["string"]}, {"types": ["number"]})
        def _func_head(self, name: str, up: int) -> Value:
            value = HEADS[name](up)(self.frame)
            if name == "$out":
                value = {**HEADS["$work"](up)(self.frame), **value}
            return None if value is MISSING else value

        @functions.signature({"types": []}, {"types": ["string"]})
        def _func_step(self, node: Value, name: str) -> Value:
            value = take(node, Name(name, int(name)))
            return None if value is MISSING else value

        def _convert_to_jmespath_type(self, pyobject: str) -> str:
            return (
                "number" if pyobject in ("Decimal", "Digits") else super()._convert_to_jmespath_type(pyobject)
            )  # type: ignore[misc]

    return Functions()


def _query_getter(path: Path) -> Callable[[Frame], Value]:
    import jmespath

    expression = _compiled(path.query, path.text)
    _exact_literals(expression.parsed)
    functions = _functions()
    options = jmespath.Options(custom_functions=functions)

    def get(frame: Frame) -> Value:
        functions.frame = frame
        try:
            value = expression.search(frame.node, options=options)
        except RecordError:
            raise
        except Exception as error:  # the library raises plain TypeError, RecursionError and its own kinds
            reason = str(error).split("\n", 1)[0] or type(error).__name__
            raise RecordError("R206", f"`{path.text}` failed: {reason}") from error
        return MISSING if value is None else value

    return get


def _exact_literals(node: dict[str, Any]) -> None:
    """`0.1` in a path is the decimal 0.1: the library reads it as a float."""
    if node["type"] == "literal" and isinstance(node["value"], float):
        node["value"] = Digits(repr(node["value"]))
    for child in node["children"]:
        _exact_literals(child)


# --- getting ----------------------------------------------------------------------------------------------


def take(value: Value, step: Step) -> Value:
    """One step into a value: missing where there is nothing, a failure for a name on a list."""
    if isinstance(step, Index):
        return _item(value, step.number)
    if isinstance(value, dict):
        return value.get(step.text, MISSING)
    if isinstance(value, list):
        if step.position is not None:
            return _item(value, step.position)
        raise RecordError("R205", f"`{step.text}` is asked of a list of {len(value)}: use `[0]` or `each`")
    return MISSING


def _item(value: Value, number: int) -> Value:
    if isinstance(value, list) and -len(value) <= number < len(value):
        return value[number]
    return MISSING


def getter(path: Path) -> Callable[[Frame], Value]:
    """The function that picks the path's value from a frame; compiled once, called for every record."""
    if path.query:
        return _query_getter(path)
    if path.head == "$unit" and path.steps == (Name("record"),):
        return lambda frame: frame.number
    start = HEADS[path.head](path.up)
    if not path.steps:
        return start
    if path.head == "" and len(path.steps) == 1 and isinstance(path.steps[0], Name):
        return _first(path.steps[0])
    return _walk(start, path.steps)


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
            if type(value) is dict and type(step) is Name:
                value = value.get(step.text, MISSING)
            else:
                value = take(value, step)
        return value

    return get
