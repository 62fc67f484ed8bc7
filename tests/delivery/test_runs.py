"""What a run does with files as they come, change, break and go."""

import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest

from engine.delivery import archive as archiving
from engine.delivery import journal, publish
from engine.delivery.books import Books
from engine.delivery.rejects import reject_schema
from engine.delivery.report import REPORT_SCHEMA
from engine.errors import EngineError, Interrupted, LockedError, StoreError
from engine.run import Session, run
from engine.state.kv import KV
from engine.storage.local import LocalStore

A = "sku,qty\na,1\nb,2\n"
A_OUT = b'{"sku":"a","qty":1}\n{"sku":"b","qty":2}\n'
B = "sku,qty\nc,3\n"
B_OUT = b'{"sku":"c","qty":3}\n'
MIXED = "sku,qty\na,1\nb,x\n"
NOBODY = 65534


def statuses(report):
    return {unit["id"]: unit["status"] for unit in report.units}


def codes(report):
    return {unit["id"]: unit["error"]["code"] for unit in report.units if unit["error"]}


def rows(good, bad=0):
    return "sku,qty\n" + "".join(f"s{i},{i}\n" for i in range(good)) + "".join(f"b{i},x\n" for i in range(bad))


# --- what is new, and only that -----------------------------------------------------------------------------


def test_a_rerun_does_only_what_is_new(project):
    project.put("a.csv", A)
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": A_OUT}
    again = project.run()
    assert (again.units, again.status, again.exit_code) == ([], "ok", 0)
    project.put("b.csv", B)
    assert statuses(project.run()) == {"in/b.csv": "committed"}
    assert project.tree() == {"a.jsonl": A_OUT, "b.jsonl": B_OUT}
    assert project.keys() == []


def test_a_changed_file_replaces_its_output(project):
    project.put("a.csv", A)
    project.run()
    project.put("a.csv", B)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": B_OUT}
    assert project.units()["in/a.csv"]["attempt"] == 2


def test_the_same_content_with_another_time_is_unchanged(project):
    path = project.put("a.csv", MIXED)
    project.run()
    before = project.units()["in/a.csv"]
    stamp = os.stat(project.folder / "out/a.jsonl").st_mtime_ns
    project.touch(path)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "unchanged"}
    assert report.books.counts["read"] == 0, "records of an unchanged unit are in the books of the run that sent them"
    assert os.stat(project.folder / "out/a.jsonl").st_mtime_ns == stamp
    after = project.units()["in/a.csv"]
    assert after["outputs"] == before["outputs"]
    assert after["rejects"] == before["rejects"], "the rejects of what stands go on to stand"
    assert len(project.rejects()) == 1
    assert project.run().units == []


def test_the_same_content_after_it_was_missing_is_done_again(project):
    path = project.put("a.csv", A)
    project.run()
    os.unlink(path)
    assert project.run().units == []
    assert project.units()["in/a.csv"]["gone"]
    project.put("a.csv", A)
    assert statuses(project.run()) == {"in/a.csv": "committed"}


def test_a_file_that_is_only_too_young_is_not_missing(project):
    project.write(source={"type": "files", "path": "in/*.csv", "min_age": "1m"})
    path = project.put("a.csv", A)
    project.run()
    os.utime(path, (project.clock.timestamp() + 60, project.clock.timestamp() + 60))
    assert project.run().units == []
    assert not project.units()["in/a.csv"]["gone"]
    project.clock += timedelta(minutes=5)
    assert statuses(project.run()) == {"in/a.csv": "unchanged"}


def test_the_same_file_after_its_archive_is_done_again(project):
    project.write(archive={"success": "done/{unit.name}"})
    path = project.put("a.csv", A)
    mtime = os.stat(path).st_mtime_ns
    project.run()
    assert project.tree("done") == {"a.csv": A.encode()}
    os.unlink(project.folder / "out/a.jsonl")
    project.put("a.csv", A)
    os.utime(path, ns=(mtime, mtime))
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": A_OUT}
    assert project.tree("done") == {"a.csv": A.encode()}, "equal content there is done"


def test_full_refresh_does_all_again_even_where_only_the_time_differs(project):
    path = project.put("a.csv", A)
    project.put("b.csv", B)
    project.run()
    project.write(mapping={"fields": {"sku": "sku"}})
    project.touch(path)
    report = project.run(full_refresh=True)
    assert statuses(report) == {"in/a.csv": "committed", "in/b.csv": "committed"}
    assert project.tree() == {"a.jsonl": b'{"sku":"a"}\n{"sku":"b"}\n', "b.jsonl": b'{"sku":"c"}\n'}


def test_a_changed_spec_alone_does_nothing_again(project):
    project.put("a.csv", A)
    project.run()
    project.write(mapping={"fields": {"sku": "sku"}})
    assert project.run().units == []
    assert project.tree() == {"a.jsonl": A_OUT}


# --- refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "content", "code", "message"),
    [
        ("10%", rows(8, 2), "D201", "2 of 10 records were rejected, `max_rejects` allows 10%"),
        (1, rows(8, 2), "D201", "2 of 10 records were rejected, `max_rejects` allows 1"),
        (0, rows(8, 1), "D201", "1 of 9 records was rejected, `max_rejects` allows 0"),
        (None, rows(0, 3), "D202", "all 3 records were rejected"),
    ],
)
def test_a_unit_over_the_limit_is_refused(project, limit, content, code, message):
    project.write(limits=None if limit is None else {"max_rejects": limit})
    project.put("a.csv", content)
    project.put("b.csv", B)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "refused", "in/b.csv": "committed"}
    error = next(unit["error"] for unit in report.units if unit["error"])
    assert (error["code"], error["message"]) == (code, message)
    assert (report.status, report.exit_code) == ("failed", 4)
    assert project.tree() == {"b.jsonl": B_OUT}
    assert len(project.rejects()) == content.count("x")
    assert project.units()["in/a.csv"]["sha256"], "the hash of what was read is stored with every unit"


@pytest.mark.parametrize(
    ("limit", "content"), [("20%", rows(8, 2)), (2, rows(8, 2)), ("100%", rows(0, 2)), (None, rows(1, 99))]
)
def test_a_unit_within_the_limit_is_committed(project, limit, content):
    project.write(limits=None if limit is None else {"max_rejects": limit})
    project.put("a.csv", content)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "committed"}
    assert (report.status, report.exit_code) == ("ok_with_rejects", 0)


