"""CSV from a server and back to it: the whole `engine run` beside a bare copy of the same bytes and a run on local files.

S3 is SeaweedFS on loopback, SFTP Debian's OpenSSH. The records come out as they went in, so all three move the same
bytes. Target: at least 0.8 of the slower of the two.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from contextlib import closing

from measure import ENGINE, ROOT, Child, child, folder, in_turn, middle, table
from w1 import write_csv

sys.path[:0] = [ROOT, os.path.join(ROOT, "tests", "crash")]

import remote_victim as remote  # noqa: E402

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "remote_peer.py")
FIELDS = ("sku", "location", "qty", "type", "updated_at", "price", "note")
TARGET = 0.8


class Reach:
    """How the benchmark puts the input where the server serves it, and looks at the output."""

    def __init__(self, place: remote.S3Place | remote.SftpPlace) -> None:
        self.place = place
        self.client = place.client()

    def put(self, path: str) -> None:
        """The input."""
        with open(path, "rb") as file:
            if self.place.connection["type"] == "s3":
                self.client.put_object(Bucket=self.place.connection["bucket"], Key="in/w1.csv", Body=file)
            else:
                os.makedirs(self.client / "in", exist_ok=True)
                shutil.copyfile(path, self.client / "in/w1.csv")

    def size(self) -> int:
        """Bytes of the output."""
        return len(self.place.read(self.client, "out/w1.csv") or b"")


def prepare(where: str, name: str, connection: dict[str, object] | None) -> None:
    """A project of its own."""
    made = os.path.join(where, name)
    os.makedirs(made)
    end = {"connection": "drop"} if connection else {}
    spec = {
        **({"connections": {"drop": connection}} if connection else {}),
        "source": {"type": "files", **end, "path": "in/w1.csv" if connection else "../w1.csv"},
        "mapping": {"fields": {name: name for name in FIELDS}},
        "sink": {"type": "files", **end, "path": "out/{unit.stem}.csv"},
    }
    with open(os.path.join(made, "spec.yaml"), "w", encoding="utf-8") as file:
        json.dump(spec, file)


def by_engine(where: str) -> Child:
    """A run from nothing: no state, and over the last output."""
    for name in (".engine", "out"):
        shutil.rmtree(os.path.join(where, name), ignore_errors=True)
    return child([*ENGINE, "run", "spec.yaml"], where)


def by_copy(where: str, connection: dict[str, object]) -> Child:
    """The same bytes, and nothing done with them."""
    return child([sys.executable, PEER, json.dumps(connection), "in/w1.csv", "copied/w1.csv"], where)


def speed(where: str, kind: str, place: remote.S3Place | remote.SftpPlace, rounds: int) -> None:
    """Three ways in turn over one input."""
    prepare(where, kind, place.connection)
    reach, here, local = Reach(place), os.path.join(where, kind), os.path.join(where, "local")
    reach.put(os.path.join(where, "w1.csv"))
    os.makedirs(reach.client / "copied", exist_ok=True) if kind == "sftp" else None
    by_engine(here)  # warms up
    tries = (lambda: by_engine(here), lambda: by_copy(here, place.connection), lambda: by_engine(local))
    ours, copied, at_home = in_turn(rounds, *tries)
    size = os.path.getsize(os.path.join(local, "out/w1.csv"))
    if reach.size() != size:
        sys.exit(f"{reach.size()} bytes are there, {size} were to be")
    slower = max(middle(copied), middle(at_home))
    ratio = slower / middle(ours)
    rows = [(name, size / 1e6 / middle(runs), middle(runs), middle(runs, "cpu"), slower / middle(runs))
            for name, runs in ((f"engine run over {kind}", ours), ("bare copy", copied), ("engine run here", at_home))]  # fmt: skip
    title = f"{kind}: {size / 1e6:,.0f} MB there and back, {rounds} rounds in turn, medians"
    table(title, ("", "MB/s", "seconds", "cpu s", "ratio"), rows)
    print(f"  target: ratio at least {TARGET}: {'met' if ratio >= TARGET else 'MISSED'}")


def main() -> None:
    """Print a table for each kind of server."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=2_000_000, help="rows of about 75 bytes")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=("s3", "sftp"))
    given = options.parse_args()
    with folder() as made:
        write_csv(os.path.join(made, "w1.csv"), given.rows)
        prepare(made, "local", None)
        for kind, name in (("s3", "weed"), ("sftp", "openssh")):
            if given.only in (None, kind):
                os.makedirs(os.path.join(made, name))
                place = remote.PLACES[name](os.path.join(made, name))
                with closing(Stopped(place)):
                    speed(made, kind, place, given.rounds)


class Stopped:
    """Stops a server in the end."""

    def __init__(self, place: remote.S3Place | remote.SftpPlace) -> None:
        self.close = place.server.stop


if __name__ == "__main__":
    main()
