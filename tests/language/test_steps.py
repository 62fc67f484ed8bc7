"""Steps and lookups against their conformance cases; every table of records also as one that has to ask."""

import copy
import importlib.util
import json
from pathlib import Path

import pytest

from engine.language.frames import Context, Frame
from engine.language.indexes import IndexedTable, ValueTable, key_of
from engine.language.scopes import Known, Scope, vars_shape
from engine.language.shapes import ANY, of_records, of_texts, type_of
from engine.language.tables import STRICT, Policy, Table, Tables, Unanswered
from engine.language.values import Pick, pick_shape, picker
from engine.options import build_component
from engine.records import MISSING, Batch, Damage, is_blank
from engine.rows.flow import Flow

spec = importlib.util.spec_from_file_location("conformance", Path(__file__).with_name("test_conformance.py"))
conformance = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conformance)
CASES, RUN, UNIT, Report = conformance.CASES, conformance.RUN, conformance.UNIT, conformance.Report
look, untag, groups = conformance.look, conformance.untag, conformance.groups


class Asking(Table):
    """A table that knows nothing until it asks; it keeps what it asked for, one request a batch of keys."""

    asks = True

    def __init__(self, records, name="", policy=STRICT):
        self.name, self.policy = name, policy
        self._held = IndexedTable(records)
        self._known, self._noted = {}, {}
        self.requests = []

    def find(self, key, args):
        if key_of(key) not in self._known:
            self._noted[key_of(key)] = key
            raise Unanswered
        return self._known[key_of(key)]

    def answer(self):
        if self._noted:
            self.requests.append([list(key) for key in self._noted.values()])
        noted, self._noted = self._noted, {}
        self._known.update((key_of(key), self._held.find(key, {})) for key in noted.values())
        return len(noted)


class Setting:
    """A group's lookups, checked, and as tables."""

    def __init__(self, group, report):
        self._vars = {name: untag(value) for name, value in group.get("vars", {}).items()}
        self.types = {name: type_of(value) for name, value in self._vars.items()}
        self._said = {name: untag(doc) for name, doc in group.get("lookups", {}).items()}
        self.known = {name: self._know(doc, report) for name, doc in self._said.items()}

    def context(self, kind):
        return Context(self._vars, RUN, UNIT, self.tables(kind))

    def tables(self, kind):
        return Tables({name: self._table(name, doc, kind) for name, doc in self._said.items()})

    def _policy(self, doc):
        return Policy(doc.get("miss", "reject"), doc.get("many", "reject"), doc.get("default", MISSING))

    def _index(self, doc):
        said = doc["index"] if isinstance(doc["index"], list) else [doc["index"]]
        return [Pick.parse(text) for text in said]

    def _know(self, doc, report):
        if "values" in doc:
            return Known.of_values(doc["values"], self._policy(doc))
        shape = of_records(doc["records"])
        index, scope = self._index(doc), Scope(shape, vars_shape({}), shape, shape)
        keys = [pick_shape(pick, (), scope, report) for pick in index]
        return Known(keys, shape, [pick.text for pick in index], self._policy(doc))

    def _table(self, name, doc, kind):
        if "values" in doc:
            return ValueTable(doc["values"], name, self._policy(doc))
        picks, keyed = [picker(pick) for pick in self._index(doc)], []
        for record in doc["records"]:
            key = tuple(pick(Frame(record, Context({}, {}, {}))) for pick in picks)
            if not any(map(is_blank, key)):
                keyed.append((key, record))
        return kind(keyed, name, self._policy(doc))


def checked(group):
    """The group's steps as a plan has them, its setting, the columns at the end, and what check says."""
    report = Report()
    setting = Setting(group, report)
    shape = of_texts() if group.get("texts") else ANY
    if "sample" in group:
        shape = of_records([untag(record) for record in group["sample"]])
    scope = Scope(shape, vars_shape(setting.types), shape, shape, lookups=setting.known)
    steps = []
    for at, doc in enumerate(group["steps"]):
        step, scope = build_component("step", untag(doc), ("steps", at), report).check(scope, ("steps", at), report)
        steps.append(step)
    return steps, setting, list(scope.node.columns), report


def batch_of(records, first=1):
    return Batch(b"", 0, first, lambda: records, list)


