"""A shortcut: records whose tags are those of one before are made of their values alone.

A record is cut at the signs `<`, `>` and `"`. What stands between them is in turn a value and markup; the markup and
the order of the signs are its shape, and a shape that was learned once says where each value goes. Where shapes are new
or many, records are read tag by tag. Without this file nothing changes but the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

from engine.language.elements import BLANK
from engine.parsers._pieces import Odd, Pieces
from engine.records import Leaf, Value

OTHERS: Final = bytes(byte for byte in range(256) if byte not in b'<>"')
MARK: Final = "\ue000"
QUOTE: Final = "\ue001"
"""Stands around the number of a value where a shape is learned; and for a quote that is text."""
MOST_BYTES: Final = 1 << 22
TRIES: Final = 64
"""Bytes of records whose shapes are kept; records that may be unlike all before until they count as too many."""

ATTRIBUTE: Final = "attribute"
TEXT: Final = "text"
BETWEEN: Final = "between"

_MARKED: Final = re.compile(f"{MARK}([0-9]+){MARK}")

Key = tuple[bytes, str]
"""The signs, and the markup between them."""
Make = Callable[[Sequence[str]], Value]


class Shapes:
    """Reads records of one document by their shapes."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._known: dict[Key, Make] = {}
        self._bytes = 0
        self._met = self._missed = 0
        self._escapes = False

    def read(self, data: bytes, text: str, tag: bytes) -> list[Value] | None:
        """The records of a text that holds nothing else, each ended by this tag; None where that is not sure.

        `data` is the same text, encoded.
        """
        if "\r" in text or self._missed > TRIES + self._met // 2:
            return None
        end, close = b"</" + tag + b">", text[text.rindex("<") :]
        values: list[Value] = []
        known, unescaped = self._known, self._pieces.unescaped
        self._escapes = "&" in text
        if self._escapes and not any(name in text for name in ("&#", "&lt;", "&gt;", "&quot;", "&apos;")):
            text, self._escapes = text.replace("&amp;", "&"), False
        try:
            for raw, part in zip(data.split(end)[:-1], text.split(close), strict=False):
                cut = part.replace(">", '"').replace("<", '"').split('"')
                make = known.get((raw.translate(None, OTHERS), '"'.join(cut[1::2])))
                if make is None:
                    values.append(self._otherwise(part, close))
                    continue
                found = cut[::2]
                if self._escapes and "&" in part:
                    found = [unescaped(each) if "&" in each else each for each in found]
                values.append(make(found))
        except (Odd, StopIteration):
            return None
        self._met += len(values)
        return values

    def _otherwise(self, part: str, close: str) -> Value:
        """A record whose shape is not known as it stands: quotes in its text may hide it, or it is to be learned."""
        if QUOTE in part or MARK in part:
            return self._pieces.one(part + close, escapes=self._escapes)
        hidden = _with_quotes_hidden(part)
        cut = hidden.replace(">", '"').replace("<", '"').split('"')
        key = hidden.encode().translate(None, OTHERS), '"'.join(cut[1::2])
        make = self._known.get(key) or self._learned(key, cut, close)
        if make is None:
            return self._pieces.one(part + close, escapes=self._escapes)
        found = [each.replace(QUOTE, '"') if QUOTE in each else each for each in cut[::2]]
        return make([self._pieces.unescaped(each) for each in found] if self._escapes else found)

    def _learned(self, key: Key, cut: Sequence[str], close: str) -> Make | None:
        """What makes a record of this shape; None where it is none, or there are enough."""
        self._missed += 1
        try:
            return self._learn(key, cut, close)
        except (Odd, StopIteration):
            return None

    def _learn(self, key: Key, cut: Sequence[str], close: str) -> Make:
        self._bytes += sum(map(len, cut))
        signs = key[0].decode("ascii")
        if self._bytes > MOST_BYTES or len(cut) % 2 == 0 or "&" in key[1]:
            raise Odd
        kinds = _kinds(signs, cut)
        marks = ["" if kind is BETWEEN else f"{MARK}{at}{MARK}" for at, kind in enumerate(kinds)]
        parts = [marks[at // 2] if at % 2 == 0 else each for at, each in enumerate(cut)]
        marked = "".join(part + sign for part, sign in zip(parts, [*signs, ""], strict=True))
        make = _checked(_made(self._pieces.one(marked + close, escapes=False)), kinds)
        self._known[key] = make
        return make


def _kinds(signs: str, cut: Sequence[str]) -> list[str]:
    """What each value is, by the signs around it; Odd where they stand otherwise than tags have them."""
    kinds = []
    behind_start = is_end = False
    for at in range(0, len(cut), 2):
        left, right = signs[at - 1] if at else ">", signs[at] if at < len(signs) else "<"
        markup = cut[at + 1] if at + 1 < len(cut) else "/"
        if left == right == '"':
            kinds.append(ATTRIBUTE)
        elif left == ">" and right == "<":
            is_end = markup.startswith("/")
            kinds.append(TEXT if behind_start and is_end else BETWEEN)
        else:
            raise Odd
        behind_start = not is_end and not markup.endswith("/")
    return kinds


def _made(value: Value) -> Make:
    """What makes a value like this one, in which marks stand for the values of a record."""
    if isinstance(value, str):
        return _one(value)
    if isinstance(value, list):
        items = [_made(each) for each in value]
        return lambda values: [make(values) for make in items]
    texts = "#text" in value
    if texts and (type(value) is not Leaf or any(isinstance(each, list) for each in value.values())):
        raise Odd  # what becomes of the text depends on it
    plain = _object(value)
    if type(value) is not Leaf:
        return plain
    return (lambda values: _with_text(Leaf(plain(values)))) if texts else lambda values: Leaf(plain(values))


def _one(value: str) -> Make:
    """A value that is marked, or always the same."""
    match = _MARKED.fullmatch(value)
    if match:
        return itemgetter(int(match[1]))
    if MARK in value:
        raise Odd
    return lambda values: value


def _object(value: dict[str, Value]) -> Callable[[Sequence[str]], dict[str, Value]]:
    """An object: its texts are put in at once, the others one by one in their places."""
    names = tuple(value)
    marks = [_MARKED.fullmatch(each) if isinstance(each, str) else None for each in value.values()]
    pick = _all_of([int(mark[1]) if mark else 0 for mark in marks])
    others = [(name, _made(value[name])) for name, mark in zip(names, marks, strict=True) if not mark]
    if not others:
        return lambda values: dict(zip(names, pick(values)))  # noqa: B905 - as many as there are names

    def make(values: Sequence[str]) -> dict[str, Value]:
        out: dict[str, Value] = dict(zip(names, pick(values)))  # noqa: B905 - as above
        for name, other in others:
            out[name] = other(values)
        return out

    return make


def _all_of(places: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """What stands in some places, together."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: [values[place] for place in places]


def _with_quotes_hidden(part: str) -> str:
    """A record in which other signs stand for the quotes of its texts."""
    made, in_tag, in_value = [], False, False
    first, *rest = part.split('"')
    for before, behind in zip([first, *rest], rest, strict=False):
        if in_value:
            in_value = False  # the quote ends it, and the tag goes on
        else:
            opened, closed = before.rfind("<"), before.rfind(">")
            in_tag = opened > closed if opened != closed else in_tag
            in_value = in_tag
        made += ['"' if in_tag else QUOTE, behind]
    return "".join([first, *made])


def _with_text(leaf: Leaf) -> Leaf:
    if not leaf["#text"]:
        del leaf["#text"]
    return leaf


def _checked(made: Make, kinds: Sequence[str]) -> Make:
    """A record where nothing but white space stands between its tags, and no line is folded in an attribute."""
    between = _all_of([at for at, kind in enumerate(kinds) if kind is BETWEEN])
    attributes = _all_of([at for at, kind in enumerate(kinds) if kind is ATTRIBUTE])

    def make(values: Sequence[str]) -> Any:
        folded = "".join(attributes(values))
        if "\n" in folded or "\t" in folded or "".join(between(values)).strip(BLANK):
            raise Odd
        return made(values)

    return make
