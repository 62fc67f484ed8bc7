"""JSON with the place of every node, under the rules of specs; no comments, no commas too many, no NaN."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from engine.spec.builder import Builder, Frame
from engine.spec.document import Document, Node, Source
from engine.spec.problems import in_file
from engine.spec.scalars import shortened

__all__ = ["parse"]

_BLANK = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[^\s,:\[\]{}\"]+")
_PLAIN = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]*')
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CONTROLS: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_COMMENTS: Final = ("//", "/*", "#")


def parse(source: Source) -> Document:
    """The document in a JSON text. Raises SpecError with all double keys and doubtful words."""
    return _JsonReader(source).document()


class _JsonReader:
    """Reads from left to right and never turns back, with the open collections on a list of its own."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.builder = Builder(source)
        self.at = 0

    def document(self) -> Document:
        self.skip_blank()
        if self.at == len(self.text):
            self.builder.problems.append(in_file(self.builder.source.path, "S101", "the file is empty"))
            self.builder.stop()
        self.value("a value")
        while self.builder.stack:
            self.next_in(self.builder.stack[-1])
        self.skip_blank()
        if self.at < len(self.text):
            self.refuse("the end of the file")
        return self.builder.finish()

    def next_in(self, frame: Frame) -> None:
        """One item or one key with its value, or the end of the collection."""
        closing = "]" if frame.node.items is not None else "}"
        self.skip_blank()
        if self.text.startswith(closing, self.at):
            self.at += 1
            self.builder.close(self.at)
            return
        if not frame.is_new:
            self.comma(closing)
        if frame.awaits_key:
            self.key()
            self.value("the value of the key")
        else:
            self.value("a value")

    def comma(self, closing: str) -> None:
        if not self.text.startswith(",", self.at):
            self.refuse(f"`,` or `{closing}`")
        comma = self.at
        self.at += 1
        self.skip_blank()
        if self.text.startswith(closing, self.at):
            message = f"a comma stands before `{closing}`"
            self.builder.fail(comma, comma + 1, "S101", message, help="leave the comma out")

    def key(self) -> None:
        if not self.text.startswith('"', self.at):
            word = _WORD.match(self.text, self.at)
            help = f"write `{_in_quotes(word[0])}`" if word else ""
            self.refuse("a key in double quotes", help)
        self.builder.add(self.string())
        self.skip_blank()
        if not self.text.startswith(":", self.at):
            self.refuse("`:` behind the key")
        self.at += 1

    def value(self, expected: str) -> None:
        self.skip_blank()
        start, sign = self.at, self.text[self.at : self.at + 1]
        if sign == '"':
            self.builder.add(self.string())
        elif sign in ("{", "["):
            self.at += 1
            maps = sign == "{"
            node = Node(start, start + 1, sign, members={} if maps else None, items=None if maps else [])
            self.builder.open(node, flow=True)
        else:
            self.word(expected)

    def word(self, expected: str) -> None:
        """A number, `true`, `false` or `null`; or a word that the rules for both languages refuse."""
        found = _WORD.match(self.text, self.at)
        if found is None or found[0].startswith(_COMMENTS):
            self.refuse(expected)
        known = len(self.builder.problems)
        node = self.builder.word(found.start(), found.end(), found[0])
        if isinstance(node.value, str) and len(self.builder.problems) == known:
            self.refuse(expected, f"a text needs double quotes: `{_in_quotes(found[0])}`")
        self.at = found.end()
        self.builder.add(node)

    def string(self) -> Node:
        start = self.at
        parts: list[str] = []
        self.at += 1
        while True:
            plain = _PLAIN.match(self.text, self.at)
            if plain:
                parts.append(plain[0])
                self.at = plain.end()
            if self.text.startswith('"', self.at):
                self.at += 1
                return Node(start, self.at, '"', "".join(parts))
            parts.append(self.escape(start))

    def escape(self, start: int) -> str:
        """The character behind a backslash; anything else that stops a text is refused."""
        found = _ESCAPE.match(self.text, self.at)
        if found is None:
            self.refuse_in_string(start)
        self.at = found.end()
        if found[1]:
            return _ESCAPES[found[1]]
        high = int(found[2], 16)
        return chr(high) if not 0xD800 <= high < 0xE000 else self.pair(found.start(), high)

    def pair(self, start: int, high: int) -> str:
        """The one character that two escapes stand for; half of it is no character."""
        found = _ESCAPE.match(self.text, self.at)
        low = int(found[2], 16) if found and found[2] else 0
        if found is None or high >= 0xDC00 or not 0xDC00 <= low < 0xE000:
            message = f"`{self.text[start : self.at]}` is half of a character"
            help = "write the character as it is, or both its halves"
            self.builder.fail(start, self.at, "S101", message, help=help)
        self.at = found.end()
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    def skip_blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def refuse(self, expected: str, help: str = "") -> NoReturn:
        """End with what should stand here, and what does."""
        if _CONTROL.match(self.text, self.at):
            self.builder.refuse_sign(self.at)
        found = _WORD.match(self.text, self.at)
        end = found.end() if found else self.at + 1
        shown = f"`{shortened(self.text[self.at : end])}`" if self.at < len(self.text) else "the end of the file"
        if shown.startswith(tuple(f"`{sign}" for sign in _COMMENTS)):
            help = "JSON has no comments: leave it out, or write the file in YAML"
        if self.at == len(self.text):
            self.at = end = len(self.text.rstrip())
        self.builder.fail(self.at, end, "S101", f"expected {expected}, found {shown}", help=help)

    def refuse_in_string(self, start: int) -> NoReturn:
        sign = self.text[self.at : self.at + 1]
        if not sign:
            message = "the text that begins here has no end"
            self.builder.fail(start, start + 1, "S101", message, help='close it with `"`')
        if sign == "\\":
            escape = self.text[self.at : self.at + 2]
            help = "write `\\\\` for a backslash"
            self.builder.fail(self.at, self.at + 2, "S101", f"`{escape}` is no escape of JSON", help=help)
        if sign in _CONTROLS:
            message = "the text does not end on its line"
            help = f'close it with `"`; a line end or a tab in a text is written `{_CONTROLS[sign]}`'
            self.builder.fail(start, self.at, "S101", message, help=help)
        self.builder.refuse_sign(self.at)


def _in_quotes(word: str) -> str:
    return f'"{shortened(word.strip(chr(39)))}"'
