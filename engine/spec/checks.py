"""What a spec proves of its files before it runs: names, places, and secrets that would show."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection
from typing import Any, Final

from engine.language.fields import FieldMap, walk
from engine.language.paths import Name
from engine.language.templates import Template
from engine.options import Pointer, Report
from engine.plan import End
from engine.sources.files import Files
from engine.spec.settings import ArchiveOptions
from engine.storage.globs import expand, is_glob, matches

VARYING: Final = ("id", "name", "stem", "path")
"""The keys of a unit that differ from file to file in one folder."""


def check_places(
    source: Any, sink: Any, archive: ArchiveOptions, source_end: End, sink_end: End, report: Report
) -> None:
    """Names that units would share, paths that leave their folder, outputs that would be read as input."""
    _check_inside(source.path, source_end, ("source", "path"), report)
    _check_inside(sink.path, sink_end, ("sink", "path"), report)
    if isinstance(source, Files):
        _check_shared_name(source, sink.path, report)
        _check_reread(source, sink.path, source_end, sink_end, ("sink", "path"), "output", report)
    for outcome in ("success", "partial", "error"):
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
    elif end.name and (
        template.text.startswith("/") or posixpath.normpath(template.head or ".").startswith("..")
    ):
        report(
            "S311",
            pointer,
            f"the path leaves the connection `{end.name}`",
            "write it relative to the connection's base",
        )


def _check_shared_name(source: Files, path: Template, report: Report) -> None:
    varies = any(slot.root == "unit" and slot.key in VARYING for slot in path.slots)
    if is_glob(source.path.text) and not varies:
        report(
            "S309", ("sink", "path"), "every unit would write this one file", "name the unit: `{unit.stem}`"
        )


def _check_reread(
    source: Any, template: Template, source_end: End, end: End, pointer: Pointer, what: str, report: Report
) -> None:
    """The next run would read what this one writes."""
    if source_end.connection != end.connection or source_end.folder != end.folder:
        return
    name = os.path.normpath(template.render({}, lambda _, slot: "x"))
    patterns = expand(source.path.render({}, lambda _, slot: "x"))
    if any(matches(name, os.path.normpath(pattern)) for pattern in patterns):
        report(
            "S310",
            pointer,
            f"the source would read the {what} again",
            "choose a folder that the source does not match",
        )


def _warn_of_run_names(path: Template, report: Report) -> None:
    for slot in path.slots:
        if slot.root == "run" and slot.key in ("id", "started_at"):
            report("S314", ("sink", "path"), f"`{{run.{slot.key}}}` names each run's output anew", "name the unit alone, so that doing a unit again replaces its file",
                   span=slot.span, level="warning")  # fmt: skip


def check_secrets(
    secret: Collection[str],
    source: Any,
    sink: Any,
    archive: ArchiveOptions,
    mapping: FieldMap,
    report: Report,
) -> None:
    """A secret in a path or a field would be shown; the spec does not check."""
    templates = {("source", "path"): source.path, ("sink", "path"): sink.path}
    templates.update({("archive", key): getattr(archive, key) for key in ("success", "partial", "error")})
    for pointer, template in templates.items():
        for slot in template.slots if template else ():
            if slot.root == "vars" and slot.key in secret:
                report(
                    "A201",
                    pointer,
                    f"the secret `{slot.key}` would show in a path",
                    "leave it out",
                    span=slot.span,
                )
    for made in walk(mapping.fields):
        for path, place in zip(made.sources, made.places, strict=True):
            if path.head == "$vars" and (
                not path.steps or (isinstance(path.steps[0], Name) and path.steps[0].text in secret)
            ):
                if secret:
                    report("A201", place, f"`{path.text}` would write a secret", "leave it out")
