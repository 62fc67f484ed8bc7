"""Remove what runs left behind and nobody needs: stagings, uploads, old rejects, trials."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from engine.cli.console import coloured, out, out_json, say
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.delivery.attempts import stamp
from engine.delivery.claim import claim
from engine.delivery.garbage import Waste, strays_of, waste_of
from engine.delivery.ownership import PIPELINES
from engine.errors import EngineError, UsageError
from engine.plan import Plan
from engine.quantities import Duration
from engine.spec.compile import load
from engine.spec.project import PROJECT_FILE, STATE_FOLDER, STATE_VARIABLE, pipelines_in
from engine.spelling import counted
from engine.state.kv import KV
from engine.state.opening import has_state

DAY: Final = "1d"
STRAY: Final = "stray"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("action", choices=["gc"], help="what to do with the state")
    parser.add_argument("specs", nargs="*", metavar="SPEC", help="the specs whose pipelines are looked at")
    parser.add_argument("--all", action="store_true", help="every pipeline that has run in this project")
    parser.add_argument("--older", metavar="TIME", default=DAY, help="only what is older than this (1d unless said)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    parser.add_argument("--yes", action="store_true", help="abort uploads that no state knows too, if no one else's")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    add_spec_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Look, say what is found, and remove it; the worst that went wrong decides the exit code."""
    if bool(options.specs) == options.all:
        raise UsageError("U101", "`state gc` takes specs, or `--all`", "write `engine state gc stock.yaml`")
    older, code = float(Duration.parse(options.older)), 0
    found: list[dict[str, Any]] = []
    for spec in _every(options):
        try:
            plan, _ = load(spec, options.env, given_values(options.set))
            found += [_removed(plan, waste, options) for waste in _waste(plan, older, options)]
        except EngineError as error:
            say(coloured(str(error)))
            code = max(code, error.exit_code)
    if options.json:
        out_json(found)
    else:
        strays = sum(each["kind"] == STRAY for each in found)
        left = 0 if options.yes or options.dry_run else strays
        say(f"{counted(len(found) - left, 'thing')} {'to remove' if options.dry_run else 'removed'}")
        if strays and not options.yes:
            say(f"{counted(strays, 'stray')}: uploads below the outputs that no state knows; `--yes` aborts them")
    return code


def _every(options: argparse.Namespace) -> Iterator[str]:
    """Every pipeline that is meant, as `file` or `file:name`."""
    for spec in options.specs or _known():
        yield from pipelines_in(spec)


def _known() -> list[str]:
    """The files of the pipelines that have run in the project around this folder."""
    folder = os.environ.get(STATE_VARIABLE) or os.path.join(_project(os.getcwd()), STATE_FOLDER)
    if not has_state(folder):
        return []
    with KV.open(folder) as kv:
        files = {entry.value: None for _, entry in kv.list(PIPELINES)}
    return [os.path.relpath(file) for file in files if os.path.exists(file)]


def _project(folder: str) -> str:
    """The folder with the nearest project file, else the one that was asked for."""
    above = folder
    while not os.path.exists(os.path.join(above, PROJECT_FILE)):
        if above == os.path.dirname(above):
            return folder
        above = os.path.dirname(above)
    return above


def _waste(plan: Plan, older: float, options: argparse.Namespace) -> Iterator[Waste]:
    """What one pipeline left behind; each is removed, unless nothing is to be, while the pipeline is held."""
    now = datetime.now(UTC)
    if not has_state(plan.state_folder):
        for waste in strays_of(plan, now, older):
            yield _ended(waste, options)
        return
    with claim(plan, stamp(now), 0.0, trial=False) as held:
        for waste in waste_of(held, now, older):
            yield _ended(waste, options)


def _ended(waste: Waste, options: argparse.Namespace) -> Waste:
    """Removed, where that is wanted."""
    if not options.dry_run and (options.yes or not waste.asks):
        waste.remove()
    return waste


def _removed(plan: Plan, waste: Waste, options: argparse.Namespace) -> dict[str, Any]:
    if not options.json:
        out(f"{waste.kind:<8} {os.path.relpath(waste.path) if os.path.isabs(waste.path) else waste.path}")
    return {"pipeline": plan.name, "kind": waste.kind, "path": waste.path, "age_s": round(waste.age)}
