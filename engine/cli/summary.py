"""The last lines of a run: status, books, top rejects with an example each, where things are, what to do next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from engine.cli.console import one_line, paint
from engine.delivery.books import Books
from engine.delivery.manifests import is_manifest
from engine.delivery.report import Report, counted
from engine.plan import Plan
from engine.quantities import Duration
from engine.spelling import listed
from engine.storage.local import LocalStore

TOP: Final = 3
NAMED: Final = 3
Place = Callable[[Mapping[str, Any]], str]
"""Where a reject came from, in words."""

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
    yield from _begun(report)
    yield from _counts(report)
    yield from _labelled("rejects", top_rejects(report.books, report.examples, partial(place_of, plan=report.plan)))
    yield from _labelled("missing", _few(list(_absent(report))))
    yield from _labelled("empty", _few(list(_emptied(report))))
    yield from _failures(report)
    yield from _made(report)
    yield "next", _next(report)
    if report.exit_code:
        yield "exit", f"{report.exit_code} ({EXIT_NAMES[report.exit_code]})"


def _begun(report: Report) -> Iterator[tuple[str, str]]:
    """What the run was, what it found of earlier ones, and that it found nothing."""
    if report.trial:
        yield "trial", "nothing was committed, archived or published"
    if report.recovered_units:
        many = "s" if report.recovered_units > 1 else ""
        yield "resumed", f"{report.recovered_units} unit{many} begun by an earlier run: finished first"
    if report.archived:
        many = "s" if report.archived > 1 else ""
        yield "archived", f"{report.archived:,} file{many} that an earlier run had to leave"
    if report.nothing_at and not report.units:
        yield "source", _nothing_there(report)


def _counts(report: Report) -> Iterator[tuple[str, str]]:
    """The books, of each sink too where there are several, and what stands beside them."""
    yield "books", str(report.books)
    if len(report.plan.sinks) > 1 and report.sinks:
        yield from _labelled("sinks", _by_sink(report))
    if report.books.recovered:
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(report.books.recovered.items()))
        yield "recovered", counts
    if report.books.filtered:
        yield "filtered", ", ".join(f"{name} {count:,}" for name, count in sorted(report.books.filtered.items()))


def _made(report: Report) -> Iterator[tuple[str, str]]:
    """Where it is, and what was taken away."""
    outputs = [output["path"] for unit in report.units for output in unit["outputs"]]
    yield from _places("output", [path for path in outputs if not is_manifest(path)])
    yield from _places("rejected", [unit["rejects_path"] for unit in report.units if unit["rejects_path"]])
    yield from _places("reported", [unit["rejects_report"] for unit in report.units if unit["rejects_report"]])
    if report.expired:
        many = "s" if report.expired > 1 else ""
        yield "archive", f"{report.expired:,} file{many} removed that had been kept long enough"


def _units(report: Report) -> str:
    counts: dict[str, int] = {}
    for unit in report.units:
        status = "tried" if report.trial and unit["status"] == "committed" else unit["status"]
        counts[status] = counts.get(status, 0) + 1
    said = [f"{count:,} unit{'s' if count > 1 else ''} {status}" for status, count in counts.items()]
    return ", ".join(said) or "nothing new"


def _nothing_there(report: Report) -> str:
    """That the listing was empty, and what else than the path may be why."""
    source = report.plan.source
    age = getattr(source, "min_age", 0)
    young = f" and has not changed for {Duration(age)}" if age else ""
    left_out = ", but for those that `exclude` leaves out" if getattr(source, "exclude", ()) else ""
    return f"no file matches `{report.nothing_at}`{young}{left_out}"


def _by_sink(report: Report) -> Iterator[str]:
    """What each sink was given and did with it."""
    for outlet in report.plan.sinks:
        counts = counted(report.sinks.get(outlet.name, Books()))
        yield f"{outlet.name}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _labelled(label: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Lines under one label, which the first of them bears."""
    for text in texts:
        yield label, text
        label = ""


