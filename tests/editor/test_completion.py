"""What an editor offers in a spec, asked of the language server that editors use, with the schema as it is generated.

`|` is the cursor. Behind a comma inside brackets the server offers nothing before the first letter: there one is typed.
"""

import json
import os
import sys
from pathlib import Path

import pytest

from engine.cli.schema_command import files

sys.path.insert(0, str(Path(__file__).parent))
from server import INSTALL, VERSION, Server, command

sys.path.pop(0)

SCHEMAS = {"spec.yaml": "spec", "mapping.yaml": "mapping", "engine.yaml": "project"}
TOP = ["connections", "description", "limits", "mapping", "name", "parser", "pipelines", "sink", "source", "vars"]
A = "mapping:\n  fields:\n    a: "


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server in a folder that holds the schemas."""
    if command() is None:
        pytest.skip(f"no yaml-language-server: {INSTALL}")
    folder = tmp_path_factory.mktemp("editor")
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    server = Server(command(), folder)
    yield server
    server.stop()


@pytest.fixture
def ask(server):
    """Ask for something at the cursor of a text."""

    def ask(method, text, name="spec.yaml"):
        head = f"# yaml-language-server: $schema={SCHEMAS[name]}.schema.json\n"
        before, _, after = text.partition("|")
        ask.uri = server.open(f"{server.count}-{name}", f"{head}{before}{after}")
        lines = f"{head}{before}".split("\n")
        return server.at(method, ask.uri, len(lines) - 1, len(lines[-1]))

    return ask


@pytest.fixture
def offered(ask):
    """What is offered at the cursor, with what it says of itself."""

    def offered(text, name="spec.yaml"):
        items = ask("completion", text, name)["items"]
        return {item["label"]: said(item.get("documentation") or "") for item in items}

    return offered


@pytest.fixture
def problems(ask, server):
    """What is underlined: the words, and what is said of them."""

    def problems(text, name="spec.yaml"):
        ask("hover", f"|{text}", name)
        lines = ["", *text.split("\n")]
        found = []
        for each in server.problems(ask.uri):
            start, end = each["range"]["start"], each["range"]["end"]
            found.append((lines[start["line"]][start["character"] : end["character"]], each["message"]))
        return found

    return problems


def said(documentation):
    return documentation["value"] if isinstance(documentation, dict) else documentation


def test_keys_of_a_spec(offered):
    keys = offered("|\n")
    assert not set(TOP) - keys.keys()
    assert all(keys.values()), "a key without a description"
    assert keys["source"] == "Where records come from."


def test_only_keys_that_are_not_there(offered):
    keys = offered("source: {type: files, path: a.csv}\n|\nsink: {type: files, path: b.jsonl}\n")
    assert "mapping" in keys
    assert not {"source", "sink"} & keys.keys()


def test_keys_of_a_field(offered):
    for text in (f"{A}\n      source: b\n      |\n", f"{A}{{source: b, r|}}\n"):
        keys = offered(text)
        assert keys["resolver"] == "A resolver, or a list of them, applied left to right."
        assert all(keys.values())


@pytest.mark.parametrize("value", ["|", "t|", "[|]", "[trim, |]", "{type: |}", "{type: d|}"])
@pytest.mark.parametrize("field", [A + "{source: b, resolver: @}\n", A + "\n      source: b\n      resolver: @\n"])
def test_resolvers(offered, field, value):
    names = offered(field.replace("@", value))
    assert names["trim"].startswith("The text without blank space at its ends")
    assert not {"abs", "date", "decimal", "int", "upper"} - names.keys()


@pytest.mark.parametrize(
    "resolver", ["{type: decimal, p|}", "{type: decimal, places: 2, r|}", "\n        type: decimal\n        |"]
)
def test_options_of_a_resolver(offered, resolver):
    options = offered(f"{A}\n      resolver: {resolver}\n")
    assert options["rounding"] == "How digits beyond `places` are rounded; refused unless said."
    assert "pattern" not in options, "an option of another resolver"


def test_values_of_an_option(offered):
    assert {"half_even", "half_up"} <= offered(f"{A}{{resolver: {{type: decimal, rounding: |}}}}\n").keys()
    assert {"omit", "null"} <= {name.strip('"') for name in offered(f"{A}{{source: b, blank: |}}\n")}


@pytest.mark.parametrize("kind", ["sink", "source"])
@pytest.mark.parametrize("value", ["{type: |}", "\n  type: |", "{type: f|}"])
def test_types(offered, kind, value):
    assert offered(f"{kind}: {value}\n")["files"]


def test_parsers_by_name(offered):
    names = offered("parser: |\n")
    assert names["csv"]
    assert names["jsonl"]


@pytest.mark.parametrize("source", ["{type: files, path: a.csv, m|}", "\n  type: files\n  |"])
def test_options_of_a_source(offered, source):
    options = offered(f"source: {source}\n")
    assert options["min_age"]
    assert options["connection"]


def test_steps(offered):
    assert {"explode", "filter", "map"} <= offered("steps:\n  - {type: |}\n").keys()
    assert {"explode", "filter", "map"} <= offered("steps:\n  - type: |\n").keys()
    for step in ("{type: filter, w|}", "type: filter\n    |"):
        options = offered(f"steps:\n  - {step}\n")
        assert options["where"]
        assert "each" not in options, "an option of another step"


def test_lookups(offered):
    assert "files" in offered("lookups:\n  sites: {type: |}\n")
    assert offered("lookups:\n  sites: {type: files, path: sites.csv, i|}\n")["index"]
    assert offered("lookups:\n  sites: {v|}\n")["values"]
    assert offered(f"{A}{{source: b, resolver: {{type: lookup, t|}}}}\n")["table"]


def test_words_of_the_sdk_are_not_offered(offered):
    assert not [name for name in offered(f"{A}{{source: b, resolver: |}}\n") if "sdk" in name]


def test_keys_of_the_other_files(offered):
    assert {"fields", "blank", "pass_through"} <= offered("|\n", "mapping.yaml").keys()
    assert {"connections", "environments", "vars"} <= offered("|\n", "engine.yaml").keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so|urce: {type: files, path: a.csv}\n", "Each file that matches the path is a unit"),
        (f"{A}{{source: b, resolver: tr|im}}\n", "The text without blank space at its ends"),
        (f"{A}{{source: b, resolver: {{type: decimal, pla|ces: 2}}}}\n", "Exactly so many places."),
        ("limits: {max_re|jects: 5%}\n", "Rejects that a unit may have"),
    ],
)
def test_hover(ask, text, expected):
    assert expected in said(ask("hover", text)["contents"])


def test_typos(problems):
    assert problems("sorce: {type: files}\n") == [("sorce", "Property sorce is not allowed.")]
    assert problems("source: {type: files, path: a.csv, ordr: name}\n") == [("ordr", "Property ordr is not allowed.")]
    [(word, message)] = problems(f"{A}{{source: b, resolver: trimm}}\n")
    assert word == "trimm"
    assert message.startswith('Value is not accepted. Valid values: "')


def test_a_lookup_is_not_underlined(problems):
    assert problems("lookups:\n  a: {type: files, path: b.csv, index: c}\n  d: {values: {e: 1}}\n") == []
    assert [word for word, _ in problems("lookups:\n  a: {type: files, path: b.csv, index: c, values: {}}\n")]


def test_a_value_that_is_not_there_yet_is_one_matter(problems):
    assert {message for _, message in problems("parser:\n")} == {"Incorrect type. Expected one of object, string."}


HOUSE = sorted(Path(__file__).parent.parent.parent.glob("pipelines/**/*.yaml"))


@pytest.mark.parametrize("path", HOUSE, ids=lambda path: path.name)
def test_our_own_specs_are_not_underlined(problems, path):
    name = {"mappings": "mapping.yaml"}.get(
        path.parent.name, "engine.yaml" if path.name == "engine.yaml" else "spec.yaml"
    )
    text = "\n".join(line for line in path.read_text(encoding="utf-8").split("\n") if "$schema=" not in line)
    assert problems(text, name) == []


def test_contributing_names_the_pinned_server():
    text = (Path(__file__).parent.parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"yaml-language-server@{VERSION}" in text


def test_the_server_is_the_pinned_one():
    if command() is None:
        pytest.skip(f"no yaml-language-server: {INSTALL}")
    package = Path(os.path.realpath(command())).parent.parent / "package.json"
    assert json.loads(package.read_text())["version"] == VERSION
