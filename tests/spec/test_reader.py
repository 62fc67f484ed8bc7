"""The readers of specs: what they read, where it stands, and the whole text of what they refuse."""

import json
import re
import textwrap
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import spelling
from engine.errors import SpecError
from engine.spec import problems, scalars
from engine.spec.reader import BYTES, read, read_text

NODES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(-1000, 1000, places=3).map(float)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), below, max_size=4)
    ),
    max_leaves=20,
)
YAML_SIGNS = st.text(st.sampled_from(list("ab01 \n\t:-?,[]{}#&*!|>'\"%@`.<=~()\\xué\r")), max_size=60)


def spec(text):
    return textwrap.dedent(text).lstrip("\n")


def refused(text, *, json=False):
    with pytest.raises(SpecError) as caught:
        read_text(text, "orders.json" if json else "orders.yaml", json=json)
    return caught.value.problems


def rendered(text, *, json=False):
    return "\n".join(problems.render(problem) for problem in refused(text, json=json)) + "\n"


def codes(text, *, json=False):
    return [problem.code for problem in refused(text, json=json)]


def marked(document, mark):
    """The text that a mark covers, so that tests of places can be checked by eye."""
    return document.line(mark.line)[mark.column - 1 : mark.column - 1 + mark.length]


# What is read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: true", {"a": True}),
        ("a: false", {"a": False}),
        ("a: null", {"a": None}),
        ("a:", {"a": None}),
        ("a: 0", {"a": 0}),
        ("a: -12", {"a": -12}),
        ("a: " + "9" * 1000, {"a": 10**1000 - 1}),
        ("a: 12.50", {"a": Decimal("12.50")}),
        ("a: -0.0", {"a": Decimal("-0.0")}),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("a: 10:30", {"a": "10:30"}),
        ("a: 1.2.3", {"a": "1.2.3"}),
        ("a: '0042'", {"a": "0042"}),
        ('a: "yes"', {"a": "yes"}),
        ("a: =", {"a": "="}),
        ("a:\n-\n- 1", {"a": [None, 1]}),
        ("a: nan", {"a": "nan"}),
        ("a: 0x", {"a": "0x"}),
        ("a: ٣", {"a": "٣"}),
        ("a: x#y # c", {"a": "x#y"}),
        ("a: null # c", {"a": None}),
        ("a: # c\n  b: 1", {"a": {"b": 1}}),
        (
            "1: a\ntrue: b\nnull: c\n~: d\n0042: e\n'on': f",
            dict(zip(["1", "true", "null", "~", "0042", "on"], "abcdef", strict=True)),
        ),
        ("'<<': a", {"<<": "a"}),
        ('"": a', {"": "a"}),
        ("a: &x {b: [1]}\nc: *x", {"a": {"b": [1]}, "c": {"b": [1]}}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y", {"a": "x\ny\n", "b": "x y"}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 1\r\nb: 2\rc: 3", {"a": 1, "b": 2, "c": 3}),
        ("[]", []),
        ("{}", {}),
        ("x", "x"),
        ("''", ""),
        ("a: {b, c: }", {"a": {"b": None, "c": None}}),
        ("a: =f(x, y)", {"a": "=f(x, y)"}),
        ("a: [f(x), g]", {"a": ["f(x)", "g"]}),
        ("a: [(b, (c]", {"a": ["(b", "(c"]}),
    ],
)
def test_yaml_is_read(text, value):
    found = read_text(text, "f.yaml").value
    assert found == value
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, -2.50, true, false, null, "x"]}', {"a": [1, Decimal("-2.50"), True, False, None, "x"]}),
        (" [ ] ", []),
        ("{ }", {}),
        ('"\\ud83d\\ude00\\u00e9\\n\\/"', "😀é\n/"),
        ('"\u2028\x7f\ufeff"', "\u2028\x7f\ufeff"),
        ("\ufeff1", 1),
        ("9" * 1000, 10**1000 - 1),
        ('{"<<": {"yes": "no"}}', {"<<": {"yes": "no"}}),
    ],
)
def test_json_is_read(text, value):
    found = read_text(text, "f.json", json=True).value
    assert repr(found) == repr(value)


