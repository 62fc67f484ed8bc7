"""What a source takes: by content, every time, behind a marker, in parts, all at once, or what is piped in."""

import io
import json
import os
import sys
from datetime import timedelta

import pytest

from engine.delivery.journal import Journal
from engine.delivery.parts import Cutter
from engine.errors import StoreError, UsageError
from engine.kinds import Limits, Part
from engine.parsers._places import Moved
from engine.parsers.csv import Csv
from engine.parsers.fixed_width import FixedWidth
from engine.parsers.jsonl import Jsonl
from engine.parsers.text import Text
from engine.storage.local import LocalStore

A, B, C = ("sku,qty\na,1\n", "sku,qty\nb,2\n", "sku,qty\nc,3\n")
A_OUT, B_OUT, C_OUT = (f'{{"sku":"{sku}","qty":{qty}}}\n'.encode() for sku, qty in (("a", 1), ("b", 2), ("c", 3)))
BAD = "sku,qty\nd,x\ne,5\n"


MAPPING = {
    "fields": {
        "sku": {"source": "sku", "required": True},
        "qty": {"source": "qty", "resolver": "int", "required": True},
    }
}


class Killed(BaseException):
    """A run that ends here, with nothing tidied up."""


def kill(*_):
    raise Killed


def killed(project, monkeypatch, name):
    """A run that dies at a step of its journal, if there is anything to do."""
    real = getattr(Journal, name)

    def step(self, work, *more):
        return kill() if work else real(self, work, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, name, step)
        with pytest.raises(Killed):
            project.run()


def statuses(report):
    return {unit["id"]: unit["status"] for unit in report.units}


def codes(report):
    return {unit["id"]: unit["error"]["code"] for unit in report.units if unit["error"]}


def source(**options):
    return {"type": "files", "path": "in/*.csv", **options}


# --- identity: hash ------------------------------------------------------------------------------------------


@pytest.fixture
def by_content(project):
    project.write(source=source(identity="hash"), sink={"type": "files", "path": "out/{unit.stem}.jsonl"})
    return project


def test_the_same_content_under_another_name_is_done_already(by_content):
    by_content.put("a.csv", A)
    by_content.put("b.csv", A)
    assert statuses(by_content.run()) == {"in/a.csv": "committed", "in/b.csv": "unchanged"}
    by_content.put("c.csv", A)
    by_content.put("d.csv", B)
    assert statuses(by_content.run()) == {"in/c.csv": "unchanged", "in/d.csv": "committed"}
    assert by_content.tree() == {"a.jsonl": A_OUT, "d.jsonl": B_OUT}
    assert by_content.units()["in/c.csv"]["same_as"] == "in/a.csv"
    assert (by_content.run().units, by_content.keys()) == ([], [])


def test_content_that_comes_again_after_its_archive_is_done_already(project):
    project.write(source=source(identity="hash"), archive={"success": "done/{unit.name}"})
    project.put("a.csv", A)
    project.run()
    project.put("a.csv", A)
    project.put("z.csv", A)
    assert statuses(project.run()) == {"in/a.csv": "unchanged", "in/z.csv": "unchanged"}
    assert project.tree("done") == {"a.csv": A.encode(), "z.csv": A.encode()}


def test_content_whose_file_got_another_one_is_done_again(by_content):
    by_content.put("a.csv", A)
    by_content.put("b.csv", A)
    by_content.run()
    by_content.put("a.csv", C)
    assert statuses(by_content.run()) == {"in/a.csv": "committed"}
    assert statuses(by_content.run()) == {"in/b.csv": "committed"}
    assert by_content.tree() == {"a.jsonl": C_OUT, "b.jsonl": A_OUT}
    by_content.put("a.csv", A)  # what it was before is b's now, and its own output holds no longer
    assert statuses(by_content.run()) == {"in/a.csv": "unchanged"}
    assert by_content.tree() == {"b.jsonl": A_OUT}


def test_a_refresh_gives_what_a_first_run_would(by_content):
    by_content.put("b.csv", A)
    by_content.run()
    by_content.put("a.csv", A)
    by_content.run()
    assert by_content.tree() == {"b.jsonl": A_OUT}
    assert statuses(by_content.run(full_refresh=True)) == {"in/a.csv": "committed", "in/b.csv": "unchanged"}
    assert by_content.tree() == {"a.jsonl": A_OUT, "b.jsonl": A_OUT}


