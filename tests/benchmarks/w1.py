"""W1, inventory CSV to JSON lines: the whole `engine run` beside a hand-written loop; memory at 10x the input.

Target: at least 0.5 of the peer's records a second, peak memory at 10x within 10% of that at 1x.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from datetime import datetime, timedelta
from itertools import zip_longest

from measure import ENGINE, Child, child, folder, in_turn, middle, table

SPEC = """\
name: w1
source: {type: files, path: w1.csv}
mapping:
  fields:
    ref: {source: sku, resolver: [trim, upper], required: true}
    locationRef: {source: location, resolver: trim}
    qty: {source: qty, resolver: int}
    type: {source: type, default: DELTA}
    updatedOn: {source: updated_at, resolver: {type: format_date, to: "%Y-%m-%d", zone: UTC}}
    price: {source: price, resolver: float}
    retailerId: {value: "1"}
sink: {type: files, path: "out/{unit.stem}.jsonl"}
"""
HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(HERE, "w1_peer.py")
CLOSURES = os.path.join(HERE, "w1_closures.py")
WORDS = [
    *("red", "blue", "green", "steel", "cotton", "wool", "shirt", "lamp", "chair", "boot", "glove", "cable"),
    *('"quoted"', "fresh,", "damaged", "returned", "é", "ü"),
]


def write_csv(path: str, rows: int) -> None:
    """The W1 input, the same for the same number of rows."""
    chance = random.Random(42)
    first = datetime(2024, 1, 1)
    dates = [f"{first + timedelta(minutes=7 * i):%Y-%m-%dT%H:%M:%SZ}" for i in range(75_000)]
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("sku,location,qty,type,updated_at,price,note\n")
        file.writelines(row(chance, i, dates) for i in range(rows))


def row(chance: random.Random, number: int, dates: list[str]) -> str:
    """One line: 3% of skus and locations padded, mixed case, 0.5% of quantities not there, some notes quoted."""
    sku = f"Sku-{chance.randrange(10**7):07d}{'aB' if number & 1 else 'Cd'}"
    location = f"LOC-{chance.randrange(500):04d}"
    sku = f"  {sku} " if chance.random() < 0.03 else sku
    location = f" {location}  " if chance.random() < 0.03 else location
    quantity = "N/A" if chance.random() < 0.005 else str(chance.randrange(10_000))
    kind = ("", "DELTA", "FULL", "delta")[chance.randrange(4)]
    note = f"{chance.choice(WORDS)} {chance.choice(WORDS)}"
    if '"' in note or "," in note:
        note = '"' + note.replace('"', '""') + '"'
    return f"{sku},{location},{quantity},{kind},{dates[chance.randrange(75_000)]},{chance.randrange(1, 99_999) / 100},{note}\n"


def prepare(where: str, rows: int) -> None:
    """Input and spec of one size in a folder of its own."""
    os.makedirs(where)
    write_csv(os.path.join(where, "w1.csv"), rows)
    with open(os.path.join(where, "w1.yaml"), "w", encoding="utf-8") as file:
        file.write(SPEC)


def by_engine(where: str) -> Child:
    """A run from nothing: no state, no output."""
    for name in os.listdir(where):
        if name not in ("w1.csv", "w1.yaml", "peer"):
            shutil.rmtree(os.path.join(where, name))
    return child([*ENGINE, "run", "w1.yaml"], where)


def by_peer(where: str, peer: str = PEER) -> Child:
    """The same work by hand, as one loop or as closures."""
    os.makedirs(os.path.join(where, "peer"), exist_ok=True)
    return child([sys.executable, peer, "w1.csv", "peer/w1.jsonl", "peer/rejects.jsonl"], where)


def compare(where: str, name: str = "w1") -> int:
    """How many records both wrote, the same line by line."""
    lines = 0
    with open(f"{where}/out/{name}.jsonl", "rb") as ours, open(f"{where}/peer/{name}.jsonl", "rb") as theirs:
        for lines, (a, b) in enumerate(zip_longest(ours, theirs), 1):
            if a != b:
                sys.exit(f"line {lines} differs:\n engine {a!r}\n peer   {b!r}")
    return lines


def main() -> None:
    """Print the ratio, then the memory."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--no-memory", action="store_true", help="leave out the run over 10x the input")
    given = options.parse_args()
    with folder() as made:
        speed(os.path.join(made, "speed"), given.rows, given.rounds)
        if not given.no_memory:
            memory(made, min(given.rows, 100_000))


def speed(where: str, rows: int, rounds: int) -> None:
    """Engine and peer in turn over one input."""
    prepare(where, rows)
    child([*ENGINE, "check", "w1.yaml"], where)  # warms up
    tries = (lambda: by_engine(where), lambda: by_peer(where), lambda: by_peer(where, CLOSURES))
    engine, peer, closures = in_turn(rounds, *tries)
    written = compare(where)
    ratio, row_ratio = middle(peer) / middle(engine), middle(closures) / middle(engine)
    figures = [(name, rows / middle(runs), middle(runs), middle(runs, "cpu"), middle(runs, "peak"), share)
               for name, runs, share in (("engine run", engine, ratio), ("by hand", peer, 1.0),
                                          ("closures by hand", closures, ratio / row_ratio))]  # fmt: skip
    title = f"W1: {rows:,} rows, {rounds} rounds in turn, medians; {written:,} lines equal, {rows - written:,} rejected"
    table(title, ("", "records/s", "seconds", "cpu s", "peak MB", "ratio"), figures)
    print(f"  target: ratio at least 0.50: {'met' if ratio >= 0.5 else 'MISSED'}")
    met = "met" if row_ratio >= 0.8 else "MISSED"
    print(f"  target: at least 0.80 of the closures: {row_ratio:.2f}, {met}")


def memory(made: str, rows: int) -> None:
    """Peak memory at one size and at ten times that."""
    peaks = []
    for size in (rows, 10 * rows):
        where = os.path.join(made, str(size))
        prepare(where, size)
        peaks.append(by_engine(where).peak)
        shutil.rmtree(where)
    growth = peaks[1] / peaks[0]
    table(
        "W1: peak memory",
        ("rows", "peak MB", "ratio"),
        [(rows, peaks[0], 1.0), (10 * rows, peaks[1], growth)],
    )
    print(f"  target: ratio at most 1.10: {'met' if growth <= 1.1 else 'MISSED'}")


if __name__ == "__main__":
    main()
