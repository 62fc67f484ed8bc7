"""Words for messages: near names, lists of names, values cut short; and what blank space is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""Unicode's White_Space (PropList.txt) and the byte order mark; `str.strip()` takes others too."""

LONGEST_VALUE: Final = 60
LONGEST_INT: Final = 3_500
"""Bits: Python refuses to write integers of over 4,300 digits."""


def listed(names: Iterable[str]) -> str:
    """Names for a message: `a`, `b`."""
    return ", ".join(f"`{name}`" for name in names)


def describe(value: object) -> str:
    """A value for a message: on one line, as JSON but for the quotes of a text by itself, cut at 60 characters."""
    text = value if isinstance(value, str) else "".join(_within(_written(value)))
    text = text[: LONGEST_VALUE + 1].replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def show(value: object) -> str:
    """A value for a message, between backquotes."""
    return f"`{describe(value)}`"


def _within(pieces: Iterator[str]) -> Iterator[str]:
    """No more pieces than a message shows: a value may be large, and deep."""
    left = LONGEST_VALUE
    for piece in pieces:
        yield piece
        left -= len(piece)
        if left < 0:
            return


def _written(value: object) -> Iterator[str]:
    """The value piece by piece."""
    if isinstance(value, str):
        yield json.dumps(value[: LONGEST_VALUE + 1], ensure_ascii=False)
    elif isinstance(value, dict):
        for number, (key, inner) in enumerate(value.items()):
            yield f"{', ' if number else '{'}{json.dumps(str(key)[: LONGEST_VALUE + 1], ensure_ascii=False)}: "
            yield from _written(inner)
        yield "}" if value else "{}"
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield ", " if number else "["
            yield from _written(inner)
        yield "]" if value else "[]"
    else:
        yield _plainly(value)


def _plainly(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int) and value.bit_length() > LONGEST_INT:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(getattr(value, "text", value))


def counted(number: int, word: str) -> str:
    """How many there are: `1 record`, `2,000 records`."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def suggest(word: str, choices: Iterable[str]) -> str:
    """The choice that was probably meant by a word that is none of them; empty when none is close."""
    return next(iter(closest(word, choices, 1)), "")


def akin(word: str, choices: Iterable[str]) -> str:
    """The choice that begins with the word, or with which it begins; empty when there is none.

    For closed lists only: of names in data, `customer` and `customer_id` may both be there.
    """
    names = [choice for choice in choices if len(choice) > 2 < len(word)]
    return next((name for name in names if word.startswith(name) or name.startswith(word)), "")


def either(words: Iterable[str]) -> str:
    """Words as a choice: a, b or c."""
    *front, last = words
    return f"{', '.join(front)} or {last}" if front else last


def a(word: str) -> str:
    """The word with its article: `an int`, `a date`; text is counted in no pieces."""
    return word if word == "text" else f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def closest(word: str, choices: Iterable[str], most: int = 3) -> list[str]:
    """The choices within a few slips of the keyboard, nearest first; equally near ones by alphabet."""
    allowed = _slips(word)
    near = (choice for choice in set(choices) - {word} if abs(len(choice) - len(word)) <= allowed)
    ranked = sorted((_distance(word.casefold(), choice.casefold()), choice) for choice in near)
    return [choice for distance, choice in ranked if distance <= allowed][:most]


def _slips(word: str) -> int:
    """How many slips a word of this length may hold: a word of two letters is close to everything."""
    return 0 if len(word) < 3 or len(word) > 200 else 1 + (len(word) > 4) + (len(word) > 9)


def _distance(left: str, right: str) -> int:
    """Letters to insert, drop, replace or swap with their neighbour."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left):
        previous, before, row = before, row, [i + 1]
        for j, b in enumerate(right):
            step = min(before[j] + (a != b), before[j + 1] + 1, row[j] + 1)
            if i and j and a == right[j - 1] and b == left[i - 1]:
                step = min(step, previous[j - 1] + 1)
            row.append(step)
    return row[-1]
