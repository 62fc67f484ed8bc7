"""Every broken spec in `fixtures/invalid/` against the whole text that `engine check` shows for it.

`UPDATE_INVALID=1 pytest tests/test_invalid_specs.py` writes the texts anew: read the diff like code.
"""

import os
import re
from pathlib import Path

import pytest

from engine.cli import main

FOLDER = Path(__file__).parent.parent / "fixtures" / "invalid"
PARTS = {"data", "mappings"}  # what specs refer to, no specs themselves
SPECS = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in FOLDER.rglob("*")
    if path.suffix in (".yaml", ".json") and path.name != "engine.yaml" and not PARTS & set(path.parts)
)
UPDATE = bool(os.environ.get("UPDATE_INVALID"))
ENVIRONMENT = {"ORDERS_REGION": "eu"}
"""All that a spec can see of the environment: suggestions must not depend on the machine."""


@pytest.fixture(autouse=True)
def _still(monkeypatch):
    monkeypatch.chdir(FOLDER)
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("spec", SPECS)
def test_text(spec, capsys):
    code = main(["check", spec])
    shown = capsys.readouterr()
    expected = (FOLDER / spec).with_suffix(".txt")
    if UPDATE:
        expected.write_text(shown.err, encoding="utf-8")
    assert shown.err == expected.read_text(encoding="utf-8")
    assert shown.out == ""
    assert code == (3 if re.search(r"^error\[", shown.err, re.MULTILINE) else 0)
    assert "X001" not in shown.err


def test_no_text_is_left_over():
    texts = {path.relative_to(FOLDER) for path in FOLDER.rglob("*.txt") if not PARTS & set(path.parts)}
    assert texts == {Path(spec).with_suffix(".txt") for spec in SPECS}


def test_carets_stand_under_what_they_mean():
    """Every excerpt repeats its line of the file, and its carets begin at the column that is named."""
    place = re.compile(r" --> (.+):(\d+):(\d+)(?:   \(.*\))?\n +\|\n *\d+ \|(.*)\n +\|( *)(\^+)")
    for spec in SPECS:
        for file, line, column, shown, blank, _ in place.findall((FOLDER / spec).with_suffix(".txt").read_text()):
            source = (FOLDER / file).read_bytes().decode(errors="replace").splitlines()[int(line) - 1]
            if "…" not in shown:
                assert len(blank) == int(column), (spec, file, line)
                assert shown[1:] == re.sub("[\x00-\x1f]", "�", source.replace("\t", " ")).rstrip()
