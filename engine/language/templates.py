"""Templates: texts with slots such as `{unit.stem}`, `{vars.x}`, `{run.started_at:%Y%m%d}`.

A slot begins with one of the roots `unit`, `run`, `vars`; a brace that opens no root is itself, `{{` with its `}}` are
braces where a root would follow. Behind a colon stands a format of a time, in UTC, made of `%Y %m %d %H %M %S %j %y`.
What a slot holds is never looked at for slots again.

| slot | holds |
|---|---|
| `{unit.name}`, `{unit.stem}`, `{unit.ext}` | the file's name; what stands before its suffixes; those |
| `{unit.dir}`, `{unit.path}`, `{unit.id}` | its folder below those that the source names; its path; its id |
| `{unit.size}`, `{unit.mtime}`, `{unit.date}` | its bytes, the time of its last change, the day of that |
| `{run.id}`, `{run.started_at}`, `{run.pipeline}` | the run that first tried this version, its start; the name |
| `{vars.x}` | a variable |
| `{record.address.city}` | what a path finds in the record, in texts that are made for one; no time: as it is |

In file names a slot never leaves the folder that the literal text before it names, and stays inside one segment: what
is not a letter, a digit or one of ` ._@+=,-` is percent-encoded, as are a dot at the front of a segment and blanks at
the ends of a slot, which some stores trim. `{unit.dir}` and `/` in a time format keep their slashes. Over 200 bytes a
slot is cut and hashed; one with nothing but blank space fails the unit.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from engine.errors import OptionError, UnitError
from engine.language.frames import RUN_KEYS, UNIT_KEYS
from engine.language.jsontext import encode
from engine.language.paths import Path
from engine.language.picking import Name, Step, take
from engine.language.shapes import type_of
from engine.language.times import in_zone, text_of
from engine.records import MISSING, Instant, Leaf
from engine.spelling import WHITE_SPACE, suggest

ROOTS: Final = ("unit", "run", "vars", "record", "request")
LONGEST_PART: Final = 200
RECORDS: Final = ("record", "request")
"""The roots whose slots are paths."""
SLASHED: Final = (("unit", "dir"),)
"""Slots whose own slashes separate folders; every other slot stays inside one segment."""

_SLOT: Final = re.compile(r"\{\{|\}\}|\{(" + "|".join(ROOTS) + r")\.([^{}:]*)(?::([^{}]*))?\}")
_CODES: Final = frozenset("%Y%m%d%H%M%S%j%y")
_CODE: Final = re.compile(r"%(.?)")
_KEPT: Final = frozenset(" ._@+=,-")

_STRAY: Final = re.compile(r"(?<!\$)\{([^{}/]*)\}?")

RUN_ROOTS: Final = ("unit", "run", "vars")
"""The roots of what is written once a unit."""

Encode = Callable[[str, "Slot"], str]


@dataclass(frozen=True)
class Slot:
    """One `{root.key:format}`: `span` says where it stands, `leads` whether a segment begins with it.

    `steps` lead to what it holds: one name, and of a record any dotted path.
    """

    root: str
    key: str
    format: str
    span: tuple[int, int]
    leads: bool = True
    steps: tuple[Step, ...] = ()

    @property
    def of_run(self) -> bool:
        """Whether it may differ from run to run."""
        return self.root == "run" and self.key in ("id", "started_at")

    @property
    def slashed(self) -> bool:
        """Whether its own slashes separate folders."""
        return (self.root, self.key) in SLASHED or bool(self.format)

    def __str__(self) -> str:
        return f"{{{self.root}.{self.key}{f':{self.format}' if self.format else ''}}}"


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
        return cls(text, tuple(part for part in _parts(text) if part))

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

    @property
    def inside(self) -> Template:
        """The same names below the folder that they are relative to, whatever `/` or `..` they begin with."""
        *folders, name = self.head.split("/")
        head = "/".join([*(each for each in folders if each not in ("", ".", "..")), name])
        start = self.slots[0].span[0] if self.slots else len(self.text)
        first = self.parts.index(self.slots[0]) if self.slots else len(self.parts)
        return Template(head + self.text[start:], (head, *self.parts[first:]))

    def render(self, roots: Mapping[str, Mapping[str, Any]], encode: Encode) -> str:
        """The text with each slot filled from `roots` and passed through `encode`."""
        return "".join(part if isinstance(part, str) else encode(_fill(part, roots), part) for part in self.parts)

    def filled(self, roots: Mapping[str, Mapping[str, Any]]) -> str:
        """The text with each slot filled as it is; what holds none of a root's keys is blank there."""
        return self.render(roots, lambda text, _: text)

    def say(self, roots: Mapping[str, Mapping[str, Any]]) -> str:
        """The text for people: slots as they are, also one with a time format that holds no time."""
        said = (part if isinstance(part, str) else _written(part, held(part, roots[part.root])) for part in self.parts)
        return "".join(said)


class TextPlace(NamedTuple):
    """A text with slots, where it stands in the spec, and the roots that it sees."""

    template: Template
    pointer: tuple[str | int, ...]
    roots: tuple[str, ...]