def test_aliases_share_nothing():
    value = read_text("a: &x [1]\nb: *x", "f").value
    value["a"].append(2)
    assert value["b"] == [1]


@pytest.mark.parametrize(
    "word",
    [
        "0042",
        "-07",
        "007.5",
        "1e5",
        "1E+5",
        "1.5e3",
        "0x1F",
        "0o7",
        "0b1",
        "1_000",
        "+5",
        "+1.5",
        ".5",
        "-.5",
        "5.",
        ".nan",
        ".NaN",
        "-.inf",
        "yes",
        "No",
        "ON",
        "off",
        "y",
        "N",
        "~",
        "True",
        "FALSE",
        "Null",
        "NULL",
    ],
)
def test_ambiguous_words_are_refused_as_values_only(word):
    assert codes(f"a: {word}") == ["S103"]
    assert codes(f"[{word}]") == ["S103"]
    assert read_text(f"{word}: a\nb: '{word}'", "f").value == {word: "a", "b": word}
    if not word.isalpha():
        assert codes(f'{{"a": {word}}}', json=True) == ["S103"]


def test_long_numbers_do_not_depend_on_the_environment(monkeypatch):
    import sys

    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert read_text("a: " + "1" * 1000, "f").value["a"] % 10 == 1
    finally:
        sys.set_int_max_str_digits(before)


# Where it stands

PLACES = spec(
    """
    name: orders
    source:
      type: files      # where from
      path: "in/*.csv"
    steps:
      - type: map
        fields: {id: 'a''b.c', total: =sum(items), list: [x, [z, 10]]}
      - - deep
    text: |
      first
        second
    fold: >
      one
      two
    long: one two
      three
    base: &base {a: 1}
    copy: *base
    word: &w
      far
    none:
    """
)


@pytest.mark.parametrize(
    ("pointer", "line", "key", "value"),
    [
        ((), 1, "name", "name"),
        (("name",), 1, "name", "orders"),
        (("source",), 3, "source", "type"),
        (("source", "type"), 3, "type", "files"),
        (("source", "path"), 4, "path", '"in/*.csv"'),
        (("steps",), 6, "steps", "-"),
        (("steps", 0), 6, "type", "type"),
        (("steps", 0, "fields"), 7, "fields", "{id: 'a''b.c', total: =sum(items), list: [x, [z, 10]]}"),
        (("steps", 0, "fields", "id"), 7, "id", "'a''b.c'"),
        (("steps", 0, "fields", "list", 1), 7, "[z, 10]", "[z, 10]"),
        (("steps", 0, "fields", "list", 1, 1), 7, "10", "10"),
        (("steps", 1, 0), 8, "deep", "deep"),
        (("text",), 9, "text", "|"),
        (("long",), 15, "long", "one two"),
        (("base",), 17, "base", "{a: 1}"),
        (("copy", "a"), 17, "a", "1"),
        (("word",), 20, "word", "far"),
        (("none",), 21, "none", ""),
        (("source", "nowhere", "at", 3), 3, "source", "type"),
        (("steps", 9), 6, "steps", "-"),
        (("steps", "type"), 6, "steps", "-"),
        (("name", "deeper"), 1, "name", "orders"),
    ],
)
def test_places(pointer, line, key, value):
    document = read_text(PLACES, "f.yaml")
    mark = document.value_mark(pointer)
    assert (mark.line, marked(document, mark)) == (line, value)
    assert marked(document, document.key_mark(pointer)) == key
    assert mark.length >= 1


