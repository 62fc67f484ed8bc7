"""What goes wrong between two steps, or between two runs: nothing is lost, published in part, or stuck."""

import errno
import io
import json
import os
import shutil
from datetime import datetime, timedelta

import pytest

from engine.delivery import archive as archiving
from engine.delivery.journal import Journal
from engine.errors import StoreError
from engine.storage import local
from engine.storage.local import LocalStore
from engine.storage.staging import FolderStaging

A, B, C = ("sku,qty\na,1\nb,2\n", "sku,qty\nc,3\n", "sku,qty\nd,4\n")
A_OUT, B_OUT, C_OUT = (
    b'{"sku":"a","qty":1}\n{"sku":"b","qty":2}\n',
    b'{"sku":"c","qty":3}\n',
    b'{"sku":"d","qty":4}\n',
)
DONE = {"success": "done/{unit.name}"}


class Killed(BaseException):
    """A run that ends here, with nothing tidied up."""


def statuses(report):
    return {unit["id"]: unit["status"] for unit in report.units}


def codes(report):
    return {unit["id"]: unit["error"]["code"] for unit in report.units if unit["error"]}


def kill(*_):
    raise Killed


def killed_at(project, monkeypatch, name):
    """A run that dies at a step of its journal, if there is anything to do."""
    real = getattr(Journal, name)

    def step(self, work, *more):
        return kill() if work else real(self, work, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, name, step)
        with pytest.raises(Killed):
            project.run()


def failing_moves(patch, before=lambda: None, place="done"):
    """Moves into the archive fail, after the file was taken aside."""
    real = LocalStore.move

    def move(store, path, target):
        if target.startswith(place):
            before()
            raise StoreError("C103", "full", "free space")
        real(store, path, target)

    patch.setattr(LocalStore, "move", move)


def synced(project, patch):
    """The folders that are synced, relative to the project."""
    found, real = [], local._sync_folder

    def sync(full):
        found.append(os.path.relpath(full, project.folder))
        real(full)

    patch.setattr(local, "_sync_folder", sync)
    return found


def failing_syncs(patch, place):
    real = local._sync_folder

    def sync(full):
        if full.endswith(place):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(full)

    patch.setattr(local, "_sync_folder", sync)


# --- one staging for two runs -------------------------------------------------------------------------------


def test_two_states_with_one_output_root_never_publish_each_others_stagings(project, monkeypatch):
    project.put("a.csv", A)
    publish = __import__("engine.run").run.publish

    def meanwhile(intents):
        with monkeypatch.context() as patch:
            patch.setenv("ENGINE_STATE", str(project.folder / "other"))
            patch.setattr("engine.run.publish", publish)
            project.put("a.csv", B)
            if os.fork() == 0:
                project.run(progress=lambda _: os._exit(9))  # with its staging half written
            assert os.waitstatus_to_exitcode(os.wait()[1]) == 9
        return publish(intents)

    with monkeypatch.context() as patch:
        patch.setattr("engine.run.publish", meanwhile)
        project.run()
    assert project.tree()["a.jsonl"] == A_OUT


def test_a_staged_file_that_is_not_whole_is_never_published(project, monkeypatch):
    project.put("a.csv", A)
    publish = __import__("engine.run").run.publish

    def damaging(intents):
        for intent in intents:
            os.truncate(project.folder / intent["outputs"][0]["staged"], 5)
        return publish(intents)

    with monkeypatch.context() as patch:
        patch.setattr("engine.run.publish", damaging)
        with pytest.raises(StoreError) as raised:
            project.run()
    assert raised.value.code == "D304"
    assert "a.jsonl" not in project.tree()
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": A_OUT}


def test_a_staging_folder_that_somebody_else_made_is_his(tmp_path):
    (tmp_path / "out/.a.part").mkdir(parents=True)
    (tmp_path / "out/.a.part/a.jsonl").write_text("his")
    staging = FolderStaging(LocalStore(str(tmp_path)), "out", ".a.part")
    with pytest.raises(StoreError) as raised:
        staging.open("out/a.jsonl")
    assert raised.value.code == "C104"
    staging.destroy()
    assert (tmp_path / "out/.a.part/a.jsonl").read_text() == "his"


# --- archives that fail -------------------------------------------------------------------------------------


