"""What the user reads when a file does not check: a problem, its place, its remedy. Nothing prints here."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from engine.spec.document import Document, Mark, Pointer, Source

__all__ = ["Problem", "at_key", "at_mark", "at_value", "in_file", "inside", "render"]

WIDTH: Final = 160
"""A longer line of a file is shown in part, around the place."""

UNREAD: Final = "S1"
"""How the codes begin of what a reader refuses, who does not know yet which parts of a file are secret."""

_TELLS: Final = re.compile(r"(?i)(?:password|passphrase|secret|token)[\"']?\s*:(?!\s*[\"']?\$\{)")

_LOGIN: Final = re.compile(r"://[^/\s:@]*:[^/\s@]*@")
"""A URL with a password in it."""

# Characters that a terminal would obey, or that would move the text after them: each is shown as one sign.
_UNSHOWABLE: Final = "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or doubtful, at one place of a file.

    `line` and `column` count from 1; line 0 means the file as a whole. `source` is the text of the line.
    """

    code: str
    message: str
    file: str
    line: int
    column: int
    length: int
    source: str
    where: str = ""
    seen: str = ""
    help: str = ""
    level: Literal["error", "warning"] = "error"

    @property
    def order(self) -> tuple[str, int, int]:
        """The key that sorts problems as a reader of the files meets them."""
        return self.file, self.line, self.column

    def to_json(self) -> dict[str, Any]:
        """The problem for machines: every field, also the empty ones."""
        return asdict(self)


def at_mark(source: Source, mark: Mark, code: str, message: str, **more: Any) -> Problem:
    """A problem at a place that is already known; `more` are `where`, `seen`, `help` and `level`."""
    line = source.line(mark.line)
    hidden = _LOGIN.search(line) or (code.startswith(UNREAD) and _TELLS.search(line))
    return Problem(code, message, source.path, *mark, source="" if hidden else line, **more)


def at_value(document: Document, pointer: Pointer, code: str, message: str, **more: Any) -> Problem:
    """A problem with the value that `pointer` leads to."""
    return at_mark(document, document.value_mark(pointer), code, message, **more)


def at_key(document: Document, pointer: Pointer, code: str, message: str, **more: Any) -> Problem:
    """A problem with the key that `pointer` ends in."""
    return at_mark(document, document.key_mark(pointer), code, message, **more)


def inside(
    document: Document, pointer: Pointer, span: tuple[int, int], code: str, message: str, **more: Any
) -> Problem:
    """A problem with part of a text; `span` is (start, length) in it, as OptionError says it."""
    return at_mark(document, document.inside(pointer, *span), code, message, **more)


def in_file(path: str, code: str, message: str, **more: Any) -> Problem:
    """A problem with a file as a whole, which no line of it shows."""
    return Problem(code, message, path, line=0, column=0, length=0, source="", **more)


def render(problem: Problem) -> str:
    """The problem as a good compiler would show it, without a line end and without colours."""
    gutter = " " * len(str(problem.line or ""))
    place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    where = f"   ({problem.where})" if problem.where else ""
    lines = [
        f"{problem.level}[{problem.code}]: {problem.message}",
        f"{gutter} --> {place}{where}",
        *(_excerpt(problem, gutter) if problem.source else ()),
        *([f"{gutter} = help: {problem.help}"] if problem.help else ()),
    ]
    return "\n".join(_showable(line) for line in lines)


def _excerpt(problem: Problem, gutter: str) -> tuple[str, str, str]:
    source, column = _window(problem.source, problem.column)
    carets = "^" * max(1, min(problem.length, len(source) - column + 1))
    seen = f" {problem.seen}" if problem.seen else ""
    return (
        f"{gutter} |",
        f"{problem.line} | {source}".rstrip(),
        f"{gutter} | {' ' * (column - 1)}{carets}{seen}",
    )


def _window(source: str, column: int) -> tuple[str, int]:
    """The part of a long line that holds the column, and the column in that part."""
    if len(source) <= WIDTH:
        return source, column
    room = WIDTH - 2
    start = max(0, min(column - 1 - room // 2, len(source) - room))
    head = "…" if start else ""
    tail = "…" if start + room < len(source) else ""
    return f"{head}{source[start : start + room]}{tail}", column - start + len(head)


def _showable(line: str) -> str:
    return re.sub(_UNSHOWABLE, "�", line.replace("\t", " "))
