"""The reference page, made from the components and resolvers themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from engine import dialect, golden
from engine.catalogue import catalogue
from engine.language import expressions, grammar, paths, templates
from engine.language.expressions.functions import FUNCTIONS
from engine.language.jsontext import encode
from engine.language.keys import FIELD_KEYS
from engine.options import groups_in, kind_word
from engine.records import MISSING
from engine.registry import KINDS, Component, Example, Option, Resolver, class_options, components, resolvers
from engine.spec import lookups, project, scalars, sinks
from engine.spec.saying import WORDS
from engine.spec.schema import SCHEMAS
from engine.spec.settings import (
    ArchiveOptions,
    ExpectOptions,
    IndexOptions,
    LimitOptions,
    RejectOptions,
    SinkOptions,
    ValueOptions,
    VarOptions,
)
from engine.spelling import either

GROUPS: Final = {
    "vars": VarOptions,
    "limits": LimitOptions,
    "expects": ExpectOptions,
    "archive": ArchiveOptions,
    "rejects": RejectOptions,
}
HEADER: Final = (
    "<!-- Made by `engine schema --write schemas`; the docstrings and options in engine/ are the source. -->"
)

RESOLVERS: Final = (
    "Blank (missing, null, empty text) passes through untouched where nothing else is said; a value of a type that is "
    "not taken rejects the record. An expression calls each by its name, value first, then its options. "
    "In the examples texts stand in quotes and times do not."
)
_PLAIN: Final = re.compile(r"(?i)(?!(?:true|false|null|y|n|yes|no|on|off)$)(?:\./)?[a-z][a-z0-9_./@-]*").fullmatch
"""Words that YAML reads as text without quotes."""


def reference() -> str:
    """The whole page as Markdown."""
    parts = (_spec, _components, _fields, _resolvers, _expressions, _dialect, _codes)
    return "\n".join([HEADER, "", "# Reference", "", *(line for part in parts for line in part())]) + "\n"


def _spec() -> Iterator[str]:
    """The keys of a spec, and of the groups among them."""
    properties = SCHEMAS["spec"]()["properties"]
    yield from ("## Keys of a spec", "", "| key | meaning |", "|---|---|")
    yield from (f"| `{name}` | {_cell(schema['description'])} |" for name, schema in properties.items())
    yield ""
    for title, group in GROUPS.items():
        yield from (f"### {title}", "", _doc(group), "")
        yield from _options(tuple(class_options(group)))
    yield from _lookups()
    yield from ("### sinks", "", _doc(sinks), "", "Beside the options of its type every sink has:", "")
    yield from _options(tuple(class_options(SinkOptions)))
    for title, module in (
        ("Files", project),
        ("Words", scalars),
        ("Paths", paths),
        ("Templates", templates),
        ("Goldens", golden),
    ):
        yield from (f"## {title}", "", _doc(module), "")


def _lookups() -> Iterator[str]:
    """Both ways to say a lookup."""
    yield from ("### lookups", "", _doc(lookups), "", "Beside the options of a source:", "")
    yield from _options(tuple(class_options(IndexOptions)))
    yield from ("A table that is written in the spec:", "")
    yield from _options(tuple(class_options(ValueOptions)))


def _doc(documented: Any) -> str:
    return inspect.cleandoc(documented.__doc__ or "")


def _components() -> Iterator[str]:
    for kind in KINDS:
        yield from (f"## {kind.capitalize()}s", "")
        for found in components(kind).values():
            yield from _component(found)


def _component(found: Component) -> Iterator[str]:
    yield from (f"### {found.kind} `{found.name}`", "", found.doc, "")
    yield from _options(found.options)
    for option in found.options:
        for group in groups_in(option.type):
            yield from (f"`{option.name}` as a map: {_doc(group)}", "", *_options(tuple(class_options(group))))
    yield from ("```yaml", *(f"{found.kind}: {_flow(example)}" for example in found.examples), "```", "")


def _options(options: tuple[Option, ...]) -> Iterator[str]:
    if options:
        yield from ("| option | is | default | meaning |", "|---|---|---|---|")
        for option in options:
            default = "required" if option.required else _default(option.default)
            yield f"| `{option.name}` | {kind_word(option.type)} | {default} | {_cell(option.doc.text)} |"
        yield ""


def _default(value: Any) -> str:
    if value is None or value is MISSING or value in ("", ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _fields() -> Iterator[str]:
    yield from ("## Mappings", "", "A map under `mapping`, or a file of its own that `mapping` names.", "")
    yield from _keys(SCHEMAS["mapping"]()["properties"])
    yield from ("## Fields", "", _doc(grammar), "")
    yield from _keys({name: {**schema, "description": doc} for name, (schema, doc) in FIELD_KEYS.items()})
    yield from ("`pairs_from` in full:", "", *_keys(FIELD_KEYS["pairs_from"][0]["properties"]))


def _keys(properties: Mapping[str, Any]) -> Iterator[str]:
    """Keys of a map with what each may be and means."""
    yield from ("| key | is | meaning |", "|---|---|---|")
    for name, schema in properties.items():
        yield f"| `{name}` | {_may_be(schema)} | {_cell(schema.get('description', ''))} |"
    yield ""


def _may_be(schema: Mapping[str, Any]) -> str:
    """The values that a schema allows, in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    types = schema.get("type", [])
    return " or ".join(WORDS[each] for each in ([types] if isinstance(types, str) else types))


