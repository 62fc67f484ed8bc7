"""Parquet to Parquet by rows: the whole `engine run` beside a loop over `to_pylist` for each row group.

Nine columns of thirteen are read, mapped one record at a time and written as nine typed columns in row groups of 65,536.
No expression: what one costs is the mapper's, not that of the format. Target: at least 1.2 of the loop's records a second.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
from measure import ENGINE, Child, child, folder, in_turn, middle, table

SPEC = """\
name: rows
source: {type: files, path: rows.parquet}
sample: rows.parquet
mapping:
  fields:
    id: id
    sku: {source: sku, resolver: [trim, upper]}
    status: {source: status, resolver: lower, default: new}
    quantity: quantity
    price: price
    updated_at: updated_at
    day: day
    city: address.city
    labels: labels
sink: {type: files, path: "out/{unit.stem}.parquet"}
"""
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parquet_rows_peer.py")
GROUP = 65_536


def rows(chance: random.Random, first: int, count: int) -> pa.Table:
    """Some rows of stock."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    numbers = range(first, first + count)
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "sku": pa.array([f" sku-{chance.randrange(10**6):06d}" for _ in numbers]),
            "status": pa.array([("NEW", "Active", None)[chance.randrange(3)] for _ in numbers]),
            "quantity": pa.array([chance.randrange(1000) for _ in numbers], pa.int32()),
            "price": pa.array([Decimal(chance.randrange(10**6)).scaleb(-2) for _ in numbers], pa.decimal128(12, 2)),
            "updated_at": pa.array(
                [start + timedelta(milliseconds=chance.randrange(10**10)) for _ in numbers], pa.timestamp("us", "UTC")
            ),
            "day": pa.array([(start + timedelta(chance.randrange(700))).date() for _ in numbers]),
            "address": pa.array(
                [{"city": f"City {chance.randrange(500)}", "zip": f"{chance.randrange(10**5):05d}"} for _ in numbers]
            ),
            "labels": pa.array([["a", "b", "c"][: chance.randrange(4)] for _ in numbers]),
            **{f"unused_{i}": pa.array([chance.random() for _ in numbers]) for i in range(4)},
        }
    )


def prepare(where: str, count: int) -> None:
    """Input and spec in a folder of their own."""
    os.makedirs(where)
    chance, writer = random.Random(42), None
    for first in range(0, count, GROUP):
        made = rows(chance, first, min(GROUP, count - first))
        writer = writer or pq.ParquetWriter(os.path.join(where, "rows.parquet"), made.schema)
        writer.write_table(made)
    writer.close()
    with open(os.path.join(where, "rows.yaml"), "w", encoding="utf-8") as file:
        file.write(SPEC)


def by_engine(where: str) -> Child:
    """A run from nothing: no state, no output."""
    for name in os.listdir(where):
        if name not in ("rows.parquet", "rows.yaml", "peer"):
            shutil.rmtree(os.path.join(where, name))
    return child([*ENGINE, "run", "rows.yaml"], where)


def by_peer(where: str) -> Child:
    """The same work by hand."""
    os.makedirs(os.path.join(where, "peer"), exist_ok=True)
    return child([sys.executable, PEER, "rows.parquet", "peer/rows.parquet"], where)


def equal(where: str) -> int:
    """The rows of both outputs, which have to be the same; the labels of columns may differ."""
    made, wanted = (pq.read_table(os.path.join(where, name, "rows.parquet")) for name in ("out", "peer"))
    if made.num_rows != wanted.num_rows or not made.equals(wanted.cast(made.schema)):
        sys.exit("the outputs differ")
    return made.num_rows


def main() -> None:
    """Print the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with folder() as made:
        where = os.path.join(made, "rows")
        prepare(where, given.rows)
        child([*ENGINE, "check", "rows.yaml"], where)  # warms up
        engine, peer = in_turn(given.rounds, lambda: by_engine(where), lambda: by_peer(where))
        same = equal(where)
    ratio = middle(peer) / middle(engine)
    figures = [(name, given.rows / middle(runs), middle(runs), middle(runs, "cpu"), middle(runs, "peak"), share)
               for name, runs, share in (("engine run", engine, ratio), ("loop over to_pylist", peer, 1.0))]  # fmt: skip
    title = f"Parquet to Parquet: {given.rows:,} rows, {given.rounds} rounds in turn, medians; {same:,} rows equal"
    table(title, ("", "records/s", "seconds", "cpu s", "peak MB", "ratio"), figures)
    print(f"  target: ratio at least 1.20: {'met' if ratio >= 1.2 else 'MISSED'}")


if __name__ == "__main__":
    main()
