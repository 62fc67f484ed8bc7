"""What one unit gives to one sink or several: partitions, rolls, manifests, conditions, reports of rejects."""

import csv
import io
import json

import pytest
from lxml import etree

from engine.errors import BooksError, SpecError
from engine.spec.compile import load

from .conftest import codes, statuses

ROWS = "sku,qty,region\na,1,north\nb,20,south\nc,3,north\nd,x,south\ne,50,\n"
FIELDS = {
    "fields": {
        "sku": {"source": "sku", "required": True},
        "qty": {"source": "qty", "resolver": "int", "required": True},
        "region": "region",
    }
}


def lines(data):
    return [json.loads(line) for line in data.splitlines()]


def files(project):
    return {path: data for path, data in project.tree().items() if "manifest" not in path}


def manifest(project):
    (found,) = [data for path, data in project.tree().items() if "manifest" in path]
    return json.loads(found)


# --- partitions and rolls


def test_a_value_of_blanks_alone_names_no_partition(project):
    parted(project)
    project.put("a.csv", "sku,qty,region\na,1, \nb,2,\u00a0\nc,3, x \n")
    project.run()
    assert [each["errors"][0]["code"] for each in project.rejects()] == ["R303", "R303"]
    assert list(files(project)) == ["%20x%20/a.jsonl"]


def parted(project, **more):
    sink = {"type": "files", "path": "out/{record.region}/{unit.stem}.jsonl", **more}
    project.write(mapping=FIELDS, sink=sink)


def test_records_are_parted_by_a_field_and_a_blank_one_rejects(project):
    parted(project)
    project.put("a.csv", ROWS)
    report = project.run()
    assert {path: [r["sku"] for r in lines(data)] for path, data in files(project).items()} == {
        "north/a.jsonl": ["a", "c"],
        "south/a.jsonl": ["b"],
    }
    assert str(report.books) == "read 5 = written 3 + rejected 2"
    assert [(each["number"], each["errors"][0]["code"]) for each in project.rejects()] == [(4, "R211"), (5, "R303")]
    assert project.rejects()[1]["errors"][0]["message"] == (
        "`{record.region}` parts the output, and is blank in this record"
    )
    assert [each["path"] for each in manifest(project)["files"]] == ["north/a.jsonl", "south/a.jsonl"]
    assert [each["records"] for each in manifest(project)["files"]] == [2, 1]


