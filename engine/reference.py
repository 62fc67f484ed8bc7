"""The reference page, made from the components and resolvers themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine import golden
from engine.catalogue import catalogue
from engine.language import grammar, paths, templates
from engine.language.grammar import FIELD_KEYS
from engine.language.jsontext import encode
from engine.options import groups_in, kind_word
from engine.records import MISSING
from engine.registry import KINDS, Component, Example, Option, Resolver, class_options, components, resolvers
from engine.spec import project, scalars
from engine.spec.schema import SCHEMAS
from engine.spec.settings import ArchiveOptions, LimitOptions, VarOptions
from engine.spec.validate import WORDS

GROUPS: Final = {"vars": VarOptions, "limits": LimitOptions, "archive": ArchiveOptions}
HEADER: Final = (
    "<!-- Made by `engine schema --write schemas`; the docstrings and options in engine/ are the source. -->"
)


def reference() -> str:
    """The whole page as Markdown."""
    return (
        "\n".join([HEADER, "", "# Reference", "", *_spec(), *_components(), *_fields(), *_resolvers(), *_codes()])
        + "\n"
    )


def _spec() -> Iterator[str]:
    """The keys of a spec, and of the groups among them."""
    properties = SCHEMAS["spec"]()["properties"]
    yield from ("## Keys of a spec", "", "| key | meaning |", "|---|---|")
    yield from (f"| `{name}` | {_cell(schema['description'])} |" for name, schema in properties.items())
    yield ""
    for title, group in GROUPS.items():
        yield from (f"### {title}", "", _doc(group), "")
        yield from _options(tuple(class_options(group)))
    for title, module in (
        ("Files", project),
        ("Words", scalars),
        ("Paths", paths),
        ("Templates", templates),
        ("Goldens", golden),
    ):
        yield from (f"## {title}", "", _doc(module), "")


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
    if value is None or (value in ("", (), 0) and value is not False):
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
        "Blank (missing, null, empty text) passes through every one of these untouched.",
        "",
    )
    for family in dict.fromkeys(resolver.family for resolver in resolvers().values()):
        yield from (f"### {family.capitalize()}", "")
        for resolver in resolvers().values():
            if resolver.family == family:
                yield from _resolver(resolver)


def _resolver(resolver: Resolver) -> Iterator[str]:
    gives = resolver.gives if isinstance(resolver.gives, str) else "depends on its options"
    yield from (
        f"#### `{resolver.name}`",
        "",
        resolver.doc,
        "",
        f"Takes {', '.join(resolver.takes)}; gives {gives}.",
        "",
    )
    yield from _options(resolver.options)
    yield from ("| given | options | result |", "|---|---|---|", *map(_example, resolver.examples), "")


def _example(example: Example) -> str:
    made = "missing" if example.gives is MISSING else _json(example.gives)
    result = f"reject `{example.error}`" if example.error else made
    return f"| {_json(example.given)} | {_json(example.options) if example.options else ''} | {result} |"


def _json(value: Any) -> str:
    return f"`{_cell(encode(value).decode())}`"


def _flow(example: Mapping[str, Any]) -> str:
    """A component as a spec writes it on one line."""
    if set(example) == {"type"}:
        return str(example["type"])
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in example.items()) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    quoted = any(char in text for char in "{}[],:*#;&|") or not text
    return (
        f'"{text}"'
        if quoted and isinstance(value, str)
        else text.replace("'", '"')
        if isinstance(value, list)
        else text
    )


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
