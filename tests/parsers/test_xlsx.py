"""The parser `xlsx`: cells as they are shown and typed, what is refused, files that are none."""

import importlib.util
import io
import zipfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from engine.errors import OptionError, SpecError, UnitError
from engine.kinds import Limits
from engine.parsers._headers import Header
from engine.parsers.xlsx import Xlsx
from engine.spec.compile import load

openpyxl = pytest.importorskip("openpyxl", reason="pip install 'pipeline-engine[xlsx]'")


def book(*sheets):
    """A file of sheets: a name, and cells by their place, each a value or a value with its format."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, cells in sheets:
        page = made.create_sheet(name)
        for place, said in cells.items():
            value, form = said if isinstance(said, tuple) else (said, None)
            page[place] = value
            if form:
                page[place].number_format = form
            if str(value).startswith("#"):
                page[place].data_type = "e"
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


CELLS = [
    ("0042", None, "0042", "0042"),
    (42, None, "42", 42),
    (42, "00000", "00042", 42),
    (7.5, "0.00", "7.50", Decimal("7.5")),
    (-1234.5, "#,##0.00", "-1,234.50", Decimal("-1234.5")),
    (0.125, "0%", "13%", Decimal("0.125")),
    (0.125, "0.00", "0.13", Decimal("0.125")),
    (-2.5, "0", "-3", Decimal("-2.5")),
    (1e300, "#,##0.00", f"{10**300:,}.00", 10**300),
    (-0.001, "0.00", "0.00", Decimal("-0.001")),
    (0.1, "0.00 [$EUR]", "0.1", Decimal("0.1")),
    (1.5e-7, None, "0.00000015", Decimal("0.00000015")),
    (1e21, None, "1000000000000000000000", 10**21),
    (True, None, "TRUE", True),
    (date(2024, 1, 31), "dd.mm.yyyy", "2024-01-31", date(2024, 1, 31)),
    (datetime(2024, 1, 31, 10, 20), "dd.mm.yyyy hh:mm", "2024-01-31 10:20:00", datetime(2024, 1, 31, 10, 20)),
    (datetime(2024, 1, 31), "dd.mm.yyyy hh:mm", "2024-01-31 00:00:00", datetime(2024, 1, 31)),
    (time(10, 20), "hh:mm", "10:20:00", "10:20:00"),
    (timedelta(hours=30, minutes=5), "[hh]:mm", "30:05:00", "30:05:00"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "form", "shown", "typed"), CELLS)
def test_cells(read, value, form, shown, typed):
    data = book(("S", {"A1": "a", "B1": "b", "A2": (value, form), "B2": "x"}))
    assert read(Xlsx(), data) == [{"a": shown, "b": "x"}]
    (record,) = read(Xlsx(cells="typed"), data)
    assert (record["a"], type(record["a"])) in ((typed, type(typed)), (typed, getattr(record["a"], "__class__", None)))
    assert type(record["a"]) is not float


def test_rows(read):
    cells = {"A1": "Title", "A3": " a ", "C3": "c", "A4": "1", "C4": "2", "A6": "3", "A7": "4", "B7": "?", "C8": "#N/A"}
    data = book(("Notes", {}), ("S", {**cells, "A9": "m", "E9": "", "D10": "x"}))
    expected = [
        {"a": "1", "c": "2"}, {"a": "3", "c": ""}, ("R110", 3, 7, 0, b"4\t?"), ("R109", 4, 8, 0, b"\t\t#N/A"),
        {"a": "m", "c": ""}, ("R110", 6, 10, 0, b"\t\t\tx"),
    ]  # fmt: skip
    assert read(Xlsx(sheet="S", skip=2), data) == expected
    assert read(Xlsx(sheet=2, skip=2), data, size=1000) == expected
    assert read(Xlsx(), data) == []
    named = Xlsx(sheet="S", skip=3, header=False, names=["x", "y", "z", "w"])
    assert read(named, data)[:3] == [
        {"x": "1", "y": "", "z": "2", "w": ""}, {"x": "3", "y": "", "z": "", "w": ""},
        {"x": "4", "y": "?", "z": "", "w": ""},
    ]  # fmt: skip


def test_rejects_in_whole_texts():
    data = book(("S", {"A1": "a", "A2": "#DIV/0!", "A3": "x", "AB3": "y", "A4": "=1+1"}))
    values = [value for batch in Xlsx().batches(io.BytesIO(data), Limits()) for value in batch.values]
    assert [(value.code, value.message) for value in values] == [
        ("R109", "the cell A2 is an error: #DIV/0!"),
        ("R110", "the cell AB3 has a value, and its column no name"),
        ("R109", "the cell A4 has a formula without a value: open and save the file in a spreadsheet program"),
    ]


def test_a_rejected_row_is_shown_as_its_cells(read):
    cells = {"A1": "a", "B1": "b", "C1": "c", "D1": "d", "A2": "x", "B2": (7.5, "0.00"), "C2": True, "D2": "#N/A"}
    data = book(("S", cells))
    assert read(Xlsx(), data) == [("R109", 1, 2, 0, b"x\t7.50\tTRUE\t#N/A")]
    assert read(Xlsx(cells="typed"), data) == [("R109", 1, 2, 0, b"x\t7.5\tTRUE\t#N/A")]


def test_a_formula_whose_value_is_an_empty_text_is_blank(read):
    data = book(("S", {"A1": "a", "B1": "b", "A2": "=1+1", "B2": "x"}))
    page = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")
    data = with_member(data, "xl/worksheets/sheet1.xml", page.replace(b'<c r="A2"', b'<c r="A2" t="str"'))
    assert read(Xlsx(), data) == [{"a": "", "b": "x"}]


def test_names_are_told_whatever_the_first_rows_are():
    data = book(("S", {"A1": "a", "C1": "c", "A2": "#N/A", "A3": "x"}))
    (batch,) = Xlsx().batches(io.BytesIO(data), Limits())
    assert list(batch.names) == ["a", "", "c"]
    assert len(batch.head(1)) == 1
    assert batch.head(1).place(0).line == 2


def test_a_header_that_breaks_its_contract(read):
    data = book(("S", {"A1": "a", "C1": "c"}))
    with pytest.raises(UnitError) as raised:
        read(Xlsx(header=Header(require=["a", "b"], allow_extra=False)), data)
    expected = "the header breaks its contract: `b` missing; `c` not expected"
    assert (raised.value.code, raised.value.message) == ("R123", expected)
    assert read(Xlsx(header=Header(require=["a"], optional=["b"])), data) == []


def test_files_that_are_refused(read):
    data = book(("S", {"A1": "a", "B1": "a"}), ("T", {}))
    for parser, given, code, message, help in (
        (Xlsx(), data, "R122", "the header names `a` twice", "give each column a name of its own"),
        (Xlsx(sheet="U"), data, "R128", "the spreadsheet has no sheet `U`", "it has `S`, `T`"),
        (Xlsx(sheet=3), data, "R128", "the spreadsheet has no sheet `3`", "it has `S`, `T`"),
        (
            Xlsx(sheet="Prics"), book(("Prices", {}), ("T", {})), "R128", "the spreadsheet has no sheet `Prics`",
            "did you mean `Prices`? it has `Prices`, `T`",
        ),
        *(
            (Xlsx(), given, "R128", f"the file is no `.xlsx` spreadsheet: {found}", "save it as `.xlsx`, without a password")
            for given, found in (
                (b"", "it is empty"),
                (b"a,b\n", "it is text, which begins with `a,b\\n`"),
                (b"\x1f\x8b\x08", "it is compressed (gzip), which its name does not say"),
                (b"%PDF-1.7", "it is a PDF"),
                (b"\n<html>", "it is a page of HTML"),
                (b"<a/>", "it is XML"),
                (b'{"a": 1}', "it is JSON"),
                (bytes(5), "it begins with the bytes 00 00 00 00"),
            )
        ),
        (
            Xlsx(), b"\x05Marie" + b" " * 159, "R128",
            "the file is no `.xlsx` spreadsheet: it is the `~$` file that a program keeps beside one that is open",
            'leave such files out: `exclude: ["**/~$*"]` on the source',
        ),
        (
            Xlsx(), b"\xd0\xcf\x11\xe0" + bytes(99), "R128",
            "the file is no `.xlsx` spreadsheet: it is of the old kind (`.xls`), or encrypted",
            "save it as `.xlsx`, without a password",
        ),
        (Xlsx(), data[:-60], "R131", "the zip file is damaged: it has no directory at its end", "deliver the file again"),
    ):  # fmt: skip
        with pytest.raises(UnitError) as raised:
            read(parser, given)
        assert (raised.value.code, raised.value.message, raised.value.help) == (code, message, help)


def with_member(data, name, content):
    """A spreadsheet with one part exchanged."""
    old, made = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for each in {*old.namelist(), name}:
            file.writestr(each, content if each == name else old.read(each))
    return made.getvalue()


def test_spreadsheets_made_to_harm(read):
    data = book(("S", {"A1": "a", "A2": "x"}))
    for name, content, code, limits in (
        ("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row>", "R128", Limits()),
        ("xl/workbook.xml", b"<workbook", "R128", Limits()),
        ("xl/sharedStrings.xml", bytes(40_000), "R132", Limits(record=1000)),
        ("xl/media/x.bin", bytes(70 << 20), "R132", Limits()),
    ):
        with pytest.raises(UnitError) as raised:
            read(Xlsx(), with_member(data, name, content), limits=limits)
        assert raised.value.code == code
    lol = b'<!DOCTYPE sst [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 1000 + b'"><!ENTITY c "' + b"&b;" * 1000 + b'">]>'
    bomb = with_member(data, "xl/sharedStrings.xml", lol + b"<sst><si><t>" + b"&c;" * 1000 + b"</t></si></sst>")
    with pytest.raises(UnitError) as raised:
        read(Xlsx(), bomb)
    assert raised.value.code == "R128"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("EUC-JP", "multi-byte encodings are not supported"),
        ("UTF-32", "multi-byte encodings are not supported"),
        ("nope", "unknown encoding: nope"),
    ],
)
def test_parts_in_encodings_that_no_spreadsheet_has(read, encoding, said):
    data = book(("S", {"A1": "a", "A2": "x"}))
    part = f'<?xml version="1.0" encoding="{encoding}"?><sst/>'.encode()
    with pytest.raises(UnitError) as raised:
        read(Xlsx(), with_member(data, "xl/sharedStrings.xml", part))
    assert str(raised.value) == (
        f"error[R128]: `xl/sharedStrings.xml` in the spreadsheet is in an encoding that no spreadsheet has: {said}\n"
        "   = help: deliver it again, saved as `.xlsx`"
    )


def test_a_library_that_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OptionError) as raised:
        Xlsx()
    assert (raised.value.code, raised.value.message, raised.value.help) == (
        "S211",
        "the parser `xlsx` needs a library",
        "pip install 'pipeline-engine[xlsx]'",
    )


def test_a_sample_without_the_sheet_is_said_at_the_sheet(tmp_path):
    (tmp_path / "p.xlsx").write_bytes(book(("Prices", {"A1": "a"}), ("Notes", {})))
    spec = tmp_path / "p.yaml"
    spec.write_text(
        "source: {type: files, path: '*.xlsx'}\nparser: {type: xlsx, sheet: Prics}\nsample: p.xlsx\n"
        "mapping: {fields: {a: a}}\nsink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
    )
    with pytest.raises(SpecError) as raised:
        load(str(spec))
    (problem,) = raised.value.problems
    assert (problem.code, problem.line, problem.column, problem.message, problem.help) == (
        "S313", 2, 29, "the sample cannot be read: the spreadsheet has no sheet `Prics`",
        "did you mean `Prices`? it has `Prices`, `Notes`",
    )  # fmt: skip
