"""What a connection, source, parser, formatter and sink must do; the loop knows them by these alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, BinaryIO, ClassVar, Final, NamedTuple, Protocol

from engine.errors import RecordError
from engine.records import Batch, Value

Roots = Mapping[str, Mapping[str, Any]]
"""What templates see: the keys of `unit`, `run` and `vars`."""

NO_ROOTS: Final[Roots] = MappingProxyType({})


class Limits(NamedTuple):
    """What input may take: bytes of a record as read, levels that it nests, how far a file may unpack, and memory.

    `ratio` is of bytes unpacked to bytes read; `window` bytes that a zstd stream may look back over; `page` bytes of
    one Parquet page, unpacked; `partitions` the files that a sink may make of one unit by what records hold.
    """

    record: int = 16 * 2**20
    depth: int = 256
    ratio: int = 200
    window: int = 128 * 2**20
    page: int = 64 * 2**20
    partitions: int = 10_000


class Stat(NamedTuple):
    """A file as its store lists it: path relative to the store's base, bytes, time of its last change."""

    path: str
    size: int
    mtime_ns: int
    etag: str = ""

    @property
    def version(self) -> str:
        """What tells one content of this path from another without reading it; a store's own mark says more."""
        return f"{self.size}-{self.etag or self.mtime_ns}"


class Facts(NamedTuple):
    """What a store may keep beside a file: its media type, and texts by name."""

    content_type: str = ""
    metadata: Mapping[str, str] = MappingProxyType({})


NO_FACTS: Final = Facts()


class Staged(Protocol):
    """A file being written that nobody sees yet."""

    def write(self, data: bytes) -> object:
        """Take bytes."""

    def park(self) -> None:
        """Let go of what an idle file holds; writing goes on where it stopped."""

    def close(self) -> None:
        """End it, so that it survives a power loss; StoreError or OSError where it could not all be kept."""

    def abandon(self) -> None:
        """Let go of it; its staging is destroyed by whoever made it."""


class Staging(Protocol):
    """The outputs of one attempt in one store until its unit is published. `root` is the folder that none leaves."""

    root: str
    files: list[str]
    """The final paths of what was opened."""

    @property
    def store(self) -> Any:
        """The store that it is in."""

    def open(self, path: str, facts: Facts = NO_FACTS) -> Staged:
        """A file that will stand at `path` once it is published."""

    def details(self, path: str) -> Mapping[str, Any]:
        """What publishing the file needs, as its intent keeps it; known when the file is closed."""

    def folders(self) -> set[str]:
        """The folders whose entries must be synced before an intent may name the files."""

    def destroy(self) -> None:
        """Give all of it up: what somebody does with it later fails."""

    def address(self) -> dict[str, Any]:
        """What finds this staging again, also before anything of it was made."""


class Store(Protocol):
    """Where files live: listing, reading, and how it publishes. Paths are relative.

    What a network refuses comes as StoreError, what this machine refuses as OSError or StoreError.
    """

    @property
    def address(self) -> Mapping[str, str]:
        """What finds this store again (`engine.storage.stores.at`): its `type` and place; never a secret."""

    def where(self, path: str) -> str:
        """The one place that a path names, as a text: the same for every way of writing it, links included."""

    def show(self, path: str) -> str:
        """The path as a user finds it."""

    def glob(self, pattern: str, exclude: Sequence[str] = ()) -> Iterator[Stat]:
        """The files that match, in the order of their paths; StoreError where a folder cannot be read."""

    def stat(self, path: str) -> Stat | None:
        """The file as it is now, None where there is none."""

    def open(self, path: str, stat: Stat | None = None) -> BinaryIO:
        """The file for reading, of the version that `stat` saw: OSError ESTALE where it is another one by now."""

    def exists(self, path: str) -> bool:
        """Whether a file or folder of that path is there."""

    def make(self, path: str, *, new: bool = False) -> None:
        """A folder and those above it; with `new`, StoreError where it is there already."""

    def sync(self, paths: Sequence[str]) -> None:
        """Make the entries of these folders survive a power loss, and every folder made since the last time."""

    def staging(self, root: str, name: str, ledger: str = "") -> Staging:
        """A staging of that name for outputs below `root`; `ledger` is a file of this machine for its own notes."""

    def is_lost(self, output: Mapping[str, Any]) -> bool:
        """Whether a staged output is gone without having been published, or is not what its intent names."""

    def publish(self, output: Mapping[str, Any]) -> None:
        """Put a staged output in its place, never visible in part; done before is fine.

        It replaces what is there, unless the output is `new`: then StoreError D307.
        """

    def discard(self, staging: Mapping[str, Any], keep: Collection[str] = ()) -> None:
        """Destroy the staging of that address, whatever is left of it, but for the uploads of the ids `keep`."""

    def rename(self, path: str, target: str) -> None:
        """Give a file another place, replacing what is there, in one step."""

    def move(self, path: str, target: str) -> None:
        """Move a file within the store; the target must not exist."""

    def remove(self, path: str, seen: Stat | None = None) -> None:
        """Remove a file or a whole staging folder, where it is there; where the store can, only the version `seen`."""


