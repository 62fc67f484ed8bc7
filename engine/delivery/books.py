"""The books: every record that went in has exactly one fate."""

from __future__ import annotations

from collections import Counter
from typing import Final

from engine.errors import BooksError
from engine.rows.failures import Notes

IN: Final = ("read", "created")
OUT: Final = ("written", "rejected", "filtered", "duplicate", "absorbed")


class Books:
    """The counts of one unit or one run. Each is kept where it happens, none is worked out from others."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys((*IN, *OUT), 0))
        self.rejects: Counter[str] = Counter()
        self.recovered: Counter[str] = Counter()
        self.filtered: Counter[str] = Counter()
        self.items_dropped = 0

    def count_read(self, records: int) -> None:
        """Records that a parser gave, the damaged ones too."""
        self.counts["read"] += records

    def count_written(self, records: int) -> None:
        """Records that a sink took."""
        self.counts["written"] += records

    def count_rejected(self, code: str) -> None:
        """A record that went to the reject store, under the code of its first error."""
        self.counts["rejected"] += 1
        self.rejects[code] += 1

    def count_steps(self, notes: Notes, *others: Notes) -> None:
        """What steps counted so far: records made beyond those read, held back by a rule, mended by `on_error`.

        `others` are those of sinks, of whose records only what was mended counts here.
        """
        self.counts["created"], self.counts["filtered"] = notes.created, notes.filtered.total()
        self.filtered, self.recovered = notes.filtered.copy(), notes.recovered.copy()
        for other in others:
            self.recovered += other.recovered
        self.items_dropped = sum(each.items_dropped for each in (notes, *others))

    @property
    def went_in(self) -> int:
        """Records that need a fate."""
        return sum(self.counts[name] for name in IN)

    def add(self, other: Books) -> None:
        """Take in the books of a unit that is done."""
        self.counts.update(other.counts)
        self.rejects.update(other.rejects)
        self.filtered.update(other.filtered)
        self.recovered.update(other.recovered)
        self.items_dropped += other.items_dropped

    def balance(self) -> None:
        """Raise BooksError where records went in that have no fate, or one too many."""
        went_in = self.went_in
        came_out = sum(self.counts[name] for name in OUT)
        if went_in != came_out:
            raise BooksError(
                "D401",
                f"{went_in:,} records went in, {came_out:,} have a fate: {self}",
                "nothing of this unit is published; this is a fault of the engine: report it",
            )

    def as_dict(self) -> dict[str, int]:
        """All counts, in the order of the equation."""
        return {name: self.counts[name] for name in (*IN, *OUT)}

    def __str__(self) -> str:
        """The equation, without what is zero on the right."""
        left = " + ".join(f"{name} {self.counts[name]:,}" for name in IN if self.counts[name] or name == "read")
        right = " + ".join(f"{name} {self.counts[name]:,}" for name in OUT if self.counts[name] or name == "written")
        return f"{left} = {right}"