def test_a_hopeless_unit_is_refused_early_and_moved_whole(project, monkeypatch):
    monkeypatch.setattr("engine.parsers._lines.BLOCK", 4096)
    project.write(limits={"max_rejects": "1%"}, archive={"error": "error/{unit.name}"})
    content = rows(0, 100_000)
    project.put("a.csv", content)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "refused"}
    assert 1000 <= report.books.counts["read"] < 3000
    assert report.books.counts["read"] == report.books.counts["rejected"] == len(project.rejects())
    assert project.tree("error") == {"a.csv": content.encode()}
    assert project.units()["in/a.csv"]["place"] == "error/a.csv"


def test_a_refused_unit_waits_and_asks_each_time(project):
    project.write(limits={"max_rejects": 0})
    project.put("a.csv", MIXED)
    assert project.run().exit_code == 4
    for _ in range(2):
        waiting = project.run()
        assert (statuses(waiting), codes(waiting), waiting.exit_code) == (
            {"in/a.csv": "refused"},
            {"in/a.csv": "D203"},
            4,
        )
    assert len(project.rejects()) == 1
    project.put("a.csv", A)  # another version
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.rejects() == [], "the rejects of the attempt before are replaced"


def test_a_mended_spec_releases_a_refused_unit(project):
    project.write(limits={"max_rejects": 0})
    project.put("a.csv", MIXED)
    project.run()
    project.write(limits={"max_rejects": 1})
    report = project.run()
    assert (statuses(report), report.exit_code) == ({"in/a.csv": "committed"}, 0)
    assert project.tree() == {"a.jsonl": b'{"sku":"a","qty":1}\n'}


def test_another_value_of_a_variable_releases_a_refused_unit(project):
    fields = {"qty": {"source": ["qty", "$vars.other"], "resolver": "int", "required": True}}
    project.write(vars={"other": ""}, mapping={"fields": fields}, limits={"max_rejects": 0})
    project.put("a.csv", "sku,qty\na,\n")
    assert project.run().exit_code == 4
    assert project.run().exit_code == 4
    assert statuses(project.run(given={"other": "7"})) == {"in/a.csv": "committed"}


def test_a_refused_unit_is_taken_from_its_archived_place(project):
    archive = {"error": "error/{unit.name}", "success": "done/{unit.name}", "partial": "part/{unit.name}"}
    project.write(limits={"max_rejects": 0}, archive=archive)
    project.put("sub/a.csv", MIXED)
    project.run()
    assert project.tree("error") == {"a.csv": MIXED.encode()}
    waiting = project.run()
    assert (codes(waiting), waiting.exit_code) == ({"in/sub/a.csv": "D203"}, 4)
    project.write(limits={"max_rejects": 1}, archive=archive)
    report = project.run()
    assert statuses(report) == {"in/sub/a.csv": "committed"}
    assert project.tree() == {"sub/a.jsonl": b'{"sku":"a","qty":1}\n'}, "its names are those of where it was delivered"
    assert project.tree("error") == {}
    assert project.tree("part") == {"a.csv": MIXED.encode()}
    assert project.run().units == []


def test_a_refused_unit_whose_archived_file_was_mended_or_removed(project):
    project.write(limits={"max_rejects": 0}, archive={"error": "error/{unit.name}"})
    project.put("a.csv", MIXED)
    project.put("b.csv", MIXED)
    project.run()
    project.put("a.csv", A, folder="error")
    os.unlink(project.folder / "error/b.csv")
    report = project.run()
    assert (statuses(report), report.exit_code) == ({"in/a.csv": "committed"}, 0)


def test_a_failure_at_the_archived_place_is_retried_there(project, monkeypatch):
    project.write(limits={"max_rejects": 0}, archive={"error": "error/{unit.name}"})
    project.put("a.csv", MIXED)
    project.run()
    project.write(limits={"max_rejects": 1}, archive={"error": "error/{unit.name}"})
    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "create", refusing)
        assert statuses(project.run()) == {"in/a.csv": "failed"}
    assert statuses(project.run()) == {"in/a.csv": "committed"}


def refusing(*_):
    raise StoreError("C102", "may not", "")


def test_a_refused_version_keeps_what_the_last_one_published(project):
    project.write(limits={"max_rejects": 0})
    project.put("a.csv", A)
    project.run()
    project.put("a.csv", MIXED)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "refused"}
    assert report.units[0]["outputs"] == []
    assert project.tree() == {"a.jsonl": A_OUT}
    project.put("a.csv", "sku,qty\n")  # now it holds nothing: what stood for it goes
    project.run()
    assert project.tree() == {}


# --- failed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "broken", "code"),
    [
        ("a.csv.gz", gzip.compress(rows(5000).encode())[:-20], "R131"),
        ("a.csv.gz", b"sku,qty\na,1\n", "R131"),
        ("a.csv", 'sku,qty\na,1\nb,"2\nc,3\n', "R121"),
        ("a.csv", "sku,sku\na,1\n", "R122"),
        ("a.csv", b"sk\xff,qty\na,1\n", "R122"),
    ],
)
def test_a_damaged_stream_fails_its_unit_alone_and_is_tried_again(project, name, broken, code):
    project.put(name, broken)
    project.put("b.csv", B)
    report = project.run()
    assert statuses(report) == {f"in/{name}": "failed", "in/b.csv": "committed"}
    assert codes(report) == {f"in/{name}": code}
    assert (report.exit_code, report.books.counts["read"]) == (4, 1)
    assert (project.tree(), project.rejects()) == ({"b.jsonl": B_OUT}, [])
    again = project.run()
    assert (statuses(again), again.exit_code) == ({f"in/{name}": "failed"}, 4)
    assert again.units[0]["attempt"] == 2
    project.put(name, gzip.compress(A.encode()) if name.endswith(".gz") else A)
    assert project.run().exit_code == 0
    assert project.tree() == {"a.jsonl": A_OUT, "b.jsonl": B_OUT}


def test_a_failed_version_keeps_what_the_last_one_published_and_rejected(project):
    project.put("a.csv", MIXED)
    project.run()
    project.put("a.csv", 'sku,qty\n"')
    report = project.run()
    assert statuses(report) == {"in/a.csv": "failed"}
    assert report.units[0]["outputs"] == []
    assert project.tree() == {"a.jsonl": b'{"sku":"a","qty":1}\n'}
    assert [reject["number"] for reject in project.rejects()] == [2]
    project.put("a.csv", A)
    project.run()
    assert (project.tree(), project.rejects()) == ({"a.jsonl": A_OUT}, [])


