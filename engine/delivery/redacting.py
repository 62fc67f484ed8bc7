"""What is never kept of a record that was rejected: `rejects: {redact: [paths]}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.language.paths import Path
from engine.language.picking import Name
from engine.language.values import Picked, paths_in
from engine.records import Value

HIDDEN: Final = "***"
RAW: Final = ("raw", "raw_base64")


class Redactor:
    """Takes what some paths lead to out of the lines of the reject store."""

    def __init__(self, picks: Sequence[Picked]) -> None:
        self._paths = [_names(path) for picked in picks for path in paths_in(picked)]

    def __call__(self, line: dict[str, Any]) -> dict[str, Any]:
        """The line without them; its raw bytes cannot be cut, and are left out. An error may quote the value."""
        if not self._paths:
            return line
        kept = {key: value for key, value in line.items() if key not in RAW}
        record = kept["record"]
        for names in self._paths:
            record = _without(record, names)
        return {**kept, "record": record, "errors": [_silent(error) for error in kept["errors"]]}


def _silent(error: Mapping[str, Any]) -> dict[str, Any]:
    """An error without what it quotes: that may be one of those values, under another name."""
    return {**error, "value": HIDDEN, "message": "not said: `redact` hides values of this record"}


def _names(path: Path) -> tuple[str, ...]:
    return tuple(step.text for step in path.steps if isinstance(step, Name))


def _without(value: Value, names: Sequence[str]) -> Value:
    """The value with what the names lead to hidden, in every item of a list on the way."""
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    if not names:
        return HIDDEN
    if not isinstance(value, dict) or names[0] not in value:
        return value
    return {**value, names[0]: _without(value[names[0]], names[1:])}
