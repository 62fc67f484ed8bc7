"""What a record breaks of a user's JSON Schema, in our words."""

from decimal import Decimal

import pytest

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
    ({"uniqueItems": True}, [1, 1], "the record: [1, 1] has non-unique elements"),
]
"""A schema, a record, and what is said; of what has no words of ours, the library's stand."""


@pytest.mark.parametrize(("schema", "record", "said"), BROKEN)
def test_what_is_broken(schema, record, said):
    assert keeps(schema)(record) == said


def test_what_is_kept():
    assert keeps({"type": "object", "properties": {"a": {"type": "integer"}}})({"a": 1}) == ""
