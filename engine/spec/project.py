"""From a command line's `SPEC[:name]` to one merged document: the spec, what its file shares, its project file.

A file holds one pipeline, or several under `pipelines:` beside keys that all of them share; `engine run file.yaml:key`
runs one, and its name is `<file's name>.<key>`. The nearest `engine.yaml` in the spec's folder or above may hold
`connections`, `vars`, `lookups` and `environments`; what the spec says itself wins, `--env E` lays `environments.E`
over the project file. Maps merge; a map with another `type`, a list and a plain value replace. A value over a declared
variable is its default.

A relative path starts at the folder of the file that says it; with a connection, inside the connection. `${env:NAME}`
and `${file:path}` stand in connections, variables and options that are secret, and are resolved before anything is
built; what came from a file is a secret, and so is a variable with `secret: true`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import SpecError, UsageError
from engine.options import Pointer
from engine.spec import reader
from engine.spec.document import Document
from engine.spec.located import Located, Problems
from engine.spec.problems import Problem, at_key, at_value
from engine.spec.saying import name_help
from engine.spec.schema import NAME
from engine.spec.validate import validate
from engine.spelling import describe, listed, suggest

PROJECT_FILE: Final = "engine.yaml"
STATE_FOLDER: Final = ".engine"
STATE_VARIABLE: Final = "ENGINE_STATE"
SHARED: Final = ("connections", "vars", "lookups")


@dataclass
class Source:
    """A spec as it was found: its merged document, and the folders that its parts start at."""

    path: str
    name: str
    located: Located
    problems: Problems
    project_folder: str
    connection_folders: Mapping[str, str]

    @property
    def folder(self) -> str:
        """The folder that the spec's own relative paths start at."""
        return os.path.dirname(os.path.abspath(self.path))

    @property
    def state_folder(self) -> str:
        """`.engine` beside the project file or the spec, or where ENGINE_STATE says."""
        return os.environ.get(STATE_VARIABLE) or os.path.join(self.project_folder, STATE_FOLDER)


def names_in(path: str) -> list[str]:
    """The pipelines of a file: its keys under `pipelines`, or one without a name."""
    if not _may_hold_several(path):
        return [""]
    value = reader.read(path).value
    pipelines = value.get("pipelines") if isinstance(value, dict) else None
    return list(pipelines) if isinstance(pipelines, dict) and pipelines else [""]


def _may_hold_several(path: str) -> bool:
    """False where the file cannot have the key `pipelines`, not even with escapes: it is read once then."""
    try:
        with open(path, "rb") as file:
            text = file.read(reader.BYTES)
    except OSError:
        return True  # the reader says what is wrong
    return b"pipelines" in text or b"\\" in text


def split(spec: str) -> tuple[str, str]:
    """`file.yaml:name` in its parts; a path may hold a colon of its own."""
    path, colon, name = spec.rpartition(":")
    return (path, name) if colon and not os.path.exists(spec) and "/" not in name else (spec, "")


def pipelines_in(spec: str) -> list[str]:
    """Every `file:name` that a spec on a command line means: the one that is named, or all of its file."""
    path, name = split(spec)
    return [spec] if name else [f"{path}:{each}" if each else path for each in names_in(path)]


def find(spec: str, env: str) -> Source:
    """The merged document of one pipeline; SpecError where a file cannot be read."""
    path, wanted = split(spec)
    document = reader.read(path)
    if not isinstance(document.value, dict):
        raise SpecError([at_value(document, (), "S203", "a spec is a map of keys", help="start with `source:`")])
    located, name = _choose(document, path, wanted)
    problems = Problems(located)
    project = _project_file(path)
    folders: dict[str, str] = {}
    if project:
        try:
            folders = _lay_project_under(located, project, env, problems)
        except SpecError as error:  # what it would have said is not known: only the spec's own keys are checked
            validate(located.value, "spec", problems)
            raise SpecError([*error.problems, *problems.errors]) from error
    elif env:
        raise UsageError(
            "U104",
            f"`--env {env}`: there is no {PROJECT_FILE} above `{path}`",
            "write one, with `environments`",
        )
    validate(located.value, "spec", problems)
    top = os.path.dirname(os.path.abspath(project or path))
    return Source(path, name, located, problems, top, folders)


