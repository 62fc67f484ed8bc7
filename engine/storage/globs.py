"""Globs as shells know them: `*` and `?` inside a segment, `**` over folders, `[a-z]`, `{a,b}`.

A name that begins with a dot matches only a segment that begins with one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import translate
from functools import cache
from typing import Final

from engine.errors import OptionError
from engine.kinds import Stat

MOST_ALTERNATIVES: Final = 1000

_MAGIC: Final = re.compile(r"[*?\[{]")
_BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*)\}")


def static_head(pattern: str) -> str:
    """The folders before the first segment that can match more than one name."""
    head = []
    for segment in pattern.split("/")[:-1]:
        if _MAGIC.search(segment):
            break
        head.append(segment)
    return "/".join(head) if head != [""] else "/"


def prefix(pattern: str) -> str:
    """What every path that matches begins with, as far as that is plain text."""
    found = _MAGIC.search(pattern)
    return pattern[: found.start()] if found else pattern


def is_glob(pattern: str) -> bool:
    """Whether it can match more than one path."""
    return bool(_MAGIC.search(pattern))


def expand(pattern: str) -> list[str]:
    """The patterns without braces that a pattern with `{a,b}` stands for."""
    made = [pattern]
    while any(_BRACES.search(each) for each in made):
        made = [one for each in made for one in _expand_first(each)]
        if len(made) > MOST_ALTERNATIVES:
            raise OptionError(
                "M403", f"`{pattern[:60]}` stands for more than {MOST_ALTERNATIVES:,} patterns", "use `*`"
            )
    return list(dict.fromkeys(made))


def _expand_first(pattern: str) -> Iterator[str]:
    match = _BRACES.search(pattern)
    if match is None:
        yield pattern
        return
    for choice in match[1].split(","):
        yield pattern[: match.start()] + choice + pattern[match.end() :]


@cache
def segment_matcher(segment: str) -> re.Pattern[str]:
    """The regular expression of one segment (the standard library's: it never backtracks over a `*`)."""
    hidden = "" if segment.startswith(".") else r"(?!\.)"
    return re.compile(hidden + translate(segment))


def matches(path: str, pattern: str) -> bool:
    """Whether a relative path matches a pattern (after `expand`)."""
    return _match(path.split("/"), pattern.split("/"))


def enters(path: str, pattern: str, *, linked: bool) -> bool:
    """Whether a pattern can reach into a folder; into a link to one only where a segment of its own stands for it."""
    segments, at, name = pattern.split("/"), path.count("/"), path.rsplit("/", 1)[-1]
    if "**" in segments[: at + 1]:
        hidden = name.startswith(".") and "/." not in f"/{pattern}"
        return not hidden and not linked
    return at < len(segments) - 1 and bool(segment_matcher(segments[at]).match(name))


def _match(names: Sequence[str], segments: Sequence[str]) -> bool:
    """Folders against segments; `**` takes any number of them. A table, so that many `**` stay cheap."""
    reachable = {0}
    for segment in segments:
        if segment == "**":
            reachable = _through_folders(names, reachable)
        else:
            matcher = segment_matcher(segment)
            reachable = {at + 1 for at in reachable if at < len(names) and matcher.match(names[at])}
    return len(names) in reachable


def _through_folders(names: Sequence[str], starts: set[int]) -> set[int]:
    """How far `**` reaches from each start: over any names but those that begin with a dot."""
    reachable: set[int] = set()
    for at in starts:
        while at not in reachable:
            reachable.add(at)
            at += at < len(names) and not names[at].startswith(".")  # noqa: PLW2901 - it walks
    return reachable


def found(
    pattern: str,
    exclude: Sequence[str],
    cleaned: Callable[[str], str],
    find: Callable[[str], Iterable[Stat]],
    place: Callable[[Stat], str] = lambda file: file.path,
) -> Iterator[Stat]:
    """The files that a store finds for a pattern, in the order of their paths, those of one place once.

    `find` takes a pattern without braces, `cleaned` gives each path the one spelling that the store has for it.
    """
    left_out = [cleaned(one) for each in exclude for one in expand(each)]
    files: dict[str, Stat] = {}
    for one in map(cleaned, expand(pattern)):
        for file in find(one):
            if not any(matches(file.path, each) for each in left_out):
                files.setdefault(place(file), file)
    yield from sorted(files.values(), key=lambda file: file.path)
