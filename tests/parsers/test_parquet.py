"""Parquet files as other programs write them, damaged ones, and what of them is read."""

import io
import random
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import UnitError
from engine.kinds import Limits, Needs
from engine.parsers.parquet import Parquet
from engine.records import Damage, Digits, Instant

ROWS = {
    "int": pa.array([1, None, -(2**63)], pa.int64()),
    "small": pa.array([1, None, 255], pa.uint8()),
    "large": pa.array([1, None, 2**64 - 1], pa.uint64()),
    "float": pa.array([1.5, None, -0.0]),
    "bool": pa.array([True, None, False]),
    "text": pa.array(["0042", None, "é\U0001f600"]),
    "price": pa.array([Decimal("1.10"), None, Decimal("-0.05")], pa.decimal128(10, 2)),
    "wide": pa.array([Decimal(1), None, Decimal("12345678901234567890123456789.123456789")], pa.decimal128(38, 9)),
    "at": pa.array([datetime(2026, 1, 31, 10, 0, 0, 5), None, datetime(1, 1, 1)], pa.timestamp("us", "UTC")),
    "zoned": pa.array([datetime(2026, 1, 31, 10), None, datetime(9999, 12, 31)], pa.timestamp("ms", "Europe/Berlin")),
    "local": pa.array([datetime(2026, 1, 31, 10), None, datetime(9999, 12, 31, 23, 59, 59)], pa.timestamp("s")),
    "nano": pa.array([1769853600_000_001_000, None, 0], pa.timestamp("ns", "UTC")),
    "day": pa.array([date(2026, 1, 31), None, date(1, 1, 1)]),
    "time": pa.array([time(10, 0, 0, 500_000), None, time(23, 59, 59)]),
    "fine": pa.array([36_000_000_000_001, None, 0], pa.time64("ns")),
    "list": pa.array([["a", None], None, []]),
    "deep": pa.array([[{"x": 1, "y": [[1], []]}, None], None, []]),
    "group": pa.array([{"a": 1, "b": None}, None, {"a": None, "b": {"c": "d"}}]),
    "map": pa.array([[("k", 1), ("k", 2)], None, []], pa.map_(pa.string(), pa.int8())),
    "other_map": pa.array([[(5, "x")], None, []], pa.map_(pa.int32(), pa.string())),
    "kind": pa.array(["A", None, "B"]).dictionary_encode(),
    "bytes": pa.array([b"abc", None, b""]),
    "nothing": pa.nulls(3),
}
FIRST = {
    "int": 1, "small": 1, "large": 1, "float": 1.5, "bool": True, "text": "0042", "price": Decimal("1.10"),
    "wide": Decimal("1.000000000"), "at": Instant(2026, 1, 31, 10, 0, 0, 5, tzinfo=UTC),
    "zoned": Instant(2026, 1, 31, 10, tzinfo=UTC), "local": datetime(2026, 1, 31, 10),
    "nano": Instant(2026, 1, 31, 10, 0, 0, 1, tzinfo=UTC), "day": date(2026, 1, 31), "time": "10:00:00.500000",
    "fine": "10:00:00.000000001", "list": ["a", None], "deep": [{"x": 1, "y": [[1], []]}, None],
    "group": {"a": 1, "b": None}, "map": {"k": 2}, "other_map": [{"key": 5, "value": "x"}], "kind": "A", "bytes": "abc",
    "nothing": None,
}  # fmt: skip
THIRD = {
    "int": -(2**63), "small": 255, "large": 2**64 - 1, "float": -0.0, "bool": False, "text": "é\U0001f600",
    "price": Decimal("-0.05"), "wide": Decimal("12345678901234567890123456789.123456789"),
    "at": Instant(1, 1, 1, tzinfo=UTC), "zoned": Instant(9999, 12, 31, tzinfo=UTC),
    "local": datetime(9999, 12, 31, 23, 59, 59), "nano": Instant(1970, 1, 1, tzinfo=UTC), "day": date(1, 1, 1),
    "time": "23:59:59", "fine": "00:00:00", "list": [], "deep": [], "group": {"a": None, "b": {"c": "d"}}, "map": {},
    "other_map": [], "kind": "B", "bytes": "", "nothing": None,
}  # fmt: skip


