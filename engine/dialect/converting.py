"""A mapping file of the SDK written in our language: `engine fmt --convert`. Comments at its head say what differs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from engine.dialect.chains import ours
from engine.dialect.structure import convert
from engine.options import Pointer, Report

WIDTH: Final = 100
HEAD: Final = "# Converted from a mapping file of the original SDK."

_TEXT_ONLY: Final = "takes text alone, where the SDK leaves other values as they are"
_NUMBER: Final = "garbage rejects, where the SDK makes it 0 or takes the number that it begins with"
_LEADING: Final = "a text that only begins with a number rejects, empty text is null"
_TRUTH: Final = "unknown words and numbers reject, where the SDK says false, and true to 1"
_DATE: Final = "reads ISO dates and times; what is none rejects, where the SDK reads other forms or leaves the text"
_NULL_DATE: Final = "reads ISO dates and times; nothing stays as it is, where the SDK sends null"
NOTES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("sdk.uppercase", "sdk.lowercase", "sdk.trim"), _TEXT_ONLY),
    **dict.fromkeys(("sdk.gm.toUpperCase", "sdk.gm.toLowerCase", "sdk.gm.trim"), _TEXT_ONLY),
    **dict.fromkeys(("sdk.parseInt", "sdk.parseFloat", "sdk.number"), _NUMBER),
    **dict.fromkeys(("sdk.gm.parseInt", "sdk.gm.parseFloat"), _LEADING),
    **dict.fromkeys(("sdk.boolean", "sdk.gm.toBoolean"), _TRUTH),
    **dict.fromkeys(("sdk.formatDate", "sdk.formatDateShort", "sdk.gm.toISO8601"), _DATE),
    **dict.fromkeys(("sdk.parseDate", "sdk.gm.toDate"), _NULL_DATE),
    "sdk.toString": "digits stay as written, where the SDK makes 1.10 to 1.1; a list rejects",
    "sdk.gm.toString": "digits stay as written, where the SDK makes 1.10 to 1.1; a list rejects",
    "sdk.coalesce": "empty text is left out too",
    "sdk.parseJson": "what is no JSON rejects, where the SDK leaves the text",
    "sdk.toJson": "null stays null, where the SDK writes it as text",
    "sdk.items": "edges and nodes are not unwrapped: over them, `each` takes `path.edges[].node`",
    "sdk.slots": "a slot that nothing reaches is `{}`, or left out where it is a value",
    "sdk.length": "counts a list or a text, where the SDK also reads a key of that name",
    "sdk.content": "an element's text beside its attributes is `#text` where the records are JSON",
    "sdk.unescape": "entities stay as they are",
}
"""What differs in our language from each resolver and step of the dialect, on input that is not good."""
LATE: Final = "`required` is asked after the resolver"
FILLS: Final = "the default fills empty text too"
SAID: Final = ("M601", "M602", "M603", "M604", "M605", "M619")
"""Warnings of the dialect that the notes above replace."""

_PLAIN: Final = re.compile(r"[A-Za-z_$/][A-Za-z0-9_$./@-]*")
_WORDS: Final = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


class _Any(Collection[str]):
    """Every variable: the pipeline that takes the file has to declare what it reads."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return sys.maxsize


class _Heard:
    """Passes problems on, and keeps the warnings for the head of the file."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.lines: list[str] = []

    def __call__(self, code: str, pointer: Pointer, message: str, help: str = "", **more: Any) -> None:
        if more.get("level") != "warning":
            self._report(code, pointer, message, help, **more)
        elif code not in SAID:
            names = [str(part) for part in pointer if part not in ("fields", "arguments", "nodes", "mapping")]
            self.lines.append(f"{_joined(names)}: {message}; {help}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._report, name)


def converted_text(doc: Mapping[str, Any], report: Report, variables: Collection[str] | None = None) -> str:
    """The same mapping in our language as YAML: equal on good input. Errors go to the report.

    `variables` are those that are declared; where nothing is known of them, every one is.
    """
    variables = _Any() if variables is None else variables
    heard = _Heard(report)
    made = convert(doc, heard, (), variables, ours).value
    silent = _Heard(report)
    notes: dict[str, list[str]] = {}
    for name, note in _noted(convert(doc, silent, (), variables).value["fields"], ""):
        notes.setdefault(note, []).append(name)
    lines = [f"{', '.join(dict.fromkeys(names))}: {note}" for note, names in notes.items()]
    comments = [f"# {line}" for line in dict.fromkeys((*lines, *heard.lines))]
    fields = made["fields"]
    mapping = ["fields:", *_lines(fields, "  ")] if fields else ["fields: {}"]
    return "\n".join([HEAD, *comments, *mapping]) + "\n"


def _noted(fields: Mapping[str, Any], around: str) -> Iterator[tuple[str, str]]:
    """Each field whose result may differ, and how."""
    for name, body in fields.items():
        path = f"{around}{name}"
        if not isinstance(body, dict):
            continue
        chain = body.get("resolver", [])
        used = [use if isinstance(use, str) else use["type"] for use in chain]
        yield from ((path, NOTES[use]) for use in used if use in NOTES and use != "sdk.items")
        if any(text.startswith("$out._items") for text in _paths(body, "each")):
            yield path, NOTES["sdk.items"]
        yield from ((path, note) for note in _of_variables(body))
        if len(used) > 1 and used[0] == "sdk.require":
            yield path, LATE
        if any(isinstance(use, dict) and use.get("over") == "null" for use in chain):
            yield path, FILLS
        for entry in body.get("list", [body]):
            yield from _noted(entry.get("fields", {}), f"{path}.")


def _of_variables(body: Mapping[str, Any]) -> Iterator[str]:
    for text in _paths(body, "source"):
        if text == "$vars":
            yield "reads all variables of the pipeline where the record has no `$context`"
        elif text.startswith("$vars."):
            yield f"reads the variable `{text[6:]}`, which the pipeline has to declare"


def _paths(body: Mapping[str, Any], key: str) -> list[str]:
    said = body.get(key, [])
    return [said] if isinstance(said, str) else said


def _joined(names: list[str]) -> str:
    return ".".join(names) or "the file"


# ── YAML ─────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(value: Any, indent: str) -> Iterator[str]:
    """What fits a line stands on it; an item of a list, and what holds fields, never does."""
    for key, item in value.items() if isinstance(value, dict) else [(None, item) for item in value]:
        head = f"{indent}{'-' if key is None else f'{_flow(key)}:'}"
        line = f"{head} {_flow(item)}"
        alone = len(line) > WIDTH or (isinstance(item, dict) and key is None) or _holds_fields(item)
        if alone and item and isinstance(item, dict | list):
            yield head
            yield from _lines(item, f"{indent}  ")
        else:
            yield line


def _holds_fields(item: Any) -> bool:
    if isinstance(item, dict):
        return bool(item.get("fields", item.get("list")))
    return isinstance(item, list) and any(map(_holds_fields, item))


def _flow(item: Any) -> str:
    if isinstance(item, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(each)}" for key, each in item.items()) + "}"
    if isinstance(item, list):
        return "[" + ", ".join(map(_flow, item)) + "]"
    if isinstance(item, Decimal):
        return str(item)
    if not isinstance(item, str):
        return json.dumps(item)
    if _PLAIN.fullmatch(item) and item.lower() not in _WORDS:
        return item
    bare = '"' in item and "'" not in item and item.isprintable() and "\\" not in item
    return f"'{item}'" if bare else json.dumps(item, ensure_ascii=False)
