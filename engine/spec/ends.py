"""What a source and the ends of a spec say of each other: parts, all units of a run as one, input that comes once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from engine.kinds import Parser
from engine.language.templates import Slot, Template
from engine.options import Pointer, Report
from engine.registry import components
from engine.sources.files import Files
from engine.sources.stdin import Stdin
from engine.spec.checks import is_per_run, templates_of, texts_of
from engine.spec.settings import ArchiveOptions
from engine.spelling import listed
from engine.storage.packing import strip_compression

OUTCOMES: Final = ("success", "partial", "error")
STAMP: Final = "%Y%m%dT%H%M%S"
ALONE: Final = ("identity", "every_run", "split", "done_marker")
"""Options of a source that say which files a pipeline does; a lookup reads all that are there."""


def check_ends(source: Any, parser: Parser, written: Sequence[Any], archive: ArchiveOptions, report: Report) -> None:
    """Problems of a source with the parser, the sinks and the archive of its spec."""
    if isinstance(source, Files) and source.split:
        _check_split(source, parser, written, report)
    for each in written:
        _check_part(source, each, report)
    if is_per_run(written):
        _check_per_run(source, written, report)
    if isinstance(source, Stdin):
        for outcome in filter(lambda key: getattr(archive, key), OUTCOMES):
            message, help = "standard input is no file that could be archived", "leave it out"
            report("S355", ("archive", outcome), message, help, key=True)


def _check_split(source: Files, parser: Parser, written: Sequence[Any], report: Report) -> None:
    """The parts of a file: it has to be one that can be cut, and each needs an output of its own."""
    at = ("source", "split")
    if reason := _whole(source, parser):
        help = "leave it out: a file is never in memory as a whole"
        report("S351", at, f"these files cannot be split: {reason}", help)
    for each in written:
        path = getattr(each.outlet.sink, "path", None)
        named = [slot for slot in path.slots if _is_part(slot)] if path else []
        if path and not named and each.at != ("rejects",):
            report("S352", (*each.at, "path"), "all parts of a file would write this one file",
                   "add `{unit.part}` to the path")  # fmt: skip


def _whole(source: Files, parser: Parser) -> str:
    """Why the files of a source cannot be cut; empty where they can."""
    if not parser.splits:
        kinds = [name for name, found in components("parser").items() if getattr(found.cls, "splits", False)]
        return f"`{parser.type}` reads them, and only {listed(kinds)} end a record with a line"
    if getattr(parser, "encoding", "utf-8") != "utf-8":
        return "they are not in UTF-8"
    packed = strip_compression(source.path.text) != source.path.text
    return "they are compressed" if packed or getattr(parser, "compression", "infer") not in ("infer", "none") else ""


def _check_part(source: Any, each: Any, report: Report) -> None:
    """`{unit.part}` needs something to count."""
    sink = each.outlet.sink
    if getattr(source, "split", 0) or getattr(sink, "roll", None):
        return
    for slot, at in _slots(each):
        if _is_part(slot):
            message = "`{unit.part}` counts the files of `roll`, or the parts of `split`, and neither is there"
            report("S209", at, message, "write `roll: {records: 100000}`, or leave it out", span=slot.span)


def _check_per_run(source: Any, written: Sequence[Any], report: Report) -> None:
    """All units of a run as one: it has no file's name, and it is done or not as a whole."""
    for each in written:
        _check_no_unit(each, report)
        _check_names_run(source, each, written, report)
    for option in ("split", "identity"):
        if getattr(source, option, "version") not in ("version", 0):
            message = f"`{option}` takes files one by one, and `per: run` makes one unit of all of them"
            report("S354", ("source", option), message, "leave one of them out", key=True)


def _check_no_unit(each: Any, report: Report) -> None:
    """No text of a sink names a file: what is written is of all of them."""
    texts = [*templates_of(each), *((template, at) for template, at, _ in texts_of(each))]
    for template, at in texts:
        for slot in template.slots:
            if _is_of_unit(slot, each):
                message = f"`{slot}` names one unit, and `per: run` makes one output of all"
                report("S353", at, message, "name the run: `{run.id}`", span=slot.span)


def _is_of_unit(slot: Slot, each: Any) -> bool:
    """Whether it names one of the files; the number of a file that is rolled does not."""
    return slot.root == "unit" and not (_is_part(slot) and getattr(each.outlet.sink, "roll", None))


def _check_names_run(source: Any, each: Any, written: Sequence[Any], report: Report) -> None:
    """What one run made is not made again by the next: it must not be replaced, unless every run does every file.

    Several files under a name that some runs share would not all be replaced.
    """
    path: Template | None = getattr(each.outlet.sink, "path", None)
    if path is None or _tells_runs_apart(path) or any(_is_of_unit(slot, each) for slot in path.slots):
        return
    every_run = getattr(source, "every_run", False)
    if every_run and not (each.outlet.sink.several and any(slot.of_run for one in written for slot, _ in _slots(one))):
        return
    dated = any(slot.root == "run" for slot in path.slots)  # runs that meet all the same fail then, and lose nothing
    message = "runs would replace what others made: nothing in this path tells all of them apart"
    help = f"name the run: `{{run.id}}`, or `{{run.started_at:{STAMP}}}`"
    anew = "" if every_run else "; or let each run make all anew: `every_run: true` at the source"
    report("S357", (*each.at, "path"), message, f"{help}{anew}", level="warning" if dated else "error")


def _tells_runs_apart(path: Template) -> bool:
    """Whether a path holds the run's id, or its start to the second."""
    starts = [slot.format for slot in path.slots if (slot.root, slot.key) == ("run", "started_at")]
    codes = {code for format in starts for code in re.findall("%(.)", format)}
    is_second = codes >= set("HMS") and bool(codes & set("Yy")) and (codes >= set("md") or "j" in codes)
    return "" in starts or is_second or any((slot.root, slot.key) == ("run", "id") for slot in path.slots)


def _slots(each: Any) -> Iterator[tuple[Slot, Pointer]]:
    path: Template | None = getattr(each.outlet.sink, "path", None)
    for slot in path.slots if path else ():
        yield slot, (*each.at, "path")


def _is_part(slot: Slot) -> bool:
    return (slot.root, slot.key) == ("unit", "part")


def check_lookup_source(source: Any, at: Pointer, report: Report) -> None:
    """A lookup reads every file that is there, and standard input is none."""
    if isinstance(source, Stdin):
        report("S356", at, "a lookup cannot be read from standard input", "read it from a file: `type: files`")
    for option in ALONE:
        if isinstance(source, Files) and getattr(source, option) not in ("version", False, 0, None):
            message = f"`{option}` has no meaning in a lookup: it reads all files that are there"
            report("S356", (*at, option), message, "leave it out", key=True)
