"""`expects.schema`: the output as another system describes it, held against what the steps are known to make."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from engine.errors import OptionError, RecordError, SpecError
from engine.language.patterns import Pattern
from engine.language.shapes import Shape
from engine.options import Pointer, Report
from engine.plan import Contract
from engine.spec import reader
from engine.spec.validate import is_schema
from engine.spelling import either, listed, suggest

JSON_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("string",),
    "date": ("string",),
    "instant": ("string",),
    "local": ("string",),
    "int": ("integer", "number"),
    "decimal": ("number",),
    "float": ("number",),
    "bool": ("boolean",),
    "list": ("array",),
    "object": ("object",),
}
"""How each type of the language is written, in the types of JSON Schema."""
RESOLVERS: Final = {"string": "text", "integer": "int", "number": "decimal", "boolean": "bool", "array": "list"}

REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
BESIDE: Final = (*REFERENCES, "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
"""The keywords whose schemas are held against the same value, not against a part of it."""


def contract_of(path: str, name: str, at: Pointer, report: Report) -> Contract | None:
    """The contract that a file holds, None where it holds none."""
    if not os.path.isfile(path):
        report("S324", at, f"the schema `{name}` is not there", "the path starts at this file's folder")
        return None
    try:
        schema = reader.read(path, os.path.relpath(path)).value
        reason = is_schema(schema) or next(_unusable(schema), "")
    except (SpecError, RecordError) as error:
        reason = str(getattr(error, "message", error))
    except RecursionError:
        reason = "it nests too deeply"
    if reason:
        report("S324", at, f"`{name}` is not a JSON Schema: {reason}", "give the schema of one record that is written")
        return None
    return Contract(schema, name)


def check_contract(contract: Contract, shape: Shape, at: Pointer, report: Report) -> None:
    """Report where what the steps make cannot keep the contract, field by field."""
    _check(contract.schema, shape, (), contract, at, report)


def _check(schema: Any, shape: Shape, name: tuple[str, ...], contract: Contract, at: Pointer, report: Report) -> None:
    schema = _resolved(schema, contract.schema)
    if not isinstance(schema, Mapping):
        return
    if not _fits(schema, shape):
        wanted = _types(schema)
        help = f"write the resolver `{RESOLVERS[wanted[0]]}`" if wanted[0] in RESOLVERS else "make an object of it"
        field = f"`{'.'.join(name)}`" if name else "the record"
        report("M317", at, f"{field} is {shape.type}, `{contract.file}` wants {either(wanted)}", help)
        return
    if shape.type == "object":
        _check_members(schema, shape, name, contract, at, report)
    elif shape.type == "list" and shape.item and "items" in schema:
        _check(schema["items"], shape.item, (*name, "[]"), contract, at, report)


def _check_members(
    schema: Mapping[str, Any], shape: Shape, name: tuple[str, ...], contract: Contract, at: Pointer, report: Report
) -> None:
    members = schema.get("properties") or {}
    made = {each: shape.fields[each] for each in shape.fields if each not in shape.working}
    for member in schema.get("required") or () if shape.closed else ():
        if member not in made:
            near = suggest(str(member), made)
            help = f"`{near}` is made: is it the same?" if near else "make it in the last map"
            missing = ".".join((*name, member))
            report("M318", at, f"`{missing}` is required by `{contract.file}`, no field makes it", help)
    for member, inner in made.items():
        if member in members:
            _check(members[member], inner, (*name, member), contract, at, report)
        elif schema.get("additionalProperties") is False and not schema.get("patternProperties"):
            near = suggest(member, members)
            help = f"did you mean `{near}`?" if near else f"it knows {listed(members)}"
            report("M319", at, f"`{'.'.join((*name, member))}` is not allowed by `{contract.file}`", help)


def _resolved(schema: Any, top: Any) -> Any:
    """A definition of the same file in place of a reference to it; None where references go in a circle."""
    for _ in range(16):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if reference is None:
            return schema
        schema = _referred(reference, top)
    return None


def _referred(reference: str, top: Any) -> Any:
    """What `#/..` leads to, None where nothing is there."""
    found = top
    for part in reference.removeprefix("#").split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _unusable(top: Any) -> Iterator[str]:
    """Why no record can be held against it: a run reads no other file and no address, and comes to an end."""
    parts = list(_parts(top))
    asked = {(word, part[word]) for part in parts for word in REFERENCES if isinstance(part.get(word), str)}
    for word, reference in sorted(asked):
        yield from _lost(word, reference, top)
    inside = (word for part in parts[1:] for word in ("$id", "$schema") if isinstance(part.get(word), str))
    yield from (f"`{word}` below the top makes another schema" for word in inside)
    yield from (error for part in parts for error in _no_patterns(part))
    if all(any(word in part for part in parts) for word in ("unevaluatedProperties", "patternProperties")):
        yield "`unevaluatedProperties` cannot stand in one file with `patternProperties`"
    done: set[int] = set()
    if any(_circles(part, top, set(), done) for part in parts):
        yield "a reference leads back to where it stands"


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every map in it, the outer ones first."""
    if isinstance(schema, Mapping):
        yield schema
    for each in _members(schema):
        yield from _parts(each)


def _members(schema: Any) -> Iterable[Any]:
    return schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()


def _lost(word: str, reference: str, top: Any) -> Iterator[str]:
    """What is wrong with a reference: each leads to a schema in the same file."""
    found = top if reference == "#" else _referred(reference, top)
    if reference != "#" and not reference.startswith("#/"):
        yield f"`{word}: {reference}` leads out of the file"
    elif found is None:
        yield f"`{word}: {reference}` leads nowhere"
    elif found is not top and (reason := is_schema(found)):
        yield f"`{word}: {reference}` leads to no schema: {reason}"


def _no_patterns(schema: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with its patterns: they are RE2, as all of a spec's."""
    named = schema.get("patternProperties")
    for text in (schema.get("pattern"), *(named if isinstance(named, Mapping) else ())):
        try:
            Pattern.parse(text) if isinstance(text, str) else None
        except OptionError as error:
            yield error.message


def _circles(schema: Any, top: Any, open: set[int], done: set[int]) -> bool:
    """Whether a value comes to be held against the same schema again, before any part of it is."""
    if not isinstance(schema, Mapping) or id(schema) in done:
        return False
    if id(schema) in open:
        return True
    circles = any(_circles(each, top, open | {id(schema)}, done) for each in _beside(schema, top))
    done.add(id(schema))
    return circles


def _beside(schema: Mapping[str, Any], top: Any) -> Iterator[Any]:
    """The schemas that the same value is held against."""
    for word in BESIDE:
        found = schema.get(word)
        if word in REFERENCES:
            yield _referred(found, top) if isinstance(found, str) else None
        elif word in ("allOf", "anyOf", "oneOf", "dependentSchemas"):
            yield from _members(found)
        else:
            yield found


def _types(schema: Mapping[str, Any]) -> list[str]:
    said = schema.get("type")
    return [said] if isinstance(said, str) else list(said or ())


def _fits(schema: Mapping[str, Any], shape: Shape) -> bool:
    """Whether a value of this type may be one that the schema takes."""
    wanted = _types(schema)
    return not wanted or shape.type == "any" or any(each in wanted for each in JSON_TYPES[shape.type])
