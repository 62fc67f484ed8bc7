"""JSON Schemas, made from the components and from the tables beside the code that reads each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine import registry
from engine.language.keys import FIELD_KEYS, MAPPING_KEYS
from engine.options import object_schema
from engine.registry import KINDS, class_options
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
    shared = {"connections": {"type": "object"}, "vars": _vars(), "lookups": {"type": "object"}}
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
        "lookups": {
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/lookup"},
            "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
            "description": "Tables by name: `values`, or a source with `index`, read once a run.",
        },
        "mapping": {"$ref": "#/$defs/mapping_or_path", "description": "How each output field is made: one step `map`."},
        "steps": {
            "type": "array",
            "items": {"$ref": "#/$defs/step"},
            "minItems": 1,
            "description": "What happens to records, one step after the other; instead of `mapping`.",
        },
        "sink": {"$ref": "#/$defs/outlet", "description": "Where records go."},
        "sinks": {
            "type": "array",
            "items": {"$ref": "#/$defs/outlet"},
            "minItems": 1,
            "description": "Several sinks, asked in this order; instead of `sink`.",
        },
        "rejects": _options(RejectOptions, "`rejects`"),
        "limits": _options(LimitOptions, "`limits`"),
        "expects": _options(ExpectOptions, "`expects`"),
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
            made[f"{kind}.{name}"] = _described(found.options, name, f"{kind} `{name}`", found.doc, _keys(found.keys))
        made[kind] = _by_type(kind, registry.components(kind))
    for name, resolver in registry.resolvers().items():
        made[f"resolver.{name}"] = _described(resolver.options, name, f"resolver `{name}`", resolver.doc)
    made["resolver"] = _by_type("resolver", registry.resolvers())
    return {**made, **_outlet_definitions(), **_lookup_definitions(), **_field_definitions()}


def _outlet_definitions() -> Schema:
    """A sink of any type, with what every sink may say."""
    steps = {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}
    keys = {"mapping": {"$ref": "#/$defs/mapping_or_path"}, "steps": steps}
    own = tuple(option for option in class_options(SinkOptions) if option.name not in keys)
    made: Schema = {}
    for name, found in registry.components("sink").items():
        title = f"sink `{name}`"
        made[f"outlet.{name}"] = _described((*found.options, *own), name, title, found.doc, keys)
    chosen = _by_type("sink", registry.components("sink"))
    cases = [
        {**case, "then": {"$ref": case["then"]["$ref"].replace("/sink.", "/outlet.")}}
        for case in chosen["else"]["allOf"]
    ]
    return {**made, "outlet": {**chosen, "else": {**chosen["else"], "x-kind": "outlet", "allOf": cases}}}


def _lookup_definitions() -> Schema:
    """A table of values, or a source of any type with an index."""
    index = tuple(class_options(IndexOptions))
    made: Schema = {"lookup.values": _options(ValueOptions, "a lookup of `values`")}
    for name, found in registry.components("source").items():
        title = f"a lookup over `{name}`"
        made[f"lookup.{name}"] = _described((*found.options, *index), name, title, found.doc)
    chosen = _by_type("source", registry.components("source"))["else"]
    made["lookup"] = {
        "type": "object",
        "title": "a lookup",
        "description": "Write `{values: {..}}`, or a source with `index`.",
        "if": {"type": "object", "required": ["values"]},
        "then": {"$ref": "#/$defs/lookup.values"},
        "else": {**chosen, "title": "a lookup", "x-kind": "lookup", "allOf": [
            {**case, "then": {"$ref": case["then"]["$ref"].replace("/source.", "/lookup.")}} for case in chosen["allOf"]
        ]},
    }  # fmt: skip
    # It is never there, or `then` would hold: for editors, which offer what `else` knows.
    values = made["lookup.values"]["properties"]["values"]
    type = {**chosen["properties"]["type"], "description": "Write `values`, or the type of a source with `index`."}
    made["lookup"]["else"]["properties"] = {"type": type, "values": values}
    return made


def _described(
    options: tuple[registry.Option, ...], name: str, title: str, doc: str, keys: Mapping[str, Any] | None = None
) -> Schema:
    schema = object_schema(options, {"type": {"const": name}, **(keys or {})})
    return {"title": title, "description": doc, **schema}


def _by_type(kind: str, members: Mapping[str, registry.Component | registry.Resolver]) -> Schema:
    """A bare name, or a map whose `type` picks the one schema that it is held against."""
    cases = [
        {
            "if": {"type": "object", "properties": {"type": {"const": name}}, "required": ["type"]},
            "then": {"$ref": f"#/$defs/{kind}.{name}"},
        }
        for name in members
    ]
    named = {
        "enum": list(members),
        "enumDescriptions": [_sentence(each.doc) for each in members.values()],
        "title": kind,
    }
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
        **_offered(named),
    }


def _offered(what: Schema) -> Schema:
    """What editors offer where nothing is written yet: they do not look behind `then`. Refuses nothing."""
    return {"anyOf": [True, what]}


def _sentence(doc: str) -> str:
    """What an editor shows beside a name: the first paragraph, on one line."""
    return " ".join(doc.strip().split("\n\n")[0].split())


def _keys(keys: Mapping[str, tuple[Mapping[str, Any], str]]) -> Schema:
    return {name: {**schema, "description": doc} for name, (schema, doc) in keys.items()}


def _field_definitions() -> Schema:
    keys = _keys(FIELD_KEYS)
    field = {
        "type": "object",
        "properties": keys,
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "title": "a field",
    }
    paths = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    mapping = {
        **_keys(MAPPING_KEYS),
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
            **_offered({"$ref": "#/$defs/resolver"}),
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