def test_a_target_that_cannot_be_made_leaves_the_file_where_it_is(project):
    project.write(archive=DONE)
    project.put("a.csv", A)
    (project.folder / "done").write_text("a file")
    assert codes(project.run()) == {"in/a.csv": "C104"}
    assert project.tree("in") == {"a.csv": A.encode()}
    project.put("a.csv", B)
    assert codes(project.run()) == {"in/a.csv": "C104"}
    assert project.tree("in") == {"a.csv": B.encode()}
    (project.folder / "done").unlink()
    assert project.run().exit_code == 0
    assert (project.tree("in"), project.tree("done")) == ({}, {"a.csv": B.encode()})
    assert (project.run().units, project.tree()) == ([], {"a.jsonl": B_OUT})
    assert project.keys() == []


def test_a_file_that_was_taken_is_put_back_where_the_move_fails(project, monkeypatch):
    project.write(archive=DONE)
    project.put("a.csv", A)
    with monkeypatch.context() as patch:
        failing_moves(patch)
        assert codes(project.run()) == {"in/a.csv": "C103"}
    assert project.tree("in") == {"a.csv": A.encode()}
    assert (project.run().exit_code, project.tree("done")) == (0, {"a.csv": A.encode()})


def test_a_link_is_put_back_as_a_link(project, monkeypatch):
    project.write(archive=DONE)
    project.put("store.txt", A, folder="kept")
    (project.folder / "in").mkdir()
    (project.folder / "in/a.csv").symlink_to("../kept/store.txt")
    with monkeypatch.context() as patch:
        failing_moves(patch)
        project.run()
    assert (project.folder / "in/a.csv").is_symlink()


def test_a_file_whose_putting_back_was_cut_off_has_no_second_name(project, monkeypatch):
    project.write(archive=DONE)
    project.put("a.csv", A)
    unlink = os.unlink

    def cut_off(path, **more):
        if os.fspath(path).endswith(".archive.part") and os.path.exists(path):
            kill()
        unlink(path, **more)

    with monkeypatch.context() as patch:
        failing_moves(patch)
        patch.setattr(os, "unlink", cut_off)
        with pytest.raises(Killed):
            project.run()
    assert len(project.tree("in")) == 2
    assert project.run().exit_code == 0
    assert (project.tree("in"), project.tree("done")) == ({}, {"a.csv": A.encode()})


def test_older_work_that_waits_is_not_replaced_by_newer(project, monkeypatch):
    project.write(archive=DONE)
    project.put("a.csv", A)
    with monkeypatch.context() as patch:
        failing_moves(patch, lambda: project.put("a.csv", B))  # comes while the file is aside
        project.run()
    assert project.tree("in").pop("a.csv") == B.encode(), "never put back over a newer one"
    with monkeypatch.context() as patch:
        failing_moves(patch)
        assert project.run().exit_code == 6
    assert len(project.keys()) == 2
    assert sorted(project.tree("in").values()) == sorted([A.encode(), B.encode()])
    assert project.run().exit_code == 0
    assert project.tree("in") == {}
    assert project.tree("done") == {"a.csv": A.encode(), "a-2.csv": B.encode()}
    assert project.units()["in/a.csv"]["place"] == "done/a-2.csv"
    assert (project.keys(), project.tree()) == ([], {"a.jsonl": B_OUT})


def test_an_older_version_that_is_archived_does_not_mark_the_newer(project, monkeypatch):
    project.write(archive=DONE)
    project.put("a.csv", A)
    with monkeypatch.context() as patch:
        failing_moves(patch, lambda: project.put("a.csv", B))
        project.run()
    with monkeypatch.context() as patch:
        failing_moves(patch)
        project.run()
    with monkeypatch.context() as patch:
        failing_moves(patch, place="done/a-2")
        project.run()
    assert (project.tree("in"), project.tree("done")) == ({"a.csv": B.encode()}, {"a.csv": A.encode()})
    assert not project.units()["in/a.csv"]["archived"]
    project.run()
    assert project.units()["in/a.csv"]["place"] == "done/a-2.csv"


def test_two_versions_that_come_at_the_last_moment(project, monkeypatch):
    project.write(archive=DONE)
    project.put("a.csv", A)
    rename, same = LocalStore.rename, archiving._is_same

    def replaced(store, staged, final):
        if final.endswith(".archive.part"):
            project.put("a.csv", B)
        rename(store, staged, final)

    def and_again(store, path, archive):
        project.put("a.csv", C)
        return same(store, path, archive)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "rename", replaced)
        patch.setattr(archiving, "_is_same", and_again)
        assert project.run().exit_code == 0
    assert (project.tree("in"), project.tree("done")) == ({"a.csv": C.encode()}, {})
    project.run()
    assert (project.tree(), project.tree("done")) == ({"a.jsonl": C_OUT}, {"a.csv": C.encode()})


# --- folders that are gone ----------------------------------------------------------------------------------


