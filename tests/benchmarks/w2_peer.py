"""W2 by hand, what a programmer would write for this one mapping: `w2_peer.py lxml|et SOURCE TARGET`."""

import sys
from datetime import datetime
from decimal import Decimal

import msgspec

ORDERS, COMMON = "{urn:ex:orders}", "{urn:ex:common}"
ITEMS, CUSTOMER, ADDRESS = f"{ORDERS}items", f"{COMMON}customer", f"{COMMON}address"
PRICE, NAME, CITY = f"{ORDERS}price", f"{COMMON}name", f"{COMMON}city"


def day(text):
    if len(text) != 20 or text[10] != "T" or text[19] != "Z":
        raise ValueError(f"not a time: {text}")
    datetime.fromisoformat(text)
    return text[:10]


def record(order):  # noqa: PLR0912 - one loop is what is fast
    """One pass over the children, told apart by their tags."""
    get = order.get
    made = {"orderId": get("id"), "status": get("status").lower(), "createdOn": day(get("created"))}
    items = []
    for child in order:
        tag = child.tag
        if tag == ITEMS:
            for item in child:
                one = {"sku": item.get("sku"), "qty": int(item.get("qty"))}
                for part in item:
                    if part.tag == PRICE:
                        one["price"] = Decimal(part.text)
                    else:
                        one["desc"] = part.text
                items.append(one)
        elif tag == CUSTOMER:
            made["customerRef"] = child.get("ref")
            for part in child:
                if part.tag == NAME:
                    made["customerName"] = part.text.strip()
                else:
                    made["email"] = part.text
        elif tag == ADDRESS:
            for part in child:
                made["city" if part.tag == CITY else "country"] = part.text
        else:
            made["total"] = Decimal(child.text)
    made["items"] = items
    return made


def by_lxml(source):
    from lxml import etree

    for _, order in etree.iterparse(source, events=("end",), tag=f"{ORDERS}order", resolve_entities=False):
        yield record(order)
        order.clear()
        while order.getprevious() is not None:
            del order.getparent()[0]


def by_et(source):
    import xml.etree.ElementTree as ET

    events = ET.iterparse(source, events=("start", "end"))  # noqa: S314 - a peer is what it is
    _, root = next(events)
    wanted = f"{ORDERS}order"
    for event, element in events:
        if event == "end" and element.tag == wanted:
            yield record(element)
            root.clear()


def main(how, source, target):
    encode = msgspec.json.Encoder(decimal_format="number").encode_into
    line = bytearray()
    with open(target, "wb", buffering=1 << 20) as out:
        for made in (by_lxml if how == "lxml" else by_et)(source):
            encode(made, line)
            line += b"\n"
            out.write(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
