"""The last lines of a run: status, books, top rejects with an example each, where things are, what to do next."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.cli.console import one_line, paint
from engine.delivery.report import Report
from engine.plan import Plan
from engine.storage.local import LocalStore

TOP: Final = 3
NAMED: Final = 3
EXIT_NAMES: Final = {
    0: "ok",
    1: "internal error",
    2: "usage",
    3: "spec invalid",
    4: "rejects above the limit, or a unit refused or failed on its data",
    5: "books do not balance",
    6: "source or sink unavailable",
    7: "authentication or secret",
    8: "locked by another run",
    9: "stopped at a quota",
    10: "tests failed",
    130: "interrupted, resumable",
    143: "interrupted, resumable",
}
"""What each exit code means."""


def summary(report: Report) -> str:
    """All of it, one fact a line."""
    return "\n".join(f"{label:<9} {one_line(text)}".rstrip() for label, text in _lines(report))


def _lines(report: Report) -> Iterator[tuple[str, str]]:
    style = "ok" if report.exit_code == 0 else "error"
    yield (
        paint(f"{report.status}", style),
        f"{report.plan.scope}, run {report.run_id}: {_units(report)} in {report.duration:.1f} s",
    )
    if report.trial:
        yield "trial", "nothing was committed, archived or published"
    if report.recovered_units:
        yield "resumed", f"{report.recovered_units} unit(s) that an earlier run had begun were finished first"
    yield "books", str(report.books)
    if report.books.recovered:
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(report.books.recovered.items()))
        yield "recovered", counts
    yield from _top_rejects(report)
    yield from _absent(report)
    yield from _failures(report)
    yield from _places("output", [output["path"] for unit in report.units for output in unit["outputs"]])
    yield from _places("rejected", [unit["rejects_path"] for unit in report.units if unit["rejects_path"]])
    yield "next", _next(report)
    if report.exit_code:
        yield "exit", f"{report.exit_code} ({EXIT_NAMES[report.exit_code]})"


def _units(report: Report) -> str:
    counts: dict[str, int] = {}
    for unit in report.units:
        status = "tried" if report.trial and unit["status"] == "committed" else unit["status"]
        counts[status] = counts.get(status, 0) + 1
    said = [f"{count:,} unit{'s' if count > 1 else ''} {status}" for status, count in counts.items()]
    return ", ".join(said) or "nothing new"


def _top_rejects(report: Report) -> Iterator[tuple[str, str]]:
    label = "rejects"
    for code, count in sorted(report.books.rejects.items(), key=lambda item: (-item[1], item[0]))[:TOP]:
        example = report.examples.get(code)
        yield (
            label,
            f"{code} × {count:,}"
            + (f", such as {place_of(example, report.plan)}: {said_error(example['errors'][0])}" if example else ""),
        )
        label = ""
    if len(report.books.rejects) > TOP:
        yield "", f"and {len(report.books.rejects) - TOP} more codes"


def place_of(reject: Mapping[str, Any], plan: Plan) -> str:
    """Where a reject came from, as an editor standing here finds it."""
    return f"{plan.source_end.store().show(reject['unit'])}:{reject['line']}"


def said_error(error: Mapping[str, Any]) -> str:
    """What was wrong with one field of a reject."""
    field = f"{error['field']}: " if error["field"] else ""
    return field + str(error["message"])


def _absent(report: Report) -> Iterator[tuple[str, str]]:
    label = "missing"
    for name, unit in report.absent.items():
        yield label, f"`{name}` is read by the mapping, the header of {unit} has not got it"
        label = ""


def _failures(report: Report) -> Iterator[tuple[str, str]]:
    label = "failed"
    failed = [unit for unit in report.units if unit["error"]]
    for unit in failed[:NAMED]:
        error = unit["error"]
        help = f" ({error['help']})" if error["help"] else ""
        yield label, f"{unit['id']}: [{error['code']}] {error['message']}{help}"
        label = ""
    if len(failed) > NAMED:
        yield "", f"and {len(failed) - NAMED:,} more; all of them: --json, or --report FILE"


def _places(label: str, paths: list[str]) -> Iterator[tuple[str, str]]:
    """One path as it is, several by the folder that holds them."""
    if len(paths) == 1:
        yield label, paths[0]
    elif paths:
        folder = os.path.commonpath([os.path.abspath(path) for path in paths])
        yield label, f"{LocalStore('').show(folder)}/ ({len(paths):,} files)"


def _next(report: Report) -> str:
    spec = os.path.relpath(report.plan.file) + report.plan.asked
    if report.trial:
        return f"look at what it made; to do it for good: engine run {spec}"
    if report.stopped:
        return f"run it again, it goes on where this one stopped: engine run {spec}"
    if report.books.counts["rejected"]:
        return f"engine rejects ls {spec}   (mend the file; or the spec, then run with --full-refresh)"
    if report.exit_code:
        return f"mend what failed and run again: engine run {spec}"
    if not report.units:
        return f"no file is new; to do all again: engine run {spec} --full-refresh"
    return "nothing to do"