def test_a_retry_has_the_run_and_clock_of_the_first_attempt(project):
    project.write(mapping={"fields": {"run": "$run.id", "at": "$run.started_at"}})
    path = project.put("a.csv", A)
    os.chmod(project.folder, 0o755)  # noqa: S103
    (project.folder / "out").mkdir()
    (project.folder / "out/a.jsonl").mkdir()
    assert codes(project.run()) == {"in/a.csv": "C104"}
    (project.folder / "out/a.jsonl").rmdir()
    project.run()
    assert b'{"run":"run-1","at":"2026-01-31T12:01:00Z"}\n' in project.tree()["a.jsonl"]
    project.touch(path)
    with open(path, "a") as file:
        file.write("c,3\n")
    project.run()
    assert b'"run":"run-3"' in project.tree()["a.jsonl"], "another version begins anew"


def test_a_name_that_cannot_be_made_fails_its_unit_alone(project):
    project.write(
        source={"type": "files", "path": "in/*"},
        parser="csv",
        sink={"type": "files", "path": "out/{unit.ext}/{unit.stem}.jsonl"},
    )
    project.put("a", A)
    project.put("b.csv", B)
    report = project.run()
    assert (statuses(report), codes(report)) == (
        {"in/a": "failed", "in/b.csv": "committed"},
        {"in/a": "D302"},
    )
    assert report.exit_code == 4


def test_an_archive_name_that_cannot_be_made_fails_before_anything_is_published(project):
    project.write(
        source={"type": "files", "path": "in/*"},
        parser="csv",
        archive={"success": "done/{unit.ext}/{unit.name}"},
    )
    project.put("a", A)
    project.put("b.csv", B)
    report = project.run()
    assert codes(report) == {"in/a": "D302"}
    assert project.tree() == {"b.jsonl": B_OUT}
    assert list(project.tree("done").values()) == [B.encode()]


# --- superseded, shared, taken ------------------------------------------------------------------------------


def test_an_output_is_retracted_when_its_unit_has_nothing_to_say(project):
    project.put("a.csv", A)
    project.run()
    project.put("a.csv", "sku,qty\n")
    report = project.run()
    assert (statuses(report), project.tree()) == ({"in/a.csv": "committed"}, {})


def test_an_output_is_retracted_when_its_name_changes(project):
    project.put("a.csv", A)
    project.run()
    project.write(sink={"type": "files", "path": "out/new/{unit.stem}.jsonl"})
    project.run(full_refresh=True)
    assert project.tree() == {"new/a.jsonl": A_OUT}


def test_what_is_not_ours_any_more_is_not_retracted(project):
    project.put("a.csv", A)
    project.run()
    (project.folder / "out/a.jsonl").write_text("mine now\n")
    project.put("a.csv", "sku,qty\n")
    project.run()
    assert project.tree() == {"a.jsonl": b"mine now\n"}


def test_two_units_that_meet_in_one_name(project):
    project.write(sink={"type": "files", "path": "out/{unit.stem}.jsonl"})
    project.put("x/a.csv", A)
    project.put("y/a.csv", B)
    report = project.run()
    assert statuses(report) == {"in/x/a.csv": "committed", "in/y/a.csv": "failed"}
    assert (codes(report), report.exit_code) == ({"in/y/a.csv": "D303"}, 4)
    assert project.tree() == {"a.jsonl": A_OUT}
    again = project.run()
    assert codes(again) == {"in/y/a.csv": "D303"}, "also where the first one is not in the run"
    assert project.tree() == {"a.jsonl": A_OUT}


def test_two_pipelines_that_meet_in_one_name(project):
    project.write("other")
    project.put("a.csv", A)
    project.run()
    assert codes(project.run("other")) == {"in/a.csv": "D303"}


def test_two_runs_that_open_one_name_at_the_same_time(project, monkeypatch):
    project.write("other", source={"type": "files", "path": "in/a.csv"})
    project.put("a.csv", A)

    def meanwhile(attempts):
        monkeypatch.setattr("engine.run.sync_stagings", sync)
        project.run("other")
        sync(attempts)

    sync = __import__("engine.run").run.sync_stagings
    monkeypatch.setattr("engine.run.sync_stagings", meanwhile)
    project.put("b.csv", B)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "failed", "in/b.csv": "committed"}, "only that one unit"
    assert (codes(report), report.exit_code) == ({"in/a.csv": "D303"}, 4)
    assert project.units("other")["in/a.csv"]["status"] == "committed"
    assert project.units()["in/a.csv"]["status"] == "failed"
    assert project.keys() == ["attempt/in/a.csv"]
    assert codes(project.run()) == {"in/a.csv": "D303"}
    assert project.tree() == {"a.jsonl": A_OUT, "b.jsonl": B_OUT}


def test_a_target_that_is_a_folder(project):
    (project.folder / "out/a.jsonl").mkdir(parents=True)
    project.put("a.csv", A)
    project.put("b.csv", B)
    report = project.run()
    assert (codes(report), report.exit_code) == ({"in/a.csv": "C104"}, 6)
    assert project.tree() == {"b.jsonl": B_OUT}


def test_a_sink_that_refuses_to_publish_holds_its_unit_and_no_other(project, monkeypatch):
    project.put("a.csv", A)
    project.put("b.csv", B)

    def rename(store, staged, final):
        if final == "out/a.jsonl":
            raise StoreError("C102", "may not", "")
        real(store, staged, final)

    real = LocalStore.rename
    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "rename", rename)
        report = project.run()
        assert (statuses(report), report.exit_code) == ({"in/a.csv": "held", "in/b.csv": "committed"}, 6)
        report = project.run()
        assert (statuses(report), report.exit_code) == ({"in/a.csv": "held"}, 6)
    os.unlink(project.folder / "in/a.csv")  # from its intent on it needs no source
    report = project.run()
    assert (report.recovered_units, report.exit_code) == (1, 0)
    assert project.tree() == {"a.jsonl": A_OUT, "b.jsonl": B_OUT}
    assert project.keys() == []


def test_a_slot_that_is_blank_never_leads_to_the_root_of_the_machine(project):
    project.write(
        sink={"type": "files", "path": "{unit.dir}/{unit.stem}.jsonl"},
        archive={"success": "{unit.dir}/{unit.stem}.done"},
    )
    project.put("a.csv", A)
    assert project.run().exit_code == 0
    assert (project.folder / "a.jsonl").read_bytes() == A_OUT
    assert (project.folder / "a.done").read_bytes() == A.encode()


# --- the file moves under the reader ------------------------------------------------------------------------


def changing(monkeypatch, changes):
    """After a file was read, before it is verified, something happens to it."""
    from engine.delivery.reading import Reading

    real = Reading.verify

    def verify(reading):
        if changes:
            changes.pop(0)()
        return real(reading)

    monkeypatch.setattr(Reading, "verify", verify)


