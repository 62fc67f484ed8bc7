"""Parts of a YAML file to lines in house style; comments go with the words that they stand beside or above."""

from __future__ import annotations

import json
import re
from typing import Final

from engine.spec.formatting.parts import Comment, Entry, Part, Sheet

__all__ = ["WIDTH", "Layout"]

WIDTH: Final = 100
"""Brackets that end beyond it are broken into lines. Texts and comments are never broken."""

STEP: Final = 2


class Layout:
    """Writes the lines of a sheet from first to last, with the comments in their order."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.lines: list[str] = []
        self._comments = sheet.comments[::-1]
        self._opened = True
        self._takes_comment = False
        self._beside: tuple[int, int] | None = None
        self._ends_open = False

    def text(self) -> str:
        """The whole text."""
        root, sheet = self.sheet.root, self.sheet
        if sheet.marker is not None:
            self._line(sheet.marker, sheet.marker, 0, "---", opens=True)
        if root.kind not in ("{", "["):
            self._value(root.start, 0, "", root)
        elif whole := self._inline(root, WIDTH):
            self._line(root.start, root.start, 0, whole)
        else:
            if root.label:
                self._line(root.start, root.start, 0, root.label, opens=True)
            self._block(root, 0)
        self._comments_before(len(sheet.text), 0)
        return "\n".join(self.lines) + ("" if self._ends_open else "\n")

    def _block(self, part: Part, indent: int, prefix: str = "", start: int | None = None) -> None:
        """The entries of a collection, one a line; `prefix` holds the dashes before the first of them."""
        for at, entry in enumerate(part.entries):
            begins = start if at == 0 and start is not None else entry.start
            self._entry(entry, begins, indent, prefix if at == 0 else "", padded=not part.flow)
        self._close(part, indent)

    def _entry(self, entry: Entry, start: int, indent: int, prefix: str, *, padded: bool) -> None:
        value, head = entry.value, f"{prefix}-" if entry.key is None else f"{prefix}{_key(entry.key)}:"
        shift = indent - len(prefix)
        if value.kind not in ("{", "["):
            self._value(start, shift, head, value, entry.pad if padded else 1, indent)
            return
        for pad in (entry.pad if padded else 1, 1):
            before = f"{head}{' ' * pad}"
            if whole := self._inline(value, WIDTH - shift - len(before)):
                self._line(start, value.start, shift, f"{before}{whole}")
                return
        if entry.key is None and not value.label:
            self._block(value, indent + STEP, f"{head} ", start)
        else:
            self._line(start, entry.start, shift, _spaced(head, value.label), opens=True)
            self._block(value, indent + STEP)

    def _value(self, start: int, indent: int, head: str, value: Part, pad: int = 1, inner: int = 0) -> None:
        """A scalar behind its key or dash; further lines of it stand under that."""
        first, *rest = value.text.split("\n")
        deeper = " " * (inner + STEP)
        if value.kind == "|":
            # A digit says how deep the text stands below its key: here as deep as everything does.
            header = re.sub("[0-9]", str(STEP), first.partition("#")[0].rstrip())
            self._line(start, value.start, indent, _spaced(head, value.label, header))
            self._comments_before(value.start + len(first), indent)
            self._body(value, rest, deeper)
            return
        text = _spaced(value.label, first)
        if head and text and self._is_below(start, value) and indent + len(head) + 1 + len(text) > WIDTH:
            self._line(start, start, indent, head, opens=True)
            self._line(value.start, value.start, len(deeper), text)
        else:
            blanks = " " * pad if head and text else ""
            self._line(start, value.start, indent, f"{head}{blanks}{text}")
        self.lines.extend(f"{deeper}{line.lstrip()}" if line.strip() else "" for line in rest)

    def _body(self, value: Part, rest: list[str], deeper: str) -> None:
        """The lines of a block text; blanks that belong to the text stay."""
        margin = _margin(rest) - _margin(value.value.split("\n"))
        lines = [line[margin:] for line in rest]
        self._ends_open = bool(lines) and lines[-1] != "" and not value.strips
        while lines and lines[-1] == "" and not (value.keeps_blank and len(lines) < len(rest)):
            lines.pop()
        self.lines.extend(f"{deeper}{line}" if line else "" for line in lines)
        # A blank line below would be one more of the text where its header says that these count.
        self._opened, self._takes_comment, self._beside = value.keeps_blank, False, None

    def _is_below(self, start: int, value: Part) -> bool:
        return "\n" in self.sheet.text[start : value.start]

    def _inline(self, part: Part, room: int) -> str | None:
        """A collection on one line, where its author wrote it in brackets and it fits."""
        if not part.flow or (part.entries and self.sheet.has_comment(part)):
            return None
        text = _flow(part)
        fits = len(text) <= room and "\n" not in text
        return text if fits or not part.entries else None

    def _line(self, start: int, upto: int, indent: int, code: str, *, opens: bool = False) -> None:
        """One line of code, below the comments that stand before it."""
        self._comments_before(start, indent)
        while self._comments and self._comments[-1].start < upto:
            self._alone(self._comments.pop(), indent)
        if self.sheet.below_blank(start):
            self._blank()
        self.lines.append(" " * indent + code)
        self._opened, self._takes_comment, self._beside = opens, True, None

    def _comments_before(self, start: int, indent: int) -> None:
        while self._comments and self._comments[-1].start < start:
            self._comment(self._comments.pop(), indent)

    def _close(self, part: Part, indent: int) -> None:
        """The comments that end a block: before its bracket, or in its columns and not those of what follows."""
        if part.flow:
            self._comments_before(part.end, indent)
            return
        next_ = self.sheet.next_word(part.end)
        column = self.sheet.column(next_) if next_ < len(self.sheet.text) else -1
        while self._comments and (comment := self._comments[-1]).start < next_:
            if comment.alone and not (comment.column >= part.column and comment.column > column):
                return
            self._comment(self._comments.pop(), indent)

    def _comment(self, comment: Comment, indent: int) -> None:
        """Beside the line that it stood beside, under a comment that it goes on, or on a line of its own."""
        if comment.alone or not self._takes_comment:
            self._alone(comment, indent)
            return
        code = self.lines[-1]
        column = len(code) + 2 if comment.gap <= 2 else max(len(code) + 2, comment.column)
        self.lines[-1] = f"{code.ljust(column)}{comment.text}"
        self._takes_comment, self._beside = False, (comment.column, column)

    def _alone(self, comment: Comment, indent: int) -> None:
        if self.sheet.below_blank(comment.start):
            self._blank()
        elif self._beside and comment.alone and comment.column == self._beside[0]:
            self.lines.append(" " * self._beside[1] + comment.text)
            return
        self.lines.append(" " * indent + comment.text)
        self._opened, self._takes_comment, self._beside = False, False, None

    def _blank(self) -> None:
        if self.lines and not self._opened:
            self.lines.append("")


def _margin(lines: list[str]) -> int:
    """How many blanks stand before the first word of a text."""
    first = next((line for line in lines if line.strip()), "")
    return len(first) - len(first.lstrip(" "))


def _spaced(*words: str) -> str:
    return " ".join(filter(None, words))


def _key(key: Part) -> str:
    """A key on one line, also where its author took several."""
    text = key.text if "\n" not in key.text else json.dumps(key.value, ensure_ascii=False)
    return _spaced(key.label, text)


def _flow(part: Part) -> str:
    """A part between brackets on one line."""
    if part.kind == "{":
        inner = ", ".join(f"{_key(entry.key)}: {_flow(entry.value)}" for entry in part.entries if entry.key)
        return _spaced(part.label, f"{{{inner}}}")
    if part.kind == "[":
        return _spaced(part.label, f"[{', '.join(_flow(entry.value) for entry in part.entries)}]")
    return _spaced(part.label, part.text) or "null"
