"""The words of the SDK: which keys and resolvers it has, which of them only it has, and what ours is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

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

_STRONG: Final = ("arguments", "nodes", "mutation", "sourceFormat", "operationName", "returnFields", "aliasBatching")
_WEAK: Final = ("version", "name", "description", "direction", "query", "comment")
_FIELD_WORDS: Final = frozenset(key for key in KEYS if key not in _STRONG)
_OURS_ONLY: Final = frozenset(
    ("default", "each", "pairs", "pairs_from", "list", "one_of", "pattern", "min", "max", "when", "on_error", "blank")
)


def is_sdk(doc: Any) -> bool:
    """Whether a mapping file is in the SDK's dialect: it says so, or holds a word that only the SDK has."""
    if not isinstance(doc, dict) or "steps" in doc or "source" in doc or doc.get("dialect") == "engine":
        return False
    if doc.get("dialect") == "sdk" or any(key in doc for key in _STRONG):
        return True
    words = list(_words(doc.get("fields")))
    return True in words or (any(key in doc for key in _WEAK) and False not in words)


def _words(fields: Any) -> Iterator[bool]:
    """For each word of one side that stands in the fields: whether it is the SDK's."""
    for config in fields.values() if isinstance(fields, dict) else ():
        if isinstance(config, list):
            yield False
        for key, item in config.items() if isinstance(config, dict) else ():
            if key in _FIELD_WORDS or (key in ("resolver", "source") and _is_word(key, item)):
                yield True
            elif key in _OURS_ONLY or (key in ("resolver", "source") and not isinstance(item, str)):
                yield False
            elif key == "fields":
                yield from _words(item)


def _is_word(key: str, text: Any) -> bool:
    if not isinstance(text, str):
        return False
    if key == "source":
        return text.startswith("$context")
    return text.startswith(("sdk.", "custom.")) or (text in TRANSFORMS and text != "trim")


def ours_for_key(key: str) -> str:
    """What a key that only the SDK has is in our language; empty for every other."""
    return KEYS.get(key, "")


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
