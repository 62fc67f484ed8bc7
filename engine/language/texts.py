"""What texts are made of for the language: blank space, tags, and how a value is shown in a message."""

from __future__ import annotations

from typing import Any, Final

BLANKS: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""Unicode White_Space and BOM. `str.strip()` also takes U+001C to U+001F and leaves the BOM."""

_WIDTH: Final = 60


def show(value: Any) -> str:
    """The value between backquotes, cut at 60 characters."""
    text = _plainly(value)
    return f"`{text}`" if len(text) <= _WIDTH else f"`{text[:_WIDTH]}…`"


def _plainly(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 3_500:  # Python refuses to write over 4,300 digits
        return f"a number of {value.bit_length()} bits"
    return str(getattr(value, "text", value))


def between_tags(value: str) -> list[str]:
    """The pieces of a text that are no `<...>` tag and no comment, in one pass."""
    pieces: list[str] = []
    kept = position = 0
    while (start := value.find("<", position)) >= 0:
        position = start + 1
        following = value[position : position + 1]
        if not (following in ("/", "!", "?") or (following.isascii() and following.isalpha())):
            continue
        closer = "-->" if value.startswith("!--", position) else ">"
        end = value.find(closer, position)
        if end < 0:
            break
        pieces.append(value[kept:start])
        kept = position = end + len(closer)
    return [*pieces, value[kept:]]