def test_content_of_a_unit_that_failed_is_not_done(by_content, monkeypatch):
    by_content.put("a.csv", A)
    by_content.put("b.csv", A)
    (by_content.folder / "out/a.jsonl").mkdir(parents=True)
    assert statuses(by_content.run()) == {"in/a.csv": "failed", "in/b.csv": "committed"}
    assert by_content.tree() == {"b.jsonl": A_OUT}


def test_content_counts_when_it_is_committed(by_content, monkeypatch):
    by_content.put("a.csv", A)
    killed(by_content, monkeypatch, "commit")
    by_content.put("b.csv", A)
    assert statuses(by_content.run()) == {"in/b.csv": "unchanged"}
    assert by_content.tree() == {"a.jsonl": A_OUT}


def test_a_trial_knows_what_was_done(by_content):
    by_content.put("a.csv", A)
    by_content.run()
    by_content.put("b.csv", A)
    assert statuses(by_content.run(trial=True)) == {"in/b.csv": "unchanged"}
    assert statuses(by_content.run()) == {"in/b.csv": "unchanged"}


# --- every_run -----------------------------------------------------------------------------------------------


def test_every_run_does_the_file_again(project):
    project.write(source=source(every_run=True), mapping={"fields": {"sku": "sku", "at": "$run.started_at"}})
    project.put("a.csv", A)
    made = []
    for _ in range(2):
        assert statuses(project.run()) == {"in/a.csv": "committed"}
        made.append(project.tree())
    assert made[0].keys() == made[1].keys() == {"a.jsonl"}
    assert made[0] != made[1]
    os.utime(project.folder / "in/a.csv", (1_700_000_900, 1_700_000_900))
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.keys() == []


# --- done_marker ---------------------------------------------------------------------------------------------


def test_a_file_waits_for_its_marker(project):
    project.write(source=source(done_marker="{unit.name}.done"))
    project.put("a.csv", A)
    project.put("b.csv", B)
    project.put("b.csv.done", "")
    assert statuses(project.run()) == {"in/b.csv": "committed"}
    assert project.units().keys() == {"in/b.csv"}
    project.put("a.csv.done", "")
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert "b.csv.done" in project.tree("in")


def test_one_marker_for_a_folder_stays(project):
    project.write(source=source(done_marker="_DONE"), archive={"success": "done/{unit.name}"})
    project.put("a.csv", A)
    assert project.run().units == []
    project.put("_DONE", "")
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.tree("in") == {"_DONE": b""}


def test_a_marker_goes_with_its_file(project, monkeypatch):
    project.write(source=source(path="in/*", done_marker="{unit.name}.done"), parser="csv",
                  archive={"success": "done/{unit.name}"})  # fmt: skip
    project.put("a.csv", A)
    project.put("a.csv.done", "")
    remove = LocalStore.remove

    def cut_off(store, path):
        return kill() if path.endswith(".done") else remove(store, path)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "remove", cut_off)
        with pytest.raises(Killed):
            project.run()
    assert (project.tree("in"), project.tree("done")) == ({"a.csv.done": b""}, {"a.csv": A.encode()})
    project.run()
    assert (project.tree("in"), project.tree("done")) == ({}, {"a.csv": A.encode()})
    assert project.keys() == []


# --- split ---------------------------------------------------------------------------------------------------

PARTS = {"type": "files", "path": "out/{unit.stem}-{unit.part}.jsonl"}


def split(project, size="64KiB", **keys):
    project.write(**{"source": source(split=size), "sink": PARTS, "mapping": {"pass_through": True}, **keys})


def rows(count, first=0):
    """Rows of 10 kB. Every third holds line ends, every fifth a quote that the standard reader takes as it is."""
    texts = ('"s{n}\n{more} ""y""",{n}\n', 's{n} 5" {more},{n}\n', "s{n}{more},{n}\n")
    kinds = [0 if n % 3 == 0 else 1 if n % 5 == 0 else 2 for n in range(first, first + count)]
    made = (texts[kind].format(n=n, more="x\n" * 5000 if kind == 0 else "z" * 10_000)
            for n, kind in enumerate(kinds, first))  # fmt: skip
    return "sku,qty\n" + "".join(made)


def written(project):
    """The records of all parts, in order."""
    return [json.loads(line) for data in project.tree().values() for line in data.splitlines()]


