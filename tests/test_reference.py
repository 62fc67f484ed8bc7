"""The reference page says of each resolver and function what a spec needs, and its examples read as they are meant."""

import re

import pytest

from engine import registry
from engine.cli import main
from engine.language.expressions import Expression
from engine.language.expressions.functions import FUNCTIONS
from engine.records import MISSING
from engine.reference import reference
from engine.spec.reader import read_text

ROW = re.compile(r"^\| (.+?) \| `(.+)` \| (.+?) \|$", re.MULTILINE)
PARTS = re.split(r"^#{2,4} ", reference(), flags=re.MULTILINE)


def part(title):
    return next(text for text in PARTS if text.startswith(f"{title}\n"))


@pytest.mark.parametrize("found", registry.resolvers().values(), ids=lambda found: found.name)
def test_a_resolver_says_all_of_itself(found):
    text = part(f"`{found.name}`")
    assert found.doc in text
    assert re.search(r"^Takes .+; gives .+\.", text, re.MULTILINE)
    assert ("It is given blank too." in text) == found.blank
    assert ("It sees the record around the value." in text) == found.contextual
    assert all(f"| `{option.name}` | " in text for option in found.options)
    assert all(f"{option.name}=.." in text or option.required for option in found.options)


@pytest.mark.parametrize("found", registry.resolvers().values(), ids=lambda found: found.name)
def test_examples_are_written_as_a_spec_reads_them(found):
    rows = [row for row in ROW.findall(part(f"`{found.name}`")) if row[0] != "given"]
    examples = rows[-len(found.examples) :]
    for (_, written, result), example in zip(examples, found.examples, strict=True):
        said = read_text(f"resolver: {written}".replace("\\|", "|"), "reference").value["resolver"]
        options = {"type": found.name, **example.options}
        assert said == (options if example.options else found.name)
        assert (result == "missing") == (example.gives is MISSING and not example.error)
        assert (f"reject `{example.error}`" == result) == bool(example.error)


def test_functions_are_there_and_their_examples_parse():
    text = part("Expressions")
    for name, found in FUNCTIONS.items():
        assert f"| `{found.written}` | " in text.replace("\\|", "|")
        assert found.written.startswith(f"{name}(")
        Expression.parse(f"={found.example}")


def test_the_lookups_that_are_shown_do_what_they_say(tmp_path, monkeypatch, capsys):
    shown = re.search(r"```yaml\n(.+?)```", part("lookups"), re.DOTALL)[1]
    ends = 'source: {type: files, path: in/*.csv}\nsample: s.csv\nsink: {type: files, path: "out/{unit.stem}.jsonl"}\n'
    files = {
        "s.yaml": ends + shown,
        "s.csv": "sku,size,qty\na,S,2\n",
        "data/prices-a.csv": "sku;size;price\na;S;2.50\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "s.yaml"]) == 0
    assert capsys.readouterr().err == "ok: 1 pipeline\n"
    assert main(["map", "s.yaml", "s.csv"]) == 0
    assert capsys.readouterr().out == '{"size":"small","price":"2.50","worth":5.00}\n'


@pytest.mark.parametrize("title", ["lookups", "expects"])
def test_groups_say_their_options(title):
    options = {"lookups": ("index", "parser", "values", "miss", "many", "default"), "expects": ("schema",)}
    assert all(f"| `{name}` | " in part(title) for name in options[title])


def test_expressions_for_instance_parse():
    shown = part("Expressions").partition("**For instance**")[2].partition("**Limits**")[0]
    found = re.findall(r"`(=[^`]+)`", shown)
    assert len(found) == 2
    for text in found:
        Expression.parse(text)


def test_two_date_formats_in_one_field(tmp_path, monkeypatch, capsys):
    shown = re.search(r"`(=date.+?)`", part("Expressions"))[1]
    (tmp_path / "m.yaml").write_text(f"fields:\n  day: '{shown}'\n")
    (tmp_path / "s.csv").write_text("day\n31/12/2025\n2026-01-31\n")
    monkeypatch.chdir(tmp_path)
    assert main(["map", "m.yaml", "s.csv"]) == 0
    assert capsys.readouterr().out == '{"day":"2025-12-31"}\n{"day":"2026-01-31"}\n'
