"""Check specs like a compiler: all problems at once, each with its place and what to write instead."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from engine.cli.console import out_json, say, say_problems
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.connecting import tried
from engine.delivery.staging import address
from engine.errors import AccessError, SpecError, StoreError
from engine.language.shapes import ANY
from engine.plan import Plan
from engine.spec import reader
from engine.spec.compile import load
from engine.spec.located import Problems
from engine.spec.mapping_files import checked_map, is_spec
from engine.spec.problems import Problem, in_file
from engine.spec.project import PROJECT_FILE, find, pipelines_in, project_problems, split
from engine.spelling import counted


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument(
        "specs", nargs="+", metavar="SPEC", help="files; of a file with several pipelines all are checked"
    )
    add_spec_arguments(parser)
    parser.add_argument(
        "--connect", action="store_true", help="reach every connection too: log in, list, publish and remove a probe"
    )
    parser.add_argument("--json", action="store_true", help="print the problems as JSON to stdout")


def run(options: argparse.Namespace) -> int:
    """Check every spec, then say all that was found."""
    problems: list[Problem] = []
    worst, names = 0, dict[str, str]()
    paths: dict[str, str] = {}
    mappings = [path for path in options.specs if _is_mapping(path)]
    for path in mappings:
        problems.extend(_check_mapping(path))
    specs = _each_pipeline([spec for spec in options.specs if spec not in mappings], problems)
    for spec in specs:
        found, plan = _check(spec, options)
        problems.extend(problem for problem in found if problem not in problems)
        if plan:
            problems.extend(_shared(plan, spec, names, paths))
        if plan and options.connect:
            found, code = _connect(spec, plan, options)
            problems.extend(problem for problem in found if problem not in problems)
            worst = max(worst, code)
    failed = any(problem.level == "error" for problem in problems)
    if options.json:
        out_json([problem.to_json() for problem in problems])
    else:
        say_problems(problems)
        if not failed:
            counts = [(len(specs), "pipeline"), (len(mappings), "mapping file")]
            say(f"ok: {', '.join(counted(*each) for each in counts if each[0]) or 'nothing to check'}")
    return (worst or SpecError.exit_code) if failed else 0


def _is_mapping(path: str) -> bool:
    """Whether a file holds a mapping and no spec: fields, and no ends."""
    if not os.path.isfile(path) or os.path.basename(path) == PROJECT_FILE:
        return False
    try:
        value = reader.read(path).value
    except SpecError:
        return False  # the reader says what is wrong where it is checked
    return isinstance(value, dict) and not is_spec(value) and ("fields" in value or "arguments" in value)


def _check_mapping(path: str) -> list[Problem]:
    """What is wrong with a mapping file by itself: of what comes in, and of variables, nothing is known."""
    try:
        return checked_map(reader.read(path), ANY, ANY)[1]
    except SpecError as error:
        return list(error.problems)


def _each_pipeline(specs: list[str], problems: list[Problem]) -> list[str]:
    """Every `file:name` of the files that were named."""
    found: list[str] = []
    for spec in specs:
        path, _ = split(spec)
        if os.path.basename(path) == PROJECT_FILE:
            problems.extend(project_problems(path))
            continue
        try:
            found.extend(pipelines_in(spec))
        except SpecError as error:
            problems.extend(error.problems)
    return found


def _shared(plan: Plan, spec: str, names: dict[str, str], paths: dict[str, str]) -> Iterator[Problem]:
    """A name or an output path that another of the pipelines has too."""
    if (other := names.setdefault(plan.name, spec)) != spec:
        message = f"`{plan.name}` is the name of `{other}` too, and names bind state"
        yield in_file(spec, "S301", message, help="give one of them another `name`")
    for outlet in plan.outlets:
        path = getattr(outlet.sink, "path", None)
        if path and (other := paths.setdefault(address(outlet.end.store(), path.text), spec)) != spec:
            message = f"the output `{path.text}` is the output of `{other}` too"
            yield in_file(spec, "S315", message, help="give each pipeline a path of its own")


def _check(spec: str, options: argparse.Namespace) -> tuple[list[Problem], Plan | None]:
    try:
        plan, warnings = load(spec, options.env, given_values(options.set))
    except SpecError as error:
        return error.problems, None
    return warnings, plan


def _connect(spec: str, plan: Plan, options: argparse.Namespace) -> tuple[list[Problem], int]:
    """What came of trying a plan's connections, each at its place in the spec, and the exit code of the worst."""
    problems, worst = Problems(find(spec, options.env).located), 0
    for each in tried(plan):
        if each.error is None:
            say(f"connected {each.said}")
            continue
        problems(each.error.code, each.pointer, each.error.message, each.error.help, level=each.level)
        if each.level == "error":
            worst = max(worst, AccessError.exit_code if each.error.exit_code == 7 else StoreError.exit_code)
    return problems.found, worst
