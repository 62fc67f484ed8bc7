"""The words of the SDK: which keys and resolvers it has, which of them only it has, and what ours is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from engine.language.keys import FIELD_KEYS, MAPPING_KEYS
from engine.options import Pointer

TRANSFORMS: Final = (
    "parseInt", "parseFloat", "toString", "toUpperCase", "toLowerCase", "trim", "toBoolean", "toISO8601", "toDate",
)  # fmt: skip
"""The resolvers of its mutation mapper, by their bare names."""

RESOLVERS: Final = (
    "uppercase", "lowercase", "trim", "parseInt", "parseFloat", "number", "boolean", "toString", "formatDate",
    "formatDateShort", "parseDate", "default", "identity", "coalesce", "parseJson", "toJson",
)  # fmt: skip
"""The resolvers of its universal mapper, without their `sdk.`."""

OURS: Final[Mapping[str, Any]] = {
    "uppercase": "upper",
    "lowercase": "lower",
    "trim": "trim",
    "parseInt": "int",
    "parseFloat": {"type": "decimal", "exponent": True},
    "number": {"type": "decimal", "exponent": True},
    "boolean": "bool",
    "toString": "text",
    "formatDate": {"type": "format_date", "to": "%Y-%m-%dT%H:%M:%S.%LZ", "zone": "UTC"},
    "formatDateShort": {"type": "format_date", "to": "%Y-%m-%d", "zone": "UTC"},
    "parseDate": {"type": "format_date", "to": "%Y-%m-%dT%H:%M:%S.%LZ", "zone": "UTC"},
    "parseJson": "json",
    "toJson": "to_json",
    "toUpperCase": "upper",
    "toLowerCase": "lower",
    "toBoolean": "bool",
    "toISO8601": {"type": "format_date", "to": "%Y-%m-%dT%H:%M:%S.%LZ", "zone": "UTC"},
    "toDate": {"type": "format_date", "to": "%Y-%m-%dT%H:%M:%S.%LZ", "zone": "UTC"},
}
"""Each of its resolvers in our language, the same on good input; those that do nothing are not here."""

KEYS: Final[Mapping[str, str]] = {
    "defaultValue": "`default`",
    "isArray": "`each` instead of `source`",
    "_array": "`each` instead of `source`",
    "autoWrap": "`each`, which takes one object as a list of one",
    "_autoWrap": "`each`, which takes one object as a list of one",
    "transform": "`resolver`",
    "_resolver": "`resolver`",
    "_nested": "`fields` with `source`",
    "_type": "nothing: leave it out",
    "validation": "`min_length` and `max_length`",
    "_validation": "`min_length` and `max_length`",
    "mapping": "`fields` with `source`",
    "arguments": "`fields`",
    "nodes": "a field such as `_name`, with the resolver `json`",
    "mutation": "nothing here: it belongs to the sink",
    "returnFields": "nothing here: it belongs to the sink",
    "operationName": "nothing here: it belongs to the sink",
    "sourceFormat": "nothing here: the pipeline's `parser` says it",
}
"""Keys that only the SDK has, and what ours is."""

TOP: Final = (
    "fields", "arguments", "nodes", "mutation", "sourceFormat", "version", "name", "description", "comment",
    "direction", "query", "operationName", "returnFields", "schemaValidation", "customTransforms", "aliasBatching",
    "dialect",
)  # fmt: skip
FIELD: Final = (
    "source", "value", "resolver", "transform", "defaultValue", "required", "isArray", "autoWrap", "validation",
    "fields", "mapping", "comment", "description",
)  # fmt: skip
NODE: Final = ("extract", "unescape", "parse", "required", "comment")
"""The keys it reads, or ignores by design, at each level; those that begin with `_` are its notes."""
RESERVED: Final = tuple(key for key in FIELD if key not in ("comment", "description"))
"""Names that are keys, and never children, of nested arguments."""

_STRONG: Final = ("arguments", "nodes", "mutation", "sourceFormat", "operationName", "returnFields", "aliasBatching")
_WEAK: Final = ("version", "name", "description", "direction", "query", "comment")
_FIELD_WORDS: Final = frozenset(key for key in KEYS if key not in _STRONG)
_OURS_ONLY: Final = FIELD_KEYS.keys() - {*FIELD}
_OURS_AT_TOP: Final = MAPPING_KEYS.keys() - {*TOP}


class Word(NamedTuple):
    """What only one of the two languages has: a word, or (without one) a list where the SDK has a text."""

    sdk: bool
    said: str
    at: Pointer


def is_sdk(doc: Any) -> bool:
    """Whether a mapping file is in the SDK's dialect: it says so, or holds a word that only the SDK has."""
    if not isinstance(doc, dict) or "steps" in doc or "source" in doc or doc.get("dialect") == "engine":
        return False
    if doc.get("dialect") == "sdk":
        return True
    sides = [word.sdk for word in _words(doc)]
    return True in sides or (any(key in doc for key in _WEAK) and False not in sides)