def test_a_file_that_changes_while_it_is_read_is_queued_again(project, monkeypatch):
    project.put("a.csv", A)
    project.put("b.csv", B)
    changing(monkeypatch, [lambda: project.put("a.csv", "sku,qty\nz,9\n")])
    report = project.run()
    assert statuses(report) == {"in/a.csv": "committed", "in/b.csv": "committed"}
    assert (report.exit_code, report.books.counts["read"]) == (0, 2)
    assert project.tree() == {"a.jsonl": b'{"sku":"z","qty":9}\n', "b.jsonl": B_OUT}
    assert project.units()["in/a.csv"]["attempt"] == 2
    assert project.keys() == []


def test_a_file_that_never_rests_fails_in_the_end(project, monkeypatch):
    project.put("a.csv", A)
    changing(monkeypatch, [lambda n=n: project.put("a.csv", rows(n)) for n in range(1, 9)])
    report = project.run()
    assert (statuses(report), codes(report), report.exit_code) == (
        {"in/a.csv": "failed"},
        {"in/a.csv": "D305"},
        4,
    )
    assert project.units()["in/a.csv"]["attempt"] == 3
    assert project.tree() == {}


def test_a_file_that_changes_while_it_is_refused_is_queued_again(project, monkeypatch):
    project.write(limits={"max_rejects": 0})
    project.put("a.csv", rows(0, 1200))
    changing(monkeypatch, [lambda: project.put("a.csv", A)])
    assert statuses(project.run()) == {"in/a.csv": "committed"}


def test_a_file_that_grows_in_the_tick_of_its_listing(project):
    """Its time may not differ: the reader waits for the tick to pass, so what it reads is what it verifies."""
    path = project.put("a.csv", A)
    os.utime(path)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "committed"}


def test_a_file_that_vanishes(project, monkeypatch):
    path = project.put("a.csv", A)
    project.put("b.csv", B)
    changing(monkeypatch, [lambda: os.unlink(path)])
    report = project.run()
    assert statuses(report) == {"in/a.csv": "failed", "in/b.csv": "committed"}
    assert project.tree() == {"b.jsonl": B_OUT}
    assert project.run().exit_code == 0


def test_a_file_that_vanishes_before_it_is_opened(project, monkeypatch):
    path = project.put("a.csv", A)
    project.put("b.csv", B)
    monkeypatch.setattr("engine.run.settle", lambda stat: os.path.exists(path) and os.unlink(path))
    report = project.run()
    assert codes(report) == {"in/a.csv": "C101"}
    assert project.tree() == {"b.jsonl": B_OUT}


# --- what the system refuses --------------------------------------------------------------------------------