@pytest.mark.parametrize(
    ("pointer", "start", "length", "line", "covered"),
    [
        (("name",), 2, 3, 1, "der"),
        (("source", "path"), 3, 5, 4, "*.csv"),
        (("source", "path"), 0, 99, 4, 'in/*.csv"'),
        (("steps", 0, "fields", "total"), 5, 5, 7, "items"),
        (("steps", 0, "fields", "id"), 0, 1, 7, "a"),
        (("steps", 0, "fields", "id"), 3, 1, 7, "'a''b.c'"),
        (("text",), 0, 5, 10, "first"),
        (("text",), 8, 3, 11, "sec"),
        (("fold",), 4, 3, 12, ">"),
        (("long",), 4, 3, 15, "two"),
        (("long",), 8, 3, 15, "one two"),
        (("word",), 1, 2, 20, "ar"),
        (("name", "deeper"), 2, 3, 1, "orders"),
        (("source",), 0, 3, 3, "type"),
    ],
)
def test_places_inside_a_text(pointer, start, length, line, covered):
    document = read_text(PLACES, "f.yaml")
    mark = document.inside(pointer, start, length)
    assert (mark.line, marked(document, mark)) == (line, covered)


def test_places_of_json():
    document = read_text('{\n  "a": [1, {"b": "x\\ty z"}]\n}', "f.json", json=True)
    assert document.value_mark(("a", 1, "b")) == (2, 18, 8)
    assert document.key_mark(("a", 1, "b")) == (2, 13, 3)
    assert document.inside(("a", 1, "b"), 0, 1) == (2, 19, 1)
    assert document.inside(("a", 1, "b"), 2, 1) == (2, 18, 8)
    assert document.value_mark(()) == (1, 1, 1)


def test_a_blank_before_a_fold_hides_the_place():
    document = read_text("a: one \n  two", "f")
    assert document.inside(("a",), 4, 1) == document.value_mark(("a",))


def test_lines_outside_the_file_are_empty():
    document = read_text("a: 1\nb: 2", "f")
    assert [document.line(n) for n in (1, 2, 3, 99)] == ["a: 1", "b: 2", "", ""]


# What is refused: the whole text that a user sees

YAML_TEXTS = [
    (
        "path: @id",
        """
        error[S101]: a text without quotes cannot begin with `@`
          --> orders.yaml:1:7
          |
        1 | path: @id
          |       ^^^
          = help: write `path: "@id"`
        """,
    ),
    (
        "sink:\n  path: {unit.stem}.csv  # out\n  type: files",
        """
        error[S101]: expected the next key, found `.csv`
          --> orders.yaml:2:20
          |
        2 |   path: {unit.stem}.csv  # out
          |                    ^^^^
          = help: write `path: "{unit.stem}.csv"`
        """,
    ),
    (
        "a: 1\nb: 2\na: 3",
        """
        error[S102]: `a` is here twice: the first is on line 1
          --> orders.yaml:3:1
          |
        3 | a: 3
          | ^
          = help: keep one of the two, or rename one
        """,
    ),
    (
        "a: [0042, yes]",
        """
        error[S103]: `0042` means different things to different YAML readers
          --> orders.yaml:1:5
          |
        1 | a: [0042, yes]
          |     ^^^^
          = help: write `"0042"` for the text, `42` for the number
        error[S103]: `yes` means different things to different YAML readers
          --> orders.yaml:1:11
          |
        1 | a: [0042, yes]
          |           ^^^
          = help: write `"yes"` for the text, `true` for the truth value
        """,
    ),
    (
        "a: !!str 0042",
        """
        error[S104]: tags are not read: what is written decides its type
          --> orders.yaml:1:4
          |
        1 | a: !!str 0042
          |    ^^^^^
          = help: leave the tag out; a text is `"0042"`
        """,
    ),
    (
        "a: &a {b: 1}\nc:\n  <<: *a",
        """
        error[S104]: merge keys (`<<`) are not read
          --> orders.yaml:3:3
          |
        3 |   <<: *a
          |   ^^
          = help: write the keys out, or give a whole value an anchor and use that: `key: *anchor`
        """,
    ),
    (
        "a: {source: =f(a, b), required: true}",
        """
        error[S105]: YAML takes `=f(a, b)` apart at its commas
          --> orders.yaml:1:13
          |
        1 | a: {source: =f(a, b), required: true}
          |             ^^^^^^^^
          = help: write `source: "=f(a, b)"`
        """,
    ),
    (
        "source: #text",
        """
        error[S106]: the value is missing: `#text` is a comment to YAML
          --> orders.yaml:1:9
          |
        1 | source: #text
          |         ^^^^^
          = help: write `source: "#text"`, or `null` before the comment
        """,
    ),
    (
        "a: " + "[" * 100,
        f"""
        error[S107]: values may nest 100 deep
          --> orders.yaml:1:103
          |
        1 | a: {"[" * 100}
          | {" " * 102}^
          = help: no part of a spec nests so deep; is a bracket too many?
        """,
    ),
    (
        "a: b\x1bc",
        """
        error[S108]: the file holds the control character U+001B
          --> orders.yaml:1:5
          |
        1 | a: b�c
          |     ^
          = help: remove it; in a text in double quotes it is written `\\u001b`
        """,
    ),
    (
        "# only a comment\n",
        """
        error[S101]: the file is empty
         --> orders.yaml
        """,
    ),
    (
        "a: {{ env }}",
        """
        error[S101]: a mapping or a list cannot be a key
          --> orders.yaml:1:5
          |
        1 | a: {{ env }}
          |     ^
          = help: for a text write `a: "{{ env }}"`
        """,
    ),
    (
        "a: &x [1, *x]",
        """
        error[S101]: `*x` stands inside the value that it names
          --> orders.yaml:1:11
          |
        1 | a: &x [1, *x]
          |           ^^
          = help: a value cannot hold itself: write the part out
        """,
    ),
    (
        "a: 1\n---\nb: 2",
        """
        error[S101]: a second document begins here
          --> orders.yaml:2:1
          |
        2 | ---
          | ^^^
          = help: a file holds one document: move this one into a file of its own
        """,
    ),
]


