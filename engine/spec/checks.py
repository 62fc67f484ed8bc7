"""What a spec proves of its files before it runs: names, places, and secrets that would show."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from engine.kinds import Stat
from engine.language.paths import Path
from engine.language.picking import Name
from engine.language.scopes import Scope
from engine.language.shapes import Shape
from engine.language.templates import Slot, Template, TextPlace
from engine.language.values import Picked, paths_in
from engine.options import Pointer, Report
from engine.plan import End, Lookup
from engine.rows.flow import Step
from engine.sources.files import Files, unit_of
from engine.spec.braces import check_braces, check_names_file
from engine.spec.settings import ArchiveOptions
from engine.spelling import a, listed, suggest
from engine.steps.filter import check_record_slot
from engine.storage.globs import expand, is_glob, matches

ROOTS: Final = ("unit", "run", "vars")
TIMED: Final = ("mtime", "date", "started_at")
OUTCOMES: Final = ("success", "partial", "error")
FILES: Final = ("path", "done_marker", *OUTCOMES)
"""The texts with slots that name files."""
_WILD: Final = re.compile(r"\*+|\?|\[!?(.)[^\]]*\]")
VARYING: Final = ("id", "name", "stem", "path")
"""The keys of a unit that differ from file to file in one folder."""
PLACED: Final = ("id", "dir", "path")
"""The keys that differ between files of one name in different folders."""


def check_messages(steps: Sequence[tuple[Pointer, Step]], vars: Mapping[str, str], report: Report) -> None:
    """Slots of texts that are made for one record."""
    for template, pointer in (each for at, step in steps for each in step.templates(at)):
        for slot in template.slots:
            _check_slot(slot, pointer, (*ROOTS, "record"), vars, report)


Lookups = Mapping[str, Lookup]


def _paths_of(lookups: Lookups) -> Iterator[tuple[Template, Pointer]]:
    """The paths of lookups that are read from files."""
    for name, lookup in lookups.items():
        if isinstance(lookup.source, Files):
            yield lookup.source.path, ("lookups", name, "path")


def check_slots(
    source: Any, written: Sequence[Any], archive: Any, lookups: Lookups, vars: Mapping[str, str], report: Report
) -> None:
    """Slots that nothing fills where they stand: a source knows no unit yet, an archive no record."""
    said: list[tuple[Template | None, Pointer, Collection[str]]] = [
        (getattr(source, "path", None), ("source", "path"), ("vars",)),
        (getattr(source, "done_marker", None), ("source", "done_marker"), ("unit", "vars")),
        *((getattr(archive, outcome, None), ("archive", outcome), ROOTS) for outcome in OUTCOMES),
        *((template, place, ("vars",)) for template, place in _paths_of(lookups)),
    ]
    for each in written:
        known = (*ROOTS, "record") if each.at != ("rejects",) else ROOTS
        said += [(template, place, known) for template, place in templates_of(each)]
        said += texts_of(each)
    for template, pointer, roots in said:
        for slot in template.slots if template else ():
            _check_slot(slot, pointer, roots, vars, report)
        if template and pointer[-1] in FILES:
            check_braces(template, pointer, roots, vars, report)


def templates_of(built: Any) -> Iterator[tuple[Template, Pointer]]:
    """The texts with slots of a sink: its path, and what its store keeps beside the file."""
    sink = built.outlet.sink
    if hasattr(sink, "path"):
        yield sink.path, (*built.at, "path")
    for name, template in getattr(sink, "metadata", {}).items():
        yield template, (*built.at, "metadata", name)


def texts_of(built: Any) -> Iterator[TextPlace]:
    """The texts with slots that a sink's formatter writes."""
    formatter = getattr(built.outlet.sink, "formatter", None)
    if formatter:
        yield from formatter.texts((*built.at, "formatter"))


def _check_slot(slot: Slot, pointer: Pointer, roots: Collection[str], vars: Mapping[str, str], report: Report) -> None:
    if slot.root not in roots:
        message = f"`{slot}` is not known here"
        report("M401", pointer, message, f"known here: {listed(roots)}", span=slot.span)
    elif slot.root == "vars" and slot.key not in vars:
        near = suggest(slot.key, vars)
        help = f"did you mean `{{vars.{near}}}`?" if near else f"declare it: `vars: {{{slot.key}: ..}}`"
        report("M401", pointer, f"`{slot}` names no variable", help, span=slot.span)
    elif slot.root != "record" and slot.format and not _is_time(slot, vars):
        report(
            "M404",
            pointer,
            f"`{slot}` has a time format and holds no time",
            "leave the format out",
            span=slot.span,
        )


def _is_time(slot: Slot, vars: Mapping[str, str]) -> bool:
    return vars.get(slot.key) == "date" if slot.root == "vars" else slot.key in TIMED


