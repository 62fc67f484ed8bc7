"""`engine fmt`: the same meaning, every comment, the same bytes when done twice; and house style itself, by cases."""

import io
import json
import os
import random
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.cli import main
from engine.errors import SpecError
from engine.spec import formatting
from engine.spec.formatting import formatted
from engine.spec.formatting.parts import Sheet
from engine.spec.formatting.yaml_layout import WIDTH
from engine.spec.reader import read, read_text

ROOT = Path(__file__).parent.parent.parent
FOLDERS = (ROOT / "pipelines", ROOT / "fixtures", ROOT.parent / "shared")
FILES = sorted(
    path for folder in FOLDERS for kind in ("yaml", "json") for path in folder.rglob(f"*.{kind}") if path.is_file()
)


def fmt(text, json=False):
    return formatted(read_text(text, "spec", json), json=json)


def comments(text):
    return sorted(comment.text for comment in Sheet(text.replace("\r\n", "\n")).comments)


def holds(text, json=False):
    """What is true of every text: returns it in house style."""
    new = fmt(text, json)
    assert repr(read_text(new, "spec", json).value) == repr(read_text(text, "spec", json).value)
    assert fmt(new, json) == new
    assert json or comments(new) == comments(text)
    return new


# --- every file there is


@pytest.mark.parametrize("path", FILES, ids=lambda path: os.path.relpath(path, ROOT))
def test_every_file(path):
    try:
        document = read(str(path))
    except SpecError:
        return
    holds(document.text, json=path.suffix == ".json")


# --- random layouts


WORDS = [
    "a",
    "b.c",
    '"q # x"',
    "'it''s'",
    "$out.x",
    "=int(a) * 2",
    "12",
    "1.10",
    "null",
    "x#y",
    "12:30",
    '"{{ a }}"',
    "*A",
]
WORDS += ["a b c", "-x", f'"{"long " * 30}"', "word" * 9, '"a\\\n    b"', '"a\n\n   b"', "plain\n       more", "日本 é"]
LINES = ["one", "  two # no", "三", "", "   "]


