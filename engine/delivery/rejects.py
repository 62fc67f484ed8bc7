"""The reject store: one JSON line for each record that did not make it, an immutable file per attempt."""

from __future__ import annotations

import base64
import codecs
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.delivery.books import Books
from engine.delivery.redacting import Redactor
from engine.kinds import NO_FACTS, Output, Stage, Staged
from engine.language.jsontext import decode, encode
from engine.language.values import Picked
from engine.records import MISSING, Batch, FieldError, Place, Reject

RAW_WHOLE: Final = 64 * 1024
RAW_KEPT: Final = 4 * 1024
FOLDER: Final = "rejects"

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer", "minimum": 0}
_ERROR: Final = {
    "type": "object",
    "properties": {"field": _TEXT, "code": _TEXT, "message": _TEXT, "value": {}},
    "required": ["field", "code", "message", "value"],
    "additionalProperties": False,
}

REJECT_KEYS: Final[Mapping[str, tuple[Mapping[str, Any], str, bool]]] = {
    "id": (_TEXT, "The same for one record at one stage, in every run.", True),
    "run": (_TEXT, "The run that first tried this version of the unit.", True),
    "unit": (_TEXT, "The unit it was read from.", True),
    "number": (_NUMBER, "The record's number in the unit, from 1.", True),
    "line": (_NUMBER, "The line it begins in, from 1; 0 where it has none (Parquet).", True),
    "offset": (_NUMBER, "The byte it begins at, from 0, after unpacking.", True),
    "child": (_TEXT, "Which of the records it is that steps made of the one that was read: `2`, or `2.0`.", False),
    "stage": (_TEXT, "Where it failed: `parse`, the type of a step, or `write`.", True),
    "sink": ({"type": ["string", "null"]}, "The sink that refused it; null where it did not come so far.", True),
    "delivered": (
        {"type": "array", "items": _TEXT},
        "The sinks that took it; `lines (2 of 3)` where one took some.",
        False,
    ),
    "errors": ({"type": "array", "items": _ERROR, "minItems": 1}, "What was wrong, field by field.", True),
    "record": ({}, "The record as it was at that stage; null where it could not be parsed.", True),
    "raw": (_TEXT, "Its text as read, cut at 4 KiB over 64; of several rejects of a record in the first.", False),
    "raw_base64": (_TEXT, "Its bytes where they are no text in the input's encoding.", False),
    "raw_bytes": (_NUMBER, "How many bytes it has, where `raw` is cut.", False),
    "raw_sha256": (_TEXT, "The hash of all its bytes, where `raw` is cut.", False),
}
"""The keys of a line of the store: schema, meaning, whether it is always there."""


class RejectWriter:
    """Writes the rejects of one attempt, and keeps one example of each code for the last lines of the run."""

    def __init__(
        self, stage: Stage, path: str, run: str, unit: str, books: Books, redact: Sequence[Picked] = ()
    ) -> None:
        self._redactor = Redactor(redact)
        self._stage = stage
        self._path = path
        self._run = run
        self.unit = unit
        self._books = books
        self._file: Staged | None = None
        self._digest = hashlib.sha256()
        self._bytes = 0
        self._last = 0
        self.examples: dict[str, dict[str, Any]] = {}

    def write(self, batch: Batch, reject: Reject) -> None:
        """Take one reject of a batch."""
        place = batch.place(reject.position)
        line = reject_line(self._run, self.unit, place, reject, raw=not reject.child or place.number != self._last)
        self._last = place.number
        line = self._redactor(line)
        code = reject.errors[0].code
        self._put(encode(line) + b"\n")
        self._books.count_rejected(code)
        self.examples.setdefault(code, line)

    def _put(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._stage(self._path, NO_FACTS)
        self._digest.update(data)
        self._bytes += len(data)
        self._file.write(data)

    def close(self) -> Output | None:
        """End the file, synced; None where there were no rejects."""
        if self._file is None:
            return None
        self._file.close()
        return Output(self._path, self._books.counts["rejected"], self._bytes, self._digest.hexdigest())

    def abandon(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.abandon()


def stored(error: FieldError) -> dict[str, Any]:
    """An error as JSON holds it: a value that is missing is null."""
    return {**error._asdict(), "value": None if error.value is MISSING else error.value}


def reject_line(run: str, unit: str, place: Place, reject: Reject, *, raw: bool = True) -> dict[str, Any]:
    """One reject as it is stored; the schema of this is `schemas/reject.schema.json`."""
    child = ".".join(map(str, reject.child))
    return {
        "id": reject_id(unit, place.number, reject.stage, child or "0"),
        "run": run,
        "unit": unit,
        "number": place.number,
        "line": place.line,
        "offset": place.offset,
        **({"child": child} if child else {}),
        "stage": reject.stage,
        "sink": reject.sink or None,
        **({"delivered": list(reject.delivered)} if reject.delivered else {}),
        "errors": [stored(error) for error in reject.errors],
        "record": reject.record,
        **(raw_of(place) if raw and place.line else {}),
    }


def reject_id(unit: str, number: int, stage: str, child: str = "0") -> str:
    """The same record failing at the same stage has the same id, in every run and under every spec."""
    return hashlib.sha256(f"{unit}\0{number}\0{child}\0{stage}".encode()).hexdigest()[:16]


def raw_of(place: Place) -> dict[str, Any]:
    """The raw bytes: as text, in base64 where they are no text, cut and hashed above 64 KiB."""
    is_whole = place.size <= RAW_WHOLE
    text = place.raw if place.text is None else place.text
    text = text if is_whole else text[:RAW_KEPT]
    more: dict[str, Any] = {}
    if not is_whole:
        more = {"raw_bytes": place.size, "raw_sha256": hashlib.sha256(place.raw).hexdigest()}
        more = more if len(place.raw) == place.size else {"raw_bytes": place.size}
    try:
        return {"raw": codecs.utf_8_decode(text, "strict", is_whole)[0], **more}  # half a character is left out
    except UnicodeDecodeError:
        kept = place.raw if is_whole else place.raw[:RAW_KEPT]
        return {"raw_base64": base64.b64encode(kept).decode(), **more}


def read_rejects(path: str) -> Iterator[Mapping[str, Any]]:
    """The rejects of one file, in order."""
    with open(path, "rb") as lines:
        for line in lines:
            yield decode(line)


def reject_schema() -> dict[str, Any]:
    """The JSON Schema of one line of the reject store."""
    properties = {name: {**schema, "description": doc} for name, (schema, doc, _) in REJECT_KEYS.items()}
    required = [name for name, (_, _, always) in REJECT_KEYS.items() if always]
    return {
        "title": "a reject",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
