"""`parquet`: columns in row groups, each field of one type that is known before the run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated, Any, ClassVar, Final, Literal

from engine.errors import OptionError
from engine.kinds import NO_ROOTS, Encoder, Formatter, Roots
from engine.language.arrow.files import Drain, begun, joined
from engine.language.arrow.kinds import PRECISION
from engine.language.arrow.writing import table_of
from engine.language.shapes import Shape
from engine.options import Pointer, Report
from engine.records import Value
from engine.registry import SCALARS, TYPES, Doc, component
from engine.spelling import listed, suggest

MAPPED: Final = "mapped"
_DECIMAL: Final = re.compile(r"decimal\((\d{1,2})\)").fullmatch
_HELP: Final = "types: text, int, decimal(2), float, bool, date, instant, local; `[text]` is a list, a map an object"


class Columns:
    """What the columns hold: `mapped`, or the type of each by its name."""

    kind = "`mapped`, or a map of types"
    schema: Final = {"type": ["string", "object"]}
    __slots__ = ("shape",)

    def __init__(self, shape: Shape | None) -> None:
        self.shape = shape

    @classmethod
    def parse(cls, value: Any) -> Columns:
        """The columns that a spec says; OptionError M331 where a type is none."""
        if value == MAPPED:
            return cls(None)
        if not isinstance(value, dict) or not value:
            raise OptionError("M331", f"`{value}` is no schema", "write `mapped`, or `{sku: text, qty: int}`")
        return cls(_declared(value, ""))

    def __str__(self) -> str:
        return MAPPED


@component(
    "parquet",
    "formatter",
    examples=[
        {"type": "parquet"},
        {
            "type": "parquet",
            "schema": {"sku": "text", "price": "decimal(2)", "tags": ["text"]},
            "compression": "snappy",
        },
    ],
)
class Parquet(Formatter):
    """Apache Parquet: each record a row, each field a column of one type.

    | type | column |
    |---|---|
    | text | string |
    | int | 64 bits; what does not fit is a reject |
    | decimal(n) | decimal of 38 digits, n of them places; more places are a reject |
    | float, bool, date | double, boolean, date |
    | instant | timestamp in microseconds, adjusted to UTC |
    | local | timestamp in microseconds, not adjusted |
    | list, object | list, group |

    `mapped` takes the fields in the order written with the types that the mapping proves: a resolver's, or those of the
    schema of a Parquet sample. A field without a type, or a decimal without `places`, does not check. With a `schema`
    of its own a spec says the type of each column: what it does not name is not written. A value that is not of its
    column's type is a reject that names the field: nothing is converted, except a whole number to a decimal, or to a
    float that holds it exactly. Missing and null are null, and so is empty text in a column that holds no text.

    The same records give the same bytes (of one version of the library), however they came: row groups are cut by the
    count of their records. One row group is in memory.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)
    content_type: ClassVar[str] = "application/vnd.apache.parquet"

    schema: Annotated[
        Columns, Doc("What the columns hold: the fields as the mapping makes them, or a type for each.")
    ] = Columns(None)
    compression: Annotated[Literal["zstd", "snappy", "gzip", "none"], Doc("How pages are packed.")] = "zstd"
    row_group: Annotated[int, Doc("Records of a row group.", min=1, max=10_000_000)] = 65_536
    shape: Shape | None = field(default=None, metadata={"made": True})

    def bound(self, shape: Shape, pointer: Pointer, report: Report) -> Parquet:
        """With the columns of this shape; a field whose type is not known is reported."""
        if self.schema.shape is not None:
            return self
        if not shape.closed:
            help = "name each with its type: `schema: {sku: text, qty: int}`; or give a Parquet file as `sample`"
            report("M332", pointer, "the columns are not known: fields pass through that nobody has seen", help)
            return self
        columns = Shape("object", {name: shape.fields[name] for name in shape.columns})
        for message, help in _unknown(columns):
            report("M332", pointer, message, help)
        return replace(self, shape=columns)

    def encoder(self, columns: Sequence[str], roots: Roots = NO_ROOTS) -> Encoder:
        """A new output."""
        shape = self.schema.shape or self.shape
        assert shape is not None  # noqa: S101 - the compiler binds it, or refuses the spec
        return _Rows(shape, whole=self.schema.shape is None, options=self)


class _Rows(Encoder):
    """The records that wait for their row group to be full, and the writer."""

    def __init__(self, shape: Shape, options: Parquet, *, whole: bool) -> None:
        self._shape = shape
        self._whole = whole
        self._size = options.row_group
        self._drain = Drain()
        self._writer = begun(self._drain, shape, options.compression)
        self._waiting: list[Any] = []
        self.held = 0

    def head(self) -> bytes:
        return self._drain.taken()

    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        if records:
            self._waiting.append(table_of(records, self._shape, whole=self._whole))
            self.held += len(records)
        while self.held >= self._size:
            self._write_group()
        return self._drain.taken()

    def flush(self) -> bytes:
        if self.held:
            self._write_group()
        return self._drain.taken()

    def tail(self) -> bytes:
        last = self.flush()
        self._writer.close()
        return last + self._drain.taken()

    def _write_group(self) -> None:
        """One row group, from the records that have waited longest."""
        rows = joined(self._waiting)
        self._writer.write_table(joined([rows.slice(0, self._size)]), self._size)
        self._waiting = [rows.slice(self._size)]
        self.held = max(0, self.held - self._size)


def _declared(said: Any, place: str) -> Shape:
    """The shape that a schema in a spec says."""
    if isinstance(said, dict) and said:
        return Shape("object", {name: _declared(each, f"{place}.{name}".lstrip(".")) for name, each in said.items()})
    if isinstance(said, list) and len(said) == 1:
        return Shape("list", item=_declared(said[0], f"{place}[]"))
    if isinstance(said, str) and (match := _DECIMAL(said)) and int(match[1]) <= PRECISION:
        return Shape("decimal", places=int(match[1]))
    if said in SCALARS and said != "decimal":
        return Shape(said)
    near = suggest(said, TYPES) if isinstance(said, str) else ""
    help = "say its places: `decimal(2)`" if said == "decimal" else f"did you mean `{near}`?" if near else _HELP
    raise OptionError("M331", f"`{place}`: `{said}` is no type of a column", help)


def _unknown(columns: Shape) -> Iterator[tuple[str, str]]:
    """What is not known of some columns, and what to write."""
    untyped, loose = list[str](), list[str]()
    for name, shape in columns.fields.items():
        _look(name, shape, untyped, loose)
    if untyped:
        is_are = "has no type" if len(untyped) == 1 else "have no type"
        yield (
            f"{listed(untyped)} {is_are} that is known before the run",
            "say it with a resolver (`text`, `int`, ..), or name all columns: `schema: {sku: text, ..}`",
        )
    if loose:
        is_are = "is a decimal" if len(loose) == 1 else "are decimals"
        yield (
            f"{listed(loose)} {is_are} of any number of places",
            "say how many at the end: `resolver: [decimal, {type: round, places: 2}]`",
        )


def _look(name: str, shape: Shape, untyped: list[str], loose: list[str]) -> None:
    """What is not known of one column, and of those below it."""
    if shape.type == "object" and shape.fields and shape.is_declared:
        for key, each in shape.fields.items():
            _look(f"{name}.{key}", each, untyped, loose)
    elif shape.type == "list" and shape.item and shape.is_declared:
        _look(f"{name}[]", shape.item, untyped, loose)
    elif not shape.is_declared or shape.type in ("list", "object"):
        untyped.append(name)
    elif shape.type == "decimal" and shape.places is None:
        loose.append(name)