class Connection(ABC):
    """A named end: what it takes to reach a place. One that is `rooted` has paths that begin with `/`.

    What `only_reads` finds files by their names alone, and takes none.
    """

    component_kind: ClassVar[str] = "connection"
    type: ClassVar[str]
    only_reads: ClassVar[bool] = False
    keeps_facts: ClassVar[bool] = False
    """Whether its store keeps a media type and texts beside a file."""
    rooted: ClassVar[bool] = False

    @abstractmethod
    def store(self, folder: str) -> Store:
        """The store of files behind it; relative paths of its options start at `folder`."""


class Part(NamedTuple):
    """A piece of a file that is read in pieces: its number from 1, of how many, and how large one is about."""

    number: int
    of: int
    size: int


class Unit(NamedTuple):
    """The grain of commit: one version of one file. `values` is what `$unit` and templates see.

    `part` says which piece of its file it is. Where all files of a run are one unit, `members` are these. `place` is
    the address of the store that the file is in, where that is not the source's.
    """

    id: str
    stat: Stat
    values: Mapping[str, Any]
    part: Part | None = None
    members: tuple[Unit, ...] = ()
    place: Mapping[str, Any] | None = None


class Source(ABC):
    """Where records come from.

    `identity`: by what a unit is another one, its `version` or the `hash` of its content. `every_run`: a unit that was
    done is done again.
    """

    component_kind: ClassVar[str] = "source"
    type: ClassVar[str]

    connection: str
    identity: str = "version"
    every_run: bool = False
    repeats: ClassVar[bool] = True
    """Whether what it gave once can be read again."""

    @abstractmethod
    def inside(self) -> Source:
        """The same source with no path that leaves the folder it is relative to."""

    @abstractmethod
    def units(self, store: Store, roots: Roots, now: datetime) -> Iterator[Unit]:
        """The units that are there now, in the source's order; `roots` is what its templates see."""

    def where(self, roots: Roots) -> str:
        """Where it looks, for messages."""
        return self.type

    def parts(self, unit: Unit) -> Sequence[Unit]:
        """The pieces that a unit is read in, each a unit of its own; itself where it is read whole."""
        return (unit,)

    def is_ready(self, store: Store, unit: Unit, roots: Roots) -> bool:
        """Whether whoever sends it says that it is whole."""
        return True

    def marker(self, unit: Unit, roots: Roots) -> str:
        """The file that says so of this unit alone, and goes when its file is archived; empty for none."""
        return ""


class Seam(NamedTuple):
    """A place between two records: the byte from 0 and the line from 1 of what follows."""

    offset: int
    line: int


Tree = Mapping[str, Any]
"""Names to what is below them, again a Tree; `*` stands for every name."""


class Needs(NamedTuple):
    """What the steps read of a record, as a parser may use it.

    `reads` is None where they take the whole record, else the names that they read and, below each, what they read of
    it (None: all of it; nothing: only whether it is there). `lists` leads to what they use as a list: a Tree whose
    leaves are the lists, with `[]` below a list for what its items hold. `texts` leads to what they want as a text
    and nothing else, also where it could be more.
    """

    reads: Tree | None = None
    lists: Tree = MappingProxyType({})
    texts: Tree = MappingProxyType({})