def test_an_output_taken_with_its_folder_before_the_commit(project, monkeypatch):
    project.write(sink={"type": "files", "path": "out/{unit.stem}/r.jsonl"})
    project.put("a.csv", A)
    killed_at(project, monkeypatch, "commit")
    shutil.rmtree(project.folder / "out/a")
    report = project.run()
    assert (report.recovered_units, report.exit_code, project.tree()) == (1, 0, {})
    assert project.keys() == []


def test_a_source_folder_removed_after_its_file_was_archived(project, monkeypatch):
    project.write(archive=DONE)
    project.put("x/y/a.csv", A)
    killed_at(project, monkeypatch, "tidied")
    shutil.rmtree(project.folder / "in")
    assert project.run().exit_code == 0
    assert project.units()["in/x/y/a.csv"]["place"] == "done/a.csv"
    assert project.keys() == []


def test_a_folder_that_cannot_be_synced_holds_up_its_units_only(project, monkeypatch):
    project.write(sink={"type": "files", "path": "out/{unit.stem}/r.jsonl"})
    project.put("a.csv", A)
    project.put("b.csv", B)
    with monkeypatch.context() as patch:
        failing_syncs(patch, "/out/a")
        report = project.run()
    assert (statuses(report), codes(report)) == ({"in/a.csv": "held", "in/b.csv": "committed"}, {"in/a.csv": "C105"})
    report = project.run()
    assert (report.recovered_units, report.exit_code) == (1, 0)
    assert project.tree() == {"a/r.jsonl": A_OUT, "b/r.jsonl": B_OUT}


def test_an_archive_that_cannot_be_synced_is_tried_again(project, monkeypatch):
    project.write(archive={"success": "done/{unit.stem}/{unit.name}"})
    project.put("a.csv", A)
    project.put("b.csv", B)
    with monkeypatch.context() as patch:
        failing_syncs(patch, "/done/a")
        assert codes(project.run()) == {"in/a.csv": "C105"}
    assert [project.units()[f"in/{name}.csv"]["archived"] for name in "ab"] == [False, True]
    assert project.run().exit_code == 0
    assert project.units()["in/a.csv"]["place"] == "done/a/a.csv"
    assert project.keys() == []


# --- a loss of power ----------------------------------------------------------------------------------------


def test_new_folders_of_an_archive_are_synced_once(project, monkeypatch):
    project.write(archive={"success": "done/2026/{unit.dir}/{unit.name}"})
    project.put("x/a.csv", A)
    project.put("x/b.csv", B)
    project.put("other", "")
    with monkeypatch.context() as patch:
        found = synced(project, patch)
        patch.setattr("engine.run.tidy", lambda *given: found.append("tidy") or archive_all(*given))
        project.run()
    found = found[found.index("tidy") + 1 :]
    assert sorted(found) == [".", "done", "done/2026", "done/2026/x", "in/x"]
    project.put("x/c.csv", C)
    with monkeypatch.context() as patch:
        found = synced(project, patch)
        patch.setattr("engine.run.tidy", lambda *given: found.append("tidy") or archive_all(*given))
        project.run()
    assert sorted(found[found.index("tidy") + 1 :]) == ["done/2026/x", "in/x"], "nothing is new here"


archive_all = __import__("engine.run").run.tidy


def test_a_new_base_is_there_for_good_before_an_intent_names_it(project, monkeypatch):
    (project.folder / "engine.yaml").write_text(
        json.dumps({"connections": {"c": {"type": "local", "base": "new/base"}}})
    )
    project.write(sink={"type": "files", "connection": "c", "path": "o/{unit.stem}.jsonl"})
    project.put("a.csv", A)
    found = synced(project, monkeypatch)
    real = Journal.intend
    monkeypatch.setattr(Journal, "intend", lambda *given: found.append("intend") or real(*given))
    project.run()
    assert {".", "new", "new/base", "new/base/o"} <= set(found[: found.index("intend")])


def test_the_folder_of_an_output_that_is_taken_back_is_synced(project, monkeypatch):
    project.put("a.csv", A)
    project.run()
    project.write(sink={"type": "files", "path": "other/{unit.stem}.jsonl"})
    found = synced(project, monkeypatch)
    project.run(full_refresh=True)
    assert project.tree() == {}
    assert "out" in found


def test_the_parents_of_a_new_state_folder_are_synced(project, monkeypatch):
    monkeypatch.setenv("ENGINE_STATE", str(project.folder / "states/of/mine"))
    found = synced(project, monkeypatch)
    project.run()
    assert {".", "states", "states/of"} <= set(found)
    assert os.stat(project.folder / "states/of/mine").st_mode & 0o777 == 0o700


