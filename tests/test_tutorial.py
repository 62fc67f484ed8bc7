"""The tutorial, line by line: its files are written, its commands run, and what they say is what it shows.

`UPDATE_TUTORIAL=1 pytest tests/test_tutorial.py` writes what they say into it: read the diff like code.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "pipelines" / "TUTORIAL.md"
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
NAME = re.compile(r"`([^`\s]+\.\w+)`")
RUN_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")
UPDATE = bool(os.environ.get("UPDATE_TUTORIAL"))


@pytest.fixture
def shell(tmp_path):
    """Runs commands in an empty folder, with this checkout's `engine`, and gives all that they say."""
    program = tmp_path / "bin" / "engine"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m engine "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "shop"
    folder.mkdir()
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}

    def shell(commands):
        ran = subprocess.run(
            ["bash", "-c", commands],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        return ran.stdout.decode()

    shell.folder = folder
    return shell


def steady(text):
    return re.sub(r"in \d+\.\d s", "in 0.0 s", RUN_ID.sub("RUN", text))


def test_every_line(shell):
    page = TUTORIAL.read_text(encoding="utf-8")
    said, updated, last = None, [], 0
    for block in BLOCK.finditer(page):
        kind, content = block.groups()
        if kind == "sh":
            assert said is None, f"nothing is shown under the commands above:\n{content}"
            said = shell(content)
        elif kind == "text":
            assert said is not None, "what is shown here has no command"
            shown = content if steady(content) == steady(said) else said
            updated += [page[last : block.start(2)], shown]
            last = block.end(2)
            assert UPDATE or steady(content) == steady(said)
            said = None
        else:
            path = shell.folder / NAME.findall(page[: block.start()].rstrip().rpartition("\n\n")[2])[-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    assert said is None
    if UPDATE:
        TUTORIAL.write_text("".join(updated) + page[last:], encoding="utf-8")


def test_its_specs_are_in_house_style(shell):
    page = TUTORIAL.read_text(encoding="utf-8")
    for at, content in enumerate(text for kind, text in BLOCK.findall(page) if kind == "yaml"):
        (shell.folder / f"{at}.yaml").write_text(content, encoding="utf-8")
    assert shell("engine fmt --check *.yaml; echo $?") == "0\n"
