"""Patterns of a user's schema by RE2, where none takes longer than the text is; the names that it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from engine.language.patterns import Pattern


@cache
def _compiled(pattern: str) -> Pattern:
    return Pattern(pattern)


def matches(pattern: str, text: str) -> bool:
    """Whether a schema's pattern is found in a text."""
    return _compiled(pattern).extract(text, 0) is not None


def extra_names(record: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """The names that a schema neither knows nor has a pattern for."""
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return [name for name in record if name not in known and not any(matches(each, name) for each in patterns)]
