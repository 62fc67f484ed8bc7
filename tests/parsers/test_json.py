"""The parser `json`: the fast way and the exact one, blocks of any size, flat memory."""

import json
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import UnitError
from engine.kinds import Limits
from engine.language.paths import Path
from engine.parsers import _items, _lines, _values
from engine.parsers.json import Json
from engine.records import Damage

KEYS = st.sampled_from(["a", "id", 'b"', "items", "]", "{,", "\\", "é"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.text(max_size=12),
    st.sampled_from(['\\"', "},{", "[", '"']),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
LIMITS = Limits(record=80, depth=4)


def said(read, parser, data, limits, size):
    try:
        return read(parser, data, limits=limits, size=size)
    except UnitError as error:
        return error.code


def exact(monkeypatch):
    """Nothing is found fast: every value ends where its own brackets end."""
    monkeypatch.setattr(_items, "cut", lambda data: 0)
    monkeypatch.setattr(_items, "decode_items", lambda data: None)
    monkeypatch.setattr(_values, "size_of", lambda data: 0)


@settings(max_examples=150, deadline=None)
@example(
    [None, {"items": None, "a": None, "id": None}, {"{,": None, "a": None, 'b"': None}], None, 1, b'"', 1 << 15, False
)
@given(
    values=st.lists(VALUES, max_size=12),
    indent=st.sampled_from([None, 0, 2]),
    cut=st.integers(0, 400),
    junk=st.sampled_from([b"", b"\xff", b",", b"]", b"}", b'"', b"\\", b"NaN", b" ", b"\\ud800", b"[[[[[["]),
    block=st.sampled_from([1, 5, 64, 1 << 15]),
    ascii=st.booleans(),
)
def test_the_fast_way_gives_what_the_exact_way_gives(read, values, indent, cut, junk, block, ascii):
    text = json.dumps(values, indent=indent, ensure_ascii=ascii).encode(errors="surrogatepass")
    data = text[:cut] + junk + text[cut:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lines, "BLOCK", block)
        fast = said(read, Json(), data, LIMITS, None)
        patch.setattr(_lines, "BLOCK", 7)
        assert said(read, Json(), data, LIMITS, 3) == fast
        exact(patch)
        assert said(read, Json(), data, LIMITS, None) == fast


@settings(max_examples=100, deadline=None)
@given(values=st.lists(VALUES, max_size=6), around=VALUES, indent=st.sampled_from([None, 1]))
def test_what_was_written_is_read(read, values, around, indent):
    wide = Limits()
    document = {"x": around, "data": [{"items": values}, {"y": around}], "z": around}
    data = json.dumps(document, indent=indent).encode()
    assert read(Json(record_path=Path.parse("data.items")), data, limits=wide) == json.loads(json.dumps(values))


def test_a_large_document_takes_little_memory(monkeypatch, trickle):
    monkeypatch.setattr(_items, "WHOLE", 1 << 16)
    member = b'{"k": 1, "text": "%s"},' % (b"x" * 2000)
    parts = [b'{"skip": [', *[member] * 3000, b'1], "object": {', *[b'"k%d": [1, {}],' % i for i in range(20000)]]
    parts += [b'"z": 1}, "records": ["', b"y" * 3_000_000, b'",', *[member] * 3000, b"2]}"]
    stream = trickle(b"".join(parts), 1 << 16)
    del parts
    tracemalloc.start()
    count, damages = 0, []
    for batch in Json(record_path=Path.parse("records")).batches(stream, Limits(record=1 << 20)):
        count += len(batch)
        damages += [value.message for value in batch.values if isinstance(value, Damage)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, damages) == (3002, ["the record has 3,000,002 bytes, the limit is 1,048,576: raise `limits.record`"])
    assert peak < 8 << 20


REFUSED = [
    ("", "", "R127", "the document is not JSON: it ends too early (line 1, byte 0)"),
    ("", '[\n1,\n{"a": NaN}]', "R127", "the document is not JSON: invalid character (line 3, byte 11)"),
    ("", "[1,]", "R127", "the document is not JSON: a value is missing (line 1, byte 3)"),
    ("", '["a" "b"]', "R127", "the document is not JSON: trailing characters (line 1, byte 5)"),
    ("", '[{"a": 1}}]', "R127", "the document is not JSON: expected `,` or `]`, found `}` (line 1, byte 9)"),
    ("", "[1]\nx", "R127", "text stands behind the end of the document (line 2, byte 4)"),
    ("a", '{"a": [1], "b": {"c" 1}}', "R127", "the document is not JSON: expected ':' (line 1, byte 21)"),
    ("a", '{"a": [1], b: 1}', "R127", 'the document is not JSON: expected `"`, found `b` (line 1, byte 11)'),
    ("a.b", '{"a": {"c": 1, "d": 2}}', "R126", "`record_path`: `a` has no `b`"),
    ("a", '{"b": 1}', "R126", "`record_path`: the document has no `a`"),
    ("a.b", '{"a": "b"}', "R126", "`record_path`: `a` is text (line 1, byte 6), not an object or a list"),
    ("a.b", '{"a": [{"b": 7}]}', "R126", "`record_path`: `a.b` is a number (line 1, byte 13), not an object or a list"),
    ("a", '{"a": [1],\n"a": [2]}', "R126", "`record_path`: `a` is there twice (line 2, byte 14)"),
]
HELPS = {
    "`record_path`: `a` has no `b`": "it has `c`, `d`; mend the path",
    "`record_path`: the document has no `a`": "it has `b`; mend the path",
    "text stands behind the end of the document (line 2, byte 4)": "one document stands in one file; values one a line "
    "are read by the parser `jsonl`",
}


@pytest.mark.parametrize(("path", "text", "code", "message"), REFUSED)
def test_documents_that_are_refused(read, path, text, code, message):
    with pytest.raises(UnitError) as raised:
        read(Json(record_path=Path.parse(path) if path else None), text.encode())
    assert (raised.value.code, raised.value.message) == (code, message)
    usual = "lead the path to the list that holds the records"
    if code == "R127":
        usual = "have the sender write it anew: what stands behind this place cannot be trusted"
    if "twice" in message:
        usual = "the first was read already: have the sender write one of them"
    assert raised.value.help == HELPS.get(message, usual)


def test_what_is_skipped_keeps_the_limits(read, monkeypatch):
    deep = b'{"x": ' + b"[" * 300 + b'"%s"' % (b"y" * (2 << 20)) + b"]" * 300 + b', "a": []}'
    with pytest.raises(UnitError) as raised:
        read(Json(record_path=Path.parse("a")), deep)
    assert (raised.value.code, raised.value.help) == ("R105", "raise `limits.depth`")
    assert raised.value.message == "nested more than 256 levels (line 1, byte 263)"
    monkeypatch.setattr(_items, "WHOLE", 100)
    with pytest.raises(UnitError) as raised:
        read(Json(record_path=Path.parse("a")), b'{"x": "%s", "a": []}' % (b"y" * 5000), limits=Limits(record=1000))
    message = "a value outside the records is over the limit (line 1, byte 6)"
    assert (raised.value.code, raised.value.message, raised.value.help) == ("R104", message, "raise `limits.record`")
    assert (
        read(Json(record_path=Path.parse("a")), b'{"x": "%s", "a": []}' % (b"y" * 5000), limits=Limits(record=9000))
        == []
    )
