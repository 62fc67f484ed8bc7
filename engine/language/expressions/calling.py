"""Calls, from what is written to nodes: functions and resolvers by name, options by name or in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from engine.errors import OptionError
from engine.language.expressions.fitting import Raising, misfit, schema_of_option
from engine.language.expressions.functions import AGGREGATES, EVALUATED, FUNCTIONS
from engine.language.expressions.nodes import Area, Call, Function, Listing, Literal, Node, Pick
from engine.language.expressions.refusals import CALLS, quoted
from engine.language.expressions.scanning import Token
from engine.language.paths import Path
from engine.language.picking import Name
from engine.options import build
from engine.quantities import Duration
from engine.registry import Option, Resolver, find_resolver, resolvers
from engine.spelling import akin, listed, suggest

__all__ = ["AGGREGATES", "Written", "call", "duration"]

_MOVES: Final = 'it moves a time: `placed + duration("7d")`'

KNOWN_BEFORE: Final = ("code", "structure", "table")
"""Families of resolvers whose options are names and tables, which `check` looks at: no record decides them."""


@dataclass(frozen=True)
class Written:
    """A call as it is written: where its name stands, and where all of it."""

    name: str
    name_area: Area
    area: Area
    arguments: Sequence[Node]
    named: Sequence[tuple[Token, Node]]


def call(written: Written, text: str, loops: Sequence[str]) -> Node:
    """The node of a call; OptionError where there is no such function, or it is called otherwise."""
    name = written.name
    for argument in written.arguments if name in FUNCTIONS else written.arguments[:1]:
        if isinstance(argument, Literal) and isinstance(argument.value, dict):
            raise OptionError("E108", "a map stands where a value is", "it is an option of a resolver", argument.area)
    if name == "get":
        return _get(written, text, loops)
    if name == "duration":
        raise OptionError("E113", "`duration` has no value of its own", _MOVES, written.area)
    if name in EVALUATED:
        return _function(written)
    if name == "reserved":
        help = "it comes with the step `reserve`, which this version does not have"
        raise OptionError("E114", "`reserved` is not there yet", help, written.name_area)
    found = find_resolver(name)
    if found is None:
        raise _unknown(written)
    return _resolver(found, written)


def _unknown(written: Written) -> OptionError:
    names = (*resolvers(), *FUNCTIONS)
    near = suggest(written.name, names) or akin(written.name, names)
    help = f"did you mean `{near}`?" if near else "functions are the resolvers, and " + listed(FUNCTIONS)
    help = CALLS.get(written.name.lower(), help)
    return OptionError("E109", f"there is no function `{written.name}`", help, written.name_area)


def _function(written: Written) -> Function:
    name, count = written.name, len(written.arguments)
    if written.named:
        raise OptionError(
            "E110", f"`{name}` has no options", f"as in `{FUNCTIONS[name].example}`", written.named[0][0].area
        )
    if not count or (count > 1 and name == "present"):
        raise _wrong_count(name, "one value" if name == "present" else "at least one value", written)
    return Function(written.area, name, tuple(written.arguments))


def _wrong_count(name: str, takes: str, written: Written) -> OptionError:
    message = f"`{name}` takes {takes}, here it gets {len(written.arguments) or 'none'}"
    return OptionError("E110", message, f"as in `{FUNCTIONS[name].example}`", written.area)


def _text(written: Written) -> Literal:
    """The one argument of `get` and `duration`, known before the run."""
    only = written.arguments[0] if written.arguments else None
    if len(written.arguments) != 1 or written.named:
        raise _wrong_count(written.name, "one text", written)
    if not isinstance(only, Literal) or not isinstance(only.value, str):
        help = f"write it down: `{FUNCTIONS[written.name].example}`"
        raise OptionError(
            "E113", f"the text of `{written.name}` is not known before the run", help, written.arguments[0].area
        )
    return only


def _get(written: Written, text: str, loops: Sequence[str]) -> Pick:
    """The path of `get`; the places in it are those of the text where no escape stands between."""
    literal = _text(written)
    start, length = literal.area
    plain = "\\" not in text[start : start + length]
    try:
        path = Path.parse(literal.value)
    except OptionError as error:
        span = (start + 1 + error.span[0], error.span[1]) if plain and error.span else literal.area
        raise OptionError(error.code, error.message, error.help, span) from error
    return Pick(written.area, path, is_looped(path, loops), start + 1 if plain else None)


def is_looped(path: Path, loops: Sequence[str]) -> bool:
    """Whether it starts at the variable of the loop around it, which shadows a name of the record."""
    first = path.steps[0] if path.head == "" and path.steps else None
    return isinstance(first, Name) and first.text in loops and not path.text.startswith(("@", '"'))


def duration(written: Written) -> Literal:
    """A length of time, exact to the microsecond."""
    literal = _text(written)
    try:
        length = Duration.parse(literal.value)
        return Literal(written.area, timedelta(seconds=float(length)))
    except OptionError as error:
        raise OptionError("E113", error.message, error.help, literal.area) from error
    except OverflowError as error:
        raise OptionError(
            "E113", f"`{literal.value}` is longer than all years", "at most `3650000d`", literal.area
        ) from error


# ── resolvers ────────────────────────────────────────────────────────────────────────────────────────────


def _resolver(resolver: Resolver, written: Written) -> Call:
    if not written.arguments:
        help = f"the value comes first: `{resolver.name}(x)`"
        raise OptionError("E110", f"`{resolver.name}` is called without a value", help, written.area)
    given = _given(resolver, written)
    known = {option.name: _literal(node) for option, node in given if _is_literal(node)}
    for option, node in given:
        _check_option(resolver, option, node)
    needed = [option.name for option in resolver.options if option.required and option not in [o for o, _ in given]]
    if needed:
        help = f"write `{resolver.name}(x, {', '.join(f'{name}=..' for name in needed)})`"
        raise OptionError("E110", f"`{resolver.name}` needs {listed(needed)}", help, written.area)
    computed = tuple((option, node) for option, node in given if not _is_literal(node))
    return Call(written.area, resolver, written.arguments[0], _built(resolver, known, given), computed)


def _given(resolver: Resolver, written: Written) -> list[tuple[Option, Node]]:
    """Each option with its node: first those by position, then those by name."""
    by_name = {option.name: option for option in resolver.options}
    extra = written.arguments[1:]
    if len(extra) > len(by_name):
        takes = f"options {listed(by_name)}" if by_name else "no options"
        area = extra[len(by_name)].area
        raise OptionError("E110", f"`{resolver.name}` takes a value and {takes}", "leave the rest out", area)
    given = list(zip(resolver.options, extra, strict=False))
    for token, node in written.named:
        option = by_name.get(token.text)
        if option is None:
            near = suggest(token.text, by_name)
            help = f"did you mean `{near}`?" if near else f"it has {listed(by_name) or 'no options'}"
            raise OptionError("E110", f"`{resolver.name}` has no option `{token.text}`", help, token.area)
        if any(option is taken for taken, _ in given):
            raise OptionError("E110", f"`{token.text}` is given twice", "leave one of them out", token.area)
        given.append((option, node))
    return given


def _check_option(resolver: Resolver, option: Option, node: Node) -> None:
    if option.doc.secret:
        help = f"write the field with `resolver: {{type: {resolver.name}, {option.name}: ..}}`"
        raise OptionError(
            "E115", f"`{option.name}` of `{resolver.name}` is a secret, and expressions are shown", help, node.area
        )
    if not _is_literal(node):
        if resolver.family in KNOWN_BEFORE:
            message = f"`{option.name}` of `{resolver.name}` is not known before the run"
            raise OptionError("E113", message, _written_down(option, node), node.area)
    else:
        schema = schema_of_option(option)
        wrong = misfit(_literal(node), schema)
        if wrong:
            help = _meant(_literal(node), schema["enum"]) if "enum" in schema else option.doc.text
            raise OptionError("E110", f"`{option.name}` of `{resolver.name}` is {wrong}", help, node.area)


def _written_down(option: Option, node: Node) -> str:
    """How an option is written that names its paths: as texts."""
    picks = node.entries if isinstance(node, Listing) else (node,)
    texts = [quoted(each.path.text) for each in picks if isinstance(each, Pick)]
    if len(texts) < len(picks):
        return "write it down"
    said = f"[{', '.join(texts)}]" if isinstance(node, Listing) else texts[0]
    return f"write it down: `{option.name}={said}`"


def _meant(value: Any, words: Sequence[str]) -> str:
    """The word of a closed list that was probably meant; the message lists them all."""
    near = isinstance(value, str) and (suggest(value, words) or akin(value, words))
    return f'did you mean `"{near}"`?' if near else ""


def _built(resolver: Resolver, known: Mapping[str, Any], given: Sequence[tuple[Option, Node]]) -> Mapping[str, Any]:
    """The options that are literals, as the resolver takes them."""
    areas = {option.name: node.area for option, node in given}
    options = tuple(option for option in resolver.options if option.name in known)
    try:
        return build(options, known, (), Raising())
    except OptionError as error:
        at = next((areas[str(name)] for name in getattr(error, "pointer", ()) if name in areas), None)
        raise OptionError(error.code, error.message, error.help, at) from error


def _is_literal(node: Node) -> bool:
    return isinstance(node, Literal) or (isinstance(node, Listing) and all(_is_literal(each) for each in node.entries))


def _literal(node: Node) -> Any:
    return [_literal(each) for each in node.entries] if isinstance(node, Listing) else getattr(node, "value", None)
