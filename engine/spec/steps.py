"""The steps of a pipeline, or of one of its sinks: `steps`, or `mapping` as the one step that it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import SpecError
from engine.language.scopes import Scope
from engine.options import INVALID, Pointer, build_component
from engine.rows.flow import Step, UnknownStep
from engine.spec import reader
from engine.spec.located import Problems
from engine.spec.mapping_files import mapping_of
from engine.spec.project import Source as Found
from engine.spelling import suggest
from engine.steps.map import Map

Steps = list[tuple[Pointer, Step]]
"""Each step with its place in the spec."""


def build_steps(doc: Mapping[str, Any], at: Pointer, found: Found, vars: Mapping[str, str]) -> tuple[Steps, Any]:
    """The steps that a pipeline or a sink says, and what it says of them; none where it says nothing."""
    if "steps" not in doc:
        return _mapping(doc, at, found, vars) if "mapping" in doc else ([], None)
    if "mapping" in doc:
        help = "write it as a step: `{type: map, fields: ..}`"
        found.problems("S331", (*at, "mapping"), "`mapping` stands beside `steps`", help, key=True)
    said = doc["steps"] if isinstance(doc["steps"], list) else []
    places: list[Pointer] = [(*at, "steps", index) for index in range(len(said))]
    built = [(place, build_component("step", said[index], place, found.problems)) for index, place in enumerate(places)]
    return [(place, UnknownStep() if step is INVALID else step) for place, step in built], said


def _mapping(doc: Mapping[str, Any], at: Pointer, found: Found, vars: Mapping[str, str]) -> tuple[Steps, Any]:
    place = (*at, "mapping")
    said = doc["mapping"]
    if isinstance(said, str):
        said = _mapping_file(said, place, found, vars)
    step = Map.from_spec(said if isinstance(said, dict) else {}, place, found.problems)
    return [(place, step)], said


def _mapping_file(name: str, place: Pointer, found: Found, vars: Mapping[str, str]) -> Any:
    """A mapping by path; its problems carry its own positions."""
    path = os.path.join(found.folder, name)
    if not os.path.isfile(path):
        found.problems("S312", place, f"the mapping file `{name}` {absent(path)}", near_file(path, name))
        return None
    try:
        document = reader.read(path, os.path.relpath(path))
    except SpecError as error:
        found.problems.found.extend(error.problems)
        return None
    found.located.graft(place, document)
    return mapping_of(document, place, found.problems, vars)


def check_steps(steps: Steps, scope: Scope, problems: Problems) -> tuple[Steps, Scope]:
    """The steps with their types, and the scope of what comes out."""
    checked: Steps = []
    for at, step in steps:
        made, scope = step.check(scope, at, problems)
        checked.append((at, made))
    return checked, scope


def plain(steps: Sequence[tuple[Pointer, Step]]) -> tuple[Step, ...]:
    """The steps alone."""
    return tuple(step for _, step in steps)


def absent(path: str) -> str:
    """Why a path names no file."""
    return "is not a file" if os.path.exists(path) else "is not there"


def near_file(path: str, said: str) -> str:
    """The file of a near name in the same folder; else where the search began."""
    folder, name = os.path.split(path)
    near = suggest(name, os.listdir(folder)) if os.path.isdir(folder) else ""
    return (
        f"did you mean `{os.path.join(os.path.dirname(said), near)}`?"
        if near
        else "the path starts at this file's folder"
    )
