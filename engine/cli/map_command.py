"""Map records of a file or of standard input by a mapping, or by the steps of a spec: JSON lines out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple, cast

from engine.cli.console import out_bytes, say, say_problems
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.delivery.books import Books
from engine.delivery.rejects import reject_line
from engine.errors import SpecError, UnitError, UsageError
from engine.kinds import Limits, Parser
from engine.language.frames import Context
from engine.language.jsontext import encode
from engine.language.scopes import Scope, vars_shape
from engine.language.shapes import ANY, of_texts
from engine.language.tables import Tables
from engine.lookups import opened
from engine.registry import components, find_component
from engine.rows.flow import Step
from engine.spec import reader
from engine.spec.compile import by_suffix, load
from engine.spec.located import Located, Problems
from engine.spec.mapping_files import mapping_of
from engine.spec.problems import in_file
from engine.spelling import listed
from engine.steps.map import Map
from engine.storage.packing import unpacked
from engine.trial import Tried, context_of, tried


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("mapping", help="a mapping file, or a spec")
    parser.add_argument("input", nargs="?", default="-", help="the records; standard input when left out or `-`")
    parser.add_argument("--parser", metavar="TYPE", help="how to read them; by extension, else the spec's, else jsonl")
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
    job, books = _job(options), Books()
    with _opened(options.input, job.parser) as (stream, size), _rejects_file(options.rejects) as rejects:
        context = context_of(options.input, size, job.vars, job.name, job.tables)
        try:
            for record in tried(stream, job.parser, job.steps, context, job.limits):
                _count(record, books)
                for output in record.outputs:
                    out_bytes(encode(output) + b"\n")
                for reject in record.rejects:
                    rejects.write(encode(reject_line("map", options.input, record.place, reject)) + b"\n")
        finally:
            sys.stdout.flush()
    codes = ", ".join(f"{code} {count:,}" for code, count in sorted(books.rejects.items()))
    say(f"{books}" + (f" ({codes})" if codes else ""))
    return UnitError.exit_code if books.rejects else 0


def _count(record: Tried, books: Books) -> None:
    books.count_read(1)
    books.count_written(len(record.outputs))
    for reject in record.rejects:
        books.count_rejected(reject.errors[0].code)
    made = len(record.outputs) + len(record.rejects)
    books.count_steps(max(made - 1, 0), {} if made else {"filtered": 1})


def _job(options: argparse.Namespace) -> Job:
    """The job of a spec, or of a mapping file."""
    document = reader.read(options.mapping) if os.path.exists(options.mapping) else None
    given = given_values(options.set)
    if document is None or _is_spec(document.value):
        plan, warnings = load(options.mapping, options.env, given)
        say_problems(warnings)
        tables = opened(plan, datetime.now(UTC), Context(plan.vars, {}, {}))
        return Job(_parser(options, plan.parser), plan.steps, dict(plan.vars), plan.name, plan.limits, tables)
    if not isinstance(document.value, dict):
        raise SpecError([in_file(document.path, "S203", "a mapping is a map of keys", help="start with `fields:`")])
    parser, problems = _parser(options, None), Problems(Located(document, document.value))
    doc = mapping_of(document, (), problems, given, options.dialect)
    shape, vars = of_texts() if parser.text_values else ANY, dict.fromkeys(given, "text")
    scope = Scope(shape, vars_shape(vars), shape, shape)
    step, _ = Map.from_spec(doc, (), problems).check(scope, (), problems)
    if problems.errors:
        raise SpecError(problems.errors)
    say_problems(problems.warnings)
    return Job(parser, (step,), dict(given), os.path.splitext(os.path.basename(options.mapping))[0])


def _is_spec(value: Any) -> bool:
    """A file with ends of its own; `source` alone is a key of mappings too, where it is a path."""
    return isinstance(value, dict) and (
        "pipelines" in value or isinstance(value.get("source"), dict) or "sink" in value
    )


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
    guessed = by_suffix("parser", options.input)
    return cast("Parser", own or guessed or find_component("parser", "jsonl").cls())  # type: ignore[union-attr]


@contextmanager
def _opened(path: str, parser: Parser) -> Iterator[tuple[BinaryIO, int]]:
    if path == "-":
        yield sys.stdin.buffer, 0
        return
    try:
        raw = open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        help = "name a file, or `-` for standard input"
        raise UsageError("U108", f"`{path}` cannot be read: {error.strerror}", help) from error
    with raw:
        yield unpacked(raw, path, getattr(parser, "compression", "none")), os.path.getsize(path)


@contextmanager
def _rejects_file(path: str | None) -> Iterator[BinaryIO]:
    with open(path or os.devnull, "wb") as file:
        yield file
