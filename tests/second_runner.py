"""A second runner of `fixtures/conformance`, written from its README alone.

Two ends answer a case. The command line reads and writes JSON, wherever the case can be said in it; Python sees the
types: `load` and `Flow`, a resolver's function, `Expression`, `Template`, parsers and formatters. What one of them
answers otherwise than the case says is a disagreement.

    python tests/second_runner.py [FOLDER...]
"""

import base64
import contextlib
import copy
import functools
import io
import itertools
import json
import math
import os
import posixpath
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine import registry
from engine.cli import main
from engine.errors import EngineError, OptionError, RecordError, SpecError
from engine.kinds import Limits, Parser
from engine.language.expressions import Condition, Expression, decider, evaluator
from engine.language.frames import Context, Frame
from engine.language.tables import Table, Tables, Unanswered
from engine.language.templates import Template, file_part
from engine.lookups import opened
from engine.options import build, build_component
from engine.parsers._input import batches_of
from engine.plan import Plan
from engine.records import MISSING, Batch, Damage, Digits, Instant, Span, is_blank
from engine.rows.flow import Flow
from engine.spec.compile import load

CASES = Path(__file__).resolve().parent.parent / "fixtures" / "conformance"
RUN = {"id": "run-1", "pipeline": "stock", "started_at": Instant.fromisoformat("2026-01-15T12:00:00+00:00")}
UNIT = {
    "id": "in/a/stock.csv.gz",
    "path": "in/a/stock.csv.gz",
    "name": "stock.csv.gz",
    "stem": "stock",
    "ext": ".csv.gz",
    "dir": "a",
    "size": 42,
    "source": "",
    "mtime": Instant.fromisoformat("2026-01-14T23:30:05+00:00"),
    "date": date(2026, 1, 14),
}
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
MEMORY = "/dev/shm"  # noqa: S108 - thousands of small files need no disk
BLOCKS = (1, 2, 3, 7, 64, 1 << 20)


# Values: tags of the case files, equality by type and digits, JSON


def _repeated(parts: Sequence[Sequence[Any]]) -> str:
    return "".join(text * times for text, times in parts)


TAGS: dict[str, Callable[[Any], Any]] = {
    "$decimal": Digits,
    "$float": float,
    "$date": date.fromisoformat,
    "$instant": Instant.fromisoformat,
    "$local": datetime.fromisoformat,
    "$missing": lambda _: MISSING,
    "$repeat": _repeated,
    "$int": lambda parts: int(_repeated(parts)),
    "$base64": base64.b64decode,
}


def value_of(written: Any) -> Any:
    """The value that a case file writes."""
    if isinstance(written, list):
        return [value_of(item) for item in written]
    if not isinstance(written, dict):
        return written
    tag = next(iter(written), "") if len(written) == 1 else ""
    return TAGS[tag](written[tag]) if tag in TAGS else {key: value_of(item) for key, item in written.items()}


KINDS = ((bool, "bool"), (int, "int"), (Decimal, "decimal"), (float, "float"), (str, "text"), (Instant, "instant"),
         (datetime, "local"), (date, "date"), (list, "list"), (dict, "object"), (bytes, "bytes"))  # fmt: skip


def kind_of(value: Any) -> str:
    """The name of a value's type in the README; datetimes and booleans stand before what they derive from."""
    if value is MISSING or value is None:
        return "missing" if value is MISSING else "null"
    return next((name for type, name in KINDS if isinstance(value, type)), type(value).__name__)


def _same_float(one: float, other: float) -> bool:
    return (math.isnan(one) and math.isnan(other)) or (
        one == other and math.copysign(1, one) == math.copysign(1, other)
    )


SAME: dict[str, Callable[[Any, Any], bool]] = {
    "decimal": lambda one, other: one.as_tuple() == other.as_tuple(),
    "float": _same_float,
    "instant": lambda one, other: one == other and one.utcoffset() == other.utcoffset(),
    "list": lambda one, other: len(one) == len(other) and all(map(same, one, other)),
    "object": lambda one, other: list(one) == list(other) and all(same(one[key], other[key]) for key in one),
}


def same(one: Any, other: Any) -> bool:
    """Whether two values are one: type, digits, offset, sign of zero, the order of keys."""
    kind = kind_of(one)
    return kind == kind_of(other) and SAME.get(kind, lambda one, other: one == other)(one, other)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are one where numbers count by their value: what two languages give."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    numbers = {kind_of(one), kind_of(other)} <= {"int", "decimal", "float"}
    return one == other if numbers else same(one, other)


class Unsayable(Exception):
    """A value that JSON does not have."""