def in_child(work, uid=0, limits=()):
    """Do it in a process of its own, as another user or under a limit, and give what it printed and its code."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            for limit, value in limits:
                resource.setrlimit(limit, (value, value))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            if uid:
                os.setgid(uid)
                os.setuid(uid)
            os.write(write, json.dumps(work()).encode())
            os._exit(0)
        except EngineError as error:
            os.write(write, json.dumps([type(error).__name__, error.code, error.exit_code]).encode())
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child says it and ends
            import traceback

            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0, "a traceback in the child"
    return json.loads(said)


def outcome(project):
    report = project.run()
    return [statuses(report), codes(report), report.exit_code]


def give_away(folder):
    for top, folders, files in os.walk(folder):
        for name in (top, *(os.path.join(top, each) for each in (*folders, *files))):
            os.chown(name, NOBODY, NOBODY)
    while str(folder) != "/tmp":  # noqa: S108 - pytest's own folders are closed to others
        folder = folder.parent
        if str(folder) in ("/", "/tmp"):  # noqa: S108
            break
        os.chmod(folder, 0o755)  # noqa: S103


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user: run the tests as root")


@as_root
def test_an_unreadable_file_fails_alone(project):
    path = project.put("a.csv", A)
    project.put("b.csv", B)
    give_away(project.folder)
    os.chmod(path, 0)
    assert in_child(lambda: outcome(project), NOBODY) == [
        {"in/a.csv": "failed", "in/b.csv": "committed"}, {"in/a.csv": "C102"}, 6
    ]  # fmt: skip
    assert project.tree() == {"b.jsonl": B_OUT}
    os.chmod(path, 0o644)
    assert in_child(lambda: outcome(project), NOBODY)[2] == 0


@as_root
def test_an_unreadable_folder_stops_the_run(project):
    project.put("sub/a.csv", A)
    project.put("b.csv", B)
    give_away(project.folder)
    os.chmod(project.folder / "in/sub", 0)
    assert in_child(lambda: outcome(project), NOBODY) == ["StoreError", "C102", 6]
    assert project.tree() == {}, "a listing that is not complete decides nothing"


@as_root
@pytest.mark.parametrize("closed", ["out", "."])
def test_a_folder_that_may_not_be_written(project, closed):
    project.put("a.csv", A)
    (project.folder / "out").mkdir()
    give_away(project.folder)
    os.chmod(project.folder / closed, 0o555)  # noqa: S103
    got = in_child(lambda: outcome(project), NOBODY)
    assert got == ([{"in/a.csv": "failed"}, {"in/a.csv": "C102"}, 6] if closed == "out" else ["StoreError", "C102", 6])
    assert project.tree() == {}
    os.chmod(project.folder / closed, 0o755)  # noqa: S103
    assert in_child(lambda: outcome(project), NOBODY)[2] == 0
    assert project.tree() == {"a.jsonl": A_OUT}


@as_root
def test_an_archive_that_may_not_be_written_waits_and_the_rest_goes_on(project):
    project.write(archive={"success": "done/{unit.name}"})
    project.put("a.csv", A)
    (project.folder / "done").mkdir()
    give_away(project.folder)
    os.chmod(project.folder / "done", 0o555)  # noqa: S103
    for _ in range(2):
        got = in_child(lambda: outcome(project), NOBODY)
        assert got == [{"in/a.csv": "committed"}, {"in/a.csv": "C102"}, 6]
        assert project.tree() == {"a.jsonl": A_OUT}
    os.chmod(project.folder / "done", 0o755)  # noqa: S103
    assert in_child(lambda: outcome(project), NOBODY) == [{}, {}, 0]
    assert (project.tree("done"), project.tree("in")) == ({"a.csv": A.encode()}, {})


@as_root
def test_an_output_folder_that_can_be_entered_and_not_listed(project):
    project.write(sink={"type": "files", "path": str(project.folder / "drop/out/{unit.stem}.jsonl")})
    project.put("a.csv", A)
    (project.folder / "drop/out").mkdir(parents=True)
    give_away(project.folder)
    os.chown(project.folder / "drop", 0, 0)
    os.chmod(project.folder / "drop", 0o711)  # noqa: S103
    assert in_child(lambda: outcome(project), NOBODY)[2] == 0
    assert project.tree("drop/out") == {"a.jsonl": A_OUT}


@pytest.fixture
def small_disk(project):
    disk = project.folder / "out"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"mount is refused here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("packed", [False, True])
def test_a_full_disk(project, small_disk, packed):
    suffix = ".gz" if packed else ""
    project.write(sink={"type": "files", "path": f"out/{{unit.stem}}.jsonl{suffix}"})
    content = "sku,qty\n" + "".join(f"{os.urandom(40).hex()},{i}\n" for i in range(6000))
    project.put("a.csv", content)
    project.put("b.csv", B)
    report = project.run()
    assert (codes(report), report.exit_code) == ({"in/a.csv": "C103"}, 6)
    assert report.units[0]["error"]["message"] == "`out` cannot be written: the disk is full"
    assert list(project.tree()) == [f"b.jsonl{suffix}"], "nothing partial and no staging is left"
    subprocess.run(["mount", "-o", "remount,size=10M", str(small_disk)], check=True)
    assert statuses(project.run()) == {"in/a.csv": "committed"}


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_size_limit(project, packed):
    suffix = ".gz" if packed else ""
    project.write(sink={"type": "files", "path": f"out/{{unit.stem}}.jsonl{suffix}"})
    project.run()
    project.put("a.csv", "sku,qty\n" + "".join(f"{os.urandom(40).hex()},{i}\n" for i in range(9000)))
    project.put("b.csv", B)
    got = in_child(lambda: outcome(project), limits=[(resource.RLIMIT_FSIZE, 300_000)])
    assert got == [{"in/a.csv": "failed", "in/b.csv": "committed"}, {"in/a.csv": "C103"}, 6]
    assert list(project.tree()) == [f"b.jsonl{suffix}"]
    assert project.run().exit_code == 0


def test_a_state_that_cannot_grow_ends_the_run_and_the_next_goes_on(project):
    for i in range(400):
        project.put(f"a{i}.csv", A)
    got = in_child(lambda: outcome(project), limits=[(resource.RLIMIT_FSIZE, 150_000)])
    assert got[0] == "StoreError"
    assert got[2] == 6
    assert all(each == A_OUT for each in project.tree().values() if each.startswith(b"{"))
    assert project.run().exit_code == 0
    assert project.tree() == {f"a{i}.jsonl": A_OUT for i in range(400)}


def test_a_signal_ends_the_run_and_the_next_goes_on(project):
    project.put("a.csv", A)
    project.put("b.csv", B)

    def stop(attempt):
        raise Interrupted("D901", "interrupted", "")

    with pytest.raises(Interrupted):
        project.run(progress=stop)
    assert project.run().exit_code == 0
    assert project.tree() == {"a.jsonl": A_OUT, "b.jsonl": B_OUT}
    assert project.keys() == []


# --- archive ------------------------------------------------------------------------------------------------


def test_each_outcome_has_its_archive(project):
    project.write(
        limits={"max_rejects": "50%"},
        archive={key: f"{key}/{{unit.dir}}/{{unit.name}}" for key in ("success", "partial", "error")},
    )
    project.put("x/a.csv", A)
    project.put("b.csv", MIXED)
    project.put("c.csv", rows(0, 2))
    project.put("d.csv", '"')
    assert project.run().exit_code == 4
    assert project.tree("success") == {"x/a.csv": A.encode()}
    assert project.tree("partial") == {"b.csv": MIXED.encode()}
    assert project.tree("error") == {"c.csv": rows(0, 2).encode()}
    assert project.tree("in") == {"d.csv": b'"'}, "a failed unit stays where it is tried again"
    assert project.units()["in/x/a.csv"]["place"] == "success/x/a.csv"


def before_archive(monkeypatch, change):
    real = archiving.move

    def move(record):
        change()
        return real(record)

    monkeypatch.setattr(archiving, "move", move)


def test_a_newer_version_is_not_archived_for_an_older_one(project, monkeypatch):
    project.write(archive={"success": "done/{unit.name}"})
    project.put("a.csv", A)
    with monkeypatch.context() as patch:
        before_archive(patch, lambda: project.put("a.csv", B))
        project.run()
    assert (project.tree("in"), project.tree("done")) == ({"a.csv": B.encode()}, {})
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert (project.tree("in"), project.tree("done")) == ({}, {"a.csv": B.encode()})
    assert project.tree() == {"a.jsonl": B_OUT}


def test_a_version_that_comes_at_the_last_moment_is_put_back(project, monkeypatch):
    project.write(archive={"success": "done/{unit.name}"})
    project.put("a.csv", A)
    real = LocalStore.rename

    def rename(store, staged, final):
        if final.endswith(".archive.part"):
            project.put("a.csv", B)
        real(store, staged, final)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "rename", rename)
        project.run()
    assert (project.tree("in"), project.tree("done")) == ({"a.csv": B.encode()}, {})
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": B_OUT}


def test_a_version_that_comes_during_the_move_survives_it(project, monkeypatch):
    project.write(archive={"success": "done/{unit.name}"})
    project.put("a.csv", A)
    real = LocalStore.move

    def move(store, path, target):
        project.put("a.csv", B)
        real(store, path, target)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "move", move)
        project.run()
    assert (project.tree("in"), project.tree("done")) == ({"a.csv": B.encode()}, {"a.csv": A.encode()})


def test_what_stands_at_the_target(project):
    project.write(archive={"success": "done/{unit.name}"})
    project.put("a.csv", A, folder="done")
    project.put("b.csv", "other", folder="done")
    project.put("b-2.csv", "other", folder="done")
    project.put("a.csv", A)
    project.put("b.csv", B)
    project.run()
    assert project.tree("in") == {}
    assert project.tree("done") == {
        "a.csv": A.encode(),
        "b.csv": b"other",
        "b-2.csv": b"other",
        "b-3.csv": B.encode(),
    }
    assert project.units()["in/b.csv"]["place"] == "done/b-3.csv"


@pytest.fixture
def other_disk(project):
    disk = project.folder / "done"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", str(disk)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mount is refused here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_an_archive_on_another_file_system(project, other_disk):
    project.write(archive={"success": "done/{unit.name}"})
    path = project.put("a.csv", A)
    before = os.stat(path)
    project.run()
    assert (project.tree("in"), project.tree("done")) == ({}, {"a.csv": A.encode()})
    assert os.stat(other_disk / "a.csv").st_mtime_ns == before.st_mtime_ns
    project.put("a.csv", B)
    project.run()
    assert project.tree("done") == {"a.csv": A.encode(), "a-2.csv": B.encode()}


def test_an_archive_to_another_file_system_that_is_full(project, other_disk):
    project.write(archive={"success": "done/{unit.name}"})
    content = rows(200_000)
    project.put("a.csv", content)
    report = project.run()
    assert (statuses(report), codes(report), report.exit_code) == (
        {"in/a.csv": "committed"},
        {"in/a.csv": "C103"},
        6,
    )
    assert "a.csv" not in project.tree("done")
    subprocess.run(["mount", "-o", "remount,size=10M", str(other_disk)], check=True)
    assert project.run().exit_code == 0
    assert (project.tree("in"), project.tree("done")) == ({}, {"a.csv": content.encode()})


def test_an_archived_link_is_archived_with_what_it_shows(project):
    project.write(archive={"success": "done/deep/{unit.name}"})
    project.put("store.txt", A, folder="kept")
    (project.folder / "in").mkdir()
    (project.folder / "in/a.csv").symlink_to("../kept/store.txt")
    project.run()
    assert project.tree("done") == {"deep/a.csv": A.encode()}
    assert not (project.folder / "done/deep/a.csv").is_symlink()
    assert project.tree("kept") == {"store.txt": A.encode()}
    assert os.listdir(project.folder / "in") == []


# --- names --------------------------------------------------------------------------------------------------

NAMES = [
    "a b.csv", "a\nb.csv", "tab\tb.csv", "\u00e9.csv", "e\u0301.csv", "a#b.csv", "a?b.csv", "a%20b.csv", "a&b=c.csv",
    "\u65e5\u672c.csv", "a'b\"c.csv", "a\\b.csv", "-rf.csv", "~.csv", "$HOME.csv", "{unit.stem}.csv", "a..csv",
    "\u202egnp.csv", "x" * 246 + ".csv", "\u65e5" * 82 + ".csv", "a*b[c].csv",
]  # fmt: skip


def test_names_of_all_kinds_are_kept_apart(project):
    project.write(archive={"success": "done/{unit.name}"})
    for i, name in enumerate(NAMES):
        project.put(name, f"sku,qty\nn,{i}\n")
    report = project.run()
    assert report.exit_code == 0, codes(report)
    assert sorted(statuses(report)) == sorted(f"in/{name}" for name in NAMES)
    outputs = project.tree()
    assert sorted(outputs.values()) == sorted(b'{"sku":"n","qty":%d}\n' % i for i in range(len(NAMES)))
    assert len(project.tree("done")) == len(NAMES)
    assert all("/" not in name and not name.startswith(".") for name in outputs)
    assert project.run().units == []
    assert outputs["a%0Ab.jsonl"]
    assert outputs["\u00e9.jsonl"] != outputs["e%CC%81.jsonl"]


def test_names_with_a_leading_dot_are_taken_only_where_the_pattern_says_it(project):
    project.put(".a.csv", A)
    project.put(".b/a.csv", A)
    assert project.run().units == []
    project.write(source={"type": "files", "path": "in/.*.csv"})
    assert statuses(project.run()) == {"in/.a.csv": "committed"}
    assert project.tree() == {"%2Ea.jsonl": A_OUT}


@pytest.mark.parametrize("name", [b"a\xff.csv", b"\xffdir/a.csv"])
def test_a_name_that_is_not_utf8_fails_alone(project, name):
    project.put(name, A)
    project.put("b.csv", B)
    for expected in ({"b.jsonl": B_OUT}, {"b.jsonl": B_OUT}):
        report = project.run()
        ((shown, code),) = codes(report).items()
        assert (code, report.exit_code) == ("D306", 4)
        assert shown == "in/" + name.decode(errors="backslashreplace")
        assert project.tree() == expected
        jsonschema.validate(json.loads(json.dumps(report.as_dict()).encode()), REPORT_SCHEMA)


def test_links_to_files_are_read_and_links_to_folders_are_not_entered(project):
    project.put("a.csv", A, folder="kept")
    (project.folder / "in").mkdir()
    (project.folder / "in/a.csv").symlink_to(project.folder / "kept/a.csv")
    (project.folder / "in/broken.csv").symlink_to("nowhere")
    (project.folder / "in/loop").symlink_to(project.folder / "in")
    report = project.run()
    assert (statuses(report), report.exit_code) == ({"in/a.csv": "committed"}, 0)


def test_what_is_no_file_is_never_opened(project):
    (project.folder / "in").mkdir()
    os.mkfifo(project.folder / "in/pipe.csv")
    (project.folder / "in/folder.csv").mkdir()
    assert project.run().units == []
    project.write(source={"type": "files", "path": "in/pipe.csv"})
    assert project.run().units == []


# --- empty --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "sku,qty\n", "\n\n", "\ufeff"])
def test_a_file_without_records(project, content):
    project.put("a.csv", content)
    report = project.run()
    assert (statuses(report), report.exit_code) == ({"in/a.csv": "committed"}, 0)
    assert (report.books.counts["read"], project.tree()) == (0, {})
    assert project.run().units == []


@pytest.mark.parametrize("content", ["", "sku,qty\n"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("out/{unit.stem}.jsonl", b""),
        ("out/{unit.stem}.csv", b"sku,qty\n"),
        ("out/{unit.stem}.json", b"[]\n"),
    ],
)
def test_when_empty_write(project, content, path, expected):
    project.write(sink={"type": "files", "path": path, "when_empty": "write"})
    project.put("a.csv", content)
    assert project.run().exit_code == 0
    assert list(project.tree().values()) == [expected]
    project.put("a.csv", A)
    project.run()
    assert len(project.tree()) == 1


# --- which files --------------------------------------------------------------------------------------------


def test_min_age_and_order(project):
    project.write(source={"type": "files", "path": "in/*.csv", "min_age": "1h", "order": "mtime"})
    for name, minutes in (("a", 90), ("b", 61), ("c", 120), ("d", 10), ("e", -5)):
        path = project.put(f"{name}.csv", A)
        then = (project.clock - timedelta(minutes=minutes)).timestamp()
        os.utime(path, (then, then))
    assert list(statuses(project.run())) == ["in/c.csv", "in/a.csv", "in/b.csv"]
    project.clock += timedelta(minutes=60)
    assert list(statuses(project.run())) == ["in/d.csv"]
    project.write(source={"type": "files", "path": "in/*.csv"})
    assert list(statuses(project.run(full_refresh=True))) == [f"in/{name}.csv" for name in "abcde"]


def test_exclude(project):
    project.write(source={"type": "files", "path": "in/**/*.csv", "exclude": ["**/draft-*", "in/{x,y}/**"]})
    for name in ("a", "draft-a", "x/a", "y/z/a", "z/a", "z/draft-b"):
        project.put(f"{name}.csv", A)
    assert list(statuses(project.run())) == ["in/a.csv", "in/z/a.csv"]


def test_writing_a_pattern_another_way_does_not_rename_the_units(project):
    project.put("a.csv", A)
    project.run()
    project.write(source={"type": "files", "path": "./in//*.csv"})
    assert project.run().units == []


# --- scope --------------------------------------------------------------------------------------------------


def test_each_value_of_a_scoped_variable_has_state_of_its_own(project):
    project.write(
        vars={"shop": {"default": "x", "scope": True}},
        sink={"type": "files", "path": "out/{vars.shop}/{unit.stem}.jsonl"},
    )
    project.put("a.csv", A)
    for shop in ("x", "y"):
        assert statuses(project.run(given={"shop": shop})) == {"in/a.csv": "committed"}
        assert project.run(given={"shop": shop}).units == []
    assert project.run().units == [], "also where the value is the default"
    assert set(project.tree()) == {"x/a.jsonl", "y/a.jsonl"}
    assert project.units("stock[shop=x]").keys() == project.units("stock[shop=y]").keys() == {"in/a.csv"}


def test_each_environment_has_state_of_its_own(project):
    (project.folder / "engine.yaml").write_text("vars: {into: now}\nenvironments: {next: {vars: {into: next}}}\n")
    project.write(sink={"type": "files", "path": "out/{vars.into}/{unit.stem}.jsonl"})
    project.put("a.csv", A)
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert statuses(project.run(env="next")) == {"in/a.csv": "committed"}
    assert project.run(env="next").units == []
    assert set(project.tree()) == {"next/a.jsonl", "now/a.jsonl"}
    assert project.units("stock@next")


def test_two_pipelines_of_one_name_are_refused(project):
    project.put("a.csv", A)
    project.run()
    (project.folder / "engine.yaml").write_text("vars: {}\n")
    (project.folder / "sub").mkdir()
    project.write("sub/stock")
    with pytest.raises(StoreError) as raised:
        project.run("sub/stock")
    assert (raised.value.code, raised.value.exit_code) == ("D103", 6)
    os.rename(project.folder / "stock.yaml", project.folder / "gone.yaml")
    assert project.run("sub/stock").exit_code == 0, "a spec that moved keeps its state"


# --- one run at a time --------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from datetime import UTC, datetime
from engine.run import Session, run
from engine.spec.compile import load
def hold(attempt):
    print("held", flush=True)
    sys.stdin.readline()
run(load(sys.argv[1])[0], Session("holder", progress=hold))
"""


