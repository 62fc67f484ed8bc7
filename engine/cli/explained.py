"""A spec in words: every step and field, and one field worked through; `engine explain SPEC` prints it."""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from engine.cli.console import cut, one_line, out, out_json, say_problems
from engine.cli.graph import graph_of
from engine.cli.spec_arguments import given_values
from engine.errors import UsageError
from engine.explaining.facts import FieldFacts, StepFacts, facts_of
from engine.explaining.saying import called, plainly, said, written
from engine.explaining.worked import Made, Seen, Worked, worked
from engine.language.fields import Checks, Field
from engine.plan import Plan
from engine.records import MISSING
from engine.spec.compile import load
from engine.spec.project import pipelines_in
from engine.spelling import either, listed, suggest

WIDTH: Final = 100
NAME: Final = 26
GIVES: Final = 24
REJECTS: Final = 14
MOST_NAMES: Final = 20
GAP: Final = "  "
_LINE_END: Final = re.compile(r"\s*\n\s*")


class Row(NamedTuple):
    """A line of the table of fields; each cell is wrapped by itself."""

    name: str
    how: str
    gives: str
    rejects: str


def explain(options: argparse.Namespace) -> int:
    """Print what the pipelines of a spec do, or what becomes of one field."""
    plans = []
    for spec in pipelines_in(options.what):
        plan, warnings = load(spec, options.env, given_values(options.set))
        say_problems(warnings)
        plans.append(plan)
    if options.field:
        _one_field(plans, options)
    elif options.json:
        found = [_as_dict(plan) for plan in plans]
        out_json(found[0] if len(found) == 1 else found)
    else:
        out("\n\n".join(_overview(plan) for plan in plans))
    return 0


def _as_dict(plan: Plan) -> dict[str, Any]:
    return {"name": plan.name, "file": os.path.relpath(plan.file), "steps": [step.as_dict() for step in facts_of(plan)]}


def _overview(plan: Plan) -> str:
    labels = {node.id: node.label for node in graph_of(plan).nodes}
    steps = facts_of(plan)
    head = [f"{plan.name}: {os.path.relpath(plan.file)}", *([plan.description] if plan.description else [])]
    ends = [f"from {labels['source']}, {labels['parser']}", f"to   {labels['sink']}"]
    return "\n".join([*head, *ends, *(line for step in steps for line in ("", *_of_step(step)))])


# --- steps and fields in words


def _of_step(step: StepFacts) -> Iterator[str]:
    yield f"step {step.number}: {step.type}"
    told = [(name, value if isinstance(value, str) else plainly(value)) for name, value in step.options.items()]
    told += [("lookups", ", ".join(step.lookups))] if step.lookups and not step.fields else []
    told += [("may reject", " ".join(step.rejects))] if step.rejects else []
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        yield from _wrapped(f"  {name:<{width}}  ", value, WIDTH)
    if step.fields:
        yield from _table(list(_rows(step.fields, "")))


def _rows(fields: Sequence[FieldFacts], indent: str) -> Iterator[Row]:
    for facts in fields:
        name = facts.made.name if facts.made.target else f"[{facts.made.pointer[-1]}]"
        yield Row(indent + name, "; ".join(_how(facts)), _gives(facts), " ".join(facts.rejects))
        yield from _rows(facts.inside, indent + "  ")


def _how(facts: FieldFacts) -> Iterator[str]:
    """What a field does, phrase by phrase, in the order in which it is done."""
    made = facts.made
    if made.when:
        yield f"when {made.when.text}"
    yield _making(made)
    if made.chain:
        yield ("each item " if made.maker == "each" else "then ") + ", ".join(map(called, made.chain))
    if made.default is not MISSING:
        yield f"blank is {plainly(said(made.default))}"
    if made.required:
        yield "required"
    yield from _checks(made.checks)
    if made.on_error != "reject":
        yield "errors are blank" if made.on_error == "blank" else "errors drop the item"
    if made.working:
        yield "working field"


