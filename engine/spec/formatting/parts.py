"""A YAML file as its author laid it out: every part with the text that it is written with, and every comment."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from engine.spec.reader import events

__all__ = ["Comment", "Entry", "Part", "Sheet"]

_GAP: Final = re.compile(r"(?:\s|#[^\n]*)*")
_DASH: Final = re.compile(r"(?:[^#-]|#[^\n]*+)*+-")
_COLON: Final = re.compile(r" *:( +)(?=\S)")
_COMMENT: Final = re.compile(r"#[^\n]*")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, the column of its `#`, and whether it has its line for itself."""

    text: str
    start: int
    column: int
    gap: int
    alone: bool


@dataclass(slots=True)
class Entry:
    """One member of a mapping or one item of a list. `start` is where its key or its `-` stands."""

    start: int
    value: Part
    key: Part | None = None
    pad: int = 1
    """Blanks between the colon and a value on the same line."""


@dataclass(slots=True)
class Part:
    """A value as it is written. `kind` is `{` or `[` for collections, `|` for block texts, else nothing.

    `text` is what is written, `value` the text that it means. A block collection ends where its last word
    does; `column` is where its entries stand.
    """

    start: int
    end: int
    kind: str = ""
    flow: bool = False
    label: str = ""
    text: str = ""
    value: str = ""
    column: int = 0
    entries: list[Entry] = field(default_factory=list)

    @property
    def keeps_blank(self) -> bool:
        """Whether blank lines below it are a part of the text."""
        return self.kind == "|" and "+" in self._header

    @property
    def strips(self) -> bool:
        """Whether the end of its last line is no part of the text."""
        return self.kind == "|" and "-" in self._header

    @property
    def _header(self) -> str:
        return self.text.partition("\n")[0].partition("#")[0]


class Sheet:
    """The parts and the comments of one text that YAML reads. Lines end with a line feed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.marker: int | None = None
        self._at = 0
        self._spans: list[tuple[int, int]] = []
        self._events: Iterator[Any] = iter(events(text))
        self._start()
        self.root = self._part(-1)
        self.comments = list(self._find_comments())

    def column(self, at: int) -> int:
        """The column of a place, from 0."""
        return at - self.text.rfind("\n", 0, at) - 1

    def next_word(self, at: int) -> int:
        """Where the next thing that is no comment stands."""
        found = _GAP.match(self.text, at)
        return found.end() if found else at

    def has_comment(self, part: Part) -> bool:
        """Whether a comment stands inside it."""
        at = bisect_left(self._comment_starts, part.start)
        return at < len(self._comment_starts) and self._comment_starts[at] < part.end

    def below_blank(self, at: int) -> bool:
        """Whether the place is the first of its line, and the line above is blank."""
        head = self.text.rfind("\n", 0, at) + 1
        above = self.text.rfind("\n", 0, max(head - 1, 0)) + 1
        return head > 0 and not self.text[above:head].strip() and not self.text[head:at].strip()

    @cached_property
    def _comment_starts(self) -> list[int]:
        return [comment.start for comment in self.comments]

    def _start(self) -> None:
        for event in self._events:
            if type(event).__name__ == "DocumentStartEvent":
                if event.explicit:
                    self.marker = event.end_mark.index - 3
                    self._at = event.end_mark.index
                return

    def _part(self, above: int, event: Any = None) -> Part:
        """The next part; `above` is the column of the entries that it is a value of."""
        event = event or next(self._events)
        name = type(event).__name__
        if name == "AliasEvent":
            return self._word(event, event.start_mark.index, "")
        label = f"&{event.anchor}" if event.anchor else ""
        start = event.start_mark.index + len(label)
        if name == "ScalarEvent":
            return self._word(event, start, label)
        part = Part(self.next_word(start) if label else start, 0, "{" if name == "MappingStartEvent" else "[")
        part.label, part.flow = label, bool(event.flow_style)
        self._at = max(self._at, start)
        self._fill(part, above)
        return part

    def _word(self, event: Any, start: int, label: str) -> Part:
        """A scalar or an alias, as it is written."""
        end = max(event.end_mark.index, start)
        start = min(self.next_word(start), end) if label else start
        text = self.text[start:end]
        kind = "|" if getattr(event, "style", "") in ("|", ">") else ""
        part = Part(start, end, kind, label=label, text=text, value=getattr(event, "value", ""))
        # The line with the `|` of a text is none of the text: a comment may stand there.
        self._spans.append((start + text.find("\n") if kind else start, end))
        self._at = end
        return part

    def _fill(self, part: Part, above: int) -> None:
        first = True
        while not type(event := next(self._events)).__name__.endswith("EndEvent"):
            entry = self._member(part, event) if part.kind == "{" else self._item(part, event)
            if first:
                part.column = self.column(entry.start)
            first = False
            if part.kind == "{":
                entry.value = self._part(part.column)
                entry.pad = self._pad(entry)
            part.entries.append(entry)
        if part.flow and event.end_mark.index > event.start_mark.index:
            self._at = event.end_mark.index
        part.end = self._at
        # A list that stands in the column of its key: a comment in that column is not a part of it.
        part.column += part.column <= above

    def _member(self, part: Part, event: Any) -> Entry:
        key = self._part(0, event)
        return Entry(event.start_mark.index, key, key)

    def _item(self, part: Part, event: Any) -> Entry:
        start = event.start_mark.index
        if not part.flow and (found := _DASH.match(self.text, self._at)):
            self._at = found.end()
            start = found.end() - 1
        return Entry(start, self._part(self.column(start), event))

    def _pad(self, entry: Entry) -> int:
        found = _COLON.match(self.text, entry.key.end) if entry.key else None
        return len(found[1]) if found else 1

    def _find_comments(self) -> Iterator[Comment]:
        at = 0
        for start, end in (*self._spans, (len(self.text), len(self.text))):
            for found in _COMMENT.finditer(self.text, at, max(at, start)):
                head = self.text.rfind("\n", 0, found.start()) + 1
                before = self.text[head : found.start()]
                code = before.rstrip()
                yield Comment(found[0].rstrip(), found.start(), len(before), len(before) - len(code), not code)
            at = max(at, end)