@pytest.mark.parametrize(("text", "expected"), YAML_TEXTS)
def test_yaml_problems_are_shown(text, expected):
    assert rendered(text) == spec(expected)


JSON_TEXTS = [
    (
        '{"a": 1,\n "a": 2}',
        """
        error[S102]: `a` is here twice: the first is on line 1
          --> orders.json:2:2
          |
        2 |  "a": 2}
          |  ^^^
          = help: keep one of the two, or rename one
        """,
    ),
    (
        "[1e5]",
        """
        error[S103]: `1e5` means different things to different YAML readers
          --> orders.json:1:2
          |
        1 | [1e5]
          |  ^^^
          = help: write `"1e5"` for the text, `100000` for the number
        """,
    ),
    (
        "[1, 2,]",
        """
        error[S101]: a comma stands before `]`
          --> orders.json:1:6
          |
        1 | [1, 2,]
          |      ^
          = help: leave the comma out
        """,
    ),
    (
        "{name: 1}",
        """
        error[S101]: expected a key in double quotes, found `name`
          --> orders.json:1:2
          |
        1 | {name: 1}
          |  ^^^^
          = help: write `"name"`
        """,
    ),
    (
        '{"a": NaN}',
        """
        error[S101]: expected the value of the key, found `NaN`
          --> orders.json:1:7
          |
        1 | {"a": NaN}
          |       ^^^
          = help: a text needs double quotes: `"NaN"`
        """,
    ),
    (
        '{"a": 1 // one\n}',
        """
        error[S101]: expected `,` or `}`, found `//`
          --> orders.json:1:9
          |
        1 | {"a": 1 // one
          |         ^^
          = help: JSON has no comments: leave it out, or write the file in YAML
        """,
    ),
    (
        '["\\ud800"]',
        """
        error[S101]: `\\ud800` is half of a character
          --> orders.json:1:3
          |
        1 | ["\\ud800"]
          |   ^^^^^^
          = help: write the character as it is, or both its halves
        """,
    ),
    (
        '{"a" 1}',
        """
        error[S101]: expected `:` behind the key, found `1`
          --> orders.json:1:6
          |
        1 | {"a" 1}
          |      ^
        """,
    ),
    (
        "[1\n",
        """
        error[S101]: expected `,` or `]`, found the end of the file
          --> orders.json:1:3
          |
        1 | [1
          |   ^
        """,
    ),
    (
        '["a\nb"]',
        """
        error[S101]: the text does not end on its line
          --> orders.json:1:2
          |
        1 | ["a
          |  ^^
          = help: close it with `"`; a line end or a tab in a text is written `\\n`
        """,
    ),
    (
        '["\\d"]',
        """
        error[S101]: `\\d` is no escape of JSON
          --> orders.json:1:3
          |
        1 | ["\\d"]
          |   ^^
          = help: write `\\\\` for a backslash
        """,
    ),
    (
        '["a\x00"]',
        """
        error[S108]: the file holds the control character U+0000
          --> orders.json:1:4
          |
        1 | ["a�"]
          |    ^
          = help: remove it; in a text in double quotes it is written `\\u0000`
        """,
    ),
]


