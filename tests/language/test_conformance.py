"""The language against its conformance cases: mappings, parsers, formatters, templates. The cases are the test."""

import base64
import copy
import io
import json
import posixpath
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from engine.errors import OptionError, RecordError, UnitError
from engine.kinds import Limits
from engine.language.expressions import (
    Condition,
    Expression,
    condition_shape,
    decider,
    evaluator,
    expression_shape,
)
from engine.language.frames import Context, Frame
from engine.language.scopes import Scope, vars_shape
from engine.language.shapes import ANY, of_records, of_texts, type_of
from engine.language.templates import Template, file_part
from engine.options import build_component
from engine.parsers import _lines
from engine.parsers._input import batches_of
from engine.records import MISSING, Batch, Damage, Digits, Instant
from engine.rows.mapper import RowMapper
from engine.steps.map import Map

CASES = Path(__file__).parents[2] / "fixtures" / "conformance"
READ = {
    "$decimal": Digits,
    "$float": float,
    "$date": date.fromisoformat,
    "$instant": Instant.fromisoformat,
    "$local": datetime.fromisoformat,
    "$missing": lambda _: MISSING,
    "$base64": base64.b64decode,
    "$repeat": lambda said: "".join(text * count for text, count in said),
    "$int": lambda said: int("".join(text * count for text, count in said)),
}
RUN = {"id": "run-1", "started_at": Instant(2026, 1, 15, 12, 0, tzinfo=UTC), "pipeline": "stock"}
UNIT = {
    "id": "in/a/stock.csv.gz",
    "name": "stock.csv.gz",
    "stem": "stock",
    "ext": ".csv.gz",
    "dir": "a",
    "path": "in/a/stock.csv.gz",
    "size": 42,
    "source": "",
    "mtime": Instant(2026, 1, 14, 23, 30, 5, tzinfo=UTC),
    "date": date(2026, 1, 14),
}


class Report:
    """Keeps the codes of the problems that a check finds; nothing before it is broken."""

    def __init__(self):
        self.errors, self.warnings = [], []

    def __call__(self, code, pointer, message, help="", level="error", **rest):
        (self.errors if level == "error" else self.warnings).append(code)

    def broken(self, pointer):
        return False

    refused = broken


def untag(value):
    if isinstance(value, list):
        return [untag(item) for item in value]
    if isinstance(value, dict) and len(value) == 1 and (tag := next(iter(value))) in READ:
        return READ[tag](value[tag])
    return {key: untag(item) for key, item in value.items()} if isinstance(value, dict) else value


def look(value):
    """What has to be equal: types, digits, offsets, and the order of keys."""
    if isinstance(value, dict):
        return [(key, look(item)) for key, item in value.items()]
    if isinstance(value, list):
        return ["list", *map(look, value)]
    kind = type_of(value)
    if isinstance(value, Decimal):
        return kind, getattr(value, "text", str(value))
    return kind, value.isoformat() if isinstance(value, date) else repr(value)


def groups(folder):
    for path in sorted((CASES / folder).glob("*.json")):
        for number, group in enumerate(json.loads(path.read_text("utf-8"))):
            yield pytest.param(group, id=f"{path.stem}-{number}")


def component(kind, doc):
    report = Report()
    made = build_component(kind, untag(doc), (), report)
    assert not report.errors
    return made


# --- mappings -----------------------------------------------------------------------------------------------


def evidence(group):
    """What check knows of the records and the variables of a group."""
    shape = of_texts() if group.get("texts") else ANY
    if "sample" in group:
        shape = of_records([untag(record) for record in group["sample"]])
    types = {name: type_of(untag(value)) for name, value in group.get("vars", {}).items()}
    return shape, vars_shape(types)


def checked(group):
    """The group's mapping as a plan has it, and what check says of it."""
    report = Report()
    shape, types = evidence(group)
    step, _ = Map.from_spec(untag(group["mapping"]), (), report).check(Scope(shape, types, shape, shape), (), report)
    return step.mapping, report


def mapped(mapper, record):
    """The outcome of one record as a case states it."""
    before = copy.deepcopy(record)
    mapper.notes.recovered.clear()
    mapper.notes.items_dropped = 0
    made = mapper(Batch(b"", 0, 1, lambda: [record], list))
    assert look(before) == look(record), "the input was changed"
    for reject in made.rejects:
        return {"errors": [[error.field, error.code] for error in reject.errors]}
    outcome = {"result": look(made.records[0])}
    if mapper.notes.recovered:
        outcome["recovered"] = dict(mapper.notes.recovered)
    if mapper.notes.items_dropped:
        outcome["dropped"] = mapper.notes.items_dropped
    return outcome


