"""XML in: both ways of reading give the same, places are those of the file, hostile documents are refused in time."""

import io
import time
import tracemalloc
import xml.etree.ElementTree as ET
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OptionError, RecordError, UnitError
from engine.kinds import Limits, Needs
from engine.language.frames import Context
from engine.language.grammar import parse_mapping
from engine.language.paths import Path
from engine.language.scopes import vars_shape
from engine.language.shapes import ANY
from engine.language.typing import check_map
from engine.options import build_component
from engine.parsers import _columns, _document, _lines
from engine.parsers.xml import Xml
from engine.records import Damage, Leaf
from engine.registry import resolvers
from engine.rows.mapper import RowMapper
from engine.rows.needs import needs_of


class Drip(io.BytesIO):
    """A stream that gives no more than so many bytes at once."""

    def __init__(self, data, size):
        super().__init__(data)
        self.size = size

    def read(self, size=-1):
        return super().read(min(size, self.size) if size >= 0 else self.size)


NO_LIMITS, ALL = Limits(), Needs()


def read(data, path="a.b", needs=ALL, limits=NO_LIMITS, size=1 << 20, **options):
    """Records and what is known of their places."""
    parser = Xml(record_path=Path.parse(path) if path else None, **options).bound(needs)
    data = data if isinstance(data, bytes) else data.encode()
    found = []
    for batch in parser.batches(Drip(data, size), limits):
        for at, value in enumerate(batch.values):
            place = batch.place(at)
            assert place.raw == data[place.offset : place.offset + len(place.raw)]
            shown = (value.code, value.message, value.value) if isinstance(value, Damage) else look(value)
            found.append((shown, place))
    return found


def records(*args, **more):
    return [value for value, _ in read(*args, **more)]


def look(value):
    """A value with its type, which two equal ones share."""
    if isinstance(value, dict):
        return type(value).__name__, [(key, look(each)) for key, each in value.items()]
    return [look(each) for each in value] if isinstance(value, list) else value


def events_only(data, *args, **more):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_document.Reading, "_is_plain", lambda self, data: False)
        return read(data, *args, **more)


# --- both ways, and a third of ElementTree


NAMES = st.sampled_from(["b", "c", "d", "e-f"])
TEXTS = st.sampled_from(
    ["", "t", " 07 ", "a &amp; b", "&#65;&#x42;&lt;", "5\" x > y'", "\n ", "\u00e9\u4e16", "\r\nx\ry", "]]"]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["i", "j-k", "x"]),
    st.sampled_from(['"1"', "'2'", "'&lt;1'", '"a>b"', "'\"'", '"\'"', '"&amp;&#10;"', '" l\n m"', '""', '"\u00fc"']),
    max_size=3,
)
BLANKS = st.sampled_from(["", "", "\n  ", " "])
ODD = st.sampled_from(["", "", "", "", "<!-- </b> <b> -->", "<?p <b>?>", "<![CDATA[</b> & <b>]]>", "mixed", "&#32;"])


@st.composite
def elements(draw, name=NAMES, depth=3):
    """One element as text."""
    tag = draw(name)
    said = "".join(
        f"{draw(st.sampled_from([' ', '  ', chr(10)]))}{key}={value}" for key, value in draw(ATTRIBUTES).items()
    )
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return f"<{tag}{said}{draw(BLANKS)}/>"
    if kind == 1 or not depth:
        return f"<{tag}{said}>{draw(TEXTS)}{draw(ODD)}</{tag}>"
    inside = draw(st.lists(elements(depth=depth - 1), max_size=3))
    parts = [draw(BLANKS) + draw(ODD) + each for each in inside]
    return f"<{tag}{said}>{''.join(parts)}{draw(BLANKS)}</{tag}{draw(BLANKS)}>"


