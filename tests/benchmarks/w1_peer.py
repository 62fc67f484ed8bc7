"""W1 by hand, what a programmer would write for this one mapping: `w1_peer.py SOURCE TARGET REJECTS`."""

import csv
import sys
from datetime import datetime

import orjson


def day(text):
    if len(text) != 20 or text[10] != "T" or text[19] != "Z":
        raise ValueError(f"not a time: {text}")
    datetime.fromisoformat(text)
    return text[:10]


def main(source, target, rejects):
    dumps, line_end = orjson.dumps, orjson.OPT_APPEND_NEWLINE
    with (
        open(source, newline="", encoding="utf-8") as lines,
        open(target, "wb") as out,
        open(rejects, "wb") as refused,
    ):
        rows = csv.reader(lines)
        width = len(next(rows))
        for number, row in enumerate(rows, 1):
            try:
                if len(row) != width:
                    raise ValueError(f"{len(row)} cells")  # noqa: TRY301
                ref = row[0].strip().upper()
                if not ref:
                    raise ValueError("ref is empty")  # noqa: TRY301
                record = {
                    "ref": ref,
                    "locationRef": row[1].strip(),
                    "qty": int(row[2]),
                    "type": row[3] or "DELTA",
                    "updatedOn": day(row[4]),
                    "price": float(row[5]),
                    "retailerId": "1",
                }
            except ValueError as error:
                refused.write(dumps({"row": number, "reason": str(error)}, option=line_end))
                continue
            out.write(dumps(record, option=line_end))


if __name__ == "__main__":
    main(*sys.argv[1:])
