"""Which files a source finds: links, folders that nest deep, files that go while they are listed."""

import os
import subprocess

import pytest

from engine.errors import SpecError
from engine.parsers.csv import Csv
from engine.spec.compile import load
from engine.storage.local import LocalStore

from .test_runs import A_OUT, B_OUT, A, B, codes, statuses

DEEP = 1500


def paths(project, pattern, exclude=()):
    return [found.path for found in LocalStore(str(project.folder)).glob(pattern, exclude)]


def link(project, name, target):
    path = project.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def vanishing(monkeypatch, removed):
    """What is removed as soon as a listing has seen it."""
    entries = LocalStore._entries

    def listing(self, folder):
        found = entries(self, folder)
        removed()
        return found

    monkeypatch.setattr(LocalStore, "_entries", listing)


def test_a_file_that_goes_while_it_is_listed(project, monkeypatch):
    project.put("a.csv", A)
    gone = project.put("b.csv", B)
    vanishing(monkeypatch, lambda: os.path.exists(gone) and os.unlink(gone))
    assert statuses(project.run()) == {"in/a.csv": "committed"}


def test_a_folder_that_goes_while_it_is_listed(project, monkeypatch):
    project.put("a.csv", A)
    folder = project.folder / "in/sub"
    folder.mkdir()
    vanishing(monkeypatch, lambda: folder.exists() and folder.rmdir())
    assert statuses(project.run()) == {"in/a.csv": "committed"}


@pytest.fixture
def deep(project):
    """Folders that no recursion goes down; what clears test folders away is one."""
    (project.folder / "in").mkdir()
    os.chdir(project.folder / "in")
    for _ in range(DEEP):
        os.mkdir("d")
        os.chdir("d")
    with open("a.csv", "w") as file:
        file.write(A)
    os.chdir(project.folder)
    yield project
    subprocess.run(["rm", "-rf", str(project.folder / "in")], check=True)


def test_folders_that_nest_deep(deep):
    assert paths(deep, "in/**/*.csv") == ["in/" + "d/" * DEEP + "a.csv"]


def test_a_link_to_a_folder_is_followed_where_a_segment_names_it(project):
    project.put("a.csv", A, "real")
    project.put("x/b.csv", B)
    link(project, "in/linked", "../real")
    assert paths(project, "in/*/*.csv") == ["in/linked/a.csv", "in/x/b.csv"]
    assert paths(project, "in/l*/*.csv") == ["in/linked/a.csv"]
    assert paths(project, "in/linked/*.csv") == ["in/linked/a.csv"]
    assert paths(project, "in/*/**/*.csv") == ["in/linked/a.csv", "in/x/b.csv"]
    assert paths(project, "in/**/*.csv") == ["in/x/b.csv"]


def test_links_that_lead_back_or_nowhere(project):
    project.put("x/b.csv", B)
    link(project, "in/x/up", "..")
    link(project, "in/here", ".")
    link(project, "in/nowhere", "missing")
    link(project, "in/itself", "itself")
    for pattern in ("in/**/*.csv", "in/*/*.csv", "in/*/*/*.csv", "in/*/*/*/*.csv"):
        assert paths(project, pattern) == (["in/x/b.csv"] if pattern.count("/") == 2 else []), pattern


def test_folders_that_no_segment_can_name_are_not_looked_into(project):
    project.put("x/b.csv", B)
    project.put("y/z/b.csv", B)
    assert paths(project, "in/y/*/*.csv") == ["in/y/z/b.csv"]
    assert paths(project, "in/x*/*.csv") == ["in/x/b.csv"]
    project.put(".a.1.part/b.csv", B)
    assert paths(project, "in/.*/*.csv") == [], "a staging is no input"


def test_two_spellings_of_one_file(project):
    project.put("a.csv", A)
    assert paths(project, "{in,./in}/*.csv") == ["in/a.csv"]
    assert paths(project, "{in,in/../in}/a.csv") == ["in/a.csv"]
    assert paths(project, f"{{in,{project.folder}/in}}/*.csv") == ["in/a.csv"]
    assert paths(project, "in/*.csv", ["./in/a*"]) == []
    project.write(
        source={"type": "files", "path": "{in,./in}/*.csv"}, sink={"type": "files", "path": "out/{unit.stem}.jsonl"}
    )
    assert statuses(project.run()) == {"in/a.csv": "committed"}


# --- whose an output is


def test_one_output_through_two_names(project):
    (project.folder / "real").mkdir()
    link(project, "out", "real")
    project.write("other", sink={"type": "files", "path": "real/{unit.stem}.jsonl"})
    project.put("a.csv", A)
    assert statuses(project.run()) == {"in/a.csv": "committed"}
    assert codes(project.run("other")) == {"in/a.csv": "D303"}


def test_a_folder_that_became_a_link_keeps_its_outputs(project):
    project.put("a.csv", A)
    project.run()
    (project.folder / "out").rename(project.folder / "moved")
    link(project, "out", "moved")
    assert statuses(project.run(full_refresh=True)) == {"in/a.csv": "committed"}
    assert project.tree("moved") == {"a.jsonl": A_OUT}


