"""What a connection, source, parser, formatter and sink must do; the loop knows them by these alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    one Parquet page, unpacked.
    """

    record: int = 16 * 2**20
    depth: int = 256
    ratio: int = 200
    window: int = 128 * 2**20
    page: int = 64 * 2**20


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
        """Put a staged output in its place, replacing what is there, never visible in part; done before is fine."""

    def discard(self, staging: Mapping[str, Any]) -> None:
        """Destroy the staging of that address, whatever is left of it."""

    def rename(self, path: str, target: str) -> None:
        """Give a file another place, replacing what is there, in one step."""

    def move(self, path: str, target: str) -> None:
        """Move a file within the store; the target must not exist."""

    def remove(self, path: str) -> None:
        """Remove a file or a whole staging folder, where it is there."""


class Connection(ABC):
    """A named end: what it takes to reach a place."""

    component_kind: ClassVar[str] = "connection"
    type: ClassVar[str]

    @abstractmethod
    def store(self, folder: str) -> Store:
        """The store of files behind it; relative paths of its options start at `folder`."""


class Unit(NamedTuple):
    """The grain of commit: one version of one file. `values` is what `$unit` and templates see."""

    id: str
    stat: Stat
    values: Mapping[str, Any]


class Source(ABC):
    """Where records come from."""

    component_kind: ClassVar[str] = "source"
    type: ClassVar[str]

    connection: str

    @abstractmethod
    def inside(self) -> Source:
        """The same source with no path that leaves the folder it is relative to."""

    @abstractmethod
    def units(self, store: Store, roots: Roots, now: datetime) -> Iterator[Unit]:
        """The units that are there now, in the source's order; `roots` is what its templates see."""

    def where(self, roots: Roots) -> str:
        """Where it looks, for messages."""
        return self.type


Tree = Mapping[str, Any]
"""Names to what is below them, again a Tree; `*` stands for every name."""


class Needs(NamedTuple):
    """What the steps read of a record, as a parser may use it.

    `reads` is None where they take the whole record, else the names that they read and, below each, what they read of
    it (None: all of it). `lists` leads to what they use as a list: a Tree whose leaves are the lists, with `[]` below
    a list for what its items hold.
    """

    reads: Tree | None = None
    lists: Tree = MappingProxyType({})


class Parser(ABC):
    """Bytes to records. `text_values`: every value is text until a resolver names another type.

    `seeks`: it reads a file in any order, and is given one that can be sought. `suffixes` are the extensions that
    name it.
    """

    component_kind: ClassVar[str] = "parser"
    type: ClassVar[str]
    text_values: ClassVar[bool] = False
    seeks: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = ()

    def bound(self, needs: Needs) -> Parser:
        """The same parser for steps that need no more than this."""
        return self

    @abstractmethod
    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream; UnitError where the stream itself is damaged."""

    @property
    def optional_names(self) -> Sequence[str]:
        """Fields that the input may do without, as the spec says."""
        return ()

    def names_of(self, stream: BinaryIO, limits: Limits) -> Sequence[str] | None:
        """The closed list of fields that a sample shows (a CSV header), None where records stay open."""
        return None


class Encoder(ABC):
    """One output being written: what comes before, between and after the records."""

    def head(self) -> bytes:
        """The bytes before the first record."""
        return b""

    @abstractmethod
    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        """The bytes of some records; RecordError where one cannot be written."""

    def tail(self) -> bytes:
        """The bytes after the last record."""
        return b""


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

    def write(self, records: Sequence[dict[str, Value]]) -> Sequence[tuple[int, RecordError]]:
        """Take records; give back those that cannot be written, by index, with what was wrong."""

    def close(self) -> Sequence[Output]:
        """End the outputs, synced, and say what they are; nothing is visible yet."""

    def abandon(self) -> None:
        """Let go of open files; the staging is destroyed by whoever made it."""


Stage = Callable[[str, Facts], Staged]
"""Opens a file in the unit's staging by its final path."""


class Sink(ABC):
    """Where records go."""

    component_kind: ClassVar[str] = "sink"
    type: ClassVar[str]

    connection: str

    @property
    @abstractmethod
    def root(self) -> str:
        """The folder that no output leaves, and in which the stagings stand."""

    @abstractmethod
    def target(self, roots: Roots) -> str:
        """The path of a unit's output."""

    @abstractmethod
    def inside(self) -> Sink:
        """The same sink with no path that leaves the folder that paths are relative to: what a trial uses."""

    @abstractmethod
    def writer(self, roots: Roots, columns: Sequence[str], stage: Stage) -> Writer:
        """The outputs of one unit; `roots` is what its templates see."""