@pytest.fixture
def holder(project):
    project.put("a.csv", A)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(project.folder / "stock.yaml")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_another_run_holds_the_pipeline(project, holder):
    with pytest.raises(LockedError) as raised:
        project.run()
    assert raised.value.exit_code == 8
    assert f"process {holder.pid}" in raised.value.message
    with pytest.raises(LockedError):
        project.run(wait=0.1)
    (staged,) = project.tree()
    assert staged.endswith(".part/a.jsonl"), "the other run's staging was left alone"


def test_waiting_for_another_run(project, holder):
    threading.Timer(0.3, lambda: (holder.stdin.write("\n"), holder.stdin.flush())).start()
    report = project.run(wait=30)
    assert (report.units, report.recovered_units) == ([], 0)
    assert project.tree() == {"a.jsonl": A_OUT}


def test_a_killed_run_leaves_no_lock(project, holder):
    holder.kill()
    holder.wait()
    started = time.monotonic()
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert time.monotonic() - started < 5


def test_a_trial_needs_no_lock(project, holder):
    assert statuses(project.run(trial=True)) == {"in/a.csv": "committed"}


# --- trials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "out/{unit.stem}.jsonl",
        "../../../../out/{unit.stem}.jsonl",
        "/ABS/out/{unit.stem}.jsonl",
        "{unit.dir}/{unit.stem}.jsonl",
    ],
)
def test_a_dry_run_changes_nothing_outside_its_folder(project, path):
    project.write(
        sink={"type": "files", "path": path.replace("/ABS", str(project.folder))},
        archive={"success": "done/{unit.name}", "partial": "part/{unit.name}"},
    )
    project.put("a.csv", A)
    project.put("b.csv", MIXED)
    report = project.run(trial=True)
    assert (report.status, report.trial, report.exit_code) == ("ok_with_rejects", True, 0)
    everything = [name for name in project.tree(".") if not name.startswith(".engine/trial/")]
    assert everything == ["in/a.csv", "in/b.csv", "stock.yaml"]
    assert sorted(data for name, data in project.tree(".engine/trial").items() if name.endswith("a.jsonl")) == [A_OUT]
    assert os.stat(project.folder / ".engine").st_mode & 0o777 == 0o700
    if path.startswith("out"):
        assert statuses(project.run()) == {"in/a.csv": "committed", "in/b.csv": "committed"}


