"""Compare pipelines with their golden files: the same plan as in production, offline, byte for byte."""

from __future__ import annotations

import argparse

from engine.cli.console import out, out_json, paint, say
from engine.cli.spec_arguments import add_allowance
from engine.errors import GoldenError, SpecError
from engine.golden import Case, Outcome, differences, find, outcome, update
from engine.spec.problems import render


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("path", nargs="?", default="fixtures", help="a golden, or a folder of them (fixtures)")
    add_allowance(parser)
    parser.add_argument("--update", action="store_true", help="show what differs, then make it the golden")
    parser.add_argument("--json", action="store_true", help="print the outcome of each case as JSON")


def run(options: argparse.Namespace) -> int:
    """Run every case; exit 10 where one differs."""
    results = {case.name: _try(case, options) for case in find(options.path)}
    if not results:
        raise GoldenError(
            "G101",
            f"there is no golden in `{options.path}`",
            "a golden is a folder with `input/`; `--update` writes the rest",
        )
    failed = [name for name, texts in results.items() if texts]
    if options.json:
        out_json({name: {"ok": not texts, "differences": texts} for name, texts in results.items()})
    passed = len(results) - len(failed)
    say(
        f"{passed} golden{'s' if passed != 1 else ''} ok"
        + (f", {len(failed)} {'updated' if options.update else 'differ'}" if failed else "")
    )
    return GoldenError.exit_code if failed and not options.update else 0


def _try(case: Case, options: argparse.Namespace) -> list[str]:
    """What differs in one case, said as it is found."""
    found: Outcome | None = None
    try:
        found = outcome(case)
        texts = list(differences(case, found))
    except SpecError as error:
        texts = [render(problem) for problem in error.problems]
    if not options.json:
        _say(case, texts)
    if options.update and found and texts:
        update(case, found)
    return texts


def _say(case: Case, texts: list[str]) -> None:
    out(f"{paint('ok' if not texts else 'differs', 'ok' if not texts else 'error')}  {case.name}")
    for text in texts:
        out("    " + text.replace("\n", "\n    "))