def check_cells(steps: Sequence[tuple[Pointer, Step]], sink: Any, shape: Shape, at: Pointer, report: Report) -> None:
    """A formatter of cells cannot write a list or an object: every record would be rejected."""
    if not getattr(getattr(sink, "formatter", None), "cells", False):
        return
    last = next((step.maps for _, step in reversed(steps) if step.maps), None)
    places = {made.target[0]: made.pointer for made in (last.fields if last else ())}
    for name, found in shape.fields.items():
        if found.type in ("list", "object") and name not in shape.working:
            help = "write `join`, or `to_json`" if found.type == "list" else "give its parts fields of their own"
            message = f"`{name}` is {a(found.type)}, a cell holds one value"
            report("M320", places.get(name, at), message, help, key=name in places)


def check_partitions(sink: Any, at: Pointer, scope: Scope, report: Report) -> None:
    """What parts the records of a sink has to be in them; one that is no part of a file stays out of the path."""
    for slot in sink.partitions:
        check_record_slot(slot, (*at, "path"), scope, report)


def check_texts(sink: Any, at: Pointer, scope: Scope, report: Report) -> None:
    """What a formatter's texts name of the record has to be in it."""
    formatter = getattr(sink, "formatter", None)
    for template, place, roots in formatter.texts((*at, "formatter")) if formatter else ():
        for slot in template.slots if "record" in roots else ():
            check_record_slot(slot, place, scope, report)


def check_places(
    source: Any, written: Sequence[Any], archive: ArchiveOptions, ends: tuple[End, End], report: Report
) -> None:
    """Names that units would share, paths that leave their folder, outputs that would be read as input."""
    source_end, archive_end = ends
    if hasattr(source, "path"):
        _check_inside(source.path, source_end, ("source", "path"), report)
        _check_named(source, source_end, report)
    per_run = is_per_run(written)
    for each in written:
        _check_taken(each.outlet.end, each.at, report)
        if hasattr(each.outlet.sink, "path"):
            _check_written(source, each, source_end, report, per_run=per_run)
    _check_apart(written, report)
    for outcome in OUTCOMES:
        template = getattr(archive, outcome)
        if template is not None:
            place = ("archive", outcome)
            check_names_file(template, place, report)
            _check_taken(archive_end if archive_end.connection.only_reads else source_end, place, report)
            _check_inside(template, archive_end, place, report)
            if isinstance(source, Files):
                _check_reread(source, template, source_end, archive_end, place, "archived file", report)


def _check_named(source: Any, end: End, report: Report) -> None:
    """A store that lists nothing is asked for files by name."""
    if end.connection.only_reads and any(map(is_glob, expand(source.path.text))):
        message = f"the connection `{end.name}` lists no files: only their names find them"
        report("C212", ("source", "path"), message, "name each file: `path: '{a,b}.csv'`")


def _check_taken(end: End, pointer: Pointer, report: Report) -> None:
    """A store that is only read takes no output, and gives no file away."""
    if end.connection.only_reads:
        message = f"nothing can be written or moved behind the connection `{end.name}`"
        report("C212", pointer, message, "use another connection for sinks and archives")


def is_per_run(written: Sequence[Any]) -> bool:
    """Whether all units of a run are one: one sink that says so makes them one for all."""
    return any(getattr(each.outlet.sink, "per", "unit") == "run" for each in written)


def _check_written(source: Any, each: Any, source_end: End, report: Report, *, per_run: bool) -> None:
    sink, end, place = each.outlet.sink, each.outlet.end, (*each.at, "path")
    _check_inside(sink.path, end, place, report)
    if isinstance(source, Files):
        if not per_run:
            _check_shared_name(source, sink.path, place, report)
        _check_reread(source, sink.path, source_end, end, place, "output", report)
    if not per_run:
        _warn_of_run_names(sink.path, place, report)
    if not end.connection.keeps_facts:
        for key in ("metadata", "content_type"):
            if getattr(sink, key, None):
                message = f"`{key}` is kept by no store of this connection"
                report("S334", (*each.at, key), message, "leave it out: S3 keeps it", key=True)


def _check_apart(written: Sequence[Any], report: Report) -> None:
    """Two sinks of one unit would write one file."""
    seen: dict[tuple[str, str], str] = {}
    for each in written:
        path = getattr(each.outlet.sink, "path", None)
        if path is None:
            continue
        where = (each.outlet.end.store().where(path.text), "")
        if where in seen:
            message = f"`{seen[where]}` writes this file too"
            report("S335", (*each.at, "path"), message, "give each sink a path of its own")
        seen.setdefault(where, each.outlet.name)


def _check_inside(template: Template, end: End, pointer: Pointer, report: Report) -> None:
    """No slot is followed by `..`; behind a connection with a name no path leaves its base."""
    behind = template.text[len(template.head) :]
    if ".." in behind.split("/"):
        report("S311", pointer, "`..` stands behind a slot", "name the folder at the front of the path")
    elif end.name and _leaves(template, rooted=end.connection.rooted):
        report(
            "S311",
            pointer,
            f"the path leaves the connection `{end.name}`",
            "write it relative to the connection's base",
        )


