"""The second runner, written from the README of the cases alone, agrees with each of them."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNNER = ROOT / "tests" / "second_runner.py"
SLOW = ["dialect", "expressions"]


def start(*folders: str) -> subprocess.Popen[str]:
    """The runner, in a process of its own: it declares a parser."""
    return subprocess.Popen(
        [sys.executable, RUNNER, *folders], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_every_case_of_every_folder():
    folders = sorted(path.name for path in (ROOT / "fixtures" / "conformance").iterdir() if path.is_dir())
    halves = [start(*SLOW), start(*(folder for folder in folders if folder not in SLOW))]
    said = [half.communicate()[0] for half in halves]
    assert [half.returncode for half in halves] == [0, 0], "\n".join(said)


def test_a_case_that_is_wrong_is_a_disagreement(tmp_path):
    cases = tmp_path / "templates" / "wrong.json"
    cases.parent.mkdir()
    cases.write_text(json.dumps([{"cases": [{"template": "out/{unit.stem}.csv", "result": "out/stocks.csv"}]}]))
    runner = start(str(cases.parent))
    said = runner.communicate()[0]
    assert runner.returncode == 1, said
    assert "wanted 'out/stocks.csv'" in said
    assert "found  'out/stock.csv'" in said