def test_a_large_file_is_done_in_parts(project):
    split(project)
    project.put("a.csv", rows(40))
    report = project.run()
    assert len(report.units) > 3
    assert [unit["id"] for unit in report.units][:2] == ["in/a.csv#0001", "in/a.csv#0002"]
    assert {unit["status"] for unit in report.units} == {"committed"}
    parts = written(project)
    assert list(project.tree())[:2] == ["a-0001.jsonl", "a-0002.jsonl"]
    assert len(parts) == 40
    assert [int(record["qty"]) for record in parts] == list(range(40))


def test_the_parts_hold_what_the_whole_file_holds(project):
    split(project)
    project.put("a.csv", rows(50))
    project.run()
    parts = written(project)
    project.write("whole", source=source(), mapping={"pass_through": True},
                  sink={"type": "files", "path": "whole/{unit.stem}.jsonl"})  # fmt: skip
    project.run("whole")
    assert parts == [json.loads(line) for line in project.tree("whole")["a.jsonl"].splitlines()]


def test_rejects_of_a_part_tell_the_place_in_the_file(project):
    split(project, mapping=MAPPING)
    content = rows(30) + "bad,x\n" + rows(5, 30).removeprefix("sku,qty\n")
    project.put("a.csv", content)
    project.run()
    (reject,) = project.rejects()
    at = content.index("bad,x")
    assert (reject["offset"], reject["line"]) == (at, content[:at].count("\n") + 1)
    assert reject["raw"] == "bad,x"
    assert reject["unit"].startswith("in/a.csv#00")


def test_a_changed_file_makes_all_parts_due_and_takes_away_those_it_has_no_more(project):
    split(project)
    project.put("a.csv", rows(40))
    before = len(project.run().units)
    project.put("a.csv", rows(12))
    report = project.run()
    assert 1 < len(report.units) < before
    assert statuses(report)["in/a.csv#0001"] == "unchanged"  # the same rows, under the same header
    assert [int(record["qty"]) for record in written(project)] == list(range(12))
    assert len(project.tree()) == len(report.units)
    assert (project.run().units, project.keys()) == ([], [])
    assert [int(record["qty"]) for record in written(project)] == list(range(12))


def test_outputs_of_parts_that_are_no_more_go_when_the_others_are_done(project, monkeypatch):
    split(project, limits={"max_rejects": 0}, mapping=MAPPING)
    project.put("a.csv", rows(40))
    project.run()
    last = max(project.tree())
    assert last > "a-0004.jsonl"
    project.put("a.csv", rows(8))
    killed(project, monkeypatch, "commit")
    assert last in project.tree()
    killed(project, monkeypatch, "ended")
    assert [int(record["qty"]) for record in written(project)] == list(range(8))
    project.run()
    assert [int(record["qty"]) for record in written(project)] == list(range(8))


def test_a_file_that_is_not_split_any_more_replaces_its_parts(project):
    split(project)
    project.put("a.csv", rows(20))
    project.run()
    project.write(mapping={"pass_through": True}, source=source())
    project.run()
    assert list(project.tree()) == ["a.jsonl"]
    split(project)
    project.run()
    assert "a.jsonl" not in project.tree()
    assert [int(record["qty"]) for record in written(project)] == list(range(20))


def test_a_header_that_changed_changes_every_part(project):
    split(project)
    project.put("a.csv", rows(20))
    project.run()
    project.put("a.csv", rows(20).replace("sku,qty", "sku,QTY"))
    assert {unit["status"] for unit in project.run().units} == {"committed"}


def test_a_file_in_parts_is_archived_when_the_last_is_done(project, monkeypatch):
    moves = {key: f"{key}/{{unit.name}}" for key in ("success", "partial", "error")}
    split(project, archive=moves, mapping=MAPPING)
    content = rows(30)
    project.put("a.csv", content)
    with monkeypatch.context() as patch:
        real = Journal.commit
        left = [2]

        def commit(self, intents):
            left[0] -= 1
            return real(self, intents) if left[0] else kill()

        patch.setattr(Journal, "commit", commit)
        patch.setattr("engine.run.GROUP_SECONDS", 0)
        with pytest.raises(Killed):
            project.run()
    assert project.tree("in") == {"a.csv": content.encode()}
    project.run()
    assert (project.tree("in"), project.tree("success")) == ({}, {"a.csv": content.encode()})
    assert all(record["archived"] for record in project.units().values())
    assert (project.run().units, project.keys()) == ([], [])


