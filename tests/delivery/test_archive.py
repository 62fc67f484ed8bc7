"""Archives on another connection, archived files that go away after a time, steps that are cut off."""

import gzip
import importlib.util
import os
from datetime import timedelta
from pathlib import Path

import pytest

from engine.cli.summary import summary
from engine.delivery import archive as archiving
from engine.delivery.journal import Journal
from engine.errors import StoreError
from engine.storage.local import LocalStore
from engine.storage.s3 import S3

A, B = "sku,qty\na,1\n", "sku,qty\nb,2\n"
BAD = "sku,qty\nc,x\nd,4\n"
ENDS = {"drop": {"type": "local", "base": "drop"}, "vault": {"type": "local", "base": "vault"}}
MOVES = {key: f"{key}/{{unit.name}}" for key in ("success", "partial", "error")}


class Killed(BaseException):
    """A run that ends here, with nothing tidied up."""


def kill(*_, **__):
    raise Killed


def codes(report):
    return {unit["id"]: unit["error"]["code"] for unit in report.units if unit["error"]}


def statuses(report):
    return {unit["id"]: unit["status"] for unit in report.units}


@pytest.fixture
def apart(project):
    """Files come by one connection and are archived over another."""
    write(project)
    return project


def write(project, **keys):
    spec = {
        "connections": ENDS,
        "source": {"type": "files", "path": "in/*.csv", "connection": "drop"},
        "sink": {"type": "files", "path": "out/{unit.stem}.jsonl"},
        "archive": {"connection": "vault", **MOVES},
    }
    project.write(**{**spec, **keys})


def put(project, name, content):
    return project.put(name, content, folder="drop/in")


def killed(project):
    with pytest.raises(Killed):
        project.run()


def test_each_outcome_goes_to_the_other_connection(apart):
    write(apart, limits={"max_rejects": 1})
    put(apart, "a.csv", A)
    put(apart, "b.csv", BAD)
    put(apart, "c.csv", BAD + "e,y\n")
    assert statuses(apart.run()) == {"in/a.csv": "committed", "in/b.csv": "committed", "in/c.csv": "refused"}
    assert apart.tree("vault") == {
        "error/c.csv": (BAD + "e,y\n").encode(), "partial/b.csv": BAD.encode(), "success/a.csv": A.encode()
    }  # fmt: skip
    assert apart.tree("drop") == {}
    assert (codes(apart.run()), apart.keys()) == ({"in/c.csv": "D203"}, [])


def test_a_refused_unit_is_taken_from_the_other_connection(apart):
    write(apart, limits={"max_rejects": 0})
    put(apart, "a.csv", BAD)
    assert codes(apart.run()) == {"in/a.csv": "D201"}
    assert codes(apart.run()) == {"in/a.csv": "D203"}  # the copy has another time, and is the same
    write(apart, limits={"max_rejects": 1})
    assert statuses(apart.run()) == {"in/a.csv": "committed"}
    assert list(apart.tree("vault")) == ["partial/a.csv"]
    assert apart.tree() == {"a.jsonl": b'{"sku":"d","qty":4}\n'}
    assert (apart.run().units, apart.keys()) == ([], [])


def test_equal_content_is_there_already_and_other_content_stays(apart):
    put(apart, "a.csv", A)
    put(apart, "b.csv", B)
    apart.put("a.csv", A, folder="vault/success")
    apart.put("b.csv", A, folder="vault/success")
    apart.run()
    assert apart.tree("vault/success") == {"a.csv": A.encode(), "b-2.csv": B.encode(), "b.csv": A.encode()}
    assert apart.tree("drop") == {}