def written(columns, **options):
    """The bytes of a file that pyarrow writes."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


USUAL, ALL = Limits(), Needs()


def read(data, limits=USUAL, needs=ALL, **options):
    """Its records, and the damaged ones as code and message."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    batches = Parquet(**options).bound(needs).batches(stream, limits)
    return [
        (value.code, value.message) if isinstance(value, Damage) else value
        for batch in batches
        for value in batch.values
    ]


def shown(record):
    return {name: (type(value), str(value), value) for name, value in record.items()}


def test_every_type():
    first, second, third = read(written(ROWS))
    assert shown(first) == shown(FIRST)
    assert second == dict.fromkeys(ROWS)
    assert shown(third) == shown(THIRD)


OTHERS = {
    "snappy": {"compression": "snappy"},
    "gzip": {"compression": "gzip"},
    "brotli": {"compression": "brotli"},
    "lz4": {"compression": "lz4"},
    "zstd": {"compression": "zstd", "compression_level": 19},
    "none": {"compression": "none"},
    "plain": {"use_dictionary": False},
    "pages v2": {"data_page_version": "2.0"},
    "tiny pages": {"data_page_size": 1, "write_batch_size": 1},
    "small groups": {"row_group_size": 1},
    "version 1.0": {"version": "1.0", "coerce_timestamps": "us"},
    "without Arrow's schema": {"store_schema": False},
    "page index": {"write_page_index": True, "write_page_checksum": True},
    "decimals as integers": {"store_decimal_as_integer": True},
}


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
def test_files_of_other_writers(options):
    columns = ROWS if "version" not in options else {name: each for name, each in ROWS.items() if name != "fine"}
    first, second, third = read(written(columns, **options))
    for record, wanted in ((first, FIRST), (third, THIRD)):
        assert shown(record) == shown({name: wanted[name] for name in columns})
    assert second == dict.fromkeys(columns)


def test_int96_as_spark_and_hive_write_it():
    at = pa.array([datetime(2026, 1, 31, 10, 0, 0, 5), datetime(9999, 12, 31), datetime(1, 1, 1)], pa.timestamp("us"))
    records = read(written({"at": at}, use_deprecated_int96_timestamps=True))
    assert [record["at"] for record in records] == at.to_pylist()


def test_more_encodings():
    numbers, texts = list(range(5000)), [f"sku-{number:05}" for number in range(5000)]
    data = written({"n": numbers, "t": texts, "f": [n / 4 for n in numbers]}, use_dictionary=False,
                   column_encoding={"n": "DELTA_BINARY_PACKED", "t": "DELTA_BYTE_ARRAY", "f": "BYTE_STREAM_SPLIT"})  # fmt: skip
    assert read(data) == [{"n": n, "t": t, "f": n / 4} for n, t in zip(numbers, texts, strict=True)]


def test_small_decimals_are_written_with_plain_digits():
    column = pa.array([Decimal("0.00000001"), Decimal("1E-8") * 0, Decimal("12.5")], pa.decimal128(12, 8))
    values = [record["n"] for record in read(written({"n": column}))]
    assert [str(value) for value in values] == ["0.00000001", "0.00000000", "12.50000000"]
    assert isinstance(values[0], Digits)


def test_values_that_are_none_of_ours_are_rejects_of_their_records():
    columns = {
        "id": [1, 2, 3],
        "nano": pa.array([0, 1, None], pa.timestamp("ns", "UTC")),
        "far": pa.array([0, 0, 2**60], pa.timestamp("us")),
        "bytes": pa.array([b"a", b"b", b"\xff"]),
        "float": [0.0, float("nan"), 1.0],
    }
    assert read(written(columns)) == [
        {"id": 1, "nano": Instant(1970, 1, 1, tzinfo=UTC), "far": datetime(1970, 1, 1), "bytes": "a", "float": 0.0},
        ("R174", "`nano` is a time finer than microseconds"),
        ("R174", "`far` is a time beyond the years 1 to 9999"),
    ]
    only = {name: columns[name] for name in ("bytes", "float")}
    assert read(written(only)) == [
        {"bytes": "a", "float": 0.0},
        ("R174", "`float` is not a number that can be counted with: NaN or infinite"),
        ("R174", "`bytes` is bytes that are not UTF-8 (0xff): set `binary: base64`"),
    ]
    assert [record["bytes"] for record in read(written({"bytes": only["bytes"]}), binary="base64")] == [
        "YQ==",
        "Yg==",
        "/w==",
    ]
    text = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    assert read(written({"text": text})) == [("R174", "`text` is bytes that are not UTF-8 (0xff)")]
    days = pa.array([0, 2**30, None], pa.int32()).view(pa.date32())
    assert read(written({"day": days}))[1] == ("R174", "`day` is a day beyond the years 1 to 9999")