@pytest.mark.parametrize(("limit", "place"), [(None, "partial"), (0, "error")])
def test_a_file_in_parts_is_archived_by_the_worst_of_them(project, limit, place):
    moves = {key: f"{key}/{{unit.name}}" for key in ("success", "partial", "error")}
    split(project, archive=moves, mapping=MAPPING, limits=None if limit is None else {"max_rejects": limit})
    content = rows(30) + "bad,x\n" + rows(5, 30).removeprefix("sku,qty\n")
    project.put("a.csv", content)
    project.run()
    assert project.tree(place) == {"a.csv": content.encode()}
    if place == "error":
        split(project, archive=moves, mapping=MAPPING, limits={"max_rejects": 1})
        report = project.run()
        assert (len(report.units), report.units[0]["status"]) == (1, "committed")
        assert (project.tree("error"), list(project.tree("partial"))) == ({}, ["a.csv"])
    assert (project.run().units, project.keys()) == ([], [])


def test_a_compressed_file_among_others_is_one_part(project):
    import gzip

    split(project, source={**source(split="64KiB"), "path": "in/*"}, parser="csv")
    project.put("a.csv.gz", gzip.compress(rows(100).encode()))
    assert statuses(project.run()) == {"in/a.csv.gz#0001": "committed"}
    assert len(written(project)) == 100


