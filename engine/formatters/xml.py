"""`xml`: one document, one element a record."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Annotated, ClassVar, Final

from engine.errors import OptionError, RecordError, UnitError
from engine.formatters._markup import (
    ALWAYS,
    ATTRIBUTE,
    DECLARES,
    TEXT,
    cdata,
    check_name,
    escaped,
    prefix_of,
    quoted,
    scope_in,
    text_in,
)
from engine.kinds import NO_ROOTS, Encoder, Formatter, Roots
from engine.language.shapes import Shape
from engine.language.templates import RUN_ROOTS, Template, TextPlace
from engine.options import Pointer, Report
from engine.records import Value
from engine.registry import Doc, component
from engine.spelling import show

DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


@component(
    "xml",
    "formatter",
    examples=[
        {"type": "xml", "root": "Orders", "record": "Order", "indent": 2},
        {"type": "xml", "root": "f:Feed", "record": "f:Item", "attributes": {"xmlns:f": "urn:feed", "run": "{run.id}"}},
    ],
)
class Xml(Formatter):
    """One XML document in UTF-8: a root, in it an element for each record, in that an element for each field.

    A field whose name begins with `@` is an attribute of the element around it, `#text` is the element's text beside
    attributes. A list repeats its element, so that the target `LineItems.LineItem` over a list makes one `LineItems`
    with a `LineItem` for each; an empty list writes none. An object is an element with those of its fields. A missing
    field is left out; null and empty text are an empty element, or an attribute with empty quotes.

    What would not be well-formed is a reject that names the field: a name that is none of XML, a prefix that nothing
    declares, a character that XML cannot hold (control characters), an attribute that is a list or an object, a list
    within a list, `#text` beside elements. Names that the mapping writes are looked at by `check`. Carriage returns are
    written as references, in attributes tabs and line feeds too: a reader gets every text as it was.

    With `indent`, elements stand on lines of their own; texts stay as they are. Without it a record is one line.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".xml",)
    content_type: ClassVar[str] = "application/xml"

    root: Annotated[str, Doc("The name of the element around all.", min=1)] = "records"
    record: Annotated[str, Doc("The name of the element of each record.", min=1)] = "record"
    attributes: Annotated[
        dict[str, Template], Doc("Attributes of the root, such as `xmlns`, each a text with slots.")
    ] = field(default_factory=dict)
    cdata: Annotated[
        list[str], Doc("Elements whose text stands in CDATA sections, by their path in the record: `lines.note`.")
    ] = ()  # type: ignore[assignment]
    declaration: Annotated[bool, Doc('Whether `<?xml version="1.0" encoding="UTF-8"?>` stands first.')] = True
    indent: Annotated[int, Doc("Blanks for each level.", min=0, max=16)] = 0

    def __post_init__(self) -> None:
        for name in (self.root, self.record, *self.attributes):
            prefix = prefix_of(name)
            if prefix is None:
                raise OptionError("S209", f"{show(name)} is no name of XML", "write letters, digits, `-`, `_` and `.`")
            if prefix and prefix not in self._prefixes:
                help = f'declare it: `attributes: {{"xmlns:{prefix}": ..}}`'
                raise OptionError("S209", f"the prefix of `{name}` is not declared", help)
        try:
            scope_in({name: template.text for name, template in self.attributes.items()}, ALWAYS, "")
        except RecordError as error:
            raise OptionError("S209", error.message, "see Namespaces in XML 1.0, section 3") from error

    @property
    def _prefixes(self) -> frozenset[str]:
        return frozenset((*ALWAYS, *_declared(self.attributes), DECLARES))

    def texts(self, pointer: Pointer) -> Iterator[TextPlace]:
        """The attributes of the root."""
        for name, template in self.attributes.items():
            yield TextPlace(template, (*pointer, "attributes", name), RUN_ROOTS)

    def bound(self, shape: Shape, pointer: Pointer, report: Report) -> Xml:
        """The same; names of fields that XML cannot hold are reported."""
        fields = {name: shape.fields[name] for name in shape.fields if name not in shape.working}
        for place, name in _names(fields, ""):
            if prefix_of(name) is None:
                report("M333", pointer, f"the field `{place}`: {show(name)} is no name of XML", "rename the field")
        return self

    def encoder(self, columns: Sequence[str], roots: Roots = NO_ROOTS) -> Encoder:
        """A new document."""
        return _Document(self, roots)


def _declared(names: Collection[str]) -> Iterator[str]:
    """The prefixes that some attributes declare."""
    return (name.removeprefix(f"{DECLARES}:") for name in names if name.startswith(f"{DECLARES}:"))


