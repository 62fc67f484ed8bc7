"""JSON Schemas, made from the components and from the tables beside the code that reads each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine import registry
from engine.language.grammar import BLANKS, FIELD_KEYS
from engine.options import object_schema
from engine.registry import KINDS, class_options
from engine.spec.settings import ArchiveOptions, LimitOptions, VarOptions

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
NAME: Final = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"}

Schema = dict[str, Any]


def spec_schema() -> Schema:
    """The schema of a spec: one pipeline, or several beside the keys that they share."""
    pipeline = _pipeline_keys()
    nested = {"type": "object", "properties": pipeline, "additionalProperties": False, "title": "a pipeline"}
    properties = {
        **pipeline,
        "pipelines": {"type": "object", "additionalProperties": nested, "propertyNames": NAME, "minProperties": 1,
                      "description": "Several pipelines in one file; each takes the keys beside this one."},
    }  # fmt: skip
    return {
        "$schema": DRAFT,
        "title": "a spec",
        "type": "object",
        "properties": properties,
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "$defs": definitions(),
    }


def project_schema() -> Schema:
    """The schema of `engine.yaml`; connections are looked at where a spec uses them."""
    shared = {"connections": {"type": "object"}, "vars": _vars()}
    environment = {
        "type": "object",
        "properties": shared,
        "additionalProperties": False,
        "title": "an environment",
    }
    properties = {**shared, "environments": {"type": "object", "additionalProperties": environment}}
    return {
        "$schema": DRAFT,
        "title": "engine.yaml",
        "type": "object",
        "properties": properties,
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "$defs": definitions(),
    }


def mapping_schema() -> Schema:
    """The schema of a mapping file."""
    return {"$schema": DRAFT, **definitions()["mapping"], "$defs": definitions()}


SCHEMAS: Final[Mapping[str, Callable[[], Schema]]] = {
    "spec": spec_schema,
    "mapping": mapping_schema,
    "project": project_schema,
}
"""What documents are held against, by name."""


def _pipeline_keys() -> Schema:
    return {
        "name": {**NAME, "description": "Binds the state; the file's stem unless given."},
        "description": {"type": "string", "description": "One sentence, shown in listings."},
        "vars": _vars(),
        "connections": {
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/connection"},
            "description": "Named ends.",
        },
        "source": {"$ref": "#/$defs/source", "description": "Where records come from."},
        "parser": {
            "$ref": "#/$defs/parser",
            "description": "Bytes to records; by the source's extension unless given.",
        },
        "mapping": {"$ref": "#/$defs/mapping_or_path", "description": "How each output field is made."},
        "sink": {"$ref": "#/$defs/sink", "description": "Where records go."},
        "limits": _options(LimitOptions, "`limits`"),
        "archive": _options(ArchiveOptions, "`archive`"),
        "sample": {"type": "string", "description": "A file that shows what comes in: evidence for `check`."},
    }


def _vars() -> Schema:
    declared = _options(VarOptions, "a variable")
    return {
        "type": "object",
        "description": "Variables: `name: value`, or `name: {type: .., default: ..}`.",
        "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
        "additionalProperties": {**declared, "type": ["object", "string", "integer", "number", "boolean"]},
    }


def _options(cls: type, title: str) -> Schema:
    doc = (cls.__doc__ or "").strip()
    return {**object_schema(tuple(class_options(cls))), "title": title, "description": doc}


def definitions() -> Schema:
    """What schemas refer to: each component, each resolver, the grammar of fields."""
    made: Schema = {}
    for kind in KINDS:
        for name, found in registry.components(kind).items():
            made[f"{kind}.{name}"] = _described(found.options, name, f"{kind} `{name}`", found.doc)
        made[kind] = _by_type(kind, list(registry.components(kind)))
    for name, resolver in registry.resolvers().items():
        made[f"resolver.{name}"] = _described(resolver.options, name, f"resolver `{name}`", resolver.doc)
    made["resolver"] = _by_type("resolver", list(registry.resolvers()))
    return {**made, **_field_definitions()}


def _described(options: tuple[registry.Option, ...], name: str, title: str, doc: str) -> Schema:
    schema = object_schema(options, {"type": {"const": name}})
    return {"title": title, "description": doc, **schema}


def _by_type(kind: str, names: list[str]) -> Schema:
    """A bare name, or a map whose `type` picks the one schema that it is held against."""
    cases = [
        {"if": {"properties": {"type": {"const": name}}}, "then": {"$ref": f"#/$defs/{kind}.{name}"}} for name in names
    ]
    named = {"enum": names, "title": kind}
    choice = {
        "title": f"a {kind}",
        "properties": {"type": named},
        "required": ["type"],
        "allOf": cases,
        "x-kind": kind,
    }
    return {
        "type": ["object", "string"],
        "if": {"type": "string"},
        "then": named,
        "else": choice,
        "title": kind,
    }


def _field_definitions() -> Schema:
    keys = {name: {**schema, "description": doc} for name, (schema, doc) in FIELD_KEYS.items()}
    field = {
        "type": "object",
        "properties": keys,
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "title": "a field",
    }
    paths = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    mapping = {
        "fields": {"$ref": "#/$defs/fields", "description": "The fields by their targets, in the order written."},
        "pass_through": {
            "title": "`pass_through`",
            "type": ["boolean", "object"],
            "properties": {"except": {"type": "array", "items": {"type": "string"}}},
            "additionalProperties": False,
            "description": "Copy the input's fields first, but never one that `fields` names.",
        },
        "blank": {
            "enum": list(BLANKS),
            "description": "How blank results are written, unless a field says otherwise.",
        },
        "source": {"type": "string", "description": "What the paths of the map are relative to."},
        "dialect": {"enum": ["engine"], "description": "The dialect of a mapping file: this one."},
    }
    return {
        "field": {
            "title": "a field",
            "type": ["string", "array", "object"],
            "if": {"type": "object"},
            "then": field,
            "else": {"if": {"type": "array"}, "then": paths, "else": {"minLength": 1}},
        },
        "fields": {
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/field"},
            "description": "Each field by its name, and how it is made: `email: customer.email`.",
        },
        "resolvers": {
            "type": ["string", "object", "array"],
            "if": {"type": "array"},
            "then": {"items": {"$ref": "#/$defs/resolver"}, "minItems": 1},
            "else": {"$ref": "#/$defs/resolver"},
        },
        "mapping": {
            "type": "object",
            "title": "a mapping",
            "properties": mapping,
            "patternProperties": {"^x-": {}},
            "additionalProperties": False,
        },
        "mapping_or_path": {
            "type": ["object", "string"],
            "if": {"type": "object"},
            "then": {"$ref": "#/$defs/mapping"},
            "else": {"minLength": 1},
        },
    }
