"""Run a pipeline: every unit that is due, from source to sink."""

from __future__ import annotations

import argparse
import gc
import os
import secrets
import signal
from datetime import UTC, datetime

from engine.cli.console import Progress, coloured, out_json, say, say_problems
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.cli.summary import summary
from engine.delivery.report import Report
from engine.errors import EngineError, Interrupted, UsageError
from engine.language.jsontext import pretty
from engine.quantities import Duration
from engine.run import Session, begin_report
from engine.run import run as run_plan
from engine.spec.compile import load

FOREVER = 10.0**9


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("spec", help="the spec: file, or file:pipeline")
    add_spec_arguments(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="a trial over the first N records: nothing is committed")
    parser.add_argument(
        "--dry-run", action="store_true", help="a trial over everything that is due: nothing is committed"
    )
    parser.add_argument("--full-refresh", action="store_true", help="do every unit again, also those that are done")
    parser.add_argument(
        "--wait",
        nargs="?",
        const="",
        metavar="TIME",
        help="wait for another run of this pipeline to end (at most TIME, such as 5m)",
    )
    parser.add_argument("--report", metavar="FILE", help="write the report as JSON")
    parser.add_argument("--json", action="store_true", help="print the report as JSON to stdout")


def run(options: argparse.Namespace) -> int:
    """Compile, run, and end with the diagnosis."""
    if options.limit is not None and options.limit < 1:
        raise UsageError("U101", f"`--limit {options.limit}`: a trial needs at least one record", "write `--limit 10`")
    plan, warnings = load(options.spec, options.env, given_values(options.set))
    say_problems(warnings)
    gc.freeze()  # what was compiled stays; the collector need not look at it again
    progress = Progress()
    session = Session(
        run_id=new_run_id(),
        wait=_wait(options.wait),
        full_refresh=options.full_refresh,
        trial=options.dry_run or options.limit is not None,
        limit=options.limit,
        progress=progress,
    )
    report = begin_report(plan, session)
    _open_report(options)
    try:
        run_plan(plan, session, report)
    except (EngineError, KeyboardInterrupt) as error:
        report.stop(error if isinstance(error, EngineError) else Interrupted.by(signal.SIGINT))
    progress.end()
    _hand_over(report, options)
    return report.exit_code


def _wait(text: str | None) -> float:
    return 0.0 if text is None else float(Duration.parse(text)) if text else FOREVER


def new_run_id() -> str:
    """A name for this run that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def _open_report(options: argparse.Namespace) -> None:
    """A report that cannot be written is found before the run, not after it."""
    if not options.report:
        return
    try:
        os.makedirs(os.path.dirname(options.report) or ".", exist_ok=True)
        with open(options.report, "ab"):
            pass
    except OSError as error:
        message = f"the report `{options.report}` cannot be written: {error.strerror}"
        raise UsageError("U109", message, "choose another path") from error


def _hand_over(report: Report, options: argparse.Namespace) -> None:
    """The report to its file, to stdout where asked, and as the last lines."""
    if options.report:
        with open(options.report, "wb") as file:
            file.write(pretty(report.as_dict()) + b"\n")
    if options.json:
        out_json(report.as_dict())
    if report.stopped:
        say(coloured(str(report.stopped)))
    if report.units or not report.stopped:
        say(summary(report))