def test_records_have_numbers_and_no_lines():
    batches = list(Parquet().batches(io.BytesIO(written({"a": list(range(2500))}, row_group_size=1200)), Limits()))
    places = [batch.place(len(batch) - 1) for batch in batches]
    assert [place.number for place in places] == [1024, 1200, 2224, 2400, 2500]
    assert {(place.line, place.offset, place.raw) for place in places} == {(0, 0, b"")}


class Counting(io.BytesIO):
    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


def test_only_columns_that_are_needed_are_read():
    chance = random.Random(1)
    columns = {
        "id": list(range(20_000)),
        "blob": [chance.randbytes(40).hex() for _ in range(20_000)],
        "a.b": [1] * 20_000,
    }
    data = written(columns)
    stream = Counting(data)
    assert read(stream, needs=Needs({"id": None, "absent": None}))[1] == {"id": 1}
    assert stream.taken < len(data) / 4
    assert read(data, needs=Needs({"a": None, "id": None}))[0] == {"id": 0}
    assert read(data, needs=Needs({"a.b": None}))[0] == {"a.b": 1}
    assert read(data, needs=Needs({"*": None}))[0].keys() == columns.keys()
    assert read(data, needs=Needs({})) == [{}] * 20_000


def test_nothing_in_it():
    assert read(written({"a": pa.array([], pa.int64())})) == []


def failed(data, limits=USUAL):
    with pytest.raises(UnitError) as raised:
        read(data, limits)
    return raised.value.code, raised.value.message, raised.value.help


