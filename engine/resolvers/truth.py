"""The family of truth: nothing is true by being there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from engine.errors import RecordError
from engine.language.calls import Place
from engine.language.scopes import Scope
from engine.language.shapes import Shape, scalar
from engine.options import Report
from engine.registry import Doc, Example, resolver
from engine.spelling import show

WORDS: Final = {
    "true": True,
    "1": True,
    "yes": True,
    "y": True,
    "false": False,
    "0": False,
    "no": False,
    "n": False,
}


def _both(options: Mapping[str, Any], given: Shape, place: Place, scope: Scope, report: Report) -> Shape:
    """Words for true alone would make nothing false: one list without the other is reported."""
    for one, other in (("true", "false"), ("false", "true")):
        if options.get(one) is not None and options.get(other) is None:
            at = place.pointer if place.span else (*place.pointer, one)
            help = f"add the texts that mean {other}, as in `{other}: [..]`"
            report("M324", at, f"`bool` has `{one}` without `{other}`", help, span=place.span)
    return scalar("bool")


@resolver(
    takes=("text", "bool"),
    gives="bool",
    check=_both,
    examples=[
        Example("Yes", True),
        Example("0", False),
        Example("J", True, options={"true": ["J"], "false": ["N"]}),
        Example("on", error="R215"),
    ],
)
def bool_(
    value: Any,
    *,
    true: Annotated[list[str] | None, Doc("The texts that mean true, compared exactly; needs `false` too.")] = None,
    false: Annotated[list[str] | None, Doc("The texts that mean false, compared exactly; needs `true` too.")] = None,
) -> bool:
    """Whether the text is one of `true 1 yes y` (in any case) and not one of `false 0 no n`.

    Given `true` and `false`, their texts alone count. Anything else is refused.
    """
    if isinstance(value, bool):
        return value
    if true is None and false is None:
        known = WORDS.get(value)
        known = WORDS.get(value.lower()) if known is None else known
    else:
        known = _among(value, true, false)
    if known is None:
        raise RecordError("R215", f"{show(value)} is neither true nor false{_hint(true, false)}", value)
    return known


def _among(value: str, true: Sequence[str] | None, false: Sequence[str] | None) -> bool | None:
    if true is None or false is None:
        raise RecordError("R215", "`true` and `false` go together: give both lists", value)
    return True if value in true else False if value in false else None


def _hint(true: Sequence[str] | None, false: Sequence[str] | None) -> str:
    words = ["true", "false", "1", "0", "yes", "no", "y", "n"] if true is None else [*true, *(false or ())]
    return f": it has to be one of {', '.join(words)}"