def _leaves(template: Template, *, rooted: bool) -> bool:
    outside = template.text.startswith("/") and not rooted
    return outside or posixpath.normpath(template.head or ".").startswith("..")


def _check_shared_name(source: Files, path: Template, place: Pointer, report: Report) -> None:
    keys = {slot.key for slot in path.slots if slot.root == "unit"}
    if is_glob(source.path.text) and keys.isdisjoint(VARYING):
        report("S309", place, "every unit would write this one file", "name the unit: `{unit.stem}`")
    elif _has_folders(source) and keys.isdisjoint(PLACED):
        message = "two files of one name in different folders would meet"
        report("S309", place, message, "add `{unit.dir}`", level="warning")


def _has_folders(source: Files) -> bool:
    """Whether the files may stand in more than one folder."""
    folders = {posixpath.dirname(each) for each in _patterns(source)}
    return len(folders) > 1 or any(map(_WILD.search, folders))


def _patterns(source: Files) -> list[str]:
    """The patterns that the source's path stands for, each way of writing one once."""
    return sorted({posixpath.normpath(each) for each in expand(_filled(source.path, {}))})


def _check_reread(
    source: Any, template: Template, source_end: End, end: End, pointer: Pointer, what: str, report: Report
) -> None:
    """The next run would read what this one writes, whatever connections the two paths go through."""
    here, there = source_end.store(), end.store()
    top = posixpath.dirname(here.where("x"))
    patterns = _patterns(source)
    near = [posixpath.relpath(here.where(pattern), top) for pattern in patterns]
    units = [unit_of(Stat(_example(pattern), 0, 0), pattern) for pattern in patterns]
    names = {posixpath.relpath(there.where(_filled(template, unit.values)), top) for unit in units}
    if any(matches(name, pattern) for name in names for pattern in near):
        report(
            "S310",
            pointer,
            f"the source would read the {what} again",
            "choose a folder that the source does not match",
        )


def _example(pattern: str) -> str:
    """A path that a pattern matches."""
    return _WILD.sub(lambda found: found[1] or "x", pattern)


def _filled(template: Template, unit: Mapping[str, Any]) -> str:
    """The template's text for one unit, with `x` for what is not known before a run."""
    parts = (part if isinstance(part, str) else part.root == "unit" and unit.get(part.key) for part in template.parts)
    return "".join(str(part or "x") for part in parts)


def _warn_of_run_names(path: Template, place: Pointer, report: Report) -> None:
    for slot in path.slots:
        if slot.of_run:
            message = f"`{{run.{slot.key}}}` names each run's output anew"
            help = "name the unit alone: doing it again replaces its file"
            report("S314", place, message, help, span=slot.span, level="warning")


def check_secrets(
    secret: Collection[str],
    source: Any,
    written: Sequence[Any],
    archive: ArchiveOptions,
    lookups: Lookups,
    steps: Sequence[tuple[Pointer, Step]],
    report: Report,
) -> None:
    """A secret in a path or a field would be shown; the spec does not check."""
    templates: list[tuple[Template, Pointer]] = [(source.path, ("source", "path"))] if hasattr(source, "path") else []
    templates += [(source.done_marker, ("source", "done_marker"))] if getattr(source, "done_marker", None) else []
    templates += [each for built in written for each in templates_of(built)]
    templates += [(template, place) for built in written for template, place, _ in texts_of(built)]
    templates += [(getattr(archive, key), ("archive", key)) for key in OUTCOMES if getattr(archive, key)]
    templates += _paths_of(lookups)
    templates += [each for at, step in steps for each in step.templates(at)]
    for template, pointer in templates:
        for slot in template.slots:
            if slot.root == "vars" and slot.key in secret:
                what = "path" if pointer[-1] in ("path", *OUTCOMES) else "text"
                message = f"the secret `{slot.key}` would show in a {what}"
                report("A201", pointer, message, "leave it out", span=slot.span)
    picks = [each for at, step in steps for each in step.picks(at)]
    picks += [each for name, lookup in lookups.items() for each in _index_picks(name, lookup)]
    for picked, place in picks:
        if any(_shows(path, secret) for path in paths_in(picked)):
            report("A201", place, f"`{picked.text}` would show a secret", "leave it out")


def _index_picks(name: str, lookup: Lookup) -> Iterator[tuple[Picked, Pointer]]:
    """What makes the keys of a lookup, which are shown where one is not found."""
    at: Pointer = ("lookups", name, "index")
    yield from ((pick, (*at, i) if len(lookup.index) > 1 else at) for i, pick in enumerate(lookup.index))


def _shows(path: Path, secret: Collection[str]) -> bool:
    """Whether a path picks a secret; all variables at once hold one where there is any."""
    names = (start.steps[0] if start.steps else None for start in path.starts if start.head == "$vars")
    return bool(secret) and any(not isinstance(name, Name) or name.text in secret for name in names)