def test_what_is_there_already_costs_no_syncs(project, monkeypatch):
    for i in range(64):
        project.put(f"a{i}.csv", A)
    project.run()
    for i in range(64):
        project.put(f"a{i}.csv", B)
    monkeypatch.setattr("engine.run.GROUP_SECONDS", 1e9)
    found = synced(project, monkeypatch)
    project.run()
    stagings = [folder for folder in found if folder.endswith(".part")]
    assert len(stagings) == 64
    assert len(found) - len(stagings) <= 6


# --- files that are touched ---------------------------------------------------------------------------------


def test_a_file_touched_while_its_archive_waits_is_archived(project, monkeypatch):
    project.write(archive=DONE)
    path = project.put("a.csv", A)
    with monkeypatch.context() as patch:
        patch.setattr(archiving, "move", kill)
        with pytest.raises(Killed):
            project.run()
    project.touch(path)
    assert statuses(project.run()) == {"in/a.csv": "unchanged"}
    assert (project.tree("in"), project.tree("done")) == ({}, {"a.csv": A.encode()})
    assert project.units()["in/a.csv"]["place"] == "done/a.csv"


@pytest.mark.parametrize(("content", "outcome"), [(A, "success"), (A + "e,x\n", "partial")])
def test_a_touched_file_is_archived_as_it_would_have_been(project, content, outcome):
    path = project.put("a.csv", content)
    project.run()
    project.write(archive={key: f"{key}/{{unit.name}}" for key in ("success", "partial", "error")})
    project.touch(path)
    assert statuses(project.run()) == {"in/a.csv": "unchanged"}
    assert (project.tree("in"), project.tree(outcome)) == ({}, {"a.csv": content.encode()})
    assert project.run().units == []


# --- the clock ----------------------------------------------------------------------------------------------


def test_the_clock_of_a_unit_never_runs_backwards(project):
    project.write(mapping={"fields": {"at": "$run.started_at"}})
    project.put("a.csv", A)
    project.run()
    before = json.loads(project.tree()["a.jsonl"].splitlines()[0])["at"]
    project.clock -= timedelta(days=1)
    project.put("a.csv", B)
    project.put("b.csv", B)
    project.run()
    ((later,), (free,)) = ([json.loads(line)["at"] for line in each.splitlines()] for each in project.tree().values())
    assert datetime.fromisoformat(later) >= datetime.fromisoformat(before) > datetime.fromisoformat(free)


# --- what is lost, and places that no connection leads to any more


def held_at_publishing(project, monkeypatch, **run):
    """A run whose intents stand and whose outputs could not be renamed."""
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "rename", lambda *_: (_ for _ in ()).throw(StoreError("C102", "no", "wait")))
        assert set(statuses(project.run(**run)).values()) == {"held"}


@pytest.mark.parametrize("remedy", ["source", "folder"])
def test_an_output_that_is_lost_with_its_source_is_held_and_said(project, monkeypatch, remedy):
    project.put("a.csv", B)
    held_at_publishing(project, monkeypatch)
    (staging,) = (project.folder / "out").glob(".*.part")
    shutil.rmtree(staging)
    os.rename(project.folder / "in/a.csv", project.folder / "kept.csv")
    project.put("b.csv", C)
    for _ in range(2):
        report = project.run()
        assert (report.exit_code, statuses(report)["in/a.csv"]) == (6, "held")
        assert report.units[-1]["error"] == {
            "code": "D309",
            "message": "`out/a.jsonl` was not published: its staging is gone, and its unit cannot be read again",
            "help": f"put the source file back and run; or, to give the output up, make the folder `out/{staging.name}`",
        }
    assert project.tree() == {"b.jsonl": C_OUT}, "the others go on"
    if remedy == "source":
        os.rename(project.folder / "kept.csv", project.folder / "in/a.csv")
    else:
        staging.mkdir()
    report = project.run()
    assert (report.exit_code, statuses(report)) == (0, {"in/a.csv": "committed"} if remedy == "source" else {})
    assert project.tree() == {"b.jsonl": C_OUT} | ({"a.jsonl": B_OUT} if remedy == "source" else {})
    assert project.keys() == []


def test_what_was_piped_in_and_lost_is_not_replaced_by_what_comes_next(project, monkeypatch):
    def pipe(text):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    project.write(source="stdin", parser="csv", sink={"type": "files", "path": "out/{unit.stem}.jsonl"})
    pipe(B)
    held_at_publishing(project, monkeypatch)
    (staging,) = (project.folder / "out").glob(".*.part")
    shutil.rmtree(staging)
    pipe(C)
    report = project.run()
    assert (report.exit_code, codes(report), project.tree()) == (6, {"stdin": "D309"}, {})
    staging.mkdir()
    assert statuses(project.run()) == {"stdin": "committed"}
    assert project.tree() == {"stdin.jsonl": C_OUT}


