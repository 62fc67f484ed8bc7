"""Files being written: encoded, packed and hashed as they go; one for each path, one after the other as they roll."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from engine.errors import RecordError, UnitError
from engine.kinds import Encoder, Output, Staged
from engine.records import Value
from engine.storage.packing import Packer

MOST_OPEN: Final = 64
"""Files of one unit that hold a handle at once; the others are parked."""
MOST_HELD: Final = 262_144
"""Records that the encoders of one unit hold back together."""
STRIDE: Final = 64
"""How many records are written before a file's bytes are looked at, counted from its first: the same in every run."""

Record = Mapping[str, Value]
Refused = list[tuple[int, RecordError]]


class Roll(NamedTuple):
    """When a file is full, in records or bytes as written; 0 for never."""

    records: int = 0
    bytes: int = 0

    def room(self, file: OutputFile) -> int:
        """How many records the file takes before it is looked at again."""
        left = self.records - file.records if self.records else STRIDE
        return min(left, STRIDE - file.records % STRIDE) if self.bytes else left

    def is_full(self, file: OutputFile) -> bool:
        """Whether the next record begins another file; its bytes count at every stride, wherever a batch ends."""
        heavy = self.bytes and file.bytes >= self.bytes and file.records % STRIDE == 0
        return bool(heavy or (self.records and file.records >= self.records))


class OutputFile:
    """One file being written, not seen by anybody yet."""

    def __init__(self, path: str, file: Staged, encoder: Encoder, packer: Packer | None) -> None:
        self._path = path
        self._file = file
        self._encoder = encoder
        self._packer = packer
        self._digest = hashlib.sha256()
        self.records = self.bytes = 0
        self._put(encoder.head())

    @property
    def held(self) -> int:
        """Records whose bytes the encoder has not given out yet."""
        return self._encoder.held

    def write(self, records: Sequence[Record]) -> None:
        """Take records; RecordError, and nothing taken, where one of them cannot be written."""
        data = self._encoder.body(records)
        self.records += len(records)
        self._put(data)

    def settle(self) -> None:
        """Give out what the encoder holds."""
        self._put(self._encoder.flush())

    def park(self) -> None:
        """Let go of handles; the file goes on when it is written to."""
        self._encoder.park()
        self._file.park()

    def close(self) -> Output:
        """End it: its tail, synced."""
        for data in self._encoder.ending():
            self._put(data)
        if self._packer:
            self._keep(self._packer.close())
        self._file.close()
        return Output(self._path, self.records, self.bytes, self._digest.hexdigest())

    def abandon(self) -> None:
        """Let go of it; its staging is destroyed by whoever made it."""
        self._encoder.abandon()
        self._file.abandon()

    def _put(self, data: bytes) -> None:
        if data:
            self._keep(self._packer.write(data) if self._packer else data)

    def _keep(self, data: bytes) -> None:
        if data:
            self._digest.update(data)
            self.bytes += len(data)
            self._file.write(data)


class Series:
    """The files of one path: one, or as many as it rolls to."""

    def __init__(self, open: Callable[[int], OutputFile], roll: Roll | None) -> None:
        self._open = open
        self._roll = roll
        self.file: OutputFile | None = None
        self.done: list[Output] = []

    def write(self, records: Sequence[Record], indexes: Sequence[int], refused: Refused) -> None:
        """Take records; those that cannot be written go to `refused` by their index, with what was wrong."""
        at = 0
        while at < len(records):
            file = self.begun()
            room = self._roll.room(file) if self._roll else len(records)
            _take(file, records[at : at + room], indexes[at : at + room], refused)
            at += room
            if self._roll and self._roll.is_full(file):
                self.end()

    def begun(self) -> OutputFile:
        """The file that takes the next record."""
        if self.file is None:
            self.file = self._open(len(self.done) + 1)
        return self.file

    def end(self) -> None:
        """End the file that is open."""
        if self.file:
            file, self.file = self.file, None
            self.done.append(file.close())


def _take(file: OutputFile, records: Sequence[Record], indexes: Sequence[int], refused: Refused) -> None:
    """All at once where nothing is wrong, else one by one."""
    try:
        file.write(records)
    except RecordError:
        for index, record in zip(indexes, records, strict=True):
            try:
                file.write([record])
            except RecordError as error:
                refused.append((index, error))


class Shelf:
    """The series of one unit by path: few hold a handle, and together they hold few records back."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._series: dict[str, Series] = {}
        self._open: OrderedDict[str, Series] = OrderedDict()
        self._held = 0

    def __len__(self) -> int:
        return len(self._series)

    def series(self, path: str, make: Callable[[], Series]) -> Series:
        """The series of a path; UnitError where there are too many."""
        if path not in self._series:
            if len(self._series) >= self._most:
                message = f"the unit has more than {self._most:,} partitions: `{path}` is one more"
                raise UnitError("D206", message, "name fewer in `path`, or raise `limits.partitions`")
            self._series[path] = make()
        return self._series[path]

    def write(self, path: str, records: Sequence[Record], indexes: Sequence[int], refused: Refused) -> None:
        """Records of one path, which has a series."""
        series = self._series[path]
        before = _held(series)
        series.write(records, indexes, refused)
        self._held += _held(series) - before
        while self._held > MOST_HELD:
            self._settle(max(self._series.values(), key=_held))
        self._touch(path, series)

    def _settle(self, series: Series) -> None:
        held = _held(series)
        assert series.file  # noqa: S101 - it holds records
        series.file.settle()
        self._held -= held - _held(series)

    def _touch(self, path: str, series: Series) -> None:
        """The series that was used last; one that was not used for long gives its handle back."""
        self._open[path] = series
        self._open.move_to_end(path)
        if len(self._open) > MOST_OPEN:
            _, idle = self._open.popitem(last=False)
            if idle.file:
                idle.file.park()

    def close(self) -> Iterator[Output]:
        """End every file, in the order of their first records."""
        for series in self._series.values():
            series.end()
            yield from series.done

    def abandon(self) -> None:
        """Let go of all of them."""
        for series in self._series.values():
            if series.file:
                series.file.abandon()


def _held(series: Series) -> int:
    return series.file.held if series.file else 0


def hashable(value: Any) -> Any:
    """A value of a slot as the key of what it makes of a path: equal only where its text is."""
    return value if type(value) is str else (type(value), str(value))
