"""1,000 small files: what the protocol costs per file, beside a bare loop that promises nothing.

The bare loop reads, maps by hand, writes, syncs and renames each file. Syncs are counted by strace, in a run of
their own, where there is strace.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys

import w1
from measure import ENGINE, Child, child, folder, in_turn, middle, table

ROWS = 10
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "small_files_peer.py")
SPEC = w1.SPEC.replace("path: w1.csv", 'path: "in/*.csv"')


def prepare(made: str, files: int) -> None:
    """Some rows of W1 in each of many files."""
    w1.write_csv(os.path.join(made, "all.csv"), files * ROWS)
    os.mkdir(os.path.join(made, "in"))
    with open(os.path.join(made, "all.csv"), encoding="utf-8", newline="") as rows:
        head = next(rows)
        for number in range(files):
            with open(os.path.join(made, "in", f"{number:05}.csv"), "w", encoding="utf-8", newline="") as file:
                file.writelines([head, *(next(rows) for _ in range(ROWS))])
    with open(os.path.join(made, "w1.yaml"), "w", encoding="utf-8") as file:
        file.write(SPEC)


def by_engine(made: str, *before: str) -> Child:
    """A run from nothing."""
    for name in (".engine", "out"):
        shutil.rmtree(os.path.join(made, name), ignore_errors=True)
    return child([*before, *ENGINE, "run", "w1.yaml"], made)


def by_peer(made: str) -> Child:
    """The bare loop."""
    shutil.rmtree(os.path.join(made, "bare"), ignore_errors=True)
    return child([sys.executable, PEER, "in", "bare"], made)


def syncs(made: str) -> int | None:
    """How often a run asks the disk to keep what it has; None without strace."""
    if not shutil.which("strace"):
        return None
    by_engine(made, "strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", "calls.txt")
    with open(os.path.join(made, "calls.txt"), encoding="utf-8") as calls:
        rows = [re.split(r"\s+", line.strip()) for line in calls]
    return sum(int(row[3]) for row in rows if row[-1] in ("fsync", "fdatasync"))


def compare(made: str, files: int) -> None:
    """Both wrote the same files."""
    for number in range(files):
        with (
            open(f"{made}/out/{number:05}.jsonl", "rb") as ours,
            open(f"{made}/bare/{number:05}.jsonl", "rb") as theirs,
        ):
            if ours.read() != theirs.read():
                sys.exit(f"{number:05}.jsonl differs")


def main() -> None:
    """Print what one file costs."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", "--files", dest="files", type=int, default=1000, help="how many files")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with folder() as made:
        prepare(made, given.files)
        child([*ENGINE, "check", "w1.yaml"], made)  # warms up
        engine, peer = in_turn(given.rounds, lambda: by_engine(made), lambda: by_peer(made))
        compare(made, given.files)
        counted = syncs(made)
    rows = [(name, middle(runs), 1000 * middle(runs) / given.files, "?" if calls is None else calls / given.files, middle(runs, "peak"))
            for name, runs, calls in (("engine run", engine, counted), ("bare loop", peer, given.files))]  # fmt: skip
    title = f"{given.files:,} files of {ROWS} rows, {given.rounds} rounds in turn, medians"
    table(title, ("", "seconds", "ms a file", "syncs a file", "peak MB"), rows)
    print(f"  one file of the engine is {middle(engine) / middle(peer):.1f} of the bare loop")


if __name__ == "__main__":
    main()
