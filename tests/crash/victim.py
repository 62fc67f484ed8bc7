"""The README's job over twelve files, run in a child process that dies where it is told to."""

import gzip
import importlib
import json
import os
import random
import shutil
import signal
import time
from datetime import UTC, datetime

from engine.run import Session, run
from engine.spec.compile import load
from engine.state.kv import KV

SPEC = """
source: {type: files, path: "in/*.{csv,csv.gz}"}
parser: {type: csv, trim: true}
mapping:
  blank: omit
  fields:
    locationRef: {source: locationRef, required: true}
    skuRef:      {source: skuRef, required: true}
    qty:         {source: qty, resolver: int, min: 0, required: true}
    type:        {source: type, resolver: upper, default: LAST_ON_HAND}
    status:      {source: status, resolver: upper, one_of: [ACTIVE, INACTIVE], required: true}
    attributes:
      fields:
        batchNumber: batchNumber
        condition:   {source: condition, resolver: upper, default: NEW}
sink: {type: files, path: "out/inventory/{unit.stem}.jsonl"}
limits: {max_rejects: 20%}
"""
ARCHIVE = """
archive: {success: "done/{unit.name}", partial: "part/{unit.name}", error: "error/{unit.name}"}
"""
STEPS = """
source: {type: files, path: "in/*.{csv,csv.gz}"}
parser: {type: csv, trim: true}
lookups:
  places: {type: files, path: places.csv, index: code}
steps:
  - type: map
    fields:
      ref:    {source: skuRef, required: true}
      qty:    {source: qty, resolver: int, min: 0, required: true}
      status: {source: status, resolver: upper, one_of: [ACTIVE, INACTIVE], required: true}
      place:  {source: locationRef, resolver: {type: lookup, table: places, field: name}}
      parts:  =[batchNumber, type]
  - {type: filter, where: qty < 450, name: huge}
  - {type: explode, each: parts, as: part}
  - {type: map, fields: {ref: ref, place: place, part: part, half: "=round(qty / 2, 1)", of: $root.skuRef}}
sink: {type: files, path: "out/inventory/{unit.stem}.jsonl"}
limits: {max_rejects: 20%}
"""
PARTS = """
source: {type: files, path: "in/*.{csv,csv.gz}"}
parser: {type: csv, trim: true}
mapping:
  fields:
    place:  {source: locationRef, required: true}
    ref:    {source: skuRef, required: true}
    qty:    {source: qty, resolver: int, min: 0, required: true}
    status: {source: status, resolver: upper, one_of: [ACTIVE, INACTIVE], required: true}
    kind:   {source: type, default: none}
sinks:
  - {type: files, name: few, path: "out/few/{record.kind}/{unit.stem}.csv.gz", when: qty < 100}
  - {type: files, name: more, path: "out/more/{unit.stem}-{unit.part}.jsonl", roll: {records: 40}, when: otherwise}
  - {type: files, name: all, path: "out/inventory/{unit.stem}.csv", mapping: {fields: {ref: ref, place: place}}}
rejects: {path: "out/refused/{unit.stem}.csv"}
limits: {max_rejects: 20%}
"""
PLACES = b"code,name\nDC00,North\nDC01,South\nDC02,West\n"
HEADER = "locationRef,skuRef,qty,type,status,batchNumber,condition\n"
ROWS = 150
LOOK = 0.002
"""Seconds between two looks of the reader: all files, some hundred times a job, and a core left for the job."""
CHANGED = "in/inventory-03.csv"

BOUNDARIES = [
    "engine.state.locks.Flock.acquire", "engine.state.kv.KV.open", "engine.delivery.journal.Journal.__init__",
    "engine.delivery.journal.Journal.bind", "engine.run.recover", "engine.delivery.journal.Journal.redo",
    "engine.delivery.journal.Journal.destroyed", "engine.delivery.journal.Journal.mark_gone",
    "engine.delivery.journal.Journal.begin", "engine.run.stream", "engine.run.close", "engine.run.refuse",
    "engine.run.sync_stagings", "engine.delivery.journal.Journal.intend", "engine.run.publish",
    "engine.delivery.journal.Journal.commit", "engine.run.tidy", "engine.delivery.archive.move",
    "engine.delivery.journal.Journal.tidied", "engine.delivery.journal.Journal.ended",
    "os.link", "os.rename", "os.replace", "os.unlink", "os.mkdir", "os.rmdir", "os.fsync",
]  # fmt: skip
"""Before and after each step of the protocol, and each call that changes a folder: between the renames too."""


def content(number, *, bad=0, version=1):
    random.seed(number * 10 + version)
    rows = [
        f"DC0{number % 3},SKU-{number:02}-{i:04},{random.randrange(500)},{random.choice(['', 'reserved'])},active,B{i},\n"
        for i in range(ROWS)
    ]
    for at in random.sample(range(ROWS), bad):
        rows[at] = random.choice(
            [
                f"DC01,,{at},,active,,\n",
                "ragged,row\n",
                f"DC01,SKU,{at}.5,,active,,\n",
                f"DC01,SKU,{at},,gone,,\n",
            ]
        )
    return (HEADER + "".join(rows)).encode()


def make(folder, *, archive=False, steps=False, parts=False):
    """Twelve files: some with rejects, one packed, one without rows, one refused, one damaged."""
    (folder / "in").mkdir(parents=True)
    spec = PARTS if parts else STEPS if steps else SPEC
    (folder / "stock.yaml").write_text(spec + (ARCHIVE if archive else ""))
    put(folder, "places.csv", PLACES)
    for number in range(8):
        put(folder, f"in/inventory-{number:02}.csv", content(number, bad={1: 7, 4: 20}.get(number, 0)))
    put(folder, "in/inventory-08.csv.gz", gzip.compress(content(8, bad=3), mtime=0))
    put(folder, "in/inventory-09.csv", HEADER.encode())
    put(folder, "in/inventory-10.csv", content(10, bad=60))
    put(folder, "in/inventory-11.csv.gz", gzip.compress(content(11), mtime=0)[:-40])


