"""W3, nested orders as JSON lines to JSON lines: the whole `engine run` beside hand-written closures.

Twelve fields, nested paths, one list mapped item by item; decimals are exact on both sides. Target: at least 0.8 of
the peer's records a second.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
from datetime import datetime, timedelta
from typing import Any

from measure import ENGINE, Child, child, folder, in_turn, middle, table
from w1 import compare

SPEC = """\
name: w3
source: {type: files, path: w3.jsonl}
mapping:
  fields:
    orderId: id
    status: {source: status, resolver: upper, default: NEW}
    createdOn: {source: createdOn, resolver: {type: format_date, to: "%Y-%m-%d", zone: UTC}}
    customerRef: customer.ref
    firstName: {source: customer.name.first, resolver: trim}
    lastName: {source: customer.name.last, resolver: trim}
    email: {source: customer.email, resolver: lower}
    city: shipTo.addr.city
    country: {source: shipTo.addr.country, resolver: upper}
    total: {source: payment.total, resolver: decimal}
    currency: payment.currency
    items:
      each: items
      fields:
        sku: {source: sku, resolver: [trim, upper]}
        qty: {source: qty, resolver: int}
        price: price
        color: attrs.color
sink: {type: files, path: "out/{unit.stem}.jsonl"}
"""
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "w3_closures.py")
COLORS = ["red", "blue", "green", "steel", "sand", "ink", "rose", "oak", "é", "ü"]


def order(chance: random.Random, number: int, dates: list[str]) -> dict[str, Any]:
    """One nested order of one to five lines."""
    return {
        "id": f"ord-{number:07d}",
        "status": ("new", "booked", None)[chance.randrange(3)],
        "createdOn": dates[chance.randrange(len(dates))],
        "customer": {
            "ref": f"CUST-{chance.randrange(10**5):05d}",
            "name": {"first": f" First{number % 997} ", "last": f"Last{number % 991}"},
            "email": f"U{number}@Example.com",
        },
        "shipTo": {
            "addr": {
                "city": f"City{chance.randrange(500)}",
                "country": "au",
                "lat": chance.random() * 90,
                "lon": chance.random() * 90,
            }
        },
        "payment": {
            "total": str(chance.randrange(1000, 999_999) / 100),
            "currency": "USD",
            "methods": [{"type": "CARD", "last4": "4242"}],
        },
        "items": [
            {
                "sku": f" sku{chance.randrange(10**6):06d}",
                "qty": chance.randrange(1, 9),
                "price": chance.randrange(100, 99_999) / 100,
                "attrs": {"color": chance.choice(COLORS)},
            }
            for _ in range(chance.randrange(1, 6))
        ],
        "notes": "n" * chance.randrange(40),
    }


def prepare(where: str, rows: int) -> None:
    """Input and spec in a folder of their own."""
    os.makedirs(where)
    chance, first = random.Random(42), datetime(2024, 1, 1)
    dates = [f"{first + timedelta(minutes=7 * i):%Y-%m-%dT%H:%M:%SZ}" for i in range(75_000)]
    with open(os.path.join(where, "w3.jsonl"), "w", encoding="utf-8") as file:
        for number in range(rows):
            json.dump(order(chance, number, dates), file, ensure_ascii=False, separators=(",", ":"))
            file.write("\n")
    with open(os.path.join(where, "w3.yaml"), "w", encoding="utf-8") as file:
        file.write(SPEC)


def by_engine(where: str) -> Child:
    """A run from nothing: no state, no output."""
    for name in os.listdir(where):
        if name not in ("w3.jsonl", "w3.yaml", "peer"):
            shutil.rmtree(os.path.join(where, name))
    return child([*ENGINE, "run", "w3.yaml"], where)


def by_peer(where: str) -> Child:
    """The same work by hand."""
    os.makedirs(os.path.join(where, "peer"), exist_ok=True)
    return child([sys.executable, PEER, "w3.jsonl", "peer/w3.jsonl"], where)


def main() -> None:
    """Print the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with folder() as made:
        where = os.path.join(made, "w3")
        prepare(where, given.rows)
        child([*ENGINE, "check", "w3.yaml"], where)  # warms up
        engine, peer = in_turn(given.rounds, lambda: by_engine(where), lambda: by_peer(where))
        equal = compare(where, "w3")
    ratio = middle(peer) / middle(engine)
    figures = [(name, given.rows / middle(runs), middle(runs), middle(runs, "cpu"), middle(runs, "peak"), share)
               for name, runs, share in (("engine run", engine, ratio), ("closures by hand", peer, 1.0))]  # fmt: skip
    title = f"W3: {given.rows:,} orders, {given.rounds} rounds in turn, medians; {equal:,} lines equal"
    table(title, ("", "records/s", "seconds", "cpu s", "peak MB", "ratio"), figures)
    print(f"  target: ratio at least 0.80: {'met' if ratio >= 0.8 else 'MISSED'}")


if __name__ == "__main__":
    main()
