"""What a parser makes of bytes, by the way that a run goes."""

import io

import pytest

from engine.kinds import Limits
from engine.parsers._input import batches_of
from engine.records import Damage

LIMITS = Limits()


class Trickle(io.RawIOBase):
    """A stream that gives no more than some bytes at a time, as a pipe may."""

    def __init__(self, data, size):
        super().__init__()
        self._data = io.BytesIO(data)
        self._size = size

    def readable(self):
        return True

    def read(self, size=-1):
        return self._data.read(self._size if size is None or size < 0 else min(size, self._size))


def read(parser, data, path="", limits=LIMITS, size=None):
    """Records and rejects in order: a record as it is, a reject as its code, number, line, byte and raw bytes."""
    stream = io.BytesIO(data) if size is None else Trickle(data, size)
    found = []
    for batch in batches_of(parser, stream, path, limits):
        for index, value in enumerate(batch.values):
            place = batch.place(index)
            damaged = isinstance(value, Damage)
            found.append((value.code, place.number, place.line, place.offset, place.raw) if damaged else value)
    return found


@pytest.fixture(scope="session", name="read")
def reader():
    """`read` of this file."""
    return read


@pytest.fixture(scope="session", name="trickle")
def trickling():
    """`Trickle` of this file."""
    return Trickle
