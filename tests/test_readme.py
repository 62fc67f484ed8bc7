"""What the README shows is what the program gives: its spec, a record, a reject, a refused spec, its commands."""

import re
import shutil

import pytest

from engine.cli import COMMANDS, main
from engine.cli.summary import EXIT_NAMES

with open("README.md", encoding="utf-8") as file:
    README = file.read()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
YAML = [text for kind, text in BLOCKS if kind == "yaml"]
PLAIN = [text for kind, text in BLOCKS if not kind]
RUN_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")


@pytest.fixture
def ran(tmp_path, monkeypatch, capsys):
    shutil.copytree("pipelines", tmp_path / "pipelines", ignore=shutil.ignore_patterns("out", ".engine"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENGINE_STATE", raising=False)
    assert main(["run", "pipelines/inventory-csv.yaml"]) == 0
    return capsys.readouterr().err


def steady(text):
    return re.sub(r"in \d+\.\d s", "in 0.0 s", RUN_ID.sub("RUN", text))


def test_two_commands_of_one_line():
    commands = [text.strip() for kind, text in BLOCKS if kind == "sh"]
    assert len(commands) == 2
    assert not any("\n" in command for command in commands)


def test_the_diagnosis(ran):
    assert steady(PLAIN[0]) == steady(ran)


def test_the_spec_is_the_file():
    shown = YAML[0]
    with open("pipelines/inventory-csv.yaml", encoding="utf-8") as spec:
        assert spec.read().split("\n", 1)[1] == shown


@pytest.mark.parametrize(("shown", "file"), [*zip(YAML[1:], ["order-lines", "feed-to-lake"], strict=True)])
def test_the_excerpt_is_of_the_file(shown, file):
    with open(f"pipelines/{file}.yaml", encoding="utf-8") as spec:
        lines = {" ".join(line.split()) for line in spec}
    assert [line for line in shown.splitlines() if " ".join(line.split()) not in lines] == []


def test_a_row_and_its_record(ran):
    row, record = PLAIN[1].splitlines()
    with open("pipelines/data/inventory/inventory-LOC001.csv", encoding="utf-8") as rows:
        assert row in rows.read().splitlines()
    with open("pipelines/out/inventory/inventory-LOC001.jsonl", encoding="utf-8") as records:
        assert record in records.read().splitlines()


def test_a_reject(ran, capsys):
    main(["rejects", "show", "pipelines/inventory-csv.yaml"])
    assert steady(capsys.readouterr().out) == steady(PLAIN[2])


def test_a_refused_spec(tmp_path, monkeypatch, capsys):
    (tmp_path / "stock.yaml").write_text(
        "source: {type: files, path: in/*.csv}\nsample: sample.csv\nmapping:\n  fields:\n"
        "    locationRef: {source: locationRef, resolver: trimm}\n    skuRef: {source: sku, required: true}\n"
        'sink: {type: files, path: "out/{unit.stem}.jsonl"}\n'
    )
    (tmp_path / "sample.csv").write_text("locationRef,skuRef,qty\n")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "stock.yaml"]) == 3
    said = capsys.readouterr().err
    assert PLAIN[3] in said
    assert "`trimm` is not a resolver" in said


def test_commands_and_exit_codes():
    for name in COMMANDS:
        assert f"`engine {name}" in README
    for code in EXIT_NAMES:
        assert f"`{code}`" in README
