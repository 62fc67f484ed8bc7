"""What is wrong with a document, in words of the spec: one function for each keyword of JSON Schema.

`SAYERS` report what a spec breaks of our schemas, `BROKEN` says what a record broke of a user's.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from engine.dialect.words import ours_for_key, ours_for_resolver
from engine.options import Pointer
from engine.registry import find_component, find_resolver
from engine.spec.extras import extra_names
from engine.spec.located import Problems
from engine.spec.schema import NAME
from engine.spelling import akin, counted, describe, either, listed, show, suggest

WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "nothing",
}
UNQUOTED: Final = {"boolean": {"true": "true", "yes": "true", "false": "false", "no": "false"}}
VARIABLE_HELP: Final = "write letters, digits and `_`, a letter first"
NO_VALUE: Final = "the key has no value: give it one, or leave the key out"
MANY: Final = 14
BOUNDS: Final = {
    "minimum": ("is too small", "at least", ""),
    "maximum": ("is too large", "at most", ""),
    "minLength": ("is too short", "at least", "character"),
    "exclusiveMinimum": ("is too small", "more than", ""),
    "exclusiveMaximum": ("is too large", "less than", ""),
    "maxLength": ("is too long", "at most", "character"),
    "minItems": ("is too short", "at least", "item"),
    "maxItems": ("is too long", "at most", "item"),
    "minProperties": ("is empty", "at least", "key"),
    "maxProperties": ("is too large", "at most", "key"),
}
"""What is wrong with a value beyond each bound, how the bound is said, and what it counts."""


def place_of(error: Any) -> str:
    """Where in a record it is."""
    return f"`{'.'.join(map(str, error.absolute_path))}`" if error.absolute_path else "the record"


def as_said(error: Any) -> str:
    """The words of the library."""
    return str(error.message)


def _broken_type(error: Any) -> str:
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    return f"expected {_type_words(wanted)}, found {_found(error.instance)}"


def _broken_required(error: Any) -> str:
    missing = [name for name in error.validator_value if name not in error.instance]
    return f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _broken_enum(error: Any) -> str:
    said = error.validator_value if error.validator == "enum" else [error.validator_value]
    choices = ", ".join(map(show, said[:MANY])) + (", …" if len(said) > MANY else "")
    return f"{show(error.instance)} is not {'one of ' if len(said) > 1 else ''}{choices}"


def _broken_extra(error: Any) -> str:
    extra = extra_names(error.instance, error.schema)
    return f"{listed(extra[:MANY])} {'is' if len(extra) == 1 else 'are'} not allowed"


def _broken_pattern(error: Any) -> str:
    return f"{show(error.instance)} does not match `{error.validator_value}`"


def _broken_range(error: Any) -> str:
    what, bound = _bound_words(error)
    return f"{_found(error.instance)} {what}: {bound}"


def _say_extra(error: Any, at: Pointer, problems: Problems) -> None:
    keys = error.schema.get("properties", {})
    known = [key for key in keys if key != "type" or "const" not in keys[key]]
    for name in error.instance:
        if name not in keys and not str(name).startswith("x-"):
            if _is_foreign(_owner(error), ours_for_key(str(name)), f"`{name}`", (*at, name), problems, key=True):
                continue
            near = suggest(str(name), known) or akin(str(name), known)
            if not near and error.instance[name] is None and problems.misread((*at, name), error.instance):
                continue
            names = listed(known[:MANY]) + (", …" if len(known) > MANY else "")
            help = f"did you mean `{near}`?" if near else f"known: {names}" if known else "it takes no options"
            if not near and "fields" in known and "pass_through" in known:
                help = f"a field stands under `fields`: `fields: {{{name}: ..}}`"
            problems("S201", (*at, name), f"`{name}` is not a key of {_owner(error)}", help, key=True)


def _is_foreign(owner: str, ours: str, said: str, at: Pointer, problems: Problems, *, key: bool = False) -> bool:
    """Whether a word stands there that only mapping files of the SDK have; it is said what ours is."""
    found = bool(ours) and owner in ("a field", "a mapping", "resolver")
    if found:
        help = f"write {ours}; a mapping file in its dialect says `dialect: sdk`"
        problems("S341", at, f"{said} is a word of the SDK", help, key=key)
    return found


def _owner(error: Any) -> str:
    return str(error.schema.get("title") or "this map")


def _say_missing(error: Any, at: Pointer, problems: Problems) -> None:
    for name in error.validator_value:
        if name not in error.instance:
            key = error.schema.get("properties", {}).get(name, {})
            chosen = key["enum"] if "enum" in key and "description" not in key else ()
            help = _typed(error, chosen) if chosen else _needed(name, key.get("description", ""))
            problems("S202", at, f"`{name}` is missing in {_owner(error)}", help, key=True)


def _typed(error: Any, known: Sequence[str]) -> str:
    """What to write where `type` is missing; where a key of the map names one, the map with it."""
    name = next((each for each in known if each in error.instance), "")
    if not name:
        return f"known: {listed(known)}"
    kind, said = error.schema["x-kind"], error.instance[name]
    found = find_resolver(name) if kind == "resolver" else find_component(kind, name)
    needed = [option.name for option in found.options if option.required] if found else []
    options = said if isinstance(said, dict) else needed
    return f"write `{{{', '.join([f'type: {name}', *(f'{each}: ..' for each in options)])}}}`"


def _needed(name: str, meaning: str) -> str:
    """What to write, and what it means; a meaning that says what to write stands alone."""
    first = meaning.split(" ", 1)[0]
    said = (meaning[:1].lower() + meaning[1:] if first[1:].islower() or len(first) == 1 else meaning).removesuffix(".")
    return said if first == "Write" else f"write `{name}: ..`" + (f", {said}" if said else "")


def _say_type(error: Any, at: Pointer, problems: Problems) -> None:
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    words = _type_words(wanted)
    help = _several(error.instance, at) or _converted(error.instance, wanted, str(error.schema.get("title")))
    help = help or _as_file(error) or error.schema.get("description", "")
    problems("S203", at, f"expected {words}, found {_found(error.instance)}", help)


def _several(value: Any, at: Pointer) -> str:
    """One sink and several have keys of their own."""
    if at[-1:] == ("sink",) and isinstance(value, list):
        return "several sinks stand under `sinks`: write `sinks:` for `sink:`"
    one = at[-1:] == ("sinks",) and isinstance(value, dict)
    return "one sink stands under `sink`; several are a list" if one else ""


def _type_words(types: Sequence[str]) -> str:
    return either(WORDS[each] for each in types if each != "integer" or "number" not in types)


def _converted(value: Any, wanted: list[str], title: str) -> str:
    """How the value that was probably meant is written; empty where nothing is certain."""
    text = describe(value)
    if value is None:
        return NO_VALUE
    if not isinstance(value, str | list | dict):
        literal = f"a literal is `{{value: {text}}}`" if title == "a field" else f'as text it is `"{text}"`'
        return literal if "string" in wanted else ""
    if isinstance(value, str) and value in UNQUOTED.get(wanted[0], ()):
        return f"write `{UNQUOTED[wanted[0]][value]}` without quotes"
    if isinstance(value, str) and wanted[0] in ("integer", "number") and value.isdecimal():
        return f"write `{text}` without quotes"
    return f'as a list it is `["{text}"]`' if wanted == ["array"] and isinstance(value, str) else ""


def _found(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    text = f"`{describe(value)}`"
    return "nothing" if value is None else f"the text {text}" if isinstance(value, str) else text


def _same_encoding(said: str, choices: Iterable[str]) -> str:
    """The choice that is the same encoding under another name, such as `cp1252` for `windows-1252`."""
    try:
        name = codecs.lookup(said).name
    except (LookupError, ValueError):
        return ""
    return next((choice for choice in choices if codecs.lookup(choice).name == name), "")


def _say_enum(error: Any, at: Pointer, problems: Problems) -> None:
    if error.instance is None:
        expected = either(f"`{choice}`" for choice in error.validator_value)
        problems("S205", at, f"expected {expected}, found nothing", NO_VALUE)
        return
    choices = [str(choice) for choice in error.validator_value]
    same = _same_encoding(str(error.instance), choices) if at[-1:] == ("encoding",) else ""
    near = same or suggest(str(error.instance), choices) or akin(str(error.instance), choices)
    help = f"did you mean `{near}`?" if near else f"known: {listed(choices)}"
    kind = error.schema.get("title")
    help = _as_list(error, choices) or _as_file(error) or help
    if _is_foreign(str(kind), ours_for_resolver(str(error.instance)), f"`{error.instance}`", at, problems):
        return
    if at[-1:] == ("dialect",) and error.instance == "sdk":
        help = "move it into one, and name that here: `mapping: mappings/name.json`"
        problems("S341", at, "a mapping in the SDK's dialect is a file of its own", help)
        return
    if kind:
        problems("S204", at, f"`{describe(error.instance)}` is not a {kind}", help)
    else:
        problems(
            "S205",
            at,
            f"`{describe(error.instance)}` is not one of {listed(choices)}",
            help if near else "",
        )


def _as_list(error: Any, known: Sequence[str]) -> str:
    """Several resolvers in one text, as the list that they have to be."""
    names = re.split(r"[\s,|]+", str(error.instance))
    several = error.schema.get("title") == "resolver" and len(names) > 1 and all(name in known for name in names)
    return f"several are a list: `[{', '.join(names)}]`" if several else ""


def _as_file(error: Any) -> str:
    """A path where a component stands, as the component that reads or writes it."""
    title, path = error.schema.get("title"), error.instance
    index = {"source": "", "sink": "", "a lookup": ", index: .."}.get(str(title))
    if index is None or not isinstance(path, str) or not re.search(r"[/.*]", path):
        return ""
    said = path if re.fullmatch(r"[\w/.-][\w/.*-]*", path) else f'"{path}"'
    return f"write `{{type: files, path: {said}{index}}}`"


def _say_pattern(error: Any, at: Pointer, problems: Problems) -> None:
    key = "propertyNames" in error.absolute_schema_path
    message = f"`{describe(error.instance)}` is not a name" if error.instance else "the name is empty"
    help = name_help(error.instance) if error.validator_value == NAME["pattern"] else VARIABLE_HELP
    problems("S207", at if not key else (*at, error.instance), message, help, key=key)


def name_help(text: str) -> str:
    """How a name is written, with one made of the text where it has letters or digits."""
    made = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return "write lower-case letters, digits and `-`" + (f", such as `{made}`" if made else "")


def _bound_words(error: Any) -> tuple[str, str]:
    """What is wrong with a value beyond a bound, and the bound."""
    what, relation, unit = BOUNDS[error.validator]
    size = error.validator_value
    return what, f"{relation} {counted(size, unit)}" if unit else f"{relation} {size}"


def _say_range(error: Any, at: Pointer, problems: Problems) -> None:
    what, bound = _bound_words(error)
    empty = error.instance in ("", [], {})
    found = "the value is empty" if empty else f"{_found(error.instance)} {what}"
    problems("S206", at, f"{found}: {bound}", error.schema.get("description", ""))


def say_other(error: Any, at: Pointer, problems: Problems) -> None:
    """A keyword that no function here speaks of."""
    problems("S203", at, error.message, "")


SAYERS: Final = {
    "additionalProperties": _say_extra,
    "required": _say_missing,
    "type": _say_type,
    "enum": _say_enum,
    "const": _say_enum,
    "pattern": _say_pattern,
    **dict.fromkeys(BOUNDS, _say_range),
}
BROKEN: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": _broken_type,
    "required": _broken_required,
    "enum": _broken_enum,
    "const": _broken_enum,
    "pattern": _broken_pattern,
    "additionalProperties": _broken_extra,
    **dict.fromkeys(BOUNDS, _broken_range),
}
"""What a record broke of a user's schema, in our words; of what is not here, the library's stand."""