def as_json(value: Any) -> str:
    """A value in JSON, decimals with their digits; Unsayable for a type that JSON has not got."""
    kind = kind_of(value)
    if kind == "decimal" and re.search(r"[.eE]", str(value)) and value.is_finite():
        return getattr(value, "text", str(value))
    if kind == "list":
        return f"[{', '.join(map(as_json, value))}]"
    if kind == "object":
        return "{" + ", ".join(f"{as_json(key)}: {as_json(item)}" for key, item in value.items()) + "}"
    if kind in ("null", "bool", "int") or (kind == "text" and not re.search("[\ud800-\udfff]", value)):
        return json.dumps(value)
    raise Unsayable(kind)


def from_json(text: str) -> Any:
    """A line of JSON with the digits of its decimals."""
    return json.loads(text, parse_float=Decimal)


def as_written(value: Any) -> Any:
    """What a sink writes for a value: times as texts, decimals as plain digits; Unsayable for what says less there."""
    kind = kind_of(value)
    if kind in ("float", "missing", "bytes"):
        raise Unsayable(kind)
    if kind == "decimal":
        digits = format(value, "f")
        return Decimal(digits) if "." in digits else int(digits)
    if kind in ("date", "local"):
        return value.isoformat()
    if kind == "instant":
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if kind == "list":
        return [as_written(item) for item in value]
    return {key: as_written(item) for key, item in value.items()} if kind == "object" else value


def agree_as_written(wanted: Any, found: Any) -> bool:
    """Whether JSON says the same: of decimals it is the plain digits that count."""
    return same(as_written(wanted), as_written(found))


def without_text(value: Any) -> str:
    """A value for a person, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}.."


# The tally


@dataclass
class Tally:
    """What was asked, which end answered, and where one did not agree."""

    cases: Counter[str] = field(default_factory=Counter)
    ends: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    where: str = ""
    folder: str = ""

    def begin(self, where: str) -> None:
        """Another case."""
        self.where = where
        self.cases[self.folder] += 1

    def ask(self, end: str, wanted: Any, answer: Callable[[], Any], agree: Callable[[Any, Any], bool] = same) -> None:
        """Ask one end of the case; what JSON cannot say is not asked, whatever else is raised is a disagreement."""
        try:
            found = answer()
            agreed = agree(wanted, found)
        except Unsayable:
            return
        except Exception as error:  # noqa: BLE001 - the report says it
            found, agreed = error, False
        self.ends.setdefault(self.folder, Counter())[end] += 1
        if not agreed:
            self.wrong.append(
                f"{self.where} [{end}]\n    wanted {without_text(wanted)}\n    found  {without_text(found)}"
            )


def groups_of(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The groups of a file, each with its name for people."""
    for number, group in enumerate(json.loads(path.read_text(encoding="utf-8"), parse_float=Digits)):
        yield f"{path.parent.name}/{path.name}[{number}]", group


# The command line