def _resolvers() -> Iterator[str]:
    yield from (
        "## Resolvers",
        "",
        RESOLVERS,
        "",
    )
    for family in dict.fromkeys(resolver.family for resolver in resolvers().values()):
        yield from (f"### {family.capitalize()}", "")
        for resolver in resolvers().values():
            if resolver.family == family:
                yield from _resolver(resolver)


def _resolver(resolver: Resolver) -> Iterator[str]:
    taken = "any value" if "any" in resolver.takes else either(resolver.takes)
    said = [f"Takes {taken}; gives {_gives(resolver)}."]
    if resolver.blank:
        said.append("It is given blank too.")
    if resolver.contextual:
        said.append("It sees the record around the value.")
    yield from (f"#### `{resolver.name}`", "", resolver.doc, "", " ".join(said), "")
    yield from _options(resolver.options)
    if resolver.options:
        yield from (f"In an expression: `{_call(resolver)}`.", "")
    examples = (_example(resolver, example) for example in resolver.examples)
    yield from ("| given | resolver | result |", "|---|---|---|", *examples, "")


def _expressions() -> Iterator[str]:
    yield from ("## Expressions", "", _doc(expressions), "")
    yield from ("Every resolver is a function, and there are these:", "")
    yield from ("| call | gives | example |", "|---|---|---|")
    yield from (f"| `{f.written}` | {_cell(f.meaning)} | `{_cell(f.example)}` |" for f in FUNCTIONS.values())
    yield ""


def _dialect() -> Iterator[str]:
    """Where ours differs from the SDK on purpose: what the pages of these warnings say."""
    yield from (
        "## Mapping files of the original SDK",
        "",
        _doc(dialect),
        "",
        "| code | where | what |",
        "|---|---|---|",
    )
    for code, entry in catalogue().items():
        if code.startswith(dialect.DIFFERENCES):
            cause = " ".join(entry["cause"].split())
            yield f"| {code} | {_cell(entry['title'])} | {_cell(cause)} |"
    yield ""


def _gives(resolver: Resolver) -> str:
    """The type of its result in words: one, the one taken, or those of its examples."""
    if isinstance(resolver.gives, str):
        return "a value of any type" if resolver.gives == "any" else resolver.gives
    if all(resolver.result({}, taken) == taken for taken in resolver.takes):
        return "the type that it takes"
    return f"{either(dict.fromkeys(resolver.result(each.options, '') for each in resolver.examples))}, by its options"


def _call(resolver: Resolver) -> str:
    """How an expression calls it."""
    options = (option.name if option.required else f"{option.name}=.." for option in resolver.options)
    return f"{resolver.name}({', '.join(('value', *options))})"


def _example(resolver: Resolver, example: Example) -> str:
    """A row that the tests run: a value, the resolver as a spec writes it, what comes out."""
    result = f"reject `{example.error}`" if example.error else _json(example.gives)
    written = _flow({"type": resolver.name, **example.options})
    return f"| {_json(example.given)} | `{_cell(written)}` | {result} |"


def _json(value: Any) -> str:
    """A value as JSON; times stand without quotes, unlike texts."""
    if value is MISSING:
        return "missing"
    text = encode(value).decode()
    return f"`{_cell(text.strip(chr(34)) if isinstance(value, date) else text)}`"


def _flow(example: Mapping[str, Any]) -> str:
    """A component or a resolver as a spec writes it on one line."""
    return str(example["type"]) if set(example) == {"type"} else _value(example)


def _value(value: Any) -> str:
    """A value as a spec writes it inside a flow map."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return scalars.quoted(value) if isinstance(value, str) and not _PLAIN(value) else str(value)


def _codes() -> Iterator[str]:
    yield from (
        "## Error codes",
        "",
        "`engine explain CODE` shows the page of each.",
        "",
        "| code | meaning |",
        "|---|---|",
    )
    for code, entry in catalogue().items():
        yield f"| {code} | {_cell(entry['title'])} |"
