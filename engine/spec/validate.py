"""A document against its schema: jsonschema finds, this says it in words of the spec, all problems at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from engine.options import Pointer
from engine.registry import KINDS, load_third_party
from engine.spec.extras import extra_names, matches
from engine.spec.located import Problems
from engine.spec.saying import BROKEN, SAYERS, as_said, place_of, say_other
from engine.spec.schema import SCHEMAS


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
            SAYERS.get(error.validator, say_other)(error, at, problems)
        if error.validator not in ("additionalProperties", "pattern", "required"):
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
    definitions = schema["$defs"]
    every = Draft202012Validator.VALIDATORS["allOf"]

    def ref(validator: Any, name: str, instance: Any, owner: Any) -> Iterator[Any]:
        # Every reference of ours is to a definition of the same schema: no need to resolve an address.
        yield from validator.descend(instance, definitions[name.removeprefix("#/$defs/")])

    def if_(validator: Any, test: Mapping[str, Any], instance: Any, owner: Mapping[str, Any]) -> Iterator[Any]:
        # Every `if` of ours asks for a type or for a constant `type`: a look, not a validation of its own.
        if set(test) != {"type"}:
            yield from Draft202012Validator.VALIDATORS["if"](validator, test, instance, owner)
        elif (branch := owner.get("then" if validator.is_type(instance, test["type"]) else "else")) is not None:
            yield from validator.descend(instance, branch)

    def all_of(validator: Any, cases: Any, instance: Any, owner: Mapping[str, Any]) -> Iterator[Any]:
        kind = owner.get("x-kind")
        if kind is None:
            yield from every(validator, cases, instance, owner)
        elif isinstance(instance, dict) and f"{kind}.{instance.get('type')}" in definitions:
            yield from validator.descend(instance, definitions[f"{kind}.{instance['type']}"])

    return extend(Draft202012Validator, {"allOf": all_of, "$ref": ref, "if": if_})(schema)  # type: ignore[no-untyped-call]


def is_schema(schema: Any) -> str:
    """What is wrong with a user's own JSON Schema; empty where it is one."""
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import SchemaError

    try:
        # No format is checked: whether a pattern is one, RE2 says.
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(()))
    except SchemaError as error:
        return f"`{'.'.join(map(str, error.absolute_path)) or 'the whole'}`: {error.message}"
    return ""


def keeps(schema: Mapping[str, Any]) -> Callable[[Any], str]:
    """The function that says what is wrong with a record under a user's schema; empty where it keeps it."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import extend
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    ours = {"pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _additional}
    # A registry of its own: without one the library would fetch what a reference names.
    validator = extend(Draft202012Validator, ours)(schema, registry=Registry())  # type: ignore[no-untyped-call]

    def wrong(record: Any) -> str:
        try:
            error = best_match(validator.iter_errors(record))
        except RecursionError:
            return "the record nests too deeply for the schema"
        except Unresolvable as lost:
            return f"a reference of the schema leads nowhere: {lost}"
        return f"{place_of(error)}: {BROKEN.get(error.validator, as_said)(error)}" if error else ""

    return wrong


def _pattern(validator: Any, pattern: str, instance: Any, owner: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError("")  # what is wrong, `_broken_pattern` says


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, owner: Any) -> Iterator[Any]:
    for pattern, inner in patterns.items() if isinstance(instance, dict) else ():
        for name in instance:
            if matches(pattern, name):
                yield from validator.descend(instance[name], inner, path=name, schema_path=pattern)


def _additional(validator: Any, inner: Any, instance: Any, owner: Mapping[str, Any]) -> Iterator[Any]:
    from jsonschema import ValidationError

    extra = extra_names(instance, owner) if isinstance(instance, dict) else []
    if inner is False and extra:
        yield ValidationError("")  # which are not allowed, `_broken_extra` says
    elif inner is not False:
        for name in extra:
            yield from validator.descend(instance[name], inner, path=name)