def engine(*arguments: str) -> tuple[int, str, str]:
    """A command in this process (a start costs a fifth of a second): exit code, stdout, stderr."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    out.flush()
    err.flush()
    return code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()


def checked(spec: str) -> dict[str, list[str]]:
    """What `engine check` reports: codes of errors and of warnings, in its order."""
    _, out, err = engine("check", spec, "--json")
    problems = json.loads(out or "null")
    if problems is None:
        raise AssertionError(err)
    return {level: [p["code"] for p in problems if p["level"] == level] for level in ("error", "warning")}


@dataclass
class Outcome:
    """What became of some records: those written, the rejects, the counts; or the code of what stopped it all."""

    results: list[Any] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def errors(self) -> list[list[str]]:
        """Every error of the rejects as field and code."""
        return [[error["field"], error["code"]] for reject in self.rejects for error in reject["errors"]]


def by_name(counts: dict[str, int]) -> dict[str, int]:
    """Counts have no order."""
    return dict(sorted(counts.items()))


def _lines(path: str) -> list[Any]:
    text = Path(path).read_text(encoding="utf-8") if os.path.exists(path) else ""
    return [from_json(line) for line in text.split("\n") if line]


def mapped(spec: str, given: str) -> Outcome:
    """What `engine map` makes of a file."""
    rejects = f"{given}.rejects"
    parser = ["--parser", "jsonl"] if given.endswith(".jsonl") else []
    code, out, err = engine("map", spec, given, "--rejects", rejects, *parser)
    results = [from_json(line) for line in out.split("\n") if line]
    found = re.search(r"\b[A-Z]\d{3}\b", err) if code and not os.path.exists(rejects) else None
    stopped = re.search(r"error\[([A-Z]\d{3})\]", err)
    return Outcome(results, _lines(rejects), error=stopped[1] if stopped else found[0] if found else "")


def ran(spec: str, given: str) -> Outcome:
    """What `engine run` makes of its one new file, with the counts of its report."""
    folder = os.path.dirname(spec)
    _, out, err = engine("run", spec, "--json")
    if not out:
        raise AssertionError(err)
    report = json.loads(out)
    unit = next(unit for unit in report["units"] if unit["id"].endswith(os.path.basename(given)))
    results = [line for output in unit["outputs"] for line in _lines(os.path.join(folder, output["path"]))]
    rejects = _lines(os.path.join(folder, unit["rejects_path"])) if unit["rejects_path"] else []
    counts = {
        "filtered": by_name(report["filtered"]),
        "created": report["records"]["created"],
        "recovered": by_name(report["recovered"]),
        "dropped": report["items_dropped"],
    }
    return Outcome(results, rejects, counts, (unit["error"] or {}).get("code", ""))


# Specs of the cases


class Tagged(Parser):
    """JSON lines with the tags of the case files: a sample and a lookup may hold every type."""

    def batches(self, stream, limits):
        """All lines as one batch."""
        values = [value_of(from_json(line)) for line in stream.read().decode().splitlines()]
        yield batch_of(values)

    def names_of(self, stream, limits):
        """Not known: any record may have another name."""
        return


def batch_of(values: list[Any]) -> Batch:
    """Records that are no bytes of any input."""
    return Batch(b"", 0, 1, lambda: values, lambda: [Span(1, 0, 0)] * len(values))


VARIABLE_TYPES = {"text": "text", "int": "int", "decimal": "decimal", "bool": "bool", "date": "date"}


def variable(written: Any) -> dict[str, Any]:
    """A variable as a spec declares it, of the type that its value shows."""
    value = value_of(written)
    kind = VARIABLE_TYPES[kind_of(value)]
    return {"type": kind, "default": value.isoformat() if kind == "date" else value}


def csv_of(record: Any) -> str:
    """A record of texts as a CSV file; Unsayable where no row makes it."""
    if not isinstance(record, dict) or not record or not all(isinstance(cell, str) for cell in record.values()):
        raise Unsayable
    if any(not name or "\0" in name + cell for name, cell in record.items()):
        raise Unsayable
    rows = (record.keys(), record.values())
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)


def _put(folder: str, name: str, text: str) -> str:
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(path).write_bytes(text.encode())
    return path


def _tagged_lines(records: list[Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def _lookup(folder: str, name: str, lookup: dict[str, Any]) -> dict[str, Any]:
    """A lookup as a spec says it; `records` are those of a file."""
    if "records" not in lookup:
        return value_of(lookup)
    _put(folder, f"{name}.tagged", _tagged_lines(lookup["records"]))
    rest = {key: value_of(item) for key, item in lookup.items() if key != "records"}
    return {"type": "files", "path": f"{name}.tagged", "parser": "tagged", **rest}


def _sample(folder: str, group: dict[str, Any]) -> dict[str, Any]:
    if group.get("texts"):
        suffix = "csv"
        if "sample" in group:
            _put(folder, "sample.csv", csv_of(value_of(group["sample"][0])))
    else:
        suffix = "tagged" if "sample" in group else "jsonl"
        _put(folder, "sample.tagged", _tagged_lines(group.get("sample", [])))
    return {
        "source": {"type": "files", "path": f"in/*.{suffix}"},
        "parser": suffix,
        **({"sample": f"sample.{suffix}"} if "sample" in group else {}),
    }


def spec_of(folder: str, group: dict[str, Any], work: dict[str, Any], **over: Any) -> str:
    """A spec file for one group: its mapping or its steps between two ends."""
    lookups = {name: _lookup(folder, name, lookup) for name, lookup in group.get("lookups", {}).items()}
    spec = {
        **_sample(folder, group),
        "vars": {name: variable(value) for name, value in group.get("vars", {}).items()},
        "lookups": lookups,
        **work,
        "sink": {"type": "files", "path": "out/{unit.name}.jsonl", "when_empty": "write"},
        "limits": {"max_rejects": 1000},
        **over,
    }
    _put(folder, "engine.yaml", "{}\n")  # the state is the folder's own
    return _put(folder, "stock.json", as_json({key: part for key, part in spec.items() if part not in ({}, [])}))


def input_of(folder: str, name: str, records: list[Any], *, texts: bool = False) -> str:
    """The records as a file: CSV where they are a row of texts, else JSON lines."""
    if texts and len(records) == 1:
        with contextlib.suppress(Unsayable):
            return _put(folder, f"in/{name}.csv", csv_of(records[0]))
    return _put(folder, f"in/{name}.jsonl", "".join(as_json(record) + "\n" for record in records))


def names_a_run(work: Any) -> bool:
    """Whether a spec looks at the run or the unit, which the command line makes itself."""
    return re.search(r"\$run|\$unit\.(?!record)|\{(unit|run)\.", json.dumps(work, default=str)) is not None


# Python


class Asking(Table):
    """A table that has to ask: it notes which keys, and in which rounds."""

    asks = True

    def __init__(self, table: Table):
        self.name, self.policy = table.name, table.policy
        self._table, self._known, self._noted = table, set(), []
        self.rounds: list[list[list[Any]]] = []

    def find(self, key, args):
        """What the table has, once it was asked for that key."""
        if key in self._known:
            return self._table.find(key, args)
        if key not in self._noted:
            self._noted.append(key)
        raise Unanswered

    def answer(self):
        """One round for all keys noted."""
        if self._noted:
            self.rounds.append([list(key) for key in self._noted])
        self._known.update(self._noted)
        noted, self._noted = self._noted, []
        return len(noted)


@functools.cache
def plan_of(spec: str) -> Plan:
    """The plan of a spec, which does not change once it was written."""
    return load(spec)[0]


def context_of(plan: Plan, *, asking: bool = False) -> tuple[Context, dict[str, Any]]:
    """What the heads see, and the tables of the lookups."""
    tables = opened(plan, NOW, Context(plan.vars, RUN, UNIT))
    if asking:
        asked = {name for name, lookup in plan.lookups.items() if lookup.values is None}
        tables = Tables({name: Asking(table) if name in asked else table for name, table in tables.items()})
    return Context(plan.vars, RUN, UNIT, tables), tables


def flowed(spec: str, given: list[Any], *, asking: bool = False) -> Outcome:
    """What the steps of a spec make of typed records, which stay as they were."""
    plan = plan_of(spec)
    context, tables = context_of(plan, asking=asking)
    flow, before = Flow(plan.steps, context), copy.deepcopy(given)
    made = flow(batch_of(given))
    assert same(before, given), "what was given was changed"
    rejects = [
        {
            "number": reject.position + 1,
            "child": ".".join(map(str, reject.child)),
            "stage": reject.stage,
            "errors": [error._asdict() for error in reject.errors],
        }
        for reject in made.rejects
    ]
    notes = flow.notes
    counts = {
        "filtered": by_name(notes.filtered),
        "created": notes.created,
        "recovered": by_name(notes.recovered),
        "dropped": notes.items_dropped,
    }
    if asking:
        counts["requests"] = {name: table.rounds for name, table in tables.items() if isinstance(table, Asking)}
    return Outcome(list(made.records), rejects, counts)


class Problems(list):
    """The codes of the problems of options: a Report."""

    def __call__(self, code, pointer, message, help="", **how):
        self.append(code)

    def secret(self, text, pointer):
        return text

    def broken(self, pointer):
        return False

    refused = broken


def component(kind: str, doc: Any) -> Any:
    """A parser or a formatter as a spec writes it."""
    problems = Problems()
    made = build_component(kind, doc, (), problems)
    assert not problems, problems
    return made


def code_of(work: Callable[[], Any]) -> Any:
    """What the work gives, or the code with which it fails."""
    try:
        return work()
    except SpecError as error:
        return {"error": error.problems[0].code}
    except (EngineError, OptionError, RecordError) as error:
        return {"error": error.code}


# The folders


@dataclass
class Desk:
    """Where cases are judged: the tally, and a folder for what they need."""

    tally: Tally
    root: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def folder(self) -> str:
        """A folder that nothing else uses."""
        return os.path.join(self.root, str(next(self.numbers)))

    def each(self, name: str, group: dict[str, Any], judge: Callable[[str, dict[str, Any]], None]) -> None:
        """Judge the group's cases, one after the other."""
        for number, case in enumerate(group.get("cases", ())):
            self.tally.begin(f"{name}.{number}")
            judge(str(number), case)

    def check(self, spec: str, group: dict[str, Any], order: Callable[[list[str]], list[str]] = list) -> None:
        """The codes that `check` reports; of a group with errors its warnings are not stated."""
        wanted = {"error": order(group.get("check", [])), "warning": order(group.get("warns", []))}
        if "check" in group:
            self.tally.ask("check", wanted["error"], lambda: order(checked(spec)["error"]))
        else:
            self.tally.ask("check", wanted, lambda: {level: order(codes) for level, codes in checked(spec).items()})


