"""Patterns: what RE2 refuses, how replacing counts, and that they travel."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OptionError
from engine.language.patterns import Pattern, Replacement


@pytest.mark.parametrize("text", ["(", "[z-a]", "(?=a)", "(?<!a)b", r"(a)\1", "a{1001}", "x**", r"\C", r"a\\\Cb",
                                  "((a{1,100}){1,100}){1,100}", 7, None, "\ud800"])  # fmt: skip
def test_what_is_no_pattern(text, capfd):
    with pytest.raises(OptionError) as raised:
        Pattern.parse(text)
    assert raised.value.code == "M306"
    assert raised.value.help
    assert capfd.readouterr() == ("", "")


def test_the_message_says_what_re2_says():
    with pytest.raises(OptionError, match=re.escape("`(ab` is not a pattern: missing ): (ab")):
        Pattern.parse("(ab")


def test_an_escaped_backslash_before_c_is_a_pattern():
    assert Pattern.parse(r"\\C").fullmatch("\\C")


@pytest.mark.parametrize(("pattern", "text", "matches"), [
    ("[A-Z]{3}", "EUR", True), ("[A-Z]{3}", "EURO", False), ("a|ab", "ab", True), ("a$", "a\n", False),
    (".", "é", True), (".", "\U0001f600", True), (r"\d", "\u0661", False), (r"\pN", "\u0661", True),
    ("(?i)straße", "STRASSE", False), ("(?i)é", "É", True), ("", "", True), (".", "\n", False), ("(?s).", "\n", True),
])  # fmt: skip
def test_the_whole_text_matches(pattern, text, matches):
    assert Pattern.parse(pattern).fullmatch(text) is matches


@given(st.text(), st.sampled_from(["", "x*", r"\b", r"\B", "[^a]", "é|b?", "(?:)"]))
def test_replacing_a_match_by_itself_changes_nothing(text, pattern):
    assert Pattern(pattern).replace(text, Replacement(r"\0")) == text


@given(st.text("ab é日", max_size=20), st.sampled_from(["a", "a+", "[^a]", "é|b", "b(a)?"]))
def test_replacing_is_that_of_re(text, pattern):
    assert Pattern(pattern).replace(text, Replacement("<é>")) == re.sub(pattern, "<é>", text)


@pytest.mark.parametrize("text", [r"\n", "\\", r"\g<1>", r"\x41", r"a\\\b"])
def test_what_means_nothing_in_a_replacement(text):
    with pytest.raises(OptionError) as raised:
        Replacement.parse(text)
    assert raised.value.code == "M306"


def test_groups_by_number_and_by_name():
    pattern = Pattern.parse("(?P<é>a)(b)?")
    assert [pattern.knows(group) for group in (0, 2, 3, -1, "é", "b")] == [
        True,
        True,
        False,
        False,
        True,
        False,
    ]
    assert (pattern.extract("xa", "é"), pattern.extract("xa", 2), pattern.extract("x", 0)) == (
        "a",
        None,
        None,
    )
    assert (pattern.groups, Replacement(r"\2\1").groups, Replacement("a").groups) == (2, 2, 0)


@pytest.mark.parametrize("made", [Pattern.parse("(a)|b"), Replacement(r"\1\\")])
def test_patterns_travel_between_processes(made):
    again = pickle.loads(pickle.dumps(made))  # noqa: S301  our own
    assert (str(again), repr(again)) == (str(made), repr(made))
    assert Pattern("a") == Pattern("a") != Pattern("b")
    assert len({Pattern("a"), Pattern("a")}) == 1


def test_a_hostile_pattern_runs_in_linear_time():
    assert not Pattern.parse("(a*)*b").fullmatch("a" * 100_000)