def put(folder, name, data, seconds=1_700_000_000):
    (folder / name).write_bytes(data)
    os.utime(folder / name, (seconds, seconds))


def change(folder):
    """A second version of one file."""
    put(folder, CHANGED, content(3, bad=5, version=2), 1_700_000_100)


def job(folder, run_id):
    run(load(str(folder / "stock.yaml"))[0], Session(run_id, lambda: datetime(2026, 1, 31, tzinfo=UTC)))


def child(work, die_after=None):
    """Do it in a child process; kill it after some seconds, and say whether it was still at work."""
    process = os.fork()
    if process == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child says it and ends
            import traceback

            traceback.print_exc()
            os._exit(1)
    if die_after is not None:
        time.sleep(die_after)
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "a traceback in the child"
    return False


def counted(work, kill_at=None, *, alone=False):
    """Do the work with every boundary counted; die at one of them. Wraps from outside: the product has no hooks.

    Units commit all together, or each alone: never by the time they took, so that steps keep their numbers.
    """
    importlib.import_module("engine.run").GROUP_SECONDS = 0.0 if alone else 10.0**9
    seen = [0]

    def cross():
        seen[0] += 1
        if seen[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in BOUNDARIES:
        wrap(name, cross)
    work()
    return seen[0]


def wrap(name, cross):
    parts = name.split(".")
    owner = importlib.import_module(parts[0])
    for i, part in enumerate(parts[1:-1], 2):
        owner = getattr(owner, part, None) or importlib.import_module(".".join(parts[:i]))
    if name.startswith("engine.run."):
        owner = importlib.import_module("engine.run")
    real = getattr(owner, parts[-1])

    def wrapped(*args, **kwargs):
        cross()
        result = real(*args, **kwargs)
        cross()
        return result

    setattr(owner, parts[-1], wrapped)


def boundaries(folder, *, alone, **kind):
    """How many boundaries an undisturbed run crosses."""
    make(folder, **kind)
    path = folder / "count"
    child(lambda: path.write_text(str(counted(lambda: job(folder, "count"), alone=alone))))
    return int(path.read_text())


# --- what came out ------------------------------------------------------------------------------------------


def tree(folder, *tops):
    found = {}
    for top in tops:
        for path in sorted((folder / top).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def outcome(folder):
    """Everything that a run leaves, without what differs from run to run: run ids, attempt numbers, times."""
    with KV.open(str(folder / ".engine")) as kv:
        units = {key[5:]: entry.value for key, entry in kv.list("stock", "unit/")}
        rest = sorted(key for key, _ in kv.list("stock") if not key.startswith("unit/"))
        owners = {os.path.relpath(key, folder): entry.value for key, entry in kv.list("outputs")}
    rejects, files = {}, set()
    for name, record in units.items():
        for each in (each for each in record["rejects"] if each["store"].get("base", "").endswith(".engine")):
            files.add(each["path"])
            lines = [json.loads(line) for line in (folder / ".engine" / each["path"]).read_bytes().splitlines()]
            rejects[name] = [{**line, "run": None} for line in lines]
    assert files == {
        str(path.relative_to(folder / ".engine")) for path in (folder / ".engine/rejects").rglob("*") if path.is_file()
    }
    parts = [str(path) for path in folder.rglob("*.part")]
    assert parts == [], "a staging was left"
    return {
        "files": tree(folder, "in", "out", "done", "part", "error"),
        "rejects": rejects,
        "units": {
            name: {
                key: record[key]
                for key in ("status", "version", "sha256", "spec", "books", "archived", "gone", "place")
            }
            | {"outputs": [[each[key] for key in ("path", "bytes", "sha256", "records")] for each in record["outputs"]]}
            for name, record in units.items()
        },
        "left": rest,
        "owners": {key: each for key, each in owners.items() if key.startswith("out")},
        "counts": {
            count: sum(record["books"][count] for record in units.values()) for count in ("read", "written", "rejected")
        },
    }


class Watcher:
    """A reader of its own process that looks at every visible file all the time: each is whole, or is not there."""

    def __init__(self, folder, expected):
        """`expected`: the contents that each file may have, by its path."""
        self._stop, self._said = folder.parent / f"{folder.name}.stop", folder.parent / f"{folder.name}.said"
        self._process = os.fork()
        if self._process == 0:
            looks, wrong = 0, []
            while not self._stop.exists() and not wrong:
                looks += 1
                wrong = self.look(folder, expected)
                time.sleep(LOOK)
            self._said.write_text(json.dumps([looks, wrong]))
            os._exit(0)

    def look(self, folder, expected):
        """What is visible and is not whole."""
        return partial_files(folder, expected)

    def end(self):
        self._stop.touch()
        os.waitpid(self._process, 0)
        looks, wrong = json.loads(self._said.read_text())
        assert wrong == [], "seen by a reader while the runs were killed"
        assert looks > 1


def partial_files(folder, expected):
    wrong = []
    for top in ("out/inventory", "done", "part", "error"):
        try:
            names = os.listdir(folder / top)
        except FileNotFoundError:
            continue
        for name in names:
            path = f"{top}/{name}"
            if name.startswith("."):
                continue
            try:
                data = (folder / path).read_bytes()
            except FileNotFoundError:
                continue
            if data not in expected.get(path, ()):
                wrong.append([path, len(data)])
    return wrong


def copy(master, folder):
    shutil.copytree(master, folder)
    return folder
