"""The family of text: each resolver takes one text and gives one; only `text` takes other scalars.

Characters are Unicode code points. Letters change case by Unicode's rules, the same in every language.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from engine.errors import OptionError, RecordError
from engine.language.jsontext import encode
from engine.language.numbers import within_cap
from engine.language.patterns import Pattern, Replacement, joined
from engine.language.shapes import TEXT, Shape
from engine.language.times import text_of
from engine.records import MISSING, Digits, bare, is_blank, plain
from engine.registry import SCALARS, Doc, Example, resolver
from engine.resolvers._tags import between_tags
from engine.spelling import WHITE_SPACE, show

MAX_WIDTH: Final = 10_000

_SEPARATORS: Final = re.escape(WHITE_SPACE + r"""-\_.,;:!?()[]{}<>"&+*=|#@/""" + "\u2010\u2011\u2012\u2013\u2014«»„“”")
_WORDS: Final = re.compile(f"[^{_SEPARATORS}]+").sub
_RUNS: Final = re.compile(f"[{WHITE_SPACE}]+").sub
_NOT_SLUG: Final = re.compile("[^a-z0-9]+").sub
_LATIN: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}
    | {"'": "", "\u2019": ""}
)


@resolver(takes=SCALARS, gives="text", examples=[Example(42, "42"), Example(True, "true"), Example("a", "a")])
def text(value: Any) -> str:
    """The value as it would be written: digits as they came, times as ISO, `true` or `false`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return text_of(value)
    if isinstance(value, Digits):
        return value.text
    if isinstance(value, Decimal):
        return str(plain(within_cap(value)))
    return str(within_cap(value)) if isinstance(value, int) else encode(value).decode()


@resolver(
    takes="text",
    gives="text",
    examples=[Example("  a b\u00a0", "a b"), Example("a", "a")],
    prepare=lambda: operator.methodcaller("strip", WHITE_SPACE),
    guards=True,
)
def trim(value: str) -> str:
    """The text without blank space at its ends: Unicode White_Space and the byte order mark."""
    return value.strip(WHITE_SPACE)


@resolver(
    takes="text",
    gives="text",
    examples=[Example("straße", "STRASSE"), Example("A1", "A1")],
    prepare=lambda: str.upper,
    guards=True,
)
def upper(value: str) -> str:
    """The text in upper case, which may be longer: `ß` becomes `SS`."""
    return value.upper()


@resolver(
    takes="text",
    gives="text",
    examples=[Example("ÀB", "àb"), Example("a1", "a1")],
    prepare=lambda: str.lower,
    guards=True,
)
def lower(value: str) -> str:
    """The text in lower case; a Greek sigma that ends a word becomes `ς`."""
    return value.lower()


@resolver(takes="text", gives="text", examples=[Example("o'neil MARY-ann", "O'neil Mary-Ann"), Example("A1", "A1")])
def title(value: str) -> str:
    """Each word with a capital first and small letters after it; an apostrophe does not end a word."""
    return _WORDS(_capital, value)


def _capital(match: re.Match[str]) -> str:
    word = match[0]
    return word[:1].title() + word.lower()[len(word[:1].lower()) :]


@resolver(takes="text", gives="text", examples=[Example(" a \n\t b ", "a b"), Example("a b", "a b")])
def squeeze(value: str) -> str:
    """The text without blank space at its ends, and one plain blank for each run of it inside."""
    return _RUNS(" ", value).strip(" ")


@resolver(
    takes="text",
    gives="text",
    examples=[Example("Crème Brûlée, 2 l", "creme-brulee-2-l"), Example("a-b", "a-b")],
)
def slug(value: str) -> str:
    """The text for an address: small ASCII letters and digits, one hyphen for each run of anything else.

    Accents fall away, `ß æ œ ø ł đ ð þ` and dotless i are spelled in ASCII, apostrophes leave nothing.
    Other scripts have no spelling here: text that holds nothing else gives empty text, which is blank.
    """
    bare = unicodedata.normalize("NFKD", value)
    bare = "".join([c for c in bare if not unicodedata.combining(c)]) if not bare.isascii() else bare
    return _NOT_SLUG("-", bare.lower().translate(_LATIN)).strip("-")


@resolver(takes="text", gives="text", examples=[Example("<b>a</b> &amp; b", "a &amp; b"), Example("1 < 2", "1 < 2")])
def strip_tags(value: str) -> str:
    """The text without `<...>` tags and comments; nothing is put in their place and no entity is decoded.

    A tag is `<` before a letter or one of `/!?`, up to the next `>`; without that `>` it is text. This
    tidies text; it does not make foreign HTML safe to show.
    """
    return "".join(between_tags(value)) if "<" in value else value


@resolver(
    takes="text",
    gives="text",
    examples=[
        Example("+49 (30) 1", "+49301", options={"pattern": "[^0-9+]", "to": ""}),
        Example("b-a", "a/b", options={"pattern": "^(\\w)-(\\w)$", "to": "\\2/\\1"}),
        Example("abc", "abc", options={"pattern": "x", "to": "y"}),
    ],
)
def replace(
    value: str,
    *,
    pattern: Annotated[Pattern, Doc("What to replace, wherever it is found in the text (RE2).")],
    to: Annotated[Replacement, Doc(r"What stands there instead: `\0` is the match, `\1` its first group.")],
) -> str:
    """The text with every match of the pattern replaced; refuses a `to` that asks for a group it has not."""
    if to.groups > pattern.groups:
        raise RecordError("R210", rf"`{to}` asks for group {to.groups} of a pattern that has {pattern.groups}", value)
    return pattern.replace(value, to)


@resolver(
    takes="text",
    gives="text",
    examples=[
        Example("Ann Lee", "Lee", options={"pattern": " (.+)$"}),
        Example("SKU-42", "42", options={"pattern": "(?P<n>[0-9]+)", "group": "n"}),
        Example("abc", MISSING, options={"pattern": "[0-9]"}),
    ],
)
def extract(
    value: str,
    *,
    pattern: Annotated[Pattern, Doc("What to find in the text (RE2).")],
    group: Annotated[
        int | str | None,
        Doc("The group to take, by number or name; 0 is the whole match. The first, if there is one."),
    ] = None,
) -> Any:
    """What the pattern finds first in the text, missing without a match; refuses a group it has not."""
    wanted = group if group is not None else min(pattern.groups, 1)
    if not pattern.knows(wanted):
        raise RecordError("R210", f"the pattern `{pattern}` has no group `{wanted}`", value)
    found = pattern.extract(value, wanted)
    return MISSING if found is None else found


class Part:
    """Which part of a list is taken: `first`, `last`, or its number from 0."""

    kind = "part"
    schema: Final = {"type": ["integer", "string"]}

    @classmethod
    def parse(cls, value: Any) -> Any:
        """The same, refused where it is something else."""
        if value in ("first", "last") or (type(value) is int and value >= 0):
            return value
        raise OptionError("M310", f"{show(value)} names no part", "`first`, `last`, or a number from 0")


def _parts(options: Mapping[str, Any], *rest: Any) -> Shape:
    """A list of texts, or one of them."""
    return Shape("list", item=TEXT, sure=True) if options.get("take") is None else TEXT


@resolver(
    takes="text",
    gives=lambda options, given: "list" if options.get("take") is None else "text",
    check=_parts,
    examples=[
        Example("a|b||c", ["a", "b", "c"], options={"by": "|"}),
        Example("Ann Lee", "Ann", options={"by": " ", "take": "first"}),
        Example("a,b", MISSING, options={"by": ",", "take": 2}),
    ],
)
def split(
    value: str,
    *,
    by: Annotated[str, Doc("The text between two parts.", min=1)],
    take: Annotated[Part | None, Doc("One part instead of a list: `first`, `last`, or n from 0.")] = None,
    trim: Annotated[bool, Doc("Whether each part loses the blank space at its ends.")] = False,
    keep_empty: Annotated[bool, Doc("Whether empty parts count.")] = False,
) -> Any:
    """The parts of the text as a list, or one of them; a part that is not there is missing."""
    if not by:
        raise RecordError("R210", "`by` is empty: say the text between two parts", value)
    parts = value.split(by)
    if trim:
        parts = [part.strip(WHITE_SPACE) for part in parts]
    if not keep_empty:
        parts = [part for part in parts if part]
    return parts if take is None else _part(parts, take)


def _part(parts: list[str], take: Any) -> Any:
    index = {"first": 0, "last": len(parts) - 1}.get(take, -1) if isinstance(take, str) else take
    return parts[index] if 0 <= index < len(parts) else MISSING


@resolver(
    takes="list",
    gives="text",
    examples=[
        Example(["Ann", "", None, "Lee"], "Ann Lee", options={"by": " "}),
        Example(["", None], MISSING, options={"by": " "}),
        Example([1], error="R210", options={"by": " "}),
    ],
)
def join(value: list[Any], *, by: Annotated[str, Doc("The text between two parts.")]) -> Any:
    """The texts of a list as one, blanks left out; missing when all are blank; refuses what is not text."""
    parts = [part for each in value if not is_blank(part := bare(each))]
    for part in parts:
        if not isinstance(part, str):
            raise RecordError("R210", f"{show(part)} is not text: call `text` on it first", value)
    return joined(by, parts) if parts else MISSING


@resolver(
    takes="text",
    gives="text",
    examples=[
        Example("abcdef", "abc", options={"stop": 3}),
        Example("abcdef", "ef", options={"start": -2}),
        Example("abc", "", options={"start": 5}),
    ],
)
def slice_(
    value: str,
    *,
    start: Annotated[int, Doc("The first character, counted from 0; a negative number counts from the end.")] = 0,
    stop: Annotated[int | None, Doc("The first character left out; negative counts from the end.")] = None,
) -> str:
    """The characters from `start` up to `stop`; what lies beyond the text is not there."""
    return value[start:stop]


@resolver(
    takes="text",
    gives="text",
    examples=[
        Example("42", "00042", options={"width": 5, "fill": "0"}),
        Example("abc", "abc", options={"width": 2}),
    ],
)
def pad(
    value: str,
    *,
    width: Annotated[int, Doc("How many characters there are at least.", min=0, max=MAX_WIDTH)],
    fill: Annotated[str, Doc("The one character to fill with.", min=1, max=1)] = " ",
    side: Annotated[Literal["left", "right"], Doc("Where it is filled.")] = "left",
) -> str:
    """The text filled to a width; longer text stays whole. Refuses widths over 10,000."""
    if width > MAX_WIDTH or len(fill) != 1:
        raise RecordError("R210", f"a `width` up to {MAX_WIDTH:,} and one `fill` character are needed", value)
    return value.rjust(width, fill) if side == "left" else value.ljust(width, fill)


@resolver(
    takes="text",
    gives="text",
    examples=[Example("abcdef", "abc", options={"length": 3}), Example("ab", "ab", options={"length": 3})],
)
def truncate(value: str, *, length: Annotated[int, Doc("How many characters there are at most.", min=0)]) -> str:
    """The first characters of the text, `length` of them at most."""
    return value[: max(length, 0)]


@resolver(
    takes="text",
    gives="text",
    examples=[Example("e\u0301", "é"), Example("ﬁ", "fi", options={"form": "NFKC"}), Example("é", "é")],
)
def normalize(
    value: str, *, form: Annotated[Literal["NFC", "NFD", "NFKC", "NFKD"], Doc("The form of Unicode.")] = "NFC"
) -> str:
    """The text in one form of Unicode, so that what looks the same is the same."""
    return unicodedata.normalize(form, value)


@resolver(
    takes="text",
    gives="text",
    examples=[Example("4111111111111111", "************1111"), Example("123", "***"), Example("ab", "**")],
)
def mask(value: str, *, keep: Annotated[int, Doc("How many characters at the end stay.", min=0)] = 4) -> str:
    """An asterisk for each character but the last few; text no longer than `keep` is masked whole."""
    hidden = len(value) - keep if 0 < keep < len(value) else len(value)
    return "*" * hidden + value[hidden:]
