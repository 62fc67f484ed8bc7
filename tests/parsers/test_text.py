"""The parsers of plain lines, and the one that goes by content: what they refuse, in whole texts."""

import gzip
import io

import pytest

from engine.errors import OptionError, UnitError
from engine.kinds import Limits
from engine.language.patterns import Pattern
from engine.parsers._input import batches_of
from engine.parsers.by_content import ByContent
from engine.parsers.fixed_width import FixedWidth
from engine.parsers.text import Text
from engine.records import Damage


def messages(parser, data):
    values = [value for batch in batches_of(parser, io.BytesIO(data), "", Limits()) for value in batch.values]
    return [(value.code, value.message) for value in values if isinstance(value, Damage)]


def test_lines_that_are_refused():
    pattern = Text(pattern=Pattern.parse("(?P<level>[A-Z]+): (?P<text>.*)"))
    assert messages(pattern, b"INFO: x\nwarn: y\n") == [
        ("R107", "the line `warn: y` does not match `(?P<level>[A-Z]+): (?P<text>.*)`"),
    ]
    assert messages(FixedWidth(columns={"a": 2, "b": [4, 1]}), b"ab c\na\nab cd\n") == [
        ("R108", "the line has 1 character, the layout 4"),
        ("R108", "the line has 5 characters, the layout 4"),
    ]


@pytest.mark.parametrize(
    ("make", "message", "help"),
    [
        (
            lambda: Text(pattern=Pattern.parse("x(y)")),
            "the pattern `x(y)` has no named group",
            "name what each group holds: `(?P<level>[A-Z]+) (?P<message>.*)`",
        ),
        (
            lambda: FixedWidth(columns={"a": [0, 3]}),
            "the column `a` has no place in the line",
            "write a width, such as `8`, or `[1, 8]`: the first character, counted from 1, and the width",
        ),
        (lambda: FixedWidth(columns={}), "`columns` is empty", "name them: `columns: {sku: 8, qty: 5}`"),
        (
            lambda: FixedWidth(columns={"a": 4}, width=3),
            "`width: 3` is less than the columns take, 4",
            "mend one of them",
        ),
    ],
)
def test_options_that_cannot_be(make, message, help):
    with pytest.raises(OptionError) as raised:
        make()
    assert (raised.value.code, raised.value.message, raised.value.help) == ("S209", message, help)


@pytest.mark.parametrize(
    ("data", "message", "help"),
    [
        (b"", "the input is empty: nothing shows its format", "name a parser"),
        (b"\xef\xbb\xbf \n", "the input is blank: nothing shows its format", "name a parser"),
        (gzip.compress(b"a\n", mtime=0), "the input is packed with gzip", "say so: `compression: gzip`"),
        (
            b"\xff\xd8\xff\xe0\x00\x10JFIF",
            "the input is no text: it begins with the bytes ff d8 ff e0 00 10 4a 46",
            "name a parser that reads it",
        ),
    ],
)
def test_content_that_shows_no_format(data, message, help):
    with pytest.raises(UnitError) as raised:
        messages(ByContent(), data)
    assert (raised.value.code, raised.value.message, raised.value.help) == ("R129", message, help)
