"""What a record breaks of a user's JSON Schema, in our words."""

import socket
from decimal import Decimal

import pytest

from engine.language.jsontext import encode
from engine.spec.contracts import contract_of
from engine.spec.validate import keeps

BROKEN = [
    ({"type": "string"}, 7, "the record: expected text, found `7`"),
    ({"type": ["integer", "null"]}, "7", "the record: expected a whole number or nothing, found the text `7`"),
    ({"properties": {"a": {"type": "number"}}}, {"a": {"k": 1}}, "`a`: expected a number, found a map"),
    ({"required": ["a", "b", "c"]}, {"c": 1}, "the record: `a`, `b` are missing"),
    ({"required": ["a"]}, {}, "the record: `a` is missing"),
    ({"items": {"enum": ["A", 1, None]}}, ["B"], "`0`: `B` is not one of `A`, `1`, `null`"),
    ({"const": True}, False, "the record: `false` is not `true`"),
    ({"pattern": "^[a-z]$"}, "A", "the record: `A` does not match `^[a-z]$`"),
    ({"minimum": 0}, Decimal("-0.5"), "the record: `-0.5` is too small: at least 0"),
    ({"exclusiveMaximum": 5}, 5, "the record: `5` is too large: less than 5"),
    ({"minLength": 1}, "", "the record: the text `` is too short: at least 1 character"),
    ({"maxItems": 1}, [1, 2], "the record: a list is too long: at most 1 item"),
    ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1, "b": 2}, "the record: `b` is not allowed"),
    (
        {"patternProperties": {"^x-": {}}, "additionalProperties": False},
        {"x-a": 1, "b": 2, "c": 3},
        "the record: `b`, `c` are not allowed",
    ),
    ({"additionalProperties": {"type": "string"}}, {"a": 1}, "`a`: expected text, found `1`"),
    ({"patternProperties": {"^a": {"minimum": 2}}}, {"b": 1, "a1": 1}, "`a1`: `1` is too small: at least 2"),
    ({"pattern": "(a+)+$"}, "a" * 50 + "!", f"the record: `{'a' * 50}!` does not match `(a+)+$`"),
    ({"patternProperties": {"(a+)+$": {}}, "additionalProperties": False}, {"a" * 50 + "!": 1},
     f"the record: `{'a' * 50}!` is not allowed"),
    ({"pattern": r"^\pL$"}, "1", r"the record: `1` does not match `^\pL$`"),
    ({"pattern": "^a$"}, "a\n", "the record: `a\\n` does not match `^a$`"),
    ({"properties": {"a": {"$ref": "https://example.com/a.json"}}}, {"a": 1},
     "a reference of the schema leads nowhere: Unresolvable: https://example.com/a.json"),
    ({"$ref": "#"}, 1, "the record nests too deeply for the schema"),
    ({"uniqueItems": True}, [1, 1], "the record: [1, 1] has non-unique elements"),
]  # fmt: skip
"""A schema, a record, and what is said; of what has no words of ours, the library's stand."""


@pytest.mark.parametrize(("schema", "record", "said"), BROKEN)
def test_what_is_broken(schema, record, said):
    assert keeps(schema)(record) == said


def test_what_is_kept():
    assert keeps({"type": "object", "properties": {"a": {"type": "integer"}}})({"a": 1}) == ""


def test_a_schema_may_contain_itself():
    tree = {"type": "object", "properties": {"inner": {"$ref": "#"}}, "additionalProperties": False}
    assert keeps(tree)({"inner": {"inner": {}}}) == ""
    assert keeps(tree)({"inner": {"other": 1}}) == "`inner`: `other` is not allowed"


UNUSABLE = [
    ({"$ref": "https://example.com/a.json"}, "`$ref: https://example.com/a.json` leads out of the file"),
    ({"items": {"$dynamicRef": "file:///etc/hosts"}}, "`$dynamicRef: file:///etc/hosts` leads out of the file"),
    ({"not": {"$recursiveRef": "other.json"}}, "`$recursiveRef: other.json` leads out of the file"),
    ({"$dynamicRef": "#/$defs/a"}, "`$dynamicRef: #/$defs/a` leads nowhere"),
    ({"$ref": "#/required", "required": ["a"]},
     "`$ref: #/required` leads to no schema: `the whole`: ['a'] is not of type 'object', 'boolean'"),
    ({"properties": {"a": {"$id": "https://example.com/", "$ref": "#/$defs/b"}}, "$defs": {"b": {}}},
     "`$id` below the top makes another schema"),
    ({"$defs": {"a": {"$schema": "https://example.com/draft"}}}, "`$schema` below the top makes another schema"),
    ({"$ref": "#"}, "a reference leads back to where it stands"),
    ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "a reference leads back to where it stands"),
    ({"dependentSchemas": {"a": {"allOf": [{"$ref": "#"}]}}}, "a reference leads back to where it stands"),
    ({"pattern": "(?=a)"}, "`(?=a)` is not a pattern: invalid perl operator: (?="),
    ({"$defs": {"a": {"patternProperties": {"(": {}}}}}, "`(` is not a pattern: missing ): ("),
    ({"allOf": [{"patternProperties": {"a": {}}}], "unevaluatedProperties": False},
     "`unevaluatedProperties` cannot stand in one file with `patternProperties`"),
]  # fmt: skip


@pytest.fixture
def contract(tmp_path):
    def read(schema):
        path, said = tmp_path / "a.json", []
        path.write_bytes(encode(schema))
        found = contract_of(str(path), "a.json", (), lambda code, at, message, help: said.append((code, message)))
        return found, said

    return read


@pytest.mark.parametrize(("schema", "reason"), UNUSABLE)
def test_what_no_record_can_be_held_against(contract, schema, reason):
    assert contract(schema) == (None, [("S324", f"`a.json` is not a JSON Schema: {reason}")])


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"inner": {"$ref": "#"}}},
        {"$id": "https://example.com/a.json", "$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
        {"properties": {"$ref": {"type": "string"}, "$id": {}, "pattern": {}}},
        {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {}}},
        {"pattern": r"^\pL+$"},
        True,
    ],
)
def test_what_a_record_can_be_held_against(contract, schema):
    found, said = contract(schema)
    assert (found.schema, said) == (schema, [])


def test_nothing_is_fetched(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("it asked the network"))
    assert "leads nowhere" in keeps({"$ref": "https://example.com/a.json"})(1)