def top_rejects(books: Books, examples: Mapping[str, Mapping[str, Any]], place: Place) -> Iterator[str]:
    """The most frequent codes, each with the first reject that has it."""
    for code, count in sorted(books.rejects.items(), key=lambda item: (-item[1], item[0]))[:TOP]:
        example = examples.get(code)
        such = f", such as {place(example)}: {said_error(example['errors'][0])}" if example else ""
        yield f"{code} × {count:,}{such}"
    if (more := len(books.rejects) - TOP) > 0:
        yield f"and {more} more code{'s' if more > 1 else ''}"


def place_of(reject: Mapping[str, Any], plan: Plan) -> str:
    """Where a reject came from, as an editor standing here finds it."""
    unit = str(reject["unit"])
    file = plan.source_end.store().show(unit.rpartition("#")[0] if getattr(plan.source, "split", 0) else unit)
    return f"{file}:{reject['line']}" if reject["line"] else f"{file}, record {reject['number']}"


def said_error(error: Mapping[str, Any]) -> str:
    """What was wrong with one field of a reject."""
    field = f"{error['field']}: " if error["field"] else ""
    return field + str(error["message"])


def _absent(report: Report) -> Iterator[str]:
    for unit, names in report.absent.items():
        are, them = ("is", "it") if len(names) == 1 else ("are", "them")
        yield f"{listed(names)} {are} read by the mapping, the header of {unit} has not got {them}"


def _emptied(report: Report) -> Iterator[str]:
    for unit in report.emptied:
        yield f"{unit}: `explode` found nothing in any of its records; see whether `each` names its list"


def _few(texts: Sequence[str]) -> Sequence[str]:
    """The first of them, and how many more there are."""
    more = len(texts) - NAMED
    return [*texts[:NAMED], *([f"and {more:,} more file{'s' if more > 1 else ''}"] if more > 0 else [])]


def _failures(report: Report) -> Iterator[tuple[str, str]]:
    return _labelled("failed", _failed([unit for unit in report.units if unit["error"]]))


def _failed(units: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for unit in units[:NAMED]:
        error = unit["error"]
        help = f" ({error['help']})" if error["help"] else ""
        yield f"{unit['id']}: [{error['code']}] {error['message']}{help}"
    if len(units) > NAMED:
        yield f"and {len(units) - NAMED:,} more; all of them: --json, or --report FILE"


def _places(label: str, paths: list[str]) -> Iterator[tuple[str, str]]:
    """One path as it is, several by the folder that holds them."""
    if len(paths) == 1:
        yield label, paths[0]
    elif paths:
        yield label, f"{_folder(paths)}/ ({len(paths):,} files)"


def _folder(paths: list[str]) -> str:
    """The folder that holds them all; where they are behind a connection they are URLs."""
    if "://" in paths[0]:
        return os.path.commonprefix(paths).rpartition("/")[0]  # noqa: RUF071 - cut at a folder's end
    return LocalStore("").show(os.path.commonpath([os.path.abspath(path) for path in paths]))


def _next(report: Report) -> str:
    spec = os.path.relpath(report.plan.file) + report.plan.asked
    again = f"engine run {spec}{' --full-refresh' if report.full_refresh else ''}"
    if report.trial and any(unit["outputs"] or unit["rejects_path"] for unit in report.units):
        return f"look at what it made; to do it for good: {again}"
    if report.stopped:
        return f"run it again, it goes on where this one stopped: {again}"
    if report.books.counts["rejected"]:
        return f"engine rejects ls {spec}   (mend the file; or the spec, then run with --full-refresh)"
    if any(unit["status"] == "failed" for unit in report.units):
        return f"failed: tried again by the next run, the file stays until then; mend it and run: {again}"
    if report.exit_code:
        return f"mend what failed and run again: {again}"
    if not report.units:
        return _nothing_new(report, f"engine run {spec}{' --dry-run' if report.trial else ''} --full-refresh")
    return "nothing to do"


def _nothing_new(report: Report, again: str) -> str:
    if report.nothing_at:
        return "nothing to do until a file is there; if one should be, look at the source's path"
    if report.outdated == 1:
        return f"no file is new, 1 was done by another version of the spec; to do it again: {again}"
    if report.outdated:
        return f"no file is new, {report.outdated:,} were done by another version of the spec; to do all again: {again}"
    return f"no file is new; to do all again: {again}"
