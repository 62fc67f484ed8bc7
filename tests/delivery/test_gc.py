"""`engine state gc`: what is left behind goes, what a run still needs stays."""

import json
import os
import time

import pytest

from engine.cli import main
from engine.delivery.journal import Journal
from engine.delivery.staging import file_name, staging_name

A, BAD = "sku,qty\na,1\n", "sku,qty\nb,x\nc,2\n"
OLD = time.time() - 40 * 86400


class Killed(BaseException):
    """A run that ends here, with nothing tidied up."""


def old(path, seconds=OLD):
    os.utime(path, (seconds, seconds))


def staging(project, unit, folder="out", scope="stock", mark="feed"):
    path = project.folder / folder / staging_name(scope, unit, 1, mark)
    path.mkdir(parents=True)
    (path / "a.jsonl").write_text("half")
    old(path)
    return path


def gc(capsys, *words):
    code = main(["state", "gc", *words])
    shown = capsys.readouterr()
    return code, shown.out.splitlines(), shown.err.strip()


def test_stagings_that_no_attempt_names_go(project, capsys):
    project.put("a.csv", A)
    project.run()
    left, hidden = staging(project, "in/a.csv"), staging(project, "in/a.csv", ".engine/rejects/" + file_name("stock"))
    others = staging(project, "in/a.csv", scope="another"), staging(project, "in/b.csv", mark="b")
    young = staging(project, "in/a.csv", mark="young")
    old(young, time.time())
    code, lines, said = gc(capsys, "stock.yaml", "--dry-run")
    assert (code, len(lines), said, left.exists()) == (0, 2, "2 things to remove", True)
    code, lines, said = gc(capsys, "stock.yaml")
    assert (code, lines, said) == (
        0,
        [f"staging  {os.path.relpath(left)}", f"staging  {os.path.relpath(hidden)}"],
        "2 things removed",
    )
    assert [path.exists() for path in (left, hidden, *others, young)] == [False, False, True, True, True]
    assert gc(capsys, "stock.yaml", "--older", "0s")[1] == [f"staging  {os.path.relpath(young)}"]


def test_a_state_that_forgot_the_unit_finds_its_staging_by_the_source(project, capsys):
    project.put("a.csv", A)
    left = staging(project, "in/a.csv")
    assert gc(capsys, "stock.yaml")[2] == "0 things removed"  # no state: nothing was ever run here
    project.write(source={"type": "files", "path": "in/none.csv"})
    project.run()
    project.write()
    assert gc(capsys, "stock.yaml")[1] == [f"staging  {os.path.relpath(left)}"]


@pytest.mark.parametrize("step", ["intend", "commit", "tidied"])
def test_what_a_killed_run_needs_stays(project, capsys, monkeypatch, step):
    project.put("a.csv", BAD)
    real = getattr(Journal, step)

    def kill(self, work, *more):
        if work:
            raise Killed
        return real(self, work, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, step, kill)
        with pytest.raises(Killed):
            project.run()
    for path in project.folder.rglob(".*.part"):
        old(path)
    assert gc(capsys, "stock.yaml", "--older", "0s")[1] == []
    project.run()
    assert project.tree() == {"a.jsonl": b'{"sku":"c","qty":2}\n'}
    assert len(project.rejects()) == 1


def test_old_rejects_that_stand_for_no_unit_go(project, capsys):
    project.put("a.csv", BAD)
    project.run()
    folder = project.folder / ".engine/rejects" / file_name("stock")
    (current,) = folder.iterdir()
    stale, young = folder / "b-000000000000.1.jsonl", folder / "c-000000000000.1.jsonl"
    for path in (stale, young):
        path.write_text("{}\n")
    old(current)
    old(stale)
    old(young, time.time() - 5 * 86400)
    assert gc(capsys, "stock.yaml")[1] == [f"rejects  {os.path.relpath(stale)}"]
    assert sorted(folder.iterdir()) == sorted([current, young])


def test_trials_go_unless_one_is_going_on(project, capsys):
    project.put("a.csv", A)
    project.run()
    project.put("b.csv", A)
    project.run(trial=True)
    folder = project.folder / ".engine/trial" / file_name("stock")
    old(folder)
    assert gc(capsys, "stock.yaml")[1] == [f"trial    {os.path.relpath(folder)}"]
    assert not folder.exists()


def test_ledgers_of_uploads_that_nobody_names(project, capsys):
    project.put("a.csv", A)
    project.run()
    folder = project.folder / ".engine/stagings"
    folder.mkdir()
    ours, other = (folder / staging_name(scope, "in/a.csv", 1, "feed") for scope in ("stock", "another"))
    for path in (ours, other):
        path.write_text('"out/a.jsonl"\n')
        old(path)
    assert gc(capsys, "stock.yaml")[1] == [f"ledger   {os.path.relpath(ours)}"]
    assert list(folder.iterdir()) == [other]


def test_all_pipelines_of_a_project_as_json(project, capsys, monkeypatch):
    for name in ("one", "two"):
        project.write(name, sink={"type": "files", "path": f"{name}/{{unit.stem}}.jsonl"})
        project.put("a.csv", A)
        project.run(name)
    left = [staging(project, "in/a.csv", name, scope=name) for name in ("one", "two")]
    code, lines, _ = gc(capsys, "--all", "--json")
    found = json.loads("\n".join(lines))
    assert code == 0
    assert [(each["pipeline"], each["kind"], each["path"]) for each in found] == [
        (name, "staging", os.path.relpath(path)) for name, path in zip(("one", "two"), left, strict=True)
    ]
    assert all(each["age_s"] > 86400 for each in found)


def test_a_pipeline_that_runs_is_left_alone(project, capsys):
    project.put("a.csv", A)
    left = staging(project, "in/a.csv")
    found = []

    def meanwhile(_):
        found.append(gc(capsys, "stock.yaml"))

    project.run(progress=meanwhile)
    assert found[0][0] == 8
    assert left.exists()


@pytest.mark.parametrize("words", [(), ("stock.yaml", "--all")])
def test_it_is_said_which(project, capsys, words):
    code, _, said = gc(capsys, *words)
    assert (code, said) == (
        2, "error[U101]: `state gc` takes specs, or `--all`\n   = help: write `engine state gc stock.yaml`"
    )  # fmt: skip