DOCUMENTS = st.lists(
    st.one_of(elements(st.just("b")), elements(), st.just("</a><a>"), st.just("stray")), max_size=8
).map("\n".join)
READS = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["b", "c", "d", "e-f", "@i", "*"]), st.sampled_from([None, {}, {"c": None, "@x": None}])
    ),
)
LISTS = st.dictionaries(
    st.sampled_from(["b", "c", "d", "*"]), st.sampled_from([{}, {"c": {}}, {"[]": {"d": {}}}, {"*": {}}]), max_size=2
)
TEXT_ONLY = st.dictionaries(st.sampled_from(["c", "d"]), st.just({}), max_size=2)
SIZES = st.sampled_from([1, 3, 17, 64, 1 << 20])


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, READS, LISTS, TEXT_ONLY, SIZES)
def test_what_is_read_past_the_events_is_what_the_events_give(body, reads, lists, texts, size):
    alike = body.replace(">t", ">").replace('"1"', '"&gt;"')
    data = f"<w><a>\n{body}{alike}</a></w>"
    needs = Needs(reads, lists, texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_document, "FIRST", 8)
        patch.setattr(_lines, "BLOCK", 64)
        fast = read(data, "w.a.b", needs, size=size)
    assert fast == events_only(data, "w.a.b", needs)


KEYS = st.lists(st.sampled_from(["i", "j-k", "x"]), max_size=2, unique=True)
VALUES = st.sampled_from(["1", "2", "a>b", "&amp;&lt;", "&amp;lt;", "'", "", "\u00fc", "l\n m", "&#9;"])
PLAIN_TEXTS = st.sampled_from(["t", "7", " 07 ", "a &amp; b", "&amp;lt;", "> ]", "", "\u4e16", "\r\nx", "&#65;"])
SHAPES = st.recursive(
    st.tuples(KEYS, st.just([])),
    lambda below: st.tuples(
        KEYS, st.lists(st.tuples(st.sampled_from("bcd"), below, st.booleans()), max_size=3, unique_by=lambda it: it[0])
    ),
    max_leaves=5,
)
STRAYS = st.sampled_from(
    [*[""] * 8, "<b/>", "<b>t</b>", "<c/>", "t", "<b><c>1</c></b>", "<b><c/><c/></b>", "<b \n></b >"]
)


def like(draw, name, shape, strays):
    """One element of a shape; lists differ in length, and at times something is not as the shape says."""
    keys, children = shape
    tag = f"<{name}" + "".join(f' {key}="{draw(VALUES)}"' for key in keys if draw(strays) != "t")
    inside = "".join(
        draw(BLANKS) + like(draw, child, below, strays)
        for child, below, many in children
        for _ in range(draw(st.integers(1, 3)) if many else 1)
    )
    return f"{tag}>{inside or draw(PLAIN_TEXTS)}{draw(BLANKS) if inside else ''}{draw(strays)}</{name}>"


@st.composite
def records_alike(draw):
    """Elements that look like the first of them, mostly."""
    shape, strays = draw(SHAPES), draw(st.sampled_from([st.just(""), st.just(""), STRAYS]))
    return "".join(like(draw, "b", shape, strays) + draw(BLANKS) for _ in range(draw(st.integers(2, 6))))


@settings(max_examples=400, deadline=None)
@given(records_alike(), READS, LISTS, TEXT_ONLY, st.sampled_from([64, 1 << 16]))
def test_records_that_are_alike_are_what_the_events_give(body, reads, lists, texts, block):
    data = f"<a>{body}\n{body}</a>"
    needs = Needs(reads, lists, texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_document, "FIRST", 8)
        patch.setattr(_lines, "BLOCK", block)
        fast = read(data, needs=needs)
    assert fast == events_only(data, needs=needs)


ORDERS = "".join(
    f"""<o:b id="{n}" to="&lt;{n}"><c:who at="x"><c:name> {n} </c:name><c:mail/></c:who><note a="{n}"><o:l>1</o:l></note>
<o:ls>{"".join(f'<o:l k="{k}"><o:p cur="E">{k}.5</o:p><o:d>a &amp; b</o:d></o:l>' for k in range(n % 4 + 1))}</o:ls></o:b>
"""
    for n in range(2000)
)
ORDER = {
    "@id": None, "@to": None, "c:who": {"@at": None, "c:name": None, "c:mail": None},
    "o:ls": {"o:l": {"@k": None, "o:p": None, "o:d": None}},
}  # fmt: skip
ORDER_NEEDS = Needs(ORDER, {"o:ls": {"o:l": {}}}, {"o:ls": {"o:l": {"o:p": {}}}})


def by_pattern(monkeypatch):
    """How many records are read by a pattern, of each piece of the document."""
    counts, usual = [], _columns.Alike.read

    def counted(self, first, data):
        found = usual(self, first, data)
        counts.append(len(found or []))
        return found

    monkeypatch.setattr(_columns.Alike, "read", counted)
    return counts