def test_a_trial_knows_what_is_done_and_forgets_itself(project):
    project.put("a.csv", A)
    project.run()
    project.put("b.csv", B)
    for _ in range(2):
        assert statuses(project.run(trial=True)) == {"in/b.csv": "committed"}
    assert project.tree() == {"a.jsonl": A_OUT}
    assert statuses(project.run()) == {"in/b.csv": "committed"}


def test_a_trial_of_the_first_records(project):
    for name in "abc":
        project.put(f"{name}.csv", rows(4))
    report = project.run(trial=True, limit=6)
    assert report.books.counts["read"] == 6
    assert [unit["records"]["read"] for unit in report.units] == [4, 2]
    assert project.tree() == {}


# --- the report and the books -------------------------------------------------------------------------------


def test_report_and_rejects_keep_their_schemas(project):
    project.write(limits={"max_rejects": "50%"})
    project.put("a.csv", MIXED)
    project.put("b.csv", '"')
    project.put("c.csv", rows(0, 3))
    project.put("d.csv", b"sku,qty\n\xff,1\nragged\na,1\nb,2\nc,3\n")
    report = project.run()
    jsonschema.validate(report.as_dict(), REPORT_SCHEMA)
    assert [report.as_dict()[key] for key in ("status", "exit_code", "run_id", "pipeline")] == [
        "failed",
        4,
        "run-1",
        "stock",
    ]
    rejects = project.rejects()
    assert len(rejects) == report.books.counts["rejected"] == 6
    for reject in rejects:
        jsonschema.validate(reject, reject_schema())
    for unit in project.run().as_dict()["units"]:
        jsonschema.validate(unit, REPORT_SCHEMA["properties"]["units"]["items"])
    jsonschema.validate(project.run(trial=True).as_dict(), REPORT_SCHEMA)
    with KV.open(str(project.folder / ".engine")) as kv:
        assert [key for key, _ in kv.list(journal.RUNS)] == ["run-1", "run-2"]


