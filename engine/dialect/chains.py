"""What stands behind a picked value: the SDK's own order as resolvers, or the same in our language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from engine.dialect.words import OURS, bare
from engine.registry import find_resolver

Body = dict[str, Any]

SILENT: Final[Mapping[str, Any]] = {
    "sdk.parseInt": 0, "sdk.parseFloat": 0, "sdk.number": 0, "sdk.boolean": False, "sdk.toString": "",
    "sdk.gm.toBoolean": False, "sdk.gm.toString": "",
}  # fmt: skip
"""What a resolver of the SDK gives for nothing, where that is something."""


class Op(NamedTuple):
    """One step behind a value: `require`, `fill` (a default), `resolve` (by name), or another of the dialect's own."""

    what: str
    options: Mapping[str, Any] = {}


Render = Callable[[Body, Sequence[Op]], Any]


def exact(body: Body, ops: Sequence[Op]) -> Body:
    """The field with the dialect's resolvers, in the SDK's order."""
    if not ops:
        return body
    if [op.what for op in ops] == ["require"]:
        return {**body, "required": True}
    chain = [_used(op) for op in ops]
    last = ops[-1].what == "require"
    return {**body, "resolver": chain[: len(chain) - last] or [], **({"required": True} if last else {})}


def _used(op: Op) -> Any:
    if op.what == "resolve":
        return op.options["name"]
    return {"type": f"sdk.{op.what}", **op.options} if op.what != "json" else "json"


def ours(body: Body, ops: Sequence[Op]) -> Any:
    """The field in our language: equal on good input, and readable."""
    made = dict(body)
    names = [op.options["name"] for op in ops if op.what == "resolve"]
    chain = [OURS[bare(name)] for name in names if bare(name) in OURS]
    chain += [op.what for op in ops if op.what in ("json", "length")]
    required = any(op.what == "require" for op in ops)
    filled = next((i for i, op in enumerate(ops) if op.what == "fill"), None)
    if chain:
        made["resolver"] = chain[0] if len(chain) == 1 else chain
    if filled is not None:
        made |= _default(_resolved(ops[filled].options["by"], ops[filled + 1 :]), made)
    elif not required and (names or [""])[-1] in SILENT:
        made["default"] = SILENT[names[-1]]
    if required:
        made["required"] = True
    if "sdk.coalesce" in names:
        made["blank"] = "omit"
    return made["source"] if made.keys() == {"source"} else made


def _default(default: Any, made: Body) -> Body:
    """A default; one that is no text stands as the last source where the type of the others is not known."""
    typed = "resolver" in made or "source" not in made
    if typed or not isinstance(default, bool | int | Decimal):
        return {"default": default}
    said = made["source"] if isinstance(made["source"], list) else [made["source"]]
    return {"source": [*said, f"={str(default).lower()}"]}


def _resolved(default: Any, ops: Sequence[Op]) -> Any:
    """A default that the SDK would resolve: here it stands as the result."""
    for op in ops:
        found = find_resolver(op.options["name"], "sdk") if op.what == "resolve" else None
        default = found.function(default) if found else default
    return default
