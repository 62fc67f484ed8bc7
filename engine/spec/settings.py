"""The keys of a spec that are not components: variables, limits, archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from engine.errors import OptionError
from engine.kinds import Formatter, Limits, Parser
from engine.language.expressions import Condition
from engine.language.tables import Many, Miss
from engine.language.templates import Template
from engine.language.values import Pick
from engine.quantities import Duration, Share, Size
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
    window: Annotated[Size, Doc("Bytes that a zstd or xz file may look back over: they are in memory.")] = Size(
        128 * 2**20
    )
    page: Annotated[Size, Doc("Bytes that one page of a Parquet file may have, unpacked: it is in memory.")] = Size(
        64 * 2**20
    )

    partitions: Annotated[
        int, Doc("Files that a sink may make of one unit by what its records hold.", min=1, max=1_000_000)
    ] = 10_000

    @property
    def reading(self) -> Limits:
        """What parsers keep to."""
        return Limits(self.record, self.depth, self.ratio, self.window, self.page, self.partitions)


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


OTHERWISE: Final = "otherwise"


@dataclass(frozen=True, kw_only=True)
class SinkOptions:
    """What every sink may say beside its own options."""

    name: Annotated[str, Doc("What it is called in books, rejects and `after`; by its type unless given.")] = ""
    after: Annotated[list[str], Doc("Sinks above that must have taken a record before this one does.")] = ()  # type: ignore[assignment]
    when: Annotated[
        Condition | None,
        Doc("What holds for the records that it takes, or `otherwise`: those that no `when` above took."),
    ] = None
    mapping: Annotated[Any, Doc("A mapping of its own, on a copy of the record.")] = None
    steps: Annotated[Any, Doc("Steps of its own, on a copy of the record.")] = None
    optional: Annotated[
        bool, Doc("What it refuses goes to the next `otherwise`; it is a reject where no other sink wanted it.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class RejectOptions:
    """A report of a unit's rejects beside the store, which always exists; also where the unit is refused."""

    path: Annotated[Template | None, Doc("The report's path; none: no report.")] = None
    connection: Annotated[str, Doc("The connection it goes to; none: this machine.")] = ""
    formatter: Annotated[Formatter | None, Doc("How it is written; by the extension unless given.")] = None
    columns: Annotated[
        Literal["errors", "original_and_errors"] | list[str],
        Doc("A row for each error; the record as it came and what is wrong with it; or these, of either."),
    ] = "errors"
    redact: Annotated[
        list[Pick], Doc("What of a record is never kept, in the store neither: its raw bytes are left out too.")
    ] = ()  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions:
    """Where the source file goes when its unit is done; it stays where nothing is said.

    It is moved by what it is, not by its name: what somebody put in its place meanwhile stays. Equal content at the
    target is the same file; another content there leaves it, and ours is called `name-2`. Over a `connection` of its
    own the file is copied, and goes from its source when the copy stands there whole.

    `error` is for what was read to its end and refused. A unit that failed (a truncated file, a header that breaks its
    contract, a store that is down) is not archived: its file stays, and each run tries it again until it is mended or
    taken away.
    """

    success: Annotated[Template | None, Doc("After a unit without rejects.")] = None
    partial: Annotated[Template | None, Doc("After a unit with rejects.")] = None
    error: Annotated[
        Template | None, Doc("After a unit that was refused (limits, `expects`); the file of one that failed stays.")
    ] = None
    connection: Annotated[str, Doc("The connection the archive is behind; none: that of the source.")] = ""
    keep: Annotated[
        Duration,
        Doc("How long archived files stay, such as `30d`; then those go that this pipeline put there. None: for ever."),
    ] = Duration(0)

    def __post_init__(self) -> None:
        if (self.connection or self.keep) and not (self.success or self.partial or self.error):
            help = "say where files go: `success: done/{unit.name}`"
            raise OptionError("S209", "the archive has no path", help)
