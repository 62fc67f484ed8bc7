"""`expects.schema`: the output as another system describes it, held against what the steps are known to make."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from engine.errors import RecordError, SpecError
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


def contract_of(path: str, name: str, at: Pointer, report: Report) -> Contract | None:
    """The contract that a file holds, None where it holds none."""
    if not os.path.isfile(path):
        report("S324", at, f"the schema `{name}` is not there", "the path starts at this file's folder")
        return None
    try:
        schema = reader.read(path, os.path.relpath(path)).value
        reason = is_schema(schema) or next(_lost_references(schema, schema), "")
    except (SpecError, RecordError) as error:
        reason = str(getattr(error, "message", error))
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


def _lost_references(schema: Any, top: Any) -> Iterator[str]:
    """What is wrong with references: a run reads no other file and no address, so each leads into the same file."""
    inner = list(schema.values()) if isinstance(schema, Mapping) else schema if isinstance(schema, list) else []
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    if isinstance(reference, str) and reference != "#" and not reference.startswith("#/"):
        yield f"`$ref: {reference}` leads out of the file"
    elif isinstance(reference, str) and _referred(reference, top) is None:
        yield f"`$ref: {reference}` leads nowhere"
    for each in inner:
        yield from _lost_references(each, top)


def _types(schema: Mapping[str, Any]) -> list[str]:
    said = schema.get("type")
    return [said] if isinstance(said, str) else list(said or ())


def _fits(schema: Mapping[str, Any], shape: Shape) -> bool:
    """Whether a value of this type may be one that the schema takes."""
    wanted = _types(schema)
    return not wanted or shape.type == "any" or any(each in wanted for each in JSON_TYPES[shape.type])
