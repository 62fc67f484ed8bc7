"""The reference page says of each resolver and function what a spec needs, and its examples read as they are meant."""

import re

import pytest

from engine import registry
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
