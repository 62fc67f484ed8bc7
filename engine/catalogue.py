"""The catalogue of error codes: a page for each, kept as data in `codes.toml`."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from typing import Any


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Every code with its title, cause, example and remedy, in the order of the codes."""
    with open(os.path.join(os.path.dirname(__file__), "codes.toml"), "rb") as file:
        return dict(sorted(tomllib.load(file).items()))


def page(code: str, entry: dict[str, Any]) -> str:
    """One code's page as text."""
    parts = [f"{code}: {entry['title']}", "", entry["cause"].strip(), ""]
    if example := entry.get("example", "").strip():
        parts += ["For example:", "", *(f"    {line}" for line in example.splitlines()), ""]
    return "\n".join([*parts, "What to do:", "", entry["remedy"].strip()])