def _parts(text: str) -> Iterator[str | Slot]:
    """Literals and slots; `{{` is one brace, and so is a `}}` that pairs with it."""
    at = doubled = 0
    segment = ""  # what stands before the slot in its segment
    for match in _SLOT.finditer(text):
        literal = text[at : match.start()]
        segment = (segment + literal).rsplit("/", 1)[-1]
        yield literal
        if match[1] is not None:
            slot = _slot(match, leads=not segment.strip("."))
            segment = "" if slot.slashed else segment + "x"
            yield slot
        else:
            single = match[0] == "{{" or doubled > 0
            doubled += 1 if match[0] == "{{" else -single
            segment += match[0]
            yield match[0][0] if single else match[0]
        at = match.end()
    yield text[at:]


def strays(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """What stands behind braces that open no root, with its place: it is itself, and was meant as a slot perhaps."""
    rest = _SLOT.sub(lambda slot: " " * len(slot[0]), text)
    yield from ((match[1], (match.start(), len(match[0]))) for match in _STRAY.finditer(rest))


def _slot(match: re.Match[str], *, leads: bool) -> Slot:
    root, key, format = match[1], match[2].strip(), match[3] or ""
    span = (match.start(), match.end() - match.start())
    steps = _record_steps(key, match[0], span) if root in RECORDS and key else (Name(key),)
    slot = Slot(root, key, format, span, leads, steps)
    known = {"unit": UNIT_KEYS, "run": RUN_KEYS}.get(root)
    if not key or (known and key not in known):
        near = suggest(key, known or ())
        names = f"known: {', '.join(known)}" if known else f"write `{{{root}.name}}`"
        help = f"did you mean `{{{root}.{near}}}`?" if near else names
        raise OptionError("M401", f"`{match[0]}` names nothing of `{root}`", help, slot.span)
    if match[3] is not None:
        _check_format(slot, match[0])
    return slot


def _record_steps(key: str, text: str, span: tuple[int, int]) -> tuple[Step, ...]:
    """The steps of a path into a record; one that starts elsewhere, or asks for more, is none."""
    path = Path.parse(key)
    if path.query or path.head:
        raise OptionError("M401", f"`{text}` is not a path into the record", "write dotted names and `[0]`", span)
    return path.steps


def _check_format(slot: Slot, text: str) -> None:
    """Behind the colon stands a time format of numeric codes, so that a file name sorts."""
    codes = _CODE.findall(slot.format)
    if not codes or any(code not in _CODES or code == "%" for code in codes) or len(slot.format) > 60:
        known = "%Y %m %d %H %M %S %j %y"
        raise OptionError("M402", f"`{text}` has no time format behind the colon", f"codes: {known}", slot.span)


def _fill(slot: Slot, roots: Mapping[str, Mapping[str, Any]]) -> str:
    value = held(slot, roots.get(slot.root, {}))
    if slot.format and not isinstance(value, date):
        if value is MISSING or value is None:
            raise UnitError("D301", f"`{slot}` has no value in a file name", "give it a value")
        help = "leave the format out, or make it a day or a moment first: resolver `date`, `instant`"
        raise UnitError("D301", f"`{slot}` has a time format, and holds no time but {type_of(value)}", help)
    return _written(slot, value)


def _written(slot: Slot, value: Any) -> str:
    if slot.format and isinstance(value, date):
        return _CODE.sub(lambda code: _time_part(value, code[1]), slot.format)
    return _shown(value)


def held(slot: Slot, root: Any) -> Any:
    """What a slot names in its root; of a record, what its path leads to."""
    for step in slot.steps:
        root = take(root, step)
    return root


def _shown(value: Any) -> str:
    """A value as text, written as everywhere else; blank ones are empty, lists and objects are JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return text_of(value)
    if type(value) is Leaf:
        return value.text
    if isinstance(value, list | dict):
        return encode(value).decode()
    return "" if value is MISSING or value is None else str(value)


def _time_part(value: date, code: str) -> str:
    if isinstance(value, Instant) and value.tzinfo is not UTC:
        value = in_zone(value, UTC)
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

    What is not a letter, digit or ` ._@+=,-` is percent-encoded, as are the leading dot of a segment and blanks at the
    ends of the text; over 200 bytes it is cut and hashed.
    """
    if slot.slashed:
        return "/".join(_segment(part) for part in text.split("/"))
    if not text.strip(WHITE_SPACE):
        raise UnitError("D302", f"`{{{slot.root}.{slot.key}}}` is blank in a file name", "give it a value")
    return _segment(text, leads=slot.leads)


def path_of(template: Template, roots: Mapping[str, Mapping[str, Any]]) -> str:
    """The path that a template names; a first slot that is blank does not move it to the machine's root."""
    made = template.render(roots, file_part)
    return posixpath.normpath(made if template.text.startswith("/") else made.lstrip("/"))


def _segment(text: str, *, leads: bool = True) -> str:
    bare = text.strip(" ")
    made = "".join(char if char.isalnum() or char in _KEPT else _percent(char) for char in bare)
    if len(bare) < len(text):
        start = len(text) - len(text.lstrip(" "))
        made = "%20" * start + made + "%20" * (len(text) - len(bare) - start)
    if leads and made.startswith("."):
        made = "%2E" + made[1:]
    if len(made.encode()) <= LONGEST_PART:
        return made
    cut = made.encode()[: LONGEST_PART - 17].decode(errors="ignore")
    return f"{cut}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())