def outcome(flow, records):
    """What becomes of a batch, as a case states it."""
    before = copy.deepcopy(records)
    made = flow(batch_of(records))
    assert look(before) == look(records), "the input was changed"
    assert len(made.records) == len(made.indexes)
    assert list(made.indexes) == sorted(made.indexes), "in order"
    children = made.children or [()] * len(made.records)
    assert len({(i, child) for i, child in zip(made.indexes, children, strict=True)}) == len(made.records)
    rejects = sorted(made.rejects, key=lambda reject: (reject.position, reject.child))
    notes = flow.notes
    fates = len(made.records) + len(rejects) + notes.filtered.total()
    assert len(records) + notes.created == fates, "every record has one fate"
    said = [
        [reject.position + 1, ".".join(map(str, reject.child)), reject.stage, error.field, error.code]
        for reject in rejects
        for error in reject.errors
    ]
    found = {
        "results": [look(record) for record in made.records],
        "rejects": said,
        "filtered": dict(notes.filtered),
        "created": notes.created,
        "recovered": dict(notes.recovered),
        "dropped": notes.items_dropped,
        "messages": [error.message for reject in rejects for error in reject.errors],
    }
    return {key: value for key, value in found.items() if value or key == "results"}


def wanted_of(case):
    wanted = {key: value for key, value in case.items() if key not in ("given", "comment", "requests")}
    return wanted | {"results": [look(untag(record)) for record in wanted["results"]]}


def assert_case(group, case, kind):
    steps, setting, _, _ = checked(group)
    context = setting.context(kind)
    wanted = wanted_of(case)
    found = outcome(Flow(steps, context), untag(case["given"]))
    if "messages" not in wanted:
        found.pop("messages", None)
    assert found == wanted, case
    if kind is Asking and "requests" in case:
        asked = {name: table.requests for name, table in context.tables.items() if isinstance(table, Asking)}
        assert asked == untag(case["requests"]), case


@pytest.mark.parametrize("kind", [IndexedTable, Asking])
@pytest.mark.parametrize("group", [*groups("steps"), *groups("lookups")])
def test_group(group, kind):
    _, _, columns, report = checked(group)
    assert report.errors == group.get("check", [])
    assert report.warnings == group.get("warns", [])
    if "columns" in group:
        assert columns == group["columns"]
    for case in group.get("cases", ()):
        assert_case(group, case, kind)


@pytest.mark.parametrize("group", list(groups("mapping")))
def test_a_map_among_steps_is_the_map_alone(group):
    """The cases of mappings, through steps that change nothing behind a map."""
    if "check" in group:
        return
    steps, setting, _, report = checked({**group, "steps": [{"type": "map", **group["mapping"]}, *STILL]})
    assert set(report.errors) <= {"M323"}, "what only the step proves: a default that breaks its own checks"
    for case in group["cases"]:
        flow = Flow(steps, setting.context(IndexedTable))
        wanted = {key: value for key, value in case.items() if key not in ("given", "comment")}
        if "errors" in wanted:
            wanted = {"rejects": [[1, "", "map", *error] for error in wanted["errors"]], "results": []}
        else:
            wanted["results"] = [look(untag(wanted.pop("result")))]
        found = outcome(flow, [untag(case["given"])])
        found.pop("messages", None)
        if "rejects" in found:
            found = {key: found[key] for key in ("rejects", "results")}
        assert found == wanted, case


STILL = [{"type": "filter", "where": "true"}]


# --- batches of one flow


def flow_of(docs, lookups=None, kind=Asking):
    steps, setting, _, report = checked({"steps": docs, "lookups": lookups or {}})
    assert report.errors == []
    context = setting.context(kind)
    return Flow(steps, context), context.tables


PRICES = {"prices": {"index": "sku", "records": [{"sku": name, "price": i} for i, name in enumerate("abcdef")]}}
PRICED = {"type": "map", "fields": {"sku": "sku", "price": '=lookup(sku, "prices", field="price")'}}


def skus(*names):
    return [{"sku": name} for name in names]


def test_one_request_for_the_distinct_keys_of_a_batch_and_none_for_known_ones():
    flow, tables = flow_of([PRICED], PRICES)
    first = flow(batch_of(skus("a", "b", "a", "x")))
    assert [record["price"] for record in first.records] == [0, 1, 0]
    second = flow(batch_of(skus("b", "c", "x", "a"), 5))
    assert [(record["sku"], record["price"]) for record in second.records] == [("b", 1), ("c", 2), ("a", 0)]
    assert [reject.errors[0].code for reject in (*first.rejects, *second.rejects)] == ["R271", "R271"]
    assert tables["prices"].requests == [[["a"], ["b"], ["x"]], [["c"]]], "also x is known: it has no record"


def test_several_lookups_of_one_record_are_asked_one_after_the_other():
    chained = {
        "type": "map",
        "fields": {"n": '=lookup(lookup(sku, "names", field="name"), "prices", field="price")', "m": "sku"},
    }
    names = {"names": {"index": "id", "records": [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]}}
    flow, tables = flow_of([chained], {**PRICES, **names})
    made = flow(batch_of(skus("2", "1", "2")))
    assert [record["n"] for record in made.records] == [1, 0, 1]
    assert tables["names"].requests == [[["2"], ["1"]]]
    assert tables["prices"].requests == [[["b"], ["a"]]]