def wanted_answer(case: dict[str, Any]) -> Any:
    """What a case of one value says: the value, or its code."""
    return {"error": case["error"]} if "error" in case else value_of(case["result"])


def judge_resolvers(desk: Desk, name: str, group: dict[str, Any]) -> None:
    """Each case by the resolver's function, and by a mapping of one field."""
    doc = group["resolver"]
    options = {key: value_of(option) for key, option in doc.items() if key != "type"}
    problems, resolver = Problems(), registry.find_resolver(doc["type"])
    step = resolver.step(build(resolver.options, options, (), problems))
    try:
        mapping = {"mapping": {"fields": {"x": {"source": "v", "resolver": value_of(doc)}}}}
        spec = spec_of(desk.folder(), {}, mapping)
        spec = "" if checked(spec)["error"] else spec  # what `check` refuses may still be called
    except Unsayable:
        spec = ""

    def one(number: str, case: dict[str, Any]) -> None:
        wanted, given = wanted_answer(case), value_of(case["given"])
        desk.tally.ask("call", wanted, lambda: _called(resolver, step, copy.deepcopy(given)))
        if spec and not is_blank(given):
            desk.tally.ask("map", wanted, lambda: _field_x(spec, number, {"v": given}, wanted), agree_as_written)

    desk.each(name, group, one)


