"""Goldens: a pipeline run offline over a folder's input, compared with the bytes it should give.

A case is a folder with `input/`, `expected/`, and beside them `books.json` and, where there are rejects,
`rejects.jsonl`: `fixtures/<pipeline>/`, or `fixtures/<pipeline>/<case>/`. The files of a connection that has a name
stand in a folder of that name; secrets that its options name (`${env:S3_KEY}`) need not be there. A `case.yaml` beside
them may say `spec` (else `pipelines/<pipeline>.yaml` next to `fixtures/`), `set`, `env` and `clock`. `engine test
--update` writes what is missing and shows what differs. In `books.json` stands how each unit ended, with the code of
its error: `refused D201`.

The same compiled plan runs as in production; only its ends are folders, its clock stands still (2026-01-15T12:00Z
unless said, every input a day older) and its run has a fixed name.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from engine.delivery.rejects import FOLDER
from engine.delivery.report import Report
from engine.differing import difference
from engine.errors import EngineError, GoldenError
from engine.language.jsontext import pretty
from engine.plan import End, Plan
from engine.run import Session, run
from engine.spec import reader
from engine.spec.compile import load
from engine.spelling import listed
from engine.storage.local import Local

CASE_KEYS: Final = ("spec", "set", "env", "clock")
SUFFIXES: Final = (".yaml", ".yml", ".json")
CLOCK: Final = "2026-01-15T12:00:00+00:00"
RUN_ID: Final = "golden"


@dataclass(frozen=True)
class Case:
    """One golden: its folder, the pipeline it is of, what `case.yaml` says."""

    folder: str
    spec: str
    env: str
    given: Mapping[str, str]
    clock: datetime

    @property
    def name(self) -> str:
        """Its folder as the user sees it."""
        return os.path.relpath(self.folder)


def find(path: str) -> Iterator[str]:
    """The folders of the cases at or below a path, in order; a folder with `input/` is one."""
    if not os.path.isdir(path):
        raise GoldenError("G103", f"`{path}` is not a folder", "name a folder of goldens, such as `fixtures`")
    for folder, folders, _ in os.walk(path):
        folders.sort()
        if "input" in folders:
            folders.clear()
            yield os.path.abspath(folder)


def case_of(folder: str, specs: str = "pipelines") -> Case:
    """The case of a folder, GoldenError where nothing says which spec it is of."""
    path = os.path.join(folder, "case.yaml")
    said = reader.read(path, os.path.relpath(path)).value if os.path.exists(path) else {}
    unknown = [key for key in said if key not in CASE_KEYS] if isinstance(said, dict) else ["?"]
    if unknown:
        raise GoldenError(
            "G104", f"`{os.path.relpath(path)}` has {listed(unknown)}", f"a case knows {listed(CASE_KEYS)}"
        )
    spec = os.path.join(folder, said["spec"]) if "spec" in said else _spec_of(folder, specs)
    given = {name: str(value) for name, value in (said.get("set") or {}).items()}
    return Case(
        folder, os.path.relpath(spec), str(said.get("env", "")), given, _clock(str(said.get("clock", CLOCK)), path)
    )


def _clock(text: str, path: str) -> datetime:
    try:
        clock = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"`{os.path.relpath(path)}` has the clock `{text}`"
        raise GoldenError("G104", message, f"write a time such as `{CLOCK}`") from error
    return clock if clock.tzinfo else clock.replace(tzinfo=UTC)


def _spec_of(folder: str, specs: str) -> str:
    """`fixtures/<pipeline>/` or `fixtures/<pipeline>/<case>/` beside `pipelines/<pipeline>.yaml`."""
    top, looked = folder, list[str]()
    for name in (os.path.basename(folder), os.path.basename(os.path.dirname(folder))):
        top = os.path.dirname(top)
        file, _, key = name.partition(".")
        looked.append(os.path.join(os.path.dirname(top), specs, file + SUFFIXES[0]))
        for suffix in SUFFIXES:
            path = os.path.join(os.path.dirname(top), specs, file + suffix)
            if os.path.exists(path):
                return f"{path}:{key}" if key else path
    raise GoldenError(
        "G105",
        f"`{os.path.relpath(folder)}` has no spec: there is neither "
        + " nor ".join(f"`{os.path.relpath(path)}`" for path in looked),
        "name the folder after its pipeline, or write `spec:` in its case.yaml",
    )


@dataclass(frozen=True)
class Outcome:
    """What a case gave: every file below its folder that the golden holds, as bytes."""

    files: Mapping[str, bytes]
    report: Report


def outcome(case: Case) -> Outcome:
    """Run a case over a copy of its input."""
    work = tempfile.mkdtemp(prefix="engine-golden-")
    folder, state = os.path.join(work, "ends"), os.path.join(work, "state")
    try:
        return _outcome(case, folder, state)
    except EngineError as error:
        for place in (folder, os.path.relpath(folder)):  # the copy is gone when this is read
            error.message = error.message.replace(place, f"{case.name}/input")
            error.help = error.help.replace(place, f"{case.name}/input")
        raise
    finally:
        shutil.rmtree(work)


def _outcome(case: Case, folder: str, state: str) -> Outcome:
    before = _lay_out(os.path.join(case.folder, "input"), folder, case.clock)
    plan = _offline(load(case.spec, case.env, case.given, offline=True)[0], folder, state)
    report = run(plan, Session(RUN_ID, clock=lambda: case.clock))
    if not report.units:
        raise GoldenError("G106", f"no file in `{case.name}/input` matches the source's path", _where_to_put(plan))
    made = {f"expected/{path}": data for path, data in _files(folder) if before.get(path) != data}
    rejects = b"".join(data for _, data in _files(os.path.join(state, FOLDER)))
    return Outcome({**made, "books.json": _books(report), **({"rejects.jsonl": rejects} if rejects else {})}, report)


def _where_to_put(plan: Plan) -> str:
    """The place under `input/` at which the source would find a file."""
    path = posixpath.join(plan.source_end.name, plan.source.where({"vars": plan.vars}))
    return f"put one where the path finds it: `input/{path}`"


def _lay_out(source: str, folder: str, clock: datetime) -> dict[str, bytes]:
    """Copy the input, every file a day older than the clock."""
    shutil.copytree(source, folder)
    age = (clock - timedelta(days=1)).timestamp()
    for path, _ in _files(folder):
        os.utime(os.path.join(folder, path), (age, age))
    return dict(_files(folder))


def _files(folder: str) -> Iterator[tuple[str, bytes]]:
    for top, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(top, name)
            with open(path, "rb") as file:
                yield os.path.relpath(path, folder), file.read()


def _offline(plan: Plan, folder: str, state: str) -> Plan:
    """The plan with every end a folder: a connection's own below it, the nameless one itself; no path leaves it."""
    source = _end(plan.source_end, folder)
    lookups = {name: replace(each, end=each.end and _end(each.end, folder)) for name, each in plan.lookups.items()}
    inside = plan.inside().with_ends(lambda end: _end(end, folder))
    archive = replace(inside.archive, end=plan.archive.end and _end(plan.archive.end, folder))
    return replace(inside, source_end=source, archive=archive, state_folder=state, lookups=lookups)


