"""A large object read from a server and written back there, in flat memory: 64 MB by default, 2 GB with

    ENGINE_BIG=full pytest tests/storage/test_big.py

Each is one `engine run` over CSV whose bytes come out as they went in. Its peak memory is compared with that of a run
over a tenth of the size, or over as much as fills every buffer.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MB = 2**20
SIZE = 2048 * MB if os.environ.get("ENGINE_BIG") == "full" else 64 * MB
LEAST = 40 * MB
"""From here on every buffer is full: five parts of 8 MiB, one after the other."""
MOST = 150
"""MB that a run may take."""
ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from engine.cli import main
code = main(["run", "big.yaml", "--report", "report.json"])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""
"""`ru_maxrss` of a child is at least what its parent had when it began."""
HEADER = b"sku,location,qty,price,note\n"

pytestmark = pytest.mark.slow


def beside(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


remote = beside(ROOT / "tests/crash/remote_victim.py")


class S3:
    def __init__(self, place):
        self.place, self.bucket = place, place.server.options["bucket"]

    def put(self, path):
        with open(path, "rb") as file:
            self.place.client().put_object(Bucket=self.bucket, Key="in/big.csv", Body=file)

    def pieces(self):
        body = self.place.client().get_object(Bucket=self.bucket, Key="out/big.csv")["Body"]
        return body.iter_chunks(MB)


class Sftp:
    def __init__(self, place):
        self.home = Path(place.server.home)

    def put(self, path):
        (self.home / "in").mkdir(exist_ok=True)
        os.replace(path, self.home / "in/big.csv")

    def pieces(self):
        with open(self.home / "out/big.csv", "rb") as file:
            while data := file.read(MB):
                yield data


@pytest.fixture(params=[
    pytest.param(("weed", S3), id="s3", marks=remote.s3_servers.NEEDS_WEED),
    pytest.param(("openssh", Sftp), id="sftp", marks=remote.sftp_servers.NEEDS_SSHD),
])  # fmt: skip
def place(request, tmp_path):
    name, reach = request.param
    (tmp_path / "server").mkdir()
    made = remote.PLACES[name](tmp_path / "server")
    yield made, reach(made)
    made.server.stop()


def write_csv(path, size):
    """Rows of 60 bytes; gives their number and the hash of all."""
    digest, rows, block = hashlib.sha256(HEADER), 0, 20_000
    with open(path, "wb") as file:
        file.write(HEADER)
        while file.tell() < size:
            numbers = range(rows, rows + block)
            data = b"".join(
                b"SKU-%09d,LOC-%04d,%d,12.5,fresh \xc3\xa9 cotton shirt\n" % (i, i % 997, i % 1000) for i in numbers
            )
            digest.update(data)
            file.write(data)
            rows += block
    return rows, digest.hexdigest()


def engine_run(folder, connection):
    """A run in a process of its own; gives its report and its peak memory in MB."""
    names = HEADER.decode().strip().split(",")
    spec = {
        "connections": {"drop": connection},
        "source": {"type": "files", "connection": "drop", "path": "in/*.csv"},
        "mapping": {"fields": {name: name for name in names}},
        "sink": {"type": "files", "connection": "drop", "path": "out/{unit.stem}.csv"},
    }
    folder.mkdir()
    (folder / "big.yaml").write_text(json.dumps(spec))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "report.json").read_text()), int(done.stdout) / 1024


def test_a_large_object_both_ways_in_flat_memory(place, tmp_path):
    made, reach = place
    peaks = []
    for size in (max(SIZE // 10, LEAST), SIZE):
        rows, wanted = write_csv(tmp_path / "big.csv", size)
        reach.put(tmp_path / "big.csv")
        report, peak = engine_run(tmp_path / str(size), made.connection)
        assert report["records"]["written"] == report["records"]["read"] == rows
        digest = hashlib.sha256()
        for data in reach.pieces():
            digest.update(data)
        assert digest.hexdigest() == wanted
        peaks.append(peak)
    print(f"{peaks[0]:.0f} MB over a tenth, {peaks[1]:.0f} MB over {SIZE // MB} MB")
    assert max(peaks) < MOST
    assert peaks[1] < 1.2 * peaks[0]
