"""Map records of a file or of standard input by a mapping, or by a spec's mapping: JSON lines out."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from engine.cli.console import out_bytes, say, say_problems
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.delivery.rejects import reject_line
from engine.errors import SpecError, UnitError, UsageError
from engine.kinds import Limits, Parser
from engine.language.fields import FieldMap
from engine.language.grammar import parse_mapping
from engine.language.jsontext import encode
from engine.language.scopes import vars_shape
from engine.language.shapes import ANY, of_texts
from engine.language.typing import check_map
from engine.registry import components, find_component
from engine.spec import reader
from engine.spec.compile import by_suffix, load
from engine.spec.located import Located, Problems
from engine.spec.problems import in_file
from engine.spec.validate import validate
from engine.spelling import listed
from engine.storage.packing import unpacked
from engine.trial import context_of, tried


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("mapping", help="a mapping file, or a spec")
    parser.add_argument("input", nargs="?", default="-", help="the records; standard input when left out or `-`")
    parser.add_argument("--parser", metavar="TYPE", help="how to read them; by extension, else the spec's, else jsonl")
    parser.add_argument("--rejects", metavar="FILE", help="write the rejects as JSON lines")
    add_spec_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Map each record; exit 4 where any was rejected."""
    parser, mapping, vars, name, limits = _what(options)
    counts: Counter[str] = Counter()
    total = 0
    with _opened(options.input, parser) as (stream, size), _rejects_file(options.rejects) as rejects:
        context = context_of(options.input, size, vars, name)
        try:
            for record in tried(stream, parser, mapping, context, limits):
                total += 1
                if record.reject is None:
                    out_bytes(encode(record.output) + b"\n")
                    continue
                counts[record.reject.errors[0].code] += 1
                if rejects:
                    rejects.write(encode(reject_line("map", options.input, record.place, record.reject)) + b"\n")
        finally:
            sys.stdout.flush()
    rejected = counts.total()
    codes = ", ".join(f"{code} {count:,}" for code, count in sorted(counts.items()))
    say(f"read {total:,} = written {total - rejected:,} + rejected {rejected:,}" + (f" ({codes})" if codes else ""))
    return UnitError.exit_code if rejected else 0


def _what(options: argparse.Namespace) -> tuple[Parser, FieldMap, dict[str, Any], str, Limits]:
    """Parser, mapping, variables, name and limits, from a spec or from a mapping file."""
    document = reader.read(options.mapping) if os.path.exists(options.mapping) else None
    if document is None or _is_spec(document.value):
        plan, warnings = load(options.mapping, options.env, given_values(options.set))
        say_problems(warnings)
        return _parser(options, plan.parser), plan.mapping, dict(plan.vars), plan.name, plan.limits
    if not isinstance(document.value, dict):
        raise SpecError([in_file(document.path, "S203", "a mapping is a map of keys", help="start with `fields:`")])
    parser = _parser(options, None)
    located = Located(document, document.value)
    problems = Problems(located)
    validate(document.value, "mapping", problems)
    mapping = parse_mapping(document.value, (), problems)
    mapping = check_map(mapping, of_texts() if parser.text_values else ANY, vars_shape({}), problems)
    if problems.errors:
        raise SpecError(problems.errors)
    say_problems(problems.warnings)
    return parser, mapping, {}, os.path.splitext(os.path.basename(options.mapping))[0], Limits()


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
def _rejects_file(path: str | None) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
        return
    with open(path, "wb") as file:
        yield file
