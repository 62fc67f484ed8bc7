r"""Paths: plain ones are compiled here, everything else goes through JMESPath after its steps are quoted.

A step is any run of characters but `. [ ] | & ! ? * < > = ( ) { } , ' " \`` and blanks at its ends
(LANGUAGE §3). Missing is not null; a named step on a list fails the record instead of giving null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from engine.errors import OptionError, RecordError
from engine.language.frames import HEADS, Frame
from engine.records import MISSING, Digits, Value
from engine.registry import resolvers
from engine.spelling import akin, describe, listed, suggest

LONGEST: Final = 4096
DEEPEST: Final = 64
SPECIAL: Final = ".[]|&!?*<>=(){},'\"`"
PUBLIC_HEADS: Final = tuple(head for head in HEADS if head not in ("", "$work"))

_STEP: Final = re.compile(r"[^.\[\]|&!?*<>=(){},'\"`]+")
_KEY: Final = re.compile(r"[^.\[\]|&!?*<>=(){},'\"`:]+")
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
            raise OptionError("M201", f"the path is {len(text):,} characters long", f"at most {LONGEST:,} are read")
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
        raise OptionError("M201", f"{text} is not a quoted step", 'inside quotes, write `\\"` and `\\\\`') from error


def _headed(text: str, steps: list[Step], spans: list[tuple[int, int]]) -> Path:
    """Take the head and the `$parent` steps behind it off the front."""
    first = steps[0]
    if isinstance(first, Index) or text.startswith('"') or not (first.text == "@" or first.text.startswith("$")):
        _refuse_inner_heads(text, steps, spans)
        return Path(text, "", 0, tuple(steps), tuple(spans))
    head = "" if first.text == "@" else _known_head(first.text, spans[0])
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
            raise _inner_head(text[start:end].strip(), start)


def _inner_head(head: str, at: int) -> OptionError:
    return OptionError("M202", f"`{head}` stands inside a path", "a head starts a path", (at, len(head)))


def _is_working(text: str, step: Name, span: tuple[int, int]) -> bool:
    """A bare `_x` is a working field; a quoted `"_x"` is a field like any other."""
    return step.text.startswith("_") and text[span[0]] != '"'


def _known_head(text: str, span: tuple[int, int]) -> str:
    if text not in PUBLIC_HEADS:
        near = suggest(text, PUBLIC_HEADS)
        help = f"did you mean `{near}`?" if near else f"a path may start at {listed(PUBLIC_HEADS)}"
        raise OptionError("M202", f"`{text}` is not a head", help, (span[0], len(text)))
    return text


# --- JMESPath ---------------------------------------------------------------------------------------------


def _translate(text: str) -> str:
    """The JMESPath expression: bare steps quoted, heads and numeric steps made into calls of ours."""
    if text.count("[") + text.count("(") + text.count("{") > DEEPEST:
        raise OptionError("M201", f"the path nests more than {DEEPEST} brackets", "make it in two fields")
    made: list[str] = []
    places: list[tuple[int, int]] = []  # where each token stands in the query, and in the text
    at = length = 0
    while at < len(text):
        token, end = _token(text, at, _KEY if _wants_key(made) else _STEP)
        places.append((length, at))
        made.append(token)
        at, length = end, length + len(token)
    _refuse_open_brackets(text, places)
    query = "".join(made)
    _check_query(query, text, places)
    return query


def _refuse_open_brackets(text: str, places: list[tuple[int, int]]) -> None:
    """A bracket that is never closed, or closes nothing, at its own place: the library speaks of another."""
    open_: list[int] = []
    for _, at in places:
        if text[at] in "[({":
            open_.append(at)
        elif text[at] in "])}" and (not open_ or text[open_.pop()] + text[at] not in ("[]", "()", "{}")):
            raise _no_path(text, f"`{text[at]}` closes nothing", (at, 1))
    if open_:
        raise _no_path(text, f"`{text[open_[-1]]}` is never closed", (open_[-1], 1))


def _no_path(text: str, reason: str, span: tuple[int, int]) -> OptionError:
    help = 'as in `order.lines[0].sku`; a step that holds other signs stands in quotes: `"a.b"`'
    return OptionError("M201", f"`{describe(text)}` is not a path: {reason}", help, span)


def _check_query(query: str, text: str, places: list[tuple[int, int]]) -> None:
    """See that the query compiles; where the library stops is said as a place in the user's text."""
    from jmespath.exceptions import JMESPathError

    try:
        _compiled(query, text)
    except OptionError as error:
        cause = error.__cause__
        found = getattr(cause, "lex_position", None) if isinstance(cause, JMESPathError) else None
        if found is None:
            raise
        at = next((start for made, start in reversed(places) if made <= found), 0)
        if found >= len(query):
            raise _no_path(text, "it ends too early", (len(text) - 1, 1)) from error
        raise _no_path(text, f"`{text[at]}` cannot stand here", (at, 1)) from error


