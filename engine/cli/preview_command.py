"""Show the first records of a sample, or of the first file, beside what becomes of them."""

from __future__ import annotations

import argparse
import os

from engine.cli.console import out, out_bytes, say, say_problems
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.delivery.rejects import stored
from engine.errors import UsageError
from engine.language.jsontext import encode
from engine.plan import Plan
from engine.run import Session
from engine.spec.compile import load
from engine.storage.packing import unpacked
from engine.trial import Tried, context_of, tried


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("spec", help="the spec: file, or file:pipeline")
    parser.add_argument("-n", type=int, default=5, metavar="N", help="how many records (5)")
    add_spec_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON lines")


def run(options: argparse.Namespace) -> int:
    """Map the first records and show both sides."""
    plan, warnings = load(options.spec, options.env, given_values(options.set))
    say_problems(warnings)
    path = plan.sample or first_file(plan)
    context = context_of(os.path.relpath(path, plan.folder), os.path.getsize(path), dict(plan.vars), plan.name)
    with open(path, "rb") as raw:
        stream = unpacked(raw, path, getattr(plan.parser, "compression", "none"))
        shown = 0
        for record in tried(stream, plan.parser, plan.mapping, context, plan.limits):
            if shown >= options.n:
                break
            _show_json(record) if options.json else _show(record)
            shown += 1
    say(f"{shown} record{'s' if shown != 1 else ''} of {os.path.relpath(path)}; nothing was written")
    return 0


def first_file(plan: Plan) -> str:
    """The first file that the source matches."""
    units = plan.source.units(plan.source_end.store(), {"vars": plan.vars}, Session("").clock())
    unit = next(iter(units), None)
    if unit is None:
        raise UsageError(
            "U107",
            f"`{plan.name}` has no sample, and no file matches its source",
            "add `sample:` with a file that shows what comes in",
        )
    return os.path.join(plan.source_end.store().address["base"], unit.stat.path)


def _show(record: Tried) -> None:
    out(f"#{record.place.number}  in   {_text(record)}")
    if record.output is not None:
        out(f"    out  {encode(record.output).decode()}")
    for error in record.reject.errors if record.reject else ():
        out(f"    reject [{error.code}] {error.field or 'record'}: {error.message}")


def _text(record: Tried) -> str:
    if record.reject and record.reject.stage == "parse":
        return record.place.raw.decode(errors="replace").rstrip("\r\n")
    return encode(record.record).decode()


def _show_json(record: Tried) -> None:
    line = {"number": record.place.number, "line": record.place.line, "input": record.record, "output": record.output}
    if record.reject:
        line["errors"] = [stored(error) for error in record.reject.errors]
    out_bytes(encode(line) + b"\n")
