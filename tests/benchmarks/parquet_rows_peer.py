"""Parquet to Parquet by hand, what a programmer would write for this one mapping: `parquet_rows_peer.py SOURCE TARGET`."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = ["id", "sku", "status", "quantity", "price", "updated_at", "day", "address", "labels"]
SCHEMA = pa.schema([
    ("id", pa.int64()),
    ("sku", pa.string()),
    ("status", pa.string()),
    ("quantity", pa.int64()),
    ("price", pa.decimal128(38, 2)),
    ("updated_at", pa.timestamp("us", "UTC")),
    ("day", pa.date32()),
    ("city", pa.string()),
    ("labels", pa.list_(pa.string())),
])  # fmt: skip


def mapped(row):
    return {
        "id": row["id"],
        "sku": row["sku"].strip().upper(),
        "status": (row["status"] or "new").lower(),
        "quantity": row["quantity"],
        "price": row["price"],
        "updated_at": row["updated_at"],
        "day": row["day"],
        "city": row["address"]["city"],
        "labels": row["labels"],
    }


def main(source, target):
    file = pq.ParquetFile(source)
    with pq.ParquetWriter(target, SCHEMA, compression="zstd") as writer:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=COLUMNS).to_pylist()
            writer.write_table(pa.Table.from_pylist([mapped(row) for row in rows], schema=SCHEMA))


main(*sys.argv[1:])