@pytest.mark.parametrize("needs", [ORDER_NEEDS, ORDER_NEEDS._replace(reads=None), ORDER_NEEDS._replace(texts={})])
def test_orders_are_read_by_a_pattern(monkeypatch, needs):
    data = f'<o:a xmlns:o="1" xmlns:c="2">{ORDERS}</o:a>'
    wanted = events_only(data, "o:a.o:b", needs)
    counts = by_pattern(monkeypatch)
    assert read(data, "o:a.o:b", needs) == wanted
    assert len(wanted) == 2000
    assert sum(counts) > 1900


def test_one_without_the_elements_that_are_not_read():
    data = '<a><b/><b><c i="1"><x/></c></b><b><c i="1"> </c></b></a>'
    needs = Needs({"c": {"@i": None}})
    assert read(data, needs=needs) == events_only(data, needs=needs)


@pytest.mark.parametrize(
    "stray",
    [
        "<b><c>1</c></b>", "<b i='1'><c>1</c><d><e>2</e></d></b>", '<b i="1"><d><e>2</e></d><c>1</c></b>',
        '<b i="1"><c>1</c>x<d><e>2</e></d></b>', '<b i="1"><c>1</c>\u00a0<d><e>2</e></d></b>', "<c/>", "x",
        '<b i="1"><c>1</c><d><e>2</e><e>2</e></d></b>', '<b i="1"><c>1</c><d/></b>', '<b i="1"><c>&#9;</c><d><e>2</e></d></b>',
        '<b i="\n"><c>1</c><d><e>2</e></d></b>', '<b i="1"><c j="1">1</c><d><e>2</e></d></b>', '<b i="1"><c>1<x/></c><d><e>2</e></d></b>',
    ],
)  # fmt: skip
@pytest.mark.parametrize("needs", [ALL, Needs({"c": None, "@i": None}), Needs(None, {"d": {"e": {}}})])
def test_one_that_is_not_alike(stray, needs):
    plain = '<b i="1"><c>1</c><d><e>2</e></d></b>'
    for at in (0, 20, 1999):
        data = f"<a>{plain}{plain * at}{stray}{plain * (1999 - at)}</a>"
        assert read(data, needs=needs) == events_only(data, needs=needs)


def oracle(element):
    """The value of an element, by the rules of the reference page and another library."""
    made = {f"@{name}": value for name, value in element.attrib.items()}
    for child in element:
        value = oracle(child)
        if child.tag in made:
            made[child.tag] = [*made[child.tag], value] if type(made[child.tag]) is list else [made[child.tag], value]
        else:
            made[child.tag] = value
    if len(element):
        return made
    text = element.text or ""
    return Leaf({**made, "#text": text} if text else made) if made else text


@settings(max_examples=200, deadline=None)
@given(st.lists(elements(st.just("b")), max_size=6).map("".join))
def test_records_are_what_another_library_gives(body):
    data = f"<a>{body}</a>"
    wanted = []
    for element in ET.fromstring(data):  # noqa: S314 - it is ours
        mixed = any(
            (each.text or "").strip(" \t\r\n") or any((child.tail or "").strip(" \t\r\n") for child in each)
            for each in element.iter()
            if len(each)
        )
        value = oracle(element)
        wanted.append("R141" if mixed else look(dict(value) if type(value) is Leaf else value))
    assert ["R141" if value[:1] == ("R141",) else value for value in records(data)] == wanted


@settings(max_examples=200, deadline=None)
@given(st.text("<>/ab ='\"&;!-[]?\n", max_size=40), SIZES)
def test_any_text_is_read_or_refused_the_same_way(body, size):
    data = f"<a><b>{body}</b><b>x</b></a>"

    def outcome(way, **more):
        try:
            return way(data, **more)
        except UnitError as error:
            return error.code

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_document, "FIRST", 8)
        fast = outcome(read, size=size)
    assert fast == outcome(events_only)


# --- places