@pytest.mark.parametrize("size", [40, 1000, 40_000, 65_536, 100_000])
@pytest.mark.parametrize("content", [
    rows(20), rows(20).replace("\n", "\r\n"), "\ufeff" + rows(20), "", "sku,qty\n", "sku,qty\na,1",
    "\n\nsku,qty\n" + "a,1\n" * 50_000, 'sku,qty\n"' + "x\n" * 100_000 + '",1\nb,2\n',
])  # fmt: skip
def test_parts_meet_without_gap(tmp_path, size, content):
    data = content.encode()
    (tmp_path / "a.csv").write_bytes(data)
    store, of = LocalStore(str(tmp_path)), max(1, -(-len(data) // size))
    stat = store.stat("a.csv")
    if of == 1:
        return
    cutter = Cutter(Csv(), Limits(record=1 << 20))
    pieces = [cutter.piece(store, stat, Part(number, of, size)) for number in range(1, of + 1)]
    assert pieces[0].front + b"".join(data[piece.start : piece.stop] for piece in pieces) == data
    whole = [record for batch in Csv().batches(io.BytesIO(data), Limits()) for record in batch.values]
    parts = [record for piece in pieces
             for batch in Csv().batches(io.BytesIO(piece.front + data[piece.start : piece.stop]), Limits())
             for record in batch.values]  # fmt: skip
    assert parts == whole


@pytest.mark.parametrize(
    "parser", [Text(skip=2), Text(skip=2, blank_lines="record"), FixedWidth(columns={"n": 6, "s": 14}, skip=2)]
)
def test_lines_behind_a_heading_are_cut_where_they_end(tmp_path, parser):
    lines = (b"%06d" % n + b"x" * (14 - n % 2) + b"\r\n" * (1 + n % 3) for n in range(20_000))
    data = b"heading\nanother one\n" + b"".join(lines)
    (tmp_path / "a.txt").write_bytes(data)
    store = LocalStore(str(tmp_path))
    stat = store.stat("a.txt")
    cutter = Cutter(parser, Limits())
    pieces = [cutter.piece(store, stat, Part(number, 4, 130_000)) for number in range(1, 5)]
    assert pieces[0].front == b"heading\nanother one\n"
    assert all(piece.stop > piece.start for piece in pieces)
    places = [
        Moved(batch, *piece.moved).place(at)[1:4]
        for piece in pieces
        for batch in parser.batches(io.BytesIO(piece.front + data[piece.start : piece.stop]), Limits())
        for at in range(len(batch))
    ]
    whole = [batch.place(at)[1:4] for batch in parser.batches(io.BytesIO(data), Limits()) for at in range(len(batch))]
    assert places == whole


def test_lines_are_cut_where_they_end(tmp_path):
    data = b"".join(b'{"n": %d}\n' % n for n in range(20_000))
    (tmp_path / "a.jsonl").write_bytes(data)
    store = LocalStore(str(tmp_path))
    stat = store.stat("a.jsonl")
    cutter = Cutter(Jsonl(), Limits())
    pieces = [cutter.piece(store, stat, Part(number, 5, 50_000)) for number in range(1, 6)]
    assert b"".join(data[piece.start : piece.stop] for piece in pieces) == data
    assert all(piece.line == data[: piece.start].count(b"\n") + 1 for piece in pieces)
    assert all(piece.stop > piece.start for piece in pieces)


# --- per: run ------------------------------------------------------------------------------------------------

ALL = {"type": "files", "path": "out/all-{run.id}.jsonl", "per": "run"}
NAMED = {
    "fields": {
        "sku": {"source": "sku", "required": True},
        "qty": {"source": "qty", "resolver": "int"},
        "of": "$unit.stem",
    }
}


def per_run(project, **keys):
    project.write(**{"source": source(), "sink": ALL, "mapping": NAMED, **keys})


def test_all_files_of_a_run_are_one_output(project):
    per_run(project)
    project.put("a.csv", A)
    project.put("b.csv", B)
    assert statuses(project.run()) == {"run:run-1/": "committed"}
    assert project.tree() == {"all-run-1.jsonl": b'{"sku":"a","qty":1,"of":"a"}\n{"sku":"b","qty":2,"of":"b"}\n'}
    assert project.run().units == []
    project.put("c.csv", C)
    project.run()
    assert list(project.tree()) == ["all-run-1.jsonl", "all-run-3.jsonl"]
    units = project.units()
    assert (units["in/a.csv"]["status"], units["in/a.csv"]["of"]) == ("committed", "run:run-1/")
    assert project.keys() == []
    assert statuses(project.run(full_refresh=True)) == {"run:run-4/": "committed"}
    assert project.tree()["all-run-4.jsonl"].count(b"\n") == 3


def test_no_run_replaces_what_another_made(project):
    per_run(project, sink={**ALL, "path": "out/all-{run.started_at:%Y%m%d%H%M%S}.jsonl"})
    project.put("a.csv", A)
    project.run()
    before = project.tree()
    project.clock -= timedelta(minutes=1)  # the same second
    project.put("b.csv", B)
    report = project.run()
    assert (statuses(report), codes(report)) == ({"run:run-2/": "failed"}, {"run:run-2/": "D303"})
    assert report.units[0]["error"]["help"] == "make the sink's `path` differ for each run: add `{run.id}`"
    assert project.tree() == before
    per_run(project)
    assert statuses(project.run()) == {"run:run-2/": "committed"}
    assert list(project.tree()) == [*before, "all-run-2.jsonl"]


def test_each_run_that_makes_all_anew_is_the_same_unit_again(project, monkeypatch):
    per_run(project, source=source(every_run=True), sink={**ALL, "path": "out/{record.sku}.jsonl"})
    project.put("a.csv", A)
    project.put("b.csv", B)
    assert statuses(project.run()) == {"run:every/": "committed"}
    killed(project, monkeypatch, "intend")
    (project.folder / "in/a.csv").unlink()
    project.put("c.csv", C)
    killed(project, monkeypatch, "intend")
    assert statuses(project.run()) == {"run:every/": "committed"}
    assert [name for name in project.tree() if not name.startswith(".")] == ["b.jsonl", "c.jsonl"]
    assert len(project.tree()) == 3  # and one manifest
    assert project.keys() == []


def test_a_name_for_all_beside_one_for_each_run(project, monkeypatch):
    sinks = [{**ALL, "path": "out/latest.jsonl", "name": "latest"}, {**ALL, "name": "each"}]
    per_run(project, source=source(every_run=True), sink=None, sinks=sinks)
    project.put("a.csv", A)
    project.run()
    killed(project, monkeypatch, "intend")
    project.put("b.csv", B)
    assert statuses(project.run()) == {"run:run-3/": "committed"}
    tree = project.tree()
    assert list(tree) == ["all-run-1.jsonl", "all-run-3.jsonl", "latest.jsonl"]
    assert (tree["latest.jsonl"], tree["latest.jsonl"].count(b"\n")) == (tree["all-run-3.jsonl"], 2)
    assert project.units()["run:run-1/"]["outputs"][0]["path"] == "out/all-run-1.jsonl"
    assert project.keys() == []


def test_a_folder_that_is_called_like_a_run_is_none(project):
    project.write(source=source(path="run:*/*.csv"), sink={"type": "files", "path": "out/{unit.stem}.jsonl"})
    project.put("a.csv", A, "run:1")
    project.put("a.csv", B, "run:2")
    report = project.run()
    assert (statuses(report), codes(report)) == (
        {"run:1/a.csv": "committed", "run:2/a.csv": "failed"},
        {"run:2/a.csv": "D303"},
    )
    assert project.tree() == {"a.jsonl": A_OUT}
    (project.folder / "run:1/a.csv").unlink()
    project.run()
    assert project.units()["run:1/a.csv"]["gone"]


def test_what_runs_share_a_second_sink_and_the_report_of_rejects(project):
    sinks = [ALL, {"type": "files", "path": "out/more-{run.id}.jsonl", "name": "more"}]
    per_run(project, sink=None, sinks=sinks, rejects={"path": "out/rejects-{run.id}.csv"})
    project.put("a.csv", A)
    project.put("b.csv", BAD)
    assert statuses(project.run()) == {"run:run-1/": "committed"}
    project.put("c.csv", BAD)
    project.run()
    made = [f"{name}-run-{run}.{ext}" for name, ext in (("all", "jsonl"), ("more", "jsonl"), ("rejects", "csv"))
            for run in (1, 2)]  # fmt: skip
    assert list(project.tree()) == made
    assert b"in/b.csv" in project.tree()["rejects-run-1.csv"]


def test_standard_output_beside_them(project, capsysbinary):
    per_run(project, sink=None, sinks=[ALL, {"type": "stdout", "formatter": "jsonl"}])
    project.put("a.csv", A)
    assert statuses(project.run(trial=True)) == {"run:run-1/": "committed"}
    assert statuses(project.run()) == {"run:run-2/": "committed"}
    assert capsysbinary.readouterr().out == b'{"sku":"a","qty":1,"of":"a"}\n'


def test_rejects_are_those_of_the_members(project):
    per_run(project)
    project.put("a.csv", A)
    project.put("b.csv", BAD)
    report = project.run()
    (reject,) = project.rejects()
    assert (reject["unit"], reject["line"], reject["number"]) == ("in/b.csv", 2, 1)
    assert (report.units[0]["records"]["read"], report.units[0]["records"]["rejected"]) == (3, 1)


def test_each_member_has_its_archive(project, monkeypatch):
    per_run(project, archive={key: f"{key}/{{unit.name}}" for key in ("success", "partial", "error")})
    project.put("a.csv", A)
    project.put("b.csv", BAD)
    killed(project, monkeypatch, "tidied")
    project.run()
    assert (list(project.tree("success")), list(project.tree("partial")), project.tree("in")) == (
        ["a.csv"],
        ["b.csv"],
        {},
    )
    assert all(project.units()[f"in/{name}.csv"]["archived"] for name in "ab")
    assert project.keys() == []


def test_a_member_that_fails_fails_all(project):
    per_run(project)
    project.put("a.csv", A)
    project.put("b.csv", 'sku,qty\n"open,1\n')
    report = project.run()
    assert (statuses(report), codes(report)) == ({"run:run-1/": "failed"}, {"run:run-1/": "R121"})
    assert project.tree() == {}
    project.put("c.csv", C)  # the one that was begun keeps its members; what is new follows it
    assert statuses(project.run()) == {"run:run-1/": "failed", "run:run-2/": "committed"}
    project.put("b.csv", B)
    assert statuses(project.run()) == {"run:run-3/": "committed"}
    assert project.tree()["all-run-3.jsonl"].count(b"\n") == 2
    assert project.keys() == []


def test_what_was_refused_as_one_is_tried_again_with_what_is_new(project):
    per_run(project, limits={"max_rejects": 0})
    project.put("a.csv", A)
    project.put("b.csv", BAD)
    assert codes(project.run()) == {"run:run-1/": "D201"}
    assert codes(project.run()) == {"in/a.csv": "D203", "in/b.csv": "D203"}
    project.put("b.csv", B)
    assert statuses(project.run()) == {"run:run-3/": "committed"}
    assert list(project.tree().values()) == [b'{"sku":"a","qty":1,"of":"a"}\n{"sku":"b","qty":2,"of":"b"}\n']


def test_limits_are_judged_over_all(project):
    per_run(project, limits={"max_rejects": "25%"})
    project.put("a.csv", "sku,qty\na,1\nb,2\nc,3\n")
    project.put("b.csv", "sku,qty\nd,x\n")
    assert statuses(project.run()) == {"run:run-1/": "committed"}


@pytest.mark.parametrize("step", ["intend", "commit"])
def test_what_was_begun_as_one_is_done_with_its_members_and_its_clock(project, monkeypatch, step):
    mapping = {"fields": {"sku": "sku", "at": "$run.started_at"}}
    per_run(project, mapping=mapping)
    project.put("a.csv", A)
    project.put("b.csv", B)
    killed(project, monkeypatch, step)
    project.put("c.csv", C)
    report = project.run()
    made = project.tree()
    assert list(made) == ["all-run-1.jsonl", "all-run-2.jsonl"]
    assert (
        made["all-run-1.jsonl"] == b'{"sku":"a","at":"2026-01-31T12:01:00Z"}\n{"sku":"b","at":"2026-01-31T12:01:00Z"}\n'
    )
    assert made["all-run-2.jsonl"] == b'{"sku":"c","at":"2026-01-31T12:02:00Z"}\n'
    assert "run:run-2/" in statuses(report)
    assert project.keys() == []


def test_a_member_that_changed_begins_a_new_one(project, monkeypatch):
    per_run(project)
    project.put("a.csv", A)
    killed(project, monkeypatch, "intend")
    project.put("a.csv", B)
    assert statuses(project.run()) == {"run:run-2/": "committed"}
    assert list(project.tree()) == ["all-run-2.jsonl"]
    assert project.keys() == []


def test_a_touched_member_alone_is_unchanged(project):
    per_run(project)
    path = project.put("a.csv", A)
    project.run()
    project.touch(path)
    assert statuses(project.run()) == {"run:run-2/": "unchanged"}
    assert (list(project.tree()), project.run().units) == (["all-run-1.jsonl"], [])


def test_a_touched_member_among_new_ones_is_left_out(project):
    moves = {key: f"{key}/{{unit.name}}" for key in ("success", "partial", "error")}
    per_run(project)
    path = project.put("a.csv", A)
    bad = project.put("d.csv", BAD)
    project.run()
    project.touch(path)
    project.touch(bad)
    project.put("b.csv", B)
    per_run(project, archive=moves)
    report = project.run()
    assert (statuses(report), report.units[0]["records"]["read"]) == ({"run:run-2/": "committed"}, 1)
    assert project.tree()["all-run-2.jsonl"] == b'{"sku":"b","qty":2,"of":"b"}\n'
    assert {name: each["status"] for name, each in project.units().items() if name.startswith("in/")} == {
        "in/a.csv": "unchanged",
        "in/b.csv": "committed",
        "in/d.csv": "unchanged",
    }
    assert (list(project.tree("success")), list(project.tree("partial"))) == (["a.csv", "b.csv"], ["d.csv"])
    assert (project.run().units, project.keys()) == ([], [])


def test_a_touched_member_stands_though_what_is_new_is_refused(project):
    per_run(project, limits={"max_rejects": 0})
    path = project.put("a.csv", A)
    project.run()
    project.touch(path)
    project.put("b.csv", BAD)
    assert codes(project.run()) == {"run:run-2/": "D201"}
    units = project.units()
    assert (units["in/a.csv"]["status"], units["in/a.csv"]["error"]) == ("unchanged", None)
    assert units["in/b.csv"]["status"] == "refused"
    project.put("b.csv", B)
    assert statuses(project.run()) == {"run:run-3/": "committed"}
    assert project.tree()["all-run-3.jsonl"] == b'{"sku":"b","qty":2,"of":"b"}\n'


def test_a_refresh_does_touched_members_too(project):
    per_run(project)
    path = project.put("a.csv", A)
    project.run()
    project.touch(path)
    project.put("b.csv", B)
    assert project.run(trial=True).books.counts["read"] == 1
    assert project.run(full_refresh=True).books.counts["read"] == 2


def test_a_member_that_changes_while_it_is_read_is_read_again(project):
    per_run(project)
    project.put("a.csv", A)
    path = project.put("b.csv", B)
    changes = []

    def change(attempt):
        if not changes:
            changes.append(project.put("b.csv", C))

    assert statuses(project.run(progress=change)) == {"run:run-1/": "committed"}
    assert (path, project.tree()) == (changes[0], {
        "all-run-1.jsonl": b'{"sku":"a","qty":1,"of":"a"}\n{"sku":"c","qty":3,"of":"c"}\n'.replace(b'"of":"c"', b'"of":"b"')
    })  # fmt: skip


def test_what_follows_a_held_output_waits(project, monkeypatch):
    per_run(project)
    project.put("a.csv", A)

    def refuse(*_):
        raise StoreError("C103", "full", "free space")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "rename", refuse)
        assert statuses(project.run()) == {"run:run-1/": "held"}
        project.put("b.csv", B)
        assert statuses(project.run()) == {"run:run-1/": "held"}
    assert statuses(project.run()) == {"run:run-3/": "committed"}
    assert list(project.tree()) == ["all-run-1.jsonl", "all-run-3.jsonl"]


def test_a_limit_counts_over_all_members(project):
    per_run(project)
    project.put("a.csv", "sku,qty\na,1\nb,2\n")
    project.put("b.csv", "sku,qty\nc,3\nd,4\n")
    report = project.run(trial=True, limit=3)
    assert report.units[0]["records"]["read"] == 3


# --- stdin ---------------------------------------------------------------------------------------------------


class Piped:
    def __init__(self, data, tty=False):
        self.buffer = io.BytesIO(data)
        self.isatty = lambda: tty


def piped(project, monkeypatch, data, **session):
    monkeypatch.setattr(sys, "stdin", data if isinstance(data, Piped) else Piped(data.encode()))
    return project.run(**session)


@pytest.fixture
def from_stdin(project):
    project.write(source="stdin", parser="csv", sink={"type": "files", "path": "out/{unit.stem}.jsonl"})
    return project


def test_what_is_piped_in_is_one_unit(from_stdin, monkeypatch):
    report = piped(from_stdin, monkeypatch, A)
    assert (statuses(report), report.units[0]["bytes"]) == ({"stdin": "committed"}, len(A))
    assert from_stdin.tree() == {"stdin.jsonl": A_OUT}
    assert statuses(piped(from_stdin, monkeypatch, B)) == {"stdin": "committed"}
    assert from_stdin.tree() == {"stdin.jsonl": B_OUT}
    assert statuses(piped(from_stdin, monkeypatch, B)) == {"stdin": "committed"}
    assert from_stdin.keys() == []


def test_rejects_of_standard_input(from_stdin, monkeypatch):
    piped(from_stdin, monkeypatch, BAD)
    (reject,) = from_stdin.rejects()
    assert (reject["unit"], reject["line"]) == ("stdin", 2)


def test_an_intent_over_standard_input_rolls_forward(from_stdin, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Piped(A.encode()))
    killed(from_stdin, monkeypatch, "commit")
    report = piped(from_stdin, monkeypatch, B)
    assert (report.recovered_units, from_stdin.tree()) == (1, {"stdin.jsonl": B_OUT})


def test_a_failed_run_lends_nothing_to_other_input(from_stdin, monkeypatch):
    from_stdin.write(source="stdin", parser="csv", sink={"type": "files", "path": "out/{unit.stem}.jsonl"},
                     mapping={"fields": {"sku": "sku", "run": "$run.id"}})  # fmt: skip
    assert statuses(piped(from_stdin, monkeypatch, 'sku,qty\n"open,1\n')) == {"stdin": "failed"}
    piped(from_stdin, monkeypatch, B)
    assert from_stdin.tree() == {"stdin.jsonl": b'{"sku":"b","run":"run-2"}\n'}
    assert from_stdin.keys() == []


@pytest.mark.parametrize("stdin", [Piped(b"", tty=True), None])
def test_a_terminal_is_refused(from_stdin, monkeypatch, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(UsageError) as raised:
        from_stdin.run()
    assert str(raised.value) == (
        "error[U116]: the source is standard input, which is a terminal\n"
        "   = help: pipe it in: `engine run SPEC < FILE`"
    )
    assert (raised.value.exit_code, from_stdin.tree()) == (2, {})


def test_a_limit_over_standard_input(from_stdin, monkeypatch):
    report = piped(from_stdin, monkeypatch, BAD, trial=True, limit=1)
    assert report.books.counts["read"] == 1


def test_a_packed_pipe_says_so(project, monkeypatch):
    import gzip

    project.write(source="stdin", parser={"type": "csv", "compression": "gzip"})
    piped(project, monkeypatch, Piped(gzip.compress(A.encode())))
    assert project.tree() == {"stdin.jsonl": A_OUT}