@pytest.mark.parametrize(("text", "expected"), JSON_TEXTS)
def test_json_problems_are_shown(text, expected):
    assert rendered(text, json=True) == spec(expected)


@pytest.mark.parametrize(
    "text",
    [
        "1 2",
        "[1 2]",
        '"a',
        "[",
        "{",
        '{"a"',
        '{"a":',
        "-",
        "nul",
        "'a'",
        "# x\n1",
        '"\\ude00"',
        '"\\ud800\\u0041"',
        '"\\u12"',
        "]",
        "[,1]",
        "\xa0 1",
        "\x0b",
        "/* x */ 1",
        '{"a":,}',
    ],
)
def test_json_refuses(text):
    assert set(codes(text, json=True)) <= {"S101", "S108"}


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("path: *.csv", 'write `path: "*.csv"`'),
        ("path: *foo*", 'write `path: "*foo*"`'),
        ("path: *foo", 'for a text write `path: "*foo"`'),
        ("path: %Y/x", 'write `path: "%Y/x"`'),
        ("path: `x`", 'write `path: "`x`"`'),
        ("path: &a.b c", 'write `path: "&a.b c"`'),
        ("path: [x].csv", 'write `path: "[x].csv"`'),
        ('if: "x" == y\nb: 1', "write `if: '\"x\" == y'`"),
        ("a: 'it's'", 'write `a: "it\'s"`'),
        ('a: "\\d+"', "write `a: '\\d+'`"),
        ("- source: %x # c", 'write `- source: "%x"`'),
        ("a: [b, @c]", 'write `"@c"`'),
        ("a: {source: @id, type: x}", 'write `source: "@id"`'),
        ("a: {source: b[0]}", 'write `source: "b[0]"`'),
        ('a: {source: =f(a, "b")}', "write `source: '=f(a, \"b\")'`"),
        ("a: Orders: daily", 'write `a: "Orders: daily"`'),
        ("a: {{ env }}/x", 'write `a: "{{ env }}/x"`'),
        ("a: !x!y z", 'write `a: "!x!y z"`'),
        ("a: [=f(a, b)]", 'write `"=f(a, b)"`'),
        ("a: {source: =f(a, g(b, c))}", 'write `source: "=f(a, g(b, c))"`'),
        ("a:\n\t- b", "indent with blanks"),
        ('a: "x\nb: 2', "close it with the same quote"),
        ("a: {b: 1\nc: 2", "close the mapping, or put the text in quotes"),
        (
            "a: b\n  c: d",
            "a text that holds `: ` needs quotes; a mapping below a key is indented further than the key",
        ),
        ("x: &x 1\n*x : b", "write the key out"),
        ("?\n: b", 'write the key; the empty text as a key is `""`'),
        ("a: .5", 'write `".5"` for the text, `0.5` for the number'),
        ("a: ~", 'write `"~"` for the text, `null` for no value'),
        ("a: 1e999999999", 'write `"1e999999999"` for the text'),
        ("a: " + "9" * 1001, "write it in quotes when it is a text"),
    ],
)
def test_each_refusal_has_a_remedy(text, help):
    assert refused(text)[0].help == help