def test_what_is_left_of_a_lost_intent_goes_when_its_unit_is_done_again(project, monkeypatch):
    sinks = [{"type": "files", "name": name, "path": f"{name}/{{unit.stem}}.jsonl"} for name in ("out", "more")]
    project.write(sink=None, sinks=sinks)
    project.put("a.csv", B)
    held_at_publishing(project, monkeypatch)
    (staging,) = (project.folder / "out").glob(".*.part")
    shutil.rmtree(staging)
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert project.tree("out") == project.tree("more") == {"a.jsonl": B_OUT}
    assert project.keys() == []


def behind(project, base, sink="m"):
    from engine.storage import stores

    stores._opened.clear()  # as in another process
    project.write(
        connections={"m": {"type": "fs", "protocol": "memory", "base": base}},
        sink={"type": "files", "connection": sink, "path": "out/{unit.stem}.jsonl"},
    )


@pytest.fixture
def memory():
    import fsspec

    found = fsspec.filesystem("memory")
    yield found
    found.store.clear()
    found.pseudo_dirs[:] = [""]


def test_a_connection_that_leads_elsewhere_holds_its_units_alone(project, memory):
    behind(project, "one")
    for name in ("a.csv", "b.csv"):
        project.put(name, B)
    assert project.run().exit_code == 0
    behind(project, "two")
    project.put("a.csv", C)
    project.put("c.csv", C)
    report = project.run()
    assert (statuses(report), codes(report)) == ({"in/a.csv": "failed", "in/c.csv": "committed"}, {"in/a.csv": "A106"})
    assert report.exit_code == 7
    assert memory.find("/two") == ["/two/out/c.jsonl"]
    behind(project, "one")
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert memory.cat("/one/out/a.jsonl") == C_OUT


def test_a_staging_that_no_connection_leads_to_waits(project, memory, monkeypatch):
    behind(project, "one")
    project.put("a.csv", B)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "intend", kill)
        with pytest.raises(Killed):
            project.run()
    project.write()
    from engine.storage import stores

    stores._opened.clear()
    project.put("b.csv", C)
    report = project.run()
    assert (statuses(report), codes(report)) == ({"in/a.csv": "held", "in/b.csv": "committed"}, {"in/a.csv": "A106"})
    assert (report.exit_code, project.tree()) == (7, {"b.jsonl": C_OUT})
    behind(project, "one")
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert memory.find("/one") == ["/one/out/a.jsonl"]


def test_a_refused_file_in_an_archive_that_no_connection_leads_to_waits(project, memory):
    behind(project, "one")
    archive = {"error": "bad/{unit.name}", "connection": "m"}
    project.write(connections={"m": {"type": "fs", "protocol": "memory", "base": "one"}}, archive=archive)
    project.put("a.csv", "sku,qty\na,x\n")
    assert statuses(project.run()) == {"in/a.csv": "refused"}
    project.write()
    from engine.storage import stores

    stores._opened.clear()
    project.put("b.csv", C)
    report = project.run()
    assert (statuses(report), codes(report)) == ({"in/a.csv": "held", "in/b.csv": "committed"}, {"in/a.csv": "A106"})


def test_a_trial_keeps_the_files_of_two_connections_apart(project):
    sinks = [{"type": "files", "name": name, "connection": name, "path": "out/{unit.stem}.jsonl"} for name in "xy"]
    project.write(sink=None, sinks=sinks, connections={name: {"type": "local", "base": name} for name in "xy"})
    project.put("a.csv", B)
    report = project.run(trial=True)
    assert statuses(report) == {"in/a.csv": "committed"}
    (trial,) = (project.folder / ".engine/trial").glob("stock*/out")
    made = sorted(str(path.relative_to(trial)) for path in trial.rglob("*.jsonl"))
    assert made == ["x/out/a.jsonl", "y/out/a.jsonl"]


def test_the_archive_of_an_older_run_is_found_through_this_one(project):
    from engine.delivery.places import Places
    from engine.storage import stores

    archive = {"success": "done/{unit.name}", "connection": "m"}
    project.write(connections={"m": {"type": "fs", "protocol": "memory", "base": "kept"}}, archive=archive)
    plan = project.plan()
    stores._opened.clear()
    Places(plan, LocalStore(plan.state_folder), lambda output: None)
    assert stores.at({"type": "fs", "protocol": "memory", "base": "kept"})
