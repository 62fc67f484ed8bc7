"""What is judged of a unit when it was read to its end: its limits, its contract, its header."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from engine.delivery.books import Books
from engine.errors import UnitError
from engine.language.jsontext import decode, encode
from engine.plan import Plan
from engine.records import Batch, Mapped
from engine.rows.flow import read_first
from engine.spec.validate import keeps
from engine.spelling import counted, listed

EARLY: Final = 1000
SHOWN: Final = 5


def judge(plan: Plan, books: Books) -> None:
    """Raise UnitError where the rejects are over the limit, or nothing but rejects came out."""
    counts = books.counts
    _judge_limit(plan, books)
    if plan.max_rejects is None and counts["rejected"] and counts["rejected"] == books.went_in:
        count = counts["rejected"]
        message = f"all {count:,} records were rejected" if count > 1 else "the one record was rejected"
        raise UnitError("D202", message, "mend the spec or the file; see the rejects")
    _judge_recovered(plan, books)


def is_over_limit(plan: Plan, books: Books) -> bool:
    """From 1,000 records on, what is over the limit need not be mapped to its end."""
    records, limit = books.went_in, plan.max_rejects
    return bool(records >= EARLY and limit and limit.exceeded(books.counts["rejected"], records))


def _judge_recovered(plan: Plan, books: Books) -> None:
    limit, recovered, read = plan.max_recovered, books.recovered.total(), books.counts["read"]
    if limit and limit.exceeded(recovered, read):
        counts = f"{counted(recovered, 'error')} in {counted(read, 'record')}"
        message = f"`on_error` answered {counts}, `max_recovered` allows {limit}"
        raise UnitError("D205", message, "mend the spec or the file; the report counts them by field and code")


def _judge_limit(plan: Plan, books: Books) -> None:
    records, limit, rejected = books.went_in, plan.max_rejects, books.counts["rejected"]
    if limit and limit.exceeded(rejected, records):
        message = f"{rejected:,} of {counted(records, 'record')} {'was' if rejected == 1 else 'were'} rejected"
        help = "mend the spec or the file; see the rejects"
        raise UnitError("D201", f"{message}, `max_rejects` allows {limit}", help)


class Holding:
    """A contract held against what is written: the first record that breaks it refuses the unit."""

    def __init__(self, plan: Plan) -> None:
        self._contract = plan.contract
        self._keeps: Callable[[Any], str] | None = keeps(plan.contract.schema) if plan.contract else None
        self._broken = ""

    def look(self, batch: Batch, mapped: Mapped) -> None:
        """Look at what the steps made of a batch."""
        if self._keeps is None or self._broken:
            return
        for index, record in zip(mapped.indexes, mapped.records, strict=True):
            if wrong := self._keeps(decode(encode(record))):
                assert self._contract  # noqa: S101 - it says what to keep
                self._broken = f"record {batch.number + index:,} breaks `{self._contract.file}`: {wrong}"
                return

    def judge(self) -> None:
        """Raise UnitError where a record broke it."""
        if self._broken:
            raise UnitError("D204", self._broken, "mend the mapping, or the contract; nothing was published")


def absent_of(plan: Plan, names: Sequence[str]) -> list[str]:
    """The columns that the mapping reads and the header has not got; UnitError where it has none of them.

    Such a header is another file's, or of another delimiter.
    """
    wanted: Mapping[str, bool] | None = read_first(plan.steps)
    if wanted is None:
        return []
    if wanted and not wanted.keys() & set(names):
        mark = next((each for each in (";", "\t", "|", ",") if len(names) == 1 and each in names[0]), "")
        help = f"it looks separated by {mark!r}: set `delimiter`" if mark else "mend the header, or the mapping"
        message = f"the header {listed(names[:SHOWN])} has no column that the mapping reads"
        raise UnitError("R124", message, help)
    known = {*names, *plan.parser.optional_names}
    return [name for name, alone in wanted.items() if alone and name not in known]