def _making(made: Field) -> str:
    """What a field is made of."""
    read = ", else ".join(pick.text for pick in made.sources)
    if made.maker == "pairs_from":
        return f"pairs of the members of {read}" + (f" but {', '.join(made.except_keys)}" if made.except_keys else "")
    words = {"source": read, "value": f"always {plainly(said(made.value))}", "each": f"for each of {read}",
             "fields": f"an object of {read}" if read else "an object", "list": "a list", "pairs": "pairs"}  # fmt: skip
    return words[made.maker]


def _checks(checks: Checks) -> Iterator[str]:
    if checks.one_of:
        yield f"one of {', '.join(plainly(said(member)) for member in checks.one_of)}"
    if checks.pattern:
        yield f"matches {checks.pattern.text}"
    for word, bound in (("at least", checks.min), ("at most", checks.max)):
        if bound is not None:
            yield f"{word} {plainly(said(bound))}"
    for word, bound in (("at least", checks.min_length), ("at most", checks.max_length)):
        if bound is not None:
            yield f"{word} {bound} long"


def _gives(facts: FieldFacts) -> str:
    type = facts.type if facts.certain or facts.type == "any" else f"likely {facts.type}"
    blanks = "blank" if len(facts.blanks) == 3 else either(facts.blanks) if facts.blanks else ""
    return f"{type}, may be {blanks}" if blanks else type


# --- layout


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows under a heading, aligned, in no more than the page's width."""
    rows = [Row("field", "made of", "gives", "may reject"), *rows]
    name = min(NAME, max(len(row.name) for row in rows))
    gives = min(GIVES, max(len(row.gives) for row in rows))
    rejects = min(REJECTS, max(len(row.rejects) for row in rows))
    how = WIDTH - name - gives - rejects - 4 * len(GAP)
    how = min(how, max(len(row.how) for row in rows))
    for row in rows:
        cells = [_cell(text, width) for text, width in zip(row, (name, how, gives, rejects), strict=True)]
        for at in range(max(map(len, cells))):
            parts = [cell[at] if at < len(cell) else "" for cell in cells]
            line = GAP.join(f"{part:<{width}}" for part, width in zip(parts, (name, how, gives, rejects), strict=True))
            yield (GAP + line).rstrip()


