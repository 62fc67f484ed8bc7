"""`fixed_width`: lines whose fields stand at fixed places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, BinaryIO, ClassVar, Literal, NamedTuple

from engine.errors import OptionError
from engine.kinds import Limits, Seam
from engine.parsers._input import Encoded
from engine.parsers._texts import Line, batches_of_lines, decoded, seams_of_lines
from engine.records import Batch, Damage, Table, Value
from engine.registry import Doc, component
from engine.spelling import WHITE_SPACE, counted


@component(
    "fixed_width",
    "parser",
    examples=[
        {"type": "fixed_width", "columns": {"sku": 8, "qty": 5}},
        {"type": "fixed_width", "columns": {"sku": [1, 8], "qty": [11, 5]}, "skip": 1},
    ],
)
class FixedWidth(Encoded):
    """Lines of one width, each field at its place in it; widths count characters, every value is text.

    A column is a width, and stands behind the column before it; or a list of its first character, counted from 1 as
    layouts are written, and its width: so there may be gaps, and columns that overlap. Blank space at the ends of a
    value is padding and is taken off, unless `trim` is false.

    A line that is longer or shorter than the layout is a reject: which characters belong to which column cannot be
    known. Where the sender leaves blanks off the ends of lines, say `short: pad`.
    """

    text_values: ClassVar[bool] = True
    splits: ClassVar[bool] = True

    columns: Annotated[
        dict[str, int | list[int]], Doc("The layout: each column's width, or `[first character, width]`.")
    ]
    width: Annotated[
        int | None, Doc("Characters of a line; unless given, up to the end of the last column. More is filler.", min=1)
    ] = None
    trim: Annotated[bool, Doc("Take blank space off the ends of every value.")] = True
    short: Annotated[Literal["reject", "pad"], Doc("A line that is too short: a reject, or filled with blanks.")] = (
        "reject"
    )
    skip: Annotated[int, Doc("Lines at the start that are not read, such as headings.", min=0)] = 0
    blank_lines: Annotated[Literal["skip", "record"], Doc("Whether an empty line is skipped or is a line.")] = "skip"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.layout()

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream."""
        read = partial(_rows, self.layout(), self.trim, self.short == "pad")
        return batches_of_lines(stream, limits, self.skip, self.blank_lines == "record", read)

    def seams(self, stream: BinaryIO, limits: Limits) -> Iterator[Seam]:
        """Where blocks of whole lines begin."""
        return seams_of_lines(stream, limits, self.skip)

    def names_of(self, stream: BinaryIO, limits: Limits) -> Sequence[str] | None:
        """The columns of the layout."""
        return list(self.columns)

    def layout(self) -> Layout:
        """Where each column stands; OptionError S209 where that cannot be."""
        if not self.columns:
            raise OptionError("S209", "`columns` is empty", "name them: `columns: {sku: 8, qty: 5}`")
        slices, end = [], 0
        for name, said in self.columns.items():
            start, width = _place(name, said, end)
            end = start + width
            slices.append(slice(start, end))
        last = max(each.stop for each in slices)
        width = self.width or last
        if width < last:
            raise OptionError("S209", f"`width: {width}` is less than the columns take, {last}", "mend one of them")
        return Layout(tuple(self.columns), slices, width)


class Layout(NamedTuple):
    """The columns of a line, where they stand in it, and how long it is."""

    names: Sequence[str]
    slices: Sequence[slice]
    width: int


def _place(name: str, said: int | Sequence[int], end: int) -> tuple[int, int]:
    """Where a column begins, from 0, and its width."""
    start, width = (end, said) if isinstance(said, int) else (said[0] - 1, said[1]) if len(said) == 2 else (-1, 0)
    if start < 0 or width < 1:
        help = "write a width, such as `8`, or `[1, 8]`: the first character, counted from 1, and the width"
        raise OptionError("S209", f"the column `{name}` has no place in the line", help)
    return start, width


def _rows(layout: Layout, trim: bool, pad: bool, lines: Sequence[Line]) -> Table | list[Value]:
    """Each line cut into its columns."""
    found = [_row(layout, trim, pad, line) for line in lines]
    rows = [row for row in found if isinstance(row, list)]
    if len(rows) == len(found):
        return Table(layout.names, rows)
    return [row if isinstance(row, Damage) else dict(zip(layout.names, row, strict=True)) for row in found]


def _row(layout: Layout, trim: bool, pad: bool, line: Line) -> list[str] | Damage:
    text = decoded(line)
    if isinstance(text, Damage):
        return text
    if len(text) != layout.width:
        if len(text) > layout.width or not pad:
            return Damage("R108", f"the line has {counted(len(text), 'character')}, the layout {layout.width}")
        text = text.ljust(layout.width)
    cells = [text[each] for each in layout.slices]
    return [cell.strip(WHITE_SPACE) for cell in cells] if trim else cells