def test_places_are_those_of_the_file():
    data = b"\xef\xbb\xbf<?xml version='1.0'?>\n<a>\n <b>1</b><b/>\n <b\n x='1'></b>\n</a>\n"
    found = [(value, place.line, place.raw) for value, place in read(data)]
    assert found == [
        ("1", 3, b"<b>1</b>"),
        ("", 3, b"<b/>"),
        (("dict", [("@x", "1")]), 4, b"<b\n x='1'></b>"),
    ]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "iso-8859-1", "windows-1252"])
def test_a_declared_encoding_is_read_with_places_in_its_bytes(codec):
    text = f'<?xml version="1.0" encoding="{codec[:6] if codec.startswith("utf") else codec}"?>\n<a><b>\u00e9</b>\n<b x="1"/></a>'
    found = read(text.encode(codec))
    assert [value for value, _ in found] == ["\u00e9", ("dict", [("@x", "1")])]
    assert [
        place.raw.decode(codec.replace("utf-16", "utf-16-le") if codec == "utf-16" else codec) for _, place in found
    ] == [
        "<b>\u00e9</b>",
        '<b x="1"/>',
    ]


def test_a_long_document_of_one_byte_characters():
    body = "".join(f"<b><c>\u00e9{n}</c></b>\n" for n in range(3000))
    found = read(f'<?xml version="1.0" encoding="windows-1252"?><a>{body}</a>'.encode("cp1252"))
    assert [value for value, _ in found] == [("dict", [("c", f"\u00e9{n}")]) for n in range(3000)]
    assert found[2000][1].line == 2001


def test_lines_go_on_over_both_ways():
    notes = ("<!-- x\n -->", *[""] * 699)
    body = "".join(f"<b>\r\n{n}</b>\r\n{notes[n % 700]}" for n in range(3000))
    found = read(f"<a>{body}</a>")
    lines, line = [], 1
    for n in range(3000):
        lines.append(line)
        line += 2 + (n % 700 == 0)
    assert [place.line for _, place in found] == lines


# --- namespaces


SPACES = '<p:a xmlns:p="urn:1" xmlns="urn:2" xmlns:q="urn:3"><p:b q:i="1" j="2"><c/><q:c/><p:d xml:lang="en">t</p:d></p:b></p:a>'


@pytest.mark.parametrize(
    ("path", "namespaces", "wanted"),
    [
        ("p:a.p:b", "keep", [("@q:i", "1"), ("@j", "2"), ("c", ""), ("q:c", ""), ("p:d", ("Leaf", [("@xml:lang", "en"), ("#text", "t")]))]),
        ("x:a.x:b", {"x": "urn:1", "y": "urn:2"}, [("@q:i", "1"), ("@j", "2"), ("y:c", ""), ("q:c", ""), ("x:d", ("Leaf", [("@xml:lang", "en"), ("#text", "t")]))]),
        ("a.b", {"": "urn:1", "q": "urn:2"}, [("@{urn:3}i", "1"), ("@j", "2"), ("q:c", ""), ("{urn:3}c", ""), ("d", ("Leaf", [("@xml:lang", "en"), ("#text", "t")]))]),
    ],
)  # fmt: skip
def test_prefixes(path, namespaces, wanted):
    assert records(SPACES, path, namespaces=namespaces) == [("dict", wanted)]


def test_two_namespaces_under_one_name():
    ((value, _),) = read(SPACES, "a.b", namespaces="strip")
    assert value[:2] == ("R142", "two namespaces have `c`: give them prefixes with `namespaces: {a: uri}`")
    assert records('<a xmlns:p="1"><b p:i="1" i="2"/></a>', namespaces="strip")[0][0] == "R142"


@pytest.mark.parametrize("namespaces", ["strip", {"o": "urn:1"}])
def test_prefixes_over_both_ways(namespaces):
    row = '<q:b q:i="1"><q:c>1</q:c><r:d>2</r:d></q:b>\n<q:b><r:d/></q:b>\n'
    data = f'<q:a xmlns:q="urn:1" xmlns:r="urn:2">{row * 2000}<!-- --><q:b xmlns:q="urn:1"/>{row * 500}</q:a>'
    path = "a.b" if namespaces == "strip" else "o:a.o:b"
    found = read(data, path, namespaces=namespaces)
    assert len(found) == 5001
    assert found == events_only(data, path, namespaces=namespaces)