@pytest.mark.parametrize("max_rejects", [None, "50%", 5])
@pytest.mark.parametrize("count", ["count_read", "count_written", "count_rejected"])
def test_without_any_one_count_nothing_is_published(project, monkeypatch, count, max_rejects):
    project.write(
        limits=None if max_rejects is None else {"max_rejects": max_rejects},
        archive={"partial": "done/{unit.name}"},
    )
    project.put("a.csv", MIXED)
    with monkeypatch.context() as patch:
        patch.setattr(Books, count, lambda *_: None)
        report = project.run()
    assert (statuses(report), codes(report), report.exit_code) == (
        {"in/a.csv": "failed"},
        {"in/a.csv": "D401"},
        5,
    )
    assert (project.tree(), project.tree("done"), project.rejects()) == ({}, {}, [])
    assert project.run().exit_code == 0


def test_the_worst_unit_decides_the_exit_code(project):
    project.put("a.csv", '"')
    assert project.run().exit_code == 4
    project.put("b.csv", A)
    (project.folder / "out/b.jsonl").mkdir(parents=True)
    assert project.run().exit_code == 6


# --- fencing and recovery -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["begin", "intend", "commit"])
def test_a_run_that_was_taken_over_cannot_write(project, monkeypatch, step):
    project.put("a.csv", A)
    real = getattr(journal.Journal, step)

    def overtaken(self, *args):
        self._kv.incr("fences", "stock")
        return real(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, step, overtaken)
        if step == "begin":
            patch.setattr(journal.Journal, "intend", lambda *_: pytest.fail("it went on"))
        if step == "commit":
            patch.setattr(
                journal.Journal,
                step,
                lambda self, intents: overtaken(self, intents) if intents else real(self, intents),
            )
        with pytest.raises(StoreError) as raised:
            project.run()
    assert (raised.value.code, raised.value.exit_code) == ("D102", 6)
    assert project.units() == {}
    assert project.run().exit_code == 0
    assert project.tree() == {"a.jsonl": A_OUT}
    assert project.keys() == []


def test_a_staging_that_was_removed_is_done_again(project, monkeypatch):
    project.put("a.csv", A)
    project.put("b.csv", B)
    real = publish.publish

    def sabotage(intents):
        for intent in intents:
            if intent["unit"] == "in/a.csv":
                shutil.rmtree(project.folder / intent["outputs"][0]["folder"])
        return real(intents)

    with monkeypatch.context() as patch:
        patch.setattr("engine.run.publish", sabotage)
        with pytest.raises(StoreError) as raised:
            project.run()
    assert raised.value.code == "D304"
    assert project.tree() == {"b.jsonl": B_OUT}
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": A_OUT, "b.jsonl": B_OUT}


def test_an_intent_needs_neither_source_nor_spec(project, monkeypatch):
    project.write(archive={"partial": "done/{unit.name}"})
    project.put("a.csv", MIXED)
    with monkeypatch.context() as patch:
        patch.setattr("engine.run.publish", lambda intents: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            project.run()
    assert not any(not name.startswith(".") for name in project.tree())
    project.write(mapping={"fields": {"other": "sku"}}, sink={"type": "files", "path": "elsewhere/{unit.stem}.jsonl"})
    report = project.run()
    assert (report.recovered_units, report.units) == (1, [])
    assert project.tree() == {"a.jsonl": b'{"sku":"a","qty":1}\n'}
    assert project.tree("done") == {"a.csv": MIXED.encode()}
    assert len(project.rejects()) == 1
    assert project.keys() == []


def test_a_published_output_that_a_reader_took_is_not_made_again(project, monkeypatch):
    project.put("a.csv", A)
    with monkeypatch.context() as patch:
        patch.setattr(
            journal.Journal,
            "commit",
            lambda self, intents: (_ for _ in ()).throw(KeyboardInterrupt) if intents else None,
        )
        with pytest.raises(KeyboardInterrupt):
            project.run()
    os.unlink(project.folder / "out/a.jsonl")
    assert (project.run().recovered_units, project.tree()) == (1, {})


def test_the_clock_is_the_sessions(project):
    project.write(mapping={"fields": {"at": "$run.started_at"}})
    project.put("a.csv", A)
    run(project.plan(), Session("r", lambda: datetime(2001, 2, 3, tzinfo=UTC)))
    assert project.tree()["a.jsonl"].startswith(b'{"at":"2001-02-03T00:00:00Z"}\n')


# --- from the command line ----------------------------------------------------------------------------------


def engine(*words, **more):
    return subprocess.run([sys.executable, "-m", "engine", *words], capture_output=True, text=True, **more)


def test_exit_codes_and_report(project):
    project.put("a.csv", A)
    done = engine("run", "stock.yaml", "--report", "reports/r.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert "books     read 2 = written 2" in done.stderr
    jsonschema.validate(json.loads((project.folder / "reports/r.json").read_text()), REPORT_SCHEMA)
    project.put("b.csv", '"')
    told = engine("run", "stock.yaml", "--json")
    jsonschema.validate(json.loads(told.stdout), REPORT_SCHEMA)
    assert told.returncode == json.loads(told.stdout)["exit_code"] == 4
    project.put(b"c\xff.csv", A)
    for told in (engine("run", "stock.yaml", "--json"), engine("run", "stock.yaml", "--dry-run")):
        assert told.returncode == 4
        assert "Traceback" not in told.stderr
        assert "D306" in told.stderr
    os.unlink(project.folder / "in/b.csv")
    os.unlink(os.fsencode(project.folder / "in") + b"/c\xff.csv")
    (project.folder / ".engine/cache.db").write_bytes(b"not a store" * 1000)
    assert engine("run", "stock.yaml").returncode == 6


def test_the_command_waits_or_gives_up(project, holder):
    held = engine("run", "stock.yaml")
    assert held.returncode == 8
    assert f"process {holder.pid}" in held.stderr
    assert engine("run", "stock.yaml", "--wait", "100ms").returncode == 8
    threading.Timer(0.3, lambda: (holder.stdin.write("\n"), holder.stdin.flush())).start()
    assert engine("run", "stock.yaml", "--wait").returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_an_exit_code_and_leaves_nothing_in_part(project, number, code):
    content = rows(400_000)
    project.put("a.csv", content)
    project.put("b.csv", B)
    process = subprocess.Popen([sys.executable, "-m", "engine", "run", "stock.yaml"], stderr=subprocess.PIPE, text=True)
    while not project.tree():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate()
    assert (process.returncode, "D901" in said, "Traceback" in said) == (code, True, False), said
    assert project.tree() == {}
    assert project.run().exit_code == 0
    assert len(project.tree()["a.jsonl"].splitlines()) == 400_000
