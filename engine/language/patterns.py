"""The only door to RE2: patterns from specs run in linear time, and what RE2 does not know is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from engine.errors import OptionError, RecordError

LONGEST: Final = 16 * 2**20
"""Bytes of a text that is made of parts: a short pattern could make a record grow without end."""

_HELP: Final = (
    "patterns are RE2: no look-around, no references back to a group, repeats up to 1,000; "
    r"`\d` `\w` `\s` are ASCII, `\pL` is any letter"
)

_PARTS: Final = re.compile(r"([^\\]+)|\\(.?)", re.DOTALL).findall


class Pattern:
    r"""A regular expression of a spec. Only its text travels; it is compiled where it is used.

    Matching works on UTF-8 bytes, five times faster than RE2's own path for `str`. `\C` (one byte) is
    refused, so what is found always begins and ends between characters.
    """

    kind = "pattern"
    schema: Final = {"type": "string"}
    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled: Any = None

    @classmethod
    def parse(cls, value: Any) -> Pattern:
        """The pattern, compiled once to see that it compiles."""
        if not isinstance(value, str):
            raise OptionError("M306", "a pattern is text", "put it between quotes")
        pattern = cls(value)
        pattern._re()
        return pattern

    @property
    def groups(self) -> int:
        """How many groups it captures."""
        return int(self._re().groups)

    def knows(self, group: int | str) -> bool:
        """Whether it has this group, by number (0 is the whole match) or by name."""
        if isinstance(group, str):
            return group.encode() in self._re().groupindex
        return 0 <= group <= self.groups

    def fullmatch(self, text: str) -> bool:
        """Whether it matches the whole text."""
        return (self._compiled or self._re()).fullmatch(text.encode()) is not None

    @property
    def names(self) -> list[str]:
        """The groups that have a name, in the order in which they stand."""
        return [name for name, _ in self.places]

    @property
    def places(self) -> list[tuple[str, int]]:
        """The groups that have a name, each with its place among all groups, from 0."""
        found = self._re().groupindex.items()
        return [(name.decode(), at - 1) for name, at in sorted(found, key=lambda each: each[1])]

    def groups_of(self, text: bytes) -> Sequence[bytes | None] | None:
        """What each group holds of a whole text, in the order of the groups; None where it does not match."""
        match = (self._compiled or self._re()).fullmatch(text)
        return None if match is None else match.groups()

    def extract(self, text: str, group: int | str) -> str | None:
        """What the group holds in the first match inside the text; None without a match, or outside it."""
        match = (self._compiled or self._re()).search(text.encode())
        if match is None:
            return None
        found = match.group(group.encode() if isinstance(group, str) else group)
        return None if found is None else str(found, "utf-8")

    def replace(self, text: str, to: Replacement) -> str:
        """The text with every match replaced; the text itself where there is none."""
        data = text.encode()
        pieces: list[bytes] = []
        end = -1
        more = LONGEST - len(data)
        for match in (self._compiled or self._re()).finditer(data):
            start, stop = match.span()
            # An empty match right after a match, or inside the bytes of one character, is none.
            if start == stop and (start == end or _inside(data, start)):
                continue
            made = to.expand(match)
            more -= len(made) - (stop - start)
            if more < 0 < len(made):
                raise too_long()
            pieces += (data[max(end, 0) : start], made)
            end = stop
        return text if end < 0 else (b"".join(pieces) + data[end:]).decode()

    def _re(self) -> Any:
        if self._compiled is None:
            self._compiled = _compile(self.text)
        return self._compiled

    def __reduce__(self) -> Any:
        return Pattern, (self.text,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def __str__(self) -> str:
        return self.text


class Replacement:
    r"""The text put in place of a match: `\0` is the match, `\1` to `\9` its groups, `\\` a backslash."""

    kind = "replacement"
    schema: Final = {"type": "string"}
    __slots__ = ("_pieces", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._pieces = tuple(_pieces(text))

    @classmethod
    def parse(cls, value: Any) -> Replacement:
        """The replacement, its backslashes understood."""
        if not isinstance(value, str):
            raise OptionError("M306", "a replacement is text", "put it between quotes")
        return cls(value)

    @property
    def groups(self) -> int:
        """The highest group it asks for."""
        return max((piece for piece in self._pieces if isinstance(piece, int)), default=0)

    def expand(self, match: Any) -> bytes:
        """The bytes for one match; a group that took no part gives nothing."""
        return b"".join([piece if isinstance(piece, bytes) else match.group(piece) or b"" for piece in self._pieces])

    def __reduce__(self) -> Any:
        return Replacement, (self.text,)

    def __repr__(self) -> str:
        return f"Replacement({self.text!r})"

    def __str__(self) -> str:
        return self.text


def joined(by: str, parts: Sequence[str]) -> str:
    """The parts as one text."""
    if len(by) * (len(parts) - 1) + sum(map(len, parts)) > LONGEST:
        raise too_long()
    return by.join(parts)


def too_long() -> RecordError:
    """What a text is refused with that grows too long."""
    return RecordError("R209", f"the text would be longer than {LONGEST // 2**20} MiB")


def _compile(text: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False  # it would write to standard error
    try:
        compiled = re2.compile(text.encode(), options)
    except re2.error as error:
        raise OptionError("M306", f"`{text}` is not a pattern: {_said(error)}", _HELP) from error
    except UnicodeEncodeError as error:
        raise OptionError("M306", "the pattern holds half a character (a lone surrogate)", _HELP) from error
    if _asks_for_a_byte(text):
        raise OptionError("M306", rf"`{text}`: `\C` would match one byte of a character", "`.` is a character")
    return compiled


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _asks_for_a_byte(text: str) -> bool:
    escaped = False
    for character in text:
        if escaped and character == "C":
            return True
        escaped = character == "\\" and not escaped
    return False


def _inside(data: bytes, position: int) -> bool:
    return position < len(data) and data[position] & 0xC0 == 0x80


def _pieces(text: str) -> Iterator[bytes | int]:
    for plain, escaped in _PARTS(text):
        if plain:
            yield plain.encode()
        elif escaped == "\\":
            yield b"\\"
        elif escaped and escaped in "0123456789":
            yield int(escaped)
        else:
            raise OptionError(
                "M306",
                rf"`{text}`: `\{escaped}` means nothing in a replacement",
                r"`\0` is the match, `\1` to `\9` are its groups, `\\` is a backslash",
            )