@pytest.mark.parametrize("text", [text for text, _ in YAML_TEXTS if "write `path" in _])
def test_the_remedy_can_be_read(text):
    proposal = refused(text)[0].help.removeprefix("write `").removesuffix("`")
    assert read_text(proposal, "f").value


def test_problems_are_collected_in_order_with_the_error_that_ends_reading():
    found = refused("a: yes\nb: !x 1\na: 2\nc: #d\ne: @f")
    assert [(problem.code, problem.line) for problem in found] == [
        ("S103", 1),
        ("S104", 2),
        ("S102", 3),
        ("S106", 4),
        ("S101", 5),
    ]


def test_there_is_a_most_of_problems():
    assert len(refused("- yes\n" * 5000)) == 100


# Files


def test_a_file_is_read_by_its_ending(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read(str(tmp_path / "a.json")).value == read(str(tmp_path / "a.yaml"), "shown").value == {"a": 1}


def file_refused(path, shown="f.yaml"):
    with pytest.raises(SpecError) as caught:
        read(str(path), shown)
    return problems.render(caught.value.problems[0]) + "\n"


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "orders.yaml").touch()
    assert file_refused(tmp_path / "order.yaml", "order.yaml") == spec(
        """
        error[S110]: the file does not exist
         --> order.yaml
         = help: did you mean `orders.yaml`?
        """
    )
    assert "help" not in file_refused(tmp_path / "customers.yaml")
    assert "nor can its folder" in file_refused(tmp_path / "none" / "a.yaml")
    assert "cannot be read: Is a directory" in file_refused(tmp_path)


def test_a_file_that_is_not_utf8(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"a: 1\nb: caf\xe9 x\n")
    assert file_refused(tmp_path / "a.yaml") == spec(
        """
        error[S108]: byte 11 of the file, 0xe9, is not UTF-8
          --> f.yaml:2:7
          |
        2 | b: caf� x
          |       ^
          = help: save the file as UTF-8
        """
    )


def test_a_file_that_is_too_large(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"#" * (BYTES + 1))
    assert file_refused(tmp_path / "a.yaml") == spec(
        """
        error[S107]: the file is larger than 5,000,000 bytes
         --> f.yaml
         = help: move tables and lists of this size into files of their own
        """
    )


# Bombs: refused in time that grows with the text


