"""Templates: texts with `{root.key}` slots (LANGUAGE §10). A brace that opens no root is itself."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from engine.errors import OptionError, UnitError
from engine.language.frames import RUN_KEYS, UNIT_KEYS
from engine.records import MISSING

ROOTS: Final = ("unit", "run", "vars", "record", "request")
LONGEST_PART: Final = 200
SLASHED: Final = (("unit", "dir"),)
"""Slots whose own slashes separate folders; every other slot stays inside one segment."""

_SLOT: Final = re.compile(r"\{\{|\}\}|\{(" + "|".join(ROOTS) + r")\.([^{}:]*)(?::([^{}]*))?\}")
_CODES: Final = frozenset("%Y%m%d%H%M%S%j%y")
_CODE: Final = re.compile(r"%(.?)")
_KEPT: Final = frozenset(" ._@+=,-")

Encode = Callable[[str, "Slot"], str]


@dataclass(frozen=True)
class Slot:
    """One `{root.key:format}`; `span` is where it stands in the template."""

    root: str
    key: str
    format: str
    span: tuple[int, int]


@dataclass(frozen=True)
class Template:
    """A text whose slots are filled for each unit, run or record. Values are never interpolated again."""

    text: str
    parts: tuple[str | Slot, ...]

    kind = "template"
    schema = {"type": "string", "minLength": 1}  # noqa: RUF012

    @classmethod
    def parse(cls, value: Any) -> Template:
        """The template that a text says; OptionError M401 or M402 where a slot cannot be filled."""
        text = str(value)
        parts: list[str | Slot] = []
        at = 0
        for match in _SLOT.finditer(text):
            parts.append(text[at : match.start()])
            parts.append(match[0][0] if match[1] is None else _slot(match))
            at = match.end()
        return cls(text, tuple(part for part in (*parts, text[at:]) if part))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Its slots in order."""
        return tuple(part for part in self.parts if isinstance(part, Slot))

    @property
    def head(self) -> str:
        """The literal text before the first slot."""
        head = ""
        for part in self.parts:
            if isinstance(part, Slot):
                break
            head += part
        return head

    def render(self, roots: Mapping[str, Mapping[str, Any]], encode: Encode) -> str:
        """The text with each slot filled from `roots` and passed through `encode`."""
        return "".join(
            part if isinstance(part, str) else encode(_fill(part, roots), part) for part in self.parts
        )


def _slot(match: re.Match[str]) -> Slot:
    root, key, format = match[1], match[2].strip(), match[3] or ""
    slot = Slot(root, key, format, (match.start(), match.end() - match.start()))
    known = {"unit": UNIT_KEYS, "run": RUN_KEYS}.get(root)
    if not key or (known and key not in known):
        names = ", ".join(known or ("a name",))
        raise OptionError("M401", f"`{match[0]}` names nothing of `{root}`", f"known: {names}", slot.span)
    if match[3] is not None:
        _check_format(slot, match[0])
    return slot


def _check_format(slot: Slot, text: str) -> None:
    """Behind the colon stands a time format of numeric codes, so that a file name sorts."""
    codes = _CODE.findall(slot.format)
    if not codes or any(code not in _CODES or code == "%" for code in codes) or len(slot.format) > 60:
        known = "%Y %m %d %H %M %S %j %y"
        raise OptionError(
            "M402", f"`{text}` has no time format behind the colon", f"codes: {known}", slot.span
        )


def _fill(slot: Slot, roots: Mapping[str, Mapping[str, Any]]) -> str:
    value: Any = roots.get(slot.root, {}).get(slot.key, MISSING)
    if slot.format:
        if not isinstance(value, date):
            raise UnitError(
                "D301", f"`{{{slot.root}.{slot.key}:{slot.format}}}` is not a time", "leave the format out"
            )
        return _CODE.sub(lambda code: _time_part(value, code[1]), slot.format)
    return "" if value is MISSING or value is None else str(value)


def _time_part(value: date, code: str) -> str:
    clock = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return {
        "Y": f"{clock.year:04d}",
        "y": f"{clock.year % 100:02d}",
        "m": f"{clock.month:02d}",
        "d": f"{clock.day:02d}",
        "H": f"{clock.hour:02d}",
        "M": f"{clock.minute:02d}",
        "S": f"{clock.second:02d}",
        "j": f"{clock.timetuple().tm_yday:03d}",
    }[code]


def file_part(text: str, slot: Slot) -> str:
    """A slot's text as part of a file name: it never leaves its segment, nor the template's folder.

    What is not a letter, digit or ` ._@+=,-` is percent-encoded, as is a leading dot; over 200 bytes it is
    cut and hashed.
    """
    if (slot.root, slot.key) in SLASHED or slot.format:
        return "/".join(_segment(part) for part in text.split("/"))
    if not text:
        raise UnitError("D302", f"`{{{slot.root}.{slot.key}}}` is blank in a file name", "give it a value")
    return _segment(text)


def path_of(template: Template, roots: Mapping[str, Mapping[str, Any]]) -> str:
    """The path that a template names; a first slot that is blank does not move it to the root of the machine."""
    made = template.render(roots, file_part)
    return posixpath.normpath(made if template.text.startswith("/") else made.lstrip("/"))


def _segment(text: str) -> str:
    made = "".join(char if char.isalnum() or char in _KEPT else _percent(char) for char in text)
    if made.startswith("."):
        made = "%2E" + made[1:]
    if len(made.encode()) <= LONGEST_PART:
        return made
    cut = made.encode()[: LONGEST_PART - 17].decode(errors="ignore")
    return f"{cut}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())
