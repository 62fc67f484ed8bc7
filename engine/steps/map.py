"""The step `map`: each record becomes one record, made field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from engine.errors import RecordError
from engine.language.fields import FieldMap, columns_read, picks_of, walk
from engine.language.frames import Context, Frame
from engine.language.grammar import parse_mapping
from engine.language.keys import MAPPING_KEYS
from engine.language.scopes import Scope
from engine.language.typing import check_in
from engine.language.values import Picked
from engine.options import Pointer, Report
from engine.records import is_blank
from engine.registry import component
from engine.rows.compiler import RowCompiler
from engine.rows.failures import Notes
from engine.rows.flow import Row, Step, Worker, fill
from engine.rows.needs import trace_map
from engine.rows.steps import compile_checks
from engine.rows.tracing import Standing


@component("map", kind="step", examples=[{"type": "map", "fields": {"ref": "sku"}}], keys=MAPPING_KEYS)
class Map(Step):
    """Makes one record of each: the fields in the order written, from what comes in and from fields above.

    `mapping: {..}` in a spec is a list of this one step. Working fields of steps before stay working fields, also
    where the rest passes through.
    """

    mapping: FieldMap = field(metadata={"made": True})

    @classmethod
    def from_spec(cls, doc: Mapping[str, Any], pointer: Pointer, report: Report) -> Map:
        """The map that a step, or a `mapping`, says."""
        return cls(mapping=parse_mapping(doc, pointer, report))

    def check(self, scope: Scope, pointer: Pointer, report: Report) -> tuple[Map, Scope]:
        """Its fields typed; the next step sees what it makes."""
        mapping = check_in(self.mapping, scope, pointer, report)
        _check_defaults(mapping, report)
        return replace(self, mapping=mapping), scope.entering(mapping.gives, scope.parent)

    def worker(self, context: Context, notes: Notes) -> Worker:
        """One row in, one out."""
        make, frame = RowCompiler(notes).map(self.mapping), Frame(None, context)
        made = {each.target[0] for each in self.mapping.fields if each.working}

        def map_row(row: Row) -> Sequence[Row]:
            standing = fill(frame, row)
            value = make(standing)
            kept = {name: each for name, each in row.work.items() if name not in made} if made else row.work
            return (row._replace(value=value, work={**kept, **standing.work} if standing.work else kept),)

        return map_row

    @property
    def maps(self) -> FieldMap:
        """The map that it is."""
        return self.mapping

    def picks(self, pointer: Pointer) -> Iterator[tuple[Picked, Pointer]]:
        """What its fields pick, and decide by."""
        if self.mapping.source:
            yield self.mapping.source, (*pointer, "source")
        for made in walk(self.mapping.fields):
            yield from picks_of(made)

    def trace(self, standing: Standing) -> Standing:
        """What its fields read."""
        return trace_map(self.mapping, standing)

    def reads(self) -> Iterator[tuple[str, bool]] | None:
        """What its fields pick, unless the whole record is taken."""
        taken = self.mapping.pass_through or self.mapping.source
        return None if taken else columns_read(self.mapping.fields)


def _check_defaults(mapping: FieldMap, report: Report) -> None:
    """A default that breaks the checks of its own field would reject every blank."""
    for made in walk(mapping.fields):
        if made.checks and not is_blank(made.default):
            try:
                compile_checks(made.checks, made.type)(made.default)
            except RecordError as error:
                help = "give one that keeps them, or leave it out"
                report(
                    "M323",
                    (*made.pointer, "default"),
                    f"the default breaks its own checks: {error.message}",
                    help,
                    level="warning",
                )
