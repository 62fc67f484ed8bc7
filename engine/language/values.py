"""A value where a spec makes or picks one: a path, or behind a leading `=` an expression."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from engine.errors import OptionError
from engine.language.expressions import Expression, evaluator, expression_shape
from engine.language.frames import Frame
from engine.language.paths import Path, getter
from engine.language.scopes import Scope, path_shape
from engine.language.shapes import Shape
from engine.options import Pointer, Report
from engine.records import MISSING, Value, is_blank
from engine.spelling import describe

Picked = Path | Expression

_SLOT: Final = re.compile(r"(\{+[\w.$ -]*\w *\}+)")


class Pick:
    """The type of an option that picks a value."""

    kind = "path or `=expression`"
    schema = {"type": "string", "minLength": 1}  # noqa: RUF012

    @classmethod
    def parse(cls, value: Any) -> Picked:
        """The path or the expression that a text says."""
        text = str(value)
        if text.startswith("="):
            return Expression.parse(text)
        try:
            return Path.parse(text)
        except OptionError as error:
            help = as_expression(text) or _as_joined(text) if error.code in ("M201", "M206") else ""
            if not help:
                raise
            raise OptionError(error.code, error.message, help, error.span) from error


def as_expression(text: str) -> str:
    """What to write where a text is no path, and would be an expression; empty where it is none either."""
    try:
        Expression.parse(f"={text}")
    except OptionError:
        return ""
    return f"an expression begins with `=`: write `={describe(text)}`"


def _as_joined(text: str) -> str:
    """What to write where a text with slots stands, as in a file's name: the slots joined with what is between."""
    parts = [part for part in _SLOT.split(text) if part]
    slots = [_SLOT.fullmatch(part) for part in parts]
    if not any(slots):
        return ""
    if len(parts) == 1 and slots[0]:
        return f"write `{_slot(slots[0])}`"
    texts = [json.dumps(part, ensure_ascii=False) for part in parts]
    said = " + ".join(_slot(slot) if slot else text for slot, text in zip(slots, texts, strict=True))
    return f"write `={said}`" if as_expression(said) else ""


def _slot(slot: re.Match[str]) -> str:
    """The path of a slot: `{id}`, `{{ id }}`, and as templates have it `{unit.stem}`."""
    path = slot[0].strip("{} ").removeprefix("record.")
    return f"${path}" if path.startswith(("unit.", "run.", "vars.")) else path


def picker(picked: Picked) -> Callable[[Frame], Value]:
    """The function that gives the value from a frame."""
    return evaluator(picked) if isinstance(picked, Expression) else getter(picked)


def first_picker(several: Sequence[Picked]) -> Callable[[Frame], Value]:
    """The first value that is not blank; missing where all are. What comes after it is not looked at."""
    return first_of([picker(each) for each in several])


def first_of(getters: Sequence[Callable[[Any], Value]]) -> Callable[[Any], Value]:
    """The function that gives the first value of several that is not blank; missing where all are."""
    if len(getters) == 1:
        return getters[0]

    def first(node: Any) -> Value:
        for get in getters:
            value = get(node)
            if not is_blank(value):
                return value
        return MISSING

    return first


def pick_shape(picked: Picked, pointer: Pointer, scope: Scope, report: Report) -> Shape:
    """What it gives, as far as the evidence tells; problems go to the report."""
    shape = expression_shape if isinstance(picked, Expression) else path_shape
    return shape(picked, pointer, scope, report)  # type: ignore[arg-type]


def paths_in(picked: Picked) -> tuple[Path, ...]:
    """Every path that it reads."""
    return tuple(path for path, _ in picked.paths) if isinstance(picked, Expression) else (picked,)