@pytest.mark.parametrize("state", ["kept", "lost"])
def test_a_newer_version_takes_away_what_the_old_manifest_lists_and_it_does_not(project, state):
    parted(project)
    project.put("a.csv", ROWS)
    project.run()
    other = project.folder / "out/south/other.jsonl"
    other.write_text("not ours\n")
    project.put("a.csv", "sku,qty,region\na,1,north\nz,1,west\n")
    if state == "lost":
        for path in sorted((project.folder / ".engine").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    report = project.run()
    assert statuses(report) == {"in/a.csv": "committed"}
    assert sorted(files(project)) == ["north/a.jsonl", "south/other.jsonl", "west/a.jsonl"]
    assert project.keys() == []


def test_an_old_file_that_somebody_changed_is_not_ours_to_take_away(project):
    parted(project)
    project.put("a.csv", ROWS)
    project.run()
    (project.folder / "out/south/a.jsonl").write_text("mended by hand\n")
    project.put("a.csv", "sku,qty,region\na,1,north\n")
    project.run()
    assert sorted(files(project)) == ["north/a.jsonl", "south/a.jsonl"]


def test_a_manifest_cannot_name_files_outside_its_folder(project):
    parted(project)
    project.put("a.csv", "sku,qty,region\na,1,north\n")
    project.run()
    victim = project.folder / "victim.txt"
    victim.write_text("x")
    (path,) = (project.folder / "out").glob(".*.manifest.json")
    said = json.loads(path.read_text())
    import hashlib

    for name in ("../victim.txt", str(victim)):
        said["files"].append({"path": name, "bytes": 1, "records": 0, "sha256": hashlib.sha256(b"x").hexdigest()})
    path.write_text(json.dumps(said))
    project.put("a.csv", "sku,qty,region\na,2,north\n")
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert victim.exists()


def test_a_field_never_leads_out_of_the_folder(project):
    parted(project)
    project.put("a.csv", 'sku,qty,region\na,1,../../etc\nb,2,/abs\nc,3,..\nd,4,a/b\ne,5," "\nf,6,"new\nline"\n')
    report = project.run()
    assert report.exit_code == 0
    names = sorted(files(project))
    assert names == ["%2E.%2F..%2Fetc/a.jsonl", "%2E./a.jsonl", "%2Fabs/a.jsonl", "a%2Fb/a.jsonl",
                     "new%0Aline/a.jsonl"]  # fmt: skip


def test_more_partitions_than_allowed_refuse_the_unit_and_nothing_stays(project):
    parted(project)
    spec = json.loads((project.folder / "stock.yaml").read_text())
    spec["limits"] = {"partitions": 10}
    (project.folder / "stock.yaml").write_text(json.dumps(spec))
    project.put("a.csv", "sku,qty,region\n" + "".join(f"s,1,r{n}\n" for n in range(50)))
    report = project.run()
    assert codes(report) == {"in/a.csv": "D206"}
    assert report.units[0]["error"]["message"] == (
        "the unit has more than 10 partitions: `out/r10/a.jsonl` is one more"
    )
    assert project.tree() == {}


def test_many_partitions_need_few_open_files(project):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    parted(project)
    project.put("a.csv", "sku,qty,region\n" + "".join(f"s{n},{n},r{n % 2000}\n" for n in range(6000)))
    resource.setrlimit(resource.RLIMIT_NOFILE, (160, hard))
    try:
        report = project.run()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (report.exit_code, len(files(project))) == (0, 2000)
    assert [r["qty"] for r in lines(files(project)["r7/a.jsonl"])] == [7, 2007, 4007]


def test_working_fields_may_part_records(project):
    mapping = {"fields": {"sku": "sku", "_first": {"source": "region", "resolver": {"type": "slice", "stop": 1}}}}
    project.write(mapping=mapping, sink={"type": "files", "path": "out/{record._first}/{unit.stem}.jsonl"})
    project.put("a.csv", "sku,region\na,north\nb,south\n")
    assert project.run().exit_code == 0
    assert files(project) == {"n/a.jsonl": b'{"sku":"a"}\n', "s/a.jsonl": b'{"sku":"b"}\n'}


@pytest.mark.parametrize(
    ("roll", "sizes"), [({"records": 4}, [4, 4, 2]), ({"bytes": "1B"}, [10]), ({"records": 10}, [10])]
)
def test_a_file_that_is_full_is_followed_by_the_next(project, roll, sizes):
    sink = {"type": "files", "path": "out/{unit.stem}-{unit.part}.jsonl", "roll": roll}
    project.write(sink=sink)
    project.put("a.csv", "sku,qty\n" + "".join(f"s{n},{n}\n" for n in range(10)))
    report = project.run()
    assert report.exit_code == 0
    assert [len(lines(data)) for data in files(project).values()] == sizes
    assert list(files(project)) == [f"a-{n:04}.jsonl" for n in range(1, len(sizes) + 1)]
    assert [each["records"] for each in manifest(project)["files"]] == sizes


def test_bytes_are_looked_at_every_64_records_of_a_file_whatever_the_batches(project):
    sink = {"type": "files", "path": "out/{unit.stem}-{unit.part}.jsonl", "roll": {"bytes": "2KB"}}
    project.write(sink=sink)
    project.put("a.csv", "sku,qty\n" + "".join(f"s{n:05},{n:05}\n" for n in range(5000)))
    project.run()
    counts = [len(lines(data)) for data in files(project).values()]
    assert set(counts[:-1]) == {128}
    assert sum(counts) == 5000


def test_records_that_no_formatter_takes_leave_room_in_a_roll(project):
    sink = {"type": "files", "path": "out/{unit.stem}-{unit.part}.csv", "roll": {"records": 2}}
    project.write(source={"type": "files", "path": "in/*.jsonl"}, mapping={"pass_through": True}, sink=sink)
    project.put("a.jsonl", '{"a":1}\n{"a":[1]}\n{"a":2}\n{"a":{}}\n{"a":3}\n')
    report = project.run()
    assert str(report.books) == "read 5 = written 3 + rejected 2"
    assert files(project) == {"a-0001.csv": b"a\n1\n2\n", "a-0002.csv": b"a\n3\n"}
    assert [each["number"] for each in project.rejects()] == [2, 4]


# --- what may stand there before


def test_never_replaces_nothing(project):
    project.write(sink={"type": "files", "path": "out/{unit.stem}.jsonl", "overwrite": "never"})
    project.put("a.csv", "sku,qty\na,1\n")
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    project.put("a.csv", "sku,qty\na,2\n")
    report = project.run()
    assert codes(report) == {"in/a.csv": "D307"}
    assert report.units[0]["error"]["message"] == "`out/a.jsonl` is there already, and `overwrite` is `never`"
    assert project.tree() == {"a.jsonl": b'{"sku":"a","qty":1}\n'}


def test_own_replaces_what_this_pipeline_published(project):
    project.write(sink={"type": "files", "path": "out/{unit.stem}.jsonl", "overwrite": "own"})
    project.put("a.csv", "sku,qty\na,1\n")
    project.run()
    project.put("a.csv", "sku,qty\na,2\n")
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    (project.folder / "out/b.jsonl").write_text("somebody's\n")
    project.put("b.csv", "sku,qty\nb,1\n")
    report = project.run()
    assert codes(report) == {"in/b.csv": "D307"}
    assert report.units[0]["error"]["message"] == (
        "`out/b.jsonl` was not published by this pipeline, and `overwrite` is `own`"
    )
    assert (project.folder / "out/b.jsonl").read_text() == "somebody's\n"


@pytest.mark.parametrize("overwrite", ["own", "never"])
def test_what_is_put_in_the_way_after_the_look_is_not_replaced(project, overwrite):
    project.write(sink={"type": "files", "path": "out/{unit.stem}.jsonl", "overwrite": overwrite})
    project.put("a.csv", "sku,qty\na,1\n")
    theirs = project.folder / "out/a.jsonl"
    report = project.run(progress=lambda _: theirs.write_text("somebody's\n"))
    assert (statuses(report), report.exit_code) == ({"in/a.csv": "held"}, 6)
    assert report.units[0]["error"]["message"] == (
        "`out/a.jsonl` is there since the unit began, and its `overwrite` lets nothing be replaced"
    )
    assert project.tree()["a.jsonl"] == b"somebody's\n"
    theirs.unlink()
    assert (project.run().exit_code, project.tree()) == (0, {"a.jsonl": b'{"sku":"a","qty":1}\n'})


def test_a_move_that_was_cut_off_between_its_two_names_goes_on(project, monkeypatch):
    project.write(sink={"type": "files", "path": "out/{unit.stem}.jsonl", "overwrite": "never"})
    project.put("a.csv", "sku,qty\na,1\n")
    with monkeypatch.context() as patch:
        patch.setattr("os.unlink", lambda path: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            project.run()
    assert len(project.tree()) == 2
    assert (project.run().exit_code, project.tree()) == (0, {"a.jsonl": b'{"sku":"a","qty":1}\n'})


# --- several sinks


def several(project, *sinks, **more):
    project.write(mapping=FIELDS, sink=None, sinks=list(sinks), **more)


BIG = {"type": "files", "name": "big", "path": "out/big/{unit.stem}.jsonl", "when": "qty >= 20"}
REST = {"type": "files", "name": "rest", "path": "out/rest/{unit.stem}.csv", "when": "otherwise"}


def test_each_record_goes_where_its_condition_holds(project):
    several(project, BIG, REST)
    project.put("a.csv", ROWS)
    report = project.run()
    assert files(project) == {
        "big/a.jsonl": b'{"sku":"b","qty":20,"region":"south"}\n{"sku":"e","qty":50,"region":""}\n',
        "rest/a.csv": b"sku,qty,region\na,1,north\nc,3,north\n",
    }
    assert str(report.books) == "read 5 = written 4 + rejected 1"
    assert report.as_dict()["sinks"] == {"big": {"written": 2}, "rest": {"written": 2}}


def test_a_record_that_no_condition_holds_for_is_filtered_as_unrouted(project):
    several(project, BIG)
    project.put("a.csv", ROWS)
    report = project.run()
    assert str(report.books) == "read 5 = written 2 + rejected 1 + filtered 2"
    assert report.as_dict()["filtered"] == {"unrouted": 2}


def test_a_sink_maps_a_copy_that_no_other_sink_sees(project):
    own = {"type": "files", "name": "names", "path": "out/names/{unit.stem}.jsonl",
           "mapping": {"fields": {"name": {"source": "sku", "resolver": "upper"}, "qty": "qty"}}}  # fmt: skip
    several(project, own, {"type": "files", "name": "all", "path": "out/all/{unit.stem}.csv"})
    project.put("a.csv", "sku,qty,region\na,1,n\n")
    project.run()
    assert files(project) == {"names/a.jsonl": b'{"name":"A","qty":1}\n', "all/a.csv": b"sku,qty,region\na,1,n\n"}


def test_what_a_sink_filters_is_that_sinks_and_the_record_is_written_elsewhere(project):
    own = {"type": "files", "name": "north", "path": "out/north/{unit.stem}.jsonl",
           "steps": [{"type": "filter", "where": 'region == "north"', "name": "not_north"}]}  # fmt: skip
    several(project, own, {"type": "files", "name": "all", "path": "out/all/{unit.stem}.csv"})
    project.put("a.csv", ROWS)
    report = project.run()
    assert str(report.books) == "read 5 = written 4 + rejected 1"
    assert report.as_dict()["sinks"] == {"north": {"written": 2, "filtered": 2}, "all": {"written": 4}}


def test_a_record_that_the_only_sink_filters_is_filtered(project):
    own = {"type": "files", "path": "out/{unit.stem}.jsonl",
           "steps": [{"type": "filter", "where": 'region == "north"', "name": "not_north"}]}  # fmt: skip
    project.write(mapping=FIELDS, sink=own)
    project.put("a.csv", ROWS)
    report = project.run()
    assert str(report.books) == "read 5 = written 2 + rejected 1 + filtered 2"
    assert report.as_dict()["filtered"] == {"not_north": 2}


def test_a_sink_may_make_several_records_of_one(project):
    own = {"type": "files", "name": "lines", "path": "out/lines/{unit.stem}.jsonl",
           "steps": [{"type": "explode", "each": "lines"}]}  # fmt: skip
    project.write(source={"type": "files", "path": "in/*.jsonl"}, mapping={"pass_through": True}, sink=None,
                  sinks=[own, {"type": "files", "name": "all", "path": "out/all/{unit.stem}.jsonl"}])  # fmt: skip
    project.put("a.jsonl", '{"id":1,"lines":[{"a":1},{"a":2},{"a":3}]}\n{"id":2,"lines":[]}\n')
    report = project.run()
    assert str(report.books) == "read 2 = written 2"
    assert report.as_dict()["sinks"] == {"lines": {"written": 3, "filtered": 1}, "all": {"written": 2}}
    assert files(project)["lines/a.jsonl"] == b'{"a":1}\n{"a":2}\n{"a":3}\n'


LISTS = '{"id":1,"x":[1]}\n{"id":2,"x":"a"}\n'
TABLE = {"type": "files", "name": "table", "path": "out/table/{unit.stem}.csv"}
ALL = {"type": "files", "name": "all", "path": "out/all/{unit.stem}.jsonl"}


def lists(project, *sinks):
    project.write(source={"type": "files", "path": "in/*.jsonl"}, mapping={"pass_through": True}, sink=None,
                  sinks=list(sinks))  # fmt: skip
    project.put("a.jsonl", LISTS)
    return project.run()


def test_a_record_that_one_sink_refuses_is_rejected_and_says_who_took_it(project):
    report = lists(project, ALL, TABLE)
    assert str(report.books) == "read 2 = written 1 + rejected 1"
    (reject,) = project.rejects()
    assert (reject["sink"], reject["delivered"], reject["errors"][0]["code"]) == ("table", ["all"], "R301")
    assert report.as_dict()["sinks"] == {"all": {"written": 2}, "table": {"written": 1, "rejected": 1}}


def test_what_an_optional_sink_refuses_goes_to_otherwise_and_is_no_reject(project):
    report = lists(project, {**TABLE, "optional": True}, {**ALL, "when": "otherwise"})
    assert str(report.books) == "read 2 = written 2"
    assert project.rejects() == []
    assert files(project) == {"table/a.csv": b"id,x\n2,a\n", "all/a.jsonl": b'{"id":1,"x":[1]}\n'}
    assert report.as_dict()["sinks"] == {"table": {"written": 1, "rejected": 1}, "all": {"written": 1}}


def test_a_record_that_only_an_optional_sink_wanted_and_refused_is_its_reject(project):
    report = lists(project, {**TABLE, "optional": True})
    assert str(report.books) == "read 2 = written 1 + rejected 1"
    (reject,) = project.rejects()
    assert (reject["sink"], reject["record"], "delivered" in reject) == ("table", {"id": 1, "x": [1]}, False)


def test_what_an_optional_sink_refuses_and_another_filters_is_filtered(project):
    never = {**ALL, "steps": [{"type": "filter", "where": "id > 5", "name": "no_b"}]}
    report = lists(project, {**TABLE, "optional": True}, never)
    assert str(report.books) == "read 2 = written 1 + filtered 1"
    assert report.as_dict()["filtered"] == {"no_b": 1}


LINES = {"type": "files", "name": "lines", "path": "out/lines/{unit.stem}.csv"}
EACH = {"type": "explode", "each": "lines"}
QTY = {"type": "map", "fields": {"sku": "sku", "qty": {"source": "qty", "resolver": "int"}, "x": "x"}}


@pytest.mark.parametrize("optional", [False, True])
def test_of_what_own_steps_make_of_a_record_none_is_written_where_they_refuse_one(project, optional):
    steps = [EACH, {"type": "filter", "where": 'sku != "f"', "name": "no_f"}, QTY]
    project.write(source={"type": "files", "path": "in/*.jsonl"}, mapping={"pass_through": True}, sink=None,
                  sinks=[{**LINES, "steps": steps, "optional": optional}, ALL], limits={"max_rejects": "90%"})  # fmt: skip
    rows = [{"sku": "a", "qty": "1"}, {"sku": "f"}, {"sku": "b", "qty": "x"}, {"sku": "c", "qty": "y"}]
    good = [{"sku": "d", "qty": "2"}, {"sku": "e", "qty": "3"}]
    project.put("a.jsonl", json.dumps({"id": 1, "lines": rows}) + "\n" + json.dumps({"id": 2, "lines": good}) + "\n")
    report = project.run()
    assert files(project)["lines/a.csv"] == b"sku,qty,x\nd,2,\ne,3,\n"
    assert report.as_dict()["sinks"]["lines"] == {"written": 2, "rejected": 1}
    assert str(report.books) == ("read 2 = written 2" if optional else "read 2 = written 1 + rejected 1")
    for reject in project.rejects():
        assert (reject["child"], len(reject["errors"]), reject["delivered"]) == ("2", 2, ["all"])


def test_a_reject_says_where_the_formatter_took_a_part_of_a_record(project):
    project.write(source={"type": "files", "path": "in/*.jsonl"}, mapping={"pass_through": True}, sink=None,
                  sinks=[{**LINES, "steps": [EACH, QTY]}, {**ALL, "after": ["lines"]}])  # fmt: skip
    rows = [{"sku": "a", "qty": "1"}, {"sku": "b", "qty": "2", "x": [1]}, {"sku": "c", "qty": "3"}]
    project.put("a.jsonl", json.dumps({"id": 1, "lines": rows}) + "\n" + '{"id":2,"lines":[{"sku":"d","qty":4}]}\n')
    report = project.run()
    assert files(project) == {
        "lines/a.csv": b"sku,qty,x\na,1,\nc,3,\nd,4,\n",
        "all/a.jsonl": b'{"id":2,"lines":[{"sku":"d","qty":4}]}\n',
    }
    assert [each["delivered"] for each in project.rejects()] == [["lines (2 of 3)"]]
    assert str(report.books) == "read 2 = written 1 + rejected 1"


def test_after_waits_for_another_sink(project):
    report = lists(project, TABLE, {**ALL, "after": ["table"]})
    assert files(project)["all/a.jsonl"] == b'{"id":2,"x":"a"}\n'
    assert str(report.books) == "read 2 = written 1 + rejected 1"


def test_a_condition_that_cannot_be_decided_rejects(project):
    several(project, {**BIG, "when": 'region > "m"'}, REST)
    project.put("a.csv", ROWS.replace("x,south", "4,south"))
    report = project.run()
    assert str(report.books) == "read 5 = written 5"
    project.write(source={"type": "files", "path": "in/*.jsonl"}, mapping={"pass_through": True}, sink=None,
                  sinks=[{**BIG, "when": "int(qty) > 1"}, REST])  # fmt: skip
    project.put("b.jsonl", '{"qty":"x"}\n{"qty":"5"}\n')
    report = project.run()
    assert str(report.books) == "read 2 = written 1 + rejected 1"
    reject = next(each for each in project.rejects() if each["unit"] == "in/b.jsonl")
    assert (reject["stage"], reject["sink"]) == ("when", "big")


@pytest.mark.parametrize("lost", ["count_written", "count_rejected", "count_read"])
def test_a_count_that_is_lost_in_one_sink_publishes_nothing(project, lost, monkeypatch):
    from engine.delivery.books import Books

    several(project, BIG, REST)
    project.put("a.csv", ROWS)
    real = getattr(Books, lost)
    calls = []

    def once(self, *args):
        calls.append(self)
        if self is not calls[0]:
            real(self, *args)

    monkeypatch.setattr(Books, lost, once)
    report = project.run()
    assert (report.exit_code, codes(report)) == (BooksError.exit_code, {"in/a.csv": "D401"})
    assert project.tree() == {}


# --- the report of the rejects


def read_csv(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


def reported(project, **rejects):
    project.write(mapping=FIELDS, sink={"type": "files", "path": "out/{unit.stem}.jsonl"}, rejects=rejects)
    project.put("a.csv", "sku,qty,region\na,1,north\nb,x,south\n,2,\nc,3\n")
    return project.run()


def test_rejects_as_rows_of_errors(project):
    report = reported(project, path="bad/{unit.stem}.csv")
    assert str(report.books) == "read 4 = written 1 + rejected 3"
    rows = read_csv(project.tree("bad")["a.csv"])
    assert [(row["number"], row["line"], row["stage"], row["field"], row["code"]) for row in rows] == [
        ("2", "3", "map", "qty", "R211"), ("3", "4", "map", "sku", "R201"), ("4", "5", "parse", "", "R101"),
    ]  # fmt: skip


def test_rejects_as_they_came_with_what_is_wrong(project):
    reported(project, path="bad/{unit.stem}.csv", columns="original_and_errors")
    rows = read_csv(project.tree("bad")["a.csv"])
    assert list(rows[0]) == ["sku", "qty", "region", "__line", "__errors", "__raw"]
    assert rows[0]["qty"] == "x"
    assert rows[0]["__errors"] == "qty: `x` is not a whole number"
    assert (rows[2]["sku"], rows[2]["__raw"]) == ("", "c,3")


def test_columns_of_rejects_as_they_came_are_those_of_the_header(project):
    reported(project, path="bad/{unit.stem}.csv", columns="original_and_errors")
    project.put("b.csv", "sku,qty,region\na,1,north\nc,3\n")
    project.run()
    heads = [data.splitlines()[0] for data in project.tree("bad").values()]
    assert heads == [b"sku,qty,region,__line,__errors,__raw"] * 2


def test_rejects_as_json_with_chosen_columns(project):
    reported(project, path="bad/{unit.stem}.jsonl", columns=["line", "qty", "code"])
    assert lines(project.tree("bad")["a.jsonl"]) == [
        {"line": 3, "qty": "x", "code": "R211"},
        {"line": 4, "qty": "2", "code": "R201"},
        {"line": 5, "qty": None, "code": "R101"},
    ]


def test_no_reject_is_missing_from_a_report_that_cannot_hold_it(project):
    rejects = {"path": "bad/{unit.stem}.xml", "columns": "original_and_errors"}
    project.write(source={"type": "files", "path": "in/*.jsonl"}, mapping=FIELDS, rejects=rejects,
                  sink={"type": "files", "path": "out/{unit.stem}.jsonl"})  # fmt: skip
    records = [{"sku": "a", "qty": 1}, {"sku": "\x01", "qty": "x"}, {"unit price": "\x02", "l": [[1]]}, {"l": [[1]]}]
    project.put("a.jsonl", "".join(json.dumps(each) + "\n" for each in records))
    assert str(project.run().books) == "read 4 = written 1 + rejected 3"
    root = etree.fromstring(project.tree("bad")["a.xml"])
    assert [{each.tag: each.text for each in record if each.tag != "__errors"} for record in root] == [
        {"sku": "\ufffd", "qty": "x", "__line": "2"},
        {"__line": "3", "__raw": '{"unit price":"\ufffd","l":[[1]]}'},
        {"l": "[[1]]", "__line": "4"},
    ]
    assert all(record.findtext("__errors") for record in root)


def test_a_report_that_cannot_hold_any_reject_fails_the_unit(project):
    report = reported(project, path="bad/{unit.stem}.xml", columns=["unit price", "code"])
    assert codes(report) == {"in/a.csv": "R313"}
    assert report.units[0]["error"] == {
        "code": "R313",
        "message": "the report of rejects cannot hold one of them: `unit price`: `unit price` is no name of XML: "
        "rename the field",
        "help": "choose another formatter, or other `columns`",
    }
    assert project.tree("out") == {}


def test_a_report_whose_columns_have_no_types_does_not_check(project):
    with pytest.raises(SpecError) as raised:
        reported(project, path="bad/{unit.stem}.parquet")
    assert [each.code for each in raised.value.problems if each.level == "error"] == ["M332"]


def test_a_refused_unit_has_its_report_too_and_the_next_version_takes_it_away(project):
    project.write(mapping=FIELDS, sink={"type": "files", "path": "out/{unit.stem}.jsonl"},
                  rejects={"path": "out/{unit.stem}.rejects.csv"}, limits={"max_rejects": 0})  # fmt: skip
    project.put("a.csv", ROWS)
    assert statuses(project.run()) == {"in/a.csv": "refused"}
    assert list(project.tree()) == ["a.rejects.csv"]
    project.put("a.csv", "sku,qty,region\na,1,north\n")
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert list(project.tree()) == ["a.jsonl"]


def test_what_is_redacted_is_nowhere(project):
    reported(project, path="bad/{unit.stem}.csv", columns="original_and_errors", redact=["qty"])
    kept = b"".join([*project.tree(".engine/rejects").values(), *project.tree("bad").values()])
    assert b"b,x" not in kept
    assert b'"x"' not in kept
    assert b"`x`" not in kept
    assert [each["record"] and each["record"]["qty"] for each in project.rejects()] == ["***", "***", None]


# --- what `check` says


@pytest.mark.parametrize(
    ("sinks", "code"),
    [
        ([REST], "S333"),
        ([{**BIG, "when": None}, REST], "S333"),
        ([BIG, {**REST, "name": "big"}], "S332"),
        ([BIG, {**REST, "after": ["bgi"]}], "S332"),
        ([BIG, {**REST, "path": BIG["path"]}], "S335"),
        ([BIG, {**REST, "metadata": {"a": "b"}}], "S334"),
        ([{**BIG, "when": "nothing > 1"}, REST], "M204"),
        ([{**BIG, "path": "out/{record.nothing}/{unit.stem}.csv"}], "M204"),
        ([{**BIG, "path": "out/{unit.stem}-{unit.part}.csv"}], "S209"),
        ([{**BIG, "roll": {"records": 5}}], "S209"),
        ([{**BIG, "roll": {}}], "S209"),
    ],
)
def test_sinks_that_cannot_be(project, sinks, code):
    sinks = [{key: each for key, each in sink.items() if each is not None} for sink in sinks]
    several(project, *sinks)
    with pytest.raises(SpecError) as caught:
        load(str(project.folder / "stock.yaml"))
    assert code in [problem.code for problem in caught.value.problems]
