"""Check specs like a compiler: all problems at once, each with its place and what to write instead."""

from __future__ import annotations

import argparse
import os

from engine.cli.console import out_json, say, say_problems
from engine.cli.run_command import add_spec_arguments, given_values
from engine.errors import SpecError
from engine.spec.compile import load
from engine.spec.problems import Problem, in_file
from engine.spec.project import PROJECT_FILE, names_in, project_problems, split


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument(
        "specs", nargs="+", metavar="SPEC", help="files; of a file with several pipelines all are checked"
    )
    add_spec_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the problems as JSON to stdout")


def run(options: argparse.Namespace) -> int:
    """Check every spec, then say all that was found."""
    problems: list[Problem] = []
    names: dict[str, str] = {}
    checked = 0
    for spec in _each_pipeline(options.specs, problems):
        found, name = _check(spec, options)
        problems.extend(problem for problem in found if problem not in problems)
        checked += 1
        if name and names.setdefault(name, spec) != spec:
            problems.append(in_file(spec, "S301", f"`{name}` is the name of `{names[name]}` too, and names bind state", help="give one of them another `name`"))  # fmt: skip
    failed = any(problem.level == "error" for problem in problems)
    if options.json:
        out_json([problem.to_json() for problem in problems])
    else:
        say_problems(problems)
        if not failed:
            say(f"ok: {checked} pipeline{'s' if checked != 1 else ''}")
    return SpecError.exit_code if failed else 0


def _each_pipeline(specs: list[str], problems: list[Problem]) -> list[str]:
    """Every `file:name` of the files that were named."""
    found: list[str] = []
    for spec in specs:
        path, name = split(spec)
        if os.path.basename(path) == PROJECT_FILE:
            problems.extend(project_problems(path))
            continue
        try:
            names = [name] if name else names_in(path)
        except SpecError as error:
            problems.extend(error.problems)
            continue
        found.extend(f"{path}:{each}" if each else path for each in names)
    return found


def _check(spec: str, options: argparse.Namespace) -> tuple[list[Problem], str]:
    try:
        plan, warnings = load(spec, options.env, given_values(options.set))
    except SpecError as error:
        return error.problems, ""
    return warnings, plan.name
