"""Compare pipelines with their golden files: the same plan as in production, offline, byte for byte."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.cli.console import out, out_json, paint, say
from engine.cli.spec_arguments import add_allowance
from engine.errors import EngineError, GoldenError, Interrupted, SpecError, internal
from engine.golden import case_of, differences, find, outcome, update
from engine.spec.problems import Problem, render


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("path", nargs="?", default="fixtures", help="a golden, or a folder of them (fixtures)")
    add_allowance(parser)
    parser.add_argument("--update", action="store_true", help="show what differs, then make it the golden")
    parser.add_argument("--json", action="store_true", help="print the outcome of each case as JSON")


class Tested(NamedTuple):
    """One golden: what differs in it, or why it could not be tried."""

    differences: Sequence[str] = ()
    errors: Sequence[EngineError | Problem] = ()

    @property
    def word(self) -> str:
        """How it ended."""
        return "failed" if self.errors else "differs" if self.differences else "ok"


def run(options: argparse.Namespace) -> int:
    """Run every case; exit 10 where one differs, or could not be tried: the others are tried all the same."""
    results = {os.path.relpath(folder): _test(folder, options) for folder in find(options.path)}
    if not results:
        raise GoldenError(
            "G101",
            f"there is no golden in `{options.path}`",
            "a golden is a folder with `input/`; `--update` writes the rest",
        )
    if options.json:
        out_json({name: _as_dict(tested) for name, tested in results.items()})
    words = Counter(tested.word for tested in results.values())
    said = [f"{words['ok']} golden{'s' if words['ok'] != 1 else ''} ok"]
    said += [f"{words['differs']} {'updated' if options.update else 'differ'}"] if words["differs"] else []
    said += [f"{words['failed']} failed"] if words["failed"] else []
    say(", ".join(said))
    return GoldenError.exit_code if words["failed"] or (words["differs"] and not options.update) else 0


def _test(folder: str, options: argparse.Namespace) -> Tested:
    """One golden, said as soon as it is tried, and updated where that is asked for."""
    try:
        case = case_of(folder)
        found = outcome(case)
        tested = Tested(list(differences(case, found)))
        if options.update and tested.differences:
            update(case, found)
    except Interrupted:
        raise
    except SpecError as error:
        tested = Tested(errors=error.problems)
    except EngineError as error:
        tested = Tested(errors=[error])
    except Exception as error:  # noqa: BLE001 - whatever one golden does, the others are tried
        tested = Tested(errors=[internal(error)])
    if not options.json:
        _say(os.path.relpath(folder), tested)
    return tested


def _say(name: str, tested: Tested) -> None:
    out(f"{paint(tested.word, 'ok' if tested.word == 'ok' else 'error')}  {name}")
    for text in (*tested.differences, *map(_text, tested.errors)):
        out("    " + text.replace("\n", "\n    "))


def _text(error: EngineError | Problem) -> str:
    return render(error) if isinstance(error, Problem) else str(error)


def _as_dict(tested: Tested) -> dict[str, Any]:
    errors = [{"code": each.code, "message": each.message, "help": each.help} for each in tested.errors]
    return {"ok": tested.word == "ok", "differences": tested.differences, "errors": errors}