STEPS = [
    (LocalStore, "rename", 0), (LocalStore, "rename", 1), (LocalStore, "rename", 2),
    (LocalStore, "sync", 1), (LocalStore, "sync", 2), (LocalStore, "sync", 3), (LocalStore, "sync", 4),
    (LocalStore, "publish", 1), (LocalStore, "discard", 0), (LocalStore, "discard", 1), (LocalStore, "discard", 2),
    (LocalStore, "remove", 0), (LocalStore, "remove", 1), (LocalStore, "remove", 2), (LocalStore, "remove", 3),
    (archiving, "_copy", 0), (archiving, "_is_same", 0), (Journal, "tidied", 0),
]  # fmt: skip


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("owner", "name", "nth"), STEPS)
def test_killed_at_each_step_the_file_is_archived_once(apart, monkeypatch, owner, name, nth, after):
    put(apart, "a.csv", A)
    real, left = getattr(owner, name), [nth]

    def step(*given, **named):
        left[0] -= 1
        if left[0] == -1 and not after:
            kill()
        found = real(*given, **named)
        if left[0] == -1:
            kill()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, step)
        try:
            apart.run()
        except Killed:
            held = {**apart.tree("drop"), **({} if not (apart.folder / "vault").exists() else apart.tree("vault"))}
            assert A.encode() in held.values()
    apart.run()
    assert apart.tree("vault") == {"success/a.csv": A.encode()}
    assert (apart.tree("drop"), apart.tree()) == ({}, {"a.jsonl": b'{"sku":"a","qty":1}\n'})
    assert (apart.run().units, apart.keys()) == ([], [])


def test_a_copy_that_fails_leaves_the_file_where_it_was(apart, monkeypatch):
    put(apart, "a.csv", A)

    def fail(*_):
        raise StoreError("C103", "full", "free space")

    with monkeypatch.context() as patch:
        patch.setattr(archiving, "_copy", fail)
        assert codes(apart.run()) == {"in/a.csv": "C103"}
    assert apart.tree("drop") == {"in/a.csv": A.encode()}
    apart.run()
    assert apart.tree("vault") == {"success/a.csv": A.encode()}


def test_a_copy_that_is_not_whole_is_no_copy(apart, monkeypatch):
    put(apart, "a.csv", A)
    publish = LocalStore.publish

    def damage(store, output):
        publish(store, output)
        if "vault" in store.base:
            os.truncate(store.full(output["path"]), 3)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "publish", damage)
        report = apart.run()
    error = report.units[0]["error"]
    assert (error["code"], error["message"], error["help"]) == (
        "D308",
        "the copy at `vault/success/a.csv` is not what was archived",
        "the file stays where it was; see what else writes there, and run again",
    )
    assert apart.tree("drop") == {"in/a.csv": A.encode()}
    apart.run()
    assert apart.tree("drop") == {}
    assert A.encode() in apart.tree("vault").values()


def test_what_was_put_in_its_place_meanwhile_stays(apart, monkeypatch):
    put(apart, "a.csv", A)
    move = archiving.move

    def replace(archive):
        put(apart, "a.csv", B)
        return move(archive)

    with monkeypatch.context() as patch:
        patch.setattr(archiving, "move", replace)
        apart.run()
    assert (apart.tree("drop"), list((apart.folder / "vault").rglob("*.csv"))) == ({"in/a.csv": B.encode()}, [])
    apart.run()
    assert apart.tree("vault") == {"success/a.csv": B.encode()}


def test_recovery_needs_only_the_address_of_the_archive(apart):
    put(apart, "a.csv", A)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archiving, "move", kill)
        killed(apart)
    write(apart, archive=None)
    apart.run()
    assert (apart.tree("drop"), apart.tree("vault")) == ({}, {"success/a.csv": A.encode()})


# --- keep ----------------------------------------------------------------------------------------------------


def keep(project, **more):
    project.write(archive={"success": "done/{unit.name}", "keep": "30d", **more})


def test_archived_files_go_when_they_were_kept_long_enough(project):
    keep(project)
    project.put("a.csv", A)
    assert project.run().expired == 0
    project.put("mine.csv", B, folder="done")
    project.clock += timedelta(days=20)
    project.put("b.csv", B)
    project.run()
    assert list(project.tree("done")) == ["a.csv", "b.csv", "mine.csv"]
    project.clock += timedelta(days=11)
    report = project.run()
    assert "\narchive   1 file removed that had been kept long enough\n" in summary(report)
    assert list(project.tree("done")) == ["b.csv", "mine.csv"]
    project.clock += timedelta(days=20)
    assert project.run().expired == 1
    assert (list(project.tree("done")), project.keys()) == (["mine.csv"], [])


