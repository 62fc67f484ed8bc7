"""Show the first records of a sample, or of the first file, beside what becomes of them."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from itertools import islice

from engine.cli.console import cut, one_line, out, out_bytes, say, say_problems
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.delivery.rejects import stored
from engine.errors import UsageError
from engine.language.jsontext import encode
from engine.records import Reject
from engine.rows.flow import Flow
from engine.spec.compile import load
from engine.trial import Tried, sample_of, tried


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("spec", help="the spec: file, or file:pipeline")
    parser.add_argument("-n", type=int, default=5, metavar="N", help="how many records (5)")
    add_spec_arguments(parser)
    parser.add_argument("--full", action="store_true", help="do not cut long records to the width of the terminal")
    parser.add_argument("--json", action="store_true", help="print JSON lines")


def run(options: argparse.Namespace) -> int:
    """Lead the first records through the steps and show both sides."""
    if options.n < 1:
        raise UsageError("U101", f"`-n {options.n}`: a preview shows at least one record", "write `-n 5`")
    plan, warnings = load(options.spec, options.env, given_values(options.set))
    say_problems(warnings)
    width = 0 if options.full else shutil.get_terminal_size((0, 0)).columns
    with sample_of(plan) as sample:
        flow = Flow(plan.steps, sample.context)
        records = tried(sample.batches, flow, one_by_one=True)
        shown = sum(_show(record, options.json, width) for record in islice(records, options.n))
    say(f"{shown} record{'s' if shown != 1 else ''} of {sample.path}; nothing was written")
    return 0


def _show(record: Tried, as_json: bool, width: int) -> int:
    """Print one record; that was one."""
    if as_json:
        out_bytes(encode(_as_dict(record)) + b"\n")
    else:
        out("\n".join(cut(line, width) for line in _lines(record)))
    return 1


def _lines(record: Tried) -> Iterator[str]:
    yield f"#{record.place.number}  in   {_text(record)}"
    for output in record.outputs:
        yield f"    out  {encode(output).decode()}"
    for reject in record.rejects:
        yield f"    reject in {reject.stage}{_which(reject)}"
        for error in reject.errors:
            yield f"      [{error.code}] {error.field}{': ' if error.field else ''}{one_line(error.message)}"
    for rule, count in record.filtered.items():
        yield f"    filtered by `{rule}`" + (f" × {count}" if count > 1 else "")


def _which(reject: Reject) -> str:
    """Which of the records it is that steps made of the one that was read."""
    return f", item {'.'.join(map(str, reject.child))}" if reject.child else ""


def _text(record: Tried) -> str:
    if any(reject.stage == "parse" for reject in record.rejects):
        return one_line(record.place.raw.decode(errors="replace").rstrip("\r\n"))
    return encode(record.record).decode()


def _as_dict(record: Tried) -> dict[str, object]:
    errors = [{"stage": reject.stage, **stored(error)} for reject in record.rejects for error in reject.errors]
    place = {"number": record.place.number, "line": record.place.line}
    sides = {"input": record.record, "outputs": record.outputs}
    more = {"errors": errors, "filtered": record.filtered}
    return {**place, **sides, **{key: value for key, value in more.items() if value}}