def _names(fields: Mapping[str, Shape], around: str) -> Iterator[tuple[str, str]]:
    """The fields of a shape and what their elements or attributes are called."""
    for name, shape in fields.items():
        field = f"{around}.{name}" if around else name
        if name != TEXT:
            yield field, name.removeprefix(ATTRIBUTE)
        inside = shape.item if shape.type == "list" else shape
        yield from _names(inside.fields if inside else {}, field)


def _scope(element: Mapping[str, Value], around: Mapping[str, str], field: str) -> Mapping[str, str]:
    """The addresses of prefixes in an element."""
    start = f"{field}.{ATTRIBUTE}" if field else ATTRIBUTE
    attributes = {key[1:]: text_in(value, start + key[1:]) for key, value in element.items() if key[:1] == ATTRIBUTE}
    return scope_in(attributes, around, start)


class _Document(Encoder):
    """A document being written."""

    def __init__(self, options: Xml, roots: Roots) -> None:
        self._options = options
        self._cdata = frozenset(options.cdata)
        self._attributes = {name: template.filled(roots) for name, template in options.attributes.items()}
        try:
            self._attributes = {name: text_in(text, name) for name, text in self._attributes.items()}
            self._prefixes = scope_in(self._attributes, ALWAYS, "")
        except RecordError as error:
            raise UnitError(error.code, f"the root: {error.message}", "change the formatter's `attributes`") from error
        self._line = "\n" if options.indent else ""
        self._step = " " * options.indent
        self._known: set[str] = set()

    def head(self) -> bytes:
        options = self._options
        attributes = "".join(f" {name}={quoted(text)}" for name, text in self._attributes.items())
        declaration = DECLARATION if options.declaration else ""
        return f"{declaration}<{options.root}{attributes}>\n".encode()

    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        parts: list[str] = []
        try:
            for record in records:
                self._element(self._options.record, record, "", self._step, self._prefixes, parts)
                if not self._line:
                    parts.append("\n")
        except RecursionError as error:
            raise RecordError("R105", "nested too deeply") from error
        return "".join(parts).encode()

    def tail(self) -> bytes:
        return f"</{self._options.root}>\n".encode()

    def _element(
        self, name: str, value: Value, field: str, margin: str, prefixes: Mapping[str, str], parts: list[str]
    ) -> None:
        """One element with all in it."""
        if isinstance(value, dict):
            self._object(name, value, field, margin, prefixes, parts)
            return
        self._check(name, prefixes, field)
        text = self._text(value, field)
        parts.append(f"{margin}<{name}>{text}</{name}>{self._line}" if text else f"{margin}<{name}/>{self._line}")

    def _object(
        self, name: str, value: Mapping[str, Value], field: str, margin: str, prefixes: Mapping[str, str],
        parts: list[str],
    ) -> None:  # fmt: skip
        """An element with attributes, and elements or text in it."""
        if any(key[:1] == ATTRIBUTE and (":" in key or key[1:] == DECLARES) for key in value):
            prefixes = _scope(value, prefixes, field)
        self._check(name, prefixes, field or name)
        parts.append(f"{margin}<{name}")
        inside: list[str] = []
        text = ""
        for key, each in value.items():
            place = f"{field}.{key}" if field else key
            if key[:1] == ATTRIBUTE:
                parts.append(self._attribute(key[1:], each, place, prefixes))
            elif key == TEXT:
                text = self._text(each, place, field)
            else:
                self._children(key, each, place, margin + self._step, prefixes, inside)
        if text and inside:
            raise RecordError("R314", f"`{field or name}` has `{TEXT}` beside elements, which no reader keeps apart")
        if inside:
            parts += (">", self._line, *inside, margin, f"</{name}>", self._line)
        else:
            parts.append(f">{text}</{name}>{self._line}" if text else f"/>{self._line}")

    def _children(
        self, name: str, value: Value, field: str, margin: str, prefixes: Mapping[str, str], parts: list[str]
    ) -> None:
        """The element of a field, or those of a list."""
        if not isinstance(value, list):
            self._element(name, value, field, margin, prefixes, parts)
            return
        for item in value:
            if isinstance(item, list):
                raise RecordError("R314", f"`{field}` holds a list within a list, which no element says", item)
            self._element(name, item, field, margin, prefixes, parts)

    def _attribute(self, name: str, value: Value, field: str, prefixes: Mapping[str, str]) -> str:
        declares = name.startswith(f"{DECLARES}:")
        self._check(name.partition(":")[2] if declares else name, prefixes, field)
        return f" {name}={quoted(text_in(value, field))}"

    def _text(self, value: Value, field: str, element: str | None = None) -> str:
        text = text_in(value, field)
        return cdata(text) if text and (element or field) in self._cdata else escaped(text)

    def _check(self, name: str, prefixes: Mapping[str, str], field: str) -> None:
        """Names repeat from record to record: one without a prefix is looked at once."""
        if name not in self._known:
            check_name(name, prefixes, field)
            if ":" not in name:
                self._known.add(name)