def test_what_somebody_changed_or_the_spec_names_no_more_stays(project):
    keep(project)
    project.put("a.csv", A)
    project.put("b.csv", A + "x,2\n")
    project.run()
    project.put("a.csv", B, folder="done")
    keep(project, success="other/{unit.name}")
    project.clock += timedelta(days=31)
    assert project.run().expired == 0
    assert list(project.tree("done")) == ["a.csv", "b.csv"]


def test_a_file_that_cannot_be_removed_is_tried_again(project, monkeypatch):
    keep(project)
    project.put("a.csv", A)
    project.run()
    project.clock += timedelta(days=31)

    def fail(*_):
        raise StoreError("C102", "denied", "ask")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "remove", fail)
        assert codes(project.run()) == {"done/a.csv": "C102"}
    assert project.run().expired == 1


def test_a_version_that_was_archived_under_another_name_goes_too(project):
    keep(project)
    for content in (A, B):
        project.put("a.csv", content)
        project.run()
    assert list(project.tree("done")) == ["a-2.csv", "a.csv"]
    project.clock += timedelta(days=31)
    assert project.run().expired == 2
    assert project.tree("done") == {}


def test_a_second_name_keeps_all_suffixes(project):
    project.write(archive={"success": "done/{unit.name}"})
    for content in (A, B):
        project.put("a.csv.gz", gzip.compress(content.encode()))
        project.run()
    assert list(project.tree("done")) == ["a-2.csv.gz", "a.csv.gz"]


# --- over a bucket -------------------------------------------------------------------------------------------


def beside(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "storage" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers = beside("servers")


@servers.NEEDS_RCLONE
def test_an_archive_in_a_bucket_and_parts_from_it(project, tmp_path_factory, monkeypatch):
    server = servers.Rclone(tmp_path_factory.mktemp("s3")).start()
    try:
        over_a_bucket(project, server.options, monkeypatch)
    finally:
        server.stop()


def over_a_bucket(project, options, monkeypatch):
    monkeypatch.setenv("KEY", options["key"])
    monkeypatch.setenv("SECRET", options["secret"])
    lake = {**options, "type": "s3", "key": "${env:KEY}", "secret": "${env:SECRET}"}
    ends = {"lake": lake, "drop": {"type": "local", "base": "drop"}, "vault": {"type": "local", "base": "vault"}}
    store = S3(**options).store("")

    def there():
        return [stat.path for stat in store.glob("**/*.csv")]

    rows = "sku,qty\n" + "".join(f"s{number},{number}\n" for number in range(20_000))
    write(project, connections=ends, archive={"connection": "lake", **MOVES}, limits={"max_rejects": 0})
    put(project, "a.csv", BAD)
    put(project, "big.csv", rows)
    assert codes(project.run()) == {"in/a.csv": "D201"}
    assert (project.tree("drop"), there()) == ({}, ["error/a.csv", "success/big.csv"])
    assert codes(project.run()) == {"in/a.csv": "D203"}  # waits in the bucket, and is taken from there
    write(project, connections=ends, archive={"connection": "lake", **MOVES}, limits={"max_rejects": 1})
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert there() == ["partial/a.csv", "success/big.csv"]
    project.write("back", connections=ends, archive={"connection": "vault", **MOVES},
                  source={"type": "files", "path": "success/*.csv", "connection": "lake", "split": "64KiB"},
                  sink={"type": "files", "path": "parts/{unit.stem}-{unit.part}.jsonl"})  # fmt: skip
    assert set(statuses(project.run("back")).values()) == {"committed"}
    assert (there(), project.tree("vault")) == (["partial/a.csv"], {"success/big.csv": rows.encode()})
    assert sum(data.count(b"\n") for data in project.tree("parts").values()) == 20_000
    assert (project.run("back").units, project.keys("back")) == ([], [])
