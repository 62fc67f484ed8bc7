"""Tags in a text, found in one pass: what `strip_tags` stands on."""

from __future__ import annotations


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
