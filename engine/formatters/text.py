"""`text`: one text a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from engine.errors import RecordError, UnitError
from engine.kinds import NO_ROOTS, Encoder, Formatter, Roots
from engine.language.templates import RUN_ROOTS, Template, TextPlace
from engine.options import Pointer
from engine.records import Value
from engine.registry import Doc, component


@component(
    "text",
    "formatter",
    examples=[
        {"type": "text", "template": "{record.sku};{record.qty}"},
        {"type": "text", "template": "L{record.sku}", "header": "H{unit.stem}", "footer": "E"},
    ],
)
class Text(Formatter):
    """Lines made from templates: one for each record, one before all of them, one behind; in UTF-8.

    `{record.address.city}` is what a path finds in the record; `{unit.name}`, `{run.started_at:%Y%m%d}` and `{vars.x}`
    are known too. Missing, null and empty text are nothing; a list or an object is its JSON text. Each text is written
    as it comes, a line feed behind it: what a value holds is not escaped, so a value with a line feed makes two lines.
    A path that steps into a list by a name, and a time format over what is no time, reject the record.
    """

    content_type: ClassVar[str] = "text/plain"

    template: Annotated[Template, Doc("The text of each record.")]
    header: Annotated[Template | None, Doc("The text before the first record.")] = None
    footer: Annotated[Template | None, Doc("The text behind the last record.")] = None

    def texts(self, pointer: Pointer) -> Iterator[TextPlace]:
        """Its three texts."""
        yield TextPlace(self.template, (*pointer, "template"), (*RUN_ROOTS, "record"))
        for name, template in (("header", self.header), ("footer", self.footer)):
            if template:
                yield TextPlace(template, (*pointer, name), RUN_ROOTS)

    def encoder(self, columns: Sequence[str], roots: Roots = NO_ROOTS) -> Encoder:
        """A new output."""
        return _Lines(self, roots)


class _Lines(Encoder):
    def __init__(self, options: Text, roots: Roots) -> None:
        self._options = options
        self._roots = dict(roots)

    def head(self) -> bytes:
        return self._once(self._options.header)

    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        return b"".join([self._line(record) for record in records])

    def tail(self) -> bytes:
        return self._once(self._options.footer)

    def _once(self, template: Template | None) -> bytes:
        return template.filled(self._roots).encode() + b"\n" if template else b""

    def _line(self, record: Mapping[str, Value]) -> bytes:
        try:
            return self._options.template.filled({**self._roots, "record": record}).encode() + b"\n"
        except UnitError as error:
            raise RecordError("R315", "a slot with a time format holds no time: make one in the mapping") from error
        except UnicodeEncodeError as error:
            raise RecordError("R312", "the text holds half a character, which is not UTF-8") from error
