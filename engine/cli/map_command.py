"""Map records of a file or of standard input by a mapping, or by the steps of a spec: JSON lines out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, NamedTuple, cast

from engine.cli.console import one_line, out_bytes, say, say_problems
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.cli.summary import top_rejects
from engine.delivery.books import Books
from engine.delivery.rejects import reject_line
from engine.errors import UnitError, UsageError
from engine.kinds import Limits, Parser
from engine.language.frames import Context
from engine.language.jsontext import encode
from engine.language.scopes import vars_shape
from engine.language.shapes import ANY, of_texts
from engine.language.tables import Tables
from engine.lookups import opened
from engine.parsers._input import batches_of
from engine.registry import components, find_component
from engine.rows.flow import Flow, Step
from engine.spec import reader
from engine.spec.compile import load
from engine.spec.mapping_files import checked_map, is_spec
from engine.spec.project import split
from engine.spec.suffixes import by_suffix
from engine.spelling import listed
from engine.trial import Tried, context_of, tried

PARSER_HELP: Final = (
    "how to read them; left out, the input's extension says it: the spec's own parser where that is of this type or "
    "the extension names none, jsonl where there is no spec either"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("mapping", help="a mapping file, or a spec")
    parser.add_argument("input", nargs="?", default="-", help="the records; standard input when left out or `-`")
    parser.add_argument("--parser", metavar="TYPE", help=PARSER_HELP)
    parser.add_argument("--rejects", metavar="FILE", help="write the rejects as JSON lines")
    parser.add_argument(
        "--dialect", choices=("engine", "sdk"), default="", help="the mapping's, where its words are not"
    )
    add_spec_arguments(parser)


class Job(NamedTuple):
    """What is to be done with the records: how they are read, the steps, and what these see."""

    parser: Parser
    steps: Sequence[Step]
    vars: dict[str, Any]
    name: str
    limits: Limits = Limits()
    tables: Tables | None = None


def run(options: argparse.Namespace) -> int:
    """Lead each record through the steps; exit 4 where any was rejected."""
    _check_rejects(options)
    job, books, examples = _job(options), Books(), dict[str, dict[str, Any]]()
    with _opened(options.input) as (stream, size), _rejects_file(options.rejects) as rejects:
        flow = Flow(job.steps, context_of(options.input, size, job.vars, job.name, job.tables))
        try:
            for record in tried(batches_of(job.parser, stream, options.input, job.limits), flow):
                _count(record, books)
                for output in record.outputs:
                    out_bytes(encode(output) + b"\n")
                for reject in record.rejects:
                    line = reject_line("map", options.input, record.place, reject)
                    examples.setdefault(reject.errors[0].code, line)
                    rejects.write(encode(line) + b"\n")
        finally:
            sys.stdout.flush()
    books.count_steps(flow.notes)
    say("\n".join([str(books), *map(one_line, top_rejects(books, examples, _place_of))]))
    return UnitError.exit_code if books.rejects else 0


def _place_of(reject: Mapping[str, Any]) -> str:
    """Where a reject came from; standard input has no name."""
    if not reject["line"]:
        return f"record {reject['number']}" if reject["unit"] == "-" else f"{reject['unit']}, record {reject['number']}"
    return f"line {reject['line']}" if reject["unit"] == "-" else f"{reject['unit']}:{reject['line']}"


def _count(record: Tried, books: Books) -> None:
    books.count_read(1)
    books.count_written(len(record.outputs))
    for reject in record.rejects:
        books.count_rejected(reject.errors[0].code)


def _job(options: argparse.Namespace) -> Job:
    """The job of a spec, or of a mapping file."""
    document = reader.read(options.mapping) if os.path.exists(options.mapping) else None
    given = given_values(options.set)
    if document is None or is_spec(document.value):
        plan, warnings = load(options.mapping, options.env, given)
        say_problems(warnings)
        tables = opened(plan, datetime.now(UTC), Context(plan.vars, {}, {}))
        return Job(_parser(options, plan.parser), plan.steps, dict(plan.vars), plan.name, plan.limits, tables)
    parser = _parser(options, None)
    shape, vars = of_texts() if parser.text_values else ANY, vars_shape(dict.fromkeys(given, "text"))
    step, warnings = checked_map(document, shape, vars, options.dialect, given)
    say_problems(warnings)
    return Job(parser, (step,), dict(given), os.path.splitext(os.path.basename(options.mapping))[0])


def _parser(options: argparse.Namespace, own: Parser | None) -> Parser:
    if options.parser:
        found = find_component("parser", options.parser)
        if found is None:
            raise UsageError(
                "U101",
                f"`--parser {options.parser}` is not a parser",
                f"known: {listed(components('parser'))}",
            )
        return cast("Parser", own if own and own.type == options.parser else found.cls())
    guessed = cast("Parser | None", by_suffix("parser", options.input))
    if own and (guessed is None or guessed.type == own.type):
        return own
    return guessed or cast("Parser", find_component("parser", "jsonl").cls())  # type: ignore[union-attr]


@contextmanager
def _opened(path: str) -> Iterator[tuple[BinaryIO, int]]:
    if path == "-":
        yield sys.stdin.buffer, 0
        return
    try:
        raw = open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        help = "name a file, or `-` for standard input"
        raise UsageError("U108", f"`{path}` cannot be read: {error.strerror}", help) from error
    with raw:
        yield raw, os.path.getsize(path)


def _check_rejects(options: argparse.Namespace) -> None:
    """Records and rejects share no stream, and no file that is read is written over."""
    path = options.rejects
    reads = (options.mapping, split(options.mapping)[0], 0 if options.input == "-" else options.input)
    if path and os.path.isfile(path) and any(os.path.exists(each) and os.path.samefile(each, path) for each in reads):
        raise UsageError("U109", f"the rejects cannot be written to `{path}`: it is read here", "choose another path")
    if path == "-":
        message = "`--rejects -`: the records go to standard output"
        raise UsageError("U101", message, "name a file, as in `--rejects rejects.jsonl`")


@contextmanager
def _rejects_file(path: str | None) -> Iterator[BinaryIO]:
    try:
        file = open(path or os.devnull, "wb")  # noqa: SIM115 - closed below
    except OSError as error:
        message = f"the rejects `{path}` cannot be written: {error.strerror}"
        raise UsageError("U109", message, "choose another path") from error
    with file:
        yield file
