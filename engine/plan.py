"""A checked spec, frozen: what `run` executes. Plain data; a worker can be sent it by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.kinds import Connection, Limits, Parser, Sink, Source, Store
from engine.language.quantities import Share
from engine.language.tables import STRICT, Policy
from engine.language.templates import Template
from engine.language.values import Picked
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
    """Where a unit's file goes when it is done: templates by outcome."""

    success: Template | None = None
    partial: Template | None = None
    error: Template | None = None

    def inside(self) -> Archive:
        """The same with no path that leaves the folder it is relative to."""
        return Archive(*(each and each.inside for each in (self.success, self.partial, self.error)))


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
    sink: Sink
    sink_end: End
    columns: tuple[str, ...]
    limits: Limits = Limits()
    max_rejects: Share | None = None
    max_recovered: Share | None = None
    archive: Archive = Archive()
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    max_lookup: int = 256 * 2**20
    contract: Contract | None = None
    state_folder: str = ""
    sample: str = ""
    description: str = ""
    asked: str = ""
    resolved: Mapping[str, Any] = field(default_factory=dict)

    def inside(self) -> Plan:
        """The same with every path below its end's folder: what runs over folders of its own touches nothing else."""
        return replace(self, source=self.source.inside(), sink=self.sink.inside(), archive=self.archive.inside(),
                       lookups={name: each.inside() for name, each in self.lookups.items()})  # fmt: skip
