"""The functions that are no resolvers: they look at what is blank, go over lists, or are known before the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Described(NamedTuple):
    """A function for the reference page: how it is called, what it means, and an example."""

    written: str
    meaning: str
    example: str


FUNCTIONS: Final[Mapping[str, Described]] = {
    "get": Described(
        "get(path)", "What a path leads to that cannot be written as dotted names.", 'get("lines[*].sku")'
    ),
    "present": Described(
        "present(x)", "Whether the value is there: not missing, not null, not empty text.", "present(email)"
    ),
    "coalesce": Described(
        "coalesce(a, b, ..)", "The first value that is not blank; the last where all are.", 'coalesce(nick, name, "?")'
    ),
    "sum": Described(
        "sum(..)", "Numbers added up; 0 for none.", 'sum(int(i.qty) * i.price for i in items if i.type == "A")'
    ),
    "min": Described("min(..)", "The least of numbers, texts or times; missing for none.", "min(a, b, 100)"),
    "max": Described("max(..)", "The greatest of numbers, texts or times; missing for none.", "max(0, onHand - 5)"),
    "any": Described(
        "any(..)", "Whether one is true; false for none, and no further than needed.", "any(i.gift for i in items)"
    ),
    "all": Described(
        "all(..)", "Whether all are true; true for none, and no further than needed.", "all(i.qty > 0 for i in items)"
    ),
    "duration": Described(
        "duration(text)", "A length of time that moves a time, beside `+` or `-`.", 'placed + duration("7d")'
    ),
}
"""Each function by name; `sum min max any all` go over their arguments, over one list, or over one loop."""

AGGREGATES: Final = ("sum", "min", "max", "any", "all")
EVALUATED: Final = (*AGGREGATES, "present", "coalesce")
