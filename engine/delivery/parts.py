"""Large files in parts: where each begins and ends, found once in a file, by the parser that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, Final, NamedTuple, cast

from engine.delivery.reading import Reading
from engine.kinds import Limits, Parser, Part, Seam, Stat, Store

NEAR: Final = 16
"""A seam that lies so little before the place that is wanted is taken: the next one is a block away."""


class Piece(NamedTuple):
    """A part of a file: its bytes, the line that it begins in, what its parser reads before them, the file's hash."""

    start: int
    stop: int
    line: int
    front: bytes
    file: str

    @property
    def moved(self) -> tuple[int, int, int]:
        """By how many records, lines and bytes its places differ from those that its parser knows."""
        return 0, self.line - 1 - self.front.count(b"\n"), self.start - len(self.front)


class Cutter:
    """Cuts files into parts; those of the last file are remembered, as its parts are read one after the other."""

    def __init__(self, parser: Parser, limits: Limits) -> None:
        self._parser = parser
        self._limits = limits
        self._key: tuple[str, str, int] | None = None
        self._pieces: list[Piece] = []

    def piece(self, store: Store, stat: Stat, part: Part) -> Piece | None:
        """One part of a file; None where it is the whole of it, which is not looked through before."""
        if part.of == 1:
            return None
        key = (stat.path, stat.version, part.size)
        if key != self._key:
            self._pieces = self._cut(store, stat, part)
            self._key = key
        return self._pieces[part.number - 1]

    def _cut(self, store: Store, stat: Stat, part: Part) -> list[Piece]:
        with Reading(store, stat) as reading:
            found = list(starts(self._parser.seams(cast("BinaryIO", reading), self._limits), part))
            file = reading.verify()
        first, end = found[0] if found else Seam(0, 1), Seam(stat.size, 1)
        with Reading(store, stat) as reading:
            front = b"".join(iter(lambda: reading.read(max(0, first.offset - reading.bytes)), b""))
        ends = [*(found or [first]), *[end] * (part.of + 1 - max(len(found), 1))]
        return [Piece(one.offset, two.offset, one.line, front, file) for one, two in pairwise(ends)]


def starts(seams: Iterator[Seam], part: Part) -> Iterator[Seam]:
    """Where the parts begin: the first at the first seam, each other at the first one about its multiple of the size.

    A record that is longer than a part leaves parts without records: they begin where the next one does.
    """
    number = 0
    for seam in seams:
        while number < part.of and (number == 0 or seam.offset >= number * part.size - part.size // NEAR):
            yield seam
            number += 1
        if number == part.of:
            return