def _called(resolver: Any, step: Callable[..., Any], given: Any) -> Any:
    """What the function answers; a type that it does not take is R202."""
    takes = {"object": "object"}.get(kind_of(given), kind_of(given))
    if not is_blank(given) and not {"any", takes} & set(resolver.takes):
        return {"error": "R202"}
    frame = (Frame({"v": given}, Context({}, RUN, UNIT)),) if resolver.contextual else ()
    try:
        return code_of(lambda: step(given, *frame))
    except (TypeError, AttributeError):
        return {"error": "R202"}


def _field_x(spec: str, name: str, record: Any, wanted: Any, *, texts: bool = False) -> Any:
    """Field `x` of a record that is mapped on its own, or the code of its reject."""
    as_written(wanted)
    outcome = mapped(spec, input_of(os.path.dirname(spec), name, [record], texts=texts))
    if outcome.error or outcome.rejects:
        return {"error": outcome.error or outcome.errors[0][1]}
    return outcome.results[0].get("x", MISSING)


def judge_mapping(desk: Desk, name: str, group: dict[str, Any]) -> None:
    """What `check` says of a mapping, and every record through it."""
    spec = spec_of(desk.folder(), group, {"mapping": value_of(group["mapping"])})
    desk.tally.begin(f"{name}.check")
    desk.tally.cases[desk.tally.folder] -= "check" not in group
    desk.check(spec, group)
    steps = [{"type": "map", **value_of(group["mapping"])}, {"type": "filter", "where": "true"}]
    stepped = spec_of(desk.folder(), group, {"steps": steps})
    unseen = names_a_run(group["mapping"])

    def one(number: str, case: dict[str, Any]) -> None:
        given = value_of(case["given"])
        wanted = {**({} if "errors" in case else _counts(case)), **_record_or_errors(case)}
        desk.tally.ask("flow", wanted, lambda: _one(flowed(spec, [given]), counts=True))
        desk.tally.ask("step", wanted, lambda: _one(flowed(stepped, [given]), counts=True))
        if not unseen:
            wanted = _record_or_errors(case)
            desk.tally.ask("map", wanted, lambda: _mapped_one(spec, number, given, group), agree_as_written)

    desk.each(name, group, one)


def _counts(case: dict[str, Any]) -> dict[str, Any]:
    return {"recovered": by_name(case.get("recovered", {})), "dropped": case.get("dropped", 0)}


def _record_or_errors(case: dict[str, Any]) -> dict[str, Any]:
    return {"errors": case["errors"]} if "errors" in case else {"result": value_of(case["result"])}


def _one(outcome: Outcome, *, counts: bool = False) -> dict[str, Any]:
    """The outcome of one record as a case says it."""
    if outcome.error:
        return {"stopped": outcome.error}
    if outcome.rejects:
        return {"errors": outcome.errors}
    said = {key: outcome.counts[key] for key in ("recovered", "dropped")} if counts else {}
    return {**said, "result": outcome.results[0]}


def _mapped_one(spec: str, name: str, given: Any, group: dict[str, Any]) -> dict[str, Any]:
    """One record by the command line; a header that nothing reads stops a CSV file, but is no concern here."""
    folder = os.path.dirname(spec)
    outcome = mapped(spec, input_of(folder, name, [given], texts=group.get("texts", False)))
    if outcome.error == "R124":
        outcome = mapped(spec, input_of(folder, name, [given]))
    return _one(outcome)


def judge_steps(desk: Desk, name: str, group: dict[str, Any]) -> None:
    """Records through steps, by `Flow` and by a run with its books."""
    spec = spec_of(desk.folder(), group, {"steps": value_of(group["steps"])})
    desk.tally.begin(f"{name}.check")
    desk.tally.cases[desk.tally.folder] -= "check" not in group
    desk.check(spec, group)
    if "columns" in group:
        desk.tally.ask("columns", group["columns"], lambda: list(plan_of(spec).sinks[0].columns))
    unseen = names_a_run(group["steps"])
    plain = {key: part for key, part in group.items() if key not in ("texts", "sample")}
    lines = spec_of(desk.folder(), plain, {"steps": value_of(group["steps"])})

    def one(number: str, case: dict[str, Any]) -> None:
        given, wanted = value_of(case["given"]), _wanted_steps(case)
        desk.tally.ask("flow", wanted, lambda: _many(flowed(spec, given), case))
        if "lookups" in group:
            asked = {**wanted, "requests": value_of(case["requests"])} if "requests" in case else wanted
            desk.tally.ask("asking", asked, lambda: _many(flowed(spec, given, asking=True), case))
        if not unseen:
            desk.tally.ask("run", wanted, lambda: _ran_many(lines, number, given, case), agree_as_written)

    desk.each(name, group, one)