def test_a_pipeline_that_was_renamed_owns_its_outputs(project):
    project.put("a.csv", A)
    project.run()
    os.rename(project.folder / "stock.yaml", project.folder / "goods.yaml")
    assert statuses(project.run("goods")) == {"in/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": A_OUT}
    assert project.units()["in/a.csv"]["outputs"] == []
    project.write("stock")
    project.put("a.csv", B)
    assert codes(project.run("stock")) == {"in/a.csv": "D303"}, "the new name has them"


def flat(project, **keys):
    project.write(sink={"type": "files", "path": "out/{unit.stem}.jsonl"}, **keys)


@pytest.mark.parametrize("archive", [None, {"success": "done/{unit.dir}/{unit.name}"}])
def test_an_output_stays_its_units_until_both_are_gone(project, archive):
    flat(project, archive=archive)
    path = project.put("x/a.csv", A)
    project.run()
    if archive is None:
        os.unlink(path)
        project.run()
    project.put("y/a.csv", B)
    assert codes(project.run()) == {"in/y/a.csv": "D303"}, "what was delivered is there"
    assert project.tree() == {"a.jsonl": A_OUT}
    os.unlink(project.folder / "out/a.jsonl")
    assert statuses(project.run()) == {"in/y/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": B_OUT}
    assert project.units()["in/x/a.csv"]["outputs"] == []
    project.put("x/a.csv", A)
    assert codes(project.run()) == {"in/x/a.csv": "D303"}


def test_an_output_whose_file_was_taken_stays_its_units_while_its_input_is_there(project):
    flat(project)
    project.put("x/a.csv", A)
    project.run()
    os.unlink(project.folder / "out/a.jsonl")
    project.put("y/a.csv", B)
    assert codes(project.run()) == {"in/y/a.csv": "D303"}


def test_an_output_that_its_unit_lists_no_longer_is_free(project):
    project.put("x/a.csv", A)
    flat(project)
    project.run()
    project.write(sink={"type": "files", "path": "out/{unit.dir}/{unit.stem}.jsonl"})
    project.run(full_refresh=True)
    project.write("other", sink={"type": "files", "path": "out/{unit.stem}.jsonl"})
    assert statuses(project.run("other")) == {"in/x/a.csv": "committed"}
    assert project.tree() == {"a.jsonl": A_OUT, "x/a.jsonl": A_OUT}


# --- a unit that meets a fault


@pytest.mark.parametrize("fault", [MemoryError(), RecursionError("too deep"), KeyError("x")])
def test_a_fault_fails_its_unit_alone(project, monkeypatch, fault):
    batches = Csv.batches

    def faulty(self, stream, limits):
        for batch in batches(self, stream, limits):
            if b"c,3" in batch.place(0).raw:
                raise fault
            yield batch

    monkeypatch.setattr(Csv, "batches", faulty)
    project.put("a.csv", B)
    project.put("b.csv", A)
    report = project.run()
    assert statuses(report) == {"in/a.csv": "failed", "in/b.csv": "committed"}
    assert (codes(report), report.exit_code) == ({"in/a.csv": "X001"}, 1)
    message = report.units[0]["error"]["message"]
    assert message.startswith(f"internal error: {type(fault).__name__} at test_listing.py:")
    assert project.tree() == {"b.jsonl": A_OUT}
    monkeypatch.setattr(Csv, "batches", batches)
    assert statuses(project.run()) == {"in/a.csv": "committed"}


def test_a_fault_shows_where_it_comes_from_on_demand(project, monkeypatch):
    monkeypatch.setenv("ENGINE_TRACEBACK", "1")
    monkeypatch.setattr("engine.run.settle", lambda stat: {}["x"])
    project.put("a.csv", A)
    with pytest.raises(KeyError):
        project.run()


# --- what would read its own output


def refused(project, **keys):
    project.write(**keys)
    with pytest.raises(SpecError) as raised:
        load(str(project.folder / "stock.yaml"), "", {})
    return [problem.code for problem in raised.value.problems]


def files(path, **keys):
    return {"type": "files", "path": path, **keys}


def test_a_source_by_its_whole_path_reads_no_output_again(project):
    top = str(project.folder)
    assert refused(project, source=files(f"{top}/in/*.csv"), sink=files("in/{unit.stem}-o.csv")) == ["S310"]
    assert refused(project, source=files("in/*.csv"), sink=files(f"{top}/in/{{unit.stem}}-o.csv")) == ["S310"]
    project.write(source=files(f"{top}/in/*.csv"), sink=files("in/out/{unit.stem}.csv"))
    project.plan()


def test_a_source_through_a_link_reads_no_output_again(project):
    (project.folder / "real").mkdir()
    link(project, "in", "real")
    assert refused(project, source=files("in/*.csv"), sink=files("real/{unit.stem}-o.csv")) == ["S310"]


def test_two_connections_to_one_folder_read_no_output_again(project):
    connections = {"here": {"type": "local", "base": "."}, "there": {"type": "local", "base": "./in"}}
    source, sink = files("in/*.csv", connection="here"), files("{unit.stem}-o.csv", connection="there")
    assert refused(project, connections=connections, source=source, sink=sink) == ["S310"]