class Author:
    """Writes YAML as nobody should: comments, blanks and breaks in every place that allows them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0

    def one_of(self, *choices):
        return self.random.choice(choices)

    def chance(self, share):
        return self.random.random() < share

    def key(self):
        self.count += 1
        return self.one_of("k{}", '"q k{}"', "'s{}'", "a.b{}", "$x{}", "{}", "x y{}").format(self.count)

    def comment(self):
        return self.one_of("", "", "", "  # c", " # d", "\t# tab", "            # far")

    def above(self, indent):
        lines = []
        while self.chance(0.25):
            column = self.one_of(0, indent, indent + 2, max(indent - 2, 0))
            lines.append(self.one_of("\n", "\n\n", "   \n", f"{' ' * column}# own {self.random.random()}\n"))
        return "".join(lines)

    def blank(self):
        return self.one_of(*[""] * 6, " ", "  ", "  # in\n      ", "\n      ", "\n\n      # alone\n      ")

    def flow(self, depth):
        if depth <= 0 or self.chance(0.4):
            return self.one_of(*WORDS)
        label = self.one_of(*[""] * 8, "&B ")
        items = [self.flow(depth - 1) + " " for _ in range(self.random.randrange(4))]
        if self.chance(0.5):
            items = [f"{self.key()}: {self.blank()}{item}" for item in items]
            return f"{label}{{{self.blank()}{(',' + self.blank()).join(items)}{self.blank()}}}"
        return f"{label}[{self.blank()}{(',' + self.blank()).join(items)}{self.blank()}]"

    def scalar(self, indent):
        if self.chance(0.8):
            return f"{self.flow(2)}{self.comment()}\n"
        header = self.one_of("|", ">", "|-", ">-", "|+", ">+", "|2")
        margin = " " * (indent + (2 if "2" in header else self.one_of(1, 2, 4)))
        lines = [
            f"{margin}{line}".rstrip() if self.chance(0.5) else f"{margin}{line}"
            for line in self.random.choices(LINES, k=3)
        ]
        below = self.one_of("", "\n", "\n\n")
        return (
            f"{header}{self.one_of('', '  # head')}\n"
            + "\n".join([f"{margin}begin", *lines, f"{margin}end"])
            + "\n"
            + below
        )

    def block(self, indent, depth):
        lists = self.chance(0.35)
        step = self.one_of(1, 2, 4)
        return "".join(
            self.above(indent) + (self.item if lists else self.member)(indent, depth, step)
            for _ in range(self.random.randrange(1, 5))
        )

    def item(self, indent, depth, step):
        head = f"{' ' * indent}-"
        if depth <= 0 or self.chance(0.4):
            return f"{head} {self.scalar(indent)}"
        if self.chance(0.5):
            return f"{head}{self.one_of('', '', ' &L')}{self.comment()}\n{self.above(indent)}{self.block(indent + step, depth - 1)}"
        below = self.block(indent + 2, depth - 1)
        compact = below[: indent + 2].isspace() and "\n" not in below[: indent + 2] and below[indent + 2] not in "\n# "
        return f"{head} {below[indent + 2 :]}" if compact else f"{head}\n{below}"

    def member(self, indent, depth, step):
        head = f"{' ' * indent}{self.key()}{self.one_of(':', ':', ' :')}"
        if depth <= 0 or self.chance(0.5):
            return f"{head}{self.one_of(' ', ' ', '    ')}{self.scalar(indent)}"
        if self.chance(0.1):
            return f"{head}{self.comment()}\n"
        return f"{head}{self.one_of('', '', ' &M')}{self.comment()}\n{self.above(indent)}{self.block(indent + step, depth - 1)}"

    def text(self):
        text = f"{self.above(0)}{self.one_of('', '', '--- # doc' + chr(10))}first: &A one\n{self.block(0, 3)}"
        return text.rstrip("\n") if self.chance(0.3) else text


@pytest.mark.parametrize("seed", range(10))
def test_random_layouts(seed):
    author = Author(seed)
    done = 0
    while done < 30:
        text = author.text()
        try:
            read_text(text, "spec")
        except SpecError:
            continue
        holds(text)
        holds(text.replace("\n", "\r\n"))
        done += 1


@pytest.mark.parametrize("seed", range(5))
def test_random_json(seed):
    chooser = random.Random(seed)

    def value(depth):
        if depth == 0 or chooser.random() < 0.3:
            return chooser.choice([1, "a", "é \n", None, True, 1.5, "x" * 60, [], {}])
        items = [value(depth - 1) for _ in range(chooser.randrange(5))]
        return items if chooser.random() < 0.5 else {f"k{at}": item for at, item in enumerate(items)}

    for _ in range(30):
        text = json.dumps(value(4), indent=chooser.choice([None, 1, 4]), ensure_ascii=chooser.random() < 0.5)
        new = holds(text, json=True)
        assert json.loads(new) == json.loads(text)


# --- house style


LONG = ", ".join(f"key_{at}: value_{at}" for at in range(8))
CASES = {
    "one blank line at most, none at the ends": ("\n\na: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"),
    "blank lines at the head of a block go": ("a:\n\n  b: 1\n", "a:\n  b: 1\n"),
    "two columns": ("a:\n    b:\n         c: 1\n", "a:\n  b:\n    c: 1\n"),
    "items under their key": ("a:\n- 1\n-   b: 2\n    c: 3\n", "a:\n  - 1\n  - b: 2\n    c: 3\n"),
    "lists of lists": ("a:\n- - 1\n  - 2\n-\n  - 3\n", "a:\n  - - 1\n    - 2\n  - - 3\n"),
    "brackets": ("a: { b: 1,c: [ x,z ],  }\n", "a: {b: 1, c: [x, z]}\n"),
    "brackets that fit are joined": ("a: {b: 1,\n    c: 2}\n", "a: {b: 1, c: 2}\n"),
    "brackets that do not fit are broken": (
        f"a: {{{LONG}}}\n",
        "a:\n" + "".join(f"  key_{at}: value_{at}\n" for at in range(8)),
    ),
    "lists that do not fit are broken": (
        f"a: [{', '.join(['word' * 3] * 9)}]\n",
        "a:\n" + f"  - {'word' * 3}\n" * 9,
    ),
    "nothing but brackets": ("[" * 90 + "]" * 90, "- " * 89 + "[]\n"),
    "what is inside stays in brackets": (
        f"- {{a: [1, 2], b: {{c: 3}}, d: {'x' * 90}}}\n",
        f"- a: [1, 2]\n  b: {{c: 3}}\n  d: {'x' * 90}\n",
    ),
    "blocks stay blocks": ("a:\n  b: 1\n", "a:\n  b: 1\n"),
    "brackets with a comment are broken": (
        "a: {b: 1,   # one\n  # two\n  c: 2}  # three\n",
        "a:\n  b: 1      # one\n  # two\n  c: 2  # three\n",
    ),
    "comments go with their column": (
        "a:\n  b: 1\n  # of b\n# of c\nc:\n    # of d\n    d: 1\n# end\n",
        "a:\n  b: 1\n  # of b\n# of c\nc:\n  # of d\n  d: 1\n# end\n",
    ),
    "a comment in the column of key and dashes": ("a:\n- 1\n# of b\nb: 2\n", "a:\n  - 1\n# of b\nb: 2\n"),
    "a comment keeps two columns, or the author's": (
        "a: 1 # one\nb: 2       # aligned\ncc: 3      # aligned\n",
        "a: 1  # one\nb: 2       # aligned\ncc: 3      # aligned\n",
    ),
    "a comment that goes on below": ("a: 1   # one\n       # two\nb: 2\n", "a: 1   # one\n       # two\nb: 2\n"),
    "a comment between dash and key": ("- # one\n  a: 1  # two\n", "# one\n- a: 1  # two\n"),
    "a comment between key and value": ("a: # one\n  1  # two\n", "# one\na: 1  # two\n"),
    "nothing but a comment behind a key": ("a:  # one\n  - 1\n", "a:  # one\n  - 1\n"),
    "aligned values": ("sku:      {source: sku}\nlocation: location\n", "sku:      {source: sku}\nlocation: location\n"),
    "no blank before the colon": ("sku : 1\n", "sku: 1\n"),
    "quotes stay": ("a: 'b'\n\"c\": \"d\"\n", "a: 'b'\n\"c\": \"d\"\n"),
    "expressions": ("a: =int(a) * 2\nb: '=x(\"y\")'\n", "a: =int(a) * 2\nb: '=x(\"y\")'\n"),
    "anchors": ("- &l  [ 1 ]\n- *l\n- &m\n  a: 1\n- &n text\n", "- &l [1]\n- *l\n- &m\n  a: 1\n- &n text\n"),
    "an empty value in brackets": ("{a, b: , c: 1}\n", "{a: null, b: null, c: 1}\n"),
    "a pair in a list": ("a: [b: 1, c]\n", "a: [{b: 1}, c]\n"),
    "block texts": (
        "a: |\n      one\n        two\n\n\n\nb: >-   # why\n    x\n",
        "a: |\n  one\n    two\n\nb: >-   # why\n  x\n",
    ),
    "block texts that keep their end": ("a:\n    - |+\n      x\n\n\nb: 1\n", "a:\n  - |+\n    x\n\n\nb: 1\n"),
    "block texts that begin with a blank": ("a:\n    b: |4\n         x\n", "a:\n  b: |2\n     x\n"),
    "a text without end": ("a: |\n   x", "a: |\n  x"),
    "texts over lines": ('a: one\n      two\nb: "x\n  y"\n', 'a: one\n  two\nb: "x\n  y"\n'),
    "a text below its key": (f"a:\n    {'word ' * 22}end\n", f"a:\n  {'word ' * 22}end\n"),
    "a short text below its key": ("a:\n    word\n", "a: word\n"),
    "keys with a question mark": ('? a\n: 1\n? "b\n  c"\n: 2\n', 'a: 1\n"b c": 2\n'),
    "the head of a document": ("# one\n---   # two\n\na: 1\n", "# one\n---   # two\na: 1\n"),
    "its end": ("a: 1\n...\n", "a: 1\n"),
    "no end of line": ("a: 1", "a: 1\n"),
    "blanks at the end": ("a: 1   \nb:\t2  # c  \n", "a: 1\nb: 2  # c\n"),
    "a mark at the start": ("\ufeffa:  [ 1]\n", "a:  [1]\n"),
    "Windows": ("a:\r\n    b: |\r\n        x\r\n\r\n\r\nc: [ 1 ]\r\n", "a:\r\n  b: |\r\n    x\r\n\r\nc: [1]\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_house_style(text, expected):
    assert fmt(text) == expected
    holds(text)


def test_the_width():
    fits = f"a: [{'x' * (WIDTH - 7)}, z]"
    assert len(fits) == WIDTH + 1
    assert fmt(fits) == f"a:\n  - {'x' * (WIDTH - 7)}\n  - z\n"
    assert fmt(fits.replace("z", "")) == f"a: [{'x' * (WIDTH - 7)}]\n"
    short = fits.replace("xx", "x", 1)
    assert fmt(f"{short}   # a comment is not measured") == f"{short}   # a comment is not measured\n"
    assert fmt(short.replace("a: ", "a:   ")) == f"{short}\n"  # blanks go before brackets break


JSON = {
    "short": ('{"a":1,"b":[ 1,2 ]}', '{"a": 1, "b": [1, 2]}\n'),
    "broken by the author": ('{\n "a": 1, "b": [1]}', '{\n  "a": 1,\n  "b": [1]\n}\n'),
    "blank lines": ('{\n "a": 1,\n\n\n "b": 2}', '{\n  "a": 1,\n\n  "b": 2\n}\n'),
    "too long": (
        json.dumps({"a": ["x" * 60, "y" * 60], "b": {}}),
        f'{{\n  "a": [\n    "{"x" * 60}",\n    "{"y" * 60}"\n  ],\n  "b": {{}}\n}}\n',
    ),
    "words": ('["\\u00e9", 1.10, 12, true]', '["\\u00e9", 1.10, 12, true]\n'),
    "Windows": ('{\r\n"a": 1}\r\n', '{\r\n  "a": 1\r\n}\r\n'),
}


@pytest.mark.parametrize(("text", "expected"), JSON.values(), ids=JSON)
def test_json(text, expected):
    assert fmt(text, json=True) == expected
    holds(text, json=True)


# --- the command


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.yaml").write_text("a: 1\n")
    Path("odd.yaml").write_text("a:  { b: 1 }  # c\n")
    Path("bad.yaml").write_text("a: 1\na: 2\n")
    Path("odd.json").write_text('{"a":1}')
    return tmp_path


def said(capsys, *words, code=0):
    assert main(["fmt", *words]) == code
    return capsys.readouterr()


def test_writes_what_changes(here, capsys):
    before = os.stat("good.yaml").st_mtime_ns
    os.chmod("odd.yaml", 0o640)
    Path("link.json").symlink_to("odd.json")
    assert said(capsys, "good.yaml", "odd.yaml", "link.json") == ("odd.yaml\nlink.json\n", "")
    assert Path("odd.yaml").read_text() == "a:  {b: 1}  # c\n"
    assert Path("odd.json").read_text() == '{"a": 1}\n'
    assert stat.S_IMODE(os.stat("odd.yaml").st_mode) == 0o640
    assert Path("link.json").is_symlink()
    assert os.stat("good.yaml").st_mtime_ns == before
    assert said(capsys, "good.yaml", "odd.yaml", "odd.json") == ("", "")
    assert sorted(os.listdir()) == ["bad.yaml", "good.yaml", "link.json", "odd.json", "odd.yaml"]


def test_check(here, capsys):
    assert said(capsys, "--check", "good.yaml") == ("", "")
    assert said(capsys, "--check", "good.yaml", "odd.yaml", "odd.json", code=10) == (
        "odd.yaml\nodd.json\n",
        "error[U111]: not in house style: odd.yaml, odd.json\n   = help: engine fmt odd.yaml odd.json\n",
    )
    assert Path("odd.json").read_text() == '{"a":1}'


def test_diff(here, capsys):
    shown = "--- odd.yaml\n+++ odd.yaml (house style)\n@@ -1 +1 @@\n-a:  { b: 1 }  # c\n+a:  {b: 1}  # c\n"
    assert said(capsys, "--diff", "good.yaml", "odd.yaml") == (shown, "")
    assert said(capsys, "--diff", "--check", "odd.yaml", code=10).out == shown
    assert Path("odd.yaml").read_text() == "a:  { b: 1 }  # c\n"


def test_stdout(here, capsys):
    assert said(capsys, "--stdout", "good.yaml", "odd.yaml") == ("a: 1\na:  {b: 1}  # c\n", "")
    assert Path("odd.yaml").read_text() == "a:  { b: 1 }  # c\n"


def test_stdin(here, capsys, monkeypatch):
    def given(text):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))

    given(b"a: { b: 1 }")
    assert said(capsys, "-") == ("a: {b: 1}\n", "")
    given(b'{"a":1}')
    assert said(capsys, "-", "--name", "x.json") == ('{"a": 1}\n', "")
    given(b"a: { b: 1 }")
    assert said(capsys, "-", "--check", code=10).err == (
        "error[U111]: not in house style: <stdin>\n   = help: engine fmt -\n"
    )
    given(b"a: caf\xe9")
    assert said(capsys, "-", code=3).err == (
        "error[S108]: byte 6 of the file, 0xe9, is not UTF-8\n"
        "  --> <stdin>:1:7\n  |\n1 | a: caf�\n  |       ^\n  = help: save the file as UTF-8\n\n1 error\n"
    )  # fmt: skip


BAD = (
    "error[S102]: `a` is here twice: the first is on line 1\n"
    "  --> bad.yaml:2:1\n"
    "  |\n"
    "2 | a: 2\n"
    "  | ^\n"
    "  = help: keep one of the two, or rename one\n\n"
    "1 error\n"
)


def test_a_file_that_does_not_parse(here, capsys):
    assert said(capsys, "bad.yaml", "odd.json", code=3) == ("odd.json\n", BAD)
    assert Path("bad.yaml").read_text() == "a: 1\na: 2\n"
    assert said(capsys, "none.yaml", code=3).err == "error[S110]: the file does not exist\n --> none.yaml\n\n1 error\n"


def test_json_listing(here, capsys):
    listed = json.loads(said(capsys, "--json", "--check", "good.yaml", "odd.yaml", "bad.yaml", code=3).out)
    assert [(entry["file"], entry["changed"]) for entry in listed] == [
        ("good.yaml", False),
        ("odd.yaml", True),
        ("bad.yaml", False),
    ]
    assert [problem["code"] for problem in listed[2]["problems"]] == ["S102"]


def test_a_file_that_cannot_be_written(here, capsys, monkeypatch):
    def full(staged, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    path = os.path.realpath("odd.yaml")
    assert said(capsys, "odd.yaml", code=2).err == (
        f"error[U110]: `{path}` cannot be written: No space left on device\n"
        "   = help: the files after it are as they were\n"
    )
    assert Path("odd.yaml").read_text() == "a:  { b: 1 }  # c\n"
    assert sorted(os.listdir()) == ["bad.yaml", "good.yaml", "odd.json", "odd.yaml"]


@pytest.mark.parametrize(
    "text", ["a: 2  # c\n", "a: 1\n", "a: [\n", "a: '1'  # c\n", "a: 1.0  # c\n", "b: 1\na: 1  # c\n"]
)
def test_a_text_that_says_something_else_is_not_written(here, capsys, monkeypatch, text):
    Path("odd.yaml").write_text("a:   1  # c\n")
    monkeypatch.setattr(formatting.Layout, "text", lambda self: text)
    assert said(capsys, "odd.yaml", code=1).err == (
        "error[U112]: `odd.yaml` would not mean the same in house style: it is left as it is\n"
        "   = help: a fault of `engine fmt`: please report it with the file\n"
    )
    assert Path("odd.yaml").read_text() == "a:   1  # c\n"
