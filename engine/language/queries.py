"""Paths that JMESPath evaluates: our relaxations written out for it, our heads and numbers put into it.

The library's own results stand on what it accepts, but for functions that convert types, which are refused with
what to use instead, and null, which is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from engine.errors import OptionError, RecordError
from engine.language.bounds import MOST_VALUES, bounded, too_many
from engine.language.frames import HEADS, Frame, with_work
from engine.language.patterns import joined
from engine.language.picking import QUOTED, STEP, TEXT, Name, inner_head, known_head, take
from engine.records import MISSING, Digits, Value, bare
from engine.registry import resolvers
from engine.spelling import akin, describe, suggest

DEEPEST: Final = 64
PATH: Final = "the path"

SPECIAL: Final = ".[]|&!?*<>=(){},'\"`"

_KEY: Final = re.compile(r"[^.\[\]|&!?*<>=(){},'\"`:]+")
_LITERAL: Final = re.compile(r"`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'")
_HEAD: Final = re.compile(r"(\$[A-Za-z_]*)((?:\s*\.\s*\$parent\b)*)")
_NAME_BEHIND: Final = re.compile(rf"\s*\.\s*(?=\S)(?:{QUOTED.pattern}|{STEP.pattern})")
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


def translate(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The JMESPath expression: bare steps quoted, heads and numeric steps made into calls of ours.

    Beside it, where each head stands in the text, with the name behind it.
    """
    if text.count("[") + text.count("(") + text.count("{") > DEEPEST:
        raise OptionError("M201", f"the path nests more than {DEEPEST} brackets", "make it in two fields")
    made: list[str] = []
    places: list[tuple[int, int]] = []  # where each token stands in the query, and in the text
    heads: list[tuple[int, int]] = []
    at = length = 0
    while at < len(text):
        token, end = _token(text, at, _KEY if _wants_key(made) else STEP)
        places.append((length, at))
        made.append(token)
        if text[at] == "$":
            heads.append((at, _behind(text, end)))
        at, length = end, length + len(token)
    _refuse_open_brackets(text, places)
    _refuse_numbers(text, made, places)
    query = "".join(made)
    _check_query(query, text, places)
    return query, heads


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


def _refuse_numbers(text: str, made: Sequence[str], places: Sequence[tuple[int, int]]) -> None:
    """A bare number beside a comparison is a step to us and nothing to JMESPath: a number was meant."""
    said = [(token, at) for token, (_, at) in zip(made, places, strict=True) if token.strip()]
    sides = zip([("", 0), *said], said, [*said[1:], ("", 0)], strict=False)
    for (before, _), (token, at), (after, _) in sides:
        compared = before in ("=", "<", ">") or (before != "." and after in ("=", "<", ">", "!"))
        if token.startswith("step(") and compared:
            number = STEP.match(text, at)[0].strip()  # type: ignore[index]
            help = f"a number stands between backquotes: `{number}`"
            message = f"`{describe(text)}` is not a path: `{number}` is a step here"
            raise OptionError("M201", message, help, (at, len(number)))


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
    if match := _LITERAL.match(text, at) or QUOTED.match(text, at):
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
    head = known_head(match[1] if match else "$", (at, at + 1))
    if text[:at].rstrip().endswith("."):
        raise inner_head(head, at)
    assert match  # noqa: S101 - `$` alone was refused above
    if match[2] and head not in ("$parent", "$out"):
        raise inner_head("$parent", text.index("$parent", at))
    up = match[2].count("$parent") + (head == "$parent")
    return f"head('{head}', `{up}`)", match.end()


def _behind(text: str, end: int) -> int:
    """Where a head ends, with the name behind it; what is called there is a function."""
    match = _NAME_BEHIND.match(text, end)
    if not match or text[match.end() : match.end() + 1] == "(":
        return end
    return end + len(match[0].rstrip())


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
    from jmespath.exceptions import JMESPathTypeError

    class Functions(functions.Functions):
        frame: Frame

        @functions.signature({"types": ["string"]}, {"types": ["array-string"]})
        def _func_join(self, separator: str, array: list[str]) -> str:
            return joined(separator, array)

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

        def call_function(self, name: str, arguments: Iterable[Value]) -> Value:
            """An element of XML is its text where a function takes only that."""
            try:
                return super().call_function(name, arguments)
            except JMESPathTypeError:
                texts = [[bare(each) for each in one] if type(one) is list else bare(one) for one in arguments]
                return super().call_function(name, texts)

        def _convert_to_jmespath_type(self, pyobject: str) -> str:
            if pyobject == "Leaf":
                return "object"
            exact = pyobject in ("Decimal", "Digits")
            return "number" if exact else super()._convert_to_jmespath_type(pyobject)  # type: ignore[misc]

    return Functions()


def _interpreter(options: Any) -> Any:
    """JMESPath's own interpreter; a number and a text compared do not match, and no list grows without end."""
    from jmespath.visitor import TreeInterpreter

    class Interpreter(TreeInterpreter):
        def visit_field(self, node: Any, value: Any) -> Any:
            if type(value) is str and node["value"] == TEXT:
                return value
            return super().visit_field(node, value)

        def visit_flatten(self, node: Any, value: Any) -> Any:
            found = super().visit_flatten(node, value)
            if found and len(found) > MOST_VALUES:
                raise too_many(PATH)
            return found

        def visit_comparator(self, node: Any, value: Any) -> Any:
            try:
                return super().visit_comparator(node, value)
            except TypeError:
                return None

    return Interpreter(options)


def parsed_query(query: str, text: str) -> dict[str, Any]:
    """The tree that the library makes of a query: nodes of `type`, `value` and `children`."""
    tree: dict[str, Any] = _compiled(query, text).parsed
    return tree


def query_getter(query: str, text: str) -> Callable[[Frame], Value]:
    import jmespath

    expression = _compiled(query, text)
    _exact_literals(expression.parsed)
    functions = _functions()
    interpreter = _interpreter(jmespath.Options(custom_functions=functions))

    def get(frame: Frame) -> Value:
        functions.frame = frame
        try:
            value = interpreter.visit(expression.parsed, with_work(frame.node, frame.carried))
        except RecordError:
            raise
        except Exception as error:  # the library raises plain TypeError, RecursionError and its own kinds
            reason = str(error).split("\n", 1)[0] or type(error).__name__
            raise RecordError("R206", f"`{text}` failed: {reason}") from error
        if isinstance(value, list | dict):
            bounded(value, PATH)
        return MISSING if value is None else value

    return get


def _exact_literals(node: dict[str, Any]) -> None:
    """`0.1` in a path is the decimal 0.1: the library reads it as a float."""
    if node["type"] == "literal" and isinstance(node["value"], float):
        node["value"] = Digits(repr(node["value"]))
    for child in node["children"]:
        if isinstance(child, dict):  # the parts of a slice are numbers
            _exact_literals(child)
