"""What a spec proves of its files before it runs: names, places, and secrets that would show."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from engine.kinds import Stat
from engine.language.paths import Path
from engine.language.picking import Name
from engine.language.shapes import Shape
from engine.language.templates import Slot, Template
from engine.language.values import Picked, paths_in
from engine.options import Pointer, Report
from engine.plan import End, Lookup
from engine.rows.flow import Step
from engine.sources.files import Files, unit_of
from engine.spec.settings import ArchiveOptions
from engine.spelling import a, listed, suggest
from engine.storage.globs import expand, is_glob, matches

ROOTS: Final = ("unit", "run", "vars")
TIMED: Final = ("mtime", "date", "started_at")
OUTCOMES: Final = ("success", "partial", "error")
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
    source: Any, sink: Any, archive: Any, lookups: Lookups, vars: Mapping[str, str], report: Report
) -> None:
    """Slots that nothing fills where they stand: a source knows no unit yet, and no path knows a record."""
    ends = ((("source", "path"), source, ("vars",)), (("sink", "path"), sink, ROOTS), *(
        (("archive", outcome), archive, ROOTS) for outcome in OUTCOMES))  # fmt: skip
    said: list[tuple[Template | None, Pointer, Collection[str]]] = [
        (getattr(part, pointer[1], None), pointer, roots) for pointer, part, roots in ends
    ]
    said += [(template, pointer, ("vars",)) for template, pointer in _paths_of(lookups)]
    for template, pointer, roots in said:
        for slot in template.slots if template else ():
            _check_slot(slot, pointer, roots, vars, report)


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


def check_cells(steps: Sequence[tuple[Pointer, Step]], sink: Any, shape: Shape, report: Report) -> None:
    """A formatter of cells cannot write a list or an object: every record would be rejected."""
    if not getattr(getattr(sink, "formatter", None), "cells", False):
        return
    last = next((step.maps for _, step in reversed(steps) if step.maps), None)
    places = {made.target[0]: made.pointer for made in (last.fields if last else ())}
    for name, found in shape.fields.items():
        if found.type in ("list", "object") and name not in shape.working:
            help = "write `join`, or `to_json`" if found.type == "list" else "give its parts fields of their own"
            message = f"`{name}` is {a(found.type)}, a cell holds one value"
            report("M320", places.get(name, ("sink",)), message, help, key=name in places)


def check_places(
    source: Any, sink: Any, archive: ArchiveOptions, source_end: End, sink_end: End, report: Report
) -> None:
    """Names that units would share, paths that leave their folder, outputs that would be read as input."""
    _check_inside(source.path, source_end, ("source", "path"), report)
    _check_inside(sink.path, sink_end, ("sink", "path"), report)
    if isinstance(source, Files):
        _check_shared_name(source, sink.path, report)
        _check_reread(source, sink.path, source_end, sink_end, ("sink", "path"), "output", report)
    for outcome in OUTCOMES:
        template = getattr(archive, outcome)
        if template is not None:
            place = ("archive", outcome)
            _check_inside(template, source_end, place, report)
            _check_reread(source, template, source_end, source_end, place, "archived file", report)
    _warn_of_run_names(sink.path, report)


def _check_inside(template: Template, end: End, pointer: Pointer, report: Report) -> None:
    """No slot is followed by `..`; behind a connection with a name no path leaves its base."""
    behind = template.text[len(template.head) :]
    if ".." in behind.split("/"):
        report("S311", pointer, "`..` stands behind a slot", "name the folder at the front of the path")
    elif end.name and (template.text.startswith("/") or posixpath.normpath(template.head or ".").startswith("..")):
        report(
            "S311",
            pointer,
            f"the path leaves the connection `{end.name}`",
            "write it relative to the connection's base",
        )


def _check_shared_name(source: Files, path: Template, report: Report) -> None:
    keys = {slot.key for slot in path.slots if slot.root == "unit"}
    if is_glob(source.path.text) and keys.isdisjoint(VARYING):
        report("S309", ("sink", "path"), "every unit would write this one file", "name the unit: `{unit.stem}`")
    elif _has_folders(source) and keys.isdisjoint(PLACED):
        message = "two files of one name in different folders would meet"
        report("S309", ("sink", "path"), message, "add `{unit.dir}`", level="warning")


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


def _warn_of_run_names(path: Template, report: Report) -> None:
    for slot in path.slots:
        if slot.root == "run" and slot.key in ("id", "started_at"):
            message = f"`{{run.{slot.key}}}` names each run's output anew"
            help = "name the unit alone: doing it again replaces its file"
            report("S314", ("sink", "path"), message, help, span=slot.span, level="warning")


def check_secrets(
    secret: Collection[str],
    source: Any,
    sink: Any,
    archive: ArchiveOptions,
    lookups: Lookups,
    steps: Sequence[tuple[Pointer, Step]],
    report: Report,
) -> None:
    """A secret in a path or a field would be shown; the spec does not check."""
    templates: list[tuple[Template, Pointer]] = [(source.path, ("source", "path")), (sink.path, ("sink", "path"))]
    templates += [(getattr(archive, key), ("archive", key)) for key in OUTCOMES if getattr(archive, key)]
    templates += _paths_of(lookups)
    templates += [each for at, step in steps for each in step.templates(at)]
    for template, pointer in templates:
        for slot in template.slots:
            if slot.root == "vars" and slot.key in secret:
                message = f"the secret `{slot.key}` would show in a {'text' if pointer[-1] == 'message' else 'path'}"
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
