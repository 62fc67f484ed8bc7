"""The catalogue of error codes holds exactly the codes that the engine raises, each with a whole page."""

import re
from pathlib import Path

import pytest

import engine
from engine.catalogue import catalogue, page

SOURCES = sorted(Path(engine.__file__).parent.rglob("*.py"))
CODE = re.compile(r'"([A-Z][0-9]{3})"|error\[([A-Z][0-9]{3})\]')
KEYS = {"title", "cause", "example", "remedy"}
FAMILIES = "SMERDCAUGX"


def raised():
    """Every code in the engine's source."""
    found = (match for path in SOURCES for match in CODE.findall(path.read_text(encoding="utf-8")))
    return {first or second for first, second in found}


def test_codes_raised_are_codes_explained():
    assert raised() - catalogue().keys() == set(), "write a page in engine/codes.toml"
    assert catalogue().keys() - raised() == set(), "nothing raises these any more"


@pytest.mark.parametrize("code", catalogue())
def test_page_is_whole(code):
    entry = catalogue()[code]
    assert code[0] in FAMILIES
    assert entry.keys() == KEYS
    assert all(entry[key].strip() for key in KEYS)
    assert not entry["title"].endswith(".")
    assert len(entry["title"]) <= 70
    assert "\n" not in entry["title"]
    assert entry["cause"].strip().endswith(".")
    assert page(code, entry).startswith(f"{code}: {entry['title']}\n")


def test_titles_differ():
    titles = [entry["title"] for entry in catalogue().values()]
    assert len(set(titles)) == len(titles)