def _wants_key(made: Sequence[str]) -> bool:
    """Whether the next token is a key of `{key: path}`: a colon ends it, elsewhere it is part of a step."""
    said = [sign for sign in made if sign.strip()]
    if not said or said[-1] not in ("{", ","):
        return False
    level = 0
    for sign in reversed(said):
        if sign in ("{", "[", "(") and level == 0:
            return sign == "{"
        level += (sign in ("}", "]", ")")) - (sign in ("{", "[", "("))
    return False


def _token(text: str, at: int, bare: re.Pattern[str]) -> tuple[str, int]:
    """The next token of the path as JMESPath writes it, and where it ends."""
    if match := _LITERAL.match(text, at) or _QUOTED.match(text, at):
        return match[0], match.end()
    if text[at] in "\"'`":
        raise _no_path(text, "the quote is never closed", (at, 1))
    if text[at - 1 : at] in ("[", ":") and (match := _SLICE_PART.match(text, at)):
        return match[0], match.end()
    if text[at] in SPECIAL or text[at].isspace() or text[at] == ":":
        return text[at], at + 1
    if text[at] == "$":
        return _head_call(text, at)
    match = bare.match(text, at)
    assert match  # noqa: S101 - every other sign was taken above
    return _bare(text, match[0], at), match.end()


def _head_call(text: str, at: int) -> tuple[str, int]:
    match = _HEAD.match(text, at)
    head = _known_head(match[1] if match else "$", (at, at + 1))
    if text[:at].rstrip().endswith("."):
        raise _inner_head(head, at)
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
        raise OptionError("M206", f"`{name}` is not a function of paths", _function_help(name), span)
    return name


def _function_help(name: str) -> str:
    if near := suggest(name, FUNCTIONS):
        return f"did you mean `{near}`?"
    near = name if name in resolvers() else suggest(name, resolvers()) or akin(name, resolvers())
    known = f"known: {', '.join(FUNCTIONS)}"
    return f"`{near}` is a resolver: `{{source: .., resolver: {near}}}`" if near else known


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

    class Functions(functions.Functions):
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
            exact = pyobject in ("Decimal", "Digits")
            return "number" if exact else super()._convert_to_jmespath_type(pyobject)  # type: ignore[misc]

    return Functions()


def _interpreter(options: Any) -> Any:
    """JMESPath's own interpreter; only a number and a text compared do not match, where it would raise."""
    from jmespath.visitor import TreeInterpreter

    class Interpreter(TreeInterpreter):
        def visit_comparator(self, node: Any, value: Any) -> Any:
            try:
                return super().visit_comparator(node, value)
            except TypeError:
                return None

    return Interpreter(options)


def _query_getter(path: Path) -> Callable[[Frame], Value]:
    import jmespath

    expression = _compiled(path.query, path.text)
    _exact_literals(expression.parsed)
    functions = _functions()
    interpreter = _interpreter(jmespath.Options(custom_functions=functions))

    def get(frame: Frame) -> Value:
        functions.frame = frame
        try:
            value = interpreter.visit(expression.parsed, frame.node)
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
        if isinstance(child, dict):  # the parts of a slice are numbers
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
    name = only_name(path)
    return _first(name) if name else _walk(start, path.steps)


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
            if type(value) is dict and type(step) is Name:
                value = value.get(step.text, MISSING)
            else:
                value = take(value, step)
        return value

    return get
