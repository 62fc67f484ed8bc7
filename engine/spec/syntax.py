"""What to say where YAML itself cannot read on: the place in our words, and a line that works."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from engine.spec.builder import DEEP_HELP, TOO_DEEP
from engine.spec.document import Mark, Source
from engine.spec.problems import Problem, at_mark
from engine.spec.scalars import quoted, shortened

__all__ = ["COMMENTED", "Reads", "explain", "quoted_line"]

Reads = Callable[[str, int], bool]
"""Whether YAML can read a text beyond this line."""

# Where a value can begin: behind its key, behind the dash of a list, or inside the brackets of one.
_HEAD = re.compile(r"(?:^[ \t]*(?:- +)*|[:?] +|[\[,] *)(?=[^\s#])")
_LABEL = re.compile(r"(?:- +)?[^\s,{}\[\]:]+: +$|- +$")
_COMMENT = re.compile(r"\s+(?:#.*)?$|\s#.*$")
_HASH = re.compile(r"\s(#.*)$")

COMMENTED: Final = "`{}` is a comment to YAML, and the text ends before it"


class Saying(NamedTuple):
    """One way in which libyaml fails, for the user. `{word}`, `{sign}`, `{first}` are filled in."""

    message: str
    help: str = ""
    code: str = "S101"
    at_context: bool = False


_LONGEST: Final = 160
"""A longer text is not shown again in quotes."""

_LONGEST_LINE: Final = 10_000
"""In a longer line nobody looks for the place of quotes, and trying some costs seconds."""

_LINES_BACK: Final = 8
"""A comment that hides a bracket is looked for in so many lines: each may cost a reading of the file."""

_HEAD_HELP: Final = "put the text in quotes"
_SAYINGS: Final = {
    "found character that cannot start any token": Saying("a text without quotes cannot begin with {sign}", _HEAD_HELP),
    "did not find expected alphabetic or numeric character": Saying(
        "`{head}` at the head of a text without quotes begins the name of an anchor",
        _HEAD_HELP,
        at_context=True,
    ),
    "did not find expected key": Saying(
        "expected the next key, found `{word}`",
        "a value that begins with a quote or bracket ends with it; keys of a mapping stand below each other",
    ),
    "did not find expected '-' indicator": Saying(
        "expected the next `- ` of the list that begins on line {first}, found `{word}`",
        "items of one list stand below each other, each behind its dash",
    ),
    "mapping values are not allowed in this context": Saying(
        "no value can stand behind this `:`",
        "a text that holds `: ` needs quotes; a mapping below a key is indented further than the key",
    ),
    "mapping keys are not allowed in this context": Saying("no key can stand here", _HEAD_HELP),
    "block sequence entries are not allowed in this context": Saying(
        "no list can begin here", "begin it on a line of its own, or write it in brackets"
    ),
    "did not find expected comment or line break": Saying(
        "behind `|` or `>` at the head of a value the line ends", _HEAD_HELP
    ),
    "did not find expected ',' or '}'": Saying(
        "expected `,` or `}}` in the mapping that begins on line {first}, found `{word}`",
        "close the mapping, or put the text in quotes",
    ),
    "did not find expected ',' or ']'": Saying(
        "expected `,` or `]` in the list that begins on line {first}, found `{word}`",
        "close the list, or put the text in quotes",
    ),
    "did not find expected node content": Saying("expected a value, found `{word}`", _HEAD_HELP),
    "found unexpected end of stream": Saying(
        "the text that begins with this quote has no end", "close it with the same quote", at_context=True
    ),
    "found unexpected document indicator": Saying(
        "the text that begins with this quote has no end", "close it with the same quote", at_context=True
    ),
    "found unknown escape character": Saying(
        "`\\{escape}` means nothing in double quotes", "use single quotes, where `\\` is itself"
    ),
    "did not find expected hexdecimal number": Saying(
        "an escape needs its digits: `\\x41`, `\\u00e9`", "use single quotes, where `\\` is itself"
    ),
    "found invalid Unicode character escape code": Saying(
        "this escape is no character by itself", "write the character as it is"
    ),
    "found undefined tag handle": Saying("tags are not read", "put the text in quotes", code="S104"),
}
# Where quotes would hide what is wrong rather than mend it.
_NOT_QUOTES: Final = ("unexpected", "block sequence", "invalid Unicode", "hexdecimal", "directive")


NESTED: Final = "exceeded maximum nesting depth"
"""What libyaml says from 1,000 levels on, before it gives the events of any."""


def explain(source: Source, error: Any, reads: Reads) -> Problem:
    """The problem behind an error of libyaml. `reads` tries the lines that might be proposed."""
    saying = _SAYINGS.get(error.problem) or Saying(f"YAML cannot read this: {error.problem}")
    first = error.context_mark or error.problem_mark
    if error.problem == NESTED:
        return at_mark(source, _mark(source, error.problem_mark.index), "S107", TOO_DEEP, help=DEEP_HELP)
    if (cut := _commented(source, first.line, error, reads)) is not None:
        return cut
    at = first.index if saying.at_context else error.problem_mark.index
    mark, help = _mark(source, at), saying.help
    if source.text[at : at + 1] == "\t":
        saying, help = Saying("a tab cannot stand here"), "indent with blanks"
    elif not any(part in error.problem for part in _NOT_QUOTES):
        help = _proposal(source, mark, reads, escaped="escape" in error.problem) or help
    sign = source.text[error.problem_mark.index : error.problem_mark.index + 1]
    words = {
        "sign": "a backtick" if sign == "`" else f"`{sign}`",
        "escape": source.text[error.problem_mark.index + 1 : error.problem_mark.index + 2],
        "head": source.text[first.index : first.index + 1],
        "word": _word(source, mark),
        "first": source.mark(first.index, first.index).line,
    }
    return at_mark(source, mark, saying.code, saying.message.format(**words), help=help)


def _commented(source: Source, first: int, error: Any, reads: Reads) -> Problem | None:
    """The end of a mapping or list in brackets stands in what YAML takes for a comment."""
    last = error.problem_mark.line if "did not find expected ',' or" in error.problem else first
    for line in range(max(first, last - _LINES_BACK), last):
        text, head = source.line(line + 1), source.offset(line + 1)
        comment = _HASH.search(text) if len(text) <= _LONGEST_LINE else None
        starts = [found.end() for found in _HEAD.finditer(text) if comment and found.end() <= comment.start()]
        end = _closing(text, starts[-1], len(text)) if starts else 0
        if comment and comment.start(1) < end < len(text):
            start = head + starts[-1]
            whole = f"{source.text[:start]}{quoted(source.text[start : head + end])}{source.text[head + end :]}"
            if reads(whole, line + 1):
                help = f"write `{quoted_line(source, start, head + end)}`"
                mark = source.mark(head + comment.start(1), head + comment.end(1))
                return at_mark(source, mark, "S106", COMMENTED.format(shortened(comment[1])), help=help)
    return None


def _mark(source: Source, at: int) -> Mark:
    """The word at an offset; the end of the text is shown behind its last line that says something."""
    said = len(source.text.rstrip())
    at = min(at, said)
    found = re.compile(r"[^\s,{}\[\]]+|\S|").match(source.text, at)
    return source.mark(at, found.end() if found else at)


def _word(source: Source, mark: Mark) -> str:
    line = source.line(mark.line)
    return shortened(line[mark.column - 1 : mark.column - 1 + mark.length]) or "the end of the file"


def quoted_line(source: Source, start: int, end: int) -> str:
    """What to write instead of the text from `start` to `end`: in quotes, and behind its key."""
    line, column, _ = source.mark(start, start)
    label = _LABEL.search(source.line(line)[: column - 1])
    text = source.text[start:end]
    return f"{label[0] if label else ''}{quoted(text if len(text) <= _LONGEST else shortened(text))}"


def _proposal(source: Source, mark: Mark, reads: Reads, *, escaped: bool) -> str:
    """A line with quotes that YAML can read, with the least text in them; empty when quotes do not help."""
    head, line = source.offset(mark.line), source.line(mark.line)
    for start, end in _candidates(line, mark.column - 1):
        if end - start > _LONGEST or line[start] == ":" or _unclosed(line[start:end]):
            continue
        text = _mended(source.text[head + start : head + end], escaped=escaped)
        whole = f"{source.text[: head + start]}{quoted(text)}{source.text[head + end :]}"
        if reads(whole, mark.line):
            label = _LABEL.search(line[:start])
            return f"write `{label[0] if label else ''}{quoted(text)}`"
    return ""


def _mended(text: str, *, escaped: bool) -> str:
    """The text that was meant by quotes in the wrong place: of `'it's'` what they enclose."""
    odd = text[:1] in ("'", '"') and text[-1:] == text[:1] and text.count(text[:1]) % 2 == 1
    return text[1:-1] if (odd or escaped) and len(text) > 2 else text


def _candidates(line: str, column: int) -> Iterator[tuple[int, int]]:
    """Parts of a line that quotes might mend: the nearest before the place first, short before long."""
    if len(line) > _LONGEST_LINE:
        return
    starts = [found.end() for found in _HEAD.finditer(line) if found.end() <= column]
    # The whole line is a value only where it fails at its head; else it is a key with its value.
    starts = [start for start in starts if start == column or line[:start].strip()]
    comment = _COMMENT.search(line)
    rest = comment.start() if comment else len(line)
    for start in reversed(starts[-4:]):
        inner = _closing(line, start, rest)
        ends = (inner, rest) if _unclosed(line[:start]) else (rest, inner)
        yield from ((start, end) for end in dict.fromkeys(ends))


def _closing(line: str, start: int, stop: int) -> int:
    """Where a value inside brackets ends: at the comma or the bracket that is not its own."""
    open_ = 0
    for at in range(start, stop):
        sign = line[at]
        if open_ <= 0 and sign in ",}]":
            return at
        open_ += (sign in "([{") - (sign in ")]}")
    return stop


def _unclosed(text: str) -> bool:
    """Whether brackets are left open, or closed without having been opened."""
    return any(text.count(left) != text.count(right) for left, right in ("{}", "[]", "()"))