# --- what is refused


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ("", "R143", "not XML: no element found in line 1 (byte 0)"),
        ("<a><b>1</b>", "R143", "not XML: no element found in line 1 (byte 11)"),
        ("<a>\n<b>1</c></a>", "R143", "not XML: mismatched tag in line 2 (byte 10)"),
        ("<a><b i='1' i='2'/></a>", "R143", "not XML: duplicate attribute in line 1 (byte 12)"),
        ("<a/>x", "R143", "not XML: junk after document element in line 1 (byte 4)"),
        ("<a><b>&x;</b></a>", "R143", "not XML: undefined entity in line 1 (byte 6)"),
        ("<a><b>\x01</b></a>", "R143", "not XML: not well-formed (invalid token) in line 1 (byte 6)"),
        (b"<a><b>\xff</b></a>", "R143", "not XML: not well-formed (invalid token) in line 1 (byte 6)"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a><b>&x;</b></a>", "R144", "the document declares its type (`<!DOCTYPE`) in line 1"),
        ('<?xml version="1.0" encoding="shift_jis"?><a/>', "R145", "the document is encoded as `shift_jis`, which this parser does not read by itself"),
        ('<?xml version="1.0" encoding="nonsense"?><a/>', "R145", "the document is encoded as `nonsense`, which this parser does not read by itself"),
        ("<x><b/></x>", "R146", "the root of the document is `x`, `record_path` begins at `a`"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_stream_that_is_refused(data, code, message, size):
    with pytest.raises(UnitError) as caught:
        read(data, size=size)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_record_path_that_is_misspelt_is_told_from_a_document_without_records():
    with pytest.raises(UnitError) as caught:
        read("<a><line/><line/></a>", "a.lines")
    assert caught.value.code == "R146"
    assert caught.value.message == "the document has no `lines`, as `record_path` says, but `line`"
    assert read("<a><header/></a>", "a.lines") == []
    assert read("<a><lines/><line/></a>", "a.lines") != []
    assert read("<a/>", "a.lines") == []


def test_a_document_cut_off_far_behind():
    body = "".join(f"<b><c>{n}</c></b>\n" for n in range(5000))
    for cut in (len(body) - 4, len(body) - 11, 70_001):
        with pytest.raises(UnitError) as caught:
            read(f"<a>{body}"[:cut])
        assert caught.value.code == "R143"
    with pytest.raises(UnitError) as caught:
        read(f"<a>{body[:60000]}<b><c>1</b></c>{body[60000:]}</a>")
    assert "mismatched tag" in caught.value.message


def test_bombs_are_not_lit():
    bomb = '<!DOCTYPE z [<!ENTITY a "x">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    with pytest.raises(UnitError) as caught:
        read(bomb + "]><a><b>&j;</b></a>")
    assert caught.value.code == "R144"


def test_ten_thousand_attributes():
    said = " ".join(f'a{n}="{n}"' for n in range(10_000))
    started = time.perf_counter()
    (record,) = records(f"<a><b {said}/></a>")
    assert len(record[1]) == 10_000
    assert time.perf_counter() - started < 5


def test_depth_counts_elements_that_hold_others():
    deep = lambda n: "<c>" * n + "</c>" * n  # noqa: E731
    assert records(f"<a><b>{deep(3)}</b></a>", limits=Limits(depth=3))[0][0] == "dict"
    assert records(f"<a><b>{deep(4)}</b><b/></a>", limits=Limits(depth=3)) == [
        ("R105", "nested more than 3 levels: raise `limits.depth`", None),
        "",
    ]
    assert records(f"<a><b>{deep(4000)}</b><b/></a>")[0][0] == "R105"
    assert records(f"<a><b>{deep(4000)}</b></a>", needs=Needs({"x": None})) == [("dict", [])]


@pytest.mark.parametrize("size", [7, 100, 1 << 20])
def test_a_record_over_the_limit_is_read_past(size):
    data = f"<a><b>1</b><b><c>{'x' * 500}</c><d><e/></d></b>\n<b>2</b><b>{'<c/>' * 60}</b><b>3</b></a>"
    found = read(data, limits=Limits(record=100), size=size)
    assert [value if isinstance(value, str) else value[0] for value, _ in found] == ["1", "R104", "2", "R104", "3"]
    assert [place.size for _, place in found] == [8, 525, 8, 247, 8]
    assert "the record has 525 bytes, the limit is 100: raise `limits.record`" in found[1][0][1]
    whole = read(data, None, limits=Limits(record=100), size=size)
    assert [value[0] for value, _ in whole] == ["R104"]


def test_memory_stays_flat_over_a_record_without_end():
    class Endless:
        left = 60

        def read(self, size):
            self.left -= 1
            return b"<a><b>" if self.left == 59 else b"<c>x</c>" * 100_000 if self.left > 0 else b""

    tracemalloc.start()
    with pytest.raises(UnitError):
        deque(Xml(record_path=Path.parse("a.b")).batches(Endless(), Limits(record=1 << 20)), 0)
    assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    tracemalloc.stop()


def test_a_tag_without_end_is_not_held():
    class Endless:
        first = True

        def read(self, size):
            first, self.first = self.first, False
            return b"<a><!-- " if first else b"x" * size

    with pytest.raises(UnitError) as caught:
        list(Xml(record_path=Path.parse("a.b")).batches(Endless(), Limits(record=1 << 18)))
    assert caught.value.code == "R147"
    assert caught.value.message == "a tag or comment that begins at byte 3 is over 262,144 bytes"


# --- what the mapping reads, and uses as lists


class Collected:
    """A report that fails the test with the first error."""

    def __call__(self, code, pointer, message, help="", level="error", **more):
        assert level == "warning", (code, pointer, message)

    def secret(self, text, pointer):
        return text

    def broken(self, pointer):
        return False

    refused = broken


def needs_of_map(*steps):
    """The needs of steps as a spec says them."""
    said = [{"type": "map", **step} if "type" not in step else step for step in steps]
    return needs_of([build_component("step", step, (), Collected()) for step in said])


@pytest.mark.parametrize(
    ("steps", "reads", "lists", "texts"),
    [
        ([{"fields": {"x": "a.b[0].c"}}], {"a": {"b": {"c": None}}}, {"a": {"b": {}}}, {}),
        ([{"fields": {"x": {"each": "a.b", "fields": {"y": "c", "z": "$parent.d"}}}}], {"a": {"b": {"c": None}}, "d": None}, {"a": {"b": {}}}, {}),
        ([{"fields": {"x": "orders[*].lines[*].sku"}}], {"orders": {"lines": {"sku": None}}}, {"orders": {"[]": {"lines": {}}}}, {}),
        ([{"fields": {"x": "a[?b == 'c'] | [0].d"}}], {"a": {"b": None, "d": None}}, {"a": {}}, {}),
        ([{"fields": {"x": "*.x[0]"}}], {"*": {"x": None}}, {"*": {"x": {}}}, {}),
        ([{"fields": {"x": "a[*].b.c[]"}}], {"a": {"b": {"c": None}}}, {"a": {"[]": {"b": {"c": {}}}}}, {}),
        ([{"fields": {"x": "=sum(int(i.q) for i in l.m if i.k)"}}], {"l": {"m": {"q": None, "k": None}}}, {"l": {"m": {}}}, {"l": {"m": {"q": {}}}}),
        ([{"fields": {"x": "=count(o.p)", "y": "=a in b.c"}}], {"o": {"p": None}, "a": None, "b": {"c": None}}, {"o": {"p": {}}, "b": {"c": {}}}, {}),
        ([{"fields": {"x": {"source": "a", "resolver": ["first", "int"]}, "y": {"source": "b", "resolver": "length"}}}], {"a": None, "b": None}, {"a": {}}, {"b": {}}),
        ([{"fields": {"x": "a"}}, {"type": "explode", "each": "x"}, {"fields": {"y": "z[1]", "r": "$root.t[0]"}}], {"a": None, "t": None}, {"a": {"[]": {"z": {}}}, "t": {}}, {}),
        ([{"pass_through": True, "fields": {"x": "b[0]"}}], None, {"b": {}}, {}),
        ([{"fields": {"x": "@"}}], None, {}, {}),
        ([{"fields": {"x": {"source": "a.b", "resolver": "int"}, "y": "c"}}], {"a": {"b": None}, "c": None}, {}, {"a": {"b": {}}}),
        ([{"fields": {"x": {"source": "a.b", "resolver": "int"}, "y": "a"}}], {"a": None}, {}, {}),
        ([{"fields": {"x": {"source": "a", "fields": {"y": {"value": 1}}}}}], {"a": {}}, {}, {}),
        ([{"type": "filter", "where": "present(a)", "else": "reject", "message": "{record.b}"}, {"fields": {"x": "c"}}], {"a": None, "b": None, "c": None}, {}, {}),
    ],
)  # fmt: skip
def test_what_steps_read(steps, reads, lists, texts):
    assert needs_of_map(*steps) == (reads, lists, texts)


def mapped(data, fields, **more):
    """Records of a document through a map, or the codes that they are rejected with."""
    mapping = parse_mapping({"fields": fields}, (), Collected())
    parser = Xml(record_path=Path.parse("a.b")).bound(needs_of_map({"fields": fields}))
    maps = RowMapper(check_map(mapping, ANY, vars_shape({}), Collected()), Context({}, {}, {}))
    out = []
    for batch in parser.batches(io.BytesIO(f"<a>{data}</a>".encode()), Limits()):
        made = maps(batch)
        out += [*made.records, *[[each.code for each in reject.errors] for reject in made.rejects]]
    return out


def test_an_element_with_attributes_is_its_text_where_a_text_is_wanted():
    data = '<b><p c="EUR">1.50</p><q c="x">2</q><e c="1"/><n>A</n><r c="x">2</r></b>'
    fields = {
        "whole": "p",
        "number": {"source": "p", "resolver": "decimal"},
        "attribute": "p.@c",
        "text": "p.#text",
        "plain": "n.#text",
        "sum": "=decimal(p) + int(q)",
        "joined": '=join([p, q], "-")',
        "same": '=p == "1.50"',
        "plus": "=n + q",
        "one": {"source": "q", "one_of": ["2", "3"]},
        "short": {"source": "p", "max_length": 4},
        "empty": {"source": "e", "resolver": "int", "default": 0},
        "found": "r[?@ == '2'] | [0].#text",
        "looked": {"source": "n", "resolver": {"type": "lookup", "table": {"A": "yes"}}},
        "picked": {"source": "q", "resolver": {"type": "lookup", "table": {"2": "two"}}},
        "none": {"source": "q", "resolver": {"type": "null_if", "values": "2"}, "default": "-"},
        "length": {"source": "p", "resolver": "length"},
    }
    (made,) = mapped(data, fields)
    assert made["whole"] == {"@c": "EUR", "#text": "1.50"}
    del made["whole"], made["one"], made["short"]
    assert {name: str(value) for name, value in made.items()} == {
        "number": "1.50", "attribute": "EUR", "text": "1.50", "plain": "A", "sum": "3.50", "joined": "1.50-2", "same": "True",
        "plus": "A2", "empty": "0", "found": "2", "looked": "yes", "picked": "two", "none": "-", "length": "4",
    }  # fmt: skip
    assert mapped(data, {"x": {"source": "q", "one_of": ["3"]}, "y": {"source": "p", "pattern": "[0-9]+"}}) == [
        ["R231", "R232"]
    ]


def test_lists_are_lists_in_every_record():
    data = "<b><l><i>1</i></l></b><b><l><i>1</i><i>2</i></l></b><b><l/></b><b><l> </l></b><b/><b><i/></b>"
    fields = {"n": "=count(l.i)", "all": {"each": "l.i", "resolver": "int"}, "first": "l.i[0]"}
    assert mapped(data, fields) == [
        {"n": 1, "all": [1], "first": "1"},
        {"n": 2, "all": [1, 2], "first": "1"},
        {"n": 0, "all": []},
        {"n": 0, "all": []},
        {"n": 0},
        {"n": 0},
    ]


def test_a_text_that_is_no_xml():
    with pytest.raises(RecordError) as caught:
        resolvers()["xml"].function("<a><b></a>")
    assert (caught.value.code, caught.value.message) == (
        "R225",
        "`<a><b></a>`: not XML: mismatched tag in line 1 (byte 8)",
    )


def test_what_is_said_of_mixed_text():
    ((value, _),) = read("<a><b>Steel <i>lamp</i></b></a>")
    assert value[:2] == ("R141", "`<b>` is mixed: text stands beside `<i>`")


def test_a_record_path_that_is_none():
    with pytest.raises(OptionError) as caught:
        Xml(record_path=Path.parse("a[0].b"))
    assert caught.value.message == "`a[0].b` is no path of names"