def _cell(text: str, width: int) -> list[str]:
    indent = text[: len(text) - len(text.lstrip())]
    said = _LINE_END.sub(" ", text)
    return textwrap.wrap(said, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _wrapped(head: str, text: str, width: int) -> Iterator[str]:
    lines = textwrap.wrap(_LINE_END.sub(" ", text), width - len(head), break_on_hyphens=False) or [""]
    yield head + lines[0]
    yield from (" " * len(head) + line for line in lines[1:])


# --- one field


def _one_field(plans: Sequence[Plan], options: argparse.Namespace) -> None:
    found = [(plan, step, facts) for plan in plans for step in facts_of(plan) for facts in _all(step.fields)]
    wanted = [each for each in found if each[2].made.path == options.field]
    if not wanted:
        raise _no_field(plans, options.field)
    examples = [worked(plan, step.number, facts.made, options.record) for plan, step, facts in wanted]
    if options.json:
        each = [{"pipeline": plan.name, "step": step.number, **facts.as_dict(), "example": _example_dict(example)}
                for (plan, step, facts), example in zip(wanted, examples, strict=True)]  # fmt: skip
        out_json(each[0] if len(each) == 1 else each)
        return
    told = ("\n".join([_field_text(*each), "", *_example_text(each[2], example, options.record)])
            for each, example in zip(wanted, examples, strict=True))  # fmt: skip
    out("\n\n".join(told))


def _all(fields: Sequence[FieldFacts]) -> Iterator[FieldFacts]:
    for facts in fields:
        yield facts
        yield from _all(facts.inside)


def _no_field(plans: Sequence[Plan], field: str) -> UsageError:
    steps = [step for plan in plans for step in reversed(facts_of(plan))]  # what is written at last comes first
    known = list(dict.fromkeys(facts.made.path for step in steps for facts in _all(step.fields)))
    near = suggest(field, known)
    passes = any(step.maps and step.maps.pass_through for plan in plans for step in plan.steps)
    names = (listed(known[:MOST_NAMES]) or "none") + (", ..." if len(known) > MOST_NAMES else "")
    help = "what passes through is as it comes" if passes and not near else f"known: {names}"
    of = listed(plan.name for plan in plans)
    return UsageError("U115", f"`{field}` is no field of {of}", f"did you mean `{near}`?" if near else help)


def _field_text(plan: Plan, step: StepFacts, facts: FieldFacts) -> str:
    head = f"{plan.name}, step {step.number}: {step.type}"
    first, *rest = _rows([facts], "")
    return "\n".join([head, *_table([first._replace(name=facts.made.path), *rest])])


def _example_text(facts: FieldFacts, example: Worked | None, asked: int | None) -> Iterator[str]:
    if example is None:
        none = f"the sample has no record {asked} that" if asked else "no record of the sample"
        yield f"example: {none} comes to this field"
        return
    line = f", line {example.place.line}" if example.place.line else ""
    yield f"example: record {example.place.number} of {example.path}{line}"
    for number, made in enumerate(example.made, 1):
        lines = [(one_line(name), one_line(value)) for name, value in _made_lines(facts, made)]
        width = min(WIDTH // 2, max(len(name) for name, _ in lines))
        if made.index is not None:
            yield f"  item {made.index}"
        elif len(example.made) > 1:
            yield f"  #{number}"
        yield from (cut(f"  {cut(name, width):<{width}}  {value}", WIDTH) for name, value in lines)
    if example.more > 0:
        yield f"  and {example.more} more"


def _made_lines(facts: FieldFacts, made: Made) -> Iterator[tuple[str, str]]:
    if made.skipped:
        assert facts.made.when  # noqa: S101 - it was skipped by it
        yield "left out", f"`{facts.made.when.text}` is false"
        return
    for seen in (*made.reads, *made.resolved):
        yield seen.what, f"[{seen.error.code}] {seen.error.message}" if seen.error else written(seen.value)
    if made.recovered:
        yield "recovered", ", ".join(made.recovered)
    for error in made.errors:
        inner = error.field.lstrip(".")
        yield "rejected", f"[{error.code}] {inner}{': ' if inner else ''}{error.message}"
    if made.dropped:
        yield "dropped", "the item is left out"
    elif not made.errors:
        yield "gives", written(made.value)


def _example_dict(example: Worked | None) -> dict[str, Any] | None:
    if example is None:
        return None
    place = {"file": example.path, "record": example.place.number, "line": example.place.line}
    return {**place, "made": [_made_dict(made) for made in example.made], "more": max(example.more, 0)}


def _made_dict(made: Made) -> dict[str, Any]:
    """One making for machines: a value that is missing has no key."""
    facts: dict[str, Any] = {"item": made.index} if made.index is not None else {}
    facts |= {"reads": [_seen_dict("path", seen) for seen in made.reads],
              "resolved": [_seen_dict("resolver", seen) for seen in made.resolved]}  # fmt: skip
    facts |= {"value": said_value(made.value)} if made.value is not MISSING else {}
    facts |= {"errors": [{"field": error.field, "code": error.code, "message": error.message} for error in made.errors]}
    more = {"recovered": list(made.recovered), "skipped": made.skipped, "dropped": made.dropped}
    return facts | {name: value for name, value in more.items() if value}


def _seen_dict(key: str, seen: Seen) -> dict[str, Any]:
    if seen.error:
        return {key: seen.what, "error": {"code": seen.error.code, "message": seen.error.message}}
    return {key: seen.what, **({} if seen.value is MISSING else {"value": said_value(seen.value)})}


def said_value(value: Any) -> Any:
    """A record's value for JSON; a secret is hidden."""
    return str(value) if hasattr(value, "reveal") else value
