"""The keys of a spec that are not components: variables, limits, archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from engine.kinds import Limits, Parser
from engine.language.quantities import Share, Size
from engine.language.tables import Many, Miss
from engine.language.templates import Template
from engine.language.values import Pick
from engine.records import MISSING
from engine.registry import Doc


@dataclass(frozen=True, kw_only=True)
class VarOptions:
    """A variable, set with `--set name=value` and read as `$vars.name`."""

    type: Annotated[Literal["text", "int", "decimal", "bool", "date"], Doc("The type that its value is read as.")] = (
        "text"
    )
    default: Annotated[Any, Doc("Its value where none is given.")] = None
    required: Annotated[bool, Doc("A run without a value does not start.")] = False
    secret: Annotated[bool, Doc("Its value is never shown, and no mapping may write it.")] = False
    scope: Annotated[bool, Doc("Each value has state of its own.")] = False


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """What a run may take and what it accepts."""

    max_rejects: Annotated[
        Share | None,
        Doc("Rejects that a unit may have, a count or a share of its records (read or made); with more it is refused."),
    ] = None
    max_recovered: Annotated[
        Share | None,
        Doc("Uses of `on_error` other than `reject` that a unit may have, as a count or a percentage of its records."),
    ] = None
    lookup: Annotated[Size, Doc("Bytes that the files of one lookup may have, unpacked: it is in memory.")] = Size(
        256 * 2**20
    )
    record: Annotated[Size, Doc("Bytes that one record may have, such as `16MiB` (B KB MB GB KiB MiB GiB).")] = Size(
        16 * 2**20
    )
    depth: Annotated[int, Doc("Levels that one record may nest.", min=1, max=900)] = 256
    ratio: Annotated[int, Doc("Bytes that a compressed file may unpack to, for each byte of it.", min=1)] = 200
    window: Annotated[Size, Doc("Bytes that a zstd file may look back over: they are in memory.")] = Size(128 * 2**20)
    page: Annotated[Size, Doc("Bytes that one page of a Parquet file may have, unpacked: it is in memory.")] = Size(
        64 * 2**20
    )

    @property
    def reading(self) -> Limits:
        """What parsers keep to."""
        return Limits(self.record, self.depth, self.ratio, self.window, self.page)


@dataclass(frozen=True, kw_only=True)
class PolicyOptions:
    """What becomes of a key that a lookup does not have, or has more than once; a use may say otherwise."""

    miss: Annotated[Miss, Doc("Where nothing is found: a reject, the value itself, or blank.")] = "reject"
    many: Annotated[Many, Doc("Where several are found: a reject, the first, or all.")] = "reject"
    default: Annotated[Any, Doc("What stands for nothing found.")] = MISSING


@dataclass(frozen=True, kw_only=True)
class IndexOptions(PolicyOptions):
    """How a source becomes a lookup."""

    index: Annotated[Any, Doc("What its records are found by: a path, or a list of them.", type=Pick | list[Pick])]
    parser: Annotated[Parser | None, Doc("Bytes to records; by the path's extension unless given.")] = None


@dataclass(frozen=True, kw_only=True)
class ValueOptions(PolicyOptions):
    """A lookup that is written in the spec."""

    values: Annotated[dict[str, Any], Doc("Each key, as the text written, and what it gives.")]


@dataclass(frozen=True, kw_only=True)
class ExpectOptions:
    """What the output has to keep, before it is published, as in `expects: {schema: order.schema.json}`."""

    schema: Annotated[str, Doc("A file with the JSON Schema of one record that is written.")]


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions:
    """Where the source file goes when its unit is done; it stays where nothing is said."""

    success: Annotated[Template | None, Doc("After a unit without rejects.")] = None
    partial: Annotated[Template | None, Doc("After a unit with rejects.")] = None
    error: Annotated[Template | None, Doc("After a unit that was refused.")] = None
