"""A document against its schema: jsonschema finds, this says it in words of the spec, all problems at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from engine.options import Pointer
from engine.registry import KINDS, load_third_party
from engine.spec.located import Problems
from engine.spec.schema import NAME, SCHEMAS
from engine.spelling import describe, listed, suggest

WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "nothing",
}
MANY: Final = 14


def validate(value: Any, what: str, problems: Problems, pointer: Pointer = ()) -> None:
    """Report everything that the schema `what` refuses, and remember the places."""
    errors = list(_validator(what).iter_errors(value))
    if any(_names_stranger(error) for error in errors):
        load_third_party()
        _validator.cache_clear()
        errors = list(_validator(what).iter_errors(value))
    for error in errors:
        at = (*pointer, *error.absolute_path)
        if error.validator != "pattern" or not _parses_itself(error):
            SAYERS.get(error.validator, _say_other)(error, at, problems)
        if error.validator not in ("additionalProperties", "pattern"):
            problems.mark_broken([at])


def _names_stranger(error: Any) -> bool:
    """A component or resolver that is not ours may be a third party's."""
    return error.validator == "enum" and error.schema.get("title") in (*KINDS, "resolver")


def _parses_itself(error: Any) -> bool:
    """A quantity's own parser says better what is wrong with its text."""
    return str(error.validator_value).startswith("^[0-9]+")


@cache
def _validator(what: str) -> Any:
    """The validator of one schema; it goes straight to the one case that `type` names."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    schema = SCHEMAS[what]()
    every = Draft202012Validator.VALIDATORS["allOf"]

    def all_of(validator: Any, cases: Any, instance: Any, owner: Mapping[str, Any]) -> Iterator[Any]:
        kind = owner.get("x-kind")
        if kind is None:
            yield from every(validator, cases, instance, owner)
        elif isinstance(instance, dict) and f"{kind}.{instance.get('type')}" in schema["$defs"]:
            yield from validator.descend(instance, schema["$defs"][f"{kind}.{instance['type']}"])

    return extend(Draft202012Validator, {"allOf": all_of})(schema)  # type: ignore[no-untyped-call]


def _say_extra(error: Any, at: Pointer, problems: Problems) -> None:
    known = list(error.schema.get("properties", {}))
    for name in error.instance:
        if name not in known and not str(name).startswith("x-"):
            near = suggest(str(name), known)
            names = listed(known[:MANY]) + (", …" if len(known) > MANY else "")
            help = (
                f"did you mean `{near}`?" if near else f"known: {names}" if known else "it takes no options"
            )
            problems("S201", (*at, name), f"`{name}` is not a key of {_owner(error)}", help, key=True)


def _owner(error: Any) -> str:
    return str(error.schema.get("title") or "this map")


def _say_missing(error: Any, at: Pointer, problems: Problems) -> None:
    for name in error.validator_value:
        if name not in error.instance:
            doc = error.schema.get("properties", {}).get(name, {}).get("description", "")
            problems("S202", at, f"`{name}` is missing in {_owner(error)}", doc, key=True)


def _say_type(error: Any, at: Pointer, problems: Problems) -> None:
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    words = " or ".join(WORDS[each] for each in wanted)
    scalar = error.instance is not None and not isinstance(error.instance, str | list | dict)
    help = f'as text it is `"{_written(error.instance)}"`' if scalar and "string" in wanted else ""
    problems("S203", at, f"expected {words}, found {_found(error.instance)}", help)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _found(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else f"`{describe(_written(value))}`"


def _say_enum(error: Any, at: Pointer, problems: Problems) -> None:
    choices = [str(choice) for choice in error.validator_value]
    near = suggest(str(error.instance), choices)
    help = f"did you mean `{near}`?" if near else f"known: {listed(choices)}"
    kind = error.schema.get("title")
    if kind:
        problems("S204", at, f"`{describe(error.instance)}` is not a {kind}", help)
    else:
        problems(
            "S205",
            at,
            f"`{describe(_written(error.instance))}` is not one of {listed(choices)}",
            help if near else "",
        )


def _say_pattern(error: Any, at: Pointer, problems: Problems) -> None:
    key = "propertyNames" in error.absolute_schema_path
    message = f"`{describe(error.instance)}` is not a name"
    dashed = error.validator_value == NAME["pattern"]
    help = (
        "write lower-case letters, digits and `-`"
        if dashed
        else "write letters, digits and `_`, a letter first"
    )
    problems("S207", at if not key else (*at, error.instance), message, help, key=key)


def _say_range(error: Any, at: Pointer, problems: Problems) -> None:
    bound = error.validator_value
    relation = {
        "minimum": "at least",
        "minLength": "at least",
        "minItems": "at least",
        "minProperties": "at least",
    }
    unit = {"minLength": " characters", "maxLength": " characters", "minItems": " items", "maxItems": " items", "minProperties": " keys"}  # fmt: skip
    how = f"{relation.get(error.validator, 'at most')} {bound}{unit.get(error.validator, '')}"
    problems("S206", at, f"{_found(error.instance)} is out of range: {how}", "")


def _say_other(error: Any, at: Pointer, problems: Problems) -> None:
    problems("S203", at, error.message, "")


SAYERS: Final = {
    "additionalProperties": _say_extra,
    "required": _say_missing,
    "type": _say_type,
    "enum": _say_enum,
    "const": _say_enum,
    "pattern": _say_pattern,
    "minimum": _say_range,
    "maximum": _say_range,
    "minLength": _say_range,
    "maxLength": _say_range,
    "minItems": _say_range,
    "minProperties": _say_range,
}