judge_lookups = judge_steps


def _wanted_steps(case: dict[str, Any]) -> dict[str, Any]:
    return {
        "results": value_of(case["results"]),
        "rejects": case.get("rejects", []),
        **({"messages": case["messages"]} if "messages" in case else {}),
        "filtered": by_name(case.get("filtered", {})),
        "created": case.get("created", 0),
        **_counts(case),
    }


def _many(outcome: Outcome, case: dict[str, Any]) -> dict[str, Any]:
    """The outcome of records as a case of `steps/` says it."""
    errors = [(reject, error) for reject in outcome.rejects for error in reject["errors"]]
    rows = [[r["number"], r.get("child", ""), r["stage"], e["field"], e["code"]] for r, e in errors]
    said = {"results": outcome.results, "rejects": rows}
    if "messages" in case:
        said["messages"] = [error["message"] for _, error in errors]
    fates = len(outcome.results) + len(outcome.rejects) + sum(outcome.counts["filtered"].values())
    assert fates == len(case["given"]) + outcome.counts["created"], "the books do not balance"
    return {**said, **{key: count for key, count in outcome.counts.items() if key != "requests" or key in case}}


def _ran_many(spec: str, name: str, given: list[Any], case: dict[str, Any]) -> dict[str, Any]:
    as_written(value_of(case["results"]))
    outcome = ran(spec, input_of(os.path.dirname(spec), name, given))
    return {"stopped": outcome.error} if outcome.error else _many(outcome, case)


def judge_parsing(desk: Desk, name: str, group: dict[str, Any]) -> None:
    """Bytes in blocks of several sizes, and by the command line as they are."""
    parser = component("parser", value_of(group["parser"]))
    limits = Limits(**group.get("limits", {}))

    def one(number: str, case: dict[str, Any]) -> None:
        given = value_of(case["given"])
        raw, wanted = given if isinstance(given, bytes) else given.encode(), _wanted_parse(case)
        for size in BLOCKS:
            if len(raw) / size < 200_000:
                desk.tally.ask(f"by {size}", wanted, lambda size=size: _parsed(parser, limits, raw, size, case))
        wanted.pop("lines", None)
        desk.tally.ask("map", wanted, lambda: _mapped_bytes(desk.folder(), group, raw, wanted), agree_as_written)

    desk.each(name, group, one)


def _wanted_parse(case: dict[str, Any]) -> dict[str, Any]:
    if "error" in case:
        return {"error": case["error"]}
    keys = ("records", "rejects", *(("lines",) if "lines" in case else ()))
    return {key: value_of(case.get(key, [])) for key in keys}


def _mapped_bytes(folder: str, group: dict[str, Any], raw: bytes, wanted: dict[str, Any]) -> dict[str, Any]:
    """What `engine map` reads of a file, where all its records are objects."""
    if not all(isinstance(record, dict) for record in wanted.get("records", ())):
        raise Unsayable
    limits = {**group.get("limits", {}), "max_rejects": 1000}
    if "record" in limits:
        limits["record"] = f"{limits['record']}B"
    ends = {"parser": value_of(group["parser"]), "limits": limits}
    spec = spec_of(folder, {}, {}, **ends)
    given = _put(folder, "in/given", "")
    Path(given).write_bytes(raw)
    outcome = mapped(spec, given)
    rejects = [[r["number"], r["line"], r["offset"], r["errors"][0]["code"]] for r in outcome.rejects]
    return {"error": outcome.error} if outcome.error else {"records": outcome.results, "rejects": rejects}


class Parts(io.BytesIO):
    """A stream that gives no more than some bytes at a time."""

    def __init__(self, raw: bytes, size: int):
        super().__init__(raw)
        self._size = size

    def read(self, size=-1, /):
        return super().read(size if size is None or size < 0 else min(size, self._size))

    read1 = read

    def readinto(self, buffer, /):
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _parsed(parser: Parser, limits: Limits, raw: bytes, size: int, case: dict[str, Any]) -> dict[str, Any]:
    """Records, rejects with their places and first lines, or the code of what stopped it."""
    said: dict[str, Any] = {"records": [], "rejects": [], "lines": []}
    try:
        for batch in batches_of(parser, Parts(raw, size), "", limits):
            for index, value in enumerate(batch.values):
                place = batch.place(index)
                if isinstance(value, Damage):
                    said["rejects"].append([place.number, place.line, place.offset, value.code])
                else:
                    said["records"].append(value)
                    said["lines"].append(place.line)
    except EngineError as error:
        return {"error": error.code}
    return said if "lines" in case else {key: said[key] for key in ("records", "rejects")}