@pytest.mark.parametrize("group", list(groups("mapping")))
def test_mapping(group):
    mapping, report = checked(group)
    assert report.errors == group.get("check", [])
    assert report.warnings == group.get("warns", [])
    if report.errors:
        return
    vars = {name: untag(value) for name, value in group.get("vars", {}).items()}
    mapper = RowMapper(mapping, Context(vars, RUN, UNIT))
    for case in group["cases"]:
        wanted = {key: value for key, value in case.items() if key not in ("given", "comment")}
        if "result" in wanted:
            wanted["result"] = look(untag(wanted["result"]))
        assert mapped(mapper, untag(case["given"])) == wanted, case


# --- parsers ------------------------------------------------------------------------------------------------


def parsed(parser, data, limits):
    """Records and rejects of an input, each reject with its place."""
    records, rejects = [], []
    for batch in batches_of(parser, io.BytesIO(data), "", limits):
        for index, value in enumerate(batch.values):
            if isinstance(value, Damage):
                place = batch.place(index)
                rejects.append([place.number, place.line, place.offset, value.code])
            else:
                place = batch.place(index)
                records.append((value, place.line, data[place.offset : place.offset + place.size] == place.raw))
    return records, rejects


@pytest.mark.parametrize("block", [1 << 20, 64, 7, 1])
@pytest.mark.parametrize("group", list(groups("parsing")))
def test_parsing(group, block, monkeypatch):
    monkeypatch.setattr(_lines, "BLOCK", block)
    parser, limits = component("parser", group["parser"]), Limits(**group.get("limits", {}))
    for case in group["cases"]:
        given = untag(case["given"])
        data = given if isinstance(given, bytes) else given.encode()
        if "error" in case:
            with pytest.raises(UnitError) as raised:
                parsed(parser, data, limits)
            assert raised.value.code == case["error"], case
            continue
        records, rejects = parsed(parser, data, limits)
        assert [look(value) for value, _, _ in records] == [look(untag(r)) for r in case["records"]], case
        assert rejects == case.get("rejects", []), case
        if "lines" in case:
            assert [line for _, line, _ in records] == case["lines"], case
        assert all(same for _, _, same in records), case


# --- formatters ---------------------------------------------------------------------------------------------


def formatted(formatter, columns, parts):
    """The bytes of records given in parts, and which of them were refused with which code."""
    encoder, refused = formatter.encoder(columns), []
    made = [encoder.head()]
    for start, records in parts:
        try:
            made.append(encoder.body(records))
        except RecordError as error:
            refused.append([start, error.code])
    return b"".join((*made, encoder.tail())), refused


@pytest.mark.parametrize("group", list(groups("formatting")))
def test_formatting(group):
    formatter = component("formatter", group["formatter"])
    for case in group["cases"]:
        records = [untag(record) for record in case["given"]]
        made, refused = formatted(formatter, group.get("columns", ()), [(i, [r]) for i, r in enumerate(records)])
        assert made.decode() == untag(case["result"]), case
        assert refused == case.get("refused", []), case
        if not refused:
            assert formatted(formatter, group.get("columns", ()), [(0, records)])[0] == made, case


# --- templates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", list(groups("templates")))
def test_template(group):
    for case in group["cases"]:
        roots = {"unit": UNIT, "run": RUN, "vars": {}} | untag(case.get("roots", {}))
        try:
            made = Template.parse(case["template"]).render(roots, file_part)
            outcome = {"result": posixpath.normpath(made)}
        except (OptionError, UnitError) as error:
            outcome = {"error": error.code}
        assert outcome == {key: untag(case[key]) for key in ("result", "error") if key in case}, case


# --- expressions --------------------------------------------------------------------------------------------


def parsed_expression(case):
    """The expression or condition of a case, and what checks and compiles it; or the code it is refused with."""
    try:
        if "condition" in case:
            return Condition.parse(untag(case["condition"])), condition_shape, decider
        return Expression.parse("=" + untag(case["expression"])), expression_shape, evaluator
    except OptionError as error:
        return error.code


def evaluated(make, group, case):
    """What one record gives."""
    vars = {name: untag(value) for name, value in group.get("vars", {}).items()}
    given = untag(case["given"])
    before = copy.deepcopy(given)
    frame = Frame(given, Context(vars, RUN, UNIT))
    frame.number = 1
    try:
        return {"result": look(make(frame))}
    except RecordError as error:
        return {"error": error.code}
    finally:
        assert look(before) == look(given), "the input was changed"


@pytest.mark.parametrize("group", list(groups("expressions")))
def test_expression(group):
    shape, types = evidence(group)
    for case in group["cases"]:
        parsed = parsed_expression(case)
        if isinstance(parsed, str):
            assert (parsed, None) == (case.get("error"), case.get("given")), case
            continue
        made, check, compiled = parsed
        report = Report()
        check(made, (), Scope(shape, types, shape, shape), report)
        if "given" not in case:
            assert report.errors == case.get("check"), case
            continue
        wanted = {"error": case["error"]} if "error" in case else {"result": look(untag(case["result"]))}
        assert evaluated(compiled(made), group, case) == wanted, case
        assert "error" in case or not report.errors, case