def _end(end: End, folder: str) -> End:
    return End(Local(base=os.path.join(folder, end.name)), folder, end.name)


def _books(report: Report) -> bytes:
    said = report.as_dict()
    keys = ("status", "exit_code", "records", "recovered", "items_dropped", "rejects", "filtered")
    kept: dict[str, Any] = {key: said[key] for key in keys}
    if len(said["sinks"]) > 1:
        kept["sinks"] = said["sinks"]
    kept["units"] = {unit["id"]: _ended(unit) for unit in said["units"]}
    return pretty(kept) + b"\n"


def _ended(unit: Mapping[str, Any]) -> str:
    """How a unit ended, and by which error, as in `refused D201`."""
    return f"{unit['status']} {unit['error']['code']}" if unit["error"] else str(unit["status"])


def differences(case: Case, found: Outcome) -> Iterator[str]:
    """What differs from the golden, file by file; empty where all is equal."""
    wanted = golden_files(case)
    for path in sorted({*wanted, *found.files}):
        if wanted.get(path) != found.files.get(path):
            yield _difference(path, wanted.get(path), found.files.get(path))


def golden_files(case: Case) -> dict[str, bytes]:
    """What the golden holds."""
    return {path: data for path, data in _files(case.folder) if not path.startswith("input/") and path != "case.yaml"}


def _difference(path: str, wanted: bytes | None, found: bytes | None) -> str:
    if wanted is None or found is None:
        return f"{path}: {'not in the golden' if wanted is None else 'not made'}"
    return difference(path, wanted, found)


def update(case: Case, found: Outcome) -> None:
    """Make the golden what was found."""
    for path in golden_files(case):
        os.unlink(os.path.join(case.folder, path))
    for path, data in found.files.items():
        full = os.path.join(case.folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)
