"""Texts in other encodings: what is read, and that every place is one of the file as it is."""

import codecs
import io
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.delivery.rejects import RAW_KEPT, RAW_WHOLE, raw_of
from engine.errors import UnitError
from engine.kinds import Limits
from engine.parsers import _lines
from engine.parsers._encodings import Encoding
from engine.parsers._input import batches_of
from engine.parsers.csv import Csv
from engine.parsers.jsonl import Jsonl
from engine.parsers.text import Text

NAMES = get_args(Encoding)
WIDE = ["utf-16", "utf-16-le", "utf-32", "gb18030", "utf-8"]
LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), min_size=1, max_size=9),
    max_size=9,
)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("utf")])
def test_every_encoding_gives_back_the_bytes_it_was_read_from(name):
    singles = [bytes([byte]) for byte in range(256)]
    pairs = (
        [bytes([lead, byte]) for lead in range(0x81, 0xFF) for byte in range(0x40, 0xFF)] if name == "gb18030" else []
    )
    for data in singles + pairs:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        assert text.encode(name) == data


@settings(max_examples=60, deadline=None)
@given(
    lines=LINES,
    name=st.sampled_from(WIDE),
    size=st.sampled_from([1, 3, 7, 1000]),
    block=st.sampled_from([1, 9, 1 << 15]),
)
def test_places_are_those_of_the_file(read, lines, name, size, block):
    data = "\n".join(["{", *lines]).encode(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lines, "BLOCK", block)
        found = read(Jsonl(encoding=name), data, size=size)
    codec = f"{name}-le" if name in ("utf-16", "utf-32") else name
    rejected = [each for each in found if isinstance(each, tuple)]
    assert rejected[0][1:4] == (1, 1, len(data) - len("\n".join(["{", *lines]).encode(codec)))
    for code, _, line, offset, raw in rejected:
        assert code == "R103"
        assert data[offset : offset + len(raw)] == raw
        assert raw == ["{", *lines][line - 1].encode(codec)


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=60),
    name=st.sampled_from(["cp1252", "ascii", "utf-16-le", "gb18030"]),
    block=st.sampled_from([1, 16]),
)
def test_no_bytes_are_lost(read, data, name, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lines, "BLOCK", block)
        for each in read(Text(encoding=name, blank_lines="record"), data, size=5):
            if isinstance(each, tuple):
                code, _, _, offset, raw = each
                assert (code, data[offset : offset + len(raw)]) == ("R102", raw)


def test_what_is_refused_names_the_encoding(read):
    batches = read(Csv(encoding="cp1252"), b"a,b\n\x81,1\n\xe9,2\n")
    assert batches == [("R102", 1, 2, 4, b"\x81,1"), {"a": "\xe9", "b": "2"}]
    with pytest.raises(UnitError) as raised:
        read(Csv(encoding="cp1252"), b"a,\x81\n1,2\n")
    assert raised.value.message == "the header cannot be read: not cp1252: byte 0x81"


REFUSED = [
    ("utf-8", codecs.BOM_UTF16_LE + b"a\0", "the input begins with the byte order mark of UTF-16", "set `encoding: utf-16` on the parser"),
    ("utf-8", codecs.BOM_UTF32_BE, "the input begins with the byte order mark of UTF-32", "set `encoding: utf-32` on the parser"),
    ("utf-16", b"a\0", "the input is read as utf-16 and has no byte order mark", "say the order of its bytes: `encoding: utf-16-le`, or `-be`"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "message", "help"), REFUSED)
@pytest.mark.parametrize("size", [1, None])
def test_another_encoding_than_is_said(read, name, data, message, help, size):
    with pytest.raises(UnitError) as raised:
        read(Csv(encoding=name), data, size=size)
    assert (raised.value.code, raised.value.message, raised.value.help) == ("R125", message, help)


@pytest.mark.parametrize("name", ["cp1252", "utf-16", "utf-8"])
def test_raw_text_of_a_reject_is_decoded(name):
    data = "a,b\nä€,1\nö\n".encode(name)
    (batch,) = batches_of(Csv(encoding=name), io.BytesIO(data), "", Limits())
    place = batch.place(1)
    assert (raw_of(place), place.raw) == ({"raw": "ö"}, "ö".encode("utf-16-le" if name == "utf-16" else name))
    assert data[place.offset : place.offset + place.size] == place.raw


def test_raw_bytes_of_a_reject_that_are_no_text_are_kept():
    (batch,) = batches_of(Csv(encoding="cp1252"), io.BytesIO(b"a\n\xe4\x81\n"), "", Limits())
    assert raw_of(batch.place(0)) == {"raw_base64": "5IE="}


def test_raw_text_that_is_cut_ends_with_a_whole_character():
    data = ("a,b\nx" + "ä" * RAW_WHOLE + "\n").encode("cp1252")
    batches = batches_of(Csv(encoding="cp1252"), io.BytesIO(data), "", Limits())
    (made,) = [raw_of(batch.place(0)) for batch in batches if len(batch)]
    assert made["raw"] == "x" + "ä" * (RAW_KEPT // 2 - 1)
    assert made["raw_bytes"] == RAW_WHOLE + 1


def test_a_record_over_the_limit_keeps_its_place_and_no_more(read, monkeypatch):
    monkeypatch.setattr(_lines, "BLOCK", 64)
    data = ("a\n" + "€" * 5000 + "\nb\n\u20acx\n{").encode("utf-16-le")
    found = read(Text(encoding="utf-16-le"), data, limits=Limits(record=300))
    assert found[0] == {"line": "a"}
    assert found[1][:4] == ("R104", 2, 2, 4)
    assert data[4:].startswith(found[1][4])
    assert found[2:] == [{"line": "b"}, {"line": "\u20acx"}, {"line": "{"}]
