"""`text`: each line a record, as it is or taken apart by a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, BinaryIO, ClassVar, Literal

from engine.errors import OptionError
from engine.kinds import Limits, Seam
from engine.language.patterns import Pattern
from engine.parsers._input import Encoded
from engine.parsers._texts import Line, batches_of_lines, decoded, seams_of_lines
from engine.records import Batch, Damage, Table, Value
from engine.registry import Doc, component
from engine.spelling import show


@component(
    "text",
    "parser",
    examples=[{"type": "text"}, {"type": "text", "pattern": "(?P<level>[A-Z]+): (?P<message>.*)"}],
)
class Text(Encoded):
    """Lines of text, one record a line: `{line: ..}`, or with a pattern one field for each of its named groups.

    Lines end with a line feed, with or without a carriage return before it, which is no part of the line; all else is,
    blank space at its ends too. Every value is text. Without a pattern nothing but bytes of another encoding and lines
    over the limit is refused. With one, a line that it does not match as a whole is a reject, and a group that took no
    part is missing.

    Patterns are RE2: they take time in proportion to the line, whatever it holds.
    """

    text_values: ClassVar[bool] = True
    splits: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".log")

    pattern: Annotated[
        Pattern | None, Doc("What a line looks like: RE2, with a named group `(?P<name>..)` for each field.")
    ] = None
    as_: Annotated[str, Doc("The name of the field that holds the line, without a pattern.", min=1)] = "line"
    skip: Annotated[int, Doc("Lines at the start that are not read.", min=0)] = 0
    blank_lines: Annotated[Literal["skip", "record"], Doc("Whether an empty line is skipped or is a record.")] = "skip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pattern and not self.pattern.names:
            help = "name what each group holds: `(?P<level>[A-Z]+) (?P<message>.*)`"
            raise OptionError("S209", f"the pattern `{self.pattern}` has no named group", help)

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream."""
        read = partial(_matched, self.pattern) if self.pattern else partial(_whole, self.as_)
        return batches_of_lines(stream, limits, self.skip, self.blank_lines == "record", read)

    def seams(self, stream: BinaryIO, limits: Limits) -> Iterator[Seam]:
        """Where blocks of whole lines begin."""
        return seams_of_lines(stream, limits, self.skip)

    def names_of(self, stream: BinaryIO, limits: Limits) -> Sequence[str] | None:
        """The named groups, or the one field."""
        return self.pattern.names if self.pattern else [self.as_]

    @property
    def optional_names(self) -> Sequence[str]:
        """Any group may take no part in a match."""
        return self.pattern.names if self.pattern else ()


def _whole(name: str, lines: Sequence[Line]) -> Table | list[Value]:
    """Each line as it is."""
    texts = [decoded(line) for line in lines]
    rows = [[text] for text in texts if isinstance(text, str)]
    if len(rows) == len(texts):
        return Table((name,), rows)
    return [text if isinstance(text, Damage) else {name: text} for text in texts]


def _matched(pattern: Pattern, lines: Sequence[Line]) -> list[Value]:
    """Each line as what the pattern's groups hold."""
    places = pattern.places
    return [_groups(pattern, places, line) for line in lines]


def _groups(pattern: Pattern, places: Sequence[tuple[str, int]], line: Line) -> Value:
    text = decoded(line)
    if isinstance(text, Damage):
        return text
    groups = pattern.groups_of(line)
    if groups is None:
        return Damage("R107", f"the line {show(text)} does not match `{pattern}`", text)
    return {name: str(group, "utf-8") for name, at in places if (group := groups[at]) is not None}