def mixed(doc: Any) -> tuple[Word, Word] | None:
    """A word of each language, of the fewer first, where both stand in a file that does not say which it is in."""
    if not is_sdk(doc) or "dialect" in doc:
        return None
    words = [word for word in _words(doc) if word.said]
    few, many = sorted(([word for word in words if word.sdk is side] for side in (True, False)), key=len)
    return (few[0], many[0]) if few else None


def _words(doc: Mapping[str, Any]) -> Iterator[Word]:
    for key in doc:
        if key in _STRONG or key in _OURS_AT_TOP:
            yield Word(key in _STRONG, key, (key,))
    yield from _of_fields(doc.get("fields"), ("fields",), inline="nodes" in doc or "mutation" in doc)


def _of_fields(fields: Any, at: Pointer, *, inline: bool) -> Iterator[Word]:
    """`inline`: a configuration without a key of the SDK holds children by their names."""
    for name, config in fields.items() if isinstance(fields, dict) else ():
        there = (*at, name)
        if isinstance(config, list):
            yield Word(False, "", there)
        if isinstance(config, dict) and not (inline and config.keys().isdisjoint(RESERVED)):
            for key, item in config.items():
                yield from _of_key(key, item, (*there, key), inline=inline)


def _of_key(key: str, item: Any, at: Pointer, *, inline: bool) -> Iterator[Word]:
    if key in _FIELD_WORDS or key in _OURS_ONLY:
        yield Word(key in _FIELD_WORDS, key, at)
    elif key == "fields":
        yield from _of_fields(item, at, inline=inline)
    elif key in ("resolver", "source"):
        if _is_word(key, item):
            yield Word(True, item, at)
        elif not isinstance(item, str):
            yield Word(False, "", at)


def _is_word(key: str, text: Any) -> bool:
    if not isinstance(text, str):
        return False
    if key == "source":
        return text.startswith("$context")
    return text.startswith(("sdk.", "custom.")) or (text in TRANSFORMS and text != "trim")


def ours_for_key(key: str) -> str:
    """What a key that only the SDK has is in our language; empty for every other."""
    return KEYS.get(key, "")


def ours_for(word: str) -> str:
    """What a word of the SDK is in our language, whatever it is the name of."""
    return ours_for_key(word) or ours_for_resolver(word) or "`$vars`"


def bare(name: str) -> str:
    """A resolver of the dialect without its family."""
    return name.removeprefix("sdk.").removeprefix("gm.")


def ours_for_resolver(name: str) -> str:
    """What a resolver of the SDK is in our language; empty for what is none of its names."""
    if name.startswith("custom."):
        return "`{type: python, function: module:name}`"
    known = bare(name) in RESOLVERS if name.startswith("sdk.") else name in TRANSFORMS
    return ours_of(bare(name)) if known else ""


def ours_of(known: str) -> str:
    """The resolver of ours that stands for one of the SDK's."""
    found = OURS.get(known)
    return f"`{found if isinstance(found, str) else found['type']}`" if found else "nothing: leave it out"
