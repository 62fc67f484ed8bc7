"""The steps of the original SDK's mappers that are no resolvers there: when it asks, fills, unwraps, reads elements.

Mapping files of its dialect are written in them, so that its own order is kept; nobody writes their names.
"""

from __future__ import annotations

import html
import re
from typing import Annotated, Any, Final, Literal

from engine.errors import RecordError
from engine.language.shapes import ANY, Shape
from engine.records import MISSING, is_blank
from engine.registry import Doc, Example
from engine.resolvers.sdk import sdk


@sdk(name="sdk.require", gives="any", examples=[Example("a", "a", options={"source": "x"}),
                                                Example("", error="R201", options={"source": "x"})])  # fmt: skip
def require(value: Any, *, source: Annotated[str, Doc("What the message names.")]) -> Any:
    """The value; nothing rejects the record before any resolver sees it."""
    if is_blank(value):
        found = "missing" if value is MISSING else "null" if value is None else "empty"
        raise RecordError("R201", f"required, but `{source}` is {found}", value)
    return value


@sdk(
    name="sdk.fill",
    gives="any",
    examples=[Example("", "NEW", options={"by": "NEW"}), Example("", "", options={"by": "NEW", "over": "null"})],
)
def fill(
    value: Any,
    *,
    by: Annotated[Any, Doc("The value that stands in.")],
    over: Annotated[Literal["blank", "null"], Doc("`null`: empty text stays.")] = "blank",
) -> Any:
    """The value; the default where there is nothing, before or behind the resolver as the mapper has it."""
    nothing = is_blank(value) if over == "blank" else value is None or value is MISSING
    return by if nothing else value


def _shape_of_items(options: Any, given: Shape, place: Any, scope: Any, report: Any) -> Shape:
    """What is known of the items stays known, also behind edges and nodes."""
    edges = given.fields.get("edges") if given.type == "object" else None
    if edges:
        edge = edges.item or ANY
        return Shape("list", item=edge.fields.get("node", edge), sure=True)
    return Shape("list", item=given.item if given.type == "list" else given, sure=True)


@sdk(
    name="sdk.items",
    gives="list",
    check=_shape_of_items,
    examples=[Example({"edges": [{"node": {"a": 1}}]}, [{"a": 1}]), Example({"a": 1}, [{"a": 1}])],
)
def items(value: Any) -> Any:
    """The items of an array: a list as it is, the nodes of `edges`, one object as a list of one."""
    if is_blank(value) or isinstance(value, list):
        return value
    if not isinstance(value, dict) or "edges" not in value:
        return [value]
    edges = value["edges"] or []
    return [_node(edge) for edge in edges] if isinstance(edges, list) else [value]


def _node(edge: Any) -> Any:
    return (edge.get("node") or edge) if isinstance(edge, dict) else edge


@sdk(
    name="sdk.slots",
    gives="any",
    examples=[
        Example([{"a": 1}, {}], [{"a": 1}]),
        Example([{}], MISSING),
        Example([{}, {"value": 5}], [None, 5], options={"values": [0, 1]}),
    ],
)
def slots(
    value: Any,
    *,
    values: Annotated[tuple[int, ...], Doc("The slots that hold a value, not an object of their own.")] = (),
) -> Any:
    """A list made by numbered targets: a slot that nothing reached is null or `{}`, and left out at the end."""
    reached = list(value)
    while reached and not reached[-1]:
        reached.pop()
    made = [slot.get("value") if number in values else slot for number, slot in enumerate(reached)]
    return made or MISSING


@sdk(name="sdk.length", gives="any", examples=[Example([1, 2], 2), Example("ab", 2), Example({"length": 5}, 5)])
def length(value: Any) -> Any:
    """What JavaScript has under `length`: of a list, of a text in UTF-16 units; of an object its own key."""
    if isinstance(value, dict):
        return value.get("length", MISSING)
    if isinstance(value, str):
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    return len(value) if isinstance(value, list) else MISSING


_CONTENT: Final = ("#text", "_")


@sdk(name="sdk.content", gives="any", examples=[Example({"#text": "5", "@unit": "kg"}, "5"), Example("5", "5")])
def content(value: Any) -> Any:
    """The text of an element that has attributes beside it and no children; any other value as it is."""
    if not isinstance(value, dict):
        return value
    texts = [key for key in value if key in _CONTENT]
    alone = len(texts) == 1 and all(key in _CONTENT or key == "$" or key.startswith("@") for key in value)
    return value[texts[0]] if alone else value


@sdk(name="sdk.unescape", gives="any", examples=[Example("a &amp; b", "a & b"), Example({"_": "&lt;"}, "<")])
def unescape(value: Any) -> Any:
    """A text with its HTML entities decoded, once; of an element its content."""
    if isinstance(value, dict):
        value = next((value[key] for key in (*reversed(_CONTENT), "value") if key in value), value)
    return _ENTITY(lambda match: html.unescape(match[0]), value) if isinstance(value, str) else value


_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});").sub
