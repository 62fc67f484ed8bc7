"""Parts of a file in the dialect that stand for themselves: nodes, targets with numbers, bounds of arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.dialect import sources
from engine.dialect.chains import Body, Op, Render
from engine.dialect.hearing import Inside
from engine.dialect.picking import Picker
from engine.dialect.sources import Key, Step
from engine.dialect.words import NODE

SLOT: Final = re.compile(r"([^\[\]]+)\[([0-9]+)\](?:\.(.+))?")

Slots = dict[int, dict[str, tuple[str, Any]]]
"""For each number of a target `list[n].rest`: the configuration by its rest, with its whole name."""


def node_field(name: str, node: Any, picker: Picker, render: Render) -> Any:
    """What is cut out of the record before its fields are made, as a working field."""
    hearing, there = picker.hearing, ("nodes", name)
    node = {"extract": node} if isinstance(node, str) else node
    if not isinstance(node, dict) or not isinstance(node.get("extract"), str):
        hearing.refuse(there, f"the node `{name}` has no `extract`", "it is the path of what is cut out")
        return {"value": None}
    hearing.unknown_keys(node, NODE, there)
    if node.get("parse") not in (None, "json"):
        message = (
            "this version parses no XML inside a record" if node["parse"] == "xml" else "`parse` is `json` or `xml`"
        )
        hearing.refuse((*there, "parse"), message, "write `parse: json`, or read the node whole", code="S343")
    steps = picker.said(node["extract"], Inside("nodes"), (*there, "extract")).steps
    fallbacks = [sources.written((Key(key), *steps)) + " | @" for key in ("completeData", "body")]
    ops = [Op(what) for what, asked in (("unescape", node.get("unescape")), ("json", node.get("parse"))) if asked]
    ops += [Op("require", {"source": node["extract"]})] if node.get("required") else []
    return render({"source": [sources.written(steps), *fallbacks]}, ops)


def by_number(configs: Mapping[str, Any]) -> dict[str, Slots]:
    """The targets with numbers, gathered under the name of their list."""
    lists: dict[str, Slots] = {}
    for name, config in configs.items():
        if slot := SLOT.fullmatch(str(name)):
            lists.setdefault(slot[1], {}).setdefault(int(slot[2]), {})[slot[3] or ""] = (str(name), config)
    return lists


def array(each: Any, fields: Body, config: Mapping[str, Any]) -> Body:
    """The field that makes an array; one that is not there is empty unless required.

    A default is final, and an empty one would break the bound: with it nothing is read as an empty list.
    """
    least = least_of(config)
    body = {"each": each, "fields": fields, **({"min_length": least} if least else {})}
    if config.get("required"):
        return {**body, "required": True}
    paths = each if isinstance(each, list) else [each]
    return {**body, "each": [*paths, "=[]"]} if least else {**body, "default": []}


def least_of(config: Mapping[str, Any]) -> int:
    """How many items an array needs."""
    validation = config.get("validation", config.get("_validation"))
    least = validation.get("minItems") if isinstance(validation, dict) else None
    return max(least, 0) if isinstance(least, int) else 0


def last_name(steps: Sequence[Step]) -> str:
    """The name that a path ends in."""
    return next((step.name for step in reversed(steps) if isinstance(step, Key)), "")