def judge_formatting(desk: Desk, name: str, group: dict[str, Any]) -> None:
    """Records one by one, and all at once."""
    formatter, columns = component("formatter", value_of(group["formatter"])), group.get("columns", ())

    def one(number: str, case: dict[str, Any]) -> None:
        given = value_of(case["given"])
        wanted = {"bytes": value_of(case["result"]).encode(), "refused": case.get("refused", [])}
        desk.tally.ask("one by one", wanted, lambda: _formatted(formatter.encoder(columns), given))
        refused = {position for position, _ in wanted["refused"]}
        kept = [record for position, record in enumerate(given) if position not in refused]
        desk.tally.ask("at once", wanted["bytes"], lambda: _at_once(formatter.encoder(columns), kept))
        if "columns" not in group:
            desk.tally.ask("run", wanted, lambda: _ran_bytes(desk.folder(), group, given))

    desk.each(name, group, one)


def _formatted(encoder: Any, records: list[Any]) -> dict[str, Any]:
    parts, refused = [encoder.head()], []
    for position, record in enumerate(records):
        try:
            parts.append(encoder.body([record]))
        except RecordError as error:
            refused.append([position, error.code])
    return {"bytes": b"".join([*parts, encoder.tail()]), "refused": refused}


def _ran_bytes(folder: str, group: dict[str, Any], given: list[Any]) -> dict[str, Any]:
    """What `engine run` writes of records that no step touches."""
    sink = {
        "type": "files",
        "path": "out/{unit.name}",
        "formatter": value_of(group["formatter"]),
        "when_empty": "write",
    }
    spec = spec_of(folder, {}, {}, sink=sink)
    input_of(folder, "given", given)
    _, out, err = engine("run", spec, "--json")
    assert out, err
    unit = json.loads(out)["units"][0]
    rejects = _lines(os.path.join(folder, unit["rejects_path"])) if unit["rejects_path"] else []
    refused = [[reject["number"] - 1, reject["errors"][0]["code"]] for reject in rejects]
    return {"bytes": Path(folder, "out/given.jsonl").read_bytes(), "refused": refused}


def _at_once(encoder: Any, records: list[Any]) -> bytes:
    return encoder.head() + encoder.body(records) + encoder.tail()


def judge_templates(desk: Desk, name: str, group: dict[str, Any]) -> None:
    """Templates as file names, `.`, `..` and `//` taken out."""

    def one(number: str, case: dict[str, Any]) -> None:
        roots = {"unit": UNIT, "run": RUN, "vars": {}, **value_of(case.get("roots", {}))}
        text = value_of(case["template"])
        desk.tally.ask("name", wanted_answer(case), lambda: code_of(lambda: _named(text, roots)))

    desk.each(name, group, one)


def _named(text: str, roots: dict[str, Any]) -> str:
    return posixpath.normpath(Template.parse(text).render(roots, file_part))


def judge_expressions(desk: Desk, name: str, group: dict[str, Any]) -> None:
    """Expressions behind `=` and conditions: evaluated, refused, checked."""
    variables = {key: value_of(value) for key, value in group.get("vars", {}).items()}
    folder = desk.folder()

    def one(number: str, case: dict[str, Any]) -> None:
        text = value_of(case.get("expression", case.get("condition")))
        body = {"source": f"={text}"} if "expression" in case else {"value": True, "when": text}
        try:
            spec = spec_of(folder, group, {"mapping": {"fields": {"x": body}}})
        except Unsayable:
            spec = ""
        if "given" in case:
            _evaluate(desk, case, text, variables)
        elif "error" in case:
            desk.tally.ask("read", {"error": case["error"]}, lambda: code_of(lambda: _read(case, text)))
        if spec:
            _check_expression(desk, case, spec)
        if "given" in case and spec and not names_a_run(text):
            _map_expression(desk, case, spec, number, group)

    desk.each(name, group, one)


def _evaluate(desk: Desk, case: dict[str, Any], text: str, variables: dict[str, Any]) -> None:
    given = value_of(case["given"])

    def answer() -> Any:
        before = copy.deepcopy(given)
        frame = Frame(given, Context(variables, RUN, UNIT))
        frame.number = 1
        work = decider if "condition" in case else evaluator
        made = code_of(lambda: work(_read(case, text))(frame))
        assert same(before, given), "what was given was changed"
        return made

    desk.tally.ask("evaluate", wanted_answer(case), answer)


def _read(case: dict[str, Any], text: str) -> Any:
    return Condition.parse(text) if "condition" in case else Expression.parse(f"={text}")


def _check_expression(desk: Desk, case: dict[str, Any], spec: str) -> None:
    """What `check` says: the refusal of the text, the codes of `check`, or nothing where there is a result."""
    if "check" in case:
        desk.tally.ask("check", case["check"], lambda: checked(spec)["error"])
    elif "given" not in case and value_of(case.get("expression", case.get("condition"))):
        desk.tally.ask("check", [case["error"]], lambda: checked(spec)["error"])
    elif "result" in case:
        desk.tally.ask("check", [], lambda: checked(spec)["error"])


