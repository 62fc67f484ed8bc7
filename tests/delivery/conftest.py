"""A project in a folder of its own: files in, runs with a clock that ticks, everything that came out."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from engine.run import Session, run
from engine.spec.compile import load
from engine.state.kv import KV

MAPPING = {
    "fields": {
        "sku": {"source": "sku", "required": True},
        "qty": {"source": "qty", "resolver": "int", "required": True},
    }
}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Project:
    def __init__(self, folder):
        self.folder = folder
        self.runs = self.files = 0
        self.clock = NOON
        self.write()

    def write(self, name="stock", **keys):
        spec = {
            "source": {"type": "files", "path": "in/**/*.{csv,csv.gz}"},
            "mapping": MAPPING,
            "sink": {"type": "files", "path": "out/{unit.dir}/{unit.stem}.jsonl"},
        }
        spec.update(keys)
        (self.folder / f"{name}.yaml").write_text(
            json.dumps({key: each for key, each in spec.items() if each is not None})
        )

    def put(self, name, content, folder="in"):
        """A file whose time of change lies in the past, another one each time."""
        path = os.path.join(os.fsencode(self.folder / folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        self.touch(path)
        return path

    def touch(self, path):
        self.files += 1
        os.utime(path, (1_700_000_000 + self.files, 1_700_000_000 + self.files))

    def plan(self, name="stock", env="", **given):
        return load(str(self.folder / f"{name}.yaml"), env, given)[0]

    def run(self, name="stock", env="", given=None, **session):
        self.runs += 1
        self.clock += timedelta(minutes=1)
        now = self.clock
        return run(self.plan(name, env, **(given or {})), Session(f"run-{self.runs}", lambda: now, **session))

    def tree(self, folder="out"):
        """Every file below a folder, hidden ones too: a staging that is left shows."""
        top = self.folder / folder
        return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}

    def rejects(self):
        lines = [line for data in self.tree(".engine/rejects").values() for line in data.splitlines()]
        return [json.loads(line) for line in lines]

    def units(self, scope="stock"):
        with KV.open(str(self.folder / ".engine")) as kv:
            return {key[5:]: entry.value for key, entry in kv.list(scope, "unit/")}

    def keys(self, scope="stock"):
        """What is in the journal beside units: nothing of an attempt may be left after a run."""
        with KV.open(str(self.folder / ".engine")) as kv:
            return [key for key, _ in kv.list(scope) if not key.startswith("unit/")]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENGINE_STATE", raising=False)
    return Project(tmp_path)


def statuses(report):
    return {unit["id"]: unit["status"] for unit in report.units}


def codes(report):
    return {unit["id"]: unit["error"]["code"] for unit in report.units if unit["error"]}
