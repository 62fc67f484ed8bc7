"""What a run says of itself: the report of `--report`, the run record, what the last lines are made of."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Final

from engine.delivery.attempts import Attempt, merge
from engine.delivery.books import IN, OUT, Books
from engine.delivery.places import Places
from engine.errors import EngineError, Interrupted, StoreError
from engine.language.tables import Tables
from engine.plan import Plan
from engine.rows.failures import EMPTY
from engine.storage.stores import at

WORST_FIRST: Final = (1, 5, 7, 6, 4, 9)
"""The order in which exit codes of units decide the exit code of the run."""

_TEXT: Final = {"type": "string"}
_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_COUNT: Final = {"type": "integer", "minimum": 0}
_COUNTS: Final = {"type": "object", "additionalProperties": _COUNT}
_RECORDS: Final = {
    "type": "object",
    "properties": dict.fromkeys((*IN, *OUT), _COUNT),
    "required": [*IN, *OUT],
}


def _object(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A closed map whose keys are all there."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


_ERROR: Final = _object({"code": _TEXT, "message": _TEXT, "help": _TEXT}, type=["object", "null"])
_MISSING: Final = _object({"unit": _TEXT, "column": _TEXT})
_OUTPUT: Final = _object({"path": _TEXT, "bytes": _COUNT, "sha256": _TEXT})
_UNIT: Final = _object({
    "id": _TEXT,
    "status": {"enum": ["committed", "unchanged", "refused", "failed", "held", "quarantined"]},
    "attempt": _COUNT,
    "records": _RECORDS,
    "bytes": _COUNT,
    "seconds": {"type": "number"},
    "outputs": {"type": "array", "items": _OUTPUT},
    "rejects_path": _MAYBE_TEXT,
    "rejects_report": _MAYBE_TEXT,
    "error": _ERROR,
})  # fmt: skip
REPORT_SCHEMA: Final = _object({
    "status": {"enum": ["ok", "ok_with_rejects", "ok_more_waiting", "partial", "failed", "interrupted"]},
    "exit_code": _COUNT,
    "run_id": _TEXT,
    "pipeline": _TEXT,
    "scope": _TEXT,
    "spec_hash": _TEXT,
    "started_at": _TEXT,
    "duration_s": {"type": "number"},
    "trial": {"type": "boolean"},
    "records": _RECORDS,
    "recovered": _COUNTS,
    "items_dropped": _COUNT,
    "rejects": _COUNTS,
    "filtered": _COUNTS,
    "missing": {"type": "array", "items": _MISSING},
    "lookups": _COUNTS,
    "sinks": {"type": "object", "additionalProperties": _COUNTS},
    "units": {"type": "array", "items": _UNIT},
    "cursor": _object({"before": {}, "after": {}}),
    "error": _ERROR,
}, title="a report")  # fmt: skip


@dataclass
class Report:
    """One run: its units, its books, how it ended. `outdated` units stand as another version of the spec made them."""

    plan: Plan
    run_id: str
    started_at: str
    trial: bool = False
    books: Books = field(default_factory=Books)
    units: list[dict[str, Any]] = field(default_factory=list)
    examples: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sinks: dict[str, Books] = field(default_factory=dict)
    tables: Tables | None = None
    absent: dict[str, Sequence[str]] = field(default_factory=dict)
    """The columns that the mapping reads and a file has not got, by the file."""
    emptied: list[str] = field(default_factory=list)
    """Units of which not one record had anything that `explode` could make records of."""
    codes: list[int] = field(default_factory=list)
    recovered_units: int = 0
    archived: int = 0
    """Files of earlier runs that this one archived, before it did anything else."""
    nothing_at: str = ""
    """Where the source looked and found no file at all."""
    full_refresh: bool = False
    outdated: int = 0
    expired: int = 0
    began: float = field(default_factory=time.monotonic)
    duration: float = 0.0
    stopped: EngineError | None = None

    @property
    def exit_code(self) -> int:
        """What ended the run, else the worst of its units."""
        if self.stopped:
            return self.stopped.exit_code
        return next((code for code in WORST_FIRST if code in self.codes), max(self.codes, default=0))

    @property
    def status(self) -> str:
        """`ok`, `ok_with_rejects`, `failed` or `interrupted`."""
        if isinstance(self.stopped, Interrupted):
            return "interrupted"
        if self.exit_code:
            return "failed"
        return "ok_with_rejects" if self.books.counts["rejected"] else "ok"

    def deliver(self, attempt: Attempt, intent: Mapping[str, Any], places: Places) -> None:
        """A unit that is done, whatever its outcome."""
        self.codes.append(attempt.exit_code)
        if attempt.status in ("committed", "refused"):
            self.books.add(attempt.books)
            for name, books in attempt.sinks.items():
                self.sinks.setdefault(name, Books()).add(books)
            for code, example in attempt.rejects.examples.items():
                self.examples.setdefault(code, example)
            self.absent.update(attempt.absent)
            if 0 < attempt.books.went_in == attempt.books.filtered[EMPTY]:
                self.emptied.append(attempt.unit.id)
        record = intent["record"]
        stands = record["outputs"] if attempt.status in ("committed", "unchanged") else []
        kept = record["rejects"] if attempt.kept else []  # of this attempt; else an older version's still stand
        self.units.append({
            "id": attempt.unit.id,
            "status": attempt.status,
            "attempt": attempt.number,
            "records": attempt.books.as_dict(),
            "bytes": attempt.bytes,
            "seconds": round(attempt.seconds, 3),
            "outputs": [_shown(output) for output in stands],
            "rejects_path": next((places.state.show(output["path"]) for output in kept), None),
            "rejects_report": next((at(output["store"]).show(output["path"]) for output in kept[1:]), None),
            "error": error_of(attempt.error),
        })  # fmt: skip

    def passed(self, unit: str, status: str, error: EngineError) -> None:
        """A unit that was not tried, or that a store holds up."""
        self.codes.append(error.exit_code)
        self.units.append({
            "id": unit, "status": status, "attempt": 0, "records": Books().as_dict(), "bytes": 0,
            "seconds": 0.0, "outputs": [], "rejects_path": None, "rejects_report": None, "error": error_of(error),
        })  # fmt: skip

    def end(self, held: Mapping[str, EngineError], untidy: Mapping[str, EngineError]) -> None:
        """What the next run goes on with: units whose sink holds them up, files that are to be archived."""
        for unit, error in held.items():
            self.passed(unit, "held", error)
        for unit, error in untidy.items():
            self.untidy(unit, error)
        self.duration = time.monotonic() - self.began

    def stop(self, error: EngineError) -> None:
        """The run was ended before its end: a signal, a lock, a store that fails."""
        self.stopped = error
        self.duration = time.monotonic() - self.began

    def untidy(self, unit: str, error: EngineError) -> None:
        """A committed unit whose archive has to wait."""
        found = next((each for each in self.units if each["id"] == unit), None)
        if found is None:
            self.passed(unit, "committed", error)
        else:
            self.codes.append(error.exit_code)
            found["error"] = found["error"] or error_of(error)

    def as_dict(self) -> dict[str, Any]:
        """The report as a map; its schema is `schemas/report.schema.json`."""
        failed = [unit["error"] for unit in self.units if unit["error"]]
        errors = [error_of(self.stopped)] if self.stopped else failed
        return {
            "status": self.status,
            "exit_code": self.exit_code,
            "run_id": self.run_id,
            "pipeline": self.plan.name,
            "scope": self.plan.scope,
            "spec_hash": self.plan.spec_hash,
            "started_at": self.started_at,
            "duration_s": round(self.duration, 3),
            "trial": self.trial,
            "records": self.books.as_dict(),
            "recovered": merge(self.books.recovered),
            "items_dropped": self.books.items_dropped,
            "rejects": merge(self.books.rejects),
            "filtered": merge(self.books.filtered),
            "missing": [{"unit": unit, "column": each} for unit, names in self.absent.items() for each in names],
            "lookups": {name: len(table) for name, table in (self.tables or {}).items() if isinstance(table, Sized)},
            "sinks": {name: counted(books) for name, books in self.sinks.items()},
            "units": self.units,
            "cursor": {"before": None, "after": None},
            "error": errors[0] if errors else None,
        }


def _shown(output: Mapping[str, Any]) -> dict[str, Any]:
    """An output as the user finds it; one of an older run may be where no connection leads any more."""
    try:
        path = at(output["store"]).show(output["path"])
    except StoreError:
        path = output["path"]
    return {"path": path, "bytes": output["bytes"], "sha256": output["sha256"]}


def counted(books: Books) -> dict[str, int]:
    """What became of the records that a sink was given: `written`, and what else there is."""
    return {name: count for name, count in books.counts.items() if name == "written" or (name in OUT and count)}


def error_of(error: EngineError | None) -> dict[str, str] | None:
    """What stopped a unit."""
    return {"code": error.code, "message": error.message, "help": error.help} if error else None