def laughs(last):
    """Nine times ten to the power of `last`."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]" for i in range(last)]
    return "\n".join(lines)


def chain(links):
    return "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, links))])


@pytest.mark.parametrize(
    ("text", "json"),
    [
        (laughs(20), False),
        (chain(200), False),
        ("[" * 1_000_000, False),
        ("{a: " * 1_000_000, False),
        ("- " * 1_000_000, False),
        ("- a\n" * 150_000, False),
        ("[" * 1_000_000, True),
        ('{"a":' * 900_000, True),
        ("[" + "1," * 500_000, True),
    ],
    ids=range(9),
)
def test_bombs_are_refused(text, json):
    begun = time.process_time()
    assert codes(text, json=json) == ["S107"]
    assert time.process_time() - begun < 10  # minutes, were it not linear


def test_what_is_just_allowed():
    assert len(json.dumps(read_text(laughs(3), "f").value)) > 20_000
    assert read_text(chain(99), "f").value["a98"]
    assert read_text("[" * 100 + "]" * 100, "f", json=True).value
    assert read_text("[" * 100 + "]" * 100, "f").value


def test_problems_on_one_long_line_share_its_text():
    found = refused("[" + "yes, " * 10_000 + "]")
    assert len({id(problem.source) for problem in found}) == 1


# Any text


@given(NODES)
def test_json_reads_back_what_json_writes(value):
    expected = json.loads(json.dumps(value), parse_float=Decimal)
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert read_text(text, "f.json", json=True).value == expected


@settings(max_examples=500, deadline=1000)
@given(YAML_SIGNS | st.text(max_size=60), st.booleans())
def test_any_text_is_read_or_refused(text, json):
    try:
        document = read_text(text, "f", json=json)
    except SpecError as error:
        shown = [problems.render(problem) for problem in error.problems]
        assert shown
        assert not any(re.search(problems._UNSHOWABLE, line) for text in shown for line in text.split("\n"))
    else:
        document.value_mark(())


@given(
    st.recursive(
        st.integers() | st.text(st.sampled_from("ab'\"\\ é#:{}")),
        lambda below: st.lists(below) | st.dictionaries(st.text(st.sampled_from("ab:")), below),
        max_leaves=10,
    )
)
def test_json_is_yaml_and_places_hold_the_values(value):
    text = json.dumps(value)
    by_yaml, by_json = read_text(text, "f"), read_text(text, "f", json=True)
    assert by_yaml.value == by_json.value == value
    for pointer, below in walk(value):
        assert by_yaml.value_mark(pointer) == by_json.value_mark(pointer)
        assert json.loads(marked(by_json, by_json.value_mark(pointer))) == below


def walk(value, pointer=()):
    yield pointer, value
    if isinstance(value, dict | list):
        for step, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(below, (*pointer, step))


# The text of a problem


def test_a_problem_with_all_its_parts():
    document = read_text("fields:\n\n\n\n\n\n\n\n\n  email:\t{source: customer.emial}", "pipelines/orders.yaml")
    more = {
        "where": "field `email`",
        "seen": "seen: customer.email",
        "help": "did you mean `customer.email`?",
    }
    problem = problems.at_value(
        document, ("fields", "email", "source"), "M204", "`customer.emial` does not exist", **more
    )
    assert problems.render(problem) + "\n" == spec(
        """
        error[M204]: `customer.emial` does not exist
           --> pipelines/orders.yaml:10:19   (field `email`)
           |
        10 |   email: {source: customer.emial}
           |                   ^^^^^^^^^^^^^^ seen: customer.email
           = help: did you mean `customer.email`?
        """
    )
    assert problem.order == ("pipelines/orders.yaml", 10, 19)
    assert json.loads(json.dumps(problem.to_json()))["help"] == more["help"]


def test_problems_at_keys_and_inside_texts():
    document = read_text("a: {path: =x.y}", "f")
    at_key = problems.at_key(document, ("a", "path"), "S2", "no such key", level="warning")
    inside = problems.inside(document, ("a", "path"), (3, 1), "E1", "no such name")
    assert problems.render(at_key).splitlines()[0] == "warning[S2]: no such key"
    assert (at_key.column, at_key.length, inside.column, inside.length) == (5, 4, 14, 1)


@pytest.mark.parametrize("column", [1, 80, 200, 350, 400])
def test_long_lines_are_cut_around_the_place(column):
    line = "".join(chr(0x4E00 + at) for at in range(400))
    shown = problems.render(problems.Problem("S1", "m", "f", 1, column, 3, line)).splitlines()
    assert shown[1] == f"  --> f:1:{column}"
    text, carets = shown[3][4:], shown[4][4:]
    assert len(text) <= 160
    assert text[carets.index("^")] == line[column - 1]


@pytest.mark.parametrize(
    ("word", "choices", "expected"),
    [
        ("emial", ["id", "email", "emails"], "email"),
        ("qtty", ["qty", "quantity"], "qty"),
        ("Email", ["email"], "email"),
        ("unit-price", ["unit_price", "price"], "unit_price"),
        ("customer.emial", ["customer.email", "customer.id"], "customer.email"),
        ("ab", ["ac"], ""),
        ("name", ["source", "sink"], ""),
        ("cat", ["bat", "hat", "car"], "bat"),
        ("same", ["same"], ""),
        ("x" * 1000, ["x" * 999], ""),
        ("a", [], ""),
    ],
)
def test_suggestions(word, choices, expected):
    assert spelling.suggest(word, choices) == expected
    assert spelling.suggest(word, reversed(choices)) == expected


@pytest.mark.parametrize("text", ["a", 'a"b', "a\\b", "it's", "it's \"\\", "@", ""])
def test_quoted_texts_read_back(text):
    assert read_text(scalars.quoted(text), "f").value == text
