"""A checked spec, frozen: what `run` executes. Plain data; a worker can be sent it by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.kinds import Connection, Limits, Parser, Sink, Source, Store
from engine.language.expressions import Condition
from engine.language.tables import STRICT, Policy
from engine.language.templates import Template
from engine.language.values import Picked
from engine.quantities import Share
from engine.rows.flow import Step
from engine.storage.stores import keep


@dataclass(frozen=True)
class End:
    """Where a source or a sink is: a connection, its name in the spec, the folder that relative paths start at."""

    connection: Connection
    folder: str
    name: str = ""

    def store(self) -> Store:
        """Its files; from now on whoever knows the address finds them too."""
        return keep(self.connection.store(self.folder))


@dataclass(frozen=True)
class Archive:
    """Where a unit's file goes when it is done: templates by outcome; on the source's end unless it has its own."""

    success: Template | None = None
    partial: Template | None = None
    error: Template | None = None
    end: End | None = None
    keep: float = 0.0

    def inside(self) -> Archive:
        """The same with no path that leaves the folder it is relative to."""
        inside = {key: getattr(self, key) and getattr(self, key).inside for key in ("success", "partial", "error")}
        return replace(self, **inside)


@dataclass(frozen=True)
class Lookup:
    """A table of records by key: written in the spec, or read from a source; `policy` answers what it does not have."""

    values: Mapping[str, Any] | None = None
    source: Source | None = None
    end: End | None = None
    parser: Parser | None = None
    index: tuple[Picked, ...] = ()
    policy: Policy = STRICT

    def inside(self) -> Lookup:
        """The same with no path that leaves the folder it is relative to."""
        return replace(self, source=self.source and self.source.inside())


@dataclass(frozen=True)
class Outlet:
    """A sink as a plan has it: its name and place, which records it takes, and what it makes of them first.

    `when` is None for every record; `otherwise`: those that no sink above took. `columns` are the names that come to
    it, in order, empty where they are not known.
    """

    name: str
    sink: Sink
    end: End
    when: Condition | None = None
    otherwise: bool = False
    optional: bool = False
    steps: tuple[Step, ...] = ()
    columns: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it takes every record as it is, and must."""
        return not (self.when or self.otherwise or self.optional or self.steps or self.after)

    def inside(self) -> Outlet:
        """The same with no path that leaves the folder it is relative to."""
        return replace(self, sink=self.sink.inside())


@dataclass(frozen=True)
class RejectReport:
    """The rejects of a unit as a file for people, beside the store: what each line says, and its sink."""

    outlet: Outlet
    columns: tuple[str, ...] | str = "errors"


@dataclass(frozen=True)
class Contract:
    """What each written record has to keep: a JSON Schema, and the file that holds it."""

    schema: Mapping[str, Any]
    file: str


@dataclass(frozen=True)
class Plan:
    """One pipeline, compiled: everything that a run needs and nothing that it must look up."""

    name: str
    file: str
    folder: str
    env: str
    vars: Mapping[str, Any]
    scope: str
    spec_hash: str
    source: Source
    source_end: End
    parser: Parser
    steps: tuple[Step, ...]
    sinks: tuple[Outlet, ...]
    limits: Limits = Limits()
    max_rejects: Share | None = None
    max_recovered: Share | None = None
    archive: Archive = Archive()
    rejects: RejectReport | None = None
    redact: tuple[Picked, ...] = ()
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    max_lookup: int = 256 * 2**20
    contract: Contract | None = None
    state_folder: str = ""
    sample: str = ""
    description: str = ""
    asked: str = ""
    resolved: Mapping[str, Any] = field(default_factory=dict)

    @property
    def routes(self) -> bool:
        """Whether a sink looks at how a record stands, and not only at what it is."""
        named = (slot for outlet in self.sinks for slot in outlet.sink.partitions if slot.key.startswith("_"))
        return len(self.sinks) > 1 or not self.sinks[0].is_plain or any(named)

    @property
    def per_run(self) -> bool:
        """Whether all units of a run are one."""
        return any(outlet.sink.per == "run" for outlet in self.sinks)

    @property
    def names_run(self) -> bool:
        """Whether the path of an output differs from run to run."""
        paths = [getattr(outlet.sink, "path", None) for outlet in self.outlets]
        return any(slot.of_run for path in paths if path for slot in path.slots)

    @property
    def outlets(self) -> tuple[Outlet, ...]:
        """Everything that is written to: the sinks, and the report of the rejects."""
        return (*self.sinks, *([self.rejects.outlet] if self.rejects else []))

    def inside(self) -> Plan:
        """The same with every path below its end's folder: what runs over folders of its own touches nothing else."""
        return replace(
            self,
            source=self.source.inside(),
            sinks=tuple(outlet.inside() for outlet in self.sinks),
            rejects=self.rejects and replace(self.rejects, outlet=self.rejects.outlet.inside()),
            archive=self.archive.inside(),
            lookups={name: each.inside() for name, each in self.lookups.items()},
        )

    def with_ends(self, end: Callable[[End], End]) -> Plan:
        """The same with each end that is written to replaced by `end(it)`."""
        return replace(
            self,
            sinks=tuple(replace(outlet, end=end(outlet.end)) for outlet in self.sinks),
            rejects=self.rejects
            and replace(self.rejects, outlet=replace(self.rejects.outlet, end=end(self.rejects.outlet.end))),
        )