def test_files_that_are_damaged():
    data, again = written({"a": ["x" * 50, "y"]}), "deliver the file again"
    assert failed(b"") == ("R171", "the Parquet file is damaged: it has 0 bytes", again)
    assert failed(b"a,b\n1,2\n3,4\n") == ("R171", "the Parquet file is damaged: it does not begin with PAR1", again)
    said = "the Parquet file is damaged: it does not end with PAR1: it was cut off, or is still being written"
    assert failed(data[: len(data) // 2]) == ("R171", said, again)
    assert failed(data[:-4] + b"PARE") == ("R171", "the Parquet file is damaged: it is encrypted", again)
    long = data[:-8] + (2**31).to_bytes(4, "little") + b"PAR1"
    said = "the Parquet file is damaged: its footer of 2,147,483,648 bytes is larger than the file"
    assert failed(long) == ("R171", said, again)


def test_a_page_whose_checksum_fails():
    data = bytearray(
        written({"a": list(range(1000))}, compression="none", use_dictionary=False, write_page_checksum=True)
    )
    data[4000] ^= 1
    assert failed(bytes(data)) == (
        "R171",
        "the Parquet file is damaged: could not verify page integrity, CRC checksum verification failed for page_ordinal 0",
        "deliver the file again",
    )


PLAIN = {"use_dictionary": False, "compression": "gzip", "write_statistics": False, "store_schema": False}


def first_page(data):
    return pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).data_page_offset


def test_pages_that_lie():
    """A header begins `15 00 15 <unpacked> 15 <packed>`: type, then two integers of seven bits a byte, doubled."""
    data = bytearray(written({"a": ["x" * 3000]}, **PLAIN))
    at = first_page(data) + 3
    assert data[at - 3 : at] == b"\x15\x00\x15"
    honest = data[at : at + 2]
    data[at : at + 2] = b"\xfe\x7f"  # 8,191 bytes, of which there are 3,000
    assert failed(bytes(data))[0] == "R171"
    assert failed(bytes(data), Limits(page=5000)) == (
        "R172", "a page of `a` has 8,191 bytes, the limit is 5,000", "if it is right, raise `limits.page`",
    )  # fmt: skip
    data[at : at + 2] = b"\xff\x7f"  # a negative number
    assert failed(bytes(data))[:2] == (
        "R171",
        "the Parquet file is damaged: a page of `a` at byte 4 lies about its size",
    )
    data[at : at + 2] = honest
    assert read(bytes(data)) == [{"a": "x" * 3000}]


def test_limits_of_memory():
    data = written({"a": ["x" * 3000]}, **PLAIN)
    assert failed(data, Limits(page=100)) == (
        "R172",
        f"the footer has {int.from_bytes(data[-8:-4], 'little')} bytes, the limit is 100",
        "if it is right, raise `limits.page`",
    )
    lists = written({"a": [[0] * 10_000_000]}, compression="zstd", data_page_size=2**30)
    assert failed(lists, Limits(page=2**30)) == (
        "R172", "the lists of `a.list.element` unpack to more than 200 times their bytes",
        "if it is right, raise `limits.ratio`",
    )  # fmt: skip


def test_a_long_value_that_stands_in_every_row_does_not_fill_the_memory():
    data = written({"a": ["x" * 2**20] * 5000}, compression="zstd", dictionary_pagesize_limit=2**24)
    batches = Parquet().batches(io.BytesIO(data), Limits())
    assert max(len(batch) for batch in batches) <= 64


def test_schemas_that_make_no_records():
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    file = io.BytesIO()
    pq.write_table(twice, file)
    assert failed(file.getvalue()) == ("R173", "the schema names `a` twice", "give each column a name of its own")


def test_row_groups_that_lie_about_their_rows():
    """The footer ends each row group with its number of rows, doubled; here 3 become 4."""
    data = written({"a": [7, 8, 9]}, compression="none", store_schema=False)
    lies = [bytes(data[:at] + b"\x08" + data[at + 1 :]) for at in range(len(data)) if data[at : at + 1] == b"\x06"]
    codes = set()
    for lie in lies:
        try:
            assert [record["a"] for record in read(lie)] == [7, 8, 9]
        except UnitError as error:
            codes.add(error.message)
    assert "the Parquet file is damaged: row group 1 says it has 4 rows, and has not" in codes


def test_damage_never_ends_the_process():
    """A thousand files with a few bytes changed, in a process of their own: read, rejected or refused, never a crash."""
    program = textwrap.dedent("""
        import io, random, sys
        sys.path[:0] = [sys.argv[1]]
        from test_parquet import ROWS, written, read
        from engine.errors import UnitError
        from engine.kinds import Limits
        chance = random.Random(7)
        whole = [written(ROWS), written(ROWS, compression="none", use_dictionary=False, data_page_version="2.0")]
        fine = refused = 0
        for turn in range(1000):
            data = bytearray(whole[turn % 2])
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                read(bytes(data), Limits(page=2**20))
                fine += 1
            except UnitError as error:
                assert error.code in ("R171", "R172", "R173"), error
                refused += 1
        print(fine + refused)
    """)
    child = subprocess.run(
        [sys.executable, "-c", program, str(__file__).rpartition("/")[0]], capture_output=True, text=True
    )
    assert (child.returncode, child.stdout) == (0, "1000\n"), child.stderr[-2000:]


def test_a_schema_is_evidence(tmp_path):
    shape = Parquet().shape_of(io.BytesIO(written(ROWS)), Limits())
    assert {name: each.type for name, each in shape.fields.items()} == {
        "int": "int", "small": "int", "large": "int", "float": "float", "bool": "bool", "text": "text",
        "price": "decimal", "wide": "decimal", "at": "instant", "zoned": "instant", "local": "local", "nano": "instant",
        "day": "date", "time": "text", "fine": "text", "list": "list", "deep": "list", "group": "object",
        "map": "object", "other_map": "list", "kind": "text", "bytes": "text", "nothing": "any",
    }  # fmt: skip
    assert (shape.closed, shape.fields["price"].places, shape.fields["group"].closed) == (True, 2, True)
    assert not any(each.sure for each in shape.fields.values())  # the next file may have another schema