class Parser(ABC):
    """Bytes to records. `text_values`: every value is text until a resolver names another type.

    `seeks`: it reads a file in any order, and is given one that can be sought. `splits`: its records end with lines,
    and it knows where a file may be cut. `suffixes` are the extensions that name it.
    """

    component_kind: ClassVar[str] = "parser"
    type: ClassVar[str]
    text_values: ClassVar[bool] = False
    seeks: ClassVar[bool] = False
    splits: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = ()

    def bound(self, needs: Needs) -> Parser:
        """The same parser for steps that need no more than this."""
        return self

    @abstractmethod
    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream; UnitError where the stream itself is damaged."""

    def seams(self, stream: BinaryIO, limits: Limits) -> Iterator[Seam]:
        """Places, in order and not far from each other, where a file may be cut.

        What stands before the first (a header) belongs in front of every part. Only of a parser that `splits`.
        """
        raise NotImplementedError

    @property
    def optional_names(self) -> Sequence[str]:
        """Fields that the input may do without, as the spec says."""
        return ()

    def names_of(self, stream: BinaryIO, limits: Limits) -> Sequence[str] | None:
        """The closed list of fields that a sample shows (a CSV header), None where records stay open."""
        return None

    def shape_of(self, stream: BinaryIO, limits: Limits) -> Any:
        """What a sample promises of every record (`engine.language.shapes.Shape`), None where it has no schema."""
        return None


class Encoder(ABC):
    """One output being written: what comes before, between and after the records.

    `held` counts the records whose bytes it has not given out yet.
    """

    held: int = 0

    def head(self) -> bytes:
        """The bytes before the first record."""
        return b""

    @abstractmethod
    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        """The bytes of some records; RecordError where one cannot be written."""

    def flush(self) -> bytes:
        """The bytes of the records that it holds, where they can be told before the next ones."""
        return b""

    def tail(self) -> bytes:
        """The bytes after the last record."""
        return b""

    def ending(self) -> Iterator[bytes]:
        """The same in pieces, where it may be long."""
        yield self.tail()

    def park(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of handles until more comes."""

    def abandon(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what it holds outside memory; nothing more is asked of it."""


class Formatter(ABC):
    """Records to bytes, the same bytes every time."""

    component_kind: ClassVar[str] = "formatter"
    type: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    content_type: ClassVar[str] = "application/octet-stream"
    cells: ClassVar[bool] = False
    """Whether a field is one cell: no list, no object."""

    def bound(self, shape: Any, pointer: Any, report: Any) -> Formatter:
        """The same formatter for records of this shape (`engine.language.shapes.Shape`).

        What it cannot write of them is reported at the formatter's place in the spec (`engine.options.Report`).
        """
        return self

    def texts(self, pointer: Any) -> Iterator[Any]:
        """Its texts with slots (`engine.language.templates.TextPlace`)."""
        yield from ()

    @abstractmethod
    def encoder(self, columns: Sequence[str], roots: Roots = NO_ROOTS) -> Encoder:
        """A new output; `columns` are the mapped fields in the order written, `roots` what templates see."""


@dataclass(frozen=True)
class Output:
    """A finished output of one unit, still in its staging."""

    path: str
    records: int
    bytes: int
    sha256: str


class Writer(Protocol):
    """The open outputs of one unit."""

    def write(
        self, records: Sequence[dict[str, Value]], work: Sequence[Mapping[str, Value]] = ()
    ) -> Sequence[tuple[int, RecordError]]:
        """Take records; give back those that cannot be written, by index, with what was wrong.

        `work` holds the working fields of each, where there are any: templates see them.
        """

    def close(self) -> Sequence[Output]:
        """End the outputs, synced, and say what they are; nothing is visible yet."""

    def abandon(self) -> None:
        """Let go of open files; the staging is destroyed by whoever made it."""


Stage = Callable[[str, Facts], Staged]
"""Opens a file in the unit's staging by its final path."""


class Sink(ABC):
    """Where records go. `overwrite` says what may stand at a path before, `per` whether all units of a run are one."""

    component_kind: ClassVar[str] = "sink"
    type: ClassVar[str]

    connection: str
    overwrite: str
    per: str

    @property
    def several(self) -> bool:
        """Whether a unit may have more than one output, which then belong to a manifest."""
        return False

    @property
    def partitions(self) -> Sequence[Any]:
        """The slots of templates that part records."""
        return ()

    @property
    @abstractmethod
    def root(self) -> str:
        """The folder that no output leaves, and in which the stagings stand."""

    @abstractmethod
    def inside(self) -> Sink:
        """The same sink with no path that leaves the folder that paths are relative to: what a trial uses."""

    @abstractmethod
    def writer(
        self,
        roots: Roots,
        columns: Sequence[str],
        stage: Stage,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> Writer:
        """The outputs of one unit; `roots` is what its templates see."""
