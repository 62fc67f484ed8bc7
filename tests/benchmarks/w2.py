"""W2, orders in XML to nested JSON lines: the whole `engine run` beside the faster of two hand-written loops.

Namespaces, attributes, one list mapped item by item; decimals are exact on both sides. Target: at least 0.8 of the
peer's records a second, in under 64 MB.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from datetime import datetime, timedelta

from measure import ENGINE, Child, child, folder, in_turn, middle, table
from w1 import compare

SPEC = """\
name: w2
source: {type: files, path: w2.xml}
parser: {type: xml, record_path: "o:orders.o:order"}
mapping:
  fields:
    orderId: "@id"
    status: {source: "@status", resolver: lower}
    createdOn: {source: "@created", resolver: {type: format_date, to: "%Y-%m-%d", zone: UTC}}
    customerRef: c:customer.@ref
    customerName: {source: c:customer.c:name, resolver: trim}
    email: c:customer.c:email
    city: c:address.c:city
    country: c:address.c:country
    total: {source: "o:total", resolver: decimal}
    items:
      each: o:items.o:item
      fields:
        sku: "@sku"
        qty: {source: "@qty", resolver: int}
        price: {source: "o:price", resolver: decimal}
        desc: o:desc
sink: {type: files, path: "out/{unit.stem}.jsonl"}
"""
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "w2_peer.py")
WORDS = [
    *("red", "blue", "green", "steel", "cotton", "wool", "shirt", "lamp", "chair", "boot", "glove", "cable"),
    *('"quoted"', "é"),
]


def item(chance: random.Random) -> str:
    """One line of an order."""
    return (
        f'      <o:item qty="{chance.randrange(1, 9)}" sku="SKU{chance.randrange(10**6):06d}">'
        f'<o:price currency="USD">{chance.randrange(100, 99_999) / 100}</o:price>'
        f"<o:desc>{chance.choice(WORDS)} &amp; {chance.choice(WORDS)}</o:desc></o:item>\n"
    )


def order(chance: random.Random, number: int, dates: list[str]) -> str:
    """One order of one to five lines."""
    items = "".join(item(chance) for _ in range(chance.randrange(1, 6)))
    status, created = ("NEW", "BOOKED", "SHIPPED")[chance.randrange(3)], dates[chance.randrange(len(dates))]
    return (
        f'  <o:order id="ORD-{number:07d}" status="{status}" created="{created}">\n'
        f'    <c:customer ref="CUST-{chance.randrange(10**5):05d}">'
        f"<c:name> First{number % 997} Last{number % 991} </c:name><c:email>u{number}@example.com</c:email></c:customer>\n"
        f"    <c:address><c:city>City{chance.randrange(500)}</c:city><c:country>AU</c:country></c:address>\n"
        f"    <o:items>\n{items}    </o:items>\n    <o:total>{chance.randrange(1000, 999_999) / 100}</o:total>\n  </o:order>\n"
    )


def prepare(where: str, rows: int) -> None:
    """Input and spec in a folder of their own."""
    os.makedirs(where)
    chance, first = random.Random(42), datetime(2024, 1, 1)
    dates = [f"{first + timedelta(minutes=7 * i):%Y-%m-%dT%H:%M:%SZ}" for i in range(75_000)]
    with open(os.path.join(where, "w2.xml"), "w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<o:orders xmlns:o="urn:ex:orders" xmlns:c="urn:ex:common">\n')
        file.writelines(order(chance, number, dates) for number in range(rows))
        file.write("</o:orders>\n")
    with open(os.path.join(where, "w2.yaml"), "w", encoding="utf-8") as file:
        file.write(SPEC)


def by_engine(where: str) -> Child:
    """A run from nothing: no state, no output."""
    for name in os.listdir(where):
        if name not in ("w2.xml", "w2.yaml", "peer"):
            shutil.rmtree(os.path.join(where, name))
    return child([*ENGINE, "run", "w2.yaml"], where)


def by_peer(where: str, how: str) -> Child:
    """The same work by hand."""
    os.makedirs(os.path.join(where, "peer"), exist_ok=True)
    return child([sys.executable, PEER, how, "w2.xml", "peer/w2.jsonl"], where)


def main() -> None:
    """Print the ratio and the memory."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=60_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with folder() as made:
        where = os.path.join(made, "w2")
        prepare(where, given.rows)
        child([*ENGINE, "check", "w2.yaml"], where)  # warms up
        tries = (lambda: by_engine(where), lambda: by_peer(where, "lxml"), lambda: by_peer(where, "et"))
        engine, lxml, et = in_turn(given.rounds, *tries)
        equal = compare(where, "w2")
    best = min(middle(lxml), middle(et))
    named = (("engine run", engine), ("lxml iterparse", lxml), ("ElementTree iterparse", et))
    figures = [(name, given.rows / middle(runs), middle(runs), middle(runs, "cpu"), middle(runs, "peak"), best / middle(runs))
               for name, runs in named]  # fmt: skip
    title = f"W2: {given.rows:,} orders, {given.rounds} rounds in turn, medians; {equal:,} lines equal"
    table(title, ("", "records/s", "seconds", "cpu s", "peak MB", "ratio"), figures)
    ratio, peak = best / middle(engine), middle(engine, "peak")
    print(f"  target: ratio at least 0.80: {'met' if ratio >= 0.8 else 'MISSED'}")
    print(f"  target: under 64 MB: {'met' if peak < 64 else 'MISSED'}")


if __name__ == "__main__":
    main()