def test_what_is_recovered_before_a_wait_is_counted_once():
    fields = {
        "q": {"source": "qty", "resolver": "int", "on_error": "blank"},
        "lines": {"each": "lines", "fields": {"n": {"source": "n", "resolver": "int", "on_error": "drop_item"}}},
        "price": '=lookup(sku, "prices", field="price")',
    }
    flow, _ = flow_of([{"type": "map", "fields": fields}], PRICES)
    record = {"sku": "a", "qty": "x", "lines": [{"n": "1"}, {"n": "y"}]}
    made = flow(batch_of([record, {**record, "sku": "b"}]))
    assert [record["lines"] for record in made.records] == [[{"n": 1}], [{"n": 1}]]
    assert dict(flow.notes.recovered) == {"q.R211": 2, "lines.n.R211": 2}
    assert flow.notes.items_dropped == 2


def test_filters_and_explodes_count_once_also_where_they_wait():
    docs = [
        {"type": "filter", "where": 'lookup(sku, "prices", field="price") < 2', "name": "cheap"},
        {"type": "explode", "each": "lines", "as": "line"},
        {"type": "map", "fields": {"sku": "sku", "n": '=lookup(line.sku, "prices", field="price")'}},
    ]
    flow, tables = flow_of(docs, PRICES)
    lines = [{"sku": "f"}, {"sku": "e"}]
    made = flow(batch_of([{"sku": sku, "lines": lines} for sku in "acb"]))
    assert [(record["sku"], record["n"]) for record in made.records] == [("a", 5), ("a", 4), ("b", 5), ("b", 4)]
    assert (list(made.indexes), list(made.children)) == ([0, 0, 2, 2], [(0,), (1,), (0,), (1,)])
    assert (dict(flow.notes.filtered), flow.notes.created) == ({"cheap": 1}, 2)
    assert tables["prices"].requests == [[["a"], ["c"], ["b"]], [["f"], ["e"]]]


def test_a_record_that_fails_before_it_waits_asks_nothing():
    fields = {"q": {"source": "qty", "required": True}, "p": '=lookup($out.q, "prices", field="price")'}
    flow, tables = flow_of([{"type": "map", "fields": fields}], PRICES)
    made = flow(batch_of([{"qty": ""}, {"qty": "a"}]))
    assert [reject.position for reject in made.rejects] == [0]
    assert [record["p"] for record in made.records] == [0]
    assert tables["prices"].requests == [[["a"]]]


def test_an_answer_that_fails_fails_the_unit():
    class Deaf(Asking):
        def answer(self):
            raise ConnectionError

    flow, _ = flow_of([PRICED], PRICES, Deaf)
    with pytest.raises(ConnectionError):
        flow(batch_of(skus("a")))


@pytest.mark.parametrize("before", [[], [{"type": "filter", "where": "true"}]])
def test_a_table_that_learns_nothing_is_not_asked_for_ever(before):
    class Dull(Asking):
        def answer(self):
            return 0

    flow, _ = flow_of([*before, PRICED], PRICES, Dull)
    with pytest.raises(RuntimeError, match="none learned a key"):
        flow(batch_of(skus("a")))


def test_damage_is_rejected_before_any_step():
    flow, _ = flow_of([{"type": "explode", "each": "lines"}])
    made = flow(batch_of([Damage("R103", "not JSON", "x"), {"lines": [{"a": 1}]}]))
    assert [(reject.position, reject.stage, reject.errors[0].code) for reject in made.rejects] == [(0, "parse", "R103")]
    assert (made.records, list(made.indexes)) == ([{"a": 1}], [1])


def test_an_empty_batch_and_no_steps():
    assert flow_of([PRICED], PRICES)[0](batch_of([])).records == []
    assert flow_of([])[0](batch_of([{"a": 1}])).records == [{"a": 1}]


def test_a_record_is_numbered_in_its_unit_behind_a_wait_too():
    fields = {"n": "$unit.record", "p": '=lookup(sku, "prices", field="price")'}
    flow, _ = flow_of([{"type": "map", "fields": fields}], PRICES)
    assert [record["n"] for record in flow(batch_of(skus("a", "b"), 41)).records] == [41, 42]


def test_every_group_says_why_it_is_here():
    for folder in ("steps", "lookups"):
        for path in sorted((CASES / folder).glob("*.json")):
            for group in json.loads(path.read_text("utf-8")):
                assert group["comment"]
                assert group.keys() <= {"comment", "steps", "lookups", "vars", "texts", "sample", "columns",
                                        "check", "warns", "cases"}  # fmt: skip