def _choose(document: Document, path: str, wanted: str) -> tuple[Located, str]:
    """The document of one pipeline: its own keys over those that the file shares."""
    value = dict(document.value)
    stem = os.path.splitext(os.path.basename(path))[0]
    pipelines = value.pop("pipelines", None)
    if pipelines is None:
        if wanted:
            raise UsageError("U103", f"`{path}` holds one pipeline, not several", f"run `{path}`")
        return Located(document, value), str(value.get("name", stem))
    if not isinstance(pipelines, dict) or not pipelines:
        return Located(document, dict(document.value)), stem
    if not wanted:
        raise UsageError("U103", f"`{path}` holds {len(pipelines)} pipelines", f"name one: {_runs(path, pipelines)}")
    if wanted not in pipelines:
        near = suggest(wanted, pipelines)
        help = f"did you mean `{path}:{near}`?" if near else f"it holds {listed(pipelines)}"
        raise UsageError("U103", f"`{path}` has no pipeline `{wanted}`", help)
    own = pipelines[wanted]
    if wrong := list(_wrong_entry(document, wanted, own)):
        raise SpecError(wrong)
    located = Located(document, dict(own), ("pipelines", wanted))
    located.lay_under(document, (), value)
    return located, f"{value.get('name', stem)}.{wanted}"


def _wrong_entry(document: Document, name: str, own: Any) -> Iterator[Problem]:
    """What is wrong with one pipeline of several before its keys are merged with the shared ones."""
    at = ("pipelines", name)
    if not re.fullmatch(NAME["pattern"], name):
        yield at_key(document, at, "S207", f"`{describe(name)}` is not a name", help=name_help(name))
    if not isinstance(own, dict):
        yield at_value(document, at, "S203", "a pipeline is a map of keys", help=f"write `{name}: {{sink: ..}}`")
    elif "pipelines" in own:
        help = "put it beside the others"
        yield at_key(document, (*at, "pipelines"), "S201", "`pipelines` is not a key of a pipeline", help=help)


def _runs(path: str, pipelines: Mapping[str, Any]) -> str:
    return ", ".join(f"`{path}:{name}`" for name in pipelines)


def _project_file(path: str) -> str:
    """The nearest `engine.yaml` in the spec's folder or above, empty where there is none."""
    folder = os.path.dirname(os.path.abspath(path))
    while True:
        found = os.path.join(folder, PROJECT_FILE)
        if os.path.exists(found):
            return found
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above


def project_problems(path: str) -> list[Problem]:
    """What is wrong with a project file itself, whatever a spec uses of it."""
    try:
        document = reader.read(path)
    except SpecError as error:
        return list(error.problems)
    problems = Problems(Located(document, document.value if isinstance(document.value, dict) else {}))
    validate(document.value, "project", problems)
    return problems.found


def _lay_project_under(located: Located, path: str, env: str, problems: Problems) -> dict[str, str]:
    """Put the project's shared keys below the spec's own; gives the folder that each connection starts at."""
    document = reader.read(path, os.path.relpath(path))
    if not isinstance(document.value, dict):
        help = f"known: {listed((*SHARED, 'environments'))}"
        raise SpecError([at_value(document, (), "S203", f"{PROJECT_FILE} is a map of keys", help=help)])
    value = document.value
    own = Problems(Located(document, value))
    validate(value, "project", own)
    problems.found.extend(own.found)
    layers: list[tuple[Mapping[str, Any], Pointer]] = [(value, ())]
    if env:
        environments = value.get("environments", {})
        if env not in environments:
            near = suggest(env, environments)
            help = f"did you mean `{near}`?" if near else f"it has {listed(environments) or 'none'}"
            raise UsageError("U104", f"`{document.path}` has no environment `{env}`", help)
        layers.insert(0, (environments[env], ("environments", env)))
    mine = set(located.value.get("connections") or {})
    for layer, at in layers:
        _lay(located, document, layer, at)
    folder = os.path.dirname(path)
    return {name: folder for name in located.value.get("connections") or {} if name not in mine}


def _lay(located: Located, document: Document, layer: Mapping[str, Any], at: Pointer) -> None:
    shared = {key: layer[key] for key in SHARED if isinstance(layer.get(key), dict)}
    wanted = used_connections({**layer, **located.value}) | used_connections(layer)
    if "connections" in shared:
        shared["connections"] = {key: each for key, each in shared["connections"].items() if key in wanted}
    if "vars" in shared:
        shared["vars"] = dict(shared["vars"])
        _declare(located, document, shared["vars"], (*at, "vars"))
    located.lay_under(document, at, shared)


def _declare(located: Located, document: Document, below: Mapping[str, Any], at: Pointer) -> None:
    """A value over a declaration is the declaration's default."""
    mine = located.value.get("vars")
    if not isinstance(mine, dict):
        return
    for name, declared in below.items():
        if isinstance(declared, dict) and name in mine and not isinstance(mine[name], dict):
            located.value["vars"] = mine = {**mine, name: {**declared, "default": mine[name]}}


def used_connections(value: Mapping[str, Any]) -> set[str]:
    """The connections that the spec names; others are not looked at."""
    lookups, sinks = value.get("lookups"), value.get("sinks")
    ends = [value.get(end) for end in ("source", "sink", "rejects", "archive")]
    ends += lookups.values() if isinstance(lookups, dict) else ()
    ends += sinks if isinstance(sinks, list) else ()
    return {str(end["connection"]) for end in ends if isinstance(end, dict) and end.get("connection")}