def _map_expression(desk: Desk, case: dict[str, Any], spec: str, number: str, group: dict[str, Any]) -> None:
    wanted, given = wanted_answer(case), value_of(case["given"])
    if "condition" in case and isinstance(wanted, bool):
        wanted = wanted or MISSING
    refused = "error" in case and checked(spec)["error"]
    if wanted is not MISSING and wanted != "" and not refused:  # a field of a number writes "" as null
        desk.tally.ask("map", wanted, lambda: _field_x(spec, number, given, wanted), agree_as_written)


def judge_dialect(desk: Desk, name: str, group: dict[str, Any]) -> None:
    """A file of the SDK as it is, and converted to our language."""
    folder, alone = desk.folder(), "resolver" in group
    file = _put(folder, "m.json", as_json(value_of(_sdk_file(group))))
    spec = spec_of(folder, group, {"mapping": "m.json"})
    desk.tally.begin(f"{name}.check")
    desk.tally.cases[desk.tally.folder] -= "check" not in group
    if not alone:
        desk.check(spec, group, sorted)  # stated as the file is read, said by their places
    ours = spec_of(desk.folder(), group, {"mapping": "o.yaml"})
    if "cases" in group:
        _put(os.path.dirname(ours), "o.yaml", engine("fmt", "--convert", "--stdout", file)[1])

    def one(number: str, case: dict[str, Any]) -> None:
        given = _sdk_given(case, alone=alone)
        wanted = _sdk_wanted(case, alone=alone)
        desk.tally.ask("flow", wanted, lambda: _one(flowed(spec, [given])))
        desk.tally.ask("map", wanted, lambda: _mapped_one(spec, number, given, group), agree_as_written)
        wanted = _sdk_wanted(case.get("ours", case), alone=alone)
        desk.tally.ask("ours", wanted, lambda: _one(flowed(ours, [given])), alike)

    desk.each(name, group, one)


def _sdk_file(group: dict[str, Any]) -> dict[str, Any]:
    if "mapping" in group:
        return group["mapping"]
    if group["resolver"].startswith("sdk."):
        return {"fields": {"x": {"source": "v", "resolver": group["resolver"]}}}
    return {"arguments": {"x": {"source": "v", "transform": group["resolver"]}}}


def _sdk_given(case: dict[str, Any], *, alone: bool) -> Any:
    given = value_of(case["given"])
    return given if not alone else {} if given is MISSING else {"v": given}


def _sdk_wanted(case: dict[str, Any], *, alone: bool) -> dict[str, Any]:
    if not alone:
        return _record_or_errors(case)
    if "error" in case:
        return {"errors": [["x", case["error"]]]}
    result = value_of(case["result"])
    return {"result": {} if result is MISSING else {"x": result}}


JUDGES = {
    "resolvers": judge_resolvers,
    "mapping": judge_mapping,
    "steps": judge_steps,
    "lookups": judge_lookups,
    "parsing": judge_parsing,
    "formatting": judge_formatting,
    "templates": judge_templates,
    "expressions": judge_expressions,
    "dialect": judge_dialect,
}


def judge(folders: Sequence[str]) -> Tally:
    """Every case of the folders."""
    sys.set_int_max_str_digits(0)
    registry.load()
    if registry.find_component("parser", "tagged") is None:
        registry.component("tagged", "parser", examples=[{"type": "tagged"}])(Tagged)
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else None) as root:
        desk = Desk(tally, root)
        for folder in folders:
            tally.folder = Path(folder).name
            for path in sorted((CASES / folder).glob("*.json")):
                for name, group in groups_of(path):
                    _judge_group(desk, name, group)
    return tally


def _judge_group(desk: Desk, name: str, group: dict[str, Any]) -> None:
    try:
        JUDGES[desk.tally.folder](desk, name, group)
    except Exception as error:  # noqa: BLE001 - a group that cannot be judged is a disagreement, the others go on
        desk.tally.wrong.append(f"{name}: {type(error).__name__}: {error}")


def all_folders() -> list[str]:
    """The folders of cases; one that nobody here can judge is a mistake."""
    return sorted(path.name for path in CASES.iterdir() if path.is_dir())


def say(tally: Tally) -> int:
    """Print the counts and each disagreement; 1 where there is one."""
    for folder, count in tally.cases.items():
        ends = ", ".join(f"{end} {number}" for end, number in sorted(tally.ends.get(folder, {}).items()))
        print(f"{folder:12} {count:5} cases   answers: {ends}")
    for wrong in tally.wrong:
        print(wrong)
    print(f"{sum(tally.cases.values())} cases, {len(tally.wrong)} disagreements")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(say(judge(sys.argv[1:] or all_folders())))
